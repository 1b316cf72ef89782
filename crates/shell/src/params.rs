//! Parameters of a query from the command line: `name=value`, typed as such a literal in SQL would be.

use hyperslab::{Parameters, Scalar, SqlType};

/// The parameters that `NAME=VALUE` texts give.
pub(crate) fn parse(texts: &[String]) -> Result<Parameters, String> {
    let mut parameters = Parameters::default();
    for text in texts {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| is_name(name))
            .ok_or_else(|| format!("'{text}' is no parameter: write --param name=value, for $name in the query"))?;
        if parameters.named.insert(name.to_string(), scalar(value)).is_some() {
            return Err(format!("the parameter {name} is given twice"));
        }
    }
    Ok(parameters)
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_') && letters.all(|c| c.is_alphanumeric() || c == '_')
}

/// A value as SQL would read it: 7 an integer, 0.5 a decimal, 1e3 a double. All else is text, which a date is until it
/// meets a time: only then is the calendar known.
fn scalar(text: &str) -> Scalar {
    let word = text.to_ascii_lowercase();
    match word.as_str() {
        "true" => Scalar::Boolean(true),
        "false" => Scalar::Boolean(false),
        "null" => Scalar::Null(SqlType::Null),
        _ => number(text).unwrap_or_else(|| Scalar::Varchar(text.to_string())),
    }
}

fn number(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_number {
        return None;
    }
    integer(text)
        .or_else(|| decimal(text))
        .or_else(|| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Scalar::Double))
}

fn integer(text: &str) -> Option<Scalar> {
    let number: i128 = text.parse().ok()?;
    let narrowest = if i32::try_from(number).is_ok() { SqlType::Integer } else { SqlType::BigInt };
    i64::try_from(number).ok().map(|_| Scalar::Integer(number, narrowest))
}

/// `12.34` as DECIMAL(4,2), up to 38 digits.
fn decimal(text: &str) -> Option<Scalar> {
    let (whole, fraction) = text.split_once('.')?;
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = whole.trim_start_matches(['-', '+']).trim_start_matches('0').len() + fraction.len();
    let (precision, scale) = (u8::try_from(digits.max(1)).ok()?, u8::try_from(fraction.len()).ok()?);
    (precision <= 38 && fraction.bytes().all(|b| b.is_ascii_digit()))
        .then_some(Scalar::Decimal(unscaled, precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_as_sql_would() {
        let cases = [
            ("7", Scalar::Integer(7, SqlType::Integer)),
            ("-3000000000", Scalar::Integer(-3_000_000_000, SqlType::BigInt)),
            ("35.1", Scalar::Decimal(351, 3, 1)),
            ("-0.05", Scalar::Decimal(-5, 2, 2)),
            (".5", Scalar::Decimal(5, 1, 1)),
            ("1e-3", Scalar::Double(0.001)),
            ("TRUE", Scalar::Boolean(true)),
            ("null", Scalar::Null(SqlType::Null)),
            ("2001-02-30", Scalar::Varchar("2001-02-30".to_string())),
            ("sst/*.nc", Scalar::Varchar("sst/*.nc".to_string())),
            ("1.2.3", Scalar::Varchar("1.2.3".to_string())),
            ("inf", Scalar::Varchar("inf".to_string())),
            ("1e999", Scalar::Varchar("1e999".to_string())),
            ("", Scalar::Varchar(String::new())),
        ];
        for (text, wanted) in cases {
            assert_eq!(scalar(text), wanted, "{text}");
        }
    }

    #[test]
    fn names_and_values_are_told_apart() {
        let given = ["a=1".to_string(), "path=x=y.nc".to_string()];
        let parameters = parse(&given).expect("two parameters");
        assert_eq!(parameters.named.get("path"), Some(&Scalar::Varchar("x=y.nc".to_string())));
        for wrong in ["a", "=1", "1a=2", "a b=1"] {
            assert!(parse(&[wrong.to_string()]).is_err(), "{wrong}");
        }
        assert!(parse(&["a=1".to_string(), "a=2".to_string()]).is_err());
    }
}
