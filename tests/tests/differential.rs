//! Random queries over the fixtures: the same answer with passes off and on (float aggregates to 1e-12), and the same bits
//! with one thread and two. `HYPERSLAB_SEED` and `HYPERSLAB_QUERIES` try others and more.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float64Type};
use hyperslab::Session;
use hyperslab_tests::setup::{Format, Setup, answer};
use hyperslab_tests::shown;

/// A table for random queries: its name, columns over one dimension, columns over several, and constants near their values.
struct Table {
    name: &'static str,
    /// The axes, and variables on them: what two parts of the table are joined by and give.
    axes: &'static str,
    variables: &'static [&'static str],
    coordinates: &'static [&'static str],
    values: &'static [&'static str],
    constants: &'static [&'static str],
}

const TABLES: [Table; 7] = [
    Table {
        name: "'plain.nc'",
        axes: "time, lat, lon",
        variables: &["temp", "obs", "orog"],
        coordinates: &["lat", "lon", "month(time)", "abs(lat)", "lon % 120", "day(time)", "floor((lat + lon) / 40)"],
        values: &["temp", "obs", "orog", "temp - orog", "obs * 2", "lat + lon"],
        constants: &["-45", "-15", "0", "2", "7.25", "15", "30", "60", "120"],
    },
    Table {
        name: "'descending.nc'",
        axes: "lat, lon",
        variables: &["height"],
        coordinates: &["lat", "lon", "abs(lat)", "floor(lat / 20)"],
        values: &["height", "height * lat"],
        constants: &["35.1", "10.3", "-10.3", "0", "0.2", "50", "75.5"],
    },
    Table {
        name: "'packed.nc'",
        axes: "time, x",
        variables: &["t"],
        coordinates: &["x", "day(time)", "time"],
        values: &["t", "t - 273.15"],
        constants: &["2.5", "5", "1", "31", "258.15", "270", "-14.74"],
    },
    Table {
        name: "'unlimited.nc'",
        axes: "time, x",
        variables: &["a", "b", "c"],
        coordinates: &["time", "x", "c", "hour(time)", "x % 2"],
        values: &["a", "b", "a + b", "a * c"],
        constants: &["0", "1", "2", "3", "6", "8.5", "12"],
    },
    Table {
        name: "'daily/*.nc'",
        axes: "time, lat, lon",
        variables: &["t", "orog"],
        coordinates: &["time", "lat", "lon", "day(time)", "lat > 0", "lat > lon / 4", "day(time) + lat"],
        values: &["t", "orog", "t * lat"],
        constants: &["-10", "0", "10", "100", "3", "7", "13.5"],
    },
    Table {
        name: "regrid('plain.nc', 'r10x6', method => 'conservative')",
        axes: "time, lat, lon",
        variables: &["temp", "obs", "orog"],
        coordinates: &["lat", "lon", "month(time)", "abs(lat)", "lon % 72", "day(time)", "lat * lon"],
        values: &["temp", "obs", "orog", "temp - orog", "lat + lon"],
        constants: &["-45", "-15", "0", "2", "7.25", "15", "36", "72", "180"],
    },
    Table {
        name: "'noleap.nc'",
        axes: "time, lat",
        variables: &["tas"],
        coordinates: &["lat", "month(time)", "year(time)", "time"],
        values: &["tas", "tas * lat"],
        constants: &["-30", "2", "6", "2000", "280", "283"],
    },
];

const AGGREGATES: [&str; 18] = [
    "count(*)",
    "count({})",
    "sum({})",
    "avg({})",
    "min({})",
    "max({})",
    "var_samp({})",
    "stddev_pop({})",
    "median({})",
    "quantile_cont({}, 0.8)",
    "count(DISTINCT {})",
    "sum({}) FILTER (WHERE {} > 1)",
    "histogram_1d({}, [-10, 0, 7.5, 300])",
    "longest_run({} > 2)",
    "run_count({} > 0, 2)",
    "weighted_quantile({}, 2, 0.3)",
    "string_agg({} ORDER BY {} DESC)",
    "max({}, 3)",
];

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn query(random: &mut Random) -> String {
    let table = &TABLES[random.below(TABLES.len())];
    let keys: Vec<&str> = (0..random.below(3)).map(|_| random.pick(table.coordinates)).collect();
    let body = match random.below(4) {
        0 => cells(random, table),
        _ => groups(random, table, &keys),
    };
    if random.below(3) == 0 { format!("{body} LIMIT {}", 1 + random.below(9)) } else { body }
}

