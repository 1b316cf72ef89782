//! Clauses that the parser knows and we do not: each is refused by its name.

use super::binder::Binder;
use super::text::Text;
use crate::{Error, Result, Span};
use sqlparser::ast::{self, Spanned};

/// The place of a part of the syntax tree.
pub(super) fn at_node(text: &Text, node: &impl Spanned) -> Span {
    text.span(node.span())
}

/// An error that names what is not supported.
pub(super) fn unsupported(what: &str, at: Span) -> Error {
    Error::new(format!("{what} is not supported yet")).or_at(Some(at))
}

impl Binder<'_> {
    /// Refuses the clause `what` if it is there.
    pub(super) fn refuse(&self, is_there: bool, what: &str, at: Span) -> Result<()> {
        if is_there { Err(unsupported(what, at)) } else { Ok(()) }
    }

    /// Refuses what a query may have beyond its body, ORDER BY and LIMIT.
    pub(super) fn check_query(&self, query: &ast::Query) -> Result<()> {
        let ast::Query {
            with: _,
            body: _,
            order_by: _,
            limit_clause: _,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let at = || at_node(self.text, query);
        let refused = [
            (fetch.is_some(), "FETCH (write LIMIT)"),
            (!locks.is_empty(), "FOR UPDATE"),
            (for_clause.is_some(), "FOR"),
            (settings.is_some(), "SETTINGS"),
            (format_clause.is_some(), "FORMAT"),
            (!pipe_operators.is_empty(), "|>"),
        ];
        self.refuse_any(&refused, at)
    }

    /// Refuses what a SELECT may have beyond the clauses that we bind.
    pub(super) fn check_select(&self, select: &ast::Select) -> Result<()> {
        let ast::Select {
            select_token: _,
            optimizer_hints,
            distinct: _,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection: _,
            exclude,
            into,
            from: _,
            lateral_views,
            prewhere,
            selection: _,
            connect_by,
            group_by: _,
            cluster_by,
            distribute_by,
            sort_by,
            having: _,
            named_window: _,
            qualify: _,
            window_before_qualify: _,
            value_table_mode,
            flavor: _,
        } = select;
        let refused = [
            (!optimizer_hints.is_empty(), "an optimizer hint"),
            (select_modifiers.is_some(), "this modifier of SELECT"),
            (top.is_some(), "TOP (write LIMIT)"),
            (exclude.is_some(), "EXCLUDE after the list (write * EXCLUDE (..))"),
            (into.is_some(), "SELECT INTO"),
            (!lateral_views.is_empty(), "LATERAL VIEW"),
            (prewhere.is_some(), "PREWHERE"),
            (!connect_by.is_empty(), "CONNECT BY"),
            (!cluster_by.is_empty(), "CLUSTER BY"),
            (!distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!sort_by.is_empty(), "SORT BY"),
            (value_table_mode.is_some(), "SELECT AS"),
        ];
        let at = || self.text.span(select.select_token.0.span);
        self.refuse_any(&refused, at)
    }

    fn refuse_any(&self, clauses: &[(bool, &str)], at: impl Fn() -> Span) -> Result<()> {
        clauses.iter().try_for_each(|(is_there, what)| if *is_there { Err(unsupported(what, at())) } else { Ok(()) })
    }
}
