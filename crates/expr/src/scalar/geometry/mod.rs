//! Shapes: points, lines and areas as BLOB in well-known binary, and which points lie in them.
//!
//! Coordinates are plain numbers in a plane, x before y, so longitude before latitude; edges are straight in them. Nothing
//! wraps around: a shape that crosses the date line, or in another convention of longitudes than the grid, does not meet the
//! grid's cells beyond it.
//!
//! A shape is looked through once and not for every row: see [`Prepared`].

mod exact;
mod prepared;
mod wkt;

use super::signature::{all_of, exactly};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, AsArray, BinaryArray, BinaryBuilder, BooleanArray};
use arrow::datatypes::Float64Type;
use hyperslab_grid::geometry::{Geometry, point_of_wkb, point_wkb};
use prepared::{Prepared, Side};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// `ST_Point(x, y)`
pub(super) const POINT: ScalarFunction = ScalarFunction {
    names: &["st_point"],
    family: Family::Place,
    usage: "ST_Point(x, y)",
    doc: "The point at x (longitude) and y (latitude), as BLOB in WKB",
    bind: |args| all_of(args, 2, 2, &SqlType::Double, SqlType::Blob),
    kernel: Kernel::Eager(points),
    fails: Fails::Never,
};

/// `ST_GeomFromText(text)`
pub(super) const FROM_TEXT: ScalarFunction = ScalarFunction {
    names: &["st_geomfromtext"],
    family: Family::Place,
    usage: "ST_GeomFromText(text)",
    doc: "The shape that a text in WKT says, such as 'POLYGON ((0 0, 10 0, 10 5, 0 0))', as BLOB in WKB",
    bind: |args| exactly(args, &[SqlType::Varchar], SqlType::Blob),
    kernel: Kernel::Eager(|call| {
        let texts = call.text(0);
        let shape = |row| texts.get(row).map(|text| wkt::parse(text).map(|shape| shape.to_wkb())).transpose();
        let shapes: BinaryArray = (0..call.count()).map(shape).collect::<Result<_>>()?;
        Ok(call.wrap(Arc::new(shapes)))
    }),
    fails: Fails::Sometimes,
};

/// `ST_AsText(shape)`
pub(super) const AS_TEXT: ScalarFunction = ScalarFunction {
    names: &["st_astext"],
    family: Family::Place,
    usage: "ST_AsText(shape)",
    doc: "A shape as WKT",
    bind: |args| exactly(args, &[SqlType::Blob], SqlType::Varchar),
    kernel: Kernel::Eager(|call| {
        let shapes = Shapes::new(call, 0);
        call.text_rows(|row| shapes.get(row).map(|bytes| Ok(wkt::write(&shape_of(bytes)?))).transpose())
    }),
    fails: Fails::Sometimes,
};

/// `ST_X(point)`
pub(super) const X: ScalarFunction =
    ordinate(&["st_x"], "ST_X(point)", "The x (longitude) of a point", |call| ordinates(call, 0));

/// `ST_Y(point)`
pub(super) const Y: ScalarFunction =
    ordinate(&["st_y"], "ST_Y(point)", "The y (latitude) of a point", |call| ordinates(call, 1));

/// `ST_Contains(shape, points)`
pub(super) const CONTAINS: ScalarFunction = predicate(
    &["st_contains"],
    "ST_Contains(shape, point)",
    "Whether a point lies within a shape and not on its edge; of several points none outside and one at least within",
    |call| test(call, [0, 1], contains),
);

/// `ST_Within(points, shape)`
pub(super) const WITHIN: ScalarFunction = predicate(
    &["st_within"],
    "ST_Within(point, shape)",
    "ST_Contains with its arguments the other way round",
    |call| test(call, [1, 0], contains),
);

/// `ST_Intersects(a, b)`
pub(super) const INTERSECTS: ScalarFunction = predicate(
    &["st_intersects"],
    "ST_Intersects(shape, shape)",
    "Whether two shapes have a place in common, be it on their edges",
    |call| test(call, if call.args[1].is_constant() { [1, 0] } else { [0, 1] }, intersects),
);

const fn ordinate(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let kernel = Kernel::Eager(kernel);
    let bind = |args: &[SqlType]| exactly(args, &[SqlType::Blob], SqlType::Double);
    ScalarFunction { names, family: Family::Place, usage, doc, bind, kernel, fails: Fails::Sometimes }
}

const fn predicate(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let kernel = Kernel::Eager(kernel);
    let bind = |args: &[SqlType]| exactly(args, &[SqlType::Blob, SqlType::Blob], SqlType::Boolean);
    ScalarFunction { names, family: Family::Place, usage, doc, bind, kernel, fails: Fails::ByShape }
}

/// A BLOB argument, row by row.
struct Shapes<'a> {
    array: &'a BinaryArray,
    value: &'a Value,
}

impl<'a> Shapes<'a> {
    fn new(call: &'a Call<'_>, at: usize) -> Self {
        Self { array: call.args[at].array().as_binary(), value: &call.args[at] }
    }

