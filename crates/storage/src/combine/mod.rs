//! Many files as one dataset (SEMANTICS section 2): which rule fits, in which order files lie, and from which file each
//! part of each column comes.
//!
//! The steps: each file is opened and its dimension coordinates are read ([`opened`]); files that hold the same
//! coordinate values form groups along each dimension ([`groups`]); the dimensions along which groups differ become joins,
//! each a sequence of segments ([`joins`]); every column gets its parts, one a combination of segments ([`columns`]); the
//! result is described as a schema ([`schema`]). A single file is the case without joins.

pub(crate) mod columns;
pub(crate) mod groups;
pub(crate) mod joins;
pub(crate) mod labels;
pub(crate) mod opened;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use crate::handles::Handles;
use crate::{OpenOptions, Result};
use arrow::array::ArrayRef;
use columns::Column;
use hyperslab_grid::schema::DatasetSchema;
use joins::Join;
use opened::Opened;

/// How files make up a dataset.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Its dimensions and variables.
    pub(crate) schema: DatasetSchema,
    /// Where the cells of each variable lie.
    pub(crate) columns: Vec<Column>,
    /// The dimensions that are made of several files.
    pub(crate) joins: Vec<Join>,
    /// For each variable its values, where opening read them.
    pub(crate) known: Vec<Option<ArrayRef>>,
    /// What is doubtful, in words.
    pub(crate) warnings: Vec<String>,
}

/// Joins opened files.
///
/// # Errors
/// If they do not fit each other; the error names two files and says what differs.
pub(crate) fn combine(handles: &Handles, opened: &[Opened], options: &OpenOptions) -> Result<Layout> {
    let files = Files { handles, opened };
    let mut warnings = files.warnings();
    let axes = groups::axes(&files, &mut warnings)?;
    let plan = joins::plan(&files, axes, options.overlap)?;
    let (schema, columns, known) = schema::build(&files, &plan, &mut warnings)?;
    Ok(Layout { schema, columns, joins: plan.joins, known, warnings })
}

/// The files at hand, with their names for errors.
pub(crate) struct Files<'a> {
    handles: &'a Handles,
    /// What each file holds.
    pub(crate) opened: &'a [Opened],
}

impl Files<'_> {
    /// The name of a file as the user knows it.
    pub(crate) fn name(&self, file: usize) -> String {
        self.handles.path(file).display().to_string()
    }

    /// What is doubtful about single files; what many files have in common is said once.
    fn warnings(&self) -> Vec<String> {
        let mut seen: Vec<(&(String, String), usize, usize)> = Vec::new();
        for (file, opened) in self.opened.iter().enumerate() {
            for warning in &opened.table.warnings {
                match seen.iter_mut().find(|(known, ..)| *known == warning) {
                    Some((_, _, more)) => *more += 1,
                    None => seen.push((warning, file, 0)),
                }
            }
        }
        let in_words = |((variable, sentence), file, more): (&(String, String), usize, usize)| {
            let files = if more > 0 { format!(" and {more} more files") } else { String::new() };
            let variable = if variable.is_empty() { String::new() } else { format!("variable {variable}: ") };
            format!("{}{files}: {variable}{sentence}", self.name(file))
        };
        seen.into_iter().map(in_words).collect()
    }
}
