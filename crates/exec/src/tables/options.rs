//! The options of `read_csv(.., name => value)`, named as in DuckDB, and of `read_parquet` and `read_geojson`, which have none.

use crate::options::{ReadOption, integer, letter, read_options, truth, word};
use hyperslab_expr::Scalar;
use hyperslab_plan::{Error, Result, TableFormat};
use hyperslab_storage::tables::{CsvOptions, TableOptions};

const LETTER: &str = "one character";
const SWITCH: &str = "true or false";

static CSV_OPTIONS: &[ReadOption<CsvOptions>] = &[
    ReadOption {
        name: "header",
        values: SWITCH,
        read: |options, value| {
            options.header = Some(truth(value)?);
            Some(())
        },
    },
    ReadOption {
        name: "delim",
        values: LETTER,
        read: |options, value| {
            options.delimiter = Some(letter(value)?);
            Some(())
        },
    },
    ReadOption {
        name: "sep",
        values: LETTER,
        read: |options, value| {
            options.delimiter = Some(letter(value)?);
            Some(())
        },
    },
    ReadOption {
        name: "delimiter",
        values: LETTER,
        read: |options, value| {
            options.delimiter = Some(letter(value)?);
            Some(())
        },
    },
    ReadOption {
        name: "quote",
        values: LETTER,
        read: |options, value| {
            options.quote = letter(value)?;
            Some(())
        },
    },
    ReadOption {
        name: "escape",
        values: LETTER,
        read: |options, value| {
            options.escape = Some(letter(value)?).filter(|escape| *escape != options.quote);
            Some(())
        },
    },
    ReadOption {
        name: "comment",
        values: LETTER,
        read: |options, value| {
            options.comment = Some(letter(value)?);
            Some(())
        },
    },
    ReadOption {
        name: "nullstr",
        values: "a text",
        read: |options, value| {
            options.null = word(value)?.to_string();
            Some(())
        },
    },
    ReadOption {
        name: "skip",
        values: "a number of lines",
        read: |options, value| {
            options.skip = usize::try_from(integer(value)?).ok()?;
            Some(())
        },
    },
    ReadOption {
        name: "all_varchar",
        values: SWITCH,
        read: |options, value| {
            options.all_varchar = truth(value)?;
            Some(())
        },
    },
    ReadOption {
        name: "sample_size",
        values: "a number of rows, or -1 for all",
        read: |options, value| {
            let rows = integer(value)?;
            options.sample_rows =
                if rows == -1 { None } else { Some(usize::try_from(rows).ok().filter(|rows| *rows > 0)?) };
            Some(())
        },
    },
];

/// The options as storage takes them.
///
/// # Errors
/// An option or a value that there is not.
pub(crate) fn options(format: TableFormat, given: &[(String, Scalar)]) -> Result<TableOptions> {
    match (format, given) {
        (TableFormat::Csv, _) => read_options(CSV_OPTIONS, given).map(TableOptions::Csv),
        (TableFormat::Parquet, []) => Ok(TableOptions::Parquet),
        (TableFormat::GeoJson, []) => Ok(TableOptions::GeoJson),
        (TableFormat::Parquet, [(name, _), ..]) => Err(Error::new(format!("read_parquet has no option {name}"))),
        (TableFormat::GeoJson, [(name, _), ..]) => Err(Error::new(format!("read_geojson has no option {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let given = [
            ("delim", Scalar::Varchar(";".to_string())),
            ("header", Scalar::Boolean(true)),
            ("skip", Scalar::Integer(2, hyperslab_expr::SqlType::Integer)),
            ("sample_size", Scalar::Integer(-1, hyperslab_expr::SqlType::Integer)),
        ];
        let given = given.map(|(name, value)| (name.to_string(), value));
        let wanted = CsvOptions {
            delimiter: Some(b';'),
            header: Some(true),
            skip: 2,
            sample_rows: None,
            ..CsvOptions::default()
        };
        assert_eq!(options(TableFormat::Csv, &given), Ok(TableOptions::Csv(wanted)));
        assert!(options(TableFormat::Parquet, &given).is_err());
    }
}