fn cells(random: &mut Random, table: &Table) -> String {
    let columns = [random.pick(table.coordinates), random.pick(table.values), random.pick(table.values)];
    let from = from(random, table);
    let order =
        if random.below(2) == 0 { String::new() } else { format!(" ORDER BY {}", order(random, columns.len())) };
    format!(
        "SELECT {} AS first, {} FROM {}{}{order}",
        columns[0],
        columns[1..].join(", "),
        from.text,
        filter(random, table)
    )
}

/// Limits over groups need a full order, as the order of groups may differ with the passes.
fn groups(random: &mut Random, table: &Table, keys: &[&str]) -> String {
    let mut aggregates = vec!["count(*)".to_string()];
    for _ in 0..=random.below(3) {
        let value = if random.below(5) == 0 { random.pick(table.values) } else { table.values[0] };
        aggregates.push(AGGREGATES[random.below(AGGREGATES.len())].replace("{}", value));
    }
    let from = from(random, table);
    let keys: Vec<&str> = keys.iter().copied().chain(from.key).collect();
    let key_list: String = keys.iter().map(|key| format!("{key}, ")).collect();
    let group = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
    let having = if random.below(5) == 0 { " HAVING count(*) > 2" } else { "" };
    let order = (1..=keys.len()).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    let order = if order.is_empty() { order } else { format!(" ORDER BY {order}") };
    format!(
        "SELECT {key_list}{} FROM {}{}{group}{having}{order}",
        aggregates.join(", "),
        from.text,
        filter(random, table)
    )
}

/// What is read: a table, or one joined with a few rows, and a key that the rows have.
struct From {
    text: String,
    key: Option<&'static str>,
}

fn from(random: &mut Random, table: &Table) -> From {
    let mut rows = || {
        let mut numbers = || [random.pick(table.constants), random.pick(table.constants)];
        let row = |number: usize, [low, high]: [&str; 2]| format!("({number}, {low}, {high})");
        let rows: Vec<String> = (0..3).map(|number| row(number, numbers())).collect();
        format!("(VALUES {}, (3, NULL, 1)) AS rows(number, low, high)", rows.join(", "))
    };
    let (rows, name) = (rows(), table.name);
    let numbers: Vec<&str> = table.coordinates.iter().copied().filter(|c| *c != "time" && !c.contains('>')).collect();
    let (one, other) = (random.pick(&numbers), random.pick(&numbers));
    let text = match random.below(18) {
        0 => format!("{name} JOIN {rows} ON {one} BETWEEN low AND high"),
        1 => format!("{rows} JOIN {name} ON {one} >= low AND {other} < high"),
        2 => {
            let value = random.pick(table.values);
            format!("(SELECT * FROM {name}, {rows} WHERE {one} BETWEEN low AND high AND {value} > number)")
        }
        3 => format!("{rows} LEFT JOIN {name} ON {one} = low"),
        4 => format!("{name} JOIN {rows} ON {one} = low"),
        5..=7 => return From { text: parts(random, table), key: None },
        _ => return From { text: name.to_string(), key: None },
    };
    From { text, key: (random.below(2) == 0).then_some("number") }
}

/// Two parts of a table side by side, under the names of its columns.
fn parts(random: &mut Random, table: &Table) -> String {
    let kind = random.pick(&["FULL", "FULL", "FULL", "LEFT", "RIGHT", "INNER"]);
    let mut part = || {
        let columns = random.pick(&["*", "*", "*, 1 AS one"]);
        format!("(SELECT {columns} FROM {}{})", table.name, filter(random, table))
    };
    let (one, other, axes) = (part(), part(), table.axes);
    let value = |name: &&str| match random.below(3) {
        0 => format!("coalesce(a.{name}, b.{name} * 2) AS {name}"),
        1 => format!("b.{name}"),
        _ => format!("a.{name} + b.{name} AS {name}"),
    };
    let values: Vec<String> = table.variables.iter().map(value).collect();
    format!("(SELECT {axes}, {} FROM {one} a {kind} JOIN {other} b USING ({axes}))", values.join(", "))
}

