//! `nearest` on latitudes and longitudes over two dimensions against the k-d tree of scipy, on a grid with a turned pole: of places
//! in a table, with a tolerance and without. Left out where there is no Python with scipy (`HYPERSLAB_PYTHON`, else `python3`).

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use hyperslab::Session;
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::answer;
use std::path::Path;
use std::process::Command;

/// Makes a grid, places, and for each place the number of its cell, or -1 beyond 120 km.
const SCRIPT: &str = r"
import sys, numpy, netCDF4
from scipy.spatial import cKDTree
folder, rng = sys.argv[1], numpy.random.default_rng(5)
def vectors(lat, lon):
    lat, lon = numpy.radians(lat), numpy.radians(lon)
    return numpy.stack([numpy.cos(lat) * numpy.cos(lon), numpy.cos(lat) * numpy.sin(lon), numpy.sin(lat)], -1)
y, x = numpy.meshgrid(numpy.linspace(-60, 85, 70), numpy.linspace(0, 357, 120), indexing='ij')
turned = vectors(y, x) @ numpy.array([[.8, 0, .6], [0, 1, 0], [-.6, 0, .8]])
lat = numpy.degrees(numpy.arcsin(turned[..., 2]))
lon = numpy.degrees(numpy.arctan2(turned[..., 1], turned[..., 0])) % 360
lat[10:14, 20:30] = numpy.nan
with netCDF4.Dataset(folder + '/grid.nc', 'w') as out:
    for name, length in [('time', 3), ('y', 70), ('x', 120)]:
        out.createDimension(name, length)
    for name, units, values in [('lat', 'degrees_north', lat), ('lon', 'degrees_east', lon)]:
        variable = out.createVariable(name, 'f8', ('y', 'x'))
        variable.units = units
        variable[:] = values
    cell = out.createVariable('cell', 'i4', ('time', 'y', 'x'), chunksizes=(1, 30, 50), zlib=True)
    cell.coordinates = 'lat lon'
    cell[:] = numpy.arange(3 * 70 * 120).reshape(3, 70, 120)
north, east = numpy.degrees(numpy.arcsin(rng.uniform(-1, 1, 500))), rng.uniform(-360, 540, 500)
north[:3], east[0] = [90, -90, 0], 12
places = numpy.c_[numpy.arange(500), north, east]
numpy.savetxt(folder + '/places.csv', places, '%.17g', ',', header='id,north,east', comments='')
known = numpy.flatnonzero(numpy.isfinite(lat.ravel()))
chord, at = cKDTree(vectors(lat, lon).reshape(-1, 3)[known]).query(vectors(north, east))
near = numpy.where(2 * 6371008.8 * numpy.arcsin(chord / 2) <= 120000, known[at], -1)
numpy.savetxt(folder + '/cells.csv', numpy.c_[known[at], near], '%d', ',', header='nearest,near', comments='')
";

/// Whether Python could make the files.
fn make(folder: &Path) -> bool {
    let Some(python) = python_with("scipy, netCDF4") else { return false };
    let output = Command::new(python).args(["-c", SCRIPT]).arg(folder).output().expect("Python was started before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A column of whole numbers.
fn numbers(sql: &str) -> Vec<i64> {
    let session = Session::new().expect("a session");
    let answer = answer(&session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let column = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    answer.batches.iter().flat_map(column).collect()
}

#[test]
fn scipy_finds_the_same_cells() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if !make(folder.path()) {
        return;
    }
    let file = |name: &str| format!("'{}'", folder.path().join(name).to_str().expect("a plain path"));
    let (grid, places, cells) = (file("grid.nc"), file("places.csv"), file("cells.csv"));
    let theirs = |column: &str| numbers(&format!("SELECT CAST({column} AS BIGINT) FROM {cells}"));
    let on = "nearest(g.lat, g.lon, p.north, p.east";
    let nearest = format!(
        "SELECT CAST(min(g.cell) AS BIGINT) FROM {places} p JOIN {grid} g ON {on}) GROUP BY p.id ORDER BY p.id"
    );
    assert_eq!(numbers(&nearest), theirs("nearest"));
    let near = format!(
        "SELECT CAST(coalesce(g.cell, -1) AS BIGINT) FROM {places} p LEFT JOIN {grid} g ON {on}, 120000) AND g.time = 0"
    );
    assert_eq!(numbers(&near), theirs("near"));
    let one = format!("SELECT CAST(cell AS BIGINT) FROM {grid} WHERE nearest(lat, lon, 90, 12) AND cell < 8400");
    assert_eq!(numbers(&one), theirs("nearest")[..1]);
}
