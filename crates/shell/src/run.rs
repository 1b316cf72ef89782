//! Runs statements and writes their results.

use crate::args::Format;
use crate::destination::Destination;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::table::{Look, Table};
use hyperslab::arrow::array::AsArray;
use hyperslab::output::{JsonLayout, write_csv, write_json};
use hyperslab::{Answer, Error, Parameters, Query, Result, Session, Statement, bytes, count};
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Runs statements of one session, one after the other.
pub(crate) struct Runner {
    pub(crate) session: Session,
    pub(crate) parameters: Parameters,
    pub(crate) interrupt: Interrupt,
    pub(crate) format: Format,
    pub(crate) timing: bool,
}

impl Runner {
    /// Runs all statements of a text and writes their results; stops at the first that fails.
    pub(crate) fn run_text(&self, sql: &str, out: &mut Destination) -> Result<()> {
        let statements = self.session.statements(sql)?;
        statements.iter().try_for_each(|statement| self.run(statement, out))
    }

    fn run(&self, statement: &Statement, out: &mut Destination) -> Result<()> {
        let start = Instant::now();
        let mut query = self.session.run(statement, &self.parameters)?;
        let outcome = self.write(&mut query, out).and_then(|rows| flush(out).map(|()| rows));
        for warning in query.warnings() {
            eprintln!("{} {warning}", label("warning:", "33"));
        }
        let rows = outcome?;
        if self.timing {
            report(&query, rows, start);
        }
        Ok(())
    }

    /// Writes the rows of a query and says how many there were.
    fn write(&self, query: &mut Query, out: &mut Destination) -> Result<u64> {
        let _running = self.interrupt.stops(query.cancel_handle());
        // Rows that scroll by on a terminal are progress enough.
        let scrolls = out.is_terminal() && self.format != Format::Table;
        let watch = Watch::new(query.progress_handle(), !scrolls);
        match (query.answer(), self.format) {
            (Answer::Nothing, _) => query.try_for_each(|batch| batch.map(drop)).map(|()| 0),
            (Answer::Plan, Format::Table) => write_lines(query, out),
            (Answer::Rows, Format::Table) => write_table(query, watch, out),
            (Answer::Rows | Answer::Plan, Format::Csv) => write_csv(query, out),
            (Answer::Rows | Answer::Plan, Format::Json) => write_json(query, JsonLayout::Array, out),
            (Answer::Rows | Answer::Plan, Format::Jsonl) => write_json(query, JsonLayout::Lines, out),
        }
    }
}

fn write_table(query: &mut Query, watch: Watch, out: &mut Destination) -> Result<u64> {
    let mut table = Table::new(&query.schema())?;
    let mut rows = 0;
    for batch in query {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        table.add(&batch)?;
    }
    drop(watch);
    out.write_all(table.draw(look(out)).as_bytes()).map_err(|e| Error::writing(&e))?;
    Ok(rows)
}

/// Writes a plan as it is, however wide.
fn write_lines(query: &mut Query, out: &mut Destination) -> Result<u64> {
    let mut rows = 0;
    for batch in query {
        let batch = batch?;
        for line in batch.column(0).as_string::<i32>().iter().flatten() {
            writeln!(out, "{line}").map_err(|e| Error::writing(&e))?;
            rows += 1;
        }
    }
    Ok(rows)
}

fn flush(out: &mut Destination) -> Result<()> {
    out.flush().map_err(|e| Error::writing(&e))
}

fn look(out: &Destination) -> Look {
    if !out.is_terminal() {
        return Look::default();
    }
    let (_, columns) = console::Term::stdout().size();
    Look { width: Some(usize::from(columns).max(20)), colour: console::colors_enabled() }
}

/// A word in colour, if standard error is a terminal that has any.
pub(crate) fn label(word: &str, colour: &str) -> String {
    if std::io::stderr().is_terminal() && console::colors_enabled_stderr() {
        format!("\x1b[1;{colour}m{word}\x1b[0m")
    } else {
        word.to_string()
    }
}

fn report(query: &Query, rows: u64, start: Instant) {
    let reads = query.metrics().reads;
    eprintln!(
        "{} rows in {:.3} s; read {} chunks, {} stored, {} decoded",
        count(rows),
        start.elapsed().as_secs_f64(),
        count(reads.chunks_read),
        bytes(reads.stored_bytes),
        bytes(reads.decoded_bytes)
    );
}