    fn get(&self, row: usize) -> Option<&'a [u8]> {
        let at = self.value.place(row);
        self.array.is_valid(at).then(|| self.array.value(at))
    }
}

/// The WKT of a shape, if bytes are just one in WKB.
pub fn shape_text(bytes: &[u8]) -> Option<String> {
    Geometry::from_wkb(bytes).ok().map(|shape| wkt::write(&shape))
}

fn shape_of(bytes: &[u8]) -> Result<Geometry> {
    let hint = "ST_GeomFromText('POLYGON ((0 0, 10 0, 10 5, 0 0))') and ST_Point(x, y) make shapes";
    Geometry::from_wkb(bytes).map_err(|error| Error::new(error.to_string()).with_hint(hint))
}

fn points(call: &Call<'_>) -> Result<Value> {
    let (xs, ys) = (call.reader::<Float64Type>(0), call.reader::<Float64Type>(1));
    let rows = call.count();
    let mut out = BinaryBuilder::with_capacity(rows, 21 * rows);
    for row in 0..rows {
        match (xs.get(row), ys.get(row)) {
            (Some(x), Some(y)) => out.append_value(point_wkb([x, y])),
            _ => out.append_null(),
        }
    }
    Ok(call.wrap(Arc::new(out.finish())))
}

fn ordinates(call: &Call<'_>, axis: usize) -> Result<Value> {
    let shapes = Shapes::new(call, 0);
    let out = call.rows::<Float64Type>(|row| match shapes.get(row).map(shape_of).transpose()? {
        // An empty point has none.
        Some(Geometry::Point(position)) => Ok(Some(position[axis]).filter(|value| !value.is_nan())),
        Some(_) => Err(Error::new("only a point has one x and one y")),
        None => Ok(None),
    })?;
    Ok(call.wrap(Arc::new(out)))
}

/// Tests each row: `first` is the argument that is prepared, of which there are few, and `second` the other.
fn test(call: &Call<'_>, [first, second]: [usize; 2], holds: fn(&Prepared, &[u8]) -> Result<bool>) -> Result<Value> {
    let (shapes, others) = (Shapes::new(call, first), Shapes::new(call, second));
    let mut current: Option<(usize, Rc<Prepared>)> = None;
    let out = (0..call.count()).map(|row| {
        let (Some(shape), Some(other)) = (shapes.get(row), others.get(row)) else { return Ok(None) };
        let place = shapes.value.place(row);
        let prepared = match &current {
            Some((known, prepared)) if *known == place => prepared,
            _ => &current.insert((place, prepare(shape)?)).1,
        };
        holds(prepared, other).map(Some)
    });
    let out: BooleanArray = out.collect::<Result<_>>()?;
    Ok(call.wrap(Arc::new(out)))
}

/// How many shapes a thread remembers: a constant is met again with every few thousand rows, and so are those of a small table.
const REMEMBERED: usize = 16;

/// Larger shapes are prepared anew.
const MAX_REMEMBERED_BYTES: usize = 4 << 20;

/// A shape's bytes, and what was made of them.
type Remembered = (Box<[u8]>, Rc<Prepared>);

thread_local! {
    static RECENT: RefCell<Vec<Remembered>> = const { RefCell::new(Vec::new()) };
}

fn prepare(bytes: &[u8]) -> Result<Rc<Prepared>> {
    RECENT.with_borrow_mut(|recent| {
        if let Some(at) = recent.iter().position(|(known, _)| **known == *bytes) {
            // The last one used stands last.
            recent[at..].rotate_left(1);
            return Ok(recent[recent.len() - 1].1.clone());
        }
        let prepared = Rc::new(Prepared::new(&shape_of(bytes)?));
        if bytes.len() <= MAX_REMEMBERED_BYTES {
            if recent.len() == REMEMBERED {
                recent.remove(0);
            }
            recent.push((bytes.into(), prepared.clone()));
        }
        Ok(prepared)
    })
}

fn contains(shape: &Prepared, points: &[u8]) -> Result<bool> {
    if let Some(point) = point_of_wkb(points) {
        return Ok(shape.side(point) == Side::Inside);
    }
    match shape_of(points)? {
        Geometry::Point(point) => Ok(shape.side(point) == Side::Inside),
        Geometry::Points(points) => {
            let sides: Vec<Side> = points.into_iter().map(|point| shape.side(point)).collect();
            Ok(sides.contains(&Side::Inside) && !sides.contains(&Side::Outside))
        }
        Geometry::Line(_)
        | Geometry::Polygon(_)
        | Geometry::Lines(_)
        | Geometry::Polygons(_)
        | Geometry::Collection(_) => {
            let error = Error::new("ST_Contains and ST_Within test points, not lines or areas");
            Err(error.with_hint("ST_Intersects tests shapes of all kinds"))
        }
    }
}

fn intersects(shape: &Prepared, other: &[u8]) -> Result<bool> {
    match point_of_wkb(other) {
        Some(point) => Ok(shape.side(point) != Side::Outside),
        None => Ok(shape.meets(&*prepare(other)?)),
    }
}

#[cfg(test)]
mod tests;
