//! Nanoseconds per value of the aggregates that grids use most, in the shapes in which groups come: one group for all
//! values, consecutive groups over and over, short runs, and a number for each value. On one core.

use arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, GroupRun, Groups, Scalar, SqlType, aggregate};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Values in a vector, as the executor cuts them.
const VECTOR: usize = 8_000;
/// Vectors in an array of the size of a block, so that values come from beyond the first cache.
const VECTORS: usize = 20;
/// How often the block is folded.
const ROUNDS: usize = 40;

fn main() {
    println!("{:<14} {:<12} {:>8} {:>8} {:>8} {:>8}", "ns per value", "", "one", "next", "runs20", "each");
    for (name, ty, arity) in [
        ("count", SqlType::Double, 1),
        ("sum", SqlType::Double, 1),
        ("sum", SqlType::Float, 1),
        ("sum", SqlType::BigInt, 1),
        ("avg", SqlType::Double, 1),
        ("min", SqlType::Double, 1),
        ("max", SqlType::Float, 1),
        ("arg_max", SqlType::Double, 2),
        ("var_samp", SqlType::Double, 1),
        ("regr_slope", SqlType::Double, 2),
        ("weighted_avg", SqlType::Double, 2),
        ("any_value", SqlType::Double, 1),
    ] {
        let args = vec![ty.clone(); arity];
        measure(name, &args, &[], 0);
        measure(name, &args, &[], 1);
        measure(name, &args, &[], 2);
    }
    let fraction = [Scalar::Double(0.9)];
    measure("quantile_cont", &[SqlType::Double], &fraction, 0);
    measure("mode", &[SqlType::BigInt], &[], 0);
}

/// Prints a line: `nulls` is 0 for none, 1 for stretches of nulls, 2 for a third of all values at random.
fn measure(name: &str, types: &[SqlType], parameters: &[Scalar], nulls: usize) {
    let shapes = [vec![run(VECTOR, 0, 0)], vec![run(VECTOR, 0, 1)], (0..400).map(|group| run(20, group, 0)).collect()];
    let each: Vec<u32> = (0..VECTOR).map(|row| (row * 7_919 % VECTOR) as u32).collect();
    let vectors: Vec<Vec<ArrayRef>> = (0..VECTORS)
        .map(|vector| types.iter().enumerate().map(|(arg, ty)| values(ty, vector * 2 + arg, nulls)).collect())
        .collect();
    let mut times = shapes.iter().map(|runs| time(name, types, parameters, &vectors, &Groups::Runs(runs)));
    let [one, next, runs] = [(); 3].map(|()| times.next().expect("there are three shapes"));
    let each = time(name, types, parameters, &vectors, &Groups::Each(&each));
    let label = format!("{} {}", types[0], ["", "stretches", "random"][nulls]);
    println!("{name:<14} {label:<12} {one:>8.2} {next:>8.2} {runs:>8.2} {each:>8.2}");
}

fn run(len: usize, first: u32, step: u32) -> GroupRun {
    GroupRun { len: len as u32, first, step }
}

fn time(name: &str, types: &[SqlType], parameters: &[Scalar], vectors: &[Vec<ArrayRef>], groups: &Groups<'_>) -> f64 {
    let bound = aggregate::bind(name, types, parameters).expect("the aggregate takes these types");
    let args = bound.arg_types.iter().map(|ty| Expr::Column(ColumnId(0), ty.clone())).collect();
    let (function, parameters) = (bound.name.to_string(), parameters.to_vec());
    let call = AggregateCall {
        function,
        args,
        order: Vec::new(),
        parameters,
        distinct: false,
        filter: None,
        ty: bound.ty,
        at: None,
    };
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let mut accumulator = aggregate::create(&call).expect("a bound call has an accumulator");
        accumulator.resize(VECTOR);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for args in vectors {
                accumulator.update(groups, black_box(args), None).expect("nothing overflows");
            }
        }
        let values = (ROUNDS * VECTORS * VECTOR) as f64;
        best = best.min(start.elapsed().as_nanos() as f64 / values);
        black_box(accumulator.finish().expect("results fit"));
    }
    best
}

fn values(ty: &SqlType, seed: usize, nulls: usize) -> ArrayRef {
    let mut state = seed as u64 + 1;
    let random: Vec<Option<i64>> = (0..VECTOR)
        .map(|row| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let null = [false, row % 1_000 < 300, state >> 40 & 3 == 0][nulls];
            (!null).then_some((state >> 44) as i64)
        })
        .collect();
    let all = random.into_iter();
    match ty {
        SqlType::Float => Arc::new(all.map(|value| value.map(|value| value as f32)).collect::<Float32Array>()),
        SqlType::Double => Arc::new(all.map(|value| value.map(|value| value as f64)).collect::<Float64Array>()),
        _ => Arc::new(all.collect::<Int64Array>()),
    }
}
