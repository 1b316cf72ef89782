//! Points in shapes against a plain count of crossings, and texts and bytes that are read or refused.

use super::prepared::{Prepared, Side};
use super::{contains, intersects, prepare, shape_of, wkt};
use hyperslab_grid::geometry::{Geometry, Position, point_wkb};
use proptest::prelude::*;

fn shape(text: &str) -> Geometry {
    wkt::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn side(text: &str, point: Position) -> Side {
    Prepared::new(&shape(text)).side(point)
}

#[test]
fn texts_are_read_and_written() {
    let table = [
        ("POINT (1 2)", "POINT (1 2)"),
        ("  point(1.50 -2e1)", "POINT (1.5 -20)"),
        ("POINT EMPTY", "POINT EMPTY"),
        ("POINT Z (1 2 3)", "POINT (1 2)"),
        ("LINESTRING ZM (1 2 3 4, 5 6 7 8)", "LINESTRING (1 2, 5 6)"),
        (
            "POLYGON((0 0,4 0,4 4,0 0),(1 .5,2 .5,2 1,1 .5))",
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 0.5, 2 1, 1 0.5))",
        ),
        ("MULTIPOINT (1 2, (3 4))", "MULTIPOINT (1 2, 3 4)"),
        ("MULTILINESTRING ((1 2, 3 4), EMPTY)", "MULTILINESTRING ((1 2, 3 4), EMPTY)"),
        ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))", "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))"),
        ("GEOMETRYCOLLECTION (POINT (1 2), LINESTRING EMPTY)", "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING EMPTY)"),
    ];
    for (text, written) in table {
        assert_eq!(wkt::write(&shape(text)), written);
        assert_eq!(wkt::write(&shape_of(&shape(text).to_wkb()).expect("its own bytes")), written);
    }
}

