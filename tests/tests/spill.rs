//! What does not fit the memory limit goes by way of temporary files, and gives the same rows, bits and order.

use hyperslab::{Session, Settings};
use hyperslab_tests::classic::{self, Values};
use hyperslab_tests::setup::answer;
use hyperslab_tests::shown;
use std::path::Path;

/// Times, rows and columns of the grid: 144,000 cells with two variables.
const SHAPE: [usize; 3] = [120, 30, 40];

/// Numbers without order, some of them equal.
fn scrambled(cell: usize, seed: usize) -> f64 {
    let mixed = (cell + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / 97.0
}

/// Writes the grid in several files along time, so that a cell's values lie far apart.
fn write_grid(folder: &Path) {
    let [times, rows, columns] = SHAPE;
    let part = times / 8;
    for first in (0..times).step_by(part) {
        let axis = |from: usize, len: usize| Values::Doubles((from..from + len).map(|at| at as f64).collect());
        let cells = rows * columns;
        let values =
            |seed| Values::Doubles((first * cells..(first + part) * cells).map(|cell| scrambled(cell, seed)).collect());
        let dimensions = [("time", part), ("y", rows), ("x", columns)];
        let variables = [
            ("time", &[0][..], axis(first, part)),
            ("y", &[1], axis(0, rows)),
            ("x", &[2], axis(0, columns)),
            ("a", &[0, 1, 2], values(1)),
            ("b", &[0, 1, 2], values(77)),
        ];
        let path = folder.join(format!("part{first:03}.nc"));
        std::fs::write(path, classic::file(&dimensions, &variables)).expect("a file is written");
    }
}

fn session(memory_limit: usize, threads: usize) -> Session {
    Session::with_settings(Settings { threads, memory_limit, ..Settings::default() }).expect("threads")
}

/// The rows of a query, and whether it wrote to temporary files.
fn run(sql: &str, memory_limit: usize, threads: usize) -> (Vec<String>, bool) {
    let session = session(memory_limit, threads);
    let given = answer(&session, sql).unwrap_or_else(|error| panic!("{sql} with {memory_limit} bytes: {error}"));
    let report = answer(&session, &format!("EXPLAIN ANALYZE {sql}")).expect("it ran before");
    let is_written = report.batches.iter().flat_map(shown::rows).any(|line| line.ends_with("to temporary files"));
    (given.batches.iter().flat_map(shown::rows).collect(), is_written)
}

fn check(select: &str, small: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_grid(folder.path());
    let sql = select.replace("FILES", &format!("'{}/*.nc'", folder.path().display()));
    let (expected, is_written) = run(&sql, 1 << 30, 2);
    assert!(!is_written && expected.len() > 100, "{} rows", expected.len());
    for threads in [1, 2] {
        let (rows, is_written) = run(&sql, small, threads);
        assert!(is_written, "{small} bytes are enough for {sql}");
        let differ = rows.iter().zip(&expected).find(|(a, b)| a != b);
        assert!(rows.len() == expected.len() && differ.is_none(), "{differ:?} with {threads} threads");
    }
}

#[test]
fn all_cells_in_order_of_values() {
    check("SELECT a, time, y, x FROM FILES WHERE x < 20 ORDER BY a DESC, b", 2 << 20);
}

#[test]
fn first_rows_of_an_order_that_are_many() {
    check("SELECT a, time, y FROM FILES ORDER BY a LIMIT 60000 OFFSET 10", 2 << 20);
}

#[test]
fn groups_by_values() {
    check("SELECT floor(a) AS k, count(*), avg(b), sum(a * b), max(time) FROM FILES WHERE y < 15 GROUP BY k", 3 << 20);
}

#[test]
fn values_of_groups_by_values() {
    check(
        "SELECT floor(a / 500) AS k, median(b), list(time)[7] FROM FILES WHERE y < 15 GROUP BY k ORDER BY k",
        3 << 20,
    );
}

#[test]
fn distinct_rows() {
    check("SELECT DISTINCT floor(a) AS a, time FROM FILES WHERE y < 8", 3 << 20);
}

#[test]
fn pairs_of_values() {
    let sql = "SELECT l.time, l.a, r.b, r.y FROM FILES AS l LEFT JOIN (SELECT * FROM FILES WHERE y < 9) AS r \
               ON floor(l.a) = floor(r.b) AND l.time < r.time WHERE l.y = 3";
    check(sql, 3 << 20);
}

#[test]
fn windows_of_values() {
    let sql = "SELECT time, y, x, rank() OVER (PARTITION BY floor(a / 20) ORDER BY b) AS r, \
               sum(a) OVER (PARTITION BY floor(a / 20) ORDER BY b ROWS 3 PRECEDING) AS s FROM FILES WHERE x < 12";
    check(sql, 3 << 20);
}

#[test]
fn all_values_of_cells() {
    check("SELECT y, x, median(a), quantile_cont(b, 0.9), mode(floor(a)) FROM FILES WHERE b > 5 GROUP BY ALL", 5 << 20);
}

/// Calls of every kind of state, so that few groups fit at a time.
const CALLS: &str = "count(*), avg(a), sum(CAST(a AS BIGINT)), stddev(a), kurtosis(b), corr(a, b), regr_slope(b, a), min(a), max(b), \
    arg_max(time, b), first(a), last(b), bool_or(a > b), bit_xor(CAST(b AS INTEGER)), weighted_avg(a, b), product(a / 100000), \
    longest_run(a > 80000), histogram_1d(a, [1000, 5000, 90000]), avg(b) FILTER (WHERE a > 50000)";

#[test]
fn groups_of_places_whose_states_do_not_fit() {
    check(&format!("SELECT floor(time / 8) AS t, y, x, {CALLS} FROM FILES GROUP BY ALL"), 3 << 20);
}

#[test]
fn groups_of_absent_cells_whose_states_do_not_fit() {
    check(
        &format!("SELECT floor(x / 2) AS x, time % 40 AS t, y, {CALLS} FROM FILES WHERE a > b AND y <> 7 GROUP BY ALL"),
        3 << 20,
    );
}

#[test]
fn groups_that_are_counted_and_do_not_fit() {
    check("SELECT time % 40 AS t, y, x, count(*) FROM FILES GROUP BY ALL", 1 << 20);
}

#[test]
fn groups_of_keys_of_several_axes_whose_states_do_not_fit() {
    let keys = "floor(time / 8) AS t, floor(sqrt(x * x + y * y)) AS d, x % 9 AS m";
    check(&format!("SELECT {keys}, {CALLS} FROM FILES GROUP BY ALL"), 2 << 20);
    check(&format!("SELECT floor(time / 8) AS t, y, x, x + y AS s, {CALLS} FROM FILES GROUP BY ALL"), 3 << 20);
}

/// Regions that overlap, two of which have one name.
const BOXES: &str = "(VALUES ('one', 2, 19, 3, 30), ('two', 10, 25, 0, 22), ('one', 15, 28, 11, 38), ('none', 90, 99, 0, 9)) \
    AS b(name, y0, y1, x0, x1) ON g.y BETWEEN b.y0 AND b.y1 AND g.x BETWEEN b.x0 AND b.x1";

#[test]
fn groups_of_matched_rows_whose_states_do_not_fit() {
    let calls = "count(*), avg(a), sum(CAST(a AS BIGINT)), stddev(a), kurtosis(b), corr(a, b), min(a), max(b)";
    for keys in ["g.y, g.x, b.name, floor(time / 8) AS t", "b.name, time, g.x", "time, b.name, (g.x + g.y) AS d"] {
        check(&format!("SELECT {keys}, {calls} FROM FILES AS g JOIN {BOXES} GROUP BY ALL"), 1 << 20);
    }
}

/// One group has more values than fit: they are counted in rounds over the cells. Nothing is written, unless it is tried first
/// whether rows of equal keys fit.
fn check_rounds(select: &str, small: usize, is_written: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_grid(folder.path());
    let sql = select.replace("FILES", &format!("'{}/*.nc'", folder.path().display()));
    let (expected, _) = run(&sql, 1 << 30, 2);
    let plan = answer(&session(small, 2), &format!("EXPLAIN {sql}")).expect("a plan");
    // Rows may have any keys: only where there are none it is known beforehand.
    let is_said = plan.batches.iter().flat_map(shown::rows).any(|line| line.contains("in several rounds"));
    assert_eq!(is_said, !is_written, "{sql}");
    for threads in [1, 2, 5] {
        assert_eq!(run(&sql, small, threads), (expected.clone(), is_written), "{threads} threads");
    }
}

#[test]
fn all_values_as_one_group() {
    check_rounds(
        "SELECT median(a), avg(b), quantile_cont(b, [0.1, 0.9]), mad(a), quantile_disc(-b, -0.3) FROM FILES",
        2 << 20,
        false,
    );
    check_rounds(
        "SELECT weighted_quantile(a, cos(y / 30), [0.05, 0.5]), weighted_quantile(b, a, -0.1), count(*) FROM FILES",
        2 << 20,
        false,
    );
}

#[test]
fn few_groups_that_are_large() {
    check_rounds(
        "SELECT time % 2 AS k, count(*), median(a) FILTER (WHERE b > 100000), avg(b) FROM FILES GROUP BY k",
        2 << 20,
        false,
    );
    check_rounds(
        "SELECT floor(y / 15) AS k, x % 2 AS l, median(a) FROM FILES WHERE a < 150000 GROUP BY k, l",
        1 << 20,
        false,
    );
}

#[test]
fn groups_that_only_absent_cells_have() {
    check_rounds("SELECT floor(x / 4) AS k, median(a), count(*) FROM FILES WHERE a > 1e30 GROUP BY k", 1 << 20, false);
    check_rounds(
        "SELECT floor(x / 4) AS k, median(a) FROM FILES WHERE a > x * 1000 + 140000 GROUP BY k",
        1 << 20,
        false,
    );
}

#[test]
fn what_differs_each_time_is_not_looked_at_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_grid(folder.path());
    let sql = format!("SELECT median(a * random()) FROM '{}/*.nc'", folder.path().display());
    assert!(answer(&session(1 << 30, 2), &sql).is_ok());
    let Err(error) = answer(&session(1 << 20, 2), &sql) else { panic!("a megabyte is too little") };
    assert!(error.contains("memory limit"), "{error}");
}

