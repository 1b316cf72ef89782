//! `skewness` and `kurtosis`: central moments up to the fourth, merged by Pébay's formulas.

use super::lanes::sum_of;
use super::native::{any_nan, array, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use super::variance::mean_of;
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// The count, the mean, and the sums of the deviations' second, third and fourth powers.
#[derive(Clone, Copy, Default)]
struct Moments {
    rows: f64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let mean = mean_of(values);
        let second = sum_of(values, |value| (value - mean).powi(2));
        let third = sum_of(values, |value| (value - mean).powi(3));
        let fourth = sum_of(values, |value| (value - mean).powi(4));
        Self { rows: values.len() as f64, mean, second, third, fourth }
    }

    fn merge(&mut self, other: &Self) {
        if self.rows == 0.0 || other.rows == 0.0 {
            if self.rows == 0.0 {
                *self = *other;
            }
            return;
        }
        let (a, b) = (self.rows, other.rows);
        let n = a + b;
        let d = other.mean - self.mean;
        self.fourth += other.fourth
            + d.powi(4) * a * b * (a * a - a * b + b * b) / n.powi(3)
            + 6.0 * d * d * (a * a * other.second + b * b * self.second) / (n * n)
            + 4.0 * d * (a * other.third - b * self.third) / n;
        self.third +=
            other.third + d.powi(3) * a * b * (a - b) / (n * n) + 3.0 * d * (a * other.second - b * self.second) / n;
        self.second += other.second + d * d * a * b / n;
        self.mean += d * (b / n);
        self.rows = n;
    }

    /// The skewness of the population that this is a sample of.
    fn skewness(&self) -> Option<f64> {
        let n = self.rows;
        let bias = (n * (n - 1.0)).sqrt() / (n - 2.0);
        (n > 2.0 && self.second != 0.0).then(|| bias * (self.third / n) / (self.second / n).powf(1.5))
    }

    /// The kurtosis above that of a normal distribution, of the population that this is a sample of.
    fn kurtosis(&self) -> Option<f64> {
        let n = self.rows;
        let ratio = n * self.fourth / (self.second * self.second);
        let excess = (n - 1.0) * ((n + 1.0) * ratio - 3.0 * (n - 1.0)) / ((n - 2.0) * (n - 3.0));
        (n > 3.0 && self.second != 0.0).then_some(excess)
    }

    /// The same of this population.
    fn kurtosis_pop(&self) -> Option<f64> {
        let ratio = self.rows * self.fourth / (self.second * self.second);
        (self.rows > 1.0 && self.second != 0.0).then_some(ratio - 3.0)
    }

    fn parts(&self) -> [f64; 5] {
        [self.rows, self.mean, self.second, self.third, self.fourth]
    }
}

/// Which number describes the shape.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// `skewness`.
    Skewness,
    /// `kurtosis`.
    Kurtosis,
    /// `kurtosis_pop`.
    KurtosisPop,
}

/// Moments up to the fourth.
pub(super) struct Shape {
    measure: Measure,
    moments: Vec<Moments>,
    nan: bool,
}

impl Shape {
    /// With this outcome.
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, moments: Vec::new(), nan: false }
    }
}

struct AddValues<'a> {
    values: &'a [f64],
    moments: &'a mut [Moments],
}

impl Fold for AddValues<'_> {
    fn one(&mut self, group: usize, row: usize) {
        let mean = self.values[row];
        self.moments[group].merge(&Moments { rows: 1.0, mean, ..Moments::default() });
    }

    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.moments[group].merge(&Moments::of(&self.values[rows]));
    }
}

impl Accumulator for Shape {
    fn resize(&mut self, groups: usize) {
        self.moments.resize(groups.max(self.moments.len()), Moments::default());
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<f64>(&args[0]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        fold(groups, mask.as_ref(), &mut AddValues { values: &values, moments: &mut self.moments });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let moments = std::mem::take(&mut self.moments);
        let part = |part: usize| moments.iter().map(|moments| moments.parts()[part]).collect();
        (0..5).map(|at| array::<f64>(&DataType::Float64, part(at), None)).collect()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let parts = [0, 1, 2, 3, 4].map(|part| values::<f64>(&state[part]));
        self.nan = self.nan || any_nan(&parts[1], None);
        groups.for_each(|at, group| {
            let [rows, mean, second, third, fourth] = [0, 1, 2, 3, 4].map(|part: usize| parts[part][at]);
            self.moments[group].merge(&Moments { rows, mean, second, third, fourth });
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let of = match self.measure {
            Measure::Skewness => Moments::skewness,
            Measure::Kurtosis => Moments::kurtosis,
            Measure::KurtosisPop => Moments::kurtosis_pop,
        };
        Ok(doubles(std::mem::take(&mut self.moments).iter().map(of)))
    }

    fn memory(&self) -> usize {
        held(&self.moments)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
