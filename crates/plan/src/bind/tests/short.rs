//! A bound query in a line a node, leaves first.

use crate::bind::{DescribedColumn, Description};
use crate::{BoundQuery, GridPlan, JoinKind, RowPlan, SortKey};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, Scalar};
use std::collections::BTreeMap;

type Names = BTreeMap<ColumnId, String>;

/// The plan, and the names and types of its columns.
pub(super) fn short(query: &BoundQuery) -> String {
    let mut names = Names::new();
    query.plan.walk(&mut |plan| {
        for column in plan.columns() {
            names.entry(column.id).or_insert(column.name);
        }
        if let RowPlan::Materialize { grid, .. } = plan {
            names.extend(grid.columns().into_iter().map(|c| (c.column.id, c.column.name)));
        }
    });
    let columns: Vec<String> = query.columns().iter().map(|c| format!("{} {}", c.name, c.ty)).collect();
    format!("{}\n=> {}", plan(&query.plan, &names), columns.join(", "))
}

/// The columns described, with their dimensions and types.
pub(super) fn described(description: &Description) -> String {
    let column = |described: &DescribedColumn| {
        let dims = described.dimensions.as_ref().map(|dims| format!("({})", dims.join(" "))).unwrap_or_default();
        format!("{}{dims} {}", described.column.name, described.column.ty)
    };
    let mut lines = vec![description.columns.iter().map(column).collect::<Vec<_>>().join(", ")];
    lines.extend(description.warnings.iter().map(|warning| format!("note: {warning}")));
    lines.join("\n")
}

fn plan(node: &RowPlan, names: &Names) -> String {
    let below = |input: &RowPlan| plan(input, names);
    let name = |id: &ColumnId| names[id].clone();
    let list = |columns: &[(crate::Column, Expr)]| {
        let column = |(c, e): &(crate::Column, Expr)| match e {
            Expr::Column(id, _) if *id == c.id && names[id] == c.name => c.name.clone(),
            e => format!("{}: {}", c.name, expr(e, names)),
        };
        columns.iter().map(column).collect::<Vec<_>>().join(", ")
    };
    match node {
        RowPlan::Values { columns, rows } => {
            let row =
                |row: &Vec<Expr>| format!("({})", row.iter().map(|e| expr(e, names)).collect::<Vec<_>>().join(", "));
            format!(
                "values [{}] {}",
                columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(", "),
                rows.iter().map(row).collect::<String>()
            )
        }
        RowPlan::Table(scan) => {
            let columns: Vec<&str> = scan.columns.iter().map(|(c, _)| c.name.as_str()).collect();
            format!("table {} {}", scan.name, columns.join(", "))
        }
        RowPlan::Materialize { grid, columns } => {
            let GridPlan::Scan(scan) = grid.as_ref() else { panic!("the binder makes scans only") };
            assert_eq!(columns.len(), scan.columns.len());
            let column = |c: &crate::ScanColumn| {
                let dims: Vec<&str> = c.footprint.dims().map(|d| scan.dim_names[d].as_str()).collect();
                format!("{}({})", c.column.name, dims.join(" "))
            };
            let columns: Vec<String> = scan.columns.iter().map(column).collect();
            format!("scan {} [{}] {}", scan.name, scan.dim_names.join(" "), columns.join(", "))
        }
        RowPlan::Filter { input, predicate } => format!("{}\nfilter {}", below(input), expr(predicate, names)),
        RowPlan::Project { input, columns } => format!("{}\nproject {}", below(input), list(columns)),
        RowPlan::Aggregate { input, keys, aggregates } => {
            let calls: Vec<String> =
                aggregates.iter().map(|(c, a)| format!("{}: {}", c.name, call(a, names))).collect();
            format!("{}\ngroup by [{}] {}", below(input), list(keys), calls.join(", "))
        }
        RowPlan::Join { left, right, kind, on, asof, filter } => {
            let on: Vec<String> = on.iter().map(|(l, r)| format!("{} = {}", expr(l, names), expr(r, names))).collect();
            let asof = asof
                .as_ref()
                .map(|a| format!(" asof {} {} {}", expr(&a.left, names), a.operator(), expr(&a.right, names)));
            let asof = asof.unwrap_or_default();
            let filter = filter.as_ref().map(|f| format!(" if {}", expr(f, names))).unwrap_or_default();
            let kind = match kind {
                JoinKind::Inner => "join",
                JoinKind::Left => "left join",
                JoinKind::Full => "full join",
                JoinKind::Semi => "semi join",
                JoinKind::Anti => "anti join",
            };
            format!(
                "{}\n{kind} on [{}]{asof}{filter} with\n  {}",
                below(left),
                on.join(", "),
                below(right).replace('\n', "\n  ")
            )
        }
        RowPlan::Window { input, window, calls } => {
            let partition: Vec<String> = window.partition.iter().map(|e| expr(e, names)).collect();
            let order: Vec<String> = window.order.iter().map(|k| key(k, names)).collect();
            let call = |(column, call): &(crate::Column, crate::window::WindowCall)| {
                let args: Vec<String> = call.exprs().into_iter().map(|e| expr(e, names)).collect();
                format!("{}: {} {:?} to {:?}", column.name, args.join(", "), call.frame.start, call.frame.end)
            };
            let calls: Vec<String> = calls.iter().map(call).collect();
            let (partition, order) = (partition.join(", "), order.join(", "));
            format!("{}\nwindow [{partition}] by [{order}] {}", below(input), calls.join("; "))
        }
        RowPlan::Sort { input, keys } => {
            format!("{}\nsort {}", below(input), keys.iter().map(|k| key(k, names)).collect::<Vec<_>>().join(", "))
        }
        RowPlan::TopK { .. } => panic!("the binder makes no TopK"),
        RowPlan::Limit { input, limit, offset } => format!("{}\nlimit {limit:?} offset {offset}", below(input)),
        RowPlan::Union { inputs, columns } => {
            let parts: Vec<String> = inputs.iter().map(|i| format!("  {}", below(i).replace('\n', "\n  "))).collect();
            format!(
                "union [{}]\n{}",
                columns.iter().map(|c| name(&c.id)).collect::<Vec<_>>().join(", "),
                parts.join("\n  --\n")
            )
        }
    }
}