fn order(random: &mut Random, columns: usize) -> String {
    let ways = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST"];
    format!("{}{}", 1 + random.below(columns), random.pick(&ways))
}

fn filter(random: &mut Random, table: &Table) -> String {
    let terms: Vec<String> = (0..random.below(4)).map(|_| predicate(random, table)).collect();
    match terms.len() {
        0 => String::new(),
        _ => format!(" WHERE {}", terms.join(random.pick(&[" AND ", " AND ", " OR "]))),
    }
}

fn predicate(random: &mut Random, table: &Table) -> String {
    let numbers: Vec<&str> = table.coordinates.iter().copied().filter(|c| *c != "time" && !c.contains('>')).collect();
    let column = if random.below(3) == 0 { random.pick(table.values) } else { random.pick(&numbers) };
    let (low, high) = (random.pick(table.constants), random.pick(table.constants));
    match random.below(7) {
        0 => format!("{column} IN ({low}, {high})"),
        1 => format!("{column} BETWEEN {low} AND {high}"),
        2 => format!("NOT ({column} > {low})"),
        3 => format!("({column} = {low} OR {column} >= {high})"),
        4 => format!("{column} IS NOT NULL"),
        5 => format!("{column} <> {low}"),
        _ => format!("{column} < {low}"),
    }
}

#[test]
fn every_setup_gives_the_same_answer() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut random = Random(number("HYPERSLAB_SEED").unwrap_or(20_261_122));
    let queries: Vec<String> = (0..number("HYPERSLAB_QUERIES").unwrap_or(200)).map(|_| query(&mut random)).collect();
    let mut problems = Vec::new();
    for format in Format::ALL {
        format.enter();
        let sessions = Setup::ALL.map(|setup| setup.session().expect("settings that exist"));
        let problem =
            |sql: &String| Some(format!("{}: {sql}\n{}", format.name(), differs(&sessions, &format.sql(sql))?));
        problems.extend(queries.iter().filter_map(problem));
    }
    assert!(problems.is_empty(), "{} queries differ\n\n{}", problems.len(), problems.join("\n\n"));
}

/// What differs between setups, if anything does. A query may fail in one way only: that it reads a coordinate which does
/// not lie on the grid of its variables.
fn differs(sessions: &[Session], sql: &str) -> Option<String> {
    let mut batches = Vec::new();
    for (session, setup) in sessions.iter().zip(Setup::ALL) {
        match run(session, sql) {
            Ok(batch) => batches.push(batch),
            Err(error) if error.contains("not part of the grid") => return None,
            Err(error) => return Some(format!("{}: {error}", setup.name())),
        }
    }
    let [on, on_two, off, off_two] = &batches[..] else { return None };
    let show = |batch: &RecordBatch| shown::rows(batch).join("\n");
    if on != on_two || off != off_two {
        return Some(format!(
            "threads differ:\n{}\n--\n{}\n--\n{}\n--\n{}",
            show(on),
            show(on_two),
            show(off),
            show(off_two)
        ));
    }
    if on.schema() != off.schema() {
        return Some(format!("passes differ: on {:?}\n-- off {:?}", on.schema().fields(), off.schema().fields()));
    }
    (!alike(on, off)).then(|| format!("passes differ: on\n{}\n-- off\n{}", show(on), show(off)))
}

fn run(session: &Session, sql: &str) -> Result<RecordBatch, String> {
    let answer = answer(session, sql)?;
    concat_batches(&answer.schema, &answer.batches).map_err(|error| error.to_string())
}

/// Equal, but DOUBLE to 1e-12.
fn alike(on: &RecordBatch, off: &RecordBatch) -> bool {
    on.num_rows() == off.num_rows()
        && on.columns().iter().zip(off.columns()).all(|(a, b)| match a.data_type() {
            DataType::Float64 => {
                let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
                a.iter().zip(b).all(|pair| match pair {
                    (Some(x), Some(y)) => {
                        x.to_bits() == y.to_bits() || (x - y).abs() <= 1e-12 * x.abs().max(y.abs()).max(1.0)
                    }
                    (x, y) => x.is_none() && y.is_none(),
                })
            }
            _ => a == b,
        })
}
