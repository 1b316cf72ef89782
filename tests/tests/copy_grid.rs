//! `COPY .. TO 'x.nc' (DIMENSIONS (..))`: a grid that was written is the rows it was written of, whoever reads it.

use hyperslab::{ErrorKind, Session, Settings};
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::{Setup, answer, workspace};
use hyperslab_tests::shown;
use std::fs;
use std::path::Path;
use std::process::Command;

fn rows(session: &Session, sql: &str) -> Vec<String> {
    let answer = answer(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.batches.iter().flat_map(shown::rows).collect()
}

fn fails(session: &Session, sql: &str) -> hyperslab::Error {
    let outcome = session.query(sql).and_then(|rows| rows.collect::<Result<Vec<_>, _>>());
    outcome.expect_err(sql)
}

fn fixture(name: &str) -> String {
    workspace().join("fixtures").join(name).display().to_string()
}

fn target(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn a_grid_that_is_written_is_read_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grids = [
        ("netcdf4/plain.nc", "time, lat, lon, temp, obs", "time, lat, lon"),
        ("netcdf4/noleap.nc", "*", "time, lat"),
        ("netcdf4/packed.nc", "*", "time, x"),
        ("netcdf4/integers.nc", "*", "x"),
        ("real/air.nc", "*", "time, lat, lon"),
    ];
    for setup in Setup::ALL {
        let session = setup.session().expect("a session");
        for (file, columns, dims) in grids {
            let (source, path) = (fixture(file), target(folder.path(), "x.nc"));
            let wanted = rows(&session, &format!("SELECT {columns} FROM '{source}'"));
            let count =
                rows(&session, &format!("COPY (SELECT {columns} FROM '{source}') TO '{path}' (DIMENSIONS ({dims}))"));
            assert_eq!(count, [wanted.len().to_string()], "{file}");
            assert_eq!(rows(&session, &format!("SELECT {columns} FROM '{path}'")), wanted, "{file} {}", setup.name());
        }
    }
    assert_eq!(fs::read_dir(folder.path()).expect("the folder is there").count(), 1, "no temporary file stays");
}

#[test]
fn attributes_of_values_and_types_come_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (session, path) = (Session::new().expect("a session"), target(folder.path(), "x.nc"));
    let source = fixture("netcdf4/plain.nc");
    let columns = "lat, max(time) AS last, first(temp) AS temp, count(*) AS n, lat > 0 AS north, 'at ' || lat AS label, 1.5 AS price, \
                   DATE '2001-02-28' AS day, max(temp) > 3 AS \"a/b\"";
    rows(&session, &format!("COPY (SELECT {columns} FROM '{source}' GROUP BY lat) TO '{path}' (DIMENSIONS lat)"));
    let types =
        rows(&session, &format!("SELECT name, type, units FROM variables('{path}') WHERE role <> 'by name only'"));
    let wanted = [
        "lat\tDOUBLE\tdegrees_north",
        "last\tTIMESTAMP\tNULL",
        "temp\tFLOAT\tdegC",
        "n\tBIGINT\tNULL",
        "north\tTINYINT\tNULL",
        "label\tVARCHAR\tNULL",
        "price\tDOUBLE\tNULL",
        "day\tTIMESTAMP\tNULL",
        "a_b\tTINYINT\tNULL",
    ];
    assert_eq!(types, wanted);
    let own = "last, temp, n, CAST(north AS BOOLEAN), label, price, CAST(day AS DATE)";
    let before = "max(time), first(temp), count(*), lat > 0, 'at ' || lat, 1.5::DOUBLE, DATE '2001-02-28'";
    let wanted = rows(&session, &format!("SELECT lat, {before} FROM '{source}' GROUP BY lat"));
    assert_eq!(rows(&session, &format!("SELECT lat, {own} FROM '{path}'")), wanted);
    assert_eq!(rows(&session, &format!("SELECT DISTINCT flag_meaning(north) FROM '{path}' WHERE lat > 0")), ["true"]);
    let about = rows(&session, &format!("SELECT value FROM attributes('{path}') WHERE variable IS NULL ORDER BY name"));
    assert_eq!(about[0], "CF-1.11");
    assert!(about[1].starts_with("hyperslab ") && about[1].contains("DIMENSIONS lat"), "{about:?}");
}

#[test]
fn cells_without_a_row_are_missing_and_dimensions_are_in_the_order_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (session, path) = (Session::new().expect("a session"), target(folder.path(), "x.nc"));
    let values = "(VALUES (3, 'b', 1.5, 7), (1, 'a', NULL, 8), (3, 'a', 2.5, NULL)) t(k, name, x, n)";
    rows(&session, &format!("COPY (FROM {values}) TO '{path}' (DIMENSIONS (name, k))"));
    let wanted = ["b\t3\t1.5\t7", "b\t1\tNULL\tNULL", "a\t3\t2.5\tNULL", "a\t1\tNULL\t8"];
    assert_eq!(rows(&session, &format!("SELECT name, k, x, n FROM '{path}'")), wanted);
    rows(&session, &format!("COPY (SELECT * FROM {values} WHERE k > 5) TO '{path}' (DIMENSIONS (name, k))"));
    assert_eq!(rows(&session, &format!("SELECT name, k, x, n FROM '{path}'")), [""; 0]);
}

