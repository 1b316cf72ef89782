//! Which stored values mean "missing": fill values, missing values and valid ranges, mapped to the stored type once.

use super::attributes::{Attributes, Number, number_type, numbers};
use super::cells::Cell;
use super::kernels::Mask;
use crate::formats::{Attribute, StoredType};

/// What the attributes of a numeric variable say is missing.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Exact values, each with the name of its attribute.
    values: Vec<(&'static str, Number)>,
    /// The lowest and the highest valid value.
    valid: Option<(f64, f64)>,
    /// Whether `valid` is in packed units.
    valid_is_packed: bool,
    /// What is doubtful about the attributes, in words.
    pub(crate) warnings: Vec<String>,
}

impl Marks {
    /// Reads the attributes of a variable whose cells are taken as `effective` (after `_Unsigned`) and are packed or not.
    pub(crate) fn new(
        attributes: &[(String, Attribute)],
        stored: &StoredType,
        effective: &StoredType,
        packed: bool,
        default_fill: bool,
    ) -> Self {
        let mut marks = Self::default();
        for name in ["_FillValue", "missing_value"] {
            marks.add_values(name, attributes.find(name), effective);
        }
        if default_fill && attributes.find("_FillValue").is_none() {
            let fill = default_fill_of(stored).map(|fill| reinterpret(fill, stored, effective));
            marks.values.extend(fill.map(|fill| ("default fill", fill)));
        }
        marks.add_valid(attributes, stored, effective, packed);
        marks
    }

    fn add_values(&mut self, name: &'static str, attribute: Option<&Attribute>, effective: &StoredType) {
        let Some(attribute) = attribute else { return };
        let found = numbers(attribute);
        if found.is_empty() {
            self.warnings.push(format!("{name} is no number and is ignored"));
        }
        let ty = number_type(attribute).unwrap_or(effective);
        self.values.extend(found.into_iter().map(|number| (name, reinterpret(number, ty, effective))));
    }

    fn add_valid(
        &mut self,
        attributes: &[(String, Attribute)],
        stored: &StoredType,
        effective: &StoredType,
        packed: bool,
    ) {
        let both = attributes.find("valid_range");
        let (low, high) = (both.or(attributes.find("valid_min")), both.or(attributes.find("valid_max")));
        let number = |attribute: Option<&Attribute>, last: bool| {
            let attribute = attribute?;
            let all = numbers(attribute);
            let number = if last { all.last() } else { all.first() }?;
            Some(reinterpret(*number, number_type(attribute).unwrap_or(effective), effective).as_f64())
        };
        let (from, to) = (number(low, false), number(high, true));
        if from.is_none() && to.is_none() {
            return;
        }
        let (from, to) = (from.unwrap_or(f64::NEG_INFINITY), to.unwrap_or(f64::INFINITY));
        if from.is_nan() || to.is_nan() || from > to {
            self.warnings.push(format!("the valid range {from} to {to} holds nothing and is ignored"));
            return;
        }
        let ty = low.or(high).and_then(number_type);
        self.valid_is_packed = packed && ty.is_none_or(|ty| ty == stored || ty == effective);
        self.valid = Some((from, to));
    }

    /// Forgets the valid range.
    pub(crate) fn ignore_valid_range(&mut self) {
        self.valid = None;
    }

    /// What is masked, for people.
    pub(crate) fn in_words(&self) -> Vec<String> {
        let values = self.values.iter().map(|(name, value)| format!("{name} {value}"));
        let units = if self.valid_is_packed { " (packed)" } else { "" };
        let valid = self.valid.map(|(low, high)| match (low.is_finite(), high.is_finite()) {
            (true, false) => format!("below {low}{units}"),
            (false, true) => format!("above {high}{units}"),
            _ => format!("outside of {low} to {high}{units}"),
        });
        values.chain(valid).collect()
    }

