//! Weights that take values from the cells of one axis to those of another: nearest, linear, conservative.
//!
//! On a rectilinear grid, whose latitudes and longitudes are one-dimensional, the usual methods of regridding are products
//! of one matrix along each axis. The conservative one is the first-order scheme of Jones (1999, Monthly Weather Review 127,
//! 2204-2210) for cells that are bounded by parallels and meridians: their overlap on the sphere is a difference of sines of
//! latitude times a difference of longitudes.

use crate::AxisWeights;
use crate::schema::{is_latitude, is_longitude};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Labels, and edges, that differ by less than this part of a step are the same.
const SAME: f64 = 1e-5;

/// An overlap below this part of the smaller cell comes from rounding.
const NO_OVERLAP: f64 = 1e-9;

/// How values at new cells follow from those at old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// That of the cell whose label is nearest.
    Nearest,
    /// Between the two labels around it, along each axis.
    #[default]
    Linear,
    /// The mean over the area of the new cell.
    Conservative,
}

/// What kind of line an axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geometry {
    /// Numbers without further meaning: levels, depths, distances.
    Line,
    /// Degrees from pole to pole.
    Latitude,
    /// Degrees around the circle, wherever it is cut.
    Longitude,
}

impl Geometry {
    /// What the attributes `units` and `standard_name` of a coordinate say.
    pub fn of(units: Option<&str>, standard_name: Option<&str>) -> Self {
        if is_latitude(units, standard_name) {
            Self::Latitude
        } else if is_longitude(units, standard_name) {
            Self::Longitude
        } else {
            Self::Line
        }
    }
}

/// The cells along an axis, in any order.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisCells {
    geometry: Geometry,
    labels: Vec<f64>,
    edges: Vec<(f64, f64)>,
}

impl AxisCells {
    /// Cells with these labels and, one each, edges; without them edges lie [half way](half_way) between labels, and a
    /// single label is a cell without extent. Latitudes end at the poles.
    ///
    /// # Panics
    /// If there are edges, but not one pair for each label, or a number is not finite.
    pub fn new(geometry: Geometry, labels: Vec<f64>, edges: Option<Vec<(f64, f64)>>) -> Self {
        let edges = edges.unwrap_or_else(|| half_way(&labels, geometry));
        assert_eq!(edges.len(), labels.len(), "a cell has one pair of edges");
        let numbers = edges.iter().flat_map(|(low, high)| [low, high]).chain(&labels);
        assert!(numbers.into_iter().all(|number| number.is_finite()), "labels and edges are finite");
        let edges = edges.into_iter().map(|pair| in_order(pair, geometry)).collect();
        Self { geometry, labels, edges }
    }

    /// The labels.
    pub fn labels(&self) -> &[f64] {
        &self.labels
    }

    /// The lower and the upper edge of each cell.
    pub fn edges(&self) -> &[(f64, f64)] {
        &self.edges
    }

    /// Whether each label lies within its edges.
    pub fn hold_their_labels(&self) -> bool {
        self.labels.iter().zip(&self.edges).all(|(label, edges)| self.holds(*edges, *label))
    }

    /// The weights that lead from these cells to others of the same geometry.
    ///
    /// * [`Method::Nearest`]: 1 for the nearest label, of two the lower; a label beyond all cells takes nothing.
    /// * [`Method::Linear`]: rows sum to 1; a label outside of the range takes nothing. Beyond the last latitude it takes
    ///   that, if its cell reaches the pole.
    /// * [`Method::Conservative`]: the part of the new cell that each old one covers: rows sum to 1 where the old cells
    ///   cover the new one without gap. On a [`Geometry::Line`], where cells have no area, it is [`Method::Linear`].
    pub fn weights(&self, to: &Self, method: Method) -> AxisWeights {
        let row: Box<dyn Fn(usize) -> Vec<(usize, f64)>> = match (method, self.geometry) {
            (Method::Conservative, Geometry::Latitude | Geometry::Longitude) => {
                let (from, to) = (self.extents(), to.extents());
                Box::new(move |at| self.overlaps(&from, to[at]))
            }
            (Method::Nearest, _) => {
                let line = Line::new(self);
                Box::new(move |at| self.nearest(&line, to.labels[at]).map(|source| (source, 1.0)).into_iter().collect())
            }
            (Method::Linear | Method::Conservative, _) => {
                let line = Line::new(self);
                Box::new(move |at| self.between(&line, to.labels[at]))
            }
        };
        AxisWeights::new((0..to.labels.len()).map(row), self.labels.len())
    }

