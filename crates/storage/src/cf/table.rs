//! One file as a table: its dimensions and columns, each with how it is decoded.

use super::attributes::{Attributes, in_words, type_name};
use super::decoder::{Decoder, Rules};
use super::roles::{Place, dimensions_of_rows, places};
use super::time::{REFORM, TimeUnits};
use crate::formats::{Attribute, FileContents, FileVariable};
use arrow::datatypes::DataType;
use hyperslab_grid::Calendar;
use hyperslab_grid::schema::Role;

/// A dimension of one file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableDimension {
    /// Its path.
    pub(crate) path: String,
    /// Its length.
    pub(crate) len: usize,
    /// Whether it can grow.
    pub(crate) unlimited: bool,
    /// The column that labels it.
    pub(crate) label: Option<usize>,
    /// Whether its positions are rows.
    pub(crate) multiplies_rows: bool,
}

/// A column of one file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableColumn {
    /// Its path.
    pub(crate) path: String,
    /// Its variable, by position in the file.
    pub(crate) variable: usize,
    /// Its dimensions, by position in the table.
    pub(crate) dims: Vec<usize>,
    /// The length of the dimension folded into its values.
    pub(crate) folded: Option<usize>,
    /// What it is for.
    pub(crate) role: Role,
    /// How its cells are decoded.
    pub(crate) decoder: Decoder,
    /// The units of its instants, if it holds any.
    pub(crate) units: Option<TimeUnits>,
    /// Whether an instant may lie before the Gregorian calendar began.
    pub(crate) early: bool,
    /// The attributes that travel with it.
    pub(crate) attributes: Vec<(String, String)>,
    /// The stored type in netCDF's words.
    pub(crate) stored_type: String,
    /// The size of a stored cell; 0 for text and values.
    pub(crate) stored_size: usize,
    /// The bytes that reading takes for a cell.
    pub(crate) cell_bytes: usize,
    /// About what a cell refers to besides.
    pub(crate) heap_bytes: usize,
    /// What is read at a time, over `dims`.
    pub(crate) chunk: Vec<usize>,
    /// Whether that is the chunk shape of the file.
    pub(crate) chunked: bool,
    /// Storage and filters, in words.
    pub(crate) storage: String,
    /// The column whose bounds it holds, by path.
    pub(crate) bounds_of: Option<String>,
}

impl TableColumn {
    /// The type of its values; instants of a CF calendar are told by [`Self::calendar`].
    pub(crate) fn item_type(&self) -> DataType {
        self.decoder.data_type()
    }

    /// The calendar of its instants: proleptic Gregorian where `standard` has no date that differs.
    pub(crate) fn calendar(&self) -> Option<Calendar> {
        let calendar = self.units?.calendar;
        Some(if calendar == Calendar::Standard && !self.early { Calendar::ProlepticGregorian } else { calendar })
    }

    /// The number of values in a row of a fixed-size list column; `None` for plain columns.
    pub(crate) fn list_len(&self) -> Option<usize> {
        self.folded.filter(|_| self.role == Role::Bounds)
    }
}

/// One file as a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// Its dimensions, as the file has them.
    pub(crate) dimensions: Vec<TableDimension>,
    /// Its columns.
    pub(crate) columns: Vec<TableColumn>,
    /// Global attributes.
    pub(crate) attributes: Vec<(String, String)>,
    /// What is doubtful, in words: the variable, and a sentence.
    pub(crate) warnings: Vec<(String, String)>,
}

impl TableColumn {
    /// The decoded bytes of a chunk of the file, also where it reaches beyond the variable; 0 if there are none.
    pub(crate) fn chunk_bytes(&self) -> usize {
        let cell = if self.chunked { self.cell_bytes.saturating_mul(self.folded.unwrap_or(1)) } else { 0 };
        self.chunk.iter().fold(cell, |bytes, len| bytes.saturating_mul(*len))
    }
}

/// How a file is to be understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whether cells outside of the valid range are missing.
    pub(crate) valid_range: bool,
    /// Whether `... since ...` are instants.
    pub(crate) decode_times: bool,
}

