//! What fixtures are too small for: thousands of files, axes of millions of positions. The files are made here.

use hyperslab_tests::classic::{self, Values};
use hyperslab_tests::setup::{Setup, answer};
use hyperslab_tests::shown;
use std::path::Path;

fn rows(setup: Setup, sql: &str) -> Vec<String> {
    let session = setup.session().expect("a session");
    let given = answer(&session, sql).unwrap_or_else(|error| panic!("{}: {sql}: {error}", setup.name()));
    given.batches.iter().flat_map(shown::rows).collect()
}

/// A file of one time, at which `v` has the values `10 * time` and one more.
fn write_step(folder: &Path, time: usize) {
    let values = Values::Doubles(vec![10.0 * time as f64, 10.0 * time as f64 + 1.0]);
    let axis = Values::Doubles(vec![time as f64]);
    let bytes = classic::file(&[("time", 1), ("x", 2)], &[("time", &[0], axis), ("v", &[0, 1], values)]);
    // The names are in another order than the times.
    std::fs::write(folder.join(format!("{:04}.nc", (time * 7) % 2000)), bytes).expect("a file is written");
}

/// How many files this process has open; `None` where the system does not tell.
fn open_files() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

#[test]
fn two_thousand_files_are_one_table_without_being_open_all_at_once() {
    const FILES: usize = 2000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    (0..FILES).for_each(|time| write_step(folder.path(), time));
    let files = folder.path().join("*.nc").display().to_string();
    let before = open_files();
    let sql = format!("SELECT count(*), sum(v), min(time), max(time), max(v) FROM '{files}'");
    let sum: usize = (0..FILES).map(|time| 20 * time + 1).sum();
    assert_eq!(rows(Setup::ALL[1], &sql), [format!("4000\t{sum}\t0\t1999\t19991")]);
    let sql = format!("SELECT time, v FROM '{files}' WHERE time >= 1200 AND x = 1 LIMIT 2");
    assert_eq!(rows(Setup::ALL[1], &sql), ["1200\t12001", "1201\t12011"]);

    let session = Setup::ALL[1].session().expect("a session");
    let mut query = session.query(&format!("SELECT v FROM '{files}'")).expect("the files fit");
    let read = query.by_ref().map(|batch| batch.expect("it is read").num_rows()).sum::<usize>();
    assert_eq!(read, 2 * FILES);
    if let (Some(before), Some(now)) = (before, open_files()) {
        assert!(now < before + 700, "{} files are open", now - before);
    }
}

#[test]
fn positions_of_an_axis_of_millions_are_columns_too() {
    const LENGTH: usize = 3_000_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("track.nc");
    let values = Values::Bytes((0..LENGTH).map(|at| (at % 100) as i8).collect());
    std::fs::write(&path, classic::file(&[("obs", LENGTH)], &[("v", &[0], values)])).expect("a file is written");
    let file = path.display();
    for setup in [Setup::ALL[1], Setup::ALL[2]] {
        let sql = format!("SELECT count(*), min(obs), max(obs), sum(obs - v) FROM '{file}' WHERE obs % 100 = 7");
        // Each of the 30,000 is 7 more than a multiple of 100, and has the value 7.
        let sum: usize = (0..LENGTH / 100).map(|hundred| 100 * hundred).sum();
        assert_eq!(rows(setup, &sql), [format!("30000\t7\t2999907\t{sum}")], "{}", setup.name());
        let sql = format!("SELECT obs, v FROM '{file}' WHERE obs >= 2999998");
        assert_eq!(rows(setup, &sql), ["2999998\t98", "2999999\t99"], "{}", setup.name());
    }
}

/// Steps, rows and columns of the cells that windows are computed on: more than are held at a time.
const CELLS: [usize; 3] = [300, 60, 70];

fn value(step: usize, y: usize, x: usize) -> i64 {
    ((step * 37 + y * 11 + x * 7) % 101) as i64
}

/// The cells in two files, each with half of the steps.
fn write_halves(folder: &Path) {
    let [steps, rows, columns] = CELLS;
    let half = steps / 2;
    for (part, name) in ["b.nc", "a.nc"].into_iter().enumerate() {
        let of_file = part * half..(part + 1) * half;
        let axis = |values: std::ops::Range<usize>| Values::Doubles(values.map(|at| at as f64).collect());
        let cells = of_file
            .clone()
            .flat_map(|step| (0..rows).flat_map(move |y| (0..columns).map(move |x| value(step, y, x) as i8)));
        let cells = Values::Bytes(cells.collect());
        let dims = [("time", half), ("y", rows), ("x", columns)];
        let coordinates =
            [("time", &[0][..], axis(of_file)), ("y", &[1], axis(0..rows)), ("x", &[2], axis(0..columns))];
        let variables: Vec<_> = coordinates.into_iter().chain([("v", &[0, 1, 2][..], cells)]).collect();
        std::fs::write(folder.join(name), classic::file(&dims, &variables)).expect("a file is written");
    }
}

#[test]
fn windows_over_more_cells_than_are_held_at_a_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_halves(folder.path());
    let files = folder.path().join("*.nc").display().to_string();
    let window = |call: &str| {
        let over = "OVER (PARTITION BY y, x ORDER BY time";
        format!("(SELECT time, y, x, {} AS r FROM '{files}')", call.replace("OVER (", over))
    };
    let [steps, all_y, all_x] = CELLS;
    let lines = || (0..all_y).flat_map(|y| (0..all_x).map(move |x| (y, x)));
    let frame = |step: usize, y: usize, x: usize, before: usize| -> i64 {
        (step.saturating_sub(before)..=step).map(|at| value(at, y, x)).sum()
    };
    let total = |before: usize| -> i64 {
        lines().map(|(y, x)| (0..steps).map(|step| frame(step, y, x, before)).sum::<i64>()).sum()
    };
    let last =
        |before: usize| (0..all_x).map(|x| format!("{x}\t{}", frame(steps - 1, 59, x, before))).collect::<Vec<_>>();
    let (five, so_far) = (window("sum(CAST(v AS DOUBLE)) OVER ( ROWS 4 PRECEDING)"), window("sum(v) OVER ()"));
    let before = window("v - lag(v, 3, 0) OVER ()");
    let check = |sql: String, expected: Vec<String>| assert_eq!(rows(Setup::ALL[1], &sql), expected, "{sql}");
    for (source, reach) in [(&five, 4), (&so_far, steps)] {
        check(format!("SELECT count(*), sum(r) FROM {source}"), vec![format!("1260000\t{}", total(reach))]);
        check(format!("SELECT x, r FROM {source} WHERE time = {} AND y = 59", steps - 1), last(reach));
        let of_lines = format!("SELECT count(*), sum(m) FROM (SELECT y, x, sum(r) AS m FROM {source} GROUP BY y, x)");
        check(of_lines, vec![format!("4200\t{}", total(reach))]);
        let of_steps = format!("SELECT count(*), sum(m) FROM (SELECT time, sum(r) AS m FROM {source} GROUP BY time)");
        check(of_steps, vec![format!("300\t{}", total(reach))]);
    }
    // What telescopes: the last three values of each line.
    let ends: i64 = lines().map(|(y, x)| (steps - 3..steps).map(|step| value(step, y, x)).sum::<i64>()).sum();
    check(format!("SELECT sum(r) FROM {before}"), vec![ends.to_string()]);
}
