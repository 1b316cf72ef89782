//! Adding up a slice in a fixed number of lanes: the order of the additions is the same on every processor and lets the
//! compiler use whatever vectors it has.

use super::native::Native;
use std::ops::{Add, AddAssign};

/// The number of lanes. Part of what a sum means: another number gives other last bits.
pub(super) const LANES: usize = 8;

/// A value that is added up as float64.
pub(super) trait Real: Native + Into<f64> {}

impl Real for f32 {}
impl Real for f64 {}

/// What sums are made in; its default is nothing.
pub(super) trait Sum: Copy + Default + Add<Output = Self> + AddAssign {}

impl Sum for f64 {}
impl Sum for i64 {}

/// The sum of `f(value)`.
#[inline(always)]
pub(super) fn sum_of<N: Copy, S: Sum>(values: &[N], f: impl Fn(N) -> S) -> S {
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut lanes = [S::default(); LANES];
    for row in rows {
        lanes.iter_mut().zip(row).for_each(|(lane, value)| *lane += f(*value));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane += f(*value));
    total(lanes)
}

/// The sum of `f(value)` over the values whose bit is set, of up to 64.
#[inline(always)]
pub(super) fn sum_where<N: Copy, S: Sum>(values: &[N], bits: u64, f: impl Fn(N) -> S) -> S {
    let mut lanes = [S::default(); LANES];
    for (i, row) in values.chunks(LANES).enumerate() {
        for (lane, (slot, value)) in lanes.iter_mut().zip(row.iter().enumerate()) {
            *lane += if bits >> (i * LANES + slot) & 1 == 1 { f(*value) } else { S::default() };
        }
    }
    total(lanes)
}

/// The sum of `f(x, y)` over pairs.
#[inline(always)]
pub(super) fn sum_of_pairs(xs: &[f64], ys: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let ((x_rows, x_rest), (y_rows, y_rest)) = (xs.as_chunks::<LANES>(), ys.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x, y) in x_rows.iter().zip(y_rows) {
        for i in 0..LANES {
            lanes[i] += f(x[i], y[i]);
        }
    }
    lanes.iter_mut().zip(x_rest.iter().zip(y_rest)).for_each(|(lane, (x, y))| *lane += f(*x, *y));
    total(lanes)
}

/// The sum of the lanes.
#[inline(always)]
pub(super) fn total<S: Sum>(lanes: [S; LANES]) -> S {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
