//! Files in memory on other axes.

use super::*;
use crate::fake::{FakeFile, doubles, text};
use crate::{Error, OpenOptions, Room};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use hyperslab_grid::regrid::{Geometry, sine};
use hyperslab_grid::{CellRuns, IndexSet};

/// Two times of a map with 6 latitudes and 8 longitudes, in chunks of 1 x 2 x 3; missing cells are -999.
fn map(values: impl Fn(usize) -> f64) -> Arc<Dataset> {
    let fill = crate::formats::Attribute::Floats(crate::formats::StoredType::F64, vec![-999.0]);
    let axis = |n: usize, start: f64, step: f64| (0..n).map(|i| start + step * i as f64).collect::<Vec<_>>();
    let file = FakeFile::new()
        .dim("time", 2)
        .dim("lat", 6)
        .dim("lon", 8)
        .var("time", &["time"], doubles(&[0.0, 1.0]), &[])
        .var("lat", &["lat"], doubles(&axis(6, 75.0, -30.0)), &[("units", text("degrees_north"))])
        .var("lon", &["lon"], doubles(&axis(8, 0.0, 45.0)), &[("units", text("degrees_east"))])
        .var(
            "v",
            &["time", "lat", "lon"],
            doubles(&(0..96).map(values).collect::<Vec<_>>()),
            &[("missing_value", fill)],
        )
        .chunked(&[1, 2, 3])
        .var("zonal", &["lat"], doubles(&axis(6, 0.0, 1.0)), &[])
        .var(
            "area",
            &["lat", "lon"],
            doubles(&[1.0; 48]),
            &[("coordinates", text("area")), ("standard_name", text("latitude"))],
        );
    let opened = file.open();
    let open = Dataset::open_with(
        vec!["map.nc".into()],
        &OpenOptions::default(),
        Box::new(move |_| Ok(opened.clone())),
        &Room::default(),
    );
    Arc::new(open.expect("it is sound"))
}

fn globe(longitudes: usize, latitudes: usize, method: Method) -> Regrid {
    Regrid { target: Target::Global { longitudes, latitudes }, axes: Vec::new(), method, min_fraction: None }
}

fn read(dataset: &Dataset, name: &str, region: &Region) -> Vec<Option<f64>> {
    let variable = dataset.schema().find(name).expect("it is there");
    let (mut block, metrics) = (Block::default(), ReadMetrics::default());
    dataset.read_region(variable, region, &mut block, &metrics).expect("reads");
    let values = block.decode(CellRuns::new(region, block.cover()).runs()).expect("decodes");
    cast(&values, &DataType::Float64).expect("numbers").as_primitive::<Float64Type>().iter().collect()
}

fn scattered(i: usize) -> f64 {
    if i % 11 == 3 { -999.0 } else { (i * 37 % 101) as f64 }
}

#[test]
fn a_part_has_the_bits_of_the_whole() {
    for method in [Method::Nearest, Method::Linear, Method::Conservative] {
        let regridded = map(scattered).regrid(&globe(13, 9, method)).expect("it has both axes");
        let whole = Region::all(&[2, 9, 13]);
        let all = read(&regridded, "v", &whole);
        let some = Region::new(vec![
            IndexSet::range(1..2),
            IndexSet::from_ascending([0, 4, 5, 8]),
            IndexSet::from_ascending([1, 2, 12]),
        ]);
        let of_all: Vec<Option<f64>> =
            CellRuns::new(&some, &whole).runs().iter().flat_map(|run| all[run.clone()].to_vec()).collect();
        let bits =
            |values: Vec<Option<f64>>| values.into_iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>();
        assert_eq!(bits(read(&regridded, "v", &some)), bits(of_all), "{method:?}");
        assert!(all.contains(&None), "{method:?}");
    }
}

#[test]
fn the_mean_over_the_sphere_stays() {
    let mean = |dataset: &Dataset, shape: [usize; 2]| {
        let values = read(
            dataset,
            "v",
            &Region::new(vec![IndexSet::range(0..1), IndexSet::all(shape[0]), IndexSet::all(shape[1])]),
        );
        let latitude = dataset.schema().find("lat").expect("it is there");
        let labels = dataset.coordinate(latitude).expect("known");
        let labels: Vec<f64> = labels.as_primitive::<Float64Type>().values().to_vec();
        let edges = hyperslab_grid::regrid::half_way(&labels, Geometry::Latitude);
        let height = |at: usize| (sine(edges[at].1) - sine(edges[at].0)).abs() / 2.0 / shape[1] as f64;
        values
            .iter()
            .enumerate()
            .map(|(at, value)| value.expect("none is missing") * height(at / shape[1]))
            .sum::<f64>()
    };
    let base = map(|i| (i * 37 % 101) as f64);
    for (longitudes, latitudes) in [(1, 2), (7, 4), (8, 6), (13, 9), (72, 37)] {
        let regridded = base.regrid(&globe(longitudes, latitudes, Method::Conservative)).expect("it has both axes");
        let (before, after) = (mean(&base, [6, 8]), mean(&regridded, [latitudes, longitudes]));
        assert!((before - after).abs() <= 1e-12 * before, "{before} {after} on {longitudes} x {latitudes}");
    }
}

