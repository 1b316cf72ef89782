//! Files with every feature of HDF5 and netCDF-4, made by `oracle/feature_files.py`, and real files: each column is read as h5py and
//! netCDF4 read it, or refused for a reason that is listed here. Left out where there is no Python with h5py and netCDF4
//! (`HYPERSLAB_PYTHON`, else `python3`); `HYPERSLAB_FEATURES` names a folder that was written before.

use hyperslab::Session;
use hyperslab_tests::features::{Expected, Outcome, check_column};
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::workspace;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What may be refused: the start of a file's name, the column (empty: any), and words of the reason.
const REFUSED: [(&str, &str, &str); 11] = [
    ("refused_zfp", "", "zfp"),
    ("refused_sz.", "", "sz"),
    ("refused_sz3", "", "sz3"),
    ("refused_sperr", "", "sperr"),
    ("type_times", "x", "times of the operating system"),
    ("external_missing", "gone", "none.bin"),
    ("virtual_loop", "a", "virtual datasets"),
    ("virtual_loop", "b", "virtual datasets"),
    ("unreadable", "damaged", "damaged"),
    ("external_links", "no_file", "none.h5"),
    ("external_links", "no_object", "nowhere"),
];

/// The least number of files and of columns that are to be compared where all Python packages are there.
const FILES: usize = 320;
const COLUMNS: usize = 2200;

/// The real files that are beside the workspace, and those within.
fn real_files() -> Vec<PathBuf> {
    let folders = [workspace().join("../shared/data"), workspace().join("fixtures/real")];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let files = files.filter_map(|entry| std::fs::canonicalize(entry.ok()?.path()).ok());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "nc" || ending == "he5")).collect()
}

fn write_files(python: &Path, folder: &Path) {
    let script = workspace().join("tests/oracle/feature_files.py");
    let mut command = Command::new(python);
    let output =
        command.args(["-W", "ignore"]).arg(script).arg(folder).args(real_files()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

fn expected_of(folder: &Path) -> Map<String, Value> {
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("the script wrote it");
    match serde_json::from_str(&text).expect("it is JSON") {
        Value::Object(files) => files,
        other => panic!("{other} is no list of files"),
    }
}

/// Whether a column may be refused for what `why` says.
fn may_be_refused(file: &str, column: &str, why: &str) -> bool {
    REFUSED.iter().any(|(start, only, words)| {
        file.starts_with(start) && (only.is_empty() || *only == column) && why.contains(words)
    })
}

/// Compares all columns of some files. Gives how many were alike, and what is wrong with others.
fn compare_files(folder: &Path, files: &[(&String, &Value)]) -> (usize, Vec<String>) {
    let (mut compared, mut problems) = (0, Vec::new());
    for (file, columns) in files {
        let session = Session::new().expect("a session");
        for (column, about) in columns.as_object().expect("columns by name") {
            let expected = Expected::parse(about);
            match check_column(&session, &folder.join(file), column, &expected) {
                Outcome::Same => compared += 1,
                Outcome::Refused(why) if may_be_refused(file, column, &why) => {}
                Outcome::Refused(why) => {
                    problems.push(format!("{file}: {column} is refused: {}", why.replace('\n', " ")));
                }
                Outcome::Different(what) => problems.push(format!("{file}: {column}: {what}")),
            }
        }
    }
    (compared, problems)
}

#[test]
fn every_file_is_read_as_others_read_it_or_refused_by_name() {
    let Some(python) = python_with("h5py, netCDF4") else { return };
    let made = tempfile::tempdir().expect("a temporary folder");
    let before = std::env::var_os("HYPERSLAB_FEATURES").map(PathBuf::from);
    let folder = before.as_deref().unwrap_or(made.path());
    if before.is_none() {
        write_files(&python, folder);
    }
    let files = expected_of(folder);
    let list: Vec<(&String, &Value)> = files.iter().collect();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (mut compared, mut problems) = (0, Vec::new());
    std::thread::scope(|scope| {
        let part = |list| scope.spawn(move || compare_files(folder, list));
        let parts: Vec<_> = list.chunks(list.len().div_ceil(threads).max(1)).map(part).collect();
        for part in parts {
            let (more, found) = part.join().expect("a comparison does not panic");
            compared += more;
            problems.extend(found);
        }
    });
    assert!(problems.is_empty(), "{} of {compared} columns\n{}", problems.len(), problems.join("\n"));
    if python_with("hdf5plugin").is_some() {
        assert!(files.len() >= FILES && compared >= COLUMNS, "only {compared} columns of {} files", files.len());
    }
    println!("{compared} columns of {} files", files.len());
}
