//! The command line: what can be typed, and what it means where nothing was typed.

use crate::exit::Exit;
use clap::{Parser, Subcommand, ValueEnum};
use hyperslab::{Settings, parse_size};
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
#[command(name = "hyperslab", version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
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

    /// How results are written: table unless said, or as the ending of --output says. CSV and JSON are exact, tables
    /// show up to 10 digits and shorten long results
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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// The most memory that queries hold, such as 4GB or 512MiB (default: four fifths of the machine's)
    #[arg(long, value_name = "SIZE", value_parser = memory_limit)]
    memory_limit: Option<usize>,

    /// Whether the optimizer runs; answers are the same without it (for diagnosis)
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"])]
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
    pub(crate) fn format(&self) -> Format {
        let ending = || self.output.as_ref()?.extension()?.to_str().map(str::to_ascii_lowercase);
        self.format.unwrap_or_else(|| match ending().as_deref() {
            Some("csv") => Format::Csv,
            Some("json") => Format::Json,
            Some("jsonl" | "ndjson") => Format::Jsonl,
            Some(_) | None => Format::Table,
        })
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
    Args::try_parse().map_err(|error| {
        let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
        // Help for a reader that has gone away is no error.
        let _ = error.print();
        exit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_output_file_decides_the_format_unless_it_is_said() {
        let format =
            |args: &[&str]| Args::try_parse_from([&["hyperslab"], args].concat()).expect("a command line").format();
        assert_eq!(format(&["SELECT 1"]), Format::Table);
        assert_eq!(format(&["SELECT 1", "-o", "x.CSV"]), Format::Csv);
        assert_eq!(format(&["SELECT 1", "-o", "x.ndjson"]), Format::Jsonl);
        assert_eq!(format(&["SELECT 1", "-o", "x.csv", "--format", "json"]), Format::Json);
    }

    #[test]
    fn files_to_be_described_are_no_sql() {
        let args = Args::try_parse_from(["hyperslab", "info", "a.nc", "b.nc"]).expect("a command line");
        let Some(Command::Info { files }) = args.command else { panic!("info is a command") };
        assert_eq!(files.len(), 2);
    }
}
