//! Small files that state far more than can be held or walked through (`oracle/bombs.py`): each is read within the limits of memory
//! and time, or refused. Left out where there is no Python with h5py (`HYPERSLAB_PYTHON`, else `python3`).

use hyperslab::{Session, Settings};
use hyperslab_tests::cpu::cpu_time;
use hyperslab_tests::setup::{answer, workspace};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Of processors, for reading one file, in a build that is not optimised.
const LONGEST: Duration = Duration::from_secs(10);
const MEMORY_LIMIT: usize = 64_000_000;

/// What the process may ever hold.
const MOST_MEMORY: usize = MEMORY_LIMIT + 64_000_000;

/// What is said of values in each file; nothing where they are read.
const SAID_OF_VALUES: [(&str, &str, Option<&str>); 7] = [
    ("text_wide", "min(x), count(x)", Some("reading chunks of x")),
    ("text_member", "min(\"c.x\")", Some("reading chunks of c.x")),
    ("text_cut", "min(x), count(x)", None),
    ("heap_whole", "min(x), count(x)", Some("reading texts or lists of x")),
    ("heap_cut", "min(x), count(x)", None),
    ("list_whole", "count(x)", Some("reading texts or lists of x")),
    ("list_cut", "count(x)", None),
];

/// What is said of `x` in each file; nothing where it is read.
const SAID: [(&str, Option<&str>); 18] = [
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
    let python = std::env::var_os("HYPERSLAB_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = workspace().join("tests/oracle/bombs.py");
    let path_of = |name: &str| folder.path().join(format!("{name}.h5")).display().to_string();
    let written = Command::new(python).arg(script).arg(folder.path()).output();
    if !written.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no Python with h5py");
        return;
    }
    let first = |(name, said)| (name, format!("SELECT x FROM grid('{}', 'x') LIMIT 5", path_of(name)), said);
    let all = |(name, what, said)| (name, format!("SELECT {what} FROM '{}'", path_of(name)), said);
    let mut problems = Vec::new();
    for (name, sql, said) in SAID.into_iter().map(first).chain(SAID_OF_VALUES.into_iter().map(all)) {
        let settings = Settings { threads: 2, memory_limit: MEMORY_LIMIT, ..Settings::default() };
        let session = Session::with_settings(settings).expect("a session");
        let began = cpu_time();
        match (said, answer(&session, &sql).map(|_| ())) {
            (Some(words), Err(error)) if error.contains(words) => {}
            (None, Ok(())) => {}
            (_, other) => problems.push(format!("{name}: {other:?}")),
        }
        let took = cpu_time() - began;
        if took > LONGEST || peak() > MOST_MEMORY {
            problems.push(format!("{name}: {took:?}, {} bytes at most so far", peak()));
        }
    }
    println!("{} bytes at most", peak());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
