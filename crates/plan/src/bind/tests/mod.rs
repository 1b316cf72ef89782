//! Cases of SQL and what it is bound to, or the error it gets. `UPDATE_CASES=1` rewrites what is expected.

mod catalog;
mod short;

use super::{BoundStatement, ExplainMode, Parameters, bind, parse};
use crate::{Error, Result};
use catalog::FakeCatalog;
use hyperslab_expr::{Scalar, SqlType};
use short::short;
use std::fmt::Write;

fn parameters() -> Parameters {
    let named = [("low".to_string(), Scalar::Double(0.5))].into();
    Parameters { named, positional: vec![Scalar::Integer(7, SqlType::Integer), Scalar::Varchar("x".into())] }
}

fn bind_all(sql: &str) -> Result<Vec<BoundStatement>> {
    let statements = parse(sql)?;
    statements.iter().map(|statement| bind(statement, &FakeCatalog, &parameters())).collect()
}

fn query(sql: &str) -> Result<crate::BoundQuery> {
    match bind_all(sql)?.pop() {
        Some(BoundStatement::Query(query)) => Ok(query),
        other => panic!("{sql} is no query: {other:?}"),
    }
}

/// The error, and the text that its caret would stand under.
fn shown(error: &Error, sql: &str) -> String {
    let place =
        error.at.map(|at| sql.get(at.start as usize..at.end as usize).expect("a span lies in the text, on letters"));
    let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!(
        "error: {}\n  at: {}{hint}",
        error.message,
        place.map_or("nowhere".to_string(), |place| format!("[{place}]"))
    )
}

fn outcome(sql: &str) -> String {
    let mut out = String::new();
    match bind_all(sql) {
        Err(error) => out = shown(&error, sql),
        Ok(statements) => {
            for statement in &statements {
                let query = match statement {
                    BoundStatement::Query(query) => query,
                    BoundStatement::Explain { query, mode } => {
                        write!(out, "explain {mode:?}: ").expect("text");
                        query
                    }
                    BoundStatement::Copy { query, target, .. } => {
                        write!(out, "copy to {} as {:?}: ", target.path, target.format).expect("text");
                        query
                    }
                    BoundStatement::Describe(description) => {
                        writeln!(out, "describe: {}", short::described(description)).expect("text");
                        continue;
                    }
                    BoundStatement::Set { name, value } => {
                        writeln!(out, "set {name} = {value:?}").expect("text");
                        continue;
                    }
                    BoundStatement::Reset { name } => {
                        writeln!(out, "reset {name}").expect("text");
                        continue;
                    }
                };
                writeln!(out, "{}", short(query)).expect("text");
                query.warnings.iter().for_each(|warning| writeln!(out, "note: {warning}").expect("text"));
            }
        }
    }
    out.trim_end().to_string()
}

/// Blocks of SQL, a line of dashes, and what is expected; blank lines between.
fn check_cases(file: &str) {
    let path = format!("{}/src/bind/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the cases can be read");
    let mut actual = String::new();
    let mut count = 0;
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let sql = block.split("\n----").next().expect("split gives one").trim();
        write!(actual, "{sql}\n----\n{}\n\n", outcome(sql)).expect("text");
        count += 1;
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, actual.trim_end().to_string() + "\n").expect("the cases can be written");
        return;
    }
    assert!(count > 20, "{file} has cases");
    for (expected, actual) in text.trim().split("\n\n").zip(actual.trim().split("\n\n")) {
        assert_eq!(actual.trim(), expected.trim());
    }
}

#[test]
fn plans() {
    check_cases("plans.txt");
}

#[test]
fn errors() {
    check_cases("errors.txt");
}

#[test]
fn statements_have_their_places() {
    let statements = parse("SELECT 1; -- one\n ;; /* two */ SELECT 'é;'; RESET x").expect("good SQL");
    let texts: Vec<&str> = statements.iter().map(super::ParsedStatement::sql).collect();
    assert_eq!(texts, ["SELECT 1", "SELECT 'é;'", "RESET x"]);
    assert!(parse(" -- nothing\n;").expect("good SQL").is_empty());
}

#[test]
fn explain_has_modes() {
    let mode = |sql: &str| match bind_all(sql).expect("good SQL").pop() {
        Some(BoundStatement::Explain { mode, .. }) => mode,
        other => panic!("{other:?}"),
    };
    assert_eq!(mode("EXPLAIN (SELECT 1)"), ExplainMode::Plan);
    assert_eq!(mode("explain (passes) SELECT 1"), ExplainMode::Passes);
    assert_eq!(mode("EXPLAIN ANALYZE FROM 'a.nc' SELECT count(*)"), ExplainMode::Analyze);
}

#[test]
fn attributes_travel_with_columns_and_what_keeps_units() {
    let query = query("SELECT t2m, avg(t2m), sum(t2m), t2m + 1, max(t2m) AS m, avg(t2m * 2) FROM 'a.nc' GROUP BY t2m")
        .expect("good SQL");
    let units: Vec<bool> = query.columns().iter().map(|column| column.metadata.contains_key("units")).collect();
    assert_eq!(units, [true, true, false, false, true, false]);
    assert!(query.columns().iter().all(|column| column.metadata.keys().all(|key| !key.starts_with("ARROW:"))));
}

