//! The program as people and scripts meet it: outputs, exit codes, bad input.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperslab"));
    command.current_dir(workspace().join("fixtures")).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    program().args(args).output().expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("output is text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("messages are text")
}

/// The output of a run that must succeed.
fn answer(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    stdout(&output).to_string()
}

/// The message of a run that must fail with this code, without a panic.
fn failure(args: &[&str], code: i32) -> String {
    let output = run(args);
    let message = stderr(&output).to_string();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(message.starts_with("error: ") && !message.contains("panicked"), "{args:?}: {message}");
    message
}

fn with_input(args: &[&str], input: &str) -> Output {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("standard input is a pipe").write_all(input.as_bytes()).expect("the program reads");
    child.wait_with_output().expect("the program ends")
}

#[test]
fn a_query_is_answered_as_a_table() {
    let wanted = "
          lat │    rank │ name
        FLOAT │ INTEGER │ VARCHAR
degrees_north │         │
──────────────┼─────────┼────────
        -35.1 │       1 │ a
        -10.3 │       1 │ a
         10.3 │       1 │ a
         35.1 │       1 │ a
(4 rows)
";
    let sql = "SELECT lat, 1 AS rank, 'a' AS name FROM 'classic/descending.nc' GROUP BY lat ORDER BY lat";
    assert_eq!(answer(&[sql]), wanted[1..]);
}

#[test]
fn csv_is_exact() {
    let csv = answer(&["--format", "csv", "SELECT lat FROM 'classic/descending.nc' GROUP BY lat ORDER BY lat"]);
    assert_eq!(csv, "lat\n-35.1\n-10.3\n10.3\n35.1\n");
    let csv = answer(&[
        "--format",
        "csv",
        "SELECT 1 AS a, NULL AS b, 'x, \"y\"' AS c, 0.1::DOUBLE + 0.2::DOUBLE AS d, '' AS e",
    ]);
    assert_eq!(csv, "a,b,c,d,e\n1,,\"x, \"\"y\"\"\",0.30000000000000004,\"\"\n");
}

#[test]
fn times_are_written_in_their_calendar() {
    let csv = answer(&["--format", "csv", "SELECT time FROM 'classic/plain.nc' GROUP BY time ORDER BY time LIMIT 2"]);
    assert_eq!(csv, "time\n2000-01-30 12:00:00\n2000-01-31 12:00:00\n");
}

