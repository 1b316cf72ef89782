//! Statements typed one after the other, with a history.

use crate::args::Format;
use crate::destination::Destination;
use crate::info;
use crate::run::{Runner, label};
use clap::ValueEnum;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::path::{Path, PathBuf};

const HELP: &str = "\
Statements end with a semicolon and may take several lines. Ctrl-C drops what is typed, or stops the query.
  .info FILE      what a file holds
  .format NAME    how results are written: table, csv, json or jsonl
  .timing         whether to say how long statements take: on or off in turn
  .help           this text
  .quit           leave, as Ctrl-D does";

/// Reads and runs statements until the end of input.
pub(crate) fn run(mut runner: Runner) -> Result<(), String> {
    let mut editor = DefaultEditor::new().map_err(|e| format!("this terminal cannot be used: {e}"))?;
    let history = history_file();
    if let Some(path) = &history {
        // The first time there is none yet.
        let _ = editor.load_history(path);
    }
    println!("Hyperslab {}: SQL over NetCDF and HDF5 files. `.help` helps.", env!("CARGO_PKG_VERSION"));
    while let Some(text) = read_statement(&mut editor)? {
        let _ = editor.add_history_entry(text.trim());
        if let Some(path) = &history {
            save_history(&mut editor, path);
        }
        runner.interrupt.forget();
        if obey(&mut runner, &text) == Next::Leave {
            break;
        }
    }
    Ok(())
}

/// What follows a line.
#[derive(PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

/// Lines up to the end of a statement, or a command; `None` at the end of input.
fn read_statement(editor: &mut DefaultEditor) -> Result<Option<String>, String> {
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { "hyperslab> " } else { "      ...> " };
        match editor.readline(prompt) {
            Ok(line) if text.is_empty() && line.trim().is_empty() => {}
            Ok(line) => {
                text.push_str(&line);
                text.push('\n');
                if is_command(&text) || is_complete(&text) {
                    return Ok(Some(text));
                }
            }
            Err(ReadlineError::Interrupted) => text.clear(),
            Err(ReadlineError::Eof) => return Ok(None),
            Err(error) => return Err(format!("cannot read the terminal: {error}")),
        }
    }
}

fn is_command(text: &str) -> bool {
    text.trim_start().starts_with('.') || matches!(text.trim(), "quit" | "exit" | "help")
}

fn obey(runner: &mut Runner, text: &str) -> Next {
    let text = text.trim();
    if !is_command(text) {
        run_statements(runner, text);
        return Next::Stay;
    }
    let (command, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (command.trim_start_matches('.'), argument.trim()) {
        ("quit" | "exit", _) => return Next::Leave,
        ("help", _) => println!("{HELP}"),
        ("timing", _) => {
            runner.timing = !runner.timing;
            println!("timing is {}", if runner.timing { "on" } else { "off" });
        }
        ("format", name) => match Format::from_str(name, true) {
            Ok(format) => runner.format = format,
            Err(_) => complain("a format is table, csv, json or jsonl"),
        },
        ("info", "") => complain(".info needs a file"),
        ("info", file) => show_file(runner, file.trim_matches(['\'', '"'])),
        (other, _) => complain(&format!("there is no command .{other}; `.help` shows all")),
    }
    Next::Stay
}

fn run_statements(runner: &Runner, text: &str) {
    if let Err(error) = runner.run_text(text, &mut Destination::stdout()) {
        complain(&error.to_string());
    }
}

fn show_file(runner: &Runner, file: &str) {
    if let Err(error) = info::write(&runner.session, Path::new(file), &mut Destination::stdout()) {
        complain(&error.to_string());
    }
}

fn complain(message: &str) {
    eprintln!("{} {message}", label("error:", "31"));
}

/// Whether a semicolon ends the text, outside of quotes and comments.
fn is_complete(text: &str) -> bool {
    let mut rest = text;
    let mut ended = false;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => match rest[1..].find(c) {
                Some(end) => end + 2,
                None => return false,
            },
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => end + 2,
                None => return false,
            },
            c => c.len_utf8(),
        };
        let is_comment = rest.starts_with("--") || rest.starts_with("/*");
        if !is_comment && !c.is_whitespace() {
            ended = c == ';';
        }
        rest = &rest[length..];
    }
    ended
}

/// Where the history is kept: the user's folder for state.
fn history_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("hyperslab/history"))
}

fn save_history(editor: &mut DefaultEditor, path: &Path) {
    // A history that cannot be kept is no reason to stop.
    let _ = path.parent().map(std::fs::create_dir_all);
    let _ = editor.save_history(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_complete_with_its_semicolon() {
        for complete in
            ["SELECT 1;", "SELECT 1 ; -- done\n", "SELECT ';' ;\n\n", "SELECT 1; /* ; */ ", "a; b;", "SELECT 'it''s';"]
        {
            assert!(is_complete(complete), "{complete}");
        }
        for open in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;\n", "SELECT 1; SELECT", "/* ; ", "\"a;", "é; x", ""] {
            assert!(!is_complete(open), "{open}");
        }
    }

    #[test]
    fn commands_start_with_a_dot() {
        assert!(is_command(".info a.nc\n") && is_command("  .help") && is_command("quit\n"));
        assert!(!is_command("SELECT .5;") && !is_command("exit_code;"));
    }
}