    /// The cell whose label is nearest.
    fn nearest(&self, line: &Line, label: f64) -> Option<usize> {
        let (below, above) = line.around(line.place(label));
        let distance = |point: &Point| (point.place - line.place(label)).abs();
        let nearest = match (below, above) {
            (Some(below), Some(above)) => match compare(distance(below), distance(above), above.place - below.place) {
                Ordering::Less => below,
                Ordering::Greater => above,
                // On a circle the one that is met later may have the lower label.
                Ordering::Equal if self.labels[above.source] < self.labels[below.source] => above,
                Ordering::Equal => below,
            },
            (Some(point), None) | (None, Some(point)) => point,
            (None, None) => return None,
        };
        self.is_covered(label, nearest.source).then_some(nearest.source)
    }

    /// Whether a label lies in a cell: most likely in that of `nearest`.
    fn is_covered(&self, label: f64, nearest: usize) -> bool {
        self.holds(self.edges[nearest], label) || self.edges.iter().any(|edges| self.holds(*edges, label))
    }

    fn holds(&self, (low, high): (f64, f64), label: f64) -> bool {
        let slack = SAME * (high - low);
        match self.geometry {
            Geometry::Longitude => (label - (low - slack)).rem_euclid(360.0) <= high - low + 2.0 * slack,
            Geometry::Line | Geometry::Latitude => (low - slack..=high + slack).contains(&label),
        }
    }

    /// The labels around another, weighted by how near they are.
    fn between(&self, line: &Line, label: f64) -> Vec<(usize, f64)> {
        let place = line.place(label);
        match line.around(place) {
            (Some(below), Some(above)) => {
                // Halves, as the difference of the largest numbers is infinite; those of the least are 0.
                let part = (place / 2.0 - below.place / 2.0) / (above.place / 2.0 - below.place / 2.0);
                match part {
                    _ if above.source == below.source || part <= SAME || part.is_nan() => vec![(below.source, 1.0)],
                    _ if part >= 1.0 - SAME => vec![(above.source, 1.0)],
                    _ => vec![(below.source, 1.0 - part), (above.source, part)],
                }
            }
            (Some(end), None) | (None, Some(end)) if self.extends_to(line, end, place) => vec![(end.source, 1.0)],
            (Some(_), None) | (None, Some(_) | None) => Vec::new(),
        }
    }

    /// Whether the outermost label stands for a place beyond it: it is the same, or between it and a pole that its cell
    /// reaches.
    fn extends_to(&self, line: &Line, end: &Point, place: f64) -> bool {
        let slack = SAME * line.step;
        if (place - end.place).abs() <= slack {
            return true;
        }
        let (low, high) = self.edges[end.source];
        let reaches = if place > end.place { high >= 90.0 - slack } else { low <= slack - 90.0 };
        self.geometry == Geometry::Latitude && reaches && place.abs() <= 90.0 + slack
    }

    /// The edges as extents: latitudes by their sines, so that differences are areas.
    fn extents(&self) -> Vec<Extent> {
        let sines = self.geometry == Geometry::Latitude;
        let of = |degrees: f64| if sines { sine(degrees) } else { degrees };
        self.edges.iter().map(|(low, high)| Extent { start: of(*low), len: of(*high) - of(*low) }).collect()
    }

    /// The part of an extent that each of others covers.
    fn overlaps(&self, from: &[Extent], to: Extent) -> Vec<(usize, f64)> {
        let around = (self.geometry == Geometry::Longitude).then_some(360.0);
        let part = |(source, own): (usize, &Extent)| {
            let overlap = to.overlap(*own, around);
            (overlap > NO_OVERLAP * to.len.min(own.len)).then(|| (source, overlap / to.len))
        };
        from.iter().enumerate().filter_map(part).collect()
    }
}

