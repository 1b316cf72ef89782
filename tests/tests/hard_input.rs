//! Input made to hurt: each gives an answer or one clear error, never a crash, and the session goes on.

use hyperslab_tests::setup::{Format, Setup, answer};
use hyperslab_tests::shown;

fn first_row(sql: &str) -> Result<String, String> {
    Format::Netcdf4.enter();
    let session = Setup::ALL[0].session()?;
    let given =
        answer(&session, sql).map(|given| given.batches.iter().flat_map(shown::rows).next().unwrap_or_default());
    assert!(answer(&session, "SELECT 1").is_ok(), "the session does not go on after {}", &sql[..sql.len().min(80)]);
    given
}

#[test]
fn ten_thousand_terms_are_added() {
    let sum = vec!["1"; 10_000].join(" + ");
    match first_row(&format!("SELECT {sum}")) {
        Ok(row) => assert_eq!(row, "10000"),
        Err(error) => assert!(error.contains("deep") || error.contains("long") || error.contains("nest"), "{error}"),
    }
}

#[test]
fn ten_thousand_conditions_are_tested() {
    let conditions = (0..10_000).map(|i| format!("obs = {i}")).collect::<Vec<_>>().join(" OR ");
    match first_row(&format!("SELECT count(*) FROM 'plain.nc' WHERE {conditions}")) {
        Ok(row) => assert_eq!(Ok(row), first_row("SELECT count(*) FROM 'plain.nc' WHERE obs >= 0")),
        Err(error) => assert!(error.contains("deep") || error.contains("long") || error.contains("nest"), "{error}"),
    }
}

#[test]
fn ten_thousand_items_are_looked_up() {
    let items = (0..10_000).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let counted = first_row(&format!("SELECT count(*) FROM 'plain.nc' WHERE obs IN ({items})"));
    assert_eq!(counted, first_row("SELECT count(*) FROM 'plain.nc' WHERE obs >= 0"));
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for depth in [100, 10_000, 200_000] {
        let nested = format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
        let functions = format!("SELECT {}1{}", "abs(".repeat(depth), ")".repeat(depth));
        let negations = format!("SELECT {} true", "NOT ".repeat(depth));
        let cases = format!("SELECT {} 1 {}", "CASE WHEN true THEN".repeat(depth), "END ".repeat(depth));
        let queries = format!(
            "SELECT * FROM {}SELECT 1 AS a{}",
            "(".repeat(depth) + "SELECT * FROM (",
            ") AS x".repeat(depth + 1)
        );
        for sql in [nested, functions, negations, cases, queries] {
            if let Err(error) = first_row(&sql) {
                assert!(!error.to_lowercase().contains("internal error"), "{error}");
            }
        }
    }
}

#[test]
fn nesting_beyond_the_parser_is_refused_with_its_place_and_a_way_out() {
    let cases = format!("SELECT {}1{}", "(CASE WHEN true THEN ".repeat(300), " END)".repeat(300));
    let error = first_row(&cases).expect_err("300 levels are too many");
    for part in ["the statement nests more than", "CASE", "^", "hint: ", "WITH"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// `a0`, and CTEs that each join the one before with itself.
fn doubling(levels: usize) -> String {
    let next = |i: usize| format!(", a{i} AS (SELECT l.x FROM a{} AS l JOIN a{} AS r ON l.x = r.x)", i - 1, i - 1);
    let ctes: String = (1..=levels).map(next).collect();
    format!("WITH a0 AS (SELECT 1 AS x){ctes} SELECT count(*) FROM a{levels}")
}

#[test]
fn ctes_that_double_are_counted_and_then_refused() {
    assert_eq!(first_row(&doubling(8)), Ok("1".to_string()));
    let start = std::time::Instant::now();
    for levels in [12, 40, 200] {
        let error = first_row(&doubling(levels)).expect_err("too many mentions");
        assert!(error.contains("mentions of them") && error.contains("hint: each mention"), "{error}");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn odd_texts_are_errors() {
    for sql in [
        "",
        ";",
        "SELECT",
        "SELECT 'open",
        "SELECT \"open",
        "/* open",
        "\0",
        "SELECT \u{202e}",
        "é",
        "SELECT 1;;SELECT 2",
        "--",
    ] {
        assert!(first_row(sql).is_err(), "{sql}");
    }
}