#[test]
fn bad_texts_are_refused_with_the_place() {
    let table = [
        ("", "the kind of a shape was expected at character 1, but the text ends"),
        ("CIRCLE (1 2)", "the kind of a shape was expected at character 1, but there is \"CIRCLE (1 2)\""),
        ("POINT 1 2", "( was expected at character 7, but there is \"1 2\""),
        ("POINT (1)", "a number was expected at character 9, but there is \")\""),
        ("POINT (1 2, 3 4)", "one position was expected at character 17, but the text ends"),
        ("POINT (1 2) é", "nothing more was expected at character 13, but there is \"é\""),
        ("POINT (1 1e999)", "a number was expected at character 10"),
        ("POLYGON ((0 0, 1 0, 1 1))", "a ring that ends where it begins was expected at character 25"),
        ("POINT Q (1 2)", "( was expected at character 7"),
    ];
    for (text, message) in table {
        let error = wkt::parse(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    let deep = "GEOMETRYCOLLECTION (".repeat(100_000);
    assert!(wkt::parse(&deep).is_err());
}

#[test]
fn points_on_edges_are_not_within() {
    let ring = "POLYGON ((0 0, 10 0, 10 10, 5 5, 0 10, 0 0), (2 1, 4 1, 4 3, 2 3, 2 1))";
    let inside = [[1.0, 1.0], [5.0, 4.999], [9.9, 9.8], [5.0, 1.0], [0.1, 9.8]];
    let edge =
        [[0.0, 0.0], [5.0, 0.0], [10.0, 10.0], [5.0, 5.0], [7.5, 7.5], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0], [0.0, 3.0]];
    let outside =
        [[3.0, 2.0], [5.0, 5.1], [-1.0, 0.0], [11.0, 0.0], [5.0, 10.0], [f64::NAN, 1.0], [1.0, f64::INFINITY]];
    inside.into_iter().for_each(|point| assert_eq!(side(ring, point), Side::Inside, "{point:?}"));
    edge.into_iter().for_each(|point| assert_eq!(side(ring, point), Side::Edge, "{point:?}"));
    outside.into_iter().for_each(|point| assert_eq!(side(ring, point), Side::Outside, "{point:?}"));
    let line = "MULTILINESTRING ((0 0, 4 4), (4 4, 8 4), (1 0, 2 0, 2 1, 1 0))";
    assert_eq!([[2.0, 2.0], [4.0, 4.0], [1.0, 0.0]].map(|point| side(line, point)), [Side::Inside; 3]);
    assert_eq!([[0.0, 0.0], [8.0, 4.0]].map(|point| side(line, point)), [Side::Edge; 2]);
    assert_eq!(side(line, [1.0, 1.1]), Side::Outside);
    assert_eq!(side("MULTIPOINT (1 2, 3 4)", [3.0, 4.0]), Side::Inside);
    for empty in ["POINT EMPTY", "POLYGON EMPTY", "LINESTRING EMPTY", "MULTIPOLYGON (((0 0, 0 0, 0 0)))"] {
        assert_eq!(side(empty, [1.0, 1.0]), Side::Outside, "{empty}");
    }
}

#[test]
fn predicates() {
    let square = "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))";
    let with_hole = "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 8 1, 8 8, 1 8, 1 1))";
    let meets = |a: &str, b: &str| {
        let found = [(a, b), (b, a)].map(|(a, b)| {
            let prepared = prepare(&shape(a).to_wkb()).expect("a shape");
            intersects(&prepared, &shape(b).to_wkb()).expect("a shape")
        });
        assert_eq!(found[0], found[1], "{a}, {b}");
        found[0]
    };
    let table = [
        (square, "POINT (4 2)", true),
        (square, "POINT (4.1 2)", false),
        (square, "LINESTRING (-1 2, 5 2)", true),
        (square, "LINESTRING (1 1, 2 2)", true),
        (square, "LINESTRING (-1 3.5, 2 6.5)", false),
        (square, "POLYGON ((1 1, 2 1, 2 2, 1 1))", true),
        (square, "POLYGON ((4 4, 6 4, 6 6, 4 4))", true),
        (square, "POLYGON ((5 5, 6 5, 6 6, 5 5))", false),
        (with_hole, "POLYGON ((3 3, 4 3, 4 4, 3 3))", false),
        (with_hole, "MULTIPOINT (4 4, 0.5 0.5)", true),
        ("LINESTRING (0 0, 4 4)", "LINESTRING (0 4, 4 0)", true),
        ("LINESTRING (0 0, 2 2)", "LINESTRING (3 3, 4 4)", false),
        ("LINESTRING (0 0, 2 2)", "LINESTRING (1 1, 4 4)", true),
        ("MULTIPOINT (1 1, 2 2)", "MULTIPOINT (3 3, 2 2)", true),
        (square, "POINT EMPTY", false),
        ("GEOMETRYCOLLECTION (POINT (9 9), LINESTRING (0 0, 1 1))", "POINT (9 9)", true),
    ];
    for (a, b, expected) in table {
        assert_eq!(meets(a, b), expected, "{a}, {b}");
    }
    let square = Prepared::new(&shape(square));
    let within = |text: &str| contains(&square, &shape(text).to_wkb());
    assert_eq!(within("MULTIPOINT (1 1, 4 4)"), Ok(true));
    assert_eq!(within("MULTIPOINT (4 4, 0 0)"), Ok(false));
    assert_eq!(within("MULTIPOINT (1 1, 5 5)"), Ok(false));
    assert!(within("LINESTRING (1 1, 2 2)").is_err());
    assert_eq!(contains(&square, &point_wkb([2.0, 2.0])), Ok(true));
}

/// Whether a point lies within a ring that it is not on, by angles swept.
fn plain(rings: &[Vec<Position>], [x, y]: Position) -> bool {
    let swept = |ring: &Vec<Position>| -> f64 {
        let angle = |pair: &[Position]| {
            let [a, b] = [pair[0], pair[1]].map(|place| [place[0] - x, place[1] - y]);
            (a[0] * b[1] - a[1] * b[0]).atan2(a[0] * b[0] + a[1] * b[1])
        };
        ring.windows(2).map(angle).sum()
    };
    let turns = rings.iter().map(|ring| (swept(ring) / std::f64::consts::TAU).round() as i64).sum::<i64>();
    turns % 2 != 0
}

proptest! {
    /// Rings of any kind, also such as cross themselves: within is what is gone around an odd number of times.
    #[test]
    fn bands_find_all_edges(
        rings in prop::collection::vec(prop::collection::vec((-20i8..20, -20i8..20), 3..40), 1..4),
        points in prop::collection::vec((-21i8..21, -21i8..21), 20),
    ) {
        let place = |(x, y): (i8, i8)| [f64::from(x), f64::from(y)];
        let mut rings: Vec<Vec<Position>> =
            rings.into_iter().map(|ring| ring.into_iter().map(place).collect::<Vec<_>>()).collect();
        rings.iter_mut().for_each(|ring| ring.push(ring[0]));
        let prepared = Prepared::new(&Geometry::Polygon(rings.clone()));
        for point in points.into_iter().map(place) {
            match prepared.side(point) {
                Side::Edge => {}
                side => prop_assert_eq!(side == Side::Inside, plain(&rings, point), "{:?}", point),
            }
        }
    }

    #[test]
    fn nonsense_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[A-Z(), 0-9.eZM-]{0,40}") {
        let _ = prepare(&bytes);
        if let Ok(shape) = wkt::parse(&text) {
            prop_assert!(wkt::parse(&wkt::write(&shape)).is_ok());
        }
    }
}