/// A stretch of a line or of a circle.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: f64,
    len: f64,
}

impl Extent {
    /// How much of this one another covers; on a circle it may do so twice.
    fn overlap(self, other: Self, circle: Option<f64>) -> f64 {
        let covered = |offset: f64| (self.len.min(offset + other.len) - offset.max(0.0)).max(0.0);
        match circle {
            None => covered(other.start - self.start),
            Some(circle) => {
                let offset = (other.start - self.start).rem_euclid(circle);
                (covered(offset) + covered(offset - circle)).min(self.len)
            }
        }
    }
}

/// Labels in ascending order; on a circle counted from the first label, and closed if there is no gap.
struct Line {
    points: Vec<Point>,
    /// Where places are counted from, on a circle.
    origin: Option<f64>,
    /// The widest step.
    step: f64,
}

/// A label.
struct Point {
    place: f64,
    source: usize,
}

impl Line {
    fn new(cells: &AxisCells) -> Self {
        let circle = cells.geometry == Geometry::Longitude;
        let mut line = Self { points: Vec::new(), origin: cells.labels.first().copied().filter(|_| circle), step: 0.0 };
        let point = |(source, label): (usize, &f64)| Point { place: line.place(*label), source };
        let mut points: Vec<Point> = cells.labels.iter().enumerate().map(point).collect();
        points.sort_by(|a, b| a.place.total_cmp(&b.place));
        points.dedup_by(|later, first| later.place == first.place);
        line.step = points.windows(2).map(|pair| pair[1].place - pair[0].place).fold(0.0, f64::max);
        if let ([first, .., last], true) = (&points[..], circle)
            && first.place + 360.0 - last.place <= line.step * (1.0 + 1e-3)
        {
            let closing = Point { place: first.place + 360.0, source: first.source };
            points.push(closing);
        }
        line.points = points;
        line
    }

    /// Where a label lies; on a circle, labels that lack a hair to the whole turn lie at its start.
    fn place(&self, label: f64) -> f64 {
        let Some(origin) = self.origin else { return label };
        let place = (label - origin).rem_euclid(360.0);
        if place >= 360.0 - SAME * self.step.max(NO_OVERLAP) { 0.0 } else { place }
    }

    /// The last point at or before a place, and the first one after.
    fn around(&self, place: f64) -> (Option<&Point>, Option<&Point>) {
        let above = self.points.partition_point(|point| point.place <= place);
        let open_circle = self.origin.is_some() && self.points.last().is_some_and(|last| last.place < 360.0);
        match (above.checked_sub(1).map(|below| &self.points[below]), self.points.get(above)) {
            // Past the last of a circle with a gap comes the first, for which there is no place here.
            (Some(last), None) if open_circle => self.across_the_gap(last, place),
            around => around,
        }
    }

    /// In a gap of the circle there is an end only near to it: the nearer one.
    fn across_the_gap<'a>(&'a self, last: &'a Point, place: f64) -> (Option<&'a Point>, Option<&'a Point>) {
        let to_first = self.points[0].place + 360.0 - place;
        if compare(to_first, place - last.place, 360.0) == Ordering::Less {
            (None, Some(&self.points[0]))
        } else {
            (Some(last), None)
        }
    }
}

/// Compares distances; those that differ by rounding only, measured by a step, are equal.
fn compare(a: f64, b: f64, step: f64) -> Ordering {
    if (a - b).abs() <= NO_OVERLAP * step { Ordering::Equal } else { a.total_cmp(&b) }
}

