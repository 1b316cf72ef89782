//! Flags by name (CF section 3.5): what the values or the bits of a variable mean stands in its attributes, which are known when a
//! query is bound. `has_flag` and `flag_meaning` become comparisons with these values.

use super::expr::{Bound, ExprBinder};
use crate::{Error, Result, Span};
use hyperslab_expr::{Expr, Scalar, SqlType, closest, scalar};
use sqlparser::ast::{self, FunctionArguments};
use std::collections::BTreeMap;

const FUNCTIONS: &[&str] = &["has_flag", "flag_meaning"];

/// Whether a name is that of a function of flags.
pub(super) fn is_flag_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// A meaning, and the values that have it: those whose bits of the mask are the value.
#[derive(Debug, PartialEq)]
struct Flag {
    meaning: String,
    mask: Option<i128>,
    value: i128,
}

/// The flags that attributes describe.
fn flags(attributes: &BTreeMap<String, String>) -> Result<Vec<Flag>, &'static str> {
    let meanings =
        attributes.get("flag_meanings").ok_or("has no attribute flag_meanings, which would name its flags")?;
    let meanings: Vec<&str> = meanings.split_ascii_whitespace().collect();
    let numbers = |name: &str| -> Result<Option<Vec<i128>>, &'static str> {
        let Some(words) = attributes.get(name) else { return Ok(None) };
        let numbers: Option<Vec<i128>> = words.split(',').map(|word| word.trim().parse().ok()).collect();
        let numbers = numbers.ok_or("has flag_values or flag_masks that are not whole numbers")?;
        let fit = numbers.len() == meanings.len();
        fit.then_some(Some(numbers)).ok_or("has another number of flag_meanings than of flag_values or flag_masks")
    };
    let (values, masks) = (numbers("flag_values")?, numbers("flag_masks")?);
    let flag = |(at, meaning): (usize, &&str)| {
        let (mask, value) = (masks.as_ref().map(|masks| masks[at]), values.as_ref().map(|values| values[at]));
        Some(Flag { meaning: meaning.to_string(), mask, value: value.or(mask)? })
    };
    let flags: Option<Vec<Flag>> = meanings.iter().enumerate().map(flag).collect();
    flags.ok_or("has neither flag_values nor flag_masks")
}

impl<'a> ExprBinder<'_, 'a> {
    /// A function of flags, as an ordinary expression.
    pub(super) fn flag_function(&mut self, name: &str, function: &'a ast::Function, span: Span) -> Result<Bound> {
        let FunctionArguments::List(list) = &function.args else { return Err(wrong(name, span)) };
        let args = list.args.iter().map(|arg| self.arg(arg, span)).collect::<Result<Vec<_>>>()?;
        let args = self.bind_args(&args)?;
        let expr = match (name, &args[..]) {
            ("has_flag", [of, meaning]) => {
                let flags = self.flags_of(of, name)?;
                holds(&of.expr, named(&flags, meaning)?, span)?
            }
            ("flag_meaning", [of]) => {
                let flags = self.flags_of(of, name)?;
                match flags.iter().any(|flag| flag.mask.is_some()) {
                    true => meanings(&of.expr, &flags, span)?,
                    false => meaning(&of.expr, &flags, span)?,
                }
            }
            _ => return Err(wrong(name, span)),
        };
        Ok(Bound::new(expr, span))
    }

    fn flags_of(&self, of: &Bound, function: &str) -> Result<Vec<Flag>> {
        let refused = |reason: &str| Error::new(reason.to_string()).or_at(Some(of.span));
        let Expr::Column(id, ty) = &of.expr else {
            return Err(refused(&format!("{function} takes a variable with flags, not an expression")));
        };
        let column = self.frame.scope.column(*id);
        let name = column.as_ref().map_or_else(|| "the column".to_string(), |column| column.name.clone());
        if !ty.is_integer() || *ty == SqlType::HugeInt {
            return Err(refused(&format!("{function} takes whole numbers; {name} is {ty}")));
        }
        flags(&self.metadata_of(Some(of))).map_err(|reason| refused(&format!("{name} {reason}")))
    }
}

fn wrong(name: &str, span: Span) -> Error {
    let usage = if name == "has_flag" { "has_flag(variable, 'meaning')" } else { "flag_meaning(variable)" };
    Error::new(format!("{name} is called as {usage}")).or_at(Some(span))
}