    /// The mask for cells of type `T` that `decoded` turns into decoded units, which must be monotonic. Values that `T`
    /// cannot hold mark nothing: they are named in [`warnings`](Self::warnings).
    pub(crate) fn mask<T: Cell>(&mut self, decoded: impl Fn(T) -> f64, decoded_is_single: bool) -> Mask<T> {
        let mut missing: Vec<T> = Vec::new();
        for (name, number) in &self.values {
            match T::from_number(*number) {
                // NaN is missing anyway.
                Some(value) if value.partial_cmp(&value).is_none() || missing.contains(&value) => {}
                Some(value) => missing.push(value),
                None => {
                    self.warnings.push(format!("{name} {number} cannot be a value of the stored type and is ignored"));
                }
            }
        }
        let valid = self.valid.map(|(low, high)| match self.valid_is_packed {
            true => valid_cells(T::to_f64, low, high),
            false if decoded_is_single => valid_cells(decoded, f64::from(low as f32), f64::from(high as f32)),
            false => valid_cells(decoded, low, high),
        });
        let everything = (T::LOWEST, T::HIGHEST);
        let valid = valid.filter(|ranks| *ranks != everything);
        let cells =
            |(low, high): (i128, i128)| if low > high { nothing() } else { (T::from_rank(low), T::from_rank(high)) };
        Mask { missing, valid: valid.map(cells) }
    }
}

/// A range that holds no cell.
fn nothing<T: Cell>() -> (T, T) {
    (T::from_rank(T::HIGHEST), T::from_rank(T::LOWEST))
}

/// The ranks of the lowest and highest cell whose image lies within bounds, found by trying images: no inverse
/// arithmetic, whose rounding would move the limits.
fn valid_cells<T: Cell>(image: impl Fn(T) -> f64, low: f64, high: f64) -> (i128, i128) {
    let at = |rank| image(T::from_rank(rank));
    if at(T::LOWEST) <= at(T::HIGHEST) {
        (first_rank::<T>(|rank| at(rank) >= low), first_rank::<T>(|rank| at(rank) > high) - 1)
    } else {
        (first_rank::<T>(|rank| at(rank) <= high), first_rank::<T>(|rank| at(rank) < low) - 1)
    }
}