/// Edges half way between neighbouring labels, the outer ones as far beyond; latitudes end at the poles. A single label is
/// both its edges. In the order of the labels: of descending ones, the upper edge comes first.
pub fn half_way(labels: &[f64], geometry: Geometry) -> Vec<(f64, f64)> {
    let ([first, .., last], pairs) = (labels, labels.windows(2)) else {
        return labels.iter().map(|label| (*label, *label)).collect();
    };
    let inner: Vec<(f64, f64)> = pairs.map(|pair| border(pair[0], pair[1], geometry)).collect();
    // As far before the first label as the first border lies after it, and so on.
    let (before, after) = (first - (inner[0].0 - first), last + (last - inner[inner.len() - 1].1));
    let end = if geometry == Geometry::Latitude { 90.0 } else { f64::MAX };
    let clamped = |edge: f64| edge.clamp(-end, end);
    let lows = std::iter::once(before).chain(inner.iter().map(|(_, low)| *low));
    let highs = inner.iter().map(|(high, _)| *high).chain([after]);
    lows.zip(highs).map(|(low, high)| (clamped(low), clamped(high))).collect()
}

/// Half way between two labels, as the end of the first cell and as the start of the second: on a circle, between them the
/// count may start anew.
fn border(first: f64, second: f64, geometry: Geometry) -> (f64, f64) {
    let step = second - first;
    let turn = match geometry {
        Geometry::Longitude if step.abs() > 180.0 => 360.0_f64.copysign(step),
        Geometry::Longitude | Geometry::Latitude | Geometry::Line => 0.0,
    };
    let edge = (first + (second - turn)) / 2.0;
    (edge, edge + turn)
}

/// A pair of edges, the lower first. Of longitudes, the one that the cell begins with: (359, 1) spans two degrees, and
/// (1, -1) as many.
fn in_order((a, b): (f64, f64), geometry: Geometry) -> (f64, f64) {
    match geometry {
        Geometry::Longitude if b - a < -180.0 && b - a > -360.0 => (a, b + 360.0),
        Geometry::Longitude => (a.min(b), a.max(b).min(a.min(b) + 360.0)),
        Geometry::Latitude => (a.min(b).clamp(-90.0, 90.0), a.max(b).clamp(-90.0, 90.0)),
        Geometry::Line => (a.min(b), a.max(b)),
    }
}

