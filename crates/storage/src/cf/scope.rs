//! Names within groups: which variable a name in an attribute means.

use crate::formats::{FileContents, FileVariable};
use std::collections::HashMap;

/// The variables of a file by path, and by last name where that is unique.
pub(crate) struct Scope<'a> {
    by_path: HashMap<&'a str, usize>,
    by_last: HashMap<&'a str, Option<usize>>,
}

impl<'a> Scope<'a> {
    /// The names of a file.
    pub(crate) fn new(contents: &'a FileContents) -> Self {
        let mut scope = Self { by_path: HashMap::new(), by_last: HashMap::new() };
        for (i, variable) in contents.variables.iter().enumerate() {
            scope.by_path.insert(&variable.path, i);
            let once = |place: &mut Option<usize>| *place = None;
            scope.by_last.entry(last_name(&variable.path)).and_modify(once).or_insert(Some(i));
        }
        scope
    }

    /// The variable of this path.
    pub(crate) fn at(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// The variable that `name`, found in an attribute of `from`, means: in its group, else in the groups around it, else
    /// wherever there is just one of that name.
    pub(crate) fn resolve(&self, name: &str, from: &FileVariable) -> Option<usize> {
        if let Some(path) = name.strip_prefix('/') {
            return self.at(path);
        }
        let mut group = group_of(&from.path);
        loop {
            let path = if group.is_empty() { name.to_string() } else { format!("{group}/{name}") };
            if let Some(found) = self.at(&path) {
                return Some(found);
            }
            if group.is_empty() {
                return self.by_last.get(name).copied().flatten();
            }
            group = group_of(group);
        }
    }
}

/// The last part of a path.
pub(crate) fn last_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// All of a path but its last part; empty for the root group.
pub(crate) fn group_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(group, _)| group)
}

/// The names under which paths are shown: the last part where that is unique, otherwise the path.
pub(crate) fn shown_names<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    paths.clone().for_each(|path| *count.entry(last_name(path)).or_default() += 1);
    paths.map(|path| if count[last_name(path)] == 1 { last_name(path) } else { path }.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_shown_where_they_are_unique() {
        let paths = ["time", "a/lat", "b/lat", "b/c/sst"];
        assert_eq!(shown_names(paths.into_iter()), ["time", "a/lat", "b/lat", "sst"]);
    }

    #[test]
    fn names_are_looked_up_outwards() {
        let variable = |path: &str| FileVariable { path: path.into(), ..crate::fake::variable() };
        let variables = ["lat", "a/lat", "a/b/x", "c/only"].map(variable).to_vec();
        let contents = FileContents { variables, ..FileContents::default() };
        let scope = Scope::new(&contents);
        let x = &contents.variables[2];
        assert_eq!(scope.resolve("lat", x), Some(1));
        assert_eq!(scope.resolve("/lat", x), Some(0));
        assert_eq!(scope.resolve("only", x), Some(3));
        assert_eq!(scope.resolve("none", x), None);
    }
}
