//! Options of the functions that read files, `name => value`: a static list for each kind of files.

use hyperslab_expr::{Scalar, closest};
use hyperslab_plan::{Error, Result};

/// An option, and how its value is taken.
pub(crate) struct ReadOption<T: 'static> {
    /// Its name, in lower case.
    pub(crate) name: &'static str,
    /// The values that it takes, for people.
    pub(crate) values: &'static str,
    /// Takes a value; `None` if it is none of those.
    pub(crate) read: fn(&mut T, &Scalar) -> Option<()>,
}

/// What the options given say, over what holds without them.
///
/// # Errors
/// An option or a value that there is not.
pub(crate) fn read_options<T: Default>(known: &[ReadOption<T>], given: &[(String, Scalar)]) -> Result<T> {
    let mut options = T::default();
    for (name, value) in given {
        let option = known.iter().find(|option| option.name == name).ok_or_else(|| unknown(known, name))?;
        (option.read)(&mut options, value).ok_or_else(|| {
            Error::new(format!("the option {name} does not take this value"))
                .with_hint(format!("it is {}", option.values))
        })?;
    }
    Ok(options)
}

fn unknown<T>(known: &[ReadOption<T>], name: &str) -> Error {
    let names: Vec<&str> = known.iter().map(|option| option.name).collect();
    Error::new(format!("there is no option {name}")).with_hint(match closest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the options are {}", names.join(", ")),
    })
}

pub(crate) fn word(value: &Scalar) -> Option<&str> {
    if let Scalar::Varchar(text) = value { Some(text) } else { None }
}

pub(crate) fn truth(value: &Scalar) -> Option<bool> {
    if let Scalar::Boolean(truth) = value { Some(*truth) } else { None }
}

pub(crate) fn integer(value: &Scalar) -> Option<i128> {
    if let Scalar::Integer(number, _) = value { Some(*number) } else { None }
}

/// A text of one ASCII character.
pub(crate) fn letter(value: &Scalar) -> Option<u8> {
    match word(value)?.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Shown {
        delimiter: Option<u8>,
        rows: bool,
    }

    static SHOWN: &[ReadOption<Shown>] = &[
        ReadOption {
            name: "delimiter",
            values: "one character",
            read: |options, value| {
                options.delimiter = Some(letter(value)?);
                Some(())
            },
        },
        ReadOption {
            name: "rows",
            values: "true or false",
            read: |options, value| {
                options.rows = truth(value)?;
                Some(())
            },
        },
    ];

    fn read(name: &str, value: Scalar) -> Result<Shown> {
        read_options(SHOWN, &[(name.to_string(), value)])
    }

    #[test]
    fn options_are_read_or_explained() {
        let wanted = Shown { delimiter: Some(b';'), rows: false };
        assert_eq!(read("delimiter", Scalar::Varchar(";".into())), Ok(wanted));
        let unknown = read("delimeter", Scalar::Boolean(true)).expect_err("no such option");
        assert_eq!(unknown.to_string(), "there is no option delimeter (did you mean delimiter?)");
        let value = read("rows", Scalar::Varchar("yes".into())).expect_err("no such value");
        assert_eq!(value.to_string(), "the option rows does not take this value (it is true or false)");
        let value = read("delimiter", Scalar::Varchar("é".into())).expect_err("no such value");
        assert!(value.to_string().contains("one character"), "{value}");
        assert!(read("speed", Scalar::Boolean(true)).expect_err("no such option").hint.is_some());
    }
}
