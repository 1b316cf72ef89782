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
    let sql = format!("SELECT median(s) FROM ({LONG})");
    let error = session.query(&sql).and_then(|mut query| outcome(&mut query)).expect_err("a megabyte is too little");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    assert!(error.message().contains("memory limit") && error.hint().is_some(), "{error}");
    let mut query = session.query("SELECT avg(air) FROM 'real/air.nc'").expect("a query");
    assert_eq!(outcome(&mut query).ok(), Some(1), "what was reserved has been given back");
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
