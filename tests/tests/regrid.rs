//! What `regrid` computes against what CDO (`remapnn`, `remapbil`, `remapcon`) and xarray (`interp`) do, on a real file, with and
//! without missing cells. Left out where there is no `cdo`, or no Python with xarray (`HYPERSLAB_PYTHON`, else `python3`).

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use hyperslab::Session;
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::{answer, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Values are in single precision, near 280.
const TOLERANCE: f64 = 1e-4;

/// Whether cells that one has and the other has not are a difference.
#[derive(Clone, Copy, PartialEq)]
enum Missing {
    /// Both lack the same cells.
    Same,
    /// CDO asks for neighbours of weight 0 too, so that it lacks some cells that we have.
    MoreOfTheirs,
    /// CDO takes the nearest cell however far it is, so that we lack those outside of the source.
    MoreOfOurs,
}

fn air() -> PathBuf {
    workspace().join("fixtures/real/air.nc")
}

/// Runs a program that may not be there.
fn run(program: &Path, args: &[&str]) -> Option<()> {
    let output = Command::new(program).args(args).output().ok()?;
    if !output.status.success() {
        println!("{} {args:?}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    output.status.success().then_some(())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The column `air` of a FROM.
fn values(from: &str) -> Vec<Option<f64>> {
    let session = Session::new().expect("a session");
    let sql = format!("SELECT air FROM {from}");
    let answer = answer(&session, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let reals = answer.batches.iter().map(|batch| cast(batch.column(0), &DataType::Float64).expect("numbers"));
    reals.flat_map(|column| column.as_primitive::<Float64Type>().iter().collect::<Vec<_>>()).collect()
}

/// What differs between two columns, if anything does.
fn differs(ours: &[Option<f64>], theirs: &[Option<f64>], missing: Missing) -> Option<String> {
    let pairs = || ours.iter().zip(theirs);
    let apart = pairs().filter_map(|(a, b)| Some((a.as_ref()? - b.as_ref()?).abs())).fold(0.0, f64::max);
    let common = pairs().filter(|(a, b)| a.is_some() && b.is_some()).count();
    let lack = |mine: &[Option<f64>], other: &[Option<f64>]| {
        mine.iter().zip(other).filter(|(a, b)| a.is_none() && b.is_some()).count()
    };
    let (we_lack, they_lack) = (lack(ours, theirs), lack(theirs, ours));
    let fits = match missing {
        Missing::Same => we_lack + they_lack == 0,
        Missing::MoreOfTheirs => we_lack == 0,
        Missing::MoreOfOurs => they_lack == 0,
    };
    let alike = ours.len() == theirs.len() && common > 0 && apart <= TOLERANCE && fits;
    (!alike).then(|| {
        let counts = format!("{} and {} cells, {common} in both", ours.len(), theirs.len());
        format!("{counts}, up to {apart} apart; we lack {we_lack}, they lack {they_lack}")
    })
}

#[test]
fn cdo_gives_the_same() {
    let cdo = Path::new("cdo");
    if run(cdo, &["--version"]).is_none() {
        println!("skipped: there is no cdo");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (few, holes, out) =
        (folder.path().join("few.nc"), folder.path().join("holes.nc"), folder.path().join("out.nc"));
    run(cdo, &["-s", "-f", "nc", "-b", "F32", "seltimestep,1/2", text(&air()), text(&few)]).expect("it selects");
    run(cdo, &["-s", "setrtomiss,255,270", text(&few), text(&holes)]).expect("it makes holes");
    let mut problems = Vec::new();
    for (method, operator) in [("nearest", "remapnn"), ("bilinear", "remapbil"), ("conservative", "remapcon")] {
        for (source, target) in [(&few, "r360x180"), (&holes, "r360x180"), (&holes, "r97x61"), (&few, "r720x361")] {
            let missing = match method {
                "nearest" => Missing::MoreOfOurs,
                "bilinear" => Missing::MoreOfTheirs,
                _ => Missing::Same,
            };
            run(cdo, &["-s", "-O", &format!("{operator},{target}"), text(source), text(&out)]).expect("it regrids");
            let ours = values(&format!("regrid('{}', '{target}', method => '{method}')", text(source)));
            let theirs = values(&format!("'{}'", text(&out)));
            let at = source.file_name().unwrap_or_default().to_string_lossy();
            problems.extend(differs(&ours, &theirs, missing).map(|what| format!("{at} {target} {method}: {what}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn xarray_gives_the_same() {
    let Some(python) = python_with("xarray, scipy, netCDF4") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.nc");
    let script = "import sys, xarray\n\
        air = xarray.open_dataset(sys.argv[1]).air.isel(time=slice(0, 3)).astype('f8')\n\
        points = dict(lat=[74.9, 60, 51.3, 50, 49], lon=[249, 250, 261.25, 299.9, 330])\n\
        air.interp(**points, method=sys.argv[3]).to_netcdf(sys.argv[2])\n";
    for method in ["linear", "nearest"] {
        run(&python, &["-c", script, text(&air()), text(&out), method]).expect("it interpolates");
        let points = "lat => [74.9, 60, 51.3, 50, 49], lon => [249, 250, 261.25, 299.9, 330]";
        let ours = values(&format!("regrid('{}', {points}, method => '{method}')", text(&air())));
        let theirs = values(&format!("'{}'", text(&out)));
        // Beyond the last label, but within its cell, the nearest label is that one: to xarray there is nothing.
        let missing = if method == "linear" { Missing::Same } else { Missing::MoreOfTheirs };
        let what = differs(&ours[..theirs.len()], &theirs, missing);
        assert!(what.is_none(), "{method}: {}", what.unwrap_or_default());
    }
}

/// What xarray makes of places: a script with the path of the data, that of the places, and that of its answer.
const PLACES: &str = "import sys, numpy, pandas, xarray\n\
    air = xarray.open_dataset(sys.argv[1]).air.astype('f8')\n\
    rng = numpy.random.default_rng(11)\n\
    n = 300\n\
    span = (air.time[-1] - air.time[0]).values / numpy.timedelta64(1, 's')\n\
    places = pandas.DataFrame({'id': range(n), 'lat': rng.uniform(48, 77, n), 'lon': rng.uniform(248, 302, n),\n\
        'time': air.time.values[0] + rng.uniform(0, span, n).astype('i8') * numpy.timedelta64(1, 's')})\n\
    places['time'] = places['time'].astype('datetime64[ns]')\n\
    places.loc[0, ['lat', 'lon']] = [air.lat.values[3], air.lon.values[5]]\n\
    places.to_csv(sys.argv[2], index=False)\n\
    points = {name: xarray.DataArray(places[name], dims='id') for name in ['lat', 'lon', 'time']}\n\
    stations = {name: points[name] for name in ['lat', 'lon']}\n\
    track = air.interp(points).assign_coords(id=range(n)).reset_coords(drop=True)\n\
    means = air.isel(time=slice(0, 9)).interp(stations).mean('time').assign_coords(id=range(n)).reset_coords(drop=True)\n\
    xarray.Dataset({'track': track, 'station': means}).to_netcdf(sys.argv[3])\n";

#[test]
fn xarray_interpolates_at_the_same_places() {
    let Some(python) = python_with("xarray, scipy, netCDF4, pandas") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [source, places, out] = ["air.nc", "places.csv", "out.nc"].map(|name| folder.path().join(name));
    std::fs::copy(air(), &source).expect("the file is copied");
    let args = ["-c", PLACES, text(&source), text(&places), text(&out)];
    run(&python, &args).expect("it interpolates");
    let from = format!("'{}' p CROSS JOIN '{}' a", text(&places), text(&source));
    let track =
        format!("(SELECT interpolate(a.air, a.time => p.time, a.lat => p.lat, a.lon => p.lon) AS air FROM {from})");
    let station = format!(
        "(SELECT avg(interpolate(a.air, lat => p.lat, lon => p.lon)) AS air FROM {from} \
         WHERE dim_index(a.time) < 9 GROUP BY p.id ORDER BY p.id)"
    );
    for (ours, name) in [(track, "track"), (station, "station")] {
        let theirs = values(&format!("(SELECT {name} AS air FROM '{}')", text(&out)));
        let what = differs(&values(&ours), &theirs, Missing::Same);
        assert!(what.is_none(), "{name}: {}", what.unwrap_or_default());
    }
}
