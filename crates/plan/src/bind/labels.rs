//! Warns where an equality loses labels of an axis that differ by rounding only (SEMANTICS section 3): a FLOAT axis beside a
//! DOUBLE one, or a label that was written with fewer digits.

use super::dataset::AxisColumn;
use super::expr::ExprBinder;
use super::scope::{Table, quoted};
use crate::axis::MAX_AXIS_VALUES;
use crate::numbers::count;
use crate::{Result, Span};
use hyperslab_expr::scalar::nearest::{Axis, numbers};
use hyperslab_expr::{Expr, SqlType, eval};

/// Labels are the same but for rounding if they differ by less than this share of a step of the axis.
const SHARE_OF_STEP: f64 = 1e-5;

/// Or by as much as numbers stored as FLOAT do, but never by more than this share of a step.
const MOST_OF_STEP: f64 = 0.1;

/// A side of an equality: the labels that are looked for or among which others are.
struct Side {
    /// As the query writes it.
    name: String,
    labels: Vec<Option<f64>>,
    is_axis: bool,
    /// Whether labels are rounded as FLOAT is, or are times, in microseconds.
    is_float: bool,
    is_time: bool,
}

impl ExprBinder<'_, '_> {
    /// Warns if an equality between coordinates, or of one with a constant, misses labels that are all but equal; says whether it did.
    pub(super) fn watch_labels(&mut self, left: (&Expr, Span), right: (&Expr, Span)) -> Result<bool> {
        let (Some(left), Some(right)) = (self.side(left)?, self.side(right)?) else { return Ok(false) };
        let (axis, other) = if right.is_axis { (right, left) } else { (left, right) };
        if axis.is_axis
            && let Some(lost) = Lost::new(&other, &axis)
        {
            self.binder.warn(lost.warning(&other, &axis));
            return Ok(true);
        }
        Ok(false)
    }

    /// The labels that an expression is: those of a coordinate of usual length, or a number.
    fn side(&self, (expr, span): (&Expr, Span)) -> Result<Option<Side>> {
        let name = || self.binder.text.slice(span).to_string();
        match expr {
            Expr::Cast { arg, to: SqlType::Double, .. } if arg.sql_type() == SqlType::Float => self.side((arg, span)),
            Expr::Column(id, ty) => {
                let Some(relation) = self.frame.scope.relation_of(*id) else { return Ok(None) };
                let Table::Dataset(dataset) = &self.frame.scope.relations[relation].table else { return Ok(None) };
                let Some(AxisColumn { variable: Some(variable), len, .. }) = dataset.axis_of(*id) else {
                    return Ok(None);
                };
                if len > MAX_AXIS_VALUES || !(ty.is_numeric() || matches!(ty, SqlType::Timestamp(_))) {
                    return Ok(None);
                }
                let variable_name = dataset.source().schema().variables[variable].name.clone();
                let name = match &self.frame.scope.relations[relation].name {
                    Some(table) if !table.contains('*') => format!("{}.{}", quoted(table), quoted(&variable_name)),
                    _ => name(),
                };
                let labels = numbers(&dataset.source().coordinate(variable)?)?;
                let is_float = *ty == SqlType::Float;
                Ok(Some(Side { name, labels, is_axis: true, is_float, is_time: !ty.is_numeric() }))
            }
            expr if expr.columns().is_empty() && !expr.is_volatile() && expr.sql_type().is_numeric() => {
                let Ok(value) = eval::evaluate_constant(expr) else { return Ok(None) };
                let labels = numbers(&value.to_array(1)?)?;
                Ok(Some(Side { name: name(), labels, is_axis: false, is_float: false, is_time: false }))
            }
            _ => Ok(None),
        }
    }
}

/// Labels of one side that equal none of the other, and are all but equal to one.
#[derive(Debug, PartialEq)]
struct Lost {
    labels: usize,
    of: usize,
    example: (f64, f64),
    /// What `nearest` needs to find them all.
    tolerance: f64,
}

impl Lost {
    fn new(wanted: &Side, axis: &Side) -> Option<Self> {
        let known: Vec<f64> = axis.labels.iter().flatten().copied().collect();
        let (least, most) = (known.iter().copied().reduce(f64::min)?, known.iter().copied().reduce(f64::max)?);
        let step = (most - least) / (known.len().max(2) - 1) as f64;
        let is_rounded = wanted.is_float || axis.is_float;
        let rounding = if is_rounded { f64::from(f32::EPSILON) * least.abs().max(most.abs()) } else { 0.0 };
        let tolerance = (SHARE_OF_STEP * step).max(rounding.min(MOST_OF_STEP * step));
        let places = Axis::new(&axis.labels, false);
        let near = |label: f64| axis.labels[places.nearest(label, Some(tolerance))?];
        let pairs = wanted.labels.iter().flatten().filter_map(|label| Some((*label, near(*label)?)));
        let lost: Vec<(f64, f64)> = pairs.filter(|(label, near)| label != near).collect();
        let example = *lost.first()?;
        Some(Self { labels: lost.len(), of: wanted.labels.len(), example, tolerance })
    }

    fn warning(&self, wanted: &Side, axis: &Side) -> String {
        let ((label, near), axis_name, wanted_name) = (self.example, &axis.name, &wanted.name);
        // A little more than it is, so that rounding what is shown does not make it too small.
        let tolerance = 1.05 * self.tolerance;
        let what = if wanted.is_axis {
            format!(
                "{} of {} labels of {wanted_name} equal none of {axis_name}, but nearly do: {label} is {near} there",
                count(self.labels as u64),
                count(self.of as u64)
            )
        } else {
            format!("no label of {axis_name} equals {wanted_name}, but {near} nearly does")
        };
        let (what, tolerance) = match axis.is_time {
            // Microseconds say nothing to people.
            true => (
                what.split(": ").next().unwrap_or_default().to_string(),
                format!("INTERVAL '{} microseconds'", tolerance.ceil()),
            ),
            false => (what, format!("{tolerance:.1e}")),
        };
        let them = if wanted.is_axis { "them" } else { "it" };
        format!("{what}; nearest({axis_name}, {wanted_name}, {tolerance}) finds {them}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(labels: &[f64], is_axis: bool) -> Side {
        let labels = labels.iter().copied().map(Some).collect();
        Side { name: "x".to_string(), labels, is_axis, is_float: true, is_time: false }
    }

    #[test]
    fn labels_that_differ_by_rounding_are_lost_and_others_are_not() {
        let lats: Vec<f64> = (0..720).map(|i| -89.875 + 0.25 * f64::from(i)).collect();
        let tenths: Vec<f64> = (0..3600).map(|i| 0.1 * f64::from(i)).collect();
        let floats: Vec<f64> = tenths.iter().map(|x| f64::from(*x as f32)).collect();
        assert_eq!(Lost::new(&side(&lats, true), &side(&lats, true)), None);
        let shifted: Vec<f64> = lats.iter().map(|x| x + 0.125).collect();
        assert_eq!(Lost::new(&side(&shifted, true), &side(&lats, true)), None);
        let lost = Lost::new(&side(&floats, true), &side(&tenths, true)).unwrap();
        assert!(lost.labels > 2000 && lost.of == 3600, "{lost:?}");
        assert_eq!(Lost::new(&side(&[35.1], false), &side(&[35.099_998, 36.1], true)).unwrap().labels, 1);
        assert_eq!(Lost::new(&side(&[35.0], false), &side(&[35.099_998, 36.1], true)), None);
        assert_eq!(Lost::new(&side(&[], false), &side(&[], true)), None);
    }
}
