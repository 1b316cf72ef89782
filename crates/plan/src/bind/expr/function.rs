//! Calls by name: scalar functions here, aggregates in [`crate::bind::aggregate`].

use super::{Bound, ExprBinder};
use crate::bind::axis_function::is_axis_function;
use crate::bind::flags::is_flag_function;
use crate::bind::refuse::{at_node, unsupported};
use crate::bind::window::is_window_function;
use crate::{Error, Result, Span};
use hyperslab_expr::{Expr, Scalar, aggregate, closest, scalar};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments};

impl<'a> ExprBinder<'_, 'a> {
    pub(super) fn function(&mut self, function: &'a ast::Function) -> Result<Bound> {
        let name = self.binder.simple_name(&function.name)?;
        let at = self.binder.span(name);
        let span = self.binder.text.call(at);
        let name = name.value.to_lowercase();
        self.check(&name, function, span)?;
        if let Some(over) = &function.over {
            return self.window_call(&name, function, over, at, span);
        }
        if matches!(name.as_str(), "grouping" | "grouping_id") {
            return self.grouping_call(function, span);
        }
        if is_window_function(&name) {
            let error = Error::new(format!("{name} is a window function")).or_at(Some(span));
            return Err(error.with_hint(format!("say over which rows: {name}(..) OVER (PARTITION BY .. ORDER BY ..)")));
        }
        self.binder.refuse(function.null_treatment.is_some(), "IGNORE NULLS without OVER", span)?;
        if aggregate::is_aggregate(&name) || !function.within_group.is_empty() {
            return self.aggregate(&name, function, at, span);
        }
        self.binder.refuse(function.filter.is_some(), "FILTER after a function that is no aggregate", span)?;
        if name == "interpolate" {
            return self.interpolate(function, span);
        }
        if is_axis_function(&name) {
            return self.axis_function(&name, function, span);
        }
        if is_flag_function(&name) {
            return self.flag_function(&name, function, span);
        }
        let args = self.scalar_args(&name, function, span)?;
        if matches!(name.as_str(), "date_part" | "datepart") && args.len() == 2 {
            return self.date_part(args, span);
        }
        if scalar::function(&name).is_none() {
            return Err(unknown(&name).or_at(Some(at)));
        }
        self.call(&name, args, span)
    }

    fn check(&self, name: &str, function: &ast::Function, span: Span) -> Result<()> {
        let ast::Function {
            name: _,
            uses_odbc_syntax,
            parameters,
            args,
            within_group: _,
            filter: _,
            null_treatment: _,
            over,
        } = function;
        self.binder.refuse(*uses_odbc_syntax, "{fn ..}", span)?;
        self.binder.refuse(!matches!(parameters, FunctionArguments::None), "a second list of arguments", span)?;
        self.binder.refuse(matches!(args, FunctionArguments::Subquery(_)), "a subquery as an argument", span)?;
        let clauses = match args {
            FunctionArguments::List(list) => &list.clauses[..],
            FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
        };
        let is_ordered = aggregate::is_aggregate(name) && !is_window_function(name);
        let is_known = |clause: &&FunctionArgumentClause| match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(_) => over.is_some(),
            FunctionArgumentClause::OrderBy(_) => is_ordered,
            _ => false,
        };
        let unknown = clauses.iter().find(|clause| !is_known(clause));
        unknown.map_or(Ok(()), |clause| Err(unsupported(&format!("{clause} among arguments"), span)))
    }

    fn scalar_args(&mut self, name: &str, function: &'a ast::Function, span: Span) -> Result<Vec<Bound>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
        self.binder.refuse(list.duplicate_treatment.is_some(), &format!("DISTINCT in {name}(..)"), span)?;
        let exprs = list.args.iter().map(|arg| self.arg(arg, span)).collect::<Result<Vec<_>>>()?;
        self.bind_together(&exprs)
    }

    /// An argument that is an expression.
    pub(in crate::bind) fn arg(&self, arg: &'a FunctionArg, span: Span) -> Result<&'a ast::Expr> {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            FunctionArg::Named { name, .. } => {
                Err(Error::new(format!("this function has no argument named {}", name.value))
                    .or_at(Some(self.binder.span(name))))
            }
            FunctionArg::ExprNamed { name, .. } => {
                let error = Error::new(format!("this function has no argument named {name}"));
                Err(error.or_at(Some(at_node(self.binder.text, name))))
            }
            FunctionArg::Unnamed(
                FunctionArgExpr::Wildcard
                | FunctionArgExpr::QualifiedWildcard(_)
                | FunctionArgExpr::WildcardWithOptions(_),
            ) => Err(Error::new("* is an argument of count only").or_at(Some(span))),
        }
    }

    /// `date_part('month', t)` with a constant part is a function of the time alone.
    fn date_part(&mut self, args: Vec<Bound>, span: Span) -> Result<Bound> {
        let [part, time] = <[Bound; 2]>::try_from(args).expect("there are two");
        match part.expr {
            Expr::Literal(Scalar::Varchar(name)) => self.part_of(&name, time, span),
            _ => {
                let error = Error::new("the part of a time must be a text constant").or_at(Some(part.span));
                Err(error.with_hint("write date_part('month', t)"))
            }
        }
    }

    /// Runs `work` on arguments of an aggregate.
    pub(in crate::bind) fn within_aggregate<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.in_aggregate = true;
        let result = work(self);
        self.in_aggregate = false;
        result
    }

    /// Refuses an aggregate where none can stand.
    pub(in crate::bind) fn check_aggregate(&self, span: Span) -> Result<()> {
        if self.in_aggregate {
            return Err(Error::new("an aggregate cannot be an argument of another")
                .or_at(Some(span))
                .with_hint("use a subquery"));
        }
        if self.clause.takes_aggregates() {
            return Ok(());
        }
        let error = Error::new(format!("{} cannot contain an aggregate", self.clause.name())).or_at(Some(span));
        Err(if self.clause == super::Clause::Where {
            error.with_hint("conditions on aggregates belong in HAVING")
        } else {
            error
        })
    }

    /// The parts of an aggregate's arguments.
    pub(in crate::bind) fn bind_args(&mut self, args: &[&'a ast::Expr]) -> Result<Vec<Bound>> {
        self.bind_together(args)
    }
}

/// What to say of a function that nothing is called.
fn unknown(name: &str) -> Error {
    let scalars = scalar::SCALAR_FUNCTIONS.iter().flat_map(|function| function.names);
    let aggregates = aggregate::AGGREGATE_FUNCTIONS.iter().flat_map(|function| function.names);
    let words = scalars
        .chain(aggregates)
        .copied()
        .filter(|known| known.starts_with(char::is_alphabetic) && !known.contains(' '));
    let error = Error::new(format!("there is no function {name}"));
    match closest(name, words) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}
