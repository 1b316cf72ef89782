//! A shape made ready for many points: its edges sorted into bands of y, so that a point is compared with few of them.

use super::exact::side_of_line;
use hyperslab_grid::geometry::{Geometry, Position};
use std::cmp::Ordering;

/// Where a point lies as seen from a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Not in it.
    Outside,
    /// On the edge of an area, or at the end of a line.
    Edge,
    /// In it.
    Inside,
}

/// A shape made ready for many points.
#[derive(Debug)]
pub(super) struct Prepared {
    bounds: Bounds,
    points: Vec<Position>,
    lines: Vec<Edges>,
    /// The ends of lines: places that are the end of an odd number of them.
    ends: Vec<Position>,
    areas: Vec<Edges>,
}

impl Prepared {
    /// Looks through a shape.
    pub(super) fn new(shape: &Geometry) -> Self {
        let none =
            Self { bounds: Bounds::NONE, points: Vec::new(), lines: Vec::new(), ends: Vec::new(), areas: Vec::new() };
        let mut out = none;
        out.add(shape);
        out.ends = odd(std::mem::take(&mut out.ends));
        out.points.iter().for_each(|point| out.bounds.add(*point));
        out.lines.iter().chain(&out.areas).for_each(|edges| out.bounds.add_all(&edges.bounds));
        out
    }

    fn add(&mut self, shape: &Geometry) {
        match shape {
            // An empty point is nowhere.
            Geometry::Point(point) => self.points.extend(Some(*point).filter(|point| !point[0].is_nan())),
            Geometry::Points(points) => self.points.extend(points.iter().filter(|point| !point[0].is_nan())),
            Geometry::Line(line) => self.add_line(line),
            Geometry::Lines(lines) => lines.iter().for_each(|line| self.add_line(line)),
            Geometry::Polygon(rings) => {
                self.areas.push(Edges::new(rings.iter().flat_map(|ring| closed(ring)).collect()))
            }
            Geometry::Polygons(polygons) => {
                let edges = |rings: &Vec<Vec<Position>>| rings.iter().flat_map(|ring| closed(ring)).collect();
                self.areas.extend(polygons.iter().map(|rings| Edges::new(edges(rings))));
            }
            Geometry::Collection(parts) => parts.iter().for_each(|part| self.add(part)),
        }
    }

    fn add_line(&mut self, line: &[Position]) {
        self.lines.push(Edges::new(edges(line).collect()));
        if let (Some(first), Some(last)) = (line.first(), line.last()) {
            self.ends.extend([*first, *last]);
        }
    }

    /// Where a point lies.
    #[inline]
    pub(super) fn side(&self, point: Position) -> Side {
        if !self.bounds.hold(point) {
            return Side::Outside;
        }
        let of_areas = self.areas.iter().map(|area| area.side(point)).max().unwrap_or(Side::Outside);
        of_areas.max(self.side_of_lines(point))
    }

    fn side_of_lines(&self, point: Position) -> Side {
        if self.points.contains(&point) {
            return Side::Inside;
        }
        match self.lines.iter().any(|line| line.side(point) == Side::Edge) {
            true if self.ends.contains(&point) => Side::Edge,
            true => Side::Inside,
            false => Side::Outside,
        }
    }

    /// Whether two shapes have a place in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.bounds.meet(&other.bounds)
            && (self.holds_some_of(other) || other.holds_some_of(self) || self.edges_meet(other))
    }

    /// Whether one of another shape's points, or the beginning of one of its lines or rings, lies here. If no edges meet, a line or a
    /// ring lies here wholly or not at all.
    fn holds_some_of(&self, other: &Self) -> bool {
        let begins = other.lines.iter().chain(&other.areas).flat_map(|edges| edges.edges.iter().map(|edge| edge[0]));
        other.points.iter().copied().chain(begins).any(|place| self.side(place) != Side::Outside)
    }

    fn edges_meet(&self, other: &Self) -> bool {
        let own = || self.lines.iter().chain(&self.areas);
        other.lines.iter().chain(&other.areas).any(|theirs| own().any(|own| own.meet(theirs)))
    }
}

/// The places that are listed an odd number of times.
fn odd(mut places: Vec<Position>) -> Vec<Position> {
    places.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    places.chunk_by(|a, b| a == b).filter(|alike| alike.len() % 2 == 1).map(|alike| alike[0]).collect()
}

fn edges(line: &[Position]) -> impl Iterator<Item = Edge> {
    line.windows(2).map(|pair| [pair[0], pair[1]])
}

/// The edges of a ring, with the one that closes it if it does not end where it begins.
fn closed(ring: &[Position]) -> impl Iterator<Item = Edge> {
    let last = ring.first().zip(ring.last()).filter(|(first, last)| first != last);
    edges(ring).chain(last.map(|(first, last)| [*last, *first]))
}

/// From one place to another.
type Edge = [Position; 2];

/// A box with all its sides.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: Position,
    high: Position,
}

impl Bounds {
    const NONE: Self = Self { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };

    fn of(edge: &Edge) -> Self {
        let mut out = Self::NONE;
        edge.iter().for_each(|place| out.add(*place));
        out
    }

    fn add(&mut self, place: Position) {
        self.add_all(&Self { low: place, high: place });
    }

    fn add_all(&mut self, other: &Self) {
        for axis in 0..2 {
            self.low[axis] = self.low[axis].min(other.low[axis]);
            self.high[axis] = self.high[axis].max(other.high[axis]);
        }
    }

