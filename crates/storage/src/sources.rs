//! Which files a dataset is made of: paths and globs, and what their folders say.

use crate::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

/// The files that `sources` name: each a path, or a glob in which `*`, `?`, `[...]` and `**` stand for names. Sorted by
/// path, each once.
///
/// # Errors
/// If a glob is malformed or meets no file, or a folder cannot be listed. That a plain path exists is found out by opening it.
pub(crate) fn expand(sources: &[String]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for source in sources {
        // A file may be named like a pattern.
        if is_pattern(source) && !Path::new(source).exists() {
            paths.extend(matching(source)?);
        } else {
            paths.push(PathBuf::from(source));
        }
    }
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::Options, "a dataset needs at least one file"));
    }
    Ok(paths)
}

fn is_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
    let found = glob::glob_with(pattern, options)
        .map_err(|error| Error::new(ErrorKind::Options, format!("'{pattern}' is no valid pattern: {error}")))?;
    let mut paths = Vec::new();
    for path in found {
        let path =
            path.map_err(|error| Error::io(format!("cannot list {}: {}", error.path().display(), error.error())))?;
        if !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Error::not_found(format!("no file matches '{pattern}'"))
            .with_hint("'*' stays within one folder, '**' goes through folders"));
    }
    Ok(paths)
}

/// The `key=value` folders of a path, outermost first.
pub(crate) fn folder_parts(path: &Path) -> Vec<(String, String)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    let part = |component: Component| match component {
        Component::Normal(name) => {
            let (key, value) = name.to_str()?.split_once('=')?;
            (!key.is_empty()).then(|| (key.to_string(), value.to_string()))
        }
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    };
    folders.filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_paths_become_one_sorted_list() {
        let dir = tempfile::tempdir().expect("a folder for tests");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("y/z")).expect("a folder");
        for name in ["b.nc", "a.nc", "c.txt", "y/z/d.nc", "[x].nc"] {
            std::fs::write(at(name), "").expect("a file");
        }
        let names = |sources: &[&str]| {
            let sources: Vec<String> = sources.iter().map(|s| at(s).to_str().expect("plain").to_string()).collect();
            let strip = |p: PathBuf| p.strip_prefix(dir.path()).expect("within").to_str().expect("plain").to_string();
            expand(&sources).map(|paths| paths.into_iter().map(strip).collect::<Vec<_>>())
        };
        assert_eq!(names(&["?.nc", "a.nc"]).unwrap(), ["a.nc", "b.nc"]);
        assert_eq!(names(&["**/*.nc"]).unwrap(), ["[x].nc", "a.nc", "b.nc", "y/z/d.nc"]);
        assert_eq!(names(&["[x].nc"]).unwrap(), ["[x].nc"], "a file may be named like a pattern");
        assert_eq!(names(&["gone.nc"]).unwrap(), ["gone.nc"]);
        assert_eq!(names(&["*.grib"]).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(names(&["a[.nc"]).unwrap_err().kind, ErrorKind::Options);
        assert_eq!(expand(&[]).unwrap_err().kind, ErrorKind::Options);
    }

    #[test]
    fn folders_may_hold_values() {
        let parts = folder_parts(Path::new("/x/model=A/run/year=2001/tas=1.nc"));
        assert_eq!(parts, [("model".to_string(), "A".to_string()), ("year".to_string(), "2001".to_string())]);
    }
}
