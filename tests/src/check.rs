//! One record against the engine, and the new text of a file whose expectations are rewritten.

use crate::script::{Expected, Record, Script};
use crate::setup::{Answer, Format, Setup, answer};
use crate::shown;
use hyperslab::Session;

/// How far two shown numbers may lie apart, relative to their size: the last of 12 digits.
const TOLERANCE: f64 = 1e-11;

/// Runs all records of a script that apply.
///
/// # Errors
/// Every record that failed: its line, its SQL, what was expected and what came.
pub fn run(script: &Script, format: Format, setup: Setup) -> Result<(), String> {
    let session = setup.session()?;
    let words = words(format, setup);
    let applying = script.records.iter().filter(|record| record.applies(&words));
    let failures: Vec<String> = applying
        .filter_map(|record| {
            let problem = record_problem(record, &outcome(&session, record, format), format)?;
            Some(format!("line {}:\n{}\n{problem}", record.line, record.sql))
        })
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(format!("{} records\n\n{}", failures.len(), failures.join("\n\n"))) }
}

/// The text of a file with the expectations of the records that apply replaced by what the engine gives, except where
/// that lacks the words of an error or fails: those stay, for a person to look at.
///
/// # Errors
/// If no session could be had.
pub fn rewritten(text: &str, script: &Script, format: Format, setup: Setup) -> Result<String, String> {
    let session = setup.session()?;
    let words = words(format, setup);
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let outcomes: Vec<_> =
        script.records.iter().filter(|r| r.applies(&words)).map(|r| (r, outcome(&session, r, format))).collect();
    for (record, outcome) in outcomes.iter().rev() {
        let new = match (&record.expected, outcome) {
            (Expected::Rows { sorted, .. }, Ok(answer)) => rows(answer, format, *sorted),
            (Expected::Failure { words, .. }, Err(error)) if has(error, words) => {
                error.lines().map(str::to_string).collect()
            }
            _ => continue,
        };
        let divider = (!record.divided).then(|| "----".to_string());
        lines.splice(record.block.clone(), divider.into_iter().chain(new));
    }
    Ok(lines.join("\n") + "\n")
}

fn words(format: Format, setup: Setup) -> Vec<&'static str> {
    setup.passes.then_some("passes").into_iter().chain([format.name()]).collect()
}

fn outcome(session: &Session, record: &Record, format: Format) -> Result<Answer, String> {
    answer(session, &format.sql(&record.sql)).map_err(|error| format.text(&error))
}

/// What is wrong, if anything.
fn record_problem(record: &Record, outcome: &Result<Answer, String>, format: Format) -> Option<String> {
    match (&record.expected, outcome) {
        (Expected::Success, Ok(_)) => None,
        (Expected::Warning(words), Ok(answer)) => {
            let warned = answer.warnings.iter().any(|warning| has(warning, words));
            (!warned).then(|| format!("no warning has the words: {words}\nwarnings: {:?}", answer.warnings))
        }
        (Expected::Contains(wanted), Ok(answer)) => lacking(wanted, &rows(answer, format, false)),
        (Expected::Rows { types, sorted, rows: wanted }, Ok(answer)) => {
            wrong_types(types, answer).or_else(|| difference(types, *sorted, wanted, rows(answer, format, *sorted)))
        }
        (Expected::Failure { words, text }, Err(error)) => wrong_error(words, text, error),
        (Expected::Failure { words, .. }, Ok(answer)) => Some(format!(
            "expected the error: {words}\nit gave {} rows",
            answer.batches.iter().map(|b| b.num_rows()).sum::<usize>()
        )),
        (_, Err(error)) => Some(format!("failed: {error}")),
    }
}

fn rows(answer: &Answer, format: Format, sorted: bool) -> Vec<String> {
    let mut rows: Vec<String> = answer.batches.iter().flat_map(shown::rows).map(|row| format.text(&row)).collect();
    if let Some(at) = rows.iter().position(|row| row.starts_with("takes at most")) {
        // What a plan says of memory depends on the threads and on the machine: it goes, with the empty line before it.
        rows.drain(at.saturating_sub(1)..=at);
    }
    if sorted {
        rows.sort();
    }
    rows
}

fn lacking(wanted: &[String], rows: &[String]) -> Option<String> {
    let missing: Vec<_> = wanted.iter().filter(|line| !rows.iter().any(|row| row.contains(line.trim()))).collect();
    (!missing.is_empty()).then(|| format!("lacks {missing:?} in:\n{}", rows.join("\n")))
}

fn wrong_types(types: &str, answer: &Answer) -> Option<String> {
    let actual: String = answer.schema.fields().iter().map(|field| shown::letter(field)).collect();
    (actual != types).then(|| format!("expected columns of types {types}, not {actual}: {:?}", answer.schema.fields()))
}

fn difference(types: &str, sorted: bool, wanted: &[String], actual: Vec<String>) -> Option<String> {
    let mut wanted = wanted.to_vec();
    if sorted {
        wanted.sort();
    }
    let same = actual.len() == wanted.len() && actual.iter().zip(&wanted).all(|(a, w)| same_row(types, a, w));
    (!same).then(|| format!("expected:\n{}\nactual:\n{}", wanted.join("\n"), actual.join("\n")))
}

fn same_row(types: &str, actual: &str, wanted: &str) -> bool {
    let columns = |row: &str| row.split('\t').map(str::to_string).collect::<Vec<_>>();
    let (actual, wanted) = (columns(actual), columns(wanted));
    actual.len() == wanted.len()
        && actual
            .iter()
            .zip(&wanted)
            .enumerate()
            .all(|(at, (a, w))| a == w || (types[at..].starts_with('R') && close(a, w)))
}

fn close(actual: &str, wanted: &str) -> bool {
    match (actual.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(a), Ok(w)) => (a - w).abs() <= TOLERANCE * a.abs().max(w.abs()),
        _ => false,
    }
}

fn wrong_error(words: &str, text: &[String], error: &str) -> Option<String> {
    let lines: Vec<&str> = error.lines().map(str::trim_end).collect();
    if !has(error, words) {
        return Some(format!("the error lacks the words: {words}\n{error}"));
    }
    (!text.is_empty() && text != lines).then(|| format!("expected the error:\n{}\nactual:\n{error}", text.join("\n")))
}

fn has(text: &str, words: &str) -> bool {
    text.to_lowercase().contains(&words.to_lowercase())
}