    /// False also for a place of NaN.
    #[inline]
    fn hold(&self, place: Position) -> bool {
        (0..2).all(|axis| self.low[axis] <= place[axis] && place[axis] <= self.high[axis])
    }

    fn meet(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.low[axis] <= other.high[axis] && other.low[axis] <= self.high[axis])
    }
}

/// The edges of a line or of the rings of an area, sorted into bands of equal height.
#[derive(Debug)]
struct Edges {
    bounds: Bounds,
    edges: Vec<Edge>,
    /// How many bands there are for each unit of y.
    bands_per_y: f64,
    /// Where the entries of each band begin, and where those of the last one end.
    starts: Vec<u32>,
    /// Edges by their number, band by band; an edge is in all bands that it touches.
    entries: Vec<u32>,
}

impl Edges {
    fn new(edges: Vec<Edge>) -> Self {
        let mut bounds = Bounds::NONE;
        edges.iter().for_each(|edge| bounds.add_all(&Bounds::of(edge)));
        let height = bounds.high[1] - bounds.low[1];
        let climbed: f64 = edges.iter().map(|edge| (edge[1][1] - edge[0][1]).abs()).sum();
        // So many that there are no more than some entries for each edge.
        let count = (3.0 * edges.len() as f64 * height / climbed).min(edges.len() as f64);
        let count = if count >= 1.0 { count as usize } else { 1 };
        let bands_per_y = if height > 0.0 { count as f64 / height } else { 0.0 };
        let mut out = Self { bounds, edges, bands_per_y, starts: vec![0; count + 1], entries: Vec::new() };
        out.sort_into_bands(count);
        out
    }

    fn sort_into_bands(&mut self, count: usize) {
        let spans: Vec<[usize; 2]> = self.edges.iter().map(|edge| self.bands_of(edge, count)).collect();
        spans.iter().for_each(|[first, last]| (*first..=*last).for_each(|band| self.starts[band + 1] += 1));
        (0..count).for_each(|band| self.starts[band + 1] += self.starts[band]);
        let mut next = self.starts.clone();
        self.entries = vec![0; self.starts[count] as usize];
        for (number, [first, last]) in spans.into_iter().enumerate() {
            for at in &mut next[first..=last] {
                self.entries[*at as usize] = number as u32;
                *at += 1;
            }
        }
    }

    fn bands_of(&self, edge: &Edge, count: usize) -> [usize; 2] {
        let [a, b] = edge.map(|place| self.band(place[1], count));
        [a.min(b), a.max(b)]
    }

    /// The band of a y. It never falls where y rises, so that a place between the ends of an edge is in one of its bands.
    #[inline]
    fn band(&self, y: f64, count: usize) -> usize {
        (((y - self.bounds.low[1]) * self.bands_per_y) as usize).min(count - 1)
    }

    /// Whether a point lies on an edge, or else within the rings that the edges are: a ray to the right crosses them an odd number
    /// of times.
    fn side(&self, point: Position) -> Side {
        if !self.bounds.hold(point) {
            return Side::Outside;
        }
        let count = self.starts.len() - 1;
        let band = self.band(point[1], count);
        let mut inside = false;
        for number in &self.entries[self.starts[band] as usize..self.starts[band + 1] as usize] {
            match cross(&self.edges[*number as usize], point) {
                Crossing::Touches => return Side::Edge,
                Crossing::Right => inside = !inside,
                Crossing::None => {}
            }
        }
        if inside { Side::Inside } else { Side::Outside }
    }

    fn meet(&self, other: &Self) -> bool {
        if !self.bounds.meet(&other.bounds) {
            return false;
        }
        let near: Vec<&Edge> = self.edges.iter().filter(|edge| Bounds::of(edge).meet(&other.bounds)).collect();
        let theirs = other.edges.iter().filter(|edge| Bounds::of(edge).meet(&self.bounds));
        theirs.into_iter().any(|theirs| near.iter().any(|own| edges_meet(own, theirs)))
    }
}

/// How an edge meets the ray from a point to the right.
enum Crossing {
    /// Not.
    None,
    /// Behind the point.
    Right,
    /// In the point.
    Touches,
}

#[inline]
fn cross([a, b]: &Edge, point: Position) -> Crossing {
    let [x, y] = point;
    if (a[1] > y) == (b[1] > y) {
        // Both ends on one side; an end at the height of the point counts as below it.
        let touches = *a == point || *b == point || a[1] == y && b[1] == y && (a[0] > x) != (b[0] > x);
        return if touches { Crossing::Touches } else { Crossing::None };
    }
    if x < a[0].min(b[0]) {
        return Crossing::Right;
    }
    if x > a[0].max(b[0]) {
        return Crossing::None;
    }
    let upwards = b[1] > a[1];
    match side_of_line(*a, *b, point) {
        Ordering::Equal => Crossing::Touches,
        Ordering::Greater if upwards => Crossing::Right,
        Ordering::Less if !upwards => Crossing::Right,
        Ordering::Greater | Ordering::Less => Crossing::None,
    }
}

fn edges_meet(a: &Edge, b: &Edge) -> bool {
    if !Bounds::of(a).meet(&Bounds::of(b)) {
        return false;
    }
    let parts = |line: &Edge, other: &Edge| {
        let [first, second] = other.map(|place| side_of_line(line[0], line[1], place));
        first != second || first == Ordering::Equal
    };
    // Two edges on one line meet where their boxes do.
    parts(a, b) && parts(b, a)
}
