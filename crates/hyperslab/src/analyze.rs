//! What a query did, as the text that `EXPLAIN ANALYZE` appends to the plan.

use crate::query::QueryMetrics;
use hyperslab_exec::OperatorReport;
use hyperslab_exec::forecast::Forecast;
use hyperslab_plan::BoundQuery;
use hyperslab_plan::explain::estimate;
use hyperslab_plan::numbers::{bytes, count};
use std::time::Duration;

/// What a query will take of memory and of temporary files, as `EXPLAIN` says it.
pub(crate) fn memory(forecast: &Forecast, limit: usize) -> String {
    let limit = limit as u64;
    let memory = match forecast.memory >= limit {
        true => format!("takes at most the memory limit of {}", bytes(limit)),
        false => format!("takes at most about {} of memory (the limit is {})", bytes(forecast.memory), bytes(limit)),
    };
    let space = match forecast.disk {
        0 => memory,
        u64::MAX => format!("{memory}, and temporary files for rows of unknown number"),
        disk => format!("{memory}, and about {} of temporary files", bytes(disk)),
    };
    match forecast.in_rounds {
        true => {
            format!(
                "{space}; chunks are read in several rounds, because groups are too large or too many to be held at once"
            )
        }
        false => space,
    }
}

/// Chunks and bytes read of those present, and rows, seconds and memory of each operator of the query that ran.
pub(crate) fn report(query: &BoundQuery, metrics: &QueryMetrics, elapsed: Duration) -> Vec<String> {
    let present = estimate(query);
    let reads = &metrics.reads;
    let mut lines = vec![
        String::new(),
        format!("read {} of {} chunks", count(reads.chunks_read), count(present.chunks_present as u64)),
        format!(
            "read {} stored, {} decoded of {} present",
            bytes(reads.stored_bytes),
            bytes(reads.decoded_bytes),
            bytes(present.bytes_present as u64)
        ),
    ];
    if reads.chunks_absent > 0 {
        lines.push(format!("{} chunks were never written and read as fill values", count(reads.chunks_absent)));
    }
    let spilled: u64 = metrics.operators.iter().map(|operator| operator.spilled_bytes).sum();
    if spilled > 0 {
        lines.push(format!("wrote {} to temporary files", bytes(spilled)));
    }
    lines.push(format!("took {:.3} s, at most {} reserved", elapsed.as_secs_f64(), bytes(metrics.peak_memory as u64)));
    lines.push(String::new());
    lines.extend(operators(&metrics.operators));
    lines
}

fn operators(reports: &[OperatorReport]) -> Vec<String> {
    let names: Vec<String> = reports.iter().map(|r| format!("{}{}", "  ".repeat(r.depth), r.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).chain(["operator".len()]).max().unwrap_or(0);
    let line = |name: &str, rows: &str, seconds: &str, memory: &str| {
        format!("{name:width$}  {rows:>15}  {seconds:>9}  {memory:>10}")
    };
    let mut lines = vec![line("operator", "rows", "seconds", "memory")];
    for (report, name) in reports.iter().zip(&names) {
        lines.push(line(
            name,
            &count(report.rows),
            &format!("{:.3}", report.seconds),
            &bytes(report.memory_bytes as u64),
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_stand_in_columns() {
        let report = |depth, name: &str, rows| OperatorReport {
            depth,
            name: name.into(),
            rows,
            seconds: 0.25,
            memory_bytes: 2000,
            spilled_bytes: 0,
        };
        let lines = operators(&[report(0, "Sort", 12), report(1, "Materialize", 1_000_000)]);
        assert_eq!(lines[1], "Sort                        12      0.250     2.00 kB");
        assert_eq!(lines[2], "  Materialize        1,000,000      0.250     2.00 kB");
        assert_eq!(lines[0].len(), lines[1].len());
    }
}
