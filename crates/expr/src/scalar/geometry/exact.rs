//! On which side of a line a point lies, decided exactly.

use hyperslab_grid::geometry::Position;
use std::cmp::Ordering;

/// Where `c` lies as seen along the line from `a` to `b`: `Greater` to the left, `Less` to the right, `Equal` on it.
///
/// In floats the determinant can have the wrong sign where `c` is all but on the line; then it is summed up exactly. The
/// bound of its error is that of J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
/// Predicates" (1997), section 4.3.
pub(super) fn side_of_line(a: Position, b: Position, c: Position) -> Ordering {
    const UNIT: f64 = f64::EPSILON / 2.0;
    const BOUND: f64 = (3.0 + 16.0 * UNIT) * UNIT;
    let (left, right) = ((a[0] - c[0]) * (b[1] - c[1]), (a[1] - c[1]) * (b[0] - c[0]));
    let det = left - right;
    if det.abs() > BOUND * (left.abs() + right.abs()) { sign(det) } else { exact_side(a, b, c) }
}

fn sign(value: f64) -> Ordering {
    // Numbers too large to be multiplied have no sign here.
    value.partial_cmp(&0.0).unwrap_or(Ordering::Equal)
}

fn exact_side(a: Position, b: Position, c: Position) -> Ordering {
    let products = [(a[0], b[1]), (-a[0], c[1]), (-c[0], b[1]), (-a[1], b[0]), (a[1], c[0]), (c[1], b[0])];
    let mut sum: Vec<f64> = Vec::with_capacity(2 * products.len());
    for (x, y) in products {
        let product = x * y;
        add(&mut sum, libm::fma(x, y, -product));
        add(&mut sum, product);
    }
    sum.iter().rev().find(|part| **part != 0.0).map_or(Ordering::Equal, |part| sign(*part))
}

/// Adds to a sum that is held in parts, the least first, of which none overlaps another.
fn add(sum: &mut Vec<f64>, value: f64) {
    let mut carried = value;
    for part in sum.iter_mut() {
        let total = carried + *part;
        let of_part = total - carried;
        let lost = (carried - (total - of_part)) + (*part - of_part);
        (*part, carried) = (lost, total);
    }
    sum.push(carried);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_all_but_on_a_line_are_told_from_those_on_it() {
        let (a, b) = ([12.0, 12.0], [24.0, 24.0]);
        // Around 0.5 a float has steps of 2^-53 or 2^-54: the sides are known by comparing x with y.
        let step = f64::EPSILON / 4.0;
        for i in 0..64 {
            for j in 0..64 {
                let c = [0.5 + f64::from(i) * step, 0.5 + f64::from(j) * step];
                let expected = c[1].partial_cmp(&c[0]).expect("they are numbers");
                assert_eq!(side_of_line(a, b, c), expected, "{c:?}");
                assert_eq!(side_of_line(b, a, c), expected.reverse(), "{c:?}");
            }
        }
    }
}
