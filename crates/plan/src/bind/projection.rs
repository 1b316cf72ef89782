//! The list of a SELECT: expressions, aliases, `*` with EXCLUDE and REPLACE.

use super::binder::Binder;
use super::expr::{Alias, Clause, Frame};
use super::name::output_name;
use super::refuse::{at_node, unsupported};
use super::scope::{Handle, quoted, with_names};
use crate::{Error, Result, Span};
use hyperslab_expr::Expr;
use sqlparser::ast::{
    self, ExcludeSelectItem, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

/// A column of a SELECT's result.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) expr: Expr,
    pub(super) span: Span,
}

/// The names that the list of a SELECT gives to expressions.
pub(super) fn aliases(select: &ast::Select) -> Vec<Alias<'_>> {
    let mut aliases = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { expr, alias } => aliases.push(Alias { name: alias.value.clone(), expr }),
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
                let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items);
                aliases.extend(replaced.map(|item| Alias { name: item.column_name.value.clone(), expr: &item.expr }));
            }
            SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAliases { .. } => {}
        }
    }
    aliases
}

impl<'a> Binder<'a> {
    /// The columns of a SELECT, over the rows of its FROM.
    pub(super) fn projection(&mut self, frame: &mut Frame<'a>, select: &'a ast::Select) -> Result<Vec<Output>> {
        if select.projection.is_empty() && select.flavor == SelectFlavor::FromFirstNoSelect {
            let at = self.text.span(select.select_token.0.span);
            return self.star(frame, None, at, None);
        }
        let mut outputs = Vec::new();
        frame.visible_aliases = 0;
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => outputs.push(self.output(frame, expr, output_name(expr))?),
                SelectItem::ExprWithAlias { expr, alias } => {
                    outputs.push(self.output(frame, expr, alias.value.clone())?);
                    frame.visible_aliases += 1;
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    return Err(unsupported("a list of aliases", at_node(self.text, expr)));
                }
                SelectItem::Wildcard(options) => {
                    let at = self.text.span(options.wildcard_token.0.span);
                    outputs.extend(self.star(frame, None, at, Some(options))?);
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                        return Err(unsupported("* after an expression", at_node(self.text, item)));
                    };
                    let table = self.simple_name(name)?;
                    let at = self.span(table);
                    let relation = frame.scope.relation(table, self)?;
                    outputs.extend(self.star(frame, Some(relation), at, Some(options))?);
                }
            }
        }
        frame.visible_aliases = frame.aliases.len();
        if outputs.is_empty() {
            return Err(Error::new("SELECT has no columns").or_at(Some(self.text.span(select.select_token.0.span))));
        }
        Ok(outputs)
    }

    fn output(&mut self, frame: &mut Frame<'a>, expr: &'a ast::Expr, name: String) -> Result<Output> {
        let bound = self.expr(frame, Clause::Select).bind(expr)?;
        let name = match (&bound.expr, expr) {
            // A column is shown as it is called, however it was spelled.
            (Expr::Column(id, _), ast::Expr::Identifier(ident)) if name == ident.value => {
                frame.scope.column(*id).filter(|c| c.name.eq_ignore_ascii_case(&name)).map_or(name, |c| c.name.clone())
            }
            _ => name,
        };
        Ok(Output { name, expr: bound.expr, span: bound.span })
    }

    /// The columns of `*` or of `t.*`.
    fn star(
        &mut self,
        frame: &mut Frame<'a>,
        relation: Option<usize>,
        at: Span,
        options: Option<&'a WildcardAdditionalOptions>,
    ) -> Result<Vec<Output>> {
        if frame.scope.relations.is_empty() {
            return Err(Error::new("* needs FROM").or_at(Some(at)));
        }
        self.check_options(options, at)?;
        let columns = self.star_columns(frame, relation, at)?;
        let of_table = relation.is_some();
        let excluded = self.excluded(frame, &columns, options)?;
        let is_excluded = |name: &str| excluded.iter().any(|e| e.eq_ignore_ascii_case(name));
        let mut outputs = Vec::new();
        let mut replaced = 0;
        for (relation, handle) in columns {
            let name = frame.scope.relations[relation].column_name(handle);
            let replacement = replacements(options).find(|item| item.column_name.value.eq_ignore_ascii_case(&name));
            match replacement {
                _ if is_excluded(&name) => {}
                Some(item) => {
                    let bound = self.expr(frame, Clause::Select).bind(&item.expr)?;
                    outputs.push(Output { name, expr: bound.expr, span: bound.span });
                    frame.visible_aliases += 1;
                    replaced += 1;
                }
                None => {
                    let table = &mut frame.scope.relations[relation];
                    let column =
                        if of_table { table.take(handle, at, self)? } else { table.take_bare(handle, at, self)? };
                    frame.mentions.push((column.id, at));
                    outputs.push(Output {
                        name: column.name.clone(),
                        expr: Expr::Column(column.id, column.ty),
                        span: at,
                    });
                }
            }
        }
        self.check_replacements(options, replaced, &outputs)?;
        Ok(outputs)
    }

    fn star_columns(
        &mut self,
        frame: &mut Frame<'a>,
        relation: Option<usize>,
        at: Span,
    ) -> Result<Vec<(usize, Handle)>> {
        let all = relation.map_or(0..frame.scope.relations.len(), |one| one..one + 1);
        let mut columns = Vec::new();
        for at_relation in all {
            let table = &mut frame.scope.relations[at_relation];
            for handle in table.star(at, self)? {
                let name = table.column_name(handle);
                if relation.is_some() || table.shows(&name) {
                    columns.push((at_relation, handle));
                }
            }
        }
        Ok(columns)
    }

    fn check_options(&self, options: Option<&WildcardAdditionalOptions>, at: Span) -> Result<()> {
        let Some(WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude: _,
            opt_except,
            opt_replace: _,
            opt_rename,
            opt_alias,
        }) = options
        else {
            return Ok(());
        };
        self.refuse(opt_ilike.is_some(), "* ILIKE", at)?;
        self.refuse(opt_except.is_some(), "* EXCEPT (write EXCLUDE)", at)?;
        self.refuse(opt_rename.is_some(), "* RENAME", at)?;
        self.refuse(opt_alias.is_some(), "an alias of *", at)
    }

    fn excluded(
        &self,
        frame: &Frame<'a>,
        columns: &[(usize, Handle)],
        options: Option<&WildcardAdditionalOptions>,
    ) -> Result<Vec<String>> {
        let names: Vec<&ast::ObjectName> = match options.and_then(|o| o.opt_exclude.as_ref()) {
            None => Vec::new(),
            Some(ExcludeSelectItem::Single(name)) => vec![name],
            Some(ExcludeSelectItem::Multiple(names)) => names.iter().collect(),
        };
        let known: Vec<String> =
            columns.iter().map(|(r, handle)| frame.scope.relations[*r].column_name(*handle)).collect();
        let check = |name: &ast::ObjectName| {
            let ident = self.simple_name(name)?;
            if known.iter().any(|k| k.eq_ignore_ascii_case(&ident.value)) {
                return Ok(ident.value.clone());
            }
            let error = Error::new(format!("* has no column {} to leave out", quoted(&ident.value)));
            Err(with_names(error, &ident.value, &known).or_at(Some(self.span(ident))))
        };
        names.into_iter().map(check).collect()
    }

    fn check_replacements(
        &self,
        options: Option<&WildcardAdditionalOptions>,
        replaced: usize,
        outputs: &[Output],
    ) -> Result<()> {
        let missing = replacements(options)
            .find(|item| !outputs.iter().any(|o| o.name.eq_ignore_ascii_case(&item.column_name.value)));
        match missing {
            Some(item) => {
                let error = Error::new(format!("* has no column {} to replace", quoted(&item.column_name.value)));
                Err(error.or_at(Some(self.span(&item.column_name))))
            }
            None if replaced < replacements(options).count() => Err(Error::new("REPLACE names a column twice")),
            None => Ok(()),
        }
    }
}

fn replacements(options: Option<&WildcardAdditionalOptions>) -> impl Iterator<Item = &ast::ReplaceSelectElement> {
    options.and_then(|o| o.opt_replace.as_ref()).into_iter().flat_map(|replace| replace.items.iter().map(AsRef::as_ref))
}
