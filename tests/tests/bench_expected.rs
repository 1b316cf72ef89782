//! The answers of `../shared/bench/expected`, which came from float64 numpy loops: the benchmark's data at tiny scale is made
//! in a temporary folder, then its queries are run. Left out where that folder, or a Python with numpy and netCDF4
//! (`HYPERSLAB_PYTHON`, else `python3`), is missing; Q20 and Q21 need what comes later.

use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::{Answer, Setup, answer, workspace};
use hyperslab_tests::shown;
use std::path::Path;
use std::process::Command;

/// A query, the number of its key columns, and how far values may lie apart, relative to the largest of their column
/// (as in `result.py`).
const QUERIES: [(&str, usize, f64); 20] = [
    ("Q1", 0, 2e-5),
    ("Q2", 2, 2e-5),
    ("Q3", 1, 2e-5),
    ("Q4", 1, 2e-5),
    ("Q5", 3, 2e-5),
    ("Q6", 2, 1e-3),
    ("Q7", 1, 2e-5),
    ("Q8", 1, 2e-5),
    ("Q9", 0, 2e-5),
    ("Q10", 2, 2e-5),
    ("Q11", 2, 2e-5),
    ("Q12", 2, 2e-3),
    ("Q13", 1, 2e-5),
    ("Q14", 2, 1e-3),
    ("Q15", 1, 2e-5),
    ("Q16", 3, 2e-5),
    ("Q17", 3, 2e-5),
    ("Q18", 1, 2e-5),
    ("Q22", 2, 1e-3),
    ("Q23", 1, 1e-4),
];

type Row = Vec<String>;

#[test]
fn the_benchmark_queries_have_the_expected_answers() {
    let bench = workspace().join("../shared/bench");
    if !bench.join("make_data.py").exists() {
        println!("skipped: there is no {}", bench.display());
        return;
    }
    let Some(python) = python_with("numpy, netCDF4") else { return };
    let bench = bench.canonicalize().expect("it exists");
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_data(&python, &bench, folder.path());
    let statements = std::fs::read_to_string(bench.join("expected/queries.sql")).expect("part of the benchmark");
    std::env::set_current_dir(folder.path()).expect("it was just made");
    let mut problems: Vec<String> = QUERIES.iter().flat_map(|query| check(query, &statements, &bench)).collect();
    let exported =
        |setup: Setup| Some(format!("Q19 {}: {}", setup.name(), check_export(setup, &statements, &bench).err()?));
    problems.extend(Setup::ALL.into_iter().filter_map(exported));
    std::env::set_current_dir(&bench).expect("so that the temporary folder can be removed");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn make_data(python: &Path, bench: &Path, folder: &Path) {
    let made = Command::new(python).arg(bench.join("make_data.py")).arg(folder).args(["--scale", "tiny"]).output();
    let made = made.expect("Python was started before");
    assert!(made.status.success(), "make_data.py: {}", String::from_utf8_lossy(&made.stderr));
}

/// What is wrong with the answers to one query, in all setups.
fn check(query: &(&str, usize, f64), statements: &str, bench: &Path) -> Vec<String> {
    let (name, keys, tolerance) = *query;
    let sql = statement(statements, name);
    let csv = std::fs::read_to_string(bench.join(format!("expected/{name}.csv"))).expect("part of the benchmark");
    let expected = rows_of_csv(&csv, keys);
    let problem = |setup: Setup| {
        let session = setup.session()?;
        let actual = normal(rows(&answer(&session, sql)?), keys);
        compare(&actual, &expected, keys, tolerance)
    };
    let named = |setup: Setup| Some(format!("{name} {}: {}", setup.name(), problem(setup).err()?));
    Setup::ALL.into_iter().filter_map(named).collect()
}

/// Q19 writes a file: its first rows are expected, and how many there are.
fn check_export(setup: Setup, statements: &str, bench: &Path) -> Result<(), String> {
    let session = setup.session()?;
    let written = rows(&answer(&session, statement(statements, "Q19"))?);
    let counted = rows(&answer(&session, "SELECT count(*) FROM 'export.parquet'")?);
    if written != counted || written != [["164424"]] {
        return Err(format!("{written:?} rows were written, {counted:?} are there, not 164424"));
    }
    let csv = std::fs::read_to_string(bench.join("expected/Q19.csv")).expect("part of the benchmark");
    let first = answer(&session, "SELECT * FROM 'export.parquet' ORDER BY time, latitude, longitude LIMIT 100")?;
    compare(&normal(rows(&first), 3), &rows_of_csv(&csv, 3), 3, 2e-5)
}

/// The text between the heading of a query and its semicolon.
fn statement<'a>(statements: &'a str, name: &str) -> &'a str {
    let heading = format!("-- {name} ");
    let (_, rest) = statements.split_once(&heading).unwrap_or_else(|| panic!("no query {name}"));
    rest.split_once('\n').and_then(|(_, sql)| sql.split_once(';')).map_or("", |(sql, _)| sql)
}

fn rows_of_csv(csv: &str, keys: usize) -> Vec<Row> {
    let null = |cell: &str| if cell.is_empty() { "NULL".to_string() } else { cell.to_string() };
    normal(csv.lines().skip(1).map(|line| line.split(',').map(null).collect()).collect(), keys)
}

fn rows(answer: &Answer) -> Vec<Row> {
    let lines = answer.batches.iter().flat_map(shown::rows);
    lines.map(|line| line.split('\t').map(str::to_string).collect()).collect()
}

/// Without rows that have no value, sorted by the keys: the order of rows is free.
fn normal(mut rows: Vec<Row>, keys: usize) -> Vec<Row> {
    rows.retain(|row| row[keys..].iter().any(|cell| cell != "NULL"));
    let by_key = |a: &str, b: &str| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    };
    rows.sort_by(|a, b| {
        let mut orders = a[..keys].iter().zip(&b[..keys]).map(|(a, b)| by_key(a, b));
        orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    rows
}

fn compare(actual: &[Row], expected: &[Row], keys: usize, tolerance: f64) -> Result<(), String> {
    if actual.len() != expected.len() {
        return Err(format!("{} rows, not {}", actual.len(), expected.len()));
    }
    let columns = expected.first().map_or(keys, Vec::len);
    let tolerances: Vec<f64> = (0..columns).map(|column| tolerance * largest(expected, column)).collect();
    for (a, e) in actual.iter().zip(expected) {
        let same = a.len() == e.len() && (0..columns).all(|at| close(&a[at], &e[at], tolerances[at]));
        if !same {
            return Err(format!("{a:?}, not {e:?}"));
        }
    }
    Ok(())
}

fn largest(rows: &[Row], column: usize) -> f64 {
    rows.iter().filter_map(|row| row[column].parse::<f64>().ok()).fold(0.0, |largest, value| largest.max(value.abs()))
}

fn close(actual: &str, expected: &str, tolerance: f64) -> bool {
    match (actual.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(a), Ok(e)) => (a - e).abs() <= tolerance,
        _ => actual == expected,
    }
}
