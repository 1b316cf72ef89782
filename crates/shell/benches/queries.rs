//! Whole-process times of the benchmark's queries, beside the physical limit: how fast the same chunks can be read and
//! inflated by a bare loop on the same threads.
//!
//! ```text
//! cargo bench -p hyperslab-shell --bench queries -- DATA [Q1 Q2 ...]
//! ```
//!
//! `DATA` is a folder made by the benchmark's data generator at its default scale. Each figure is the median of three
//! runs with the files in the page cache. `--loop` prints the bare loop on one and on two threads only.

use hyperslab_grid::Hyperslab;
use hyperslab_storage::formats::{Engine, Format, Stored, StoredType, open};
use hyperslab_storage::{Dataset, OpenOptions, ReadMetrics};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const RUNS: usize = 3;

/// A query, and the dataset and variables whose chunks it needs once each.
struct Query {
    name: &'static str,
    sql: &'static str,
    glob: &'static str,
    variables: &'static [&'static str],
}

const AVISO: &str = "aviso/*.nc";
const ERA5: &str = "era5/*.nc";
const TAS: &str = "cmip/tas_*_r1i1p1f1_*.nc";

/// Queries that read whole variables once: the bare loop is their limit. Those that read few chunks have none.
const QUERIES: &[Query] = &[
    Query { name: "Q1", sql: "SELECT avg(sla) AS mean_sla FROM 'aviso/*.nc'", glob: AVISO, variables: &["sla"] },
    Query {
        name: "Q2",
        sql: "SELECT count(*), sum(mean_sla) FROM (SELECT latitude, longitude, avg(sla) AS mean_sla FROM 'aviso/*.nc' GROUP BY latitude, longitude)",
        glob: AVISO,
        variables: &["sla"],
    },
    Query {
        name: "Q3",
        sql: "SELECT time, sum(sla * cos(radians(latitude))) / sum(cos(radians(latitude))) AS msl FROM 'aviso/*.nc' WHERE sla IS NOT NULL GROUP BY time ORDER BY time",
        glob: AVISO,
        variables: &["sla"],
    },
    Query {
        name: "Q4",
        sql: "SELECT lat, avg(tas) AS tas FROM 'cmip/tas_*_r1i1p1f1_*.nc' GROUP BY lat ORDER BY lat",
        glob: TAS,
        variables: &["tas"],
    },
    Query {
        name: "Q7",
        sql: "SELECT time, avg(t2m) AS t2m FROM 'era5/*.nc' WHERE latitude BETWEEN 46 AND 49 AND longitude BETWEEN 1 AND 5 AND time >= TIMESTAMP '2019-06-01' AND time < TIMESTAMP '2019-07-01' GROUP BY time ORDER BY time",
        glob: ERA5,
        variables: &[],
    },
    Query {
        name: "Q8",
        sql: "SELECT time, sla, adt FROM 'aviso/*.nc' WHERE latitude = 35.125 AND longitude = 300.125 ORDER BY time",
        glob: AVISO,
        variables: &[],
    },
    Query {
        name: "Q9",
        sql: "SELECT count(*) AS n FROM 'aviso/*.nc' WHERE adt > 0.8",
        glob: AVISO,
        variables: &["adt"],
    },
    Query {
        name: "Q10",
        sql: "SELECT latitude, longitude, max(t2m) AS t2m_max, arg_max(time, t2m) AS time_max FROM 'era5/*.nc' GROUP BY latitude, longitude",
        glob: ERA5,
        variables: &["t2m"],
    },
    Query {
        name: "Q12",
        sql: "SELECT lat, lon, regr_slope(tas, extract(year FROM time) + (extract(month FROM time) - 0.5) / 12) AS slope FROM 'cmip/tas_*_r1i1p1f1_*.nc' GROUP BY lat, lon",
        glob: TAS,
        variables: &["tas"],
    },
    Query {
        name: "Q16",
        sql: "SELECT date_trunc('month', time) AS month, latitude, longitude, avg(t2m) AS t2m FROM 'era5/*.nc' GROUP BY date_trunc('month', time), latitude, longitude",
        glob: ERA5,
        variables: &["t2m"],
    },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some((data, wanted)) = args.split_first() else {
        println!("name the folder of the benchmark's data: cargo bench -p hyperslab-shell --bench queries -- DATA");
        return;
    };
    let data = PathBuf::from(data);
    let loop_only = wanted.iter().any(|arg| arg == "--loop");
    println!("| query | wall s | peak MB | bare loop, 2 threads, s | ratio | loop's scaling |");
    println!("|---|---|---|---|---|---|");
    for query in QUERIES.iter().filter(|q| loop_only || wanted.is_empty() || wanted.iter().any(|w| w == q.name)) {
        let limit = (!query.variables.is_empty()).then(|| [1, 2].map(|threads| bare_loop(&data, query, threads)));
        let own = (!loop_only).then(|| whole_process(&data, query));
        print_row(query, own, limit);
    }
}

