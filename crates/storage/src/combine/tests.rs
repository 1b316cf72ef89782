//! How files are joined: rules, order, overlaps and errors; on files in memory, through the whole of [`Dataset`].

use crate::fake::{FakeFile, cells, chars, double, doubles, f32s, float, floats, short, shorts, strings, text};
use crate::formats::StoredType;
use crate::{Block, Dataset, Error, OpenOptions, Overlap, ReadMetrics, Result, Room};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int16Type, TimeUnit};
use hyperslab_grid::schema::{CALENDAR_EXTENSION, Role};
use hyperslab_grid::{CellRuns, Hyperslab, Region};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn open_with(files: Vec<(&str, FakeFile)>, options: &OpenOptions) -> Result<Dataset> {
    let paths = files.iter().map(|(path, _)| PathBuf::from(path)).collect();
    let owned: Vec<(PathBuf, FakeFile)> = files.into_iter().map(|(path, file)| (path.into(), file)).collect();
    let opener = move |path: &Path| {
        let found = owned.iter().find(|(known, _)| known == path);
        found.map(|(_, file)| file.open()).ok_or_else(|| Error::not_found("no such file"))
    };
    Dataset::open_with(paths, options, Box::new(opener), &Room::default())
}

fn open(files: Vec<(&str, FakeFile)>) -> Result<Dataset> {
    open_with(files, &OpenOptions::default())
}

fn one(file: FakeFile) -> Dataset {
    open(vec![("one.nc", file)]).expect("opens")
}

fn with_overlap(overlap: Overlap) -> OpenOptions {
    OpenOptions { overlap, ..OpenOptions::default() }
}

/// The box `slab` of a variable.
fn read(dataset: &Dataset, name: &str, slab: &Hyperslab) -> ArrayRef {
    let variable = dataset.schema().find(name).expect("a known variable");
    let mut block = Block::default();
    dataset.read(variable, slab, &mut block, &ReadMetrics::default()).expect("reads");
    assert!(block.cover().contains(&Region::all_of(slab)), "{:?} holds {slab:?}", block.cover());
    block.decode(&block.cells_of(slab)).expect("decodes")
}

/// All of a variable, chunk by chunk, as numbers in row-major order.
fn numbers(dataset: &Dataset, name: &str) -> Vec<Option<f64>> {
    let variable = dataset.schema().find(name).expect("a known variable");
    let shape = dataset.schema().shape(&dataset.schema().variables[variable].dims);
    let mut out = vec![Some(f64::MIN); shape.iter().product()];
    for slab in dataset.chunk_grid(variable).slabs_meeting(&Region::all(&shape)) {
        let values = cast(&read(dataset, name, &slab), &DataType::Float64).expect("numbers");
        let values = values.as_primitive::<Float64Type>();
        let runs = CellRuns::new(&Region::all_of(&slab), &Region::all(&shape));
        let places = runs.runs().iter().flat_map(Clone::clone);
        places.zip(values.iter()).for_each(|(place, value)| out[place] = value);
    }
    out
}

fn present(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|x| Some(*x)).collect()
}

fn coordinate(dataset: &Dataset, name: &str) -> ArrayRef {
    dataset.coordinate(dataset.schema().find(name).expect("a known variable")).expect("reads")
}

fn labels(dataset: &Dataset, name: &str) -> Vec<f64> {
    let values = cast(&coordinate(dataset, name), &DataType::Float64).expect("numbers");
    values.as_primitive::<Float64Type>().values().to_vec()
}

fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

fn role(dataset: &Dataset, name: &str) -> Role {
    dataset.schema().variables[dataset.schema().find(name).expect("a known variable")].role
}

fn dims(dataset: &Dataset, name: &str) -> Vec<String> {
    let schema = dataset.schema();
    let variable = &schema.variables[schema.find(name).expect("a known variable")];
    variable.dims.iter().map(|d| schema.dimensions[*d].name.clone()).collect()
}