#[test]
fn large_groups_of_rows() {
    check_rounds(
        "SELECT median(a), quantile_disc(b, 0.75), max(a) FROM (SELECT a, b FROM FILES WHERE a < b UNION ALL SELECT 1.0, 2.0)",
        1 << 20,
        false,
    );
    check_rounds("SELECT a < 50000 AS k, median(a), mad(b), sum(b), first(a) FROM FILES GROUP BY k", 3 << 20, true);
}

#[test]
fn a_result_of_many_groups() {
    check("SELECT time, y, x, sum(a) AS s FROM FILES GROUP BY ALL", 3 << 20);
}

#[test]
fn rows_that_cells_look_up() {
    // 36,000 rows that lie in the order of the grid, also along an axis that runs backwards, with texts beside them.
    let climatology = "SELECT floor(time / 4) AS part, y, x, avg(a) AS mean FROM FILES GROUP BY ALL";
    let on = "floor(g.time / 4) = m.part AND g.y = m.y AND g.x = m.x";
    check(
        &format!(
            "SELECT g.time, g.y, avg(g.a - m.mean), min(m.mean) FROM FILES g JOIN ({climatology}) m ON {on} GROUP BY ALL"
        ),
        2 << 20,
    );
    let backwards = "floor(g.time / 4) = m.part AND 29 - g.y = m.y AND 39 - g.x = m.x";
    check(
        &format!(
            "SELECT g.time, g.y, avg(g.a - m.mean) FROM FILES g JOIN ({climatology}) m ON {backwards} GROUP BY ALL"
        ),
        2 << 20,
    );
    let texts =
        "SELECT floor(time / 4) AS part, y, x, CAST(max(a) AS VARCHAR) AS text FROM FILES WHERE a > b GROUP BY ALL";
    check(
        &format!(
            "SELECT g.time, g.y, min(m.text), count(m.text) FROM FILES g LEFT JOIN ({texts}) m ON {on} GROUP BY ALL"
        ),
        4 << 20,
    );
}

