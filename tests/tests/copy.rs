//! `COPY`: what is written is what the query gives, whoever reads it back; and nothing is left behind where it fails.

use hyperslab::{ErrorKind, Session};
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::{Setup, answer, workspace};
use hyperslab_tests::shown;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The files of a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn air() -> String {
    workspace().join("fixtures/real/air.nc").to_str().expect("a plain path").to_string()
}

fn rows(session: &Session, sql: &str) -> Vec<String> {
    let answer = answer(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.batches.iter().flat_map(shown::rows).collect()
}

/// A query with times, texts and NULLs over thousands of rows.
fn query() -> String {
    let label = "CASE WHEN lat > 60 THEN 'north, \"far\"' END AS label";
    format!("SELECT time, lat, lon, air, {label} FROM '{}' WHERE lat > 52", air())
}

#[test]
fn what_is_written_is_what_the_query_gives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_string();
    let targets = [
        ("a.csv", ""),
        ("b.txt", "(FORMAT csv, DELIMITER ';')"),
        ("c.tsv", ""),
        ("d.parquet", ""),
        ("e.pq", "(COMPRESSION zstd, ROW_GROUP_SIZE 1000)"),
        ("f.parquet", "(FORMAT 'parquet', CODEC 'gzip')"),
        ("g.parquet", "(COMPRESSION lz4)"),
        ("h.parquet", "(COMPRESSION uncompressed)"),
    ];
    let mut first: Vec<Vec<u8>> = Vec::new();
    for setup in Setup::ALL {
        let session = setup.session().expect("a session");
        let wanted = rows(&session, &query());
        assert!(wanted.len() > 5000, "{}", wanted.len());
        for (at, (name, options)) in targets.iter().enumerate() {
            let count = rows(&session, &format!("COPY ({}) TO '{}' {options}", query(), path(name)));
            assert_eq!(count, [wanted.len().to_string()], "{name}");
            let source =
                if name.ends_with("txt") { format!("read_csv('{}')", path(name)) } else { format!("'{}'", path(name)) };
            assert!(rows(&session, &format!("FROM {source}")) == wanted, "{name} {}", setup.name());
            let bytes = fs::read(path(name)).expect("it was written");
            match first.get(at) {
                Some(first) => assert!(*first == bytes, "{name} {}: other bytes", setup.name()),
                None => first.push(bytes),
            }
        }
    }
    assert_eq!(names(folder.path()).len(), targets.len(), "no temporary file stays");
}

#[test]
fn columns_of_a_parquet_file_have_names_of_their_own_as_duckdb_gives_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::new().expect("a session");
    let path = folder.path().join("x.parquet");
    rows(&session, &format!("COPY (SELECT 1 AS lat, 2 AS lat, 3 AS LAT, 4 AS lat_1) TO '{}'", path.display()));
    let described = rows(&session, &format!("DESCRIBE '{}'", path.display()));
    let names: Vec<&str> = described.iter().filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(names, ["lat", "lat_1", "LAT_2", "lat_1_1"], "{described:?}");
}

#[test]
fn a_time_in_another_calendar_is_written_with_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::new().expect("a session");
    let file = workspace().join("fixtures/netcdf4/noleap.nc");
    let warnings = |name: &str| {
        let target = folder.path().join(name);
        let sql = format!("COPY (SELECT time FROM '{}') TO '{}'", file.display(), target.display());
        answer(&session, &sql).expect("it is written").warnings
    };
    let of_parquet = warnings("x.parquet");
    assert!(of_parquet.iter().any(|warning| warning.contains("in the calendar noleap")), "{of_parquet:?}");
    assert_eq!(warnings("x.csv"), Vec::<String>::new());
}

#[test]
fn json_is_an_array_or_lines_and_headers_can_be_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::new().expect("a session");
    let written = |name: &str, options: &str| {
        let path = folder.path().join(name);
        rows(&session, &format!("COPY (VALUES (1, 'a'), (2, NULL)) TO '{}' {options}", path.display()));
        fs::read_to_string(path).expect("it was written")
    };
    assert_eq!(written("x.json", ""), "[\n{\"col0\":1,\"col1\":\"a\"},\n{\"col0\":2,\"col1\":null}\n]\n");
    let lines = "{\"col0\":1,\"col1\":\"a\"}\n{\"col0\":2,\"col1\":null}\n";
    assert_eq!(written("x.jsonl", ""), lines);
    assert_eq!(written("x.json", "(ARRAY false)"), lines);
    assert_eq!(written("x.csv", "(HEADER false)"), "1,a\n2,\n");
    assert_eq!(written("x.csv", "(HEADER, DELIM '|')"), "col0|col1\n1|a\n2|\n");
}

