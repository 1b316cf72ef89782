//! The `hyperslab` program: one-shot queries, saved queries, statements typed one after the other, what files hold.
//!
//! Everything that concerns data is the library's; this crate knows command lines, terminals and output files.
//! `hyperslab --help` is its reference, exit codes included.

mod allocator;
mod args;
mod destination;
mod exit;
mod info;
mod interrupt;
mod layout;
mod params;
mod processor;
mod progress;
mod repl;
mod run;
mod table;

use args::{Args, Command};
use destination::Destination;
use exit::Exit;
use hyperslab::{Error, Session};
use interrupt::Interrupt;
use run::{Runner, label};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(message) = processor::lacks() {
        return refused(message).into();
    }
    match args::parse().and_then(|args| start(&args)) {
        Ok(()) => Exit::Done.into(),
        Err(exit) => exit.into(),
    }
}

fn start(args: &Args) -> Result<(), Exit> {
    let settings = args.session.settings();
    allocator::keep_pages(settings.memory_limit);
    let interrupt = Interrupt::default();
    let session = || Session::with_settings(settings.clone()).map_err(|e| failed(&e));
    match &args.command {
        Some(Command::Info { files }) => {
            args.check_info().map_err(|message| refused(&message))?;
            show_files(&session()?, files)
        }
        None => {
            let parameters = params::parse(&args.params).map_err(|message| refused(&message))?;
            let format = args.format().map_err(|message| refused(&message))?;
            let session = session()?;
            let runner = Runner { session, parameters, interrupt: interrupt.clone(), format, timing: args.timing };
            match texts(args)? {
                Some(texts) => run_texts(&runner, &texts, args.output.as_deref()),
                None => run_typed(runner),
            }
        }
    }
}

/// The texts to be run; `None` if statements shall be typed.
fn texts(args: &Args) -> Result<Option<Vec<String>>, Exit> {
    let mut texts = Vec::new();
    for path in &args.file {
        let read = std::fs::read_to_string(path);
        texts.push(read.map_err(|e| complain(&format!("cannot read {}: {e}", path.display()), Exit::File))?);
    }
    for sql in &args.sql {
        texts.push(if sql == "-" { standard_input()? } else { sql.clone() });
    }
    if texts.is_empty() && !std::io::stdin().is_terminal() {
        texts.push(standard_input()?);
    }
    Ok((!texts.is_empty()).then_some(texts))
}

fn standard_input() -> Result<String, Exit> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|e| complain(&format!("cannot read standard input: {e}"), Exit::File))?;
    Ok(text)
}

fn run_texts(runner: &Runner, texts: &[String], output: Option<&Path>) -> Result<(), Exit> {
    listen(&runner.interrupt, true)?;
    let mut out = match output {
        None => Destination::stdout(),
        Some(path) => Destination::new_file(path)
            .map_err(|e| complain(&format!("cannot write {}: {e}", path.display()), Exit::File))?,
    };
    texts.iter().try_for_each(|sql| runner.run_text(sql, &mut out)).map_err(|e| failed(&e))?;
    out.finish().map_err(|e| failed(&Error::writing(&e)))
}

fn run_typed(runner: Runner) -> Result<(), Exit> {
    listen(&runner.interrupt, false)?;
    repl::run(runner).map_err(|message| complain(&message, Exit::File))
}

fn listen(interrupt: &Interrupt, ends_program: bool) -> Result<(), Exit> {
    interrupt.listen(ends_program).map_err(|e| complain(&format!("cannot listen to Ctrl-C: {e}"), Exit::Query))
}

/// Describes each file; one that cannot be read does not hide the others.
fn show_files(session: &Session, files: &[PathBuf]) -> Result<(), Exit> {
    let mut out = Destination::stdout();
    let mut outcome = Ok(());
    for path in files {
        if let Err(error) = info::write(session, path, &mut out) {
            outcome = Err(failed(&error));
        }
    }
    out.flush().map_err(|e| failed(&Error::writing(&e)))?;
    outcome
}

/// Says what went wrong in a query, a file or its output.
fn failed(error: &Error) -> Exit {
    let exit = Exit::after(error);
    match exit {
        Exit::Done => Exit::Done,
        Exit::Interrupted => complain("interrupted", exit),
        Exit::Query | Exit::Usage | Exit::File | Exit::Memory => complain(&error.to_string(), exit),
    }
}

/// Says what is wrong with the command line.
fn refused(message: &str) -> Exit {
    complain(message, Exit::Usage)
}

fn complain(message: &str, exit: Exit) -> Exit {
    // If even this cannot be written, the exit code remains.
    let _ = writeln!(std::io::stderr(), "{} {message}", label("error:", "31"));
    exit
}