#[test]
fn grids_larger_than_memory_are_written_slab_by_slab() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = target(folder.path(), "x.nc");
    let settings = Settings { memory_limit: 16 << 20, threads: 2, ..Settings::default() };
    let session = Session::with_settings(settings).expect("a session");
    // 8 MB of values in row-major order but for some within a row.
    let cells = "SELECT a.i AS i, (b.j * 7) % 500 AS j, (a.i * 31 + b.j * 17) % 1009 AS x FROM range(2000) a(i), range(500) b(j)";
    rows(&session, &format!("COPY ({cells}) TO '{path}' (DIMENSIONS (i, j))"));
    let sums = "count(*), sum(x), sum(x * (i % 97)), sum(x * (j % 89))";
    assert_eq!(
        rows(&session, &format!("SELECT {sums} FROM '{path}'")),
        rows(&session, &format!("SELECT {sums} FROM ({cells})"))
    );
    let error = fails(&session, &format!("COPY ({cells}) TO '{path}' (DIMENSIONS (j, i))"));
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    let hint = error.hint().unwrap_or_default().to_string();
    assert!(hint.contains("ORDER BY j, i"), "{hint}");
    rows(&session, &format!("COPY ({cells} ORDER BY j, i) TO '{path}' (DIMENSIONS (j, i))"));
    assert_eq!(
        rows(&session, &format!("SELECT {sums} FROM '{path}'")),
        rows(&session, &format!("SELECT {sums} FROM ({cells})"))
    );
}

#[test]
fn what_makes_no_grid_is_refused_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (session, path) = (Session::new().expect("a session"), target(folder.path(), "x.nc"));
    fs::write(&path, "old").expect("a small file");
    let refused = [
        ("SELECT 1 AS k, 2 AS x UNION ALL SELECT 1, 3", "(DIMENSIONS (k))", "two rows have the same labels of k"),
        ("SELECT NULL::INTEGER AS k, 2 AS x", "(DIMENSIONS (k))", "a label of a dimension is NULL"),
        ("SELECT 1 AS k, [2] AS x", "(DIMENSIONS (k))", "column x: netCDF has no type for such values"),
        ("SELECT 1 AS k, (-32767)::SMALLINT AS x", "(DIMENSIONS k)", "the value -32767 stands for missing ones"),
        (
            "SELECT 1 AS k, 255::UTINYINT AS x UNION ALL SELECT 2, NULL",
            "(DIMENSIONS k)",
            "the value 255 stands for missing ones",
        ),
        ("SELECT 1 AS k, 2 AS x", "", "which columns are dimensions is not said"),
        ("SELECT 1 AS k, 2 AS x", "(DIMENSIONS (k, y))", "the dimension y is no column"),
        ("SELECT 1 AS k, 2 AS x", "(DIMENSIONS (k, K))", "the dimension K is named twice"),
        ("SELECT 1 AS k, 2 AS x", "(DIMENSIONS (k + 1))", "a dimension is the name of a column"),
        ("SELECT 1 AS k, 2 AS x", "(DIMENSIONS (k), HEADER true)", "NetCDF has no option header"),
        (
            "SELECT r AS k, random() AS y, CAST(CASE WHEN r = 99999 THEN 'x' ELSE '1' END AS INTEGER) AS m FROM range(100000) t(r)",
            "(DIMENSIONS (k))",
            "x",
        ),
    ];
    for (query, options, told) in refused {
        let error = fails(&session, &format!("COPY ({query}) TO '{path}' {options}"));
        assert!(error.to_string().contains(told), "{query} {options}: {error}");
        assert_eq!(fs::read(&path).expect("it is there"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder is there").count(), 1);
    }
    let error = fails(&session, "COPY (SELECT 1 AS k) TO '/dev/null' (FORMAT netcdf, DIMENSIONS (k))");
    assert!(error.to_string().contains("netCDF cannot be written to what is no file"), "{error}");
}

/// Compares a map and a box with what xarray makes of the same file.
const COMPARE: &str = r#"
import sys, xarray as xr
air, map_, box = map(xr.open_dataset, sys.argv[1:])
mean = air.air.mean("time")
assert map_.air.dims == ("lat", "lon") and float(abs(map_.air - mean).max()) < 1e-9
assert map_.air.attrs["units"] == "degK" and map_.lat.attrs["units"] == "degrees_north"
assert (map_.last == air.time.max()).all()
want = air.air.sel(lat=slice(70, 60))
assert box.air.dims == ("lat", "time", "lon") and bool((box.time == air.time).all())
assert float(abs(box.air - want).max()) == 0 and box.air.shape == (want.lat.size, want.time.size, want.lon.size)
print("same")
"#;

#[test]
fn xarray_reads_what_is_written() {
    let Some(python) = python_with("xarray, netCDF4") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (session, air) = (Session::new().expect("a session"), fixture("real/air.nc"));
    let [map, cut] = ["map.nc", "box.nc"].map(|name| target(folder.path(), name));
    let means = format!("SELECT lat, lon, avg(air) AS air, max(time) AS last FROM '{air}' GROUP BY lat, lon");
    rows(&session, &format!("COPY ({means}) TO '{map}' (DIMENSIONS (lat, lon))"));
    let some = format!("SELECT * FROM '{air}' WHERE lat BETWEEN 60 AND 70");
    rows(&session, &format!("COPY ({some}) TO '{cut}' (DIMENSIONS (lat, time, lon))"));
    let output =
        Command::new(&python).args(["-c", COMPARE, &air, &map, &cut]).output().expect("Python was started before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