fn print_row(query: &Query, own: Option<(f64, f64)>, limit: Option<[f64; 2]>) {
    let (wall, peak) = own.map_or((String::new(), String::new()), |(s, mb)| (format!("{s:.3}"), format!("{mb:.0}")));
    let [two, ratio, scaling] = match limit {
        Some([one, two]) => {
            let ratio = own.map_or(String::new(), |(s, _)| format!("{:.2}", s / two));
            [format!("{two:.3}"), ratio, format!("{:.2}", one / two)]
        }
        None => Default::default(),
    };
    println!("| {} | {wall} | {peak} | {two} | {ratio} | {scaling} |", query.name);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Median wall seconds and the greatest peak of resident memory in MB.
fn whole_process(data: &Path, query: &Query) -> (f64, f64) {
    let runs: Vec<(f64, f64)> = (0..RUNS).map(|_| run_once(data, query.sql)).collect();
    (median(runs.iter().map(|run| run.0).collect()), runs.iter().map(|run| run.1).fold(0.0, f64::max))
}

fn run_once(data: &Path, sql: &str) -> (f64, f64) {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperslab"));
    let command = command.args(["--format", "csv", sql]).current_dir(data).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut peak: f64 = 0.0;
    loop {
        peak = peak.max(resident_peak(child.id()));
        match child.try_wait().expect("the program can be waited for") {
            Some(status) => {
                assert!(status.success(), "{sql} failed");
                return (start.elapsed().as_secs_f64(), peak);
            }
            None => std::thread::sleep(Duration::from_micros(500)),
        }
    }
}

/// The most memory that a process has held so far, in MB; 0 where the system does not say.
fn resident_peak(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}

/// A chunk to read: the file, the variable within it, the box.
type Chunk = (Arc<dyn Format>, usize, Hyperslab);

/// Median seconds to open the files, read every chunk of the variables, inflate it and add up its integers.
fn bare_loop(data: &Path, query: &Query, threads: usize) -> f64 {
    let glob = data.join(query.glob).to_string_lossy().into_owned();
    let dataset = Dataset::open(&[glob], &OpenOptions::default()).expect("the benchmark's data can be opened");
    let files: Vec<PathBuf> = dataset.files().into_iter().map(Path::to_path_buf).collect();
    let once = || {
        let start = Instant::now();
        let chunks: Vec<Chunk> = files.iter().flat_map(|file| chunks_of(file, query.variables)).collect();
        let next = AtomicUsize::new(0);
        let total: i64 = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| read_batches(&chunks, &next))).collect();
            workers.into_iter().map(|worker| worker.join().expect("no chunk is corrupt")).fold(0, i64::wrapping_add)
        });
        std::hint::black_box(total);
        start.elapsed().as_secs_f64()
    };
    once();
    median((0..RUNS).map(|_| once()).collect())
}

fn chunks_of(file: &Path, variables: &[&str]) -> Vec<Chunk> {
    let format = open(file, Engine::Direct).expect("the benchmark's data can be opened");
    let mut chunks = Vec::new();
    for name in variables {
        let at = format.contents().variables.iter().position(|v| v.path == *name).expect("the variable is there");
        let variable = &format.contents().variables[at];
        let shape: Vec<usize> = variable.dims.iter().map(|d| format.contents().dimensions[*d].len).collect();
        let grid = hyperslab_grid::ChunkGrid::regular(&shape, &variable.chunk);
        let all = grid.slabs_meeting(&hyperslab_grid::Region::all(&shape));
        chunks.extend(all.into_iter().map(|slab| (format.clone(), at, slab)));
    }
    chunks
}

fn read_batches(chunks: &[Chunk], next: &AtomicUsize) -> i64 {
    const BATCH: usize = 64;
    let (mut stored, metrics, mut total) = (Stored::default(), ReadMetrics::default(), 0i64);
    loop {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from >= chunks.len() {
            return total;
        }
        for (format, variable, slab) in &chunks[from..chunks.len().min(from + BATCH)] {
            let held = format.read(*variable, slab, &mut stored, &metrics).expect("no chunk is corrupt");
            let ty = &format.contents().variables[*variable].ty;
            total = total.wrapping_add(sum(stored.bytes.as_slice::<u8>(), held.cells(), ty));
        }
    }
}

fn sum(bytes: &[u8], cells: usize, ty: &StoredType) -> i64 {
    let bytes = &bytes[..cells * ty.size()];
    match ty.size() {
        2 => bytes.chunks_exact(2).map(|c| i64::from(i16::from_ne_bytes([c[0], c[1]]))).sum(),
        _ => bytes
            .chunks_exact(4)
            .map(|c| i64::from(i32::from_ne_bytes([c[0], c[1], c[2], c[3]])))
            .fold(0, i64::wrapping_add),
    }
}