/// `v(t, x)` with three `x`, counting up from `first` in steps of 1.
fn day(times: &[f64], first: f32) -> FakeFile {
    let cells: Vec<f32> = (0..times.len() * 3).map(|i| first + i as f32).collect();
    FakeFile::new()
        .unlimited("t", times.len())
        .dim("x", 3)
        .var("t", &["t"], doubles(times), &[("units", text("days"))])
        .var("x", &["x"], doubles(&[0.0, 0.5, 1.0]), &[])
        .var("v", &["t", "x"], floats(&cells), &[])
        .chunked(&[2, 2])
        .var("mask", &["x"], floats(&[first, 1.0, 2.0]), &[])
}

#[test]
fn a_single_file_is_read_through_its_chunks() {
    let dataset = one(day(&[1.0, 2.0, 3.0], 10.0));
    assert_eq!(numbers(&dataset, "v"), present(&[10., 11., 12., 13., 14., 15., 16., 17., 18.]));
    assert_eq!(labels(&dataset, "t"), [1.0, 2.0, 3.0]);
    assert_eq!(
        (role(&dataset, "filename"), texts(&coordinate(&dataset, "filename"))),
        (Role::Hidden, vec![Some("one.nc")])
    );
    let grid = dataset.chunk_grid(dataset.schema().find("v").expect("is there"));
    assert_eq!(grid.len(), 4);
    assert!(dataset.warnings().is_empty(), "{:?}", dataset.warnings());
}

