//! The text format of `.slt` files, after SQLite's sqllogictest. Knows lines, not engines.
//!
//! A file is records with blank lines between them; `#` begins a comment. `# formats: netcdf4 hdf5` in the first lines
//! says that the files it reads exist only there.
//!
//! ```text
//! query TIR rowsort             the types of the columns, and whether rows are compared sorted
//! SELECT name, n, mean FROM 'x.nc'
//! ----
//! Oslo    3    2.5              one line a row, a tab between columns
//!
//! query contains                each line below occurs somewhere in the result
//! EXPLAIN ANALYZE SELECT 1
//! ----
//! read 0 of 0 chunks
//!
//! statement ok                  it succeeds, with any result
//! SELECT 1
//!
//! statement warning tolerance    it succeeds, and a warning has these words
//! SELECT 1
//!
//! statement error no column     it fails, and the message has these words; the whole message may follow
//! SELECT tmp FROM 'plain.nc'
//! ----
//! no column named tmp
//! ```
//!
//! `onlyif` with the words `passes`, `classic`, `netcdf4` or `hdf5` before a record leaves it out elsewhere.
//! Types: `B` boolean, `I` integer, `R` real or decimal, `T` text, `D` date or time, `?` anything else.

use crate::setup::Format;
use std::ops::Range;

/// A parsed `.slt` file.
#[derive(Debug)]
pub struct Script {
    /// The formats that hold the files it reads.
    pub formats: Vec<Format>,
    /// Its records, in order.
    pub records: Vec<Record>,
}

/// One statement and what is expected of it.
#[derive(Debug)]
pub struct Record {
    /// The 1-based line of `query` or `statement`.
    pub line: usize,
    /// Words of the `onlyif` lines before it; all must hold.
    pub only: Vec<Vec<String>>,
    /// The statement.
    pub sql: String,
    /// What is expected.
    pub expected: Expected,
    /// The 0-based lines of the expected text (after `----`), to be replaced when it is rewritten. Without `----` it is
    /// empty and lies where the text would be.
    pub block: Range<usize>,
    /// Whether it has a `----`.
    pub divided: bool,
}

/// What a record expects.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// Success.
    Success,
    /// Success with a warning that contains these words, without regard to case.
    Warning(String),
    /// These rows.
    Rows {
        /// A letter for each column.
        types: String,
        /// Whether the order of rows is left open.
        sorted: bool,
        /// The rows.
        rows: Vec<String>,
    },
    /// A result in which each of these lines occurs.
    Contains(Vec<String>),
    /// An error.
    Failure {
        /// What its text must contain, without regard to case.
        words: String,
        /// Its whole text, if it is given.
        text: Vec<String>,
    },
}

impl Script {
    /// Parses a file.
    ///
    /// # Errors
    /// The line that means nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut script = Self { formats: formats_of(&lines)?, records: Vec::new() };
        let (mut at, mut only) = (0, Vec::new());
        while at < lines.len() {
            let line = lines[at].trim_end();
            if line.is_empty() || line.starts_with('#') {
                at += 1;
            } else if let Some(words) = line.strip_prefix("onlyif ") {
                only.push(words.split_whitespace().map(str::to_string).collect());
                at += 1;
            } else {
                let record = Record::parse(&lines, at, std::mem::take(&mut only))?;
                at = record.block.end;
                script.records.push(record);
            }
        }
        Ok(script)
    }
}

fn formats_of(lines: &[&str]) -> Result<Vec<Format>, String> {
    let Some(names) = lines.iter().find_map(|line| line.strip_prefix("# formats:")) else {
        return Ok(Format::ALL.to_vec());
    };
    names.split_whitespace().map(|name| Format::named(name).ok_or(format!("no format {name}"))).collect()
}

impl Record {
    fn parse(lines: &[&str], first: usize, only: Vec<Vec<String>>) -> Result<Self, String> {
        let paragraph_end = (first..lines.len()).find(|l| lines[*l].trim().is_empty()).unwrap_or(lines.len());
        let divider = (first + 1..paragraph_end).find(|l| lines[*l].trim_end() == "----");
        let sql = lines[first + 1..divider.unwrap_or(paragraph_end)].join("\n");
        let block = divider.map_or(paragraph_end, |d| d + 1)..paragraph_end;
        let text = lines[block.clone()].iter().map(|line| line.trim_end().to_string()).collect();
        let expected =
            Expected::parse(lines[first], text).ok_or_else(|| format!("line {}: {}", first + 1, lines[first]))?;
        if sql.trim().is_empty() {
            return Err(format!("line {}: a record without SQL", first + 1));
        }
        Ok(Self { line: first + 1, only, sql, expected, block, divided: divider.is_some() })
    }

    /// Whether it runs where these words hold.
    pub fn applies(&self, words: &[&str]) -> bool {
        self.only.iter().all(|any| any.iter().any(|word| words.contains(&word.as_str())))
    }
}

impl Expected {
    fn parse(head: &str, text: Vec<String>) -> Option<Self> {
        let (kind, rest) = head.trim_end().split_once(' ')?;
        match (kind, rest.split_once(' ').unwrap_or((rest, ""))) {
            ("statement", ("ok", "")) => Some(Self::Success),
            ("statement", ("warning", words)) if !words.is_empty() => Some(Self::Warning(words.to_string())),
            ("statement", ("error", words)) => Some(Self::Failure { words: words.to_string(), text }),
            ("query", ("contains", "")) => Some(Self::Contains(text)),
            ("query", (types, sort))
                if types.chars().all(|c| "BIRTD?".contains(c)) && matches!(sort, "" | "rowsort") =>
            {
                Some(Self::Rows { types: types.to_string(), sorted: sort == "rowsort", rows: text })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# formats: netcdf4\n\nonlyif passes\nquery TI rowsort\nSELECT a,\n  b\n----\nx\t1\n\nstatement error no column\nSELECT c\n\nstatement ok\nSELECT 1\n";

    #[test]
    fn records_are_parsed() {
        let script = Script::parse(TEXT).unwrap();
        assert_eq!(script.formats, [Format::Netcdf4]);
        let [rows, failure, success] = &script.records[..] else { panic!("three records") };
        let expected = Expected::Rows { types: "TI".into(), sorted: true, rows: vec!["x\t1".into()] };
        assert_eq!((rows.line, rows.sql.as_str(), &rows.expected), (4, "SELECT a,\n  b", &expected));
        assert!(rows.applies(&["passes"]) && !rows.applies(&["classic"]));
        assert_eq!(failure.expected, Expected::Failure { words: "no column".into(), text: Vec::new() });
        assert!(!failure.divided && failure.block.is_empty());
        assert_eq!(success.expected, Expected::Success);
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        assert_eq!(Script::parse("\nquery X\nSELECT 1\n").unwrap_err(), "line 2: query X");
        assert_eq!(Script::parse("statement ok\n").unwrap_err(), "line 1: a record without SQL");
        assert_eq!(Script::parse("# formats: grib\n").unwrap_err(), "no format grib");
    }
}
