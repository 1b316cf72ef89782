//! Real files, read whole: counts and sums that the netCDF4 library for Python gives for them. Where the folder of samples
//! is missing the tests say so and pass.

use crate::{Block, Dataset, OpenOptions, ReadMetrics};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use hyperslab_grid::Region;
use hyperslab_grid::schema::Role;
use std::path::Path;

fn sample(name: &str) -> Option<Dataset> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: there is no folder of samples");
        return None;
    }
    let path = folder.join(name).to_str().expect("a plain path").to_string();
    Some(Dataset::open(&[path], &OpenOptions::default()).expect("opens"))
}

/// How many cells of a variable are present, and their sum, least and greatest.
fn statistics(dataset: &Dataset, name: &str) -> (usize, [f64; 3]) {
    let variable = dataset.schema().find(name).expect("a known variable");
    let shape = dataset.schema().shape(&dataset.schema().variables[variable].dims);
    let (mut block, metrics) = (Block::default(), ReadMetrics::default());
    let mut seen = (0, [0.0, f64::INFINITY, f64::NEG_INFINITY]);
    for slab in dataset.chunk_grid(variable).slabs_meeting(&Region::all(&shape)) {
        dataset.read(variable, &slab, &mut block, &metrics).expect("reads");
        let values = block.decode(&block.cells_of(&slab)).expect("decodes");
        let values = cast(&values, &DataType::Float64).expect("numbers");
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            seen.0 += 1;
            seen.1 = [seen.1[0] + value, seen.1[1].min(value), seen.1[2].max(value)];
        }
    }
    seen
}

fn check(dataset: &Dataset, name: &str, count: usize, expected: [f64; 3]) {
    let (found, statistics) = statistics(dataset, name);
    assert_eq!(found, count, "{name}: cells present");
    for (got, wanted) in statistics.into_iter().zip(expected) {
        let close = (got - wanted).abs() <= wanted.abs() * 1e-7;
        assert!(close, "{name}: {statistics:?} instead of {expected:?}");
    }
}

#[test]
fn packed_shorts_of_netcdf4() {
    let Some(dataset) = sample("air.nc") else { return };
    check(&dataset, "air", 28_644, [7_748_746.28, 241.6, 297.5]);
    let time = dataset.coordinate(dataset.schema().find("time").expect("has times")).expect("reads");
    let time = time.as_primitive::<TimestampMicrosecondType>();
    assert_eq!((time.value(0), time.value(123)), (1_412_121_600_000_000, 1_414_778_400_000_000));
}

#[test]
fn records_with_fill_values_of_a_classic_file() {
    let Some(dataset) = sample("bcsd_obs_1999.nc") else { return };
    check(&dataset, "pr", 24_960, [2_527_557.649_828_791_6, 0.590_000_03, 848.55]);
    check(&dataset, "tas", 24_960, [386_613.515_342_837_2, -0.420_967_82, 29.385_807]);
}

#[test]
fn single_precision_packing() {
    let Some(dataset) = sample("reduced.nc") else { return };
    check(&dataset, "sst", 11_752, [152_706.476_519_202_8, -1.8, 32.97]);
    check(&dataset, "ice", 2_934, [2_106.059_946_145_862_3, 0.01, 1.0]);
    let sst = &dataset.schema().variables[dataset.schema().find("sst").expect("is there")];
    assert_eq!(*sst.data_type(), DataType::Float32);
}

#[test]
fn fill_values_that_the_type_cannot_hold() {
    let Some(dataset) = sample("eraint_uvz.nc") else { return };
    check(&dataset, "z", 694_080, [42_463_391_333.561_83, 10_303.25, 123_347.75]);
    check(&dataset, "u", 694_080, [4_817_642.501_665_218, -24.5625, 78.5]);
    assert_eq!(dataset.warnings().len(), 3, "{:?}", dataset.warnings());
}

#[test]
fn a_curvilinear_grid_with_corners() {
    let Some(dataset) = sample("nemo_1m_20150101-20150201_grid-T.nc") else { return };
    check(&dataset, "tos", 65_183, [920_869.181_982_764_9, -2.058_408_3, 34.453_31]);
    let schema = dataset.schema();
    let role = |name: &str| schema.variables[schema.find(name).expect("is there")].role;
    assert_eq!(role("nav_lat"), Role::AuxiliaryCoordinate);
    assert_eq!(role("bounds_lon"), Role::Bounds);
    assert_eq!(schema.grids().len(), 1, "{:?}", schema.grids());
}

#[test]
fn staggered_grids_without_coordinate_variables() {
    let Some(dataset) = sample("wrf_ci_test_file.nc") else { return };
    check(&dataset, "PB", 129_024, [10_732_606_848.417_969, 51_900.07, 99_667.5]);
    let times = dataset.coordinate(dataset.schema().find("Times").expect("is there")).expect("reads");
    assert_eq!(times.as_string::<i32>().value(0), "2005-08-28_12:00:00");
}

#[test]
fn groups_and_swaths_have_paths() {
    let Some(groups) = sample("test_hgroups.nc") else { return };
    let schema = groups.schema();
    assert!(schema.find("mozaic_flight_2012030403540535_ascent/air_press").is_ok());
    let Some(swath) = sample("MLS-Aura_L2GP-IWC_v02-21-c02_2007d210.he5") else { return };
    check(&swath, "IWP", 3_495, [8_664.931_826, -13.783_394_813_537_598, 303.160_736_083_984_4]);
}
