//! Queries while they run: the memory limit, cancellation, progress.

use hyperslab::{Error, ErrorKind, Query, Session, Settings};
use hyperslab_tests::setup::{Setup, answer, workspace};
use hyperslab_tests::shown;
use std::time::{Duration, Instant};

/// The pairs of all cells of a latitude: some 80 million rows.
const LONG: &str = "SELECT a.air + b.air AS s FROM 'real/air.nc' AS a JOIN 'real/air.nc' AS b ON a.lat = b.lat";

fn session(memory_limit: usize) -> Session {
    let folder = workspace().join("fixtures");
    std::env::set_current_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    Session::with_settings(Settings { threads: 2, memory_limit, ..Settings::default() }).expect("two threads")
}

/// Reads to the end.
fn outcome(query: &mut Query) -> Result<usize, Error> {
    query.try_fold(0, |rows, batch| Ok(rows + batch?.num_rows()))
}

#[test]
fn a_query_within_its_memory_limit_gives_the_same_rows() {
    let sql = "SELECT time, lat, avg(air), max(air) FROM 'real/air.nc' GROUP BY time, lat ORDER BY 3 DESC, 1, 2";
    let rows = |session: &Session| {
        let given = answer(session, sql).expect("it fits");
        given.batches.iter().flat_map(shown::rows).collect::<Vec<_>>()
    };
    let (wide, narrow) = (session(1 << 30), session(8 << 20));
    assert_eq!(rows(&narrow), rows(&wide));
    let mut query = narrow.query(sql).expect("a query");
    assert_eq!(outcome(&mut query).ok(), Some(124 * 11));
    let peak = query.metrics().peak_memory;
    assert!(peak > 100_000 && peak <= 8 << 20, "{peak} bytes");
}

#[test]
fn a_query_beyond_its_memory_limit_says_so_and_the_session_goes_on() {
    let session = session(1 << 20);
    let sql = format!("SELECT list(s) FROM ({LONG})");
    let error = session.query(&sql).and_then(|mut query| outcome(&mut query)).expect_err("a megabyte is too little");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    assert!(error.message().contains("memory limit") && error.hint().is_some(), "{error}");
    let mut query = session.query("SELECT avg(air) FROM 'real/air.nc'").expect("a query");
    assert_eq!(outcome(&mut query).ok(), Some(1), "what was reserved has been given back");
}

/// The number of bytes after some words of a report.
fn bytes_after(report: &[String], words: &str, unit_ends: &str) -> f64 {
    let found = report.iter().filter(|line| line.contains(unit_ends)).find_map(|line| {
        let (_, text) = line.split_once(words)?;
        text.split(unit_ends).next()
    });
    let text = found.unwrap_or_else(|| panic!("no '{words}' in {report:?}"));
    let (number, unit) = text.split_once(' ').expect("a number and its unit");
    let factor = [("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)].into_iter().find(|(name, _)| *name == unit);
    number.parse::<f64>().expect("a number") * factor.expect("a unit").1
}

#[test]
fn what_a_plan_says_of_memory_is_enough_and_not_absurd() {
    let session = session(1 << 30);
    for sql in [
        "SELECT lat, avg(air) FROM 'real/air.nc' GROUP BY lat",
        "SELECT lat, lon, median(air), max(air) FROM 'real/air.nc' GROUP BY lat, lon",
        "SELECT time, lat, lon, air FROM 'real/air.nc' ORDER BY air",
        "SELECT time, lat, lon, air FROM 'real/air.nc' ORDER BY air LIMIT 1000",
        "SELECT round(air, 1) AS k, count(*), median(lat) FROM 'real/air.nc' GROUP BY k",
        "SELECT time, lat, lon, avg(air) OVER (PARTITION BY lat, lon ORDER BY time ROWS 4 PRECEDING) AS m FROM 'real/air.nc'",
        "SELECT rank() OVER (PARTITION BY round(air) ORDER BY lat) AS r FROM 'real/air.nc'",
        "SELECT a.lat, avg(a.air - m.t) FROM 'real/air.nc' a JOIN (SELECT lat, lon, avg(air) AS t FROM 'real/air.nc' \
         GROUP BY lat, lon) m ON a.lat = m.lat AND a.lon = m.lon GROUP BY a.lat",
    ] {
        let given = answer(&session, &format!("EXPLAIN ANALYZE {sql}")).expect("it runs");
        let report: Vec<String> = given.batches.iter().flat_map(shown::rows).collect();
        let said = bytes_after(&report, "takes at most about ", " of memory");
        let taken = bytes_after(&report, "at most ", " reserved");
        assert!(taken <= said, "{sql}: {taken} of {said}");
        assert!(said < 20.0 * taken + 4e6, "{sql}: {taken} of {said}");
    }
}

#[test]
fn a_cancelled_query_stops_soon_and_the_session_goes_on() {
    let session = session(1 << 30);
    let mut query = session.query(LONG).expect("a query");
    assert!(query.next().is_some_and(|batch| batch.is_ok()), "it has begun");
    let (handle, start) = (query.cancel_handle(), Instant::now());
    std::thread::spawn(move || handle.cancel()).join().expect("another thread");
    let error = outcome(&mut query).expect_err("it was cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    // Milliseconds; the rest is for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(query.next().is_none(), "nothing follows the error");
    let mut query = session.query("SELECT count(*) FROM 'real/air.nc'").expect("a query");
    assert_eq!(outcome(&mut query).ok(), Some(1));
}

#[test]
fn progress_counts_the_chunks_of_the_plan() {
    std::env::set_current_dir(workspace().join("fixtures")).expect("part of the repository");
    for setup in Setup::ALL {
        let session = setup.session().expect("a session");
        let mut query = session.query("SELECT time, sum(t) FROM 'netcdf4/daily/*.nc' GROUP BY time").expect("a query");
        let handle = query.progress_handle();
        for batch in query.by_ref() {
            batch.expect("it is read");
            let now = handle.now();
            assert!(now.chunks_done <= now.chunks_total, "{}: {now:?}", setup.name());
        }
        let (end, reads) = (handle.now(), query.metrics().reads);
        // Five files of two chunks each.
        assert_eq!((end.chunks_done, end.chunks_total, reads.chunks_read), (10, 10, 10), "{}", setup.name());
        assert_eq!(end.bytes_read, reads.stored_bytes);
    }
}