#[test]
fn column_numbers_are_unique() {
    let query = query("WITH c AS (SELECT lat, t2m FROM 'a.nc') SELECT a.*, b.t2m, b.t2m + 1 FROM c a JOIN c b USING (lat) ORDER BY b.t2m * 2").expect("good SQL");
    let mut ids = Vec::new();
    query.plan.walk(&mut |plan| {
        if let crate::RowPlan::Materialize { grid, .. } = plan {
            ids.extend(grid.columns().iter().map(|c| c.column.id));
        }
    });
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)));
    let out: Vec<_> = query.columns().iter().map(|c| c.id).collect();
    assert!(out.iter().enumerate().all(|(at, id)| !out[..at].contains(id)));
    assert!(out.iter().all(|id| id.0 < query.next_column));
}

#[test]
fn long_and_deep_text_is_bound_or_refused() {
    let chain = |term: &str, sep: &str, n: usize| vec![term; n].join(sep);
    let ok = |sql: String| bind_all(&sql).map(|_| ()).unwrap_or_else(|error| panic!("{}: {error}", &sql[..60]));
    ok(format!("SELECT count(*) FROM 'a.nc' WHERE {}", chain("lat = 1", " OR ", 10_000)));
    ok(format!("SELECT count(*) FROM 'a.nc' WHERE {}", chain("lat > 1", " AND ", 10_000)));
    ok(format!("SELECT lat IN ({}) FROM 'a.nc'", chain("1.5", ", ", 20_000)));
    ok(format!("SELECT {} FROM 'a.nc'", chain("lat", ", ", 2_000)));
    ok(format!("SELECT {}", chain("1", " + ", 400)));
    ok(chain("SELECT 1 AS a", " UNION ALL ", 2_000));
    ok(chain("SELECT 1 AS a", " UNION ", 2_000));
    let refused = |sql: String, part: &str| match bind_all(&sql) {
        Err(error) => assert!(error.message.contains(part), "{}: {error}", &sql[..60]),
        Ok(_) => panic!("{} is bound", &sql[..60]),
    };
    refused(format!("SELECT {}", chain("1", " + ", 10_000)), "nests more than");
    refused(format!("SELECT {}1", "-(".repeat(10_000)), "levels deep");
    refused(format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)), "levels deep");
    // The parser gives up at its limit here without saying so.
    refused(format!("SELECT {}1", "NOT ".repeat(10_000)), "syntax error");
    refused(format!("{}SELECT 1{}", "SELECT * FROM (".repeat(2_000), ")".repeat(2_000)), "levels deep");
    refused(format!("SELECT 1 WHERE {}", chain("1", " IS NULL IS NULL ", 50_000)), "more than");
    refused(format!("SELECT 1{}", "::INT".repeat(5_000)), "nests more than");
    refused(format!("SELECT * FROM {}", chain("(SELECT 1) t", ", ", 1_000)), "more than 200 tables");
    let doubling: Vec<String> = (1..40).map(|i| format!("a{} + a{} AS a{i}", i - 1, i - 1)).collect();
    refused(format!("SELECT 1 AS a0, {}", doubling.join(", ")), "more than");
}

/// Pieces of SQL in random order never panic, and errors have spans that lie in the text.
#[test]
fn soups_of_tokens_never_panic() {
    let tokens: Vec<&str> = "SELECT FROM WHERE GROUP BY ORDER LIMIT HAVING DISTINCT UNION ALL JOIN LEFT ON USING NATURAL CROSS WITH AS VALUES ( ) ( ) ( ) , , , * + - / // % ^ = <> < > || . :: ; \
        AND OR NOT IN IS NULL BETWEEN LIKE CASE WHEN THEN ELSE END CAST EXTRACT INTERVAL TIMESTAMP DATE 'a.nc' 'two.nc' 'noleap.nc' '2001-01-01' 'é' \"lat\" \"PRODUCT/latitude\" lat lon time t2m orog \
        a b c x y count sum avg month year FILTER OVER EXCLUDE REPLACE INTEGER DOUBLE 1 2 3.5 1e3 0 -1 $low ? $1 => [ ] grid read_netcdf range EXPLAIN DESCRIBE SET percentile_cont WITHIN DESC NULLS FIRST"
        .split_whitespace()
        .collect();
    let seeds = [
        "SELECT lat , avg ( t2m ) FROM 'a.nc' WHERE lat > 1 GROUP BY lat ORDER BY 2 LIMIT 3",
        "WITH c AS ( SELECT 1 AS x ) SELECT * FROM c JOIN c d USING ( x )",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut bound = 0;
    for round in 0..6_000 {
        let mut soup: Vec<&str> = seeds[round % seeds.len()].split(' ').collect();
        for _ in 0..1 + next(4) {
            let at = next(soup.len());
            match next(3) {
                0 => soup[at] = tokens[next(tokens.len())],
                1 => soup.insert(at, tokens[next(tokens.len())]),
                _ => drop(soup.remove(at)),
            }
        }
        let sql = if round % 7 == 0 {
            (0..1 + next(25)).map(|_| tokens[next(tokens.len())]).collect::<Vec<_>>()
        } else {
            soup
        }
        .join(" ");
        match bind_all(&sql) {
            Ok(_) => bound += 1,
            Err(error) => drop(shown(&error, &sql)),
        }
    }
    assert!(bound > 100, "some soups are queries: {bound}");
}
