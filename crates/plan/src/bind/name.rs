//! What a column of a result is called if it has no alias: its expression, written as DuckDB does.

use super::types::sql_type;
use crate::Span;
use sqlparser::ast::{self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};

/// Names are for people: what nests deeper is not written out.
const MAX_DEPTH: usize = 40;

/// The name of an expression.
pub(super) fn output_name(expr: &Expr) -> String {
    name(expr, MAX_DEPTH)
}

/// The name of a call.
pub(super) fn function_name(function: &ast::Function) -> String {
    call(function, MAX_DEPTH)
}

fn name(expr: &Expr, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else { return "...".to_string() };
    let n = |expr: &Expr| name(expr, depth);
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.clone()).unwrap_or_default(),
        Expr::Nested(inner) => n(inner),
        Expr::Value(value) => literal(&value.value),
        Expr::BinaryOp { left, op, right } => binary(left, op, right, depth),
        Expr::UnaryOp { op, expr: arg } => unary(*op, arg, depth),
        Expr::IsNull(arg) => format!("({} IS NULL)", n(arg)),
        Expr::IsNotNull(arg) => format!("({} IS NOT NULL)", n(arg)),
        Expr::IsDistinctFrom(a, b) => format!("({} IS DISTINCT FROM {})", n(a), n(b)),
        Expr::IsNotDistinctFrom(a, b) => format!("({} IS NOT DISTINCT FROM {})", n(a), n(b)),
        Expr::Between { expr: arg, negated, low, high } => {
            not(*negated, format!("({} BETWEEN {} AND {})", n(arg), n(low), n(high)))
        }
        Expr::InList { expr: arg, list, negated } => {
            not(*negated, format!("({} IN ({}))", n(arg), list.iter().map(n).collect::<Vec<_>>().join(", ")))
        }
        Expr::Like { negated, expr: arg, pattern, .. } => {
            format!("({} {}~~ {})", n(arg), if *negated { "!" } else { "" }, n(pattern))
        }
        Expr::ILike { negated, expr: arg, pattern, .. } => {
            format!("({} {}~~* {})", n(arg), if *negated { "!" } else { "" }, n(pattern))
        }
        Expr::Cast { kind, expr: arg, data_type, .. } => {
            let cast =
                if matches!(kind, ast::CastKind::TryCast | ast::CastKind::SafeCast) { "TRY_CAST" } else { "CAST" };
            format!("{cast}({} AS {})", n(arg), type_name(data_type))
        }
        Expr::TypedString(typed) => format!("CAST({} AS {})", literal(&typed.value.value), type_name(&typed.data_type)),
        Expr::Interval(interval) => match &interval.leading_field {
            None => format!("CAST({} AS INTERVAL)", n(&interval.value)),
            Some(unit) => {
                format!("to_{}s({})", unit.to_string().to_lowercase().trim_end_matches('s'), n(&interval.value))
            }
        },
        Expr::Extract { field, expr: arg, .. } => {
            format!("date_part('{}', {})", field.to_string().trim_matches('\'').to_lowercase(), n(arg))
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            case(operand.as_deref(), conditions, else_result.as_deref(), depth)
        }
        Expr::Function(function) => call(function, depth),
        Expr::Ceil { expr: arg, .. } => format!("ceil({})", n(arg)),
        Expr::Floor { expr: arg, .. } => format!("floor({})", n(arg)),
        Expr::Trim { expr: arg, .. } => format!("trim({})", n(arg)),
        Expr::Substring { expr: arg, substring_from, substring_for, .. } => {
            let args = std::iter::once(arg.as_ref()).chain(substring_from.as_deref()).chain(substring_for.as_deref());
            format!("substring({})", args.map(n).collect::<Vec<_>>().join(", "))
        }
        Expr::Array(array) => format!("list_value({})", array.elem.iter().map(n).collect::<Vec<_>>().join(", ")),
        Expr::CompoundFieldAccess { root, .. } => format!("{}[..]", n(root)),
        Expr::IsTrue(arg) => format!("(CAST({} AS BOOLEAN) IS NOT DISTINCT FROM true)", n(arg)),
        Expr::IsFalse(arg) => format!("(CAST({} AS BOOLEAN) IS NOT DISTINCT FROM false)", n(arg)),
        Expr::IsNotTrue(arg) => format!("(CAST({} AS BOOLEAN) IS DISTINCT FROM true)", n(arg)),
        Expr::IsNotFalse(arg) => format!("(CAST({} AS BOOLEAN) IS DISTINCT FROM false)", n(arg)),
        Expr::Position { expr: what, r#in } => format!("position({}, {})", n(r#in), n(what)),
        _ => "expression".to_string(),
    }
}

