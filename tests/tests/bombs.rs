//! Small files that state far more than can be held or walked through (`oracle/bombs.py`): each is read within the limits of memory
//! and time, or refused. Left out where there is no Python with h5py (`HYPERSLAB_PYTHON`, else `python3`).

use hyperslab::{Session, Settings};
use hyperslab_tests::cpu::cpu_time;
use hyperslab_tests::oracle::python_with;
use hyperslab_tests::setup::{answer, workspace};
use std::process::Command;
use std::time::Duration;

/// Of processors, for reading one file, in a build that is not optimised.
const LONGEST: Duration = Duration::from_secs(10);
const MEMORY_LIMIT: usize = 64_000_000;

/// What the process may ever hold.
const MOST_MEMORY: usize = MEMORY_LIMIT + 64_000_000;

/// What is said of values in each file; nothing where they are read.
const SAID_OF_VALUES: [(&str, &str, Option<&str>); 7] = [
    ("list_cut", "count(x)", None),
    ("heap_cut", "min(x), count(x)", None),
    ("text_cut", "min(x), count(x)", None),
    ("text_wide", "min(x), count(x)", Some("reading chunks of x")),
    ("text_member", "min(\"c.x\")", Some("reading chunks of c.x")),
    ("heap_whole", "min(x), count(x)", Some("reading values of x")),
    ("list_whole", "count(x)", Some("reading values of x")),
];

/// What is said of `x` in each file; nothing where it is read.
const SAID: [(&str, Option<&str>); 19] = [
    ("chunk_deflated", Some("memory limit")),
    ("chunk_absent", Some("memory limit")),
    ("chunk_wide", Some("memory limit")),
    ("labels_many", Some("more than are held in memory")),
    ("labels_chunk", Some("more than are held in memory")),
    ("labels_some", Some("are for labels")),
    ("cell_text", Some("cells of 1000000000 bytes")),
    ("cell_array", Some("cells of 1000000000 bytes")),
    ("cell_heap", Some("texts longer than its file")),
    ("virtual_long", None),
    ("virtual_chunk", Some("chunks of more than 256 MiB")),
    ("virtual_wide", Some("reading values of x")),
    ("virtual_circle", None),
    ("virtual_many", None),
    ("link_soft", None),
    ("link_there", None),
    ("link_back", None),
    ("group_deep", None),
    ("link_hard", None),
];

fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0) * 1024
}

#[test]
fn small_files_cannot_ask_for_the_world() {
    let Some(python) = python_with("h5py, numpy") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = workspace().join("tests/oracle/bombs.py");
    let path_of = |name: &str| folder.path().join(format!("{name}.h5")).display().to_string();
    let written = Command::new(python).arg(script).arg(folder.path()).output().expect("Python was started before");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let first = |(name, said)| (name, format!("SELECT x FROM grid('{}', 'x') LIMIT 5", path_of(name)), said);
    let all = |(name, what, said)| (name, format!("SELECT {what} FROM '{}'", path_of(name)), said);
    let mut problems = Vec::new();
    for (name, sql, said) in SAID_OF_VALUES.into_iter().map(all).chain(SAID.into_iter().map(first)) {
        let told = in_a_process_of_its_own(&sql);
        let wanted = said.map_or_else(|| "no error".to_owned(), str::to_owned);
        if !told.contains("within its limits") || !told.contains(&wanted) {
            problems.push(format!("{name}: {told}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The variable by which a process is told to run one query.
const QUERY: &str = "HYPERSLAB_BOMB_QUERY";

/// What a process that runs one query says of it: memory that others left behind would count too.
fn in_a_process_of_its_own(sql: &str) -> String {
    let this = std::env::current_exe().expect("a program knows where it is");
    let child = Command::new(this).args(["--exact", "one_query", "--nocapture"]).env(QUERY, sql).output();
    let output = child.expect("it can be started again");
    let text = [output.stdout, output.stderr].concat();
    format!("{}\n{}", output.status, String::from_utf8_lossy(&text))
}

/// Runs the query of [`in_a_process_of_its_own`].
#[test]
fn one_query() {
    let Ok(sql) = std::env::var(QUERY) else { return };
    let settings = Settings { threads: 2, memory_limit: MEMORY_LIMIT, ..Settings::default() };
    let session = Session::with_settings(settings).expect("a session");
    let began = cpu_time();
    match answer(&session, &sql) {
        Ok(_) => println!("no error"),
        Err(error) => println!("{error}"),
    }
    let (took, peak) = (cpu_time() - began, peak());
    let kept = took <= LONGEST && peak <= MOST_MEMORY;
    println!("{took:?}, {peak} bytes at most: {}", if kept { "within its limits" } else { "too much" });
}