/// The sine of an angle in degrees; the same on every machine, and exact at the poles and at the equator.
pub fn sine(degrees: f64) -> f64 {
    if degrees.abs() == 90.0 { degrees.signum() } else { libm::sin(degrees.to_radians()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METHODS: [Method; 3] = [Method::Nearest, Method::Linear, Method::Conservative];

    fn globe(geometry: Geometry, n: usize, shift: f64) -> AxisCells {
        let (start, whole) = if geometry == Geometry::Latitude { (-90.0, 180.0) } else { (shift, 360.0) };
        let step = whole / n as f64;
        let centre = if geometry == Geometry::Latitude { 0.5 } else { 0.0 };
        AxisCells::new(geometry, (0..n).map(|i| start + (i as f64 + centre) * step).collect(), None)
    }

    fn line(labels: &[f64]) -> AxisCells {
        AxisCells::new(Geometry::Line, labels.to_vec(), None)
    }

    fn sum(row: &[(usize, f64)]) -> f64 {
        row.iter().map(|(_, weight)| weight).sum()
    }

    fn rows(weights: &AxisWeights) -> Vec<Vec<(usize, f64)>> {
        (0..weights.len()).map(|at| weights.row(at).to_vec()).collect()
    }

    /// Edges of cells that cover an axis, some of them narrow.
    fn cuts() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.01..1.0_f64, 1..20).prop_map(|widths| {
            let whole: f64 = widths.iter().sum();
            let mut at = 0.0;
            let inner = widths.iter().map(|width| {
                at += width / whole;
                at.min(1.0)
            });
            let mut edges: Vec<f64> = std::iter::once(0.0).chain(inner).collect();
            *edges.last_mut().expect("there are at least two") = 1.0;
            edges
        })
    }

    fn covering(geometry: Geometry, cuts: &[f64], start: f64, whole: f64) -> AxisCells {
        let edges: Vec<(f64, f64)> =
            cuts.windows(2).map(|pair| (start + whole * pair[0], start + whole * pair[1])).collect();
        let labels = edges.iter().map(|(low, high)| (low + high) / 2.0).collect();
        AxisCells::new(geometry, labels, Some(edges))
    }

    proptest! {
        #[test]
        fn conservative_weights_keep_the_integral(from in cuts(), to in cuts(), shift in -400.0..400.0_f64) {
            let pairs = [
                (covering(Geometry::Latitude, &from, -90.0, 180.0), covering(Geometry::Latitude, &to, 90.0, -180.0)),
                (covering(Geometry::Longitude, &from, 0.0, 360.0), covering(Geometry::Longitude, &to, shift, 360.0)),
            ];
            for (from, to) in pairs {
                let weights = from.weights(&to, Method::Conservative);
                let values: Vec<f64> = (0..from.labels().len()).map(|i| (i * 7 % 5) as f64 - 1.5).collect();
                let mean = |at: usize| weights.row(at).iter().map(|(source, weight)| weight * values[*source]).sum::<f64>();
                let total: f64 = to.extents().iter().enumerate().map(|(at, extent)| extent.len * mean(at)).sum();
                let expected: f64 = from.extents().iter().zip(&values).map(|(extent, value)| extent.len * value).sum();
                prop_assert!((total - expected).abs() <= 1e-12 * from.extents().iter().map(|e| e.len).sum::<f64>() * 4.0);
                for at in 0..weights.len() {
                    prop_assert!((sum(weights.row(at)) - 1.0).abs() < 1e-9, "{:?}", weights.row(at));
                }
            }
        }

        #[test]
        fn linear_weights_give_back_what_is_linear(labels in prop::collection::btree_set(-1000..1000i32, 2..20), to in -1000.0..1000.0_f64, descends: bool) {
            let mut labels: Vec<f64> = labels.into_iter().map(f64::from).collect();
            let range = labels[0]..=labels[labels.len() - 1];
            if descends {
                labels.reverse();
            }
            let weights = line(&labels).weights(&line(&[to]), Method::Linear);
            let row = weights.row(0);
            prop_assert_eq!(range.contains(&to), !row.is_empty());
            if !row.is_empty() {
                prop_assert!((sum(row) - 1.0).abs() < 1e-15);
                let value: f64 = row.iter().map(|(source, weight)| weight * labels[*source]).sum();
                prop_assert!((value - to).abs() < 1e-2, "{} for {}", value, to);
            }
        }
    }

    #[test]
    fn a_grid_goes_to_itself_unchanged_however_it_is_turned() {
        for n in [1, 2, 7, 180, 360, 1440] {
            for geometry in [Geometry::Latitude, Geometry::Longitude] {
                let cells = globe(geometry, n, 0.0);
                let same: Vec<_> = (0..n).map(|at| vec![(at, 1.0)]).collect();
                for method in METHODS {
                    if n > 1 || method != Method::Conservative {
                        assert_eq!(rows(&cells.weights(&cells, method)), same, "{n} {method:?} {geometry:?}");
                    }
                }
            }
            let turned = globe(Geometry::Longitude, n, -180.0);
            let weights = turned.weights(&globe(Geometry::Longitude, n, 180.0), Method::Linear);
            assert_eq!(rows(&weights), (0..n).map(|at| vec![(at, 1.0)]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_circle_is_closed_and_a_sector_is_not() {
        let to = AxisCells::new(Geometry::Longitude, vec![-10.0, 350.0, 359.0], Some(vec![(0.0, 1.0); 3]));
        let closed = globe(Geometry::Longitude, 18, 0.0).weights(&to, Method::Linear);
        assert_eq!(rows(&closed)[..2], [vec![(17, 0.5), (0, 0.5)], vec![(17, 0.5), (0, 0.5)]]);
        let sector = AxisCells::new(Geometry::Longitude, vec![350.0, 355.0, 0.0, 5.0], None);
        assert_eq!(sector.edges(), [(347.5, 352.5), (352.5, 357.5), (-2.5, 2.5), (2.5, 7.5)]);
        let at = |labels: Vec<f64>, method| {
            let to = AxisCells::new(Geometry::Longitude, labels, None);
            rows(&sector.weights(&to, method))
        };
        let linear = at(vec![-2.5, 6.0, 349.0, 180.0, 365.0], Method::Linear);
        assert_eq!(linear, [vec![(1, 0.5), (2, 0.5)], vec![], vec![], vec![], vec![(3, 1.0)]]);
        let nearest = at(vec![-2.0, 6.0, 349.0, 180.0, -2.5], Method::Nearest);
        assert_eq!(nearest, [vec![(2, 1.0)], vec![(3, 1.0)], vec![(0, 1.0)], vec![], vec![(2, 1.0)]]);
    }

    #[test]
    fn ties_go_to_the_lower_label() {
        let to = |geometry, label| AxisCells::new(geometry, vec![label], Some(vec![(label, label)]));
        let lats = AxisCells::new(Geometry::Latitude, vec![30.0, 10.0, -10.0], None);
        assert_eq!(lats.weights(&to(Geometry::Latitude, 20.0), Method::Nearest).row(0), [(1, 1.0)]);
        let lons = globe(Geometry::Longitude, 18, 0.0);
        assert_eq!(lons.weights(&to(Geometry::Longitude, 350.0), Method::Nearest).row(0), [(0, 1.0)]);
        let lons = globe(Geometry::Longitude, 18, -180.0);
        assert_eq!(lons.weights(&to(Geometry::Longitude, 170.0), Method::Nearest).row(0), [(0, 1.0)]);
    }

    #[test]
    fn the_last_latitude_stands_for_the_pole_that_its_cell_reaches() {
        let to = globe(Geometry::Latitude, 36, 0.0);
        let weights = globe(Geometry::Latitude, 18, 0.0).weights(&to, Method::Linear);
        assert_eq!((weights.row(0), weights.row(35)), (&[(0, 1.0)][..], &[(17, 1.0)][..]));
        assert_eq!(weights.row(1), [(0, 0.75), (1, 0.25)]);
        let region = AxisCells::new(Geometry::Latitude, vec![40.0, 45.0, 50.0], None);
        assert!(
            region.weights(&to, Method::Linear).row(28).is_empty(),
            "52.5 lies beyond 50, which stands for 52.5 at most"
        );
    }

    #[test]
    fn edges_are_half_way_and_end_at_the_poles() {
        assert_eq!(half_way(&[80.0, 60.0], Geometry::Latitude), [(90.0, 70.0), (70.0, 50.0)]);
        assert_eq!(half_way(&[85.0, 60.0], Geometry::Latitude)[0], (90.0, 72.5));
        assert_eq!(half_way(&[350.0, 360.0], Geometry::Longitude), [(345.0, 355.0), (355.0, 365.0)]);
        assert_eq!(half_way(&[7.0], Geometry::Line), [(7.0, 7.0)]);
        assert_eq!(half_way(&[], Geometry::Line), []);
        assert_eq!(in_order((359.5, 0.5), Geometry::Longitude), (359.5, 360.5));
        assert_eq!(in_order((1.0, -1.0), Geometry::Longitude), (-1.0, 1.0));
        assert_eq!(in_order((0.0, 720.0), Geometry::Longitude), (0.0, 360.0));
    }

    #[test]
    fn lines_are_linear_where_areas_mean_nothing() {
        let levels = line(&[1000.0, 850.0, 500.0]);
        let weights = levels.weights(&line(&[900.0, 1000.0, 1001.0, 500.0]), Method::Conservative);
        let third = 1.0 / 3.0;
        assert!((weights.row(0)[0].1 - 2.0 * third).abs() < 1e-15 || (weights.row(0)[1].1 - 2.0 * third).abs() < 1e-15);
        assert_eq!((weights.row(1), weights.row(2), weights.row(3)), (&[(0, 1.0)][..], &[][..], &[(2, 1.0)][..]));
        assert!(line(&[]).weights(&levels, Method::Linear).row(0).is_empty());
        assert_eq!(line(&[0.0, 5e-324]).weights(&line(&[0.0]), Method::Linear).row(0), [(0, 1.0)]);
        let huge = line(&[-1e308, 1.7e308, 1.75e308]);
        METHODS.iter().for_each(|method| assert_eq!(huge.weights(&huge, *method).row(2), [(2, 1.0)]));
        assert_eq!(huge.weights(&line(&[1.6e308, 1e307]), Method::Linear).row(0).len(), 2);
    }
}
