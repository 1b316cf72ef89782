//! Numbers as text, appended to a buffer.

use super::cells::Style;

/// A float of either width.
pub(super) trait Float: Copy + ryu::Float {
    /// The most significant digits shown to people.
    const DIGITS: usize;
    /// The value as a DOUBLE.
    fn double(self) -> f64;
    /// The bits, to tell values apart (-0.0 from 0.0 too).
    fn bits(self) -> u64;
}

impl Float for f32 {
    const DIGITS: usize = 7;

    fn double(self) -> f64 {
        f64::from(self)
    }

    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Float for f64 {
    const DIGITS: usize = 10;

    fn double(self) -> f64 {
        self
    }

    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// Writes a float in the fewest digits that read back as the same, or fewer for people.
pub(super) fn write_float<T: Float>(value: T, style: Style, out: &mut Vec<u8>) {
    let double = value.double();
    if !double.is_finite() {
        out.extend_from_slice(not_finite(double, style).as_bytes());
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let exact = buffer.format_finite(value);
    if style != Style::Short || significant_digits(exact) <= T::DIGITS {
        out.extend_from_slice(exact.as_bytes());
        return;
    }
    let rounded: f64 = format!("{double:.*e}", T::DIGITS - 1).parse().unwrap_or(double);
    write_float(rounded, Style::Csv, out);
}

fn not_finite(value: f64, style: Style) -> &'static str {
    match style {
        Style::Json => "null",
        Style::Csv | Style::Short if value.is_nan() => "nan",
        Style::Csv | Style::Short if value > 0.0 => "inf",
        Style::Csv | Style::Short => "-inf",
    }
}

fn significant_digits(text: &str) -> usize {
    let mantissa = text.split('e').next().unwrap_or(text);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|d| *d == b'0');
    let digits: Vec<u8> = digits.collect();
    digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1)
}

/// Writes an integer.
pub(super) fn write_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes `unscaled` with `scale` digits after the point.
pub(super) fn write_decimal(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    if scale == 0 {
        return write_integer(unscaled, out);
    }
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(unscaled.unsigned_abs()).as_bytes();
    let scale = usize::from(scale);
    let whole = digits.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    out.push(b'.');
    out.resize(out.len() + scale - (digits.len() - whole), b'0');
    out.extend_from_slice(&digits[whole..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float<T: Float>(value: T, style: Style) -> String {
        let mut out = Vec::new();
        write_float(value, style, &mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    fn decimal(unscaled: i128, scale: u8) -> String {
        let mut out = Vec::new();
        write_decimal(unscaled, scale, &mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    /// The digits are those of Python's `repr` of the same doubles (its exponents are `e-07` and `e+16`).
    #[test]
    fn doubles_are_written_as_python_does() {
        let cases = [
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (0.1 + 0.2, "0.30000000000000004"),
            (100.0, "100.0"),
            (-0.0, "-0.0"),
            (123_456_789_012_345_680.0, "1.2345678901234568e17"),
            (1e15, "1000000000000000.0"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (std::f64::consts::PI, "3.141592653589793"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value, Style::Csv), text);
            assert_eq!(float(value, Style::Csv).parse::<f64>().map(f64::to_bits), Ok(value.to_bits()));
        }
    }

    #[test]
    fn floats_have_only_the_digits_of_a_float() {
        assert_eq!(float(0.1f32, Style::Csv), "0.1");
        assert_eq!(float(16_777_216f32, Style::Csv), "16777216.0");
        assert_eq!(float(288.15f32, Style::Csv), "288.15");
    }

    #[test]
    fn what_is_no_number_is_null_in_json() {
        let all = |style| [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|v| float(v, style));
        assert_eq!(all(Style::Csv), ["nan", "inf", "-inf"]);
        assert_eq!(all(Style::Json), ["null", "null", "null"]);
    }

    #[test]
    fn people_get_fewer_digits() {
        assert_eq!(float(0.1 + 0.2, Style::Short), "0.3");
        assert_eq!(float(1.0 / 3.0, Style::Short), "0.3333333333");
        assert_eq!(float(1f32 / 3.0, Style::Short), "0.3333333");
        assert_eq!(float(123_456_789.125, Style::Short), "123456789.1");
        assert_eq!(float(2e-12 / 3.0, Style::Short), "6.666666667e-13");
        assert_eq!(float(1e20, Style::Short), "1e20");
        assert_eq!(float(288.15f32, Style::Short), "288.15");
    }

    #[test]
    fn decimals_keep_all_digits() {
        assert_eq!(decimal(12345, 2), "123.45");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(100, 2), "1.00");
        assert_eq!(decimal(-1, 38), format!("-0.{}1", "0".repeat(37)));
        assert_eq!(decimal(i128::MIN, 0), "-170141183460469231731687303715884105728");
    }
}