#[test]
fn json_has_an_object_a_row() {
    let sql = "SELECT lat, 1 AS one FROM 'classic/descending.nc' GROUP BY lat ORDER BY lat LIMIT 2";
    let wanted = serde_json::json!([{"lat": -35.1, "one": 1}, {"lat": -10.3, "one": 1}]);
    let text = answer(&["--format", "json", sql]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON"), wanted);
    let lines = answer(&["--format", "jsonl", sql]);
    assert_eq!(lines, "{\"lat\":-35.1,\"one\":1}\n{\"lat\":-10.3,\"one\":1}\n");
}

#[test]
fn statements_come_from_arguments_files_and_standard_input() {
    let dir = tempfile::tempdir().expect("a folder for tests");
    let file = dir.path().join("two.sql");
    fs::write(&file, "-- two statements\nSELECT 1 AS a;\nSELECT 2 AS b;\n").expect("a file");
    let path = file.to_str().expect("a plain path");
    assert_eq!(answer(&["--format", "csv", "-f", path, "SELECT 3 AS c"]), "a\n1\nb\n2\nc\n3\n");
    let piped = with_input(&["--format", "csv"], "SELECT 4 AS d;");
    assert_eq!(stdout(&piped), "d\n4\n");
    let dash = with_input(&["--format", "csv", "SELECT 1 AS a", "-"], "SELECT 4 AS d;");
    assert_eq!(stdout(&dash), "a\n1\nd\n4\n");
}

#[test]
fn sql_may_begin_with_a_comment() {
    assert_eq!(
        answer(&["--format", "csv", "-- the answer\nSELECT 42 AS a", "--SELECT 0\nSELECT 1 AS b"]),
        "a\n42\nb\n1\n"
    );
    assert_eq!(run(&["--no-such-option", "SELECT 1"]).status.code(), Some(2));
}

/// Lines that come faster than they are taken, as from a terminal without bracketed paste.
#[cfg(target_os = "linux")]
#[test]
fn what_is_typed_while_a_query_runs_is_kept() {
    let program = env!("CARGO_BIN_EXE_hyperslab");
    let home = tempfile::tempdir().expect("a folder for tests");
    let typed = "SELECT count(*) AS early FROM 'real/air.nc';\nSELECT 40 + 2\n AS late;\nSELECT 43 AS latest;\n.quit\n";
    // Typed text that is lost would leave the program waiting for ever.
    let terminal = Command::new("timeout")
        .args(["60", "script", "-qec", &format!("'{program}' --format csv"), "/dev/null"])
        .current_dir(workspace().join("fixtures"))
        .envs([("TERM", "dumb2"), ("HOME", home.path().to_str().expect("a plain path"))])
        .env_remove("XDG_STATE_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut terminal) = terminal else {
        println!("skipped: no `timeout`");
        return;
    };
    terminal.stdin.take().expect("standard input is a pipe").write_all(typed.as_bytes()).expect("it reads");
    let output = terminal.wait_with_output().expect("it ends");
    if output.status.code() == Some(127) {
        println!("skipped: no `script`, which makes a terminal");
        return;
    }
    let shown = stdout(&output);
    assert!(
        shown.contains("\nearly\r\n28644") && shown.contains("\nlate\r\n42") && shown.contains("\nlatest\r\n43"),
        "{shown}"
    );
}

#[test]
fn parameters_have_types() {
    let sql = "SELECT $n + 1 AS n, $t AS t, $b AS b, $x AS x";
    let params = ["--param", "n=41", "--param", "t=it's", "--param", "b=true", "--param", "x=2.50"];
    let csv = answer(&[&["--format", "csv", sql], &params[..]].concat());
    assert_eq!(csv, "n,t,b,x\n42,it's,true,2.50\n");
    let message = failure(&["SELECT $nn", "--param", "n=1"], 1);
    assert!(message.contains("$nn") && message.contains("^^^"), "{message}");
    failure(&["SELECT 1", "--param", "novalue"], 2);
}

#[test]
fn saved_queries_run_on_the_file_of_the_repository() {
    let root = workspace();
    let query = |name: &str| root.join("queries").join(name).to_str().expect("a plain path").to_string();
    let box_ = ["--param", "files=real/air.nc", "--param", "south=50", "--param", "north=60"];
    let climatology = query("monthly_climatology.sql");
    let west_east = ["--param", "west=250", "--param", "east=255", "--format", "csv", "-f", &climatology];
    let csv = answer(&[&box_[..], &west_east].concat());
    assert!(csv.starts_with("month,lat,lon,mean,spread,n\n10,50.0,250.0,") && csv.lines().count() == 16, "{csv}");
    let series = query("area_mean_series.sql");
    let dates = ["--param", "start=2014-10-01", "--param", "end=2014-10-03", "--format", "csv", "-f", &series];
    let csv = answer(&[&box_[..], &dates].concat());
    assert!(csv.starts_with("time,area_mean,cells\n2014-10-01 00:00:00,") && csv.lines().count() == 9, "{csv}");
    // As xarray says: ((air - climatology) ** 2).mean(("time", "lon")).
    let files = ["--param", "files=real/air.nc", "--format", "csv", "-f"];
    let csv = answer(&[&files[..], &[&query("anomaly_variance.sql")]].concat());
    assert!(csv.starts_with("lat,variance,n\n50.0,23.80993524") && csv.contains("\n52.5,28.30315222"), "{csv}");
    let csv = answer(&[&files[..], &[&query("running_mean.sql")]].concat());
    assert!(csv.starts_with("time,mean,running_mean\n2014-10-01 00:00:00,274.2097"), "{csv}");
    let third = csv.lines().nth(3).expect("there are more rows");
    assert!(third.starts_with("2014-10-01 12:00:00,272.2479") && third.contains(",273.7167"), "{csv}");
    let day = ["--param", "day=2014-10-02"];
    let csv = answer(&[&files[..], &[&query("dask_lecture.sql")], &day].concat());
    for step in [
        "\n28644,28644,7748746.28",
        "\n73156.03551172",
        "\n250.0,0.496875340",
        "\nbin,n\n22,1\n23,3\n24,9\n25,33\n",
        "\n75.0,250.0,258.1475\n",
        "\n75.0,250.0,257.4329838709",
        "\nlat,variance\n50.0,23.80993524",
        "\n2014-10-01 00:00:00,2.20187452",
        "\n2014-10-01 12:00:00,270.81476190",
    ] {
        assert!(csv.contains(step), "{step}: {csv}");
    }
}

#[test]
fn the_saved_query_of_regions_gives_the_means_of_boxes() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let regions = dir.path().join("regions.geojson");
    // Longitudes in the other convention than those of the file.
    let outline = "[[[-106, 54], [-84, 54], [-84, 66], [-106, 66], [-106, 54]]]";
    let geometry = format!(r#"{{"type": "Polygon", "coordinates": {outline}}}"#);
    let feature = format!(r#"{{"type": "Feature", "properties": {{"name": "box"}}, "geometry": {geometry}}}"#);
    std::fs::write(&regions, format!(r#"{{"type": "FeatureCollection", "features": [{feature}]}}"#)).expect("a file");
    let saved = workspace().join("queries/means_of_regions.sql");
    let regions = format!("regions={}", regions.display());
    let by_region = ["--param", "files=real/air.nc", "--param", &regions, "--format", "csv", "-f"];
    let by_region = answer(&[&by_region[..], &[saved.to_str().expect("a plain path")]].concat());
    let by_box = answer(&[
        "--format",
        "csv",
        "SELECT 'box' AS name, date_trunc('month', time) AS month, \
        weighted_avg(air, cell_area(lat, lon)) AS air, count(air) AS n FROM 'real/air.nc' \
        WHERE lat BETWEEN 54 AND 66 AND lon BETWEEN 254 AND 276 GROUP BY month",
    ]);
    let fields = |csv: &str| csv.lines().nth(1).unwrap_or_default().split(',').map(String::from).collect::<Vec<_>>();
    let (of_region, of_box) = (fields(&by_region), fields(&by_box));
    let mean = |fields: &[String]| fields[2].parse::<f64>().expect("a number");
    assert!((mean(&of_region) - mean(&of_box)).abs() < 1e-10, "{by_region} {by_box}");
    assert_eq!((&of_region[..2], &of_region[3]), (&of_box[..2], &of_box[3]));
}

#[test]
fn results_go_to_a_file_that_appears_when_it_is_whole() {
    let dir = tempfile::tempdir().expect("a folder for tests");
    let path = dir.path().join("out.csv");
    let out = path.to_str().expect("a plain path");
    answer(&["-o", out, "SELECT 7 AS a"]);
    assert_eq!(fs::read_to_string(&path).expect("the file is there"), "a\n7\n");
    failure(&["-o", out, "SELECT 8 AS a", "SELECT no_such_column"], 1);
    assert_eq!(fs::read_to_string(&path).expect("the old file is there"), "a\n7\n");
    let left: Vec<_> = fs::read_dir(dir.path()).expect("the folder").collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
    failure(&["-o", dir.path().to_str().expect("a plain path"), "SELECT 1"], 3);
    failure(&["-o", "no/such/folder/x.csv", "SELECT 1"], 3);
}

#[test]
fn the_name_of_the_output_says_its_format() {
    let dir = tempfile::tempdir().expect("a folder for tests");
    let path = |name: &str| dir.path().join(name).to_str().expect("a plain path").to_string();
    for name in ["out.xyz", "out"] {
        let message = failure(&["-o", &path(name), "SELECT 1"], 2);
        assert!(message.contains(name) && message.contains("--format"), "{message}");
        assert!(!dir.path().join(name).exists());
        answer(&["-o", &path(name), "--format", "jsonl", "SELECT 1 AS a"]);
        assert_eq!(fs::read_to_string(path(name)).expect("the file is there"), "{\"a\":1}\n");
    }
}

#[test]
fn wrong_queries_show_the_place() {
    let message = failure(&["SELECT lat,\n  nonsense\nFROM 'classic/plain.nc'"], 1);
    assert!(message.contains("  2 |   nonsense\n        ^^^^^^^^\n"), "{message}");
    failure(&["SELEC 1"], 1);
    failure(&["SELECT 1 +"], 1);
    failure(&["SELECT no_such_function(1)"], 1);
    failure(&["SELECT 'a' * DATE '2000-01-01'"], 1);
    let message = failure(&["SELECT CAST('x' AS INTEGER)"], 1);
    assert!(message.contains('^'), "{message}");
}

#[test]
fn huge_expressions_are_answered_or_refused_but_never_crash() {
    let sum = format!("SELECT 1{}", " + 1".repeat(10_000));
    let nested = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let conjunction = format!("SELECT 1 WHERE true{}", " AND 1 = 1".repeat(10_000));
    for sql in [sum, nested, conjunction] {
        let output = with_input(&["--format", "csv"], &sql);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {}", output.status, stderr(&output));
        assert!(!stderr(&output).contains("panicked"));
    }
}

#[test]
fn files_that_cannot_be_read_have_their_own_code() {
    for name in
        ["missing.nc", "classic/*.grib", "classic/not_netcdf.nc", "classic/truncated.nc", "netcdf4/truncated.nc"]
    {
        let message = failure(&[&format!("SELECT count(*) FROM '{name}'")], 3);
        assert!(message.contains(name.rsplit('/').next().unwrap_or(name)), "{message}");
    }
    let message = failure(&["SELECT * FROM 'netcdf4/corrupt.nc'"], 3);
    assert!(message.contains("corrupt.nc"), "{message}");
    failure(&["-f", "no_such.sql"], 3);
}

#[test]
fn wrong_command_lines_have_their_own_code() {
    for args in
        [&["--format", "xml", "SELECT 1"][..], &["--threads", "0", "SELECT 1"], &["--memory-limit", "much", "SELECT 1"]]
    {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    assert!(answer(&["--version"]).starts_with("hyperslab "));
}

#[test]
fn a_query_beyond_the_memory_limit_says_so() {
    // All values of one group have to be held at once.
    let sql = "SELECT list(a.air - b.air) FROM 'real/air.nc' a JOIN 'real/air.nc' b ON a.lat = b.lat";
    let message = failure(&["--memory-limit", "2MB", sql], 4);
    assert!(message.contains("memory limit"), "{message}");
}

#[test]
fn settings_hold_for_later_statements() {
    let csv = answer(&["--format", "csv", "SET threads = 1; SET memory_limit = '100MB'; SELECT 1 AS a"]);
    assert_eq!(csv, "a\n1\n");
    assert!(failure(&["SET thread = 1"], 1).contains("did you mean threads?"));
    for switch in ["on", "off"] {
        let args = [
            "--passes",
            switch,
            "--threads",
            "2",
            "--format",
            "csv",
            "SELECT count(*) AS n FROM 'real/air.nc' WHERE lat > 60",
        ];
        assert_eq!(answer(&args), "n\n15624\n");
    }
}

#[test]
fn plans_are_shown_as_they_are() {
    let plan = answer(&["EXPLAIN SELECT avg(air) FROM 'real/air.nc' WHERE lat > 60"]);
    assert!(plan.contains("Materialize") && !plan.contains("row"), "{plan}");
    let analyzed = answer(&["EXPLAIN ANALYZE SELECT avg(air) FROM 'real/air.nc'"]);
    assert!(analyzed.contains("read ") && analyzed.contains("operator") && analyzed.contains("seconds"), "{analyzed}");
    let passes = answer(&["EXPLAIN (PASSES) SELECT avg(air) FROM 'real/air.nc' WHERE lat > 60"]);
    assert!(passes.contains("-- bound") && passes.contains("-- select_region"), "{passes}");
}

#[test]
fn columns_are_described() {
    let csv = answer(&["--format", "csv", "DESCRIBE 'real/air.nc'"]);
    assert!(csv.starts_with("column_name,column_type,dimensions,units,long_name\ntime,TIMESTAMP,time,"), "{csv}");
    assert!(csv.contains("\nair,DOUBLE,\"time, lat, lon\",degK,"), "{csv}");
}

#[test]
fn what_a_file_holds_is_shown() {
    let text = answer(&["info", "real/air.nc", "netcdf4/plain.nc"]);
    for part in [
        "netCDF-4",
        "time  124",
        "air(time, lat, lon) DOUBLE",
        "124 x 11 x 21",
        "[degK]",
        "(time, lat, lon): temp, obs",
        "NULL where",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(answer(&["--threads", "1", "info", "real/air.nc"]), answer(&["info", "real/air.nc", "--threads", "2"]));
    assert!(failure(&["--format", "csv", "info", "real/air.nc"], 2).contains("--format"));
    let output = run(&["info", "missing.nc", "classic/plain.nc"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("netCDF classic"), "one bad file does not hide the others");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let sql = "SELECT * FROM 'real/air.nc' a";
    let mut child = program()
        .args(["--format", "csv", sql])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a first line");
    assert_eq!(first, "time,lat,lon,air\n");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error() {
    for format in ["csv", "json", "table"] {
        let full = fs::File::options().write(true).open("/dev/full").expect("Linux has a full device");
        let output =
            program().args(["--format", format, "SELECT 1"]).stdout(full).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(3), "{format}");
        let message = stderr(&output);
        assert!(message.starts_with("error: cannot write the result: ") && message.lines().count() == 1, "{message}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_copy_to_a_full_disk_is_one_clear_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder for tests");
    for format in ["csv", "json", "parquet"] {
        let sql = format!("COPY (FROM 'real/air.nc') TO '{}/x' (FORMAT {format})", dir.path().display());
        // The shell lets files grow to 512 or 1024 bytes, and the program ignores the signal that comes with more.
        let limited = format!("trap '' XFSZ; ulimit -f 1; exec {} \"$0\"", env!("CARGO_BIN_EXE_hyperslab"));
        let mut shell = Command::new("sh");
        shell.current_dir(workspace().join("fixtures")).args(["-c", &limited, &sql]).stdin(Stdio::null());
        let output = shell.output().expect("a shell");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{format}: {message}");
        assert!(message.contains("/x: cannot write the result: ") && message.lines().count() == 1, "{message}");
        assert_eq!(fs::read_dir(dir.path()).expect("the folder").count(), 0, "{format}");
    }
    let message = failure(&["COPY (SELECT 1) TO '/dev/full' (FORMAT csv)"], 3);
    assert!(message.starts_with("error: /dev/full: cannot write the result: "), "{message}");
}

#[test]
fn people_see_shapes_as_text_and_scripts_as_bytes() {
    let sql = "SELECT ST_Point(1.5, 2) AS p, 'ab'::BLOB AS b";
    assert!(answer(&[sql]).contains("POINT (1.5 2) │ ab"), "{}", answer(&[sql]));
    assert!(answer(&["--format", "csv", sql]).contains("\\x01\\x01\\x00"), "{}", answer(&["--format", "csv", sql]));
}

#[test]
fn copy_says_how_many_rows_it_wrote() {
    let dir = tempfile::tempdir().expect("a folder for tests");
    let path = dir.path().join("out.parquet");
    let sql = format!("COPY 'classic/plain.nc' TO '{}'; SELECT count(*) AS n FROM '{0}'", path.display());
    assert_eq!(answer(&["--format", "csv", &sql]), "Count\n120\nn\n120\n");
    let saved = dir.path().join("saved.sql");
    fs::write(&saved, "COPY (SELECT 1 AS a) TO $out (FORMAT csv);").expect("a small file");
    let out = format!("out={}", dir.path().join("saved.csv").display());
    answer(&["-f", saved.to_str().expect("a plain path"), "--param", &out]);
    assert_eq!(fs::read_to_string(dir.path().join("saved.csv")).expect("it was written"), "a\n1\n");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_copy_and_leaves_nothing_behind() {
    use std::time::Duration;
    let dir = tempfile::tempdir().expect("a folder for tests");
    let rows = "SELECT a.air + b.air AS s FROM 'real/air.nc' a JOIN 'real/air.nc' b ON a.lat = b.lat";
    let sql = format!("COPY ({rows}) TO '{}/out.csv'", dir.path().display());
    let mut child = program().arg(sql).spawn().expect("the program starts");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a child").is_none(), "the query is still running");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(kill.success());
    assert_eq!(child.wait().expect("the program ends").code(), Some(130));
    assert_eq!(fs::read_dir(dir.path()).expect("the folder").count(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_at_once_and_leaves_nothing_behind() {
    use std::time::{Duration, Instant};
    let dir = tempfile::tempdir().expect("a folder for tests");
    let out = dir.path().join("out.csv");
    let sql = "SELECT a.air + b.air AS s FROM 'real/air.nc' a JOIN 'real/air.nc' b ON a.lat = b.lat";
    let mut child =
        program().args(["-o", out.to_str().expect("a plain path"), sql]).spawn().expect("the program starts");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a child").is_none(), "the query is still running");
    let start = Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(kill.success());
    let status = child.wait().expect("the program ends");
    assert_eq!(status.code(), Some(130));
    // 100 ms for the program, the rest for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(fs::read_dir(dir.path()).expect("the folder").count(), 0);
}
