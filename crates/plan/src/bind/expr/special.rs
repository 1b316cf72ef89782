//! Functions with a syntax of their own.

use super::{Bound, ExprBinder};
use crate::Result;
use crate::bind::refuse::{at_node, unsupported};
use sqlparser::ast::{self, CeilFloorKind, DateTimeField, TrimWhereField};

impl<'a> ExprBinder<'_, 'a> {
    /// A call whose arguments the grammar names.
    pub(super) fn special(&mut self, name: &str, args: &[&'a ast::Expr], whole: &'a ast::Expr) -> Result<Bound> {
        let args = self.bind_together(args)?;
        let span = args.iter().map(|arg| arg.span).fold(at_node(self.binder.text, whole), crate::Span::to);
        self.call(name, args, span)
    }

    pub(super) fn rounded(
        &mut self,
        name: &str,
        arg: &'a ast::Expr,
        field: &CeilFloorKind,
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.special(name, &[arg], whole),
            CeilFloorKind::DateTimeField(_) | CeilFloorKind::Scale(_) => {
                Err(unsupported(&format!("{name} with a second argument"), at_node(self.binder.text, whole)))
            }
        }
    }

    pub(super) fn substring(
        &mut self,
        arg: &'a ast::Expr,
        from: Option<&'a ast::Expr>,
        len: Option<&'a ast::Expr>,
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        let Some(from) = from else {
            return Err(unsupported("SUBSTRING without FROM", at_node(self.binder.text, whole)));
        };
        let args: Vec<&ast::Expr> = [arg, from].into_iter().chain(len).collect();
        self.special("substring", &args, whole)
    }

    pub(super) fn trim(
        &mut self,
        side: Option<TrimWhereField>,
        what: Option<&'a ast::Expr>,
        arg: &'a ast::Expr,
        characters: Option<&'a [ast::Expr]>,
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        let name = match side {
            None | Some(TrimWhereField::Both) => "trim",
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
        };
        let args: Vec<&ast::Expr> = std::iter::once(arg).chain(what).chain(characters.into_iter().flatten()).collect();
        self.special(name, &args, whole)
    }

    /// `list[i]`.
    pub(super) fn access(
        &mut self,
        root: &'a ast::Expr,
        chain: &'a [ast::AccessExpr],
        whole: &'a ast::Expr,
    ) -> Result<Bound> {
        let mut bound = self.bind(root)?;
        for access in chain {
            let ast::AccessExpr::Subscript(ast::Subscript::Index { index }) = access else {
                return Err(unsupported("a slice or a field of a value", at_node(self.binder.text, whole)));
            };
            let index = self.bind(index)?;
            let span = bound.span.to(index.span);
            bound = self.call("list_extract", vec![bound, index], span)?;
        }
        Ok(bound)
    }
}
