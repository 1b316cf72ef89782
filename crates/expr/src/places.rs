//! Places on the sphere, ordered so that the one nearest to another is found by looking at few of them: a k-d tree of unit
//! vectors, laid out in bytes, of which the middle splits the rest in two. A constant of a query can hold them, to be searched as
//! it is.

use crate::sphere::RADIUS;

/// The places of cells, to be searched: a vector and a number each.
pub struct Places<'a>(&'a [[u8; PLACE_BYTES]]);

/// A vector of three DOUBLEs, and the number of the cell.
pub const PLACE_BYTES: usize = 3 * size_of::<f64>() + size_of::<u32>();

type Vector = [f64; 3];

/// The bytes of places in degrees, (latitude, longitude), those of each cell in order. Cells without a place are near nothing.
pub fn ordered(cells: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<u8> {
    let place = |(number, cell): (u32, Option<(f64, f64)>)| Some((vector(cell?)?, number));
    let mut places: Vec<(Vector, u32)> = (0..).zip(cells).filter_map(place).collect();
    order(&mut places, 0);
    let mut bytes = Vec::with_capacity(places.len() * PLACE_BYTES);
    for (vector, number) in places {
        vector.iter().for_each(|part| bytes.extend(part.to_le_bytes()));
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

/// Puts the middle along one direction in the middle, and both halves in order along the next.
fn order(places: &mut [(Vector, u32)], direction: usize) {
    if places.len() < 2 {
        return;
    }
    let middle = places.len() / 2;
    places.select_nth_unstable_by(middle, |a, b| a.0[direction].total_cmp(&b.0[direction]).then(a.1.cmp(&b.1)));
    let (below, above) = places.split_at_mut(middle);
    order(below, next(direction));
    order(&mut above[1..], next(direction));
}

fn next(direction: usize) -> usize {
    (direction + 1) % 3
}

/// The unit vector of a place; none for what is no place.
fn vector((lat, lon): (f64, f64)) -> Option<Vector> {
    // Whole circles make no difference, to the last bit.
    let (lat, lon) = (lat.to_radians(), lon.rem_euclid(360.0).to_radians());
    let vector = [libm::cos(lat) * libm::cos(lon), libm::cos(lat) * libm::sin(lon), libm::sin(lat)];
    vector.iter().all(|part| part.is_finite()).then_some(vector)
}

/// The nearest place so far: the square of the chord to it, and its number.
type Best = Option<(f64, u32)>;

impl<'a> Places<'a> {
    /// What [`ordered`] made.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks().0)
    }

    /// The number of the cell nearest to a place by great circle, if one is within so many metres; of several the first.
    pub fn nearest(&self, wanted: (f64, f64), within: Option<f64>) -> Option<u32> {
        let mut best = None;
        search(self.0, vector(wanted)?, 0, &mut best);
        let (square, number) = best?;
        let metres = 2.0 * RADIUS * libm::asin((square.sqrt() / 2.0).min(1.0));
        within.is_none_or(|within| metres <= within).then_some(number)
    }
}

fn search(places: &[[u8; PLACE_BYTES]], wanted: Vector, direction: usize, best: &mut Best) {
    let middle = places.len() / 2;
    let Some(place) = places.get(middle) else { return };
    let (vector, number) = read(place);
    let square = (0..3).map(|at| (vector[at] - wanted[at]) * (vector[at] - wanted[at])).sum::<f64>();
    if best.is_none_or(|(least, first)| square < least || square == least && number < first) {
        *best = Some((square, number));
    }
    let beyond = wanted[direction] - vector[direction];
    let (near, far) = match beyond < 0.0 {
        true => (&places[..middle], &places[middle + 1..]),
        false => (&places[middle + 1..], &places[..middle]),
    };
    search(near, wanted, next(direction), best);
    if best.is_none_or(|(least, _)| beyond * beyond <= least) {
        search(far, wanted, next(direction), best);
    }
}

fn read(place: &[u8; PLACE_BYTES]) -> (Vector, u32) {
    let (parts, number) = place.as_chunks::<8>();
    let part = |at: usize| parts.get(at).map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
    let number = number.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    ([part(0), part(1), part(2)], number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sphere::distance;

    fn random(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as f64 / (1_u64 << 31) as f64
    }

    #[test]
    fn the_nearest_is_what_looking_at_all_places_finds() {
        let mut state = 11;
        let mut place = || (random(&mut state) * 180.0 - 90.0, random(&mut state) * 720.0 - 360.0);
        for cells in [0, 1, 2, 3, 10, 500] {
            let cells: Vec<(f64, f64)> = (0..cells).map(|_| place()).collect();
            let bytes = ordered(cells.iter().copied().map(Some));
            for _ in 0..200 {
                let wanted = place();
                let by_looking = (0..cells.len())
                    .min_by(|a, b| distance(cells[*a], wanted).total_cmp(&distance(cells[*b], wanted)).then(a.cmp(b)));
                assert_eq!(Places::new(&bytes).nearest(wanted, None).map(|at| at as usize), by_looking);
            }
        }
    }

    #[test]
    fn of_equal_places_the_first_is_found_and_none_beyond_the_tolerance() {
        let cells = [None, Some((f64::NAN, 0.0)), Some((10.0, 350.0)), Some((10.0, -10.0)), Some((10.0, 10.0))];
        let bytes = ordered(cells.into_iter());
        let places = Places::new(&bytes);
        assert_eq!(bytes.len(), 3 * PLACE_BYTES);
        assert_eq!(places.nearest((10.0, -9.0), None), Some(2));
        assert_eq!(places.nearest((10.0, 371.0), None), Some(4));
        assert_eq!(places.nearest((11.0, 10.0), Some(112_000.0)), Some(4));
        assert_eq!(places.nearest((11.0, 10.0), Some(111_000.0)), None);
        assert_eq!(places.nearest((f64::NAN, 10.0), None), None);
        assert_eq!(Places::new(&[]).nearest((0.0, 0.0), None), None);
    }
}
