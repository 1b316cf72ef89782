//! Finding functions by name.

use crate::SqlType;
use crate::scalar::{BY_NAME, SCALAR_FUNCTIONS, bind};

#[test]
fn names_are_unique_and_lower_case() {
    let count: usize = SCALAR_FUNCTIONS.iter().map(|function| function.names.len()).sum();
    assert_eq!(BY_NAME.len(), count);
    assert!(BY_NAME.keys().all(|name| *name == name.to_ascii_lowercase()));
}

#[test]
fn an_unknown_name_is_corrected() {
    let hint = |name| bind(name, &[]).unwrap_err().hint;
    assert_eq!(hint("flor"), Some("did you mean floor?".into()));
    assert_eq!(hint("ABSS"), Some("did you mean abs?".into()));
    assert_eq!(hint("frobnicate"), None);
}

#[test]
fn wrong_arguments_are_told_the_right_ones() {
    let error = bind("abs", &[SqlType::Date]).unwrap_err();
    assert_eq!(error.to_string(), "there is no abs(DATE) (it is abs(number))");
    assert!(bind("abs", &[]).is_err() && bind("pi", &[SqlType::Integer]).is_err());
}