impl Table {
    /// The table that a file holds. `raw` are the variables whose times are known not to be decodable.
    pub(crate) fn new(contents: &FileContents, reading: Reading, raw: &[usize]) -> Self {
        let places = places(contents);
        let rows = dimensions_of_rows(contents, &places);
        let mut table = Self {
            attributes: contents.attributes.iter().map(|(name, value)| (name.clone(), in_words(value))).collect(),
            warnings: contents.problems.iter().map(|problem| (String::new(), problem.clone())).collect(),
            ..Self::default()
        };
        let rules = Rules { default_fill: contents.default_fill, valid_range: reading.valid_range };
        for (variable, place) in places.iter().enumerate() {
            let parent = place.bounds_of.map(|parent| &contents.variables[parent]);
            let raw = raw.contains(&place.bounds_of.unwrap_or(variable));
            let units =
                if reading.decode_times && !raw { table.units(&contents.variables[variable], parent) } else { None };
            table.add_column(contents, variable, place, units, rules);
        }
        table.add_dimensions(contents, &rows);
        table
    }

    /// The units of a variable's instants; bounds take what they lack from the variable that they bound.
    fn units(&mut self, variable: &FileVariable, parent: Option<&FileVariable>) -> Option<TimeUnits> {
        let text = |name: &str| {
            let own = variable.attributes.text(name);
            own.or_else(|| parent.and_then(|parent| parent.attributes.text(name)))
        };
        match TimeUnits::parse(text("units")?, text("calendar"))? {
            Ok(units) => Some(units),
            Err(why) => {
                if parent.is_none() {
                    self.warn(variable, format!("{why}: its times stay numbers"));
                }
                None
            }
        }
    }

    fn add_column(
        &mut self,
        contents: &FileContents,
        variable: usize,
        place: &Place,
        units: Option<TimeUnits>,
        rules: Rules,
    ) {
        let source = &contents.variables[variable];
        let units = units.filter(|_| source.ty.size() > 0 && source.ty != crate::formats::StoredType::Char);
        let Some((decoder, warnings)) = Decoder::new(source, units, rules) else {
            return self.warn(source, format!("is left out: {} cannot be read yet", type_name(&source.ty)));
        };
        warnings.into_iter().for_each(|warning| self.warn(source, warning));
        self.columns.push(TableColumn {
            path: source.path.clone(),
            variable,
            dims: place.dims.clone(),
            folded: place.folded.map(|dim| contents.dimensions[dim].len),
            role: place.role,
            decoder,
            units,
            early: units.is_some_and(|units| units.reference < REFORM),
            attributes: travelling(source, units.is_some()),
            stored_type: type_name(&source.ty).to_string(),
            stored_size: source.ty.size(),
            cell_bytes: source.cell_bytes,
            heap_bytes: source.heap_bytes,
            chunk: source.chunk.iter().take(place.dims.len()).copied().collect(),
            chunked: source.chunked,
            storage: source.storage.clone(),
            bounds_of: place.bounds_of.map(|parent| contents.variables[parent].path.clone()),
        });
    }

    fn add_dimensions(&mut self, contents: &FileContents, rows: &[bool]) {
        for (dim, multiplies_rows) in contents.dimensions.iter().zip(rows) {
            let labels = |c: &TableColumn| c.role == Role::DimensionCoordinate && c.path == dim.path;
            self.dimensions.push(TableDimension {
                path: dim.path.clone(),
                len: dim.len,
                unlimited: dim.unlimited,
                label: self.columns.iter().position(labels),
                multiplies_rows: *multiplies_rows,
            });
        }
    }

    fn warn(&mut self, variable: &FileVariable, sentence: String) {
        self.warnings.push((variable.path.clone(), sentence));
    }

    /// The paths of a column's dimensions.
    pub(crate) fn dim_paths(&self, column: &TableColumn) -> Vec<&str> {
        column.dims.iter().map(|dim| self.dimensions[*dim].path.as_str()).collect()
    }
}

/// The attributes that stay with a column: all that describe its values, none that describe their storage.
fn travelling(variable: &FileVariable, is_instant: bool) -> Vec<(String, String)> {
    const STORAGE: [&str; 10] = [
        "scale_factor",
        "add_offset",
        "_FillValue",
        "missing_value",
        "valid_range",
        "valid_min",
        "valid_max",
        "_Unsigned",
        "coordinates",
        "_ChunkSizes",
    ];
    let travels = |name: &str| {
        let of_instants = is_instant && matches!(name, "units" | "calendar");
        !STORAGE.contains(&name) && !of_instants && !name.starts_with("ARROW:")
    };
    let shown = |(name, value): &(String, Attribute)| (name.clone(), in_words(value));
    variable.attributes.iter().filter(|(name, _)| travels(name)).map(shown).collect()
}