fn not(negated: bool, name: String) -> String {
    if negated { format!("(NOT {name})") } else { name }
}

fn literal(value: &ast::Value) -> String {
    match value {
        ast::Value::Null => "NULL".to_string(),
        ast::Value::Boolean(value) => value.to_string(),
        ast::Value::Number(text, _) => text.clone(),
        other => other.to_string(),
    }
}

fn type_name(ty: &ast::DataType) -> String {
    sql_type(ty, Span::default()).map_or_else(|_| ty.to_string(), |ty| ty.to_string().replace(',', ", "))
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr, depth: usize) -> String {
    if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
        return connective(left, op, right, depth);
    }
    let sign = match op {
        BinaryOperator::NotEq => "!=".to_string(),
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "^".to_string(),
        op => op.to_string(),
    };
    format!("({} {sign} {})", name(left, depth), name(right, depth))
}

/// A chain of AND or OR in one pair of brackets.
fn connective<'e>(left: &'e Expr, op: &BinaryOperator, right: &'e Expr, depth: usize) -> String {
    let mut terms = vec![right];
    let mut first = left;
    while let Expr::BinaryOp { left, op: inner, right } = first
        && inner == op
    {
        terms.push(right);
        first = left;
    }
    terms.push(first);
    let terms: Vec<String> = terms.into_iter().rev().map(|term| name(term, depth)).collect();
    format!("({})", terms.join(&format!(" {op} ")))
}

fn unary(op: UnaryOperator, arg: &Expr, depth: usize) -> String {
    match (op, arg) {
        (UnaryOperator::Minus, Expr::Value(value)) => format!("-{}", literal(&value.value)),
        (UnaryOperator::Not, _) => format!("(NOT {})", name(arg, depth)),
        _ => format!("({op}({}))", name(arg, depth)),
    }
}

fn case(operand: Option<&Expr>, conditions: &[ast::CaseWhen], otherwise: Option<&Expr>, depth: usize) -> String {
    let when = |branch: &ast::CaseWhen| {
        let condition = match operand {
            Some(operand) => format!("({} = {})", name(operand, depth), name(&branch.condition, depth)),
            None => name(&branch.condition, depth),
        };
        format!(" WHEN ({condition}) THEN ({})", name(&branch.result, depth))
    };
    let whens: String = conditions.iter().map(when).collect();
    let otherwise = otherwise.map_or("NULL".to_string(), |expr| name(expr, depth));
    format!("CASE {whens} ELSE {otherwise} END")
}

fn call(function: &ast::Function, depth: usize) -> String {
    let depth = depth.saturating_sub(1);
    let called = function.name.to_string().to_lowercase();
    let (distinct, args) = arguments(function, depth);
    let called = match (called.as_str(), args.as_slice()) {
        ("count", []) => "count_star".to_string(),
        ("coalesce", _) => "COALESCE".to_string(),
        _ => called,
    };
    let order = match &function.within_group[..] {
        [] => String::new(),
        keys => format!(" ORDER BY {}", keys.iter().map(|key| name(&key.expr, depth)).collect::<Vec<_>>().join(", ")),
    };
    let called = if order.is_empty() { called } else { called.replace("percentile", "quantile") };
    let filter = function.filter.as_ref().map(|filter| format!(" FILTER (WHERE {})", name(filter, depth)));
    format!("{called}({distinct}{}{order}){}", args.join(", "), filter.unwrap_or_default())
}

fn arguments(function: &ast::Function, depth: usize) -> (&'static str, Vec<String>) {
    let FunctionArguments::List(list) = &function.args else { return ("", Vec::new()) };
    let arg = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(name(expr, depth)),
        FunctionArg::Unnamed(_) => None,
        other => Some(other.to_string()),
    };
    let distinct = if list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct) { "DISTINCT " } else { "" };
    (distinct, list.args.iter().filter_map(arg).collect())
}