/// The first rank from which on `reached` holds; one past the last if it never does.
fn first_rank<T: Cell>(reached: impl Fn(i128) -> bool) -> i128 {
    let (mut low, mut high) = (T::LOWEST, T::HIGHEST + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// A number of an attribute of type `ty` as the same bits of `effective`, where both are integers of one size.
fn reinterpret(number: Number, ty: &StoredType, effective: &StoredType) -> Number {
    let Number::Integer(n) = number else { return number };
    if ty.size() != effective.size() {
        return number;
    }
    let modulus = 1i128 << (8 * effective.size());
    match effective {
        StoredType::U8 | StoredType::U16 | StoredType::U32 | StoredType::U64 if n < 0 => Number::Integer(n + modulus),
        StoredType::I8 | StoredType::I16 | StoredType::I32 | StoredType::I64 if n >= modulus / 2 => {
            Number::Integer(n - modulus)
        }
        _ => number,
    }
}

/// What netCDF writes where nothing was written; none for bytes, all of whose values are meant.
fn default_fill_of(ty: &StoredType) -> Option<Number> {
    Some(match ty {
        StoredType::I16 => Number::Integer(-32_767),
        StoredType::U16 => Number::Integer(65_535),
        StoredType::I32 => Number::Integer(-2_147_483_647),
        StoredType::U32 => Number::Integer(4_294_967_295),
        StoredType::I64 => Number::Integer(-9_223_372_036_854_775_806),
        StoredType::U64 => Number::Integer(18_446_744_073_709_551_614),
        StoredType::F32 | StoredType::F64 => Number::Real(9.969_209_968_386_869e36),
        StoredType::I8 | StoredType::U8 | StoredType::F16 => return None,
        StoredType::Char | StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(list: &[(&str, Attribute)]) -> Vec<(String, Attribute)> {
        list.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
    }

    fn shorts(values: &[i128]) -> Attribute {
        Attribute::Integers(StoredType::I16, values.to_vec())
    }

    fn doubles(values: &[f64]) -> Attribute {
        Attribute::Floats(StoredType::F64, values.to_vec())
    }

    fn short_marks(list: &[(&str, Attribute)], packed: bool) -> Marks {
        Marks::new(&attributes(list), &StoredType::I16, &StoredType::I16, packed, true)
    }

    #[test]
    fn values_of_any_form_are_mapped_to_the_stored_type() {
        let list = [("_FillValue", shorts(&[-999])), ("missing_value", doubles(&[-999.0, 5.0]))];
        assert_eq!(short_marks(&list, false).mask::<i16>(f64::from, false).missing, [-999, 5]);
        let text = [("missing_value", Attribute::Text("-9999".into()))];
        assert_eq!(short_marks(&text, false).mask::<i16>(f64::from, false).missing, [-9999, -32767]);
    }

    #[test]
    fn what_cannot_be_stored_is_ignored_with_a_warning() {
        for value in [f64::NAN, 1e20, 0.5] {
            let mut marks = short_marks(&[("_FillValue", doubles(&[value]))], false);
            assert!(marks.mask::<i16>(f64::from, false).missing.is_empty());
            assert!(marks.warnings[0].contains("_FillValue"), "{:?}", marks.warnings);
        }
        let mut marks = Marks::new(
            &attributes(&[("_FillValue", doubles(&[f64::NAN]))]),
            &StoredType::F32,
            &StoredType::F32,
            false,
            true,
        );
        assert_eq!(marks.mask::<f32>(f64::from, true), Mask { missing: vec![], valid: None });
        assert!(marks.warnings.is_empty(), "floats can be NaN");
    }

    #[test]
    fn default_fill_values_stand_in_where_there_is_no_attribute() {
        let fill = |ty: StoredType| Marks::new(&[], &ty, &ty, false, true).values.len();
        assert_eq!(fill(StoredType::I8), 0);
        assert_eq!(fill(StoredType::I16), 1);
        let mut marks = Marks::new(&[], &StoredType::F32, &StoredType::F32, false, true);
        assert_eq!(marks.mask::<f32>(f64::from, true).missing, [9.969_21e36_f32]);
        assert!(Marks::new(&[], &StoredType::F32, &StoredType::F32, false, false).values.is_empty());
    }

    #[test]
    fn valid_ranges_are_in_packed_units_if_of_the_packed_type() {
        let list = [("valid_range", shorts(&[-10, 20])), ("_FillValue", shorts(&[0]))];
        assert_eq!(short_marks(&list, true).mask::<i16>(|v| f64::from(v) * 0.5, false).valid, Some((-10, 20)));
        let list = [("valid_min", doubles(&[-10.0])), ("valid_max", doubles(&[20.0]))];
        assert_eq!(short_marks(&list, true).mask::<i16>(|v| f64::from(v) * 0.5, false).valid, Some((-20, 40)));
        assert_eq!(short_marks(&list, true).mask::<i16>(|v| f64::from(v) * -0.5, false).valid, Some((-40, 20)));
        let list = [("valid_max", doubles(&[7.3]))];
        assert_eq!(short_marks(&list, true).mask::<i16>(|v| f64::from(v) + 0.3, false).valid, Some((-32768, 7)));
        let list = [("valid_range", doubles(&[1e9, 2e9]))];
        let (low, high) = short_marks(&list, false).mask::<i16>(f64::from, false).valid.expect("limits");
        assert!(low > high, "nothing is valid");
        let list = [("valid_range", doubles(&[-1e9, 2e9]))];
        assert_eq!(short_marks(&list, false).mask::<i16>(f64::from, false).valid, None, "everything is valid");
        assert_eq!(short_marks(&[("valid_range", shorts(&[5, -5]))], false).warnings.len(), 1);
    }

    #[test]
    fn limits_in_double_are_met_by_single_cells() {
        let list = attributes(&[("valid_max", doubles(&[0.1]))]);
        let mut marks = Marks::new(&list, &StoredType::F32, &StoredType::F32, false, false);
        let (low, high) = marks.mask::<f32>(f64::from, true).valid.expect("a limit");
        assert_eq!((low, high), (f32::NEG_INFINITY, 0.1f32));
    }

    #[test]
    fn unsigned_fill_values_are_taken_by_their_bits() {
        let list = attributes(&[
            ("_FillValue", Attribute::Integers(StoredType::I8, vec![-1])),
            ("valid_range", Attribute::Integers(StoredType::I8, vec![0, -6])),
        ]);
        let mut marks = Marks::new(&list, &StoredType::I8, &StoredType::U8, true, true);
        assert_eq!(marks.mask::<u8>(f64::from, false), Mask { missing: vec![255], valid: Some((0, 250)) });
    }
}
