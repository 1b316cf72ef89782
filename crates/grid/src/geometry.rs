//! Shapes in the plane, and their bytes: well-known binary (WKB) of OGC Simple Feature Access 06-103r4, section 8.
//!
//! A position is x and y, for places on the Earth longitude and latitude in degrees as they are written: nothing here knows a
//! sphere, a date line or another convention of longitudes. Heights and measures of a shape are read over and dropped.

use std::fmt;

/// A place: x, y. Both are NaN in an empty point.
pub type Position = [f64; 2];

/// A shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Geometry {
    /// POINT; of NaNs if it is empty.
    Point(Position),
    /// LINESTRING.
    Line(Vec<Position>),
    /// POLYGON: its outer ring, then its holes, each ending where it begins.
    Polygon(Vec<Vec<Position>>),
    /// MULTIPOINT.
    Points(Vec<Position>),
    /// MULTILINESTRING.
    Lines(Vec<Vec<Position>>),
    /// MULTIPOLYGON.
    Polygons(Vec<Vec<Vec<Position>>>),
    /// GEOMETRYCOLLECTION.
    Collection(Vec<Geometry>),
}

/// How deep collections may be nested.
pub const MAX_DEPTH: usize = 32;

/// What is wrong with bytes that should be a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWkb(&'static str);

impl fmt::Display for BadWkb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a shape in WKB: {}", self.0)
    }
}

impl std::error::Error for BadWkb {}

const POINT: u32 = 1;
const LINE: u32 = 2;
const POLYGON: u32 = 3;
const POINTS: u32 = 4;
const LINES: u32 = 5;
const POLYGONS: u32 = 6;
const COLLECTION: u32 = 7;

/// The bytes before the position of a point as it is written here: little endian, type 1.
const POINT_HEAD: [u8; 5] = [1, 1, 0, 0, 0];

/// The bytes of a point.
pub fn point_wkb([x, y]: Position) -> [u8; 21] {
    let mut out = [0; 21];
    out[..5].copy_from_slice(&POINT_HEAD);
    out[5..13].copy_from_slice(&x.to_le_bytes());
    out[13..].copy_from_slice(&y.to_le_bytes());
    out
}

/// The position, if these are the bytes of a point as [`point_wkb`] writes it. Much less work than [`Geometry::from_wkb`].
#[inline]
pub fn point_of_wkb(bytes: &[u8]) -> Option<Position> {
    let bytes: &[u8; 21] = bytes.try_into().ok()?;
    let number = |at: usize| f64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    (bytes[..5] == POINT_HEAD).then(|| [number(5), number(13)])
}

impl Geometry {
    /// Its bytes, little endian.
    pub fn to_wkb(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Point(position) => out.extend_from_slice(&point_wkb(*position)),
            Self::Line(line) => {
                head(LINE, out);
                write_positions(line, out);
            }
            Self::Polygon(rings) => write_polygon(rings, out),
            Self::Points(points) => {
                head(POINTS, out);
                write_all(points, out, |point, out| out.extend_from_slice(&point_wkb(*point)));
            }
            Self::Lines(lines) => {
                head(LINES, out);
                write_all(lines, out, |line, out| {
                    head(LINE, out);
                    write_positions(line, out);
                });
            }
            Self::Polygons(polygons) => {
                head(POLYGONS, out);
                write_all(polygons, out, |rings, out| write_polygon(rings, out));
            }
            Self::Collection(parts) => {
                head(COLLECTION, out);
                write_all(parts, out, Self::write);
            }
        }
    }

    /// The shape of some bytes, of either byte order.
    ///
    /// # Errors
    /// If they are cut off or too long, of no known type, or nested deeper than [`MAX_DEPTH`].
    pub fn from_wkb(bytes: &[u8]) -> Result<Self, BadWkb> {
        let mut reader = Reader { bytes, little: true, ordinates: 2 };
        let out = reader.geometry(0)?;
        if reader.bytes.is_empty() { Ok(out) } else { Err(BadWkb("bytes follow its end")) }
    }
}

fn head(ty: u32, out: &mut Vec<u8>) {
    out.push(1);
    out.extend_from_slice(&ty.to_le_bytes());
}

fn write_all<T>(parts: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    // A shape of 2^32 parts has more bytes than any array of them could hold.
    out.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    parts.iter().for_each(|part| write(part, out));
}

fn write_positions(positions: &[Position], out: &mut Vec<u8>) {
    write_all(positions, out, |[x, y], out| {
        out.extend_from_slice(&x.to_le_bytes());
        out.extend_from_slice(&y.to_le_bytes());
    });
}

fn write_polygon(rings: &[Vec<Position>], out: &mut Vec<u8>) {
    head(POLYGON, out);
    write_all(rings, out, |ring, out| write_positions(ring, out));
}