#[test]
fn types_that_parquet_lacks_come_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let day360 = workspace().join("fixtures/classic/day360.nc").display().to_string();
    let path = folder.path().join("x.parquet").display().to_string();
    let session = Session::new().expect("a session");
    let sql = format!(
        "SELECT time, sum(1::BIGINT) AS n, DATE '2001-02-28' AS day, TIME '12:30:00' AS clock, 1.50 AS price, NULL AS nothing FROM '{day360}' GROUP BY time"
    );
    let wanted = answer(&session, &sql).expect("a grid in a calendar of its own");
    rows(&session, &format!("COPY ({sql}) TO '{path}'"));
    let found = answer(&session, &format!("FROM '{path}'")).expect("it was written");
    let types =
        |answer: &hyperslab_tests::setup::Answer| hyperslab::output::column_types(&answer.schema).expect("SQL types");
    assert_eq!(types(&found), types(&wanted));
    let text =
        |answer: &hyperslab_tests::setup::Answer| answer.batches.iter().flat_map(shown::rows).collect::<Vec<_>>();
    assert_eq!(text(&found), text(&wanted));
    assert_eq!(found.schema.field(0).metadata(), wanted.schema.field(0).metadata());
}

#[test]
fn what_fails_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.csv");
    fs::write(&path, "old").expect("a small file");
    let session = Session::new().expect("a session");
    for format in ["csv", "json", "jsonl", "parquet"] {
        // The last row cannot be computed.
        let late = "SELECT CAST(CASE WHEN n = 99999 THEN 'x' ELSE '1' END AS INTEGER) AS m FROM range(100000) t(n)";
        let copy = format!("COPY ({late}) TO '{}' (FORMAT {format})", path.display());
        let error = session.query(&copy).and_then(|rows| rows.collect::<Result<Vec<_>, _>>()).expect_err("no number");
        assert_eq!(error.kind(), ErrorKind::Type, "{error}");
        assert_eq!(
            (names(folder.path()), fs::read(&path).expect("it is there")),
            (vec!["x.csv".into()], b"old".to_vec())
        );
    }
    let onto_folder = format!("COPY (SELECT 1) TO '{}' (FORMAT csv)", folder.path().display());
    let error = session.query(&onto_folder).and_then(|rows| rows.collect::<Result<Vec<_>, _>>()).expect_err("a folder");
    assert_eq!((error.kind(), error.file()), (ErrorKind::Io, Some(folder.path())));
}

#[test]
fn a_copy_that_is_dropped_or_cancelled_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::new().expect("a session");
    let air = air();
    let endless = format!("SELECT a.air + b.air + c.air AS s FROM '{air}' a, '{air}' b, '{air}' c");
    for format in ["csv", "parquet"] {
        let copy = format!("COPY ({endless}) TO '{}/x' (FORMAT {format})", folder.path().display());
        let dropped = session.query(&copy).expect("it starts");
        wait_for_file(folder.path());
        drop(dropped);
        assert_eq!(names(folder.path()), [""; 0]);
        let mut cancelled = session.query(&copy).expect("it starts");
        wait_for_file(folder.path());
        cancelled.cancel_handle().cancel();
        let error = cancelled.next().expect("an outcome").expect_err("it was cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        drop(cancelled);
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

fn wait_for_file(folder: &Path) {
    for _ in 0..500 {
        if !names(folder).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no file was begun");
}

/// Reads the two files with pyarrow and DuckDB and prints what is in them.
const READ_BACK: &str = r#"
import sys, duckdb, pyarrow.parquet as pq
parquet, csv = sys.argv[1:]
table = pq.read_table(parquet)
assert str(table.schema.field("time").type) == "timestamp[us]", table.schema
assert table.schema.field("air").metadata[b"units"] == b"degK", table.schema
total = sum(x.as_py() or 0.0 for x in table["air"])
print(table.num_rows, repr(round(total, 3)))
for path in (parquet, csv):
    print(*duckdb.sql(f"SELECT count(*), round(sum(air::DOUBLE), 3), min(time)::VARCHAR, count(label), typeof(any_value(time)) FROM '{path}'").fetchall()[0])
"#;

#[test]
fn other_programs_read_what_is_written() {
    let Some(python) = python_with("duckdb, pyarrow") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::new().expect("a session");
    let path = |name: &str| folder.path().join(name);
    for name in ["x.parquet", "x.csv"] {
        rows(&session, &format!("COPY ({}) TO '{}'", query(), path(name).display()));
    }
    let own = rows(
        &session,
        &format!("SELECT count(*), round(sum(air::DOUBLE), 3), min(time), count(label) FROM ({})", query()),
    );
    let own: Vec<&str> = own[0].split('\t').collect();
    let output = Command::new(&python).args(["-c", READ_BACK]).arg(path("x.parquet")).arg(path("x.csv")).output();
    let output = output.expect("Python was started before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = format!("{} {} {} {} TIMESTAMP", own[0], own[1], own[2], own[3]);
    assert_eq!(text.lines().collect::<Vec<_>>(), [format!("{} {}", own[0], own[1]), line.clone(), line]);
}