fn key(key: &SortKey, names: &Names) -> String {
    let direction = if key.descending { " desc" } else { "" };
    let nulls = if key.nulls_first { " nulls first" } else { "" };
    format!("{}{direction}{nulls}", expr(&key.expr, names))
}

fn call(call: &AggregateCall, names: &Names) -> String {
    let (args, keys) = call.args.split_at(call.args.len() - call.order.len());
    let args: Vec<String> = args.iter().map(|e| expr(e, names)).chain(call.parameters.iter().map(scalar)).collect();
    let keys = keys.iter().zip(&call.order).map(|(e, order)| {
        let (descending, nulls_first) = (order.descending, order.nulls_first);
        key(&SortKey { expr: e.clone(), descending, nulls_first }, names)
    });
    let order = keys.reduce(|a, b| format!("{a}, {b}")).map(|keys| format!(" order by {keys}")).unwrap_or_default();
    let distinct = if call.distinct { "distinct " } else { "" };
    let filter = call.filter.as_ref().map(|f| format!(" where {}", expr(f, names))).unwrap_or_default();
    format!("{}({distinct}{}{order}{filter}) {}", call.function, args.join(", "), call.ty)
}

fn expr(e: &Expr, names: &Names) -> String {
    let all = |args: &[Expr], sep: &str| args.iter().map(|e| expr(e, names)).collect::<Vec<_>>().join(sep);
    match e {
        Expr::Column(id, _) => names[id].clone(),
        Expr::Literal(value) => scalar(value),
        Expr::Call { function, args, .. } => match &args[..] {
            [a, b] if !function.starts_with(char::is_alphabetic) => {
                format!("({} {function} {})", expr(a, names), expr(b, names))
            }
            _ => format!("{function}({})", all(args, ", ")),
        },
        Expr::Cast { arg, to, or_null, .. } => format!("{}{}::{to}", expr(arg, names), if *or_null { "?" } else { "" }),
        Expr::And(terms) => format!("({})", all(terms, " and ")),
        Expr::Or(terms) => format!("({})", all(terms, " or ")),
        Expr::Case { branches, otherwise, ty } => {
            let branches: Vec<String> =
                branches.iter().map(|(w, t)| format!("{} -> {}", expr(w, names), expr(t, names))).collect();
            let otherwise = otherwise.as_ref().map(|e| format!(" else {}", expr(e, names))).unwrap_or_default();
            format!("case {ty} [{}{otherwise}]", branches.join("; "))
        }
        Expr::InList { arg, list, negated } => {
            format!("({}{} in [{}])", expr(arg, names), if *negated { " not" } else { "" }, all(list, ", "))
        }
    }
}

fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Null(ty) => format!("null::{ty}"),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Integer(value, ty) => format!("{value}::{ty}"),
        Scalar::Float(value) => format!("{value}f"),
        Scalar::Double(value) => format!("{value:?}d"),
        Scalar::Decimal(value, precision, scale) => format!("{value}e-{scale}::DECIMAL({precision})"),
        Scalar::Varchar(text) => format!("'{text}'"),
        Scalar::Timestamp(micros, calendar) => format!("<{} {calendar}>", calendar.format(*micros)),
        Scalar::Interval(months, days, micros) => format!("<{months} mon {days} d {micros} us>"),
        Scalar::List(items, _) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Scalar::Blob(_) | Scalar::Date(_) | Scalar::Time(_) => format!("{value:?}"),
    }
}
