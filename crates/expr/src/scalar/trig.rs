//! Angles. Computed by a Rust libm, so that every machine gives the same bits; outside of a function's domain is NaN.

use super::math::double;
use super::signature::doubles;
use super::{Fails, Family, Kernel, ScalarFunction};
use arrow::datatypes::Float64Type;

/// A function of one angle or ratio.
macro_rules! of_double {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(super) const $constant: ScalarFunction =
            double($names, Family::Trigonometry, $usage, $text, |call| call.unary::<Float64Type, Float64Type>($f));
    };
}

of_double!(/// `sin(x)`
    SIN, &["sin"], "sin(radians)", "Sine", libm::sin);
of_double!(/// `cos(x)`
    COS, &["cos"], "cos(radians)", "Cosine", libm::cos);
of_double!(/// `tan(x)`
    TAN, &["tan"], "tan(radians)", "Tangent", libm::tan);
of_double!(/// `cot(x)`
    COT, &["cot"], "cot(radians)", "Cotangent", |x| 1.0 / libm::tan(x));
of_double!(/// `asin(x)`
    ASIN, &["asin"], "asin(number)", "Angle of a sine, in radians", libm::asin);
of_double!(/// `acos(x)`
    ACOS, &["acos"], "acos(number)", "Angle of a cosine, in radians", libm::acos);
of_double!(/// `atan(x)`
    ATAN, &["atan"], "atan(number)", "Angle of a tangent, in radians", libm::atan);
of_double!(/// `sinh(x)`
    SINH, &["sinh"], "sinh(number)", "Hyperbolic sine", libm::sinh);
of_double!(/// `cosh(x)`
    COSH, &["cosh"], "cosh(number)", "Hyperbolic cosine", libm::cosh);
of_double!(/// `tanh(x)`
    TANH, &["tanh"], "tanh(number)", "Hyperbolic tangent", libm::tanh);
of_double!(/// `asinh(x)`
    ASINH, &["asinh"], "asinh(number)", "Inverse hyperbolic sine", libm::asinh);
of_double!(/// `acosh(x)`
    ACOSH, &["acosh"], "acosh(number)", "Inverse hyperbolic cosine", libm::acosh);
of_double!(/// `atanh(x)`
    ATANH, &["atanh"], "atanh(number)", "Inverse hyperbolic tangent", libm::atanh);
of_double!(/// `radians(x)`
    RADIANS, &["radians"], "radians(degrees)", "Degrees as radians", f64::to_radians);
of_double!(/// `degrees(x)`
    DEGREES, &["degrees"], "degrees(radians)", "Radians as degrees", f64::to_degrees);

/// `atan2(y, x)`
pub(super) const ATAN2: ScalarFunction = ScalarFunction {
    names: &["atan2"],
    family: Family::Trigonometry,
    usage: "atan2(y, x)",
    doc: "Angle of the point (x, y), in radians: wind direction is degrees(atan2(-u, -v))",
    bind: |args| doubles(args, 2),
    kernel: Kernel::Eager(|call| call.binary::<Float64Type, Float64Type, Float64Type>(libm::atan2)),
    fails: Fails::Never,
};