/// The flag of a name.
fn named<'f>(flags: &'f [Flag], meaning: &Bound) -> Result<&'f Flag> {
    let Expr::Literal(Scalar::Varchar(wanted)) = &meaning.expr else {
        return Err(Error::new("the name of a flag must be a text constant").or_at(Some(meaning.span)));
    };
    flags.iter().find(|flag| flag.meaning == *wanted).ok_or_else(|| {
        let error = Error::new(format!("there is no flag {wanted}")).or_at(Some(meaning.span));
        let names = || flags.iter().map(|flag| flag.meaning.as_str());
        match closest(wanted, names()) {
            Some(near) => error.with_hint(format!("did you mean {near}?")),
            None => error.with_hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// Whether a value has a flag.
fn holds(of: &Expr, flag: &Flag, span: Span) -> Result<Expr> {
    let ty = of.sql_type();
    let number = |value: i128| Expr::Literal(Scalar::Integer(of_type(value, &ty), ty.clone()));
    let bits = match flag.mask {
        Some(mask) => scalar::call("&", vec![of.clone(), number(mask)], Some(span))?,
        None => of.clone(),
    };
    scalar::call("=", vec![bits, number(flag.value)], Some(span))
}

/// The same bits as a number of a type: attributes of unsigned variables may be written as signed numbers.
fn of_type(value: i128, ty: &SqlType) -> i128 {
    match ty.integer_rank() {
        Some((is_signed, bits)) if bits < i128::BITS => {
            let low = value & ((1 << bits) - 1);
            if is_signed && low >> (bits - 1) == 1 { low - (1 << bits) } else { low }
        }
        _ => value,
    }
}

/// The one meaning of a value; NULL if it has none.
fn meaning(of: &Expr, flags: &[Flag], span: Span) -> Result<Expr> {
    let branch = |flag: &Flag| Ok((holds(of, flag, span)?, text(&flag.meaning)));
    let branches = flags.iter().map(branch).collect::<Result<Vec<_>>>()?;
    Ok(Expr::Case { branches, otherwise: None, ty: SqlType::Varchar })
}

/// All meanings of a value with blanks between them; none is an empty text.
fn meanings(of: &Expr, flags: &[Flag], span: Span) -> Result<Expr> {
    let mut all = text("");
    for flag in flags {
        let branches = vec![(holds(of, flag, span)?, text(&format!(" {}", flag.meaning)))];
        let otherwise = Some(Box::new(text("")));
        let one = Expr::Case { branches, otherwise, ty: SqlType::Varchar };
        all = scalar::call("||", vec![all, one], Some(span))?;
    }
    let there = scalar::call("is not null", vec![of.clone()], Some(span))?;
    let trimmed = scalar::call("ltrim", vec![all], Some(span))?;
    Ok(Expr::Case { branches: vec![(there, trimmed)], otherwise: None, ty: SqlType::Varchar })
}

fn text(text: &str) -> Expr {
    Expr::Literal(Scalar::Varchar(text.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(attributes: &[(&str, &str)]) -> Result<Vec<Flag>, &'static str> {
        flags(&attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn flags_are_values_masks_or_both() {
        let names = ("flag_meanings", "a  b");
        let flag = |name: &str, mask, value| Flag { meaning: name.to_string(), mask, value };
        assert_eq!(of(&[names, ("flag_values", "0, -1")]), Ok(vec![flag("a", None, 0), flag("b", None, -1)]));
        assert_eq!(of(&[names, ("flag_masks", "1, 2")]), Ok(vec![flag("a", Some(1), 1), flag("b", Some(2), 2)]));
        let both = of(&[names, ("flag_masks", "12, 12"), ("flag_values", "4, 8")]);
        assert_eq!(both, Ok(vec![flag("a", Some(12), 4), flag("b", Some(12), 8)]));
    }

    #[test]
    fn values_have_the_bits_that_attributes_say() {
        assert_eq!(of_type(-128, &SqlType::UTinyInt), 128);
        assert_eq!(of_type(128, &SqlType::TinyInt), -128);
        assert_eq!([-1, 0, 32767].map(|value| of_type(value, &SqlType::SmallInt)), [-1, 0, 32767]);
        assert_eq!(of_type(-1, &SqlType::UBigInt), i128::from(u64::MAX));
    }

    #[test]
    fn flags_that_make_no_sense_are_refused() {
        let names = ("flag_meanings", "a b");
        for attributes in
            [&[names][..], &[("flag_values", "1, 2")], &[names, ("flag_values", "1")], &[names, ("flag_masks", "1, x")]]
        {
            assert!(of(attributes).is_err(), "{attributes:?}");
        }
    }
}