#[test]
fn a_mean_leaves_out_what_is_missing_up_to_a_fraction() {
    // The first of the two longitudes that a new cell takes halves of, or one of two whole ones.
    let base = map(|i| if i % 8 == 1 { -999.0 } else { 5.0 });
    let count = |min_fraction| {
        let regrid = Regrid { min_fraction, ..globe(4, 6, Method::Conservative) };
        let values = read(&base.regrid(&regrid).expect("it has both axes"), "v", &Region::all(&[2, 6, 4]));
        assert!(values.iter().flatten().all(|value| (value - 5.0).abs() < 1e-12), "{values:?}");
        values.iter().flatten().count()
    };
    assert_eq!(
        [count(None), count(Some(0.0)), count(Some(0.75)), count(Some(0.76)), count(Some(1.0))],
        [48, 48, 48, 24, 24]
    );
}

#[test]
fn gaps_between_points_are_not_read() {
    let regridded = map(scattered).regrid(&globe(72, 36, Method::Nearest)).expect("it has both axes");
    let v = regridded.schema().find("v").expect("it is there");
    assert_eq!(regridded.chunk_grid(v).axes().iter().map(AxisChunks::len).collect::<Vec<_>>(), [2, 1, 1]);
    let points = |lons: &[usize]| {
        Region::new(vec![IndexSet::range(0..1), IndexSet::range(3..4), IndexSet::from_ascending(lons.to_vec())])
    };
    // Longitudes 0 and 15, both in the first chunk; 0 and 270, in the first and the last of three.
    let (near, far) = (points(&[0, 3]), points(&[0, 54]));
    assert_eq!(regridded.covering(v, &near).sets()[2], IndexSet::range(0..4));
    assert_eq!(regridded.covering(v, &far), far);
    let (stored, chunks) = regridded.stored(v, &far);
    assert_eq!((chunks.count_meeting(&stored), chunks.len()), (2, 18));
    let (mut block, metrics) = (Block::default(), ReadMetrics::default());
    regridded.read_region(v, &far, &mut block, &metrics).expect("reads");
    assert_eq!(metrics.snapshot().chunks_read, 2);
    // Every other longitude and latitude of the base: within a chunk, what lies between is read with them.
    let sparse = map(scattered).regrid(&globe(4, 3, Method::Nearest)).expect("it has both axes");
    let metrics = ReadMetrics::default();
    sparse.read_region(v, &Region::all(&[2, 3, 4]), &mut block, &metrics).expect("reads");
    assert_eq!(metrics.snapshot().chunks_read, 18);
}

#[test]
fn chunks_that_are_read_for_two_pieces_are_counted() {
    let regridded = map(scattered).regrid(&globe(1500, 1500, Method::Conservative)).expect("it has both axes");
    let v = regridded.schema().find("v").expect("it is there");
    let whole = Region::all(&[2, 1500, 1500]);
    // Three bands, of which two reach into the chunks of the next: three chunks a row, at two times.
    assert_eq!(regridded.chunk_grid(v).axes()[1].len(), 3);
    let again = regridded.read_again(v, &whole);
    assert_eq!(
        regridded.read_again(v, &Region::new(vec![IndexSet::all(2), IndexSet::range(0..9), IndexSet::all(1500)])),
        0
    );
    let (mut block, metrics) = (Block::default(), ReadMetrics::default());
    for slab in regridded.chunk_grid(v).slabs_meeting(&whole) {
        regridded.read(v, &slab, &mut block, &metrics).expect("reads");
    }
    assert_eq!(metrics.snapshot().chunks_read as usize, 18 + again);
}

#[test]
fn what_lies_along_one_axis_only_is_taken_along_it() {
    let regridded = map(scattered).regrid(&globe(4, 3, Method::Linear)).expect("it has both axes");
    assert_eq!(read(&regridded, "zonal", &Region::all(&[3])), [Some(5.0), Some(2.5), Some(0.0)]);
    assert!(regridded.schema().find("area").is_err(), "a coordinate in two dimensions is left out");
    assert_eq!(regridded.warnings(), ["left out, as they cannot be regridded: area"]);
    let lat = &regridded.schema().variables[regridded.schema().find("lat").expect("it is there")];
    assert_eq!((lat.attribute("units"), lat.attribute("bounds")), (Some("degrees_north"), Some("lat_bnds")));
}

#[test]
fn points_along_an_axis_come_before_areas() {
    let base = map(|i| if i < 48 { 1.0 } else { 3.0 });
    let axes = vec![("time".to_string(), vec![0.5, 2.0])];
    let both = base.regrid(&Regrid { axes, ..globe(2, 2, Method::Conservative) }).expect("time is a number here");
    let values = read(&both, "v", &Region::all(&[2, 2, 2]));
    assert!(values[..4].iter().all(|value| value.is_some_and(|value| (value - 2.0).abs() < 1e-12)), "{values:?}");
    assert_eq!(values[4..], [None; 4]);
}

#[test]
fn what_cannot_be_is_an_error() {
    let base = map(scattered);
    let error = |target: Target, axes: &[(&str, f64)]| -> Error {
        let axes = axes.iter().map(|(name, label)| ((*name).to_string(), vec![*label])).collect();
        base.regrid(&Regrid { target, axes, method: Method::Linear, min_fraction: None }).expect_err("it cannot be")
    };
    assert!(error(Target::Own, &[("depth", 0.0)]).hint.is_some_and(|hint| hint.contains("time, lat, lon")));
    let twice = error(Target::Global { longitudes: 4, latitudes: 2 }, &[("lon", 0.0)]);
    assert!(twice.message.contains("given twice"), "{twice}");
}