/// What is still to be read.
struct Reader<'a> {
    bytes: &'a [u8],
    little: bool,
    /// How many numbers a position has.
    ordinates: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadWkb> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(BadWkb("it is cut off"))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32, BadWkb> {
        let bytes = self.take()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn ordinate(&mut self) -> Result<f64, BadWkb> {
        let bytes = self.take()?;
        Ok(if self.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    /// The type of a shape that begins here.
    fn head(&mut self) -> Result<u32, BadWkb> {
        self.little = match self.take::<1>()? {
            [0] => false,
            [1] => true,
            _ => return Err(BadWkb("its byte order is neither 0 nor 1")),
        };
        let ty = self.number()?;
        // The extended form says by bits what ISO says by thousands: a height, a measure, and the number of a reference system.
        let (height, measure) = (ty & 0x8000_0000 != 0, ty & 0x4000_0000 != 0);
        if ty & 0x2000_0000 != 0 {
            self.number()?;
        }
        let plain = ty & 0x0fff_ffff;
        self.ordinates = match plain / 1000 {
            0 => 2 + usize::from(height) + usize::from(measure),
            1 | 2 => 3,
            3 => 4,
            _ => return Err(BadWkb("its type is unknown")),
        };
        Ok(plain % 1000)
    }

    fn geometry(&mut self, depth: usize) -> Result<Geometry, BadWkb> {
        if depth > MAX_DEPTH {
            return Err(BadWkb("it is nested too deeply"));
        }
        Ok(match self.head()? {
            POINT => Geometry::Point(self.position()?),
            LINE => Geometry::Line(self.positions()?),
            POLYGON => Geometry::Polygon(self.rings()?),
            POINTS => Geometry::Points(self.all(9, |reader| reader.part(POINT, Self::position))?),
            LINES => Geometry::Lines(self.all(9, |reader| reader.part(LINE, Self::positions))?),
            POLYGONS => Geometry::Polygons(self.all(9, |reader| reader.part(POLYGON, Self::rings))?),
            COLLECTION => Geometry::Collection(self.all(9, |reader| reader.geometry(depth + 1))?),
            _ => return Err(BadWkb("its type is unknown")),
        })
    }

    fn position(&mut self) -> Result<Position, BadWkb> {
        let position = [self.ordinate()?, self.ordinate()?];
        for _ in 2..self.ordinates {
            self.ordinate()?;
        }
        Ok(position)
    }

    fn positions(&mut self) -> Result<Vec<Position>, BadWkb> {
        self.all(8 * self.ordinates, Self::position)
    }

    fn rings(&mut self) -> Result<Vec<Vec<Position>>, BadWkb> {
        self.all(4, Self::positions)
    }

    /// A part of several of one type, which says its own type again.
    fn part<T>(&mut self, ty: u32, read: impl Fn(&mut Self) -> Result<T, BadWkb>) -> Result<T, BadWkb> {
        if self.head()? == ty { read(self) } else { Err(BadWkb("a part is of another type")) }
    }

    /// As many parts as a number says, of at least `least` bytes each.
    fn all<T>(&mut self, least: usize, read: impl Fn(&mut Self) -> Result<T, BadWkb>) -> Result<Vec<T>, BadWkb> {
        let count = self.number()? as usize;
        // Checked first, so that no nonsense allocates more than the bytes that are there.
        if count > self.bytes.len() / least {
            return Err(BadWkb("it is cut off"));
        }
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<Geometry> {
        let ring = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 3.5], [0.0, 0.0]];
        let line = vec![[1.0, 2.0], [-3.0, 1e300]];
        vec![
            Geometry::Point([1.5, -2.25]),
            Geometry::Line(line.clone()),
            Geometry::Polygon(vec![ring.clone(), ring.clone()]),
            Geometry::Points(line.clone()),
            Geometry::Lines(vec![line.clone(), Vec::new(), line]),
            Geometry::Polygons(vec![vec![ring.clone()], vec![ring]]),
            Geometry::Collection(vec![Geometry::Point([1.0, 2.0]), Geometry::Collection(Vec::new())]),
            Geometry::Polygon(Vec::new()),
        ]
    }

    #[test]
    fn shapes_survive_their_bytes() {
        for shape in shapes() {
            assert_eq!(Geometry::from_wkb(&shape.to_wkb()), Ok(shape));
        }
        assert_eq!(point_of_wkb(&point_wkb([1.5, -2.0])), Some([1.5, -2.0]));
        assert_eq!(point_of_wkb(&shapes()[1].to_wkb()), None);
    }

    #[test]
    fn bytes_of_others_are_read() {
        let mut big = vec![0, 0, 0, 0, 1];
        big.extend([1.5f64, -2.0].map(f64::to_be_bytes).concat());
        assert_eq!(Geometry::from_wkb(&big), Ok(Geometry::Point([1.5, -2.0])));
        let three: Vec<u8> = [1.5f64, -2.0, 9.0].map(f64::to_le_bytes).concat();
        for ty in [1001u32, 2001, 0x8000_0001, 0x4000_0001] {
            let bytes = [&[1][..], &ty.to_le_bytes(), &three].concat();
            assert_eq!(Geometry::from_wkb(&bytes), Ok(Geometry::Point([1.5, -2.0])), "{ty}");
        }
        let with_system = [&[1][..], &0x2000_0001u32.to_le_bytes(), &4326u32.to_le_bytes(), &three[..16]].concat();
        assert_eq!(Geometry::from_wkb(&with_system), Ok(Geometry::Point([1.5, -2.0])));
    }

    #[test]
    fn bad_bytes_are_errors() {
        for shape in shapes() {
            let bytes = shape.to_wkb();
            (0..bytes.len()).for_each(|len| assert!(Geometry::from_wkb(&bytes[..len]).is_err(), "{shape:?} {len}"));
            assert!(Geometry::from_wkb(&[&bytes[..], &[0]].concat()).is_err());
            // Whatever a byte becomes, it is read or refused.
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 0xff;
                let _ = Geometry::from_wkb(&other);
            }
        }
        let deep = (0..100).fold(Geometry::Collection(Vec::new()), |inner, _| Geometry::Collection(vec![inner]));
        assert_eq!(Geometry::from_wkb(&deep.to_wkb()), Err(BadWkb("it is nested too deeply")));
    }
}
