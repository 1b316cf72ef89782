//! Names in expressions: columns, and aliases of the SELECT list.

use super::{Bound, Clause, ExprBinder};
use crate::bind::refuse::unsupported;
use crate::bind::scope::quoted;
use crate::{Column, Error, Result, Span};
use hyperslab_expr::Expr;
use sqlparser::ast::Ident;

impl<'a> ExprBinder<'_, 'a> {
    /// A bare name. In ORDER BY an alias comes before a column, elsewhere a column before an alias.
    pub(super) fn identifier(&mut self, ident: &'a Ident) -> Result<Bound> {
        let at = self.binder.span(ident);
        let alias_first = self.clause == Clause::OrderBy && !self.in_aggregate;
        if alias_first && let Some(bound) = self.alias(ident, at)? {
            return Ok(bound);
        }
        if let Some(column) = self.frame.scope.resolve(ident, self.binder)? {
            return Ok(self.column(&column, at));
        }
        if let Some(bound) = self.alias(ident, at)? {
            return Ok(bound);
        }
        match self.outer(None, ident, at)? {
            Some(bound) => Ok(bound),
            None => Err(self.unknown(ident, at)),
        }
    }

    /// A column of a query around the subquery that this is, the innermost first.
    fn outer(&mut self, table: Option<&Ident>, ident: &Ident, at: Span) -> Result<Option<Bound>> {
        for level in (0..self.binder.outer.len()).rev() {
            let mut scope = std::mem::take(&mut self.binder.outer[level]);
            let found = match table {
                Some(table) if scope.has_table(table) => scope.resolve_in(table, ident, self.binder).map(Some),
                Some(_) => Ok(None),
                None => scope.resolve(ident, self.binder),
            };
            self.binder.outer[level] = scope;
            if let Some(column) = found? {
                self.binder.outer_reads.push((column.id, at));
                return Ok(Some(Bound::new(Expr::Column(column.id, column.ty), at)));
            }
        }
        Ok(None)
    }

    fn column(&mut self, column: &Column, at: Span) -> Bound {
        self.frame.mentions.push((column.id, at));
        Bound::new(Expr::Column(column.id, column.ty.clone()), at)
    }

    /// The expression that an alias stands for, bound anew here.
    fn alias(&mut self, ident: &Ident, at: Span) -> Result<Option<Bound>> {
        let named = |alias: &super::Alias<'_>| alias.name.eq_ignore_ascii_case(&ident.value);
        let visible = &self.frame.aliases[..self.frame.visible_aliases];
        let Some(position) = visible.iter().rposition(named).filter(|p| !self.frame.open_aliases.contains(p)) else {
            return Ok(None);
        };
        let expr = self.frame.aliases[position].expr;
        self.frame.open_aliases.push(position);
        let outer_clause = self.clause;
        self.clause = self.clause_within_alias();
        let bound = self.bind(expr);
        self.clause = outer_clause;
        self.frame.open_aliases.pop();
        bound.map(|bound| Some(Bound { span: at, literal: false, ..bound }))
    }

    /// Within an alias, columns come first again; WHERE stays as it is, to refuse aggregates.
    fn clause_within_alias(&self) -> Clause {
        if self.clause == Clause::OrderBy { Clause::Select } else { self.clause }
    }

    fn unknown(&self, ident: &Ident, at: Span) -> Error {
        let aliases: Vec<String> =
            self.frame.aliases[..self.frame.visible_aliases].iter().map(|alias| alias.name.clone()).collect();
        let later = self.frame.aliases[self.frame.visible_aliases..]
            .iter()
            .any(|alias| alias.name.eq_ignore_ascii_case(&ident.value));
        if later {
            let error = Error::new(format!("the alias {} is used before it is defined", quoted(&ident.value)));
            return error
                .or_at(Some(at))
                .with_hint("aliases can be used further right, and in the clauses that follow");
        }
        self.frame.scope.unknown(ident, &aliases, at)
    }

    /// `table.column`.
    pub(super) fn compound_identifier(&mut self, parts: &'a [Ident]) -> Result<Bound> {
        let at = parts.iter().map(|part| self.binder.span(part)).reduce(Span::to).unwrap_or_default();
        if let Some(bound) = self.member(parts, at)? {
            return Ok(bound);
        }
        let [table, ident] = parts else { return Err(unsupported("a name of more than two parts", at)) };
        if !self.frame.scope.has_table(table)
            && let Some(bound) = self.outer(Some(table), ident, at)?
        {
            return Ok(bound);
        }
        let column = self.frame.scope.resolve_in(table, ident, self.binder)?;
        Ok(self.column(&column, at))
    }

    /// A member of a compound, which is a column whose name holds the dots: `x.a`, `x.a.b`, `table.x.a`.
    fn member(&mut self, parts: &'a [Ident], at: Span) -> Result<Option<Bound>> {
        let [first, rest @ ..] = parts else { return Ok(None) };
        let named = |parts: &[Ident]| {
            let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            Ident::with_span(parts.iter().map(|part| part.span).reduce(|a, b| a.union(&b)).unwrap_or(first.span), name)
        };
        let scope = &mut self.frame.scope;
        let column = match rest {
            _ if !scope.has_table(first) => scope.resolve(&named(parts), self.binder)?,
            [_, _, ..] => Some(scope.resolve_in(first, &named(rest), self.binder)?),
            [_] | [] => None,
        };
        if column.is_none()
            && !self.frame.scope.has_table(first)
            && !self.binder.outer.iter().any(|s| s.has_table(first))
        {
            return self.outer(None, &named(parts), at);
        }
        Ok(column.map(|column| self.column(&column, at)))
    }
}
