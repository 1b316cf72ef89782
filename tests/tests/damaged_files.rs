//! Whatever is wrong with the bytes of a file, each of its columns gives values or an error that names the file: no panic, no
//! signal, nothing that takes long, no memory beyond the limit.
//!
//! `HYPERSLAB_DAMAGED=5000` tries so many files in place of a few hundred, `HYPERSLAB_DAMAGED_FROM=123` begins at that one, and
//! `HYPERSLAB_FEATURES` names a folder of more files to damage (see `feature_files.rs`). The file that was tried last, and what was
//! done to it, is in `damaged.txt` of the target's temporary folder: a crash leaves no other word.

use hyperslab::{Session, Settings};
use hyperslab_tests::cpu::cpu_time;
use hyperslab_tests::damage::{Random, damage};
use hyperslab_tests::setup::workspace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const FILES: usize = 600;

/// What all queries that are asked of a file may take of processors.
const LONGEST: Duration = Duration::from_secs(10);

/// Likewise to open a file or to refuse it, in a build that is not optimised; in one that is, a fifth of it.
const LONGEST_OPENING: Duration = Duration::from_secs(5);

/// What queries may hold, and what the process may have beside it.
const MEMORY_LIMIT: usize = 64_000_000;
const BESIDE: usize = 64_000_000;

/// Larger files would only be slow to copy.
const LARGEST_FILE: u64 = 2_000_000;

/// Columns and batches that are read of each file.
const COLUMNS: usize = 12;
const BATCHES: usize = 16;

/// The milliseconds of the slowest opening, and of the file that took longest in all.
static SLOWEST: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Where and why any thread panicked.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn number_from(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// All files below a folder, in the order of their names.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, files);
        } else if std::fs::metadata(&path).is_ok_and(|about| (1..LARGEST_FILE).contains(&about.len())) {
            files.push(path);
        }
    }
}

fn whole_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for format in ["classic", "netcdf4", "hdf5", "real"] {
        files_below(&workspace().join("fixtures").join(format), &mut files);
    }
    if let Some(folder) = std::env::var_os("HYPERSLAB_FEATURES") {
        files_below(Path::new(&folder), &mut files);
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending != "json" && ending != "py"));
    files
}

/// Reads some of every column, and checks that errors name the file.
fn read_all(session: &Session, path: &Path) -> Vec<String> {
    let text = path.to_string_lossy();
    let mut problems = Vec::new();
    let mut ask = |sql: &str| {
        let (columns, error) = asked(session, sql);
        if let Some(error) = error {
            // The file itself or one beside it that it needs; what is wrong with the query, or asks for too much, names no file.
            let folder = path.parent().map(Path::to_string_lossy).unwrap_or_default();
            let placed = error.contains(&*folder) || error.contains('^') || error.contains("memory limit");
            if !placed || error.contains("internal error") {
                problems.push(format!("{sql}: {error}"));
            }
        }
        columns
    };
    let began = cpu_time();
    let columns = ask(&format!("DESCRIBE '{text}'"));
    let opening = cpu_time() - began;
    ask(&format!("SELECT count(*) FROM '{text}'"));
    for column in columns.iter().take(COLUMNS) {
        let name = column.replace('"', "\"\"");
        ask(&format!("SELECT \"{name}\" FROM grid('{text}', '{}')", column.replace('\'', "''")));
    }
    SLOWEST[0].fetch_max(opening.as_millis() as u64, Ordering::Relaxed);
    if opening > LONGEST_OPENING {
        problems.push(format!("took {opening:?} to open"));
    }
    problems
}

/// Runs a query as far as is needed; gives the texts of its first column, and its error.
fn asked(session: &Session, sql: &str) -> (Vec<String>, Option<String>) {
    let mut texts = Vec::new();
    let query = match session.query(sql) {
        Ok(query) => query,
        Err(error) => return (texts, Some(error.to_string())),
    };
    for batch in query.take(BATCHES) {
        match batch {
            Ok(batch) => {
                if let Some(column) = batch.column(0).as_any().downcast_ref::<hyperslab::arrow::array::StringArray>() {
                    texts.extend(column.iter().flatten().map(str::to_owned));
                }
            }
            Err(error) => return (texts, Some(error.to_string())),
        }
    }
    (texts, None)
}

/// Damages a file as its number says, reads it, and tells what went wrong.
fn try_number(number: usize, files: &[PathBuf], folder: &Path) -> Option<String> {
    let mut random = Random::new(number as u64);
    let whole = &files[random.below(files.len())];
    let mut bytes = std::fs::read(whole).expect("a file of the repository");
    let mend = bytes.get(1..4) == Some(b"HDF") && random.below(2) == 0;
    let done = damage(&mut bytes, &mut random, mend);
    let recipe = format!("{number}: {}: {done}", whole.display());
    let told = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.txt");
    // Only to be read after a crash.
    let _ = std::fs::write(told, &recipe);
    let path = folder.join("damaged.nc");
    std::fs::write(&path, bytes).expect("a temporary file");
    let settings = Settings { threads: 2, memory_limit: MEMORY_LIMIT, ..Settings::default() };
    let began = cpu_time();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let session = Session::with_settings(settings).expect("a session");
        read_all(&session, &path)
    }));
    let mut problems = outcome.unwrap_or_else(|_| vec!["a panic reached the caller".to_owned()]);
    problems.append(&mut PANICS.lock().expect("a list of words"));
    let took = cpu_time() - began;
    SLOWEST[1].fetch_max(took.as_millis() as u64, Ordering::Relaxed);
    if took > LONGEST {
        problems.push(format!("took {took:?}"));
    }
    (!problems.is_empty()).then(|| format!("{recipe}\n  {}", problems.join("\n  ")))
}

/// The most memory that the process ever had, where the system tells.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

#[test]
fn no_damaged_file_can_harm() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        PANICS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(panic.to_string());
    }));
    let files = whole_files();
    assert!(files.len() > 80, "only {} files", files.len());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = number_from("HYPERSLAB_DAMAGED_FROM", 0);
    let numbers = first..first + number_from("HYPERSLAB_DAMAGED", FILES);
    let (began, count) = (Instant::now(), numbers.len());
    let problems: Vec<String> = numbers.filter_map(|number| try_number(number, &files, folder.path())).collect();
    println!("{count} damaged files of {} in {:?}, {:?} bytes at most", files.len(), began.elapsed(), peak());
    let [opening, reading] = [0, 1].map(|at: usize| SLOWEST[at].load(Ordering::Relaxed));
    println!("the slowest took {opening} ms of CPU time to open, and {reading} ms in all");
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(peak().is_none_or(|peak| peak < MEMORY_LIMIT + BESIDE), "{:?} bytes of memory", peak());
}