#[test]
fn files_are_joined_in_coordinate_order_whatever_their_names() {
    let files = vec![("a.nc", day(&[5.0], 50.0)), ("b.nc", day(&[1.0, 2.0, 3.0], 10.0)), ("c.nc", day(&[4.0], 40.0))];
    let dataset = open(files).expect("opens");
    assert_eq!(labels(&dataset, "t"), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let expected = [10., 11., 12., 13., 14., 15., 16., 17., 18., 40., 41., 42., 50., 51., 52.];
    assert_eq!(numbers(&dataset, "v"), present(&expected));
    let names = coordinate(&dataset, "filename");
    assert_eq!(texts(&names), ["b.nc", "b.nc", "b.nc", "c.nc", "a.nc"].map(Some));
    assert_eq!(dims(&dataset, "filename"), ["t"]);
    assert_eq!(numbers(&dataset, "mask"), present(&[10., 1., 2.]), "static: from the first file in coordinate order");
    assert_eq!(dataset.describe(dataset.schema().find("v").expect("is there")).files, 3);
}

#[test]
fn descending_axes_stay_descending() {
    let dataset = open(vec![("a.nc", day(&[2.0, 1.0], 10.0)), ("b.nc", day(&[4.0, 3.0], 30.0))]).expect("opens");
    assert_eq!(labels(&dataset, "t"), [4.0, 3.0, 2.0, 1.0]);
    let error = open(vec![("a.nc", day(&[2.0, 1.0], 10.0)), ("b.nc", day(&[3.0, 4.0], 30.0))]).unwrap_err();
    assert!(error.to_string().contains("the other way in b.nc"), "{error}");
}

#[test]
fn overlaps_are_an_error_with_numbers_unless_an_option_decides() {
    let files = || vec![("a.nc", day(&[1.0, 2.0, 3.0], 10.0)), ("b.nc", day(&[3.0, 4.0], 30.0))];
    let error = open(files()).unwrap_err().to_string();
    assert!(error.contains("overlap along t: a.nc holds 1 to 3, b.nc holds 3 to 4"), "{error}");
    let first = open_with(files(), &with_overlap(Overlap::First)).expect("opens");
    assert_eq!(labels(&first, "t"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(numbers(&first, "v")[6..], present(&[16., 17., 18., 33., 34., 35.]));
    let last = open_with(files(), &with_overlap(Overlap::Last)).expect("opens");
    assert_eq!(numbers(&last, "v")[6..], present(&[30., 31., 32., 33., 34., 35.]));
    let keep = open_with(files(), &with_overlap(Overlap::Keep)).expect("opens");
    assert_eq!(labels(&keep, "t"), [1.0, 2.0, 3.0, 3.0, 4.0]);
}

#[test]
fn a_later_file_can_replace_the_middle_of_an_earlier_one() {
    let files = vec![("a.nc", day(&[1.0, 2.0, 3.0, 4.0], 10.0)), ("b.nc", day(&[2.0, 3.0], 30.0))];
    let dataset = open_with(files, &with_overlap(Overlap::Last)).expect("opens");
    assert_eq!(labels(&dataset, "t"), [1.0, 2.0, 3.0, 4.0]);
    let expected = [10., 11., 12., 30., 31., 32., 33., 34., 35., 19., 20., 21.];
    assert_eq!(numbers(&dataset, "v"), present(&expected));
}

#[test]
fn interleaving_files_are_refused() {
    let files = || vec![("a.nc", day(&[1.0, 3.0], 10.0)), ("b.nc", day(&[2.0, 4.0], 30.0))];
    for overlap in [Overlap::Error, Overlap::First, Overlap::Last] {
        let error = open_with(files(), &with_overlap(overlap)).unwrap_err().to_string();
        assert!(error.contains("interleave along t: a.nc holds 1 to 3, b.nc holds 2 to 4"), "{error}");
    }
}

#[test]
fn equal_times_of_two_files_are_named() {
    let files = vec![("a.nc", day(&[1.0], 10.0)), ("b.nc", day(&[2.0], 20.0)), ("c.nc", day(&[1.0], 30.0))];
    let error = open(files).unwrap_err().to_string();
    assert!(error.contains("a.nc and c.nc hold v for the same t"), "{error}");
}

#[test]
fn nearly_equal_coordinates_are_the_first_files_with_one_warning() {
    let shifted = |first: f64, by: f64| {
        FakeFile::new()
            .dim("t", 1)
            .dim("x", 2)
            .var("t", &["t"], doubles(&[first]), &[])
            .var("x", &["x"], doubles(&[0.0 + by, 1.0]), &[])
            .var("v", &["t", "x"], f32s(2), &[])
    };
    let files = vec![("a.nc", shifted(1.0, 0.0)), ("b.nc", shifted(2.0, 1e-14)), ("c.nc", shifted(3.0, 1e-9))];
    let dataset = open(files).expect("opens");
    assert_eq!(labels(&dataset, "x"), [0.0, 1.0]);
    let [warning] = dataset.warnings() else { panic!("{:?}", dataset.warnings()) };
    assert!(warning.contains("at most 1e-9 in b.nc and 1 more files"), "{warning}");
    let far = open(vec![("a.nc", shifted(1.0, 0.0)), ("b.nc", shifted(2.0, 1e-3))]).unwrap_err();
    assert!(far.to_string().contains("combinations are missing"), "{far}");
}

fn member(name: &str, first: f32) -> FakeFile {
    let cells: Vec<f32> = (0..2).map(|i| first + i as f32).collect();
    FakeFile::new().dim("x", 2).var("x", &["x"], f32s(2), &[]).var(name, &["x"], floats(&cells), &[])
}

#[test]
fn disjoint_variables_lie_side_by_side() {
    let dataset = open(vec![("a.nc", member("u", 0.0)), ("b.nc", member("v", 5.0))]).expect("opens");
    assert_eq!(dims(&dataset, "v"), ["x"]);
    assert_eq!((numbers(&dataset, "u"), numbers(&dataset, "v")), (present(&[0., 1.]), present(&[5., 6.])));
}

#[test]
fn equal_coordinates_make_a_new_dimension_labelled_by_file() {
    let third = member("v", 7.0).var("extra", &["x"], f32s(2), &[]);
    let dataset = open(vec![("a.nc", member("v", 0.0)), ("b.nc", member("v", 5.0)), ("c.nc", third)]).expect("opens");
    assert_eq!(dims(&dataset, "v"), ["filename", "x"]);
    assert_eq!(role(&dataset, "filename"), Role::DimensionCoordinate);
    assert_eq!(texts(&coordinate(&dataset, "filename")), ["a.nc", "b.nc", "c.nc"].map(Some));
    assert_eq!(numbers(&dataset, "v"), present(&[0., 1., 5., 6., 7., 8.]));
    assert_eq!(numbers(&dataset, "extra"), [None, None, None, None, Some(0.), Some(1.)], "NULL where a file lacks it");
}

#[test]
fn without_coordinates_records_follow_one_another() {
    let records = |n: usize| FakeFile::new().unlimited("rec", n).dim("y", 2).var("v", &["rec", "y"], f32s(2 * n), &[]);
    let dataset = open(vec![("a.nc", records(1)), ("b.nc", records(2))]).expect("opens");
    assert_eq!(dataset.schema().shape(&[0, 1]), [3, 2]);
    assert_eq!(numbers(&dataset, "v"), present(&[0., 1., 0., 1., 2., 3.]));
    assert_eq!(texts(&coordinate(&dataset, "filename")), ["a.nc", "b.nc", "b.nc"].map(Some));
}

#[test]
fn granules_are_stacked_with_their_own_coordinates() {
    let granule = |lines: usize, at: f32| {
        let lat: Vec<f32> = (0..lines * 2).map(|i| at + i as f32).collect();
        FakeFile::new()
            .dim("line", lines)
            .dim("pixel", 2)
            .var("lat", &["line", "pixel"], floats(&lat), &[("units", text("degrees_north"))])
            .var("sst", &["line", "pixel"], f32s(lines * 2), &[])
    };
    let dataset = open(vec![("a.nc", granule(2, 0.0)), ("b.nc", granule(1, 40.0))]).expect("opens");
    assert_eq!(role(&dataset, "lat"), Role::AuxiliaryCoordinate);
    assert_eq!(numbers(&dataset, "lat"), present(&[0., 1., 2., 3., 40., 41.]));
}

#[test]
fn files_that_fill_a_product_are_assembled() {
    let tile = |t: f64, m: f64, value: f32| {
        FakeFile::new()
            .dim("t", 1)
            .dim("m", 1)
            .dim("x", 2)
            .var("t", &["t"], doubles(&[t]), &[])
            .var("m", &["m"], doubles(&[m]), &[])
            .var("v", &["t", "m", "x"], floats(&[value, value + 0.5]), &[])
    };
    let files = || {
        vec![
            ("a.nc", tile(1., 1., 11.)),
            ("b.nc", tile(1., 2., 12.)),
            ("c.nc", tile(2., 1., 21.)),
            ("d.nc", tile(2., 2., 22.)),
        ]
    };
    let dataset = open(files()).expect("opens");
    assert_eq!(numbers(&dataset, "v"), present(&[11., 11.5, 12., 12.5, 21., 21.5, 22., 22.5]));
    assert_eq!(dims(&dataset, "filename"), ["t", "m"]);
    let error = open(files()[..3].to_vec()).unwrap_err().to_string();
    assert!(error.contains("1 of 4 combinations are missing") && error.contains("b.nc"), "{error}");
}

#[test]
fn packing_fill_and_types_are_each_files_own() {
    let a = member("v", 0.0);
    let b = FakeFile::new().dim("x", 2).var("x", &["x"], f32s(2), &[]).var(
        "v",
        &["x"],
        shorts(&[-9, 4]),
        &[("scale_factor", double(-0.5)), ("add_offset", double(100.0)), ("_FillValue", short(-9))],
    );
    let dataset = open(vec![("a.nc", a), ("b.nc", b)]).expect("opens");
    let v = dataset.schema().find("v").expect("is there");
    assert_eq!(*dataset.schema().variables[v].data_type(), DataType::Float64, "the widest type");
    assert_eq!(dataset.packing(v), None, "integers of other files would stand for other values");
    assert_eq!(numbers(&dataset, "v"), [Some(0.), Some(1.), None, Some(98.)]);
}

#[test]
fn packed_integers_are_read_as_they_are_where_all_files_pack_alike() {
    let file = |values: &[i16], scale: f64, fill: i16| {
        let attributes = [("scale_factor", double(scale)), ("add_offset", double(9.0)), ("_FillValue", short(fill))];
        FakeFile::new().dim("x", 3).var("x", &["x"], f32s(3), &[]).var("v", &["x"], shorts(values), &attributes)
    };
    let dataset =
        open(vec![("a.nc", file(&[-9, 4, 7], -0.5, -9)), ("b.nc", file(&[-9, 4, 7], -0.5, 4))]).expect("opens");
    let v = dataset.schema().find("v").expect("is there");
    let packing = dataset.packing(v).expect("all files pack alike");
    let values = numbers(&dataset, "v");
    for (row, integers) in [[None, Some(4), Some(7)], [Some(-9), None, Some(7)]].into_iter().enumerate() {
        let (slab, mut block) = (Hyperslab::new(vec![row..row + 1, 0..3]), Block::default());
        dataset.read(v, &slab, &mut block, &ReadMetrics::default()).expect("reads");
        let cells = block.cells_of(&slab);
        let found = block.decode_packed(&cells, packing.stored()).expect("is packed");
        assert_eq!(
            found.as_primitive::<Int16Type>().iter().collect::<Vec<_>>(),
            integers,
            "fill values are each file's own"
        );
        let unpacked = integers.map(|stored| stored.map(|stored| packing.value(i64::from(stored))));
        assert_eq!(values[row * 3..][..3], unpacked);
        assert!(block.decode_packed(&cells, &DataType::Int32).is_err());
    }
    assert_eq!(dataset.packing(dataset.schema().find("x").expect("is there")), None);
    let other = open(vec![("a.nc", file(&[1, 2, 3], -0.5, -9)), ("b.nc", file(&[1, 2, 3], 0.5, -9))]).expect("opens");
    assert_eq!(other.packing(other.schema().find("v").expect("is there")), None);
}

#[test]
fn the_type_of_packed_cells_follows_scale_and_offset() {
    let ty = |attributes: &[(&str, crate::formats::Attribute)], wide: bool| {
        let cells = if wide { cells(StoredType::I32, &[1i32, 2]) } else { shorts(&[1, 2]) };
        let dataset = one(FakeFile::new().dim("x", 2).var("v", &["x"], cells, attributes));
        dataset.schema().variables[0].data_type().clone()
    };
    assert_eq!(ty(&[], false), DataType::Int16);
    assert_eq!(ty(&[("scale_factor", float(0.1))], false), DataType::Float32);
    assert_eq!(ty(&[("scale_factor", float(0.1)), ("add_offset", double(1.0))], false), DataType::Float64);
    assert_eq!(ty(&[("add_offset", double(1.0))], false), DataType::Float64);
    assert_eq!(ty(&[("scale_factor", float(0.1))], true), DataType::Float64);
}

#[test]
fn attributes_of_values_travel_and_those_of_storage_do_not() {
    let attributes = [
        ("units", text("K")),
        ("long_name", text("temperature")),
        ("scale_factor", double(0.5)),
        ("valid_min", short(0)),
        ("coordinates", text("lat lon")),
    ];
    let dataset = one(FakeFile::new().dim("x", 2).var("v", &["x"], shorts(&[1, 2]), &attributes));
    let metadata = dataset.schema().variables[0].field.metadata().clone();
    let mut names: Vec<&String> = metadata.keys().collect();
    names.sort();
    assert_eq!(names, ["long_name", "units"]);
    let storage = dataset.describe(0);
    assert_eq!(storage.packing.as_deref(), Some("times 0.5"));
    assert_eq!(storage.masked, ["default fill -32767", "below 0 (packed)"]);
}

fn timed(units: &str, calendar: &str, times: &[f64]) -> FakeFile {
    let attributes = [("units", text(units)), ("calendar", text(calendar)), ("bounds", text("time_bnds"))];
    let bounds: Vec<f64> = times.iter().flat_map(|t| [t - 0.5, t + 0.5]).collect();
    FakeFile::new()
        .dim("time", times.len())
        .dim("bnds", 2)
        .var("time", &["time"], doubles(times), &attributes)
        .var("time_bnds", &["time", "bnds"], doubles(&bounds), &[])
        .chunked(&[1, 4])
}

#[test]
fn times_take_the_type_of_their_calendar() {
    let ty = |units: &str, calendar: &str, times: &[f64]| {
        let dataset = one(timed(units, calendar, times));
        let field = dataset.schema().variables[0].field.clone();
        (field.data_type().clone(), field.metadata().get("ARROW:extension:metadata").cloned())
    };
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(ty("days since 1900-01-01", "standard", &[0.0]), (timestamp.clone(), None));
    assert_eq!(ty("days since 0001-01-01", "standard", &[700_000.0]), (timestamp, None), "values decide");
    assert_eq!(ty("days since 1900-01-01", "standard", &[-150_000.0]), (DataType::Int64, Some("standard".into())));
    assert_eq!(ty("days since 1900-01-01", "365_day", &[0.0]), (DataType::Int64, Some("noleap".into())));
    assert_eq!(ty("days since 1900-01-01", "mayan", &[0.0]), (DataType::Float64, None));
    assert_eq!(ty("months since 1900-01-01", "standard", &[0.0]), (DataType::Float64, None));
}

#[test]
fn bounds_are_lists_of_the_type_of_what_they_bound() {
    let dataset = one(timed("days since 2000-01-01", "noleap", &[10.0, 20.0, 30.0]));
    assert_eq!((role(&dataset, "time_bnds"), dims(&dataset, "time_bnds")), (Role::Bounds, vec!["time".to_string()]));
    assert_eq!(dataset.schema().dimensions.len(), 1, "corners are no dimension");
    let field = dataset.schema().variables[1].field.clone();
    let DataType::FixedSizeList(item, 2) = field.data_type() else { panic!("{field:?}") };
    assert_eq!(item.extension_type_name(), Some(CALENDAR_EXTENSION));
    let noon = 43_200_000_000i64;
    let start = 10_950 * 86_400_000_000i64;
    for slab in [0..3usize, 1..2, 1..3].map(|range| Hyperslab::new(vec![range])) {
        let array = read(&dataset, "time_bnds", &slab);
        let values = array.as_fixed_size_list().values();
        let values = values.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
        let expected: Vec<i64> = slab.ranges()[0]
            .clone()
            .flat_map(|i| [20 * (i as i64 + 1) - 1, 20 * (i as i64 + 1) + 1])
            .map(|halves| start + halves * noon)
            .collect();
        assert_eq!(values, expected, "{slab:?}");
    }
}

#[test]
fn a_bad_axis_stays_raw_with_a_warning() {
    let dataset = one(timed("days since 2000-01-01", "standard", &[1.0, 1e30]));
    assert_eq!(dataset.schema().variables[0].data_type(), &DataType::Float64);
    assert_eq!(labels(&dataset, "time"), [1.0, 1e30]);
    assert!(dataset.warnings()[0].contains("1 of 2 values are no times"), "{:?}", dataset.warnings());
    assert_eq!(dataset.schema().variables[0].attribute("units"), Some("days since 2000-01-01"));
}

#[test]
fn time_units_are_each_files_own() {
    let a = timed("days since 2000-01-01", "standard", &[0.0]);
    let b = timed("hours since 2000-01-01", "gregorian", &[24.0]);
    let dataset = open(vec![("b.nc", b), ("a.nc", a)]).expect("opens");
    assert_eq!(labels(&dataset, "time").windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>(), [86_400e6]);
    let c = timed("days since 2000-01-01", "noleap", &[5.0]);
    let a = timed("days since 2000-01-01", "standard", &[0.0]);
    let error = open(vec![("a.nc", a), ("c.nc", c)]).unwrap_err().to_string();
    assert!(error.contains("times of the standard calendar in a.nc, times of the noleap calendar in c.nc"), "{error}");
}

#[test]
fn files_that_disagree_say_about_what() {
    let unit = |unit: &str| member("x0", 0.0).var("v", &["x"], f32s(2), &[("units", text(unit))]);
    let error = open(vec![("a.nc", unit("K")), ("b.nc", unit("degC"))]).unwrap_err().to_string();
    assert_eq!(error, "variable v: the unit differs between files: 'K' in a.nc, 'degC' in b.nc");
    let texts = FakeFile::new().dim("x", 2).var("x", &["x"], f32s(2), &[]).var("v", &["x"], strings(&["a", "b"]), &[]);
    let error = open(vec![("a.nc", member("v", 0.0)), ("b.nc", texts)]).unwrap_err().to_string();
    assert!(error.contains("the type differs between files: numbers in a.nc, text in b.nc"), "{error}");
    let short = FakeFile::new().unlimited("t", 1).dim("y", 2).var("v", &["t", "y"], f32s(2), &[]);
    let long = FakeFile::new().unlimited("t", 1).dim("y", 3).var("v", &["t", "y"], f32s(3), &[]);
    let error = open(vec![("a.nc", short), ("b.nc", long)]).unwrap_err().to_string();
    assert!(error.contains("dimension y has 2 positions in a.nc and 3 in b.nc"), "{error}");
}

#[test]
fn folders_are_columns() {
    let files = vec![("model=A/year=2001/x.nc", day(&[1.0], 0.0)), ("model=B/year=2002/x.nc", day(&[2.0], 0.0))];
    let dataset = open(files).expect("opens");
    assert_eq!(texts(&coordinate(&dataset, "model")), ["A", "B"].map(Some));
    assert_eq!(labels(&dataset, "year"), [2001.0, 2002.0]);
    assert_eq!(*coordinate(&dataset, "year").data_type(), DataType::Int64);
}

#[test]
fn text_is_folded_and_strings_are_read() {
    let file = FakeFile::new()
        .dim("station", 2)
        .dim("strlen", 4)
        .var("station", &["station", "strlen"], chars("ab  cde\0"), &[])
        .var("note", &["station"], strings(&["x", "-"]), &[("_FillValue", text("-"))])
        .var("flag", &["station"], chars("1 "), &[("_FillValue", text(" "))]);
    let dataset = one(file);
    assert_eq!(texts(&coordinate(&dataset, "station")), ["ab", "cde"].map(Some));
    assert_eq!(role(&dataset, "station"), Role::DimensionCoordinate);
    assert_eq!(texts(&coordinate(&dataset, "note")), [Some("x"), None]);
    assert_eq!(texts(&coordinate(&dataset, "flag")), [Some("1"), None]);
}

fn ragged(sizes: &[i16]) -> FakeFile {
    FakeFile::new()
        .dim("profile", 3)
        .dim("obs", 5)
        .var("lat", &["profile"], doubles(&[10.0, 20.0, 30.0]), &[("units", text("degrees_north"))])
        .var("row_size", &["profile"], shorts(sizes), &[("sample_dimension", text("obs"))])
        .var("temp", &["obs"], f32s(5), &[])
        .chunked(&[2])
}

#[test]
fn observations_have_the_columns_of_their_feature() {
    let dataset = one(ragged(&[2, 0, 3]));
    assert_eq!((dims(&dataset, "lat"), dims(&dataset, "row_size")), (vec!["obs".into()], vec!["profile".into()]));
    assert_eq!(labels(&dataset, "lat"), [10.0, 10.0, 30.0, 30.0, 30.0]);
    assert_eq!(numbers(&dataset, "lat"), present(&[10., 10., 30., 30., 30.]), "in the chunks of the observations");
    let dataset = one(ragged(&[2, 2, 2]));
    assert_eq!(dims(&dataset, "lat"), ["profile"]);
    assert!(dataset.warnings()[0].contains("do not sum up to the 5 observations"), "{:?}", dataset.warnings());
}

#[test]
fn indices_tell_the_feature_of_an_observation() {
    let indexed = |indices: &[i16]| {
        FakeFile::new()
            .dim("station", 2)
            .dim("obs", 3)
            .var("lat", &["station"], doubles(&[10.0, 20.0]), &[("units", text("degrees_north"))])
            .var("station_index", &["obs"], shorts(indices), &[("instance_dimension", text("station"))])
            .var("temp", &["obs"], f32s(3), &[])
    };
    let dataset = one(indexed(&[1, -32767, 0]));
    assert_eq!(numbers(&dataset, "lat"), [Some(20.0), None, Some(10.0)]);
    let dataset = one(indexed(&[1, 2, 0]));
    assert!(dataset.warnings()[0].contains("outside of the 2 features"), "{:?}", dataset.warnings());
}

#[test]
fn wrong_boxes_are_errors() {
    let dataset = open(vec![("a.nc", day(&[1.0], 0.0)), ("b.nc", day(&[2.0], 0.0))]).expect("opens");
    let v = dataset.schema().find("v").expect("is there");
    let mut block = Block::default();
    let mut read = |ranges| dataset.read(v, &Hyperslab::new(ranges), &mut block, &ReadMetrics::default());
    assert!(read(vec![0..1, 0..4]).is_err(), "outside");
    assert!(read(vec![0..2, 0..3]).is_err(), "in two files");
    assert!(read(std::iter::once(0..1).collect()).is_err(), "too few dimensions");
    assert!(read(vec![1..1, 0..3]).is_ok(), "an empty box holds nothing");
    assert!(dataset.coordinate(v).is_err());
}

#[test]
fn unreadable_variables_are_left_out_with_a_warning() {
    let odd = cells::<u8>(StoredType::Unsupported("compound".into()), &[]);
    let file = FakeFile::new().dim("x", 2).dim("none", 0).var("v", &["x"], f32s(2), &[]).var("c", &["none"], odd, &[]);
    let dataset = one(file);
    assert!(dataset.schema().find("c").is_err());
    assert!(dataset.warnings()[0].contains("variable c: is left out: compound"), "{:?}", dataset.warnings());
}

#[test]
fn empty_dimensions_are_no_trouble() {
    let dataset = one(FakeFile::new().unlimited("t", 0).var("t", &["t"], f32s(0), &[]).var("v", &["t"], f32s(0), &[]));
    assert_eq!(labels(&dataset, "t"), Vec::<f64>::new());
    assert_eq!(numbers(&dataset, "v"), []);
}

proptest! {
    /// Any boxes of any joined files, cut into any chunks, are the cells of the files laid end to end.
    #[test]
    fn boxes_of_joined_files_are_their_cells(
        lens in prop::collection::vec(1usize..6, 1..4), chunk in (1usize..5, 1usize..4), along_inner in any::<bool>(),
        a in 0usize..12, b in 0usize..12,
    ) {
        let total: usize = lens.iter().sum();
        let mut start = 0;
        let mut files = Vec::new();
        for (i, len) in lens.iter().enumerate() {
            let times: Vec<f64> = (start..start + len).map(|t| t as f64).collect();
            let value = |t: usize, x: usize| (10 * (start + t) + x) as f32;
            let (order, shape) = if along_inner { (["x", "t"], [3, *len]) } else { (["t", "x"], [*len, 3]) };
            let cells: Vec<f32> = (0..shape[0] * shape[1])
                .map(|at| (at / shape[1], at % shape[1]))
                .map(|(outer, inner)| if along_inner { value(inner, outer) } else { value(outer, inner) })
                .collect();
            let size = if along_inner { [chunk.1, chunk.0] } else { [chunk.0, chunk.1] };
            let file = FakeFile::new()
                .dim("t", *len).dim("x", 3)
                .var("t", &["t"], doubles(&times), &[])
                .var("v", &order, floats(&cells), &[]).chunked(&size);
            files.push((["a.nc", "b.nc", "c.nc"][i], file));
            start += len;
        }
        let dataset = open(files).expect("opens");
        let all = numbers(&dataset, "v");
        for t in 0..total {
            for x in 0..3 {
                let at = if along_inner { x * total + t } else { t * 3 + x };
                prop_assert_eq!(all[at], Some((10 * t + x) as f64));
            }
        }
        // One box within one file.
        let file = a % lens.len();
        let from: usize = lens[..file].iter().sum();
        let range = from + b % lens[file]..from + lens[file];
        let slab = if along_inner { vec![1..3, range.clone()] } else { vec![range.clone(), 1..3] };
        let got = read(&dataset, "v", &Hyperslab::new(slab));
        let got: Vec<f64> = cast(&got, &DataType::Float64).expect("numbers").as_primitive::<Float64Type>().values().to_vec();
        let cell = |t: usize, x: usize| (10 * t + x) as f64;
        let expected: Vec<f64> = if along_inner {
            (1..3).flat_map(|x| range.clone().map(move |t| cell(t, x))).collect()
        } else {
            range.flat_map(|t| (1..3).map(move |x| cell(t, x))).collect()
        };
        prop_assert_eq!(got, expected);
    }
}
