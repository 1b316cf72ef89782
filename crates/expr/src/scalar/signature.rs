//! What functions do to types, where several do the same.

use crate::cast::rules::{common_type, implicit_cast};
use crate::{Error, Result, SqlType};

/// The types that a function takes, and the one it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What the arguments are cast to.
    pub args: Vec<SqlType>,
    /// The type of the result.
    pub ty: SqlType,
}

/// What a function's `bind` gives: `Ok(None)` if it takes no such arguments.
pub(super) type Bound = Result<Option<Signature>>;

/// Arguments of these types, and the type of the result.
pub(super) fn takes(args: impl Into<Vec<SqlType>>, ty: SqlType) -> Bound {
    Ok(Some(Signature { args: args.into(), ty }))
}

/// Exactly these types, which the arguments turn into by themselves.
pub(super) fn exactly(given: &[SqlType], args: &[SqlType], ty: SqlType) -> Bound {
    let fits = given.len() == args.len() && given.iter().zip(args).all(|(from, to)| implicit_cast(from, to));
    if fits { takes(args, ty) } else { Ok(None) }
}

/// Between `least` and `most` arguments, all of one type.
pub(super) fn all_of(given: &[SqlType], least: usize, most: usize, arg: &SqlType, ty: SqlType) -> Bound {
    if (least..=most).contains(&given.len()) { exactly(given, &vec![arg.clone(); given.len()], ty) } else { Ok(None) }
}

/// So many numbers, as DOUBLE, to a DOUBLE.
pub(super) fn doubles(given: &[SqlType], count: usize) -> Bound {
    all_of(given, count, count, &SqlType::Double, SqlType::Double)
}

/// The type in which all arguments meet; `None` if there is none.
///
/// # Errors
/// If two of them are timestamps of different calendars.
pub(super) fn meeting(given: &[SqlType]) -> Result<Option<SqlType>> {
    let mut met = SqlType::Null;
    for ty in given {
        refuse_two_calendars(&met, ty)?;
        match common_type(&met, ty) {
            Some(common) => met = common,
            None => return Ok(None),
        }
    }
    Ok(Some(met))
}

/// A timestamp means nothing in another calendar.
pub(super) fn refuse_two_calendars(a: &SqlType, b: &SqlType) -> Result<()> {
    let is_time = |ty: &SqlType| matches!(ty, SqlType::Timestamp(_) | SqlType::Date);
    if a == b || !is_time(a) || !is_time(b) || common_type(a, b).is_some() {
        return Ok(());
    }
    Err(Error::new(format!("{a} and {b} are of two calendars")).with_hint("CAST(time AS TIMESTAMP)"))
}

/// NULL takes the type of what it meets.
pub(super) fn or_type(ty: &SqlType, other: &SqlType) -> SqlType {
    if *ty == SqlType::Null { other.clone() } else { ty.clone() }
}