#[test]
fn lists_of_many_groups() {
    check("SELECT y, x, list(a), list(b) FROM FILES GROUP BY ALL", 4 << 20);
}

#[test]
fn running_means_as_rows_are_computed_in_parts() {
    let select = "SELECT time, y, x, avg(a) OVER (PARTITION BY y, x ORDER BY time ROWS 3 PRECEDING) AS mean FROM FILES";
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_grid(folder.path());
    let sql = select.replace("FILES", &format!("'{}/*.nc'", folder.path().display()));
    let (expected, _) = run(&sql, 1 << 30, 2);
    assert_eq!(expected.len(), SHAPE.iter().product::<usize>());
    for threads in [1, 2] {
        assert!(run(&sql, 9 << 20, threads).0 == expected, "{threads} threads");
    }
}

#[test]
fn a_folder_that_takes_no_files_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_grid(folder.path());
    let session = session(2 << 20, 2);
    let gone = tempfile::tempdir().expect("a temporary folder");
    answer(&session, &format!("SET temp_directory = '{}'", gone.path().display())).expect("it is there");
    let name = gone.path().display().to_string();
    drop(gone);
    let sql = format!("SELECT a FROM '{}/*.nc' ORDER BY a", folder.path().display());
    let error = answer(&session, &sql).expect_err("the folder is gone").to_string();
    assert!(error.contains(&name) && error.contains("SET temp_directory"), "{error}");
}
