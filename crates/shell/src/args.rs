//! The command line: what can be typed, and what it means where nothing was typed.

use crate::exit::Exit;
use clap::{Parser, Subcommand, ValueEnum};
use hyperslab::{Settings, parse_size};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hyperslab \"SELECT lat, avg(air) FROM 'air.nc' GROUP BY lat ORDER BY lat\"
  hyperslab \"DESCRIBE 'data/*.nc'\"
  hyperslab --format csv -o mean.csv \"SELECT time, avg(t2m) FROM 'era5/*.nc' GROUP BY time\"
  hyperslab -f queries/monthly_climatology.sql -p files='air.nc' -p south=55 -p north=65 -p west=270 -p east=300
  echo \"SELECT 1 + 1\" | hyperslab
  hyperslab info air.nc

Without SQL, and with a terminal to read from, statements are read one after the other: `.help` helps.

Exit codes: 0 done (also if the reader of the output had enough), 1 a query is wrong or fails, 2 the command line is
wrong, 3 a file cannot be read or written, 4 the memory limit is too low, 130 interrupted.";

/// SQL over NetCDF and HDF5 files.
#[derive(Debug, Parser)]
#[command(name = "hyperslab", version, about, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Statements to run, separated by semicolons; `-` reads them from standard input
    pub(crate) sql: Vec<String>,

    /// Run the statements of a file (before those of the command line)
    #[arg(short, long, value_name = "FILE.sql")]
    pub(crate) file: Vec<PathBuf>,

    /// Give the parameter $NAME a value: a number, true, false, null, or else text, dates included
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,

    /// How results are written: a table unless said, or as the ending .csv, .json or .jsonl of --output says. CSV and
    /// JSON are exact, tables show up to 10 digits and shorten long results
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Write results to a file, which appears when all is written
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// Say how long each statement took and what it read
    #[arg(long)]
    pub(crate) timing: bool,
}

/// Settings of the session.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// How many threads to run on (default: all)
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// The most memory that queries hold, such as 4GB or 512MiB (default: four fifths of the machine's)
    #[arg(long, global = true, value_name = "SIZE", value_parser = memory_limit)]
    memory_limit: Option<usize>,

    /// Whether the optimizer runs; answers are the same without it (for diagnosis)
    #[arg(long, global = true, value_name = "on|off", value_parser = ["on", "off"])]
    passes: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what files hold: dimensions, variables, attributes, how they are stored and what is masked
    Info {
        /// Each file by itself
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// Comma-separated values, as RFC 4180 has them
    Csv,
    /// An array of objects for each result
    Json,
    /// An object a line
    Jsonl,
}

impl Args {
    /// The format said, or that of the output file's name.
    ///
    /// # Errors
    /// If the name has an ending that is no format's, or none; devices such as `/dev/null` need no format.
    pub(crate) fn format(&self) -> Result<Format, String> {
        let path = match (self.format, &self.output) {
            (Some(format), _) => return Ok(format),
            (None, None) => return Ok(Format::Table),
            (None, Some(path)) => path,
        };
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("json") => Ok(Format::Json),
            Some("jsonl" | "ndjson") => Ok(Format::Jsonl),
            Some("txt") => Ok(Format::Table),
            Some(_) | None if path.exists() && !path.is_file() => Ok(Format::Table),
            Some(_) | None => Err(format!(
                "the name {} does not say how results are written\nhint: add --format table, csv, json or jsonl, or the ending .csv, .json, .jsonl or .txt",
                path.display()
            )),
        }
    }

    /// Checks that nothing is said to `info` that it would not heed.
    ///
    /// # Errors
    /// If an option is given that only concerns statements.
    pub(crate) fn check_info(&self) -> Result<(), String> {
        let given = [
            ("--file", !self.file.is_empty()),
            ("--param", !self.params.is_empty()),
            ("--format", self.format.is_some()),
            ("--output", self.output.is_some()),
            ("--timing", self.timing),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(format!("info takes no {option}: it is for statements")),
            None => Ok(()),
        }
    }
}

impl SessionArgs {
    /// The settings of the session.
    pub(crate) fn settings(&self) -> Settings {
        let initial = Settings::default();
        Settings {
            threads: self.threads.map_or(initial.threads, usize::from),
            memory_limit: self.memory_limit.unwrap_or(initial.memory_limit),
            passes: self.passes.as_deref() != Some("off"),
            ..initial
        }
    }
}

fn memory_limit(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "a size is written like 4GB, 512MiB or 1000000".to_string())
}

/// Reads the command line, or says what is wrong with it.
pub(crate) fn parse() -> Result<Args, Exit> {
    parse_from(std::env::args_os()).map_err(|error| {
        let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
        // Help for a reader that has gone away is no error.
        let _ = error.print();
        exit
    })
}

fn parse_from(words: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    Args::try_parse_from(words.into_iter().map(part_from_options))
}

/// SQL may begin with a comment, which looks like an option: the blank put before it changes nothing but that.
fn part_from_options(word: OsString) -> OsString {
    let name = word.to_str().and_then(|text| text.strip_prefix("--")?.split('=').next());
    match name {
        Some(name) if name.contains(char::is_whitespace) => [OsStr::new(" "), &word].into_iter().collect(),
        Some(_) | None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    fn parsed(words: &[&str]) -> Args {
        parse_from(["hyperslab"].iter().chain(words).map(OsString::from)).expect("a command line")
    }

    #[test]
    fn the_output_file_decides_the_format_unless_it_is_said() {
        let format = |words: &[&str]| parsed(words).format();
        assert_eq!(format(&["SELECT 1"]), Ok(Format::Table));
        assert_eq!(format(&["SELECT 1", "-o", "x.CSV"]), Ok(Format::Csv));
        assert_eq!(format(&["SELECT 1", "-o", "x.ndjson"]), Ok(Format::Jsonl));
        assert_eq!(format(&["SELECT 1", "-o", "x.txt"]), Ok(Format::Table));
        assert_eq!(format(&["SELECT 1", "-o", "x.csv", "--format", "json"]), Ok(Format::Json));
        assert_eq!(format(&["SELECT 1", "-o", "x.xyz", "--format", "csv"]), Ok(Format::Csv));
        for name in ["x.xyz", "x", "x.nc"] {
            assert!(format(&["SELECT 1", "-o", name]).is_err_and(|error| error.contains("--format")), "{name}");
        }
    }

    #[test]
    fn files_to_be_described_are_no_sql() {
        for words in [&["info", "a.nc", "b.nc"][..], &["--threads", "2", "info", "a.nc", "b.nc"]] {
            let args = parsed(words);
            assert!(args.sql.is_empty() && args.check_info().is_ok(), "{words:?}");
            let Some(Command::Info { files }) = args.command else { panic!("info is a command") };
            assert_eq!(files.len(), 2);
        }
        assert!(parsed(&["--format", "csv", "info", "a.nc"]).check_info().is_err());
    }

    #[test]
    fn sql_may_begin_with_a_comment() {
        assert_eq!(parsed(&["-- one\nSELECT 1", "--timing"]).sql, [" -- one\nSELECT 1"]);
        assert_eq!(parsed(&["--one\nSELECT 1"]).sql, [" --one\nSELECT 1"]);
        assert_eq!(parsed(&["SELECT $a", "--param=a=b c"]).params, ["a=b c"]);
        assert!(parse_from(["hyperslab", "--tming", "SELECT 1"].map(OsString::from)).is_err());
    }
}
