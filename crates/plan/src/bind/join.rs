//! Joins: which equalities are keys, and what else must hold of a pair of rows.

use super::binder::Binder;
use super::expr::{Bound, Clause, Frame};
use super::from::FromTree;
use super::refuse::{at_node, unsupported};
use super::scope::{Handle, Scope, quoted};
use crate::{AsOf, Column, Error, JoinKind, Result, Span};
use hyperslab_expr::Expr;
use sqlparser::ast::{self, Ident, JoinConstraint, JoinOperator};

/// Two trees of tables and how their rows pair.
pub(super) struct Join {
    pub(super) left: FromTree,
    pub(super) right: FromTree,
    pub(super) kind: JoinKind,
    pub(super) on: Vec<(Expr, Expr)>,
    pub(super) asof: Option<Box<AsOf>>,
    pub(super) filter: Vec<Expr>,
    /// What `USING` of a full join computes of both sides.
    pub(super) merged: Vec<(Column, Expr)>,
    /// Whether its keys stand in WHERE: a comma or CROSS JOIN.
    pub(super) is_implicit: bool,
}

impl Join {
    pub(super) fn implicit(left: FromTree, right: FromTree) -> Self {
        Self {
            left,
            right,
            kind: JoinKind::Inner,
            on: Vec::new(),
            asof: None,
            filter: Vec::new(),
            merged: Vec::new(),
            is_implicit: true,
        }
    }
}

impl FromTree {
    pub(super) fn has(&self, relation: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Table(at) => *at == relation,
            Self::Join(join) => join.left.has(relation) || join.right.has(relation),
        }
    }

    /// Whether an expression reads columns, all of them from this tree.
    pub(super) fn covers(&self, expr: &Expr, scope: &Scope) -> bool {
        let columns = expr.columns();
        !columns.is_empty()
            && columns.iter().all(|id| scope.relation_of(*id).is_some_and(|relation| self.has(relation)))
    }
}

impl<'a> Binder<'a> {
    /// Joins a tree to those on its left; its tables start at `start` in the scope.
    pub(super) fn join(
        &mut self,
        frame: &mut Frame<'a>,
        left: FromTree,
        right: FromTree,
        start: usize,
        join: &'a ast::Join,
    ) -> Result<FromTree> {
        let at = self.factor_span(&join.relation);
        // What the parser takes for GLOBAL is ASOF: see `mark_asof`.
        let is_asof = join.global;
        let (written, constraint) = written(&join.join_operator).map_err(|what| unsupported(what, at))?;
        self.refuse(is_asof && matches!(written, Written::Right), "ASOF RIGHT JOIN", at)?;
        let (kind, [left, right]) = match written {
            Written::Kind(kind) => (kind, [left, right]),
            Written::Right => (JoinKind::Left, [right, left]),
        };
        let mut joined = Join { is_implicit: false, kind, ..Join::implicit(left, right) };
        match constraint {
            JoinConstraint::On(condition) => {
                self.on(frame, &mut joined, condition)?;
                if is_asof {
                    take_inequality(&mut joined, &frame.scope)
                        .map_err(|error| error.or_at(Some(at_node(self.text, condition))))?;
                }
            }
            JoinConstraint::Using(names) => {
                let names = names.iter().map(|name| self.simple_name(name).cloned()).collect::<Result<Vec<_>>>()?;
                self.using(frame, &mut joined, written, &names, start, is_asof)?;
            }
            JoinConstraint::Natural => {
                let names = natural(&frame.scope, start, at)?;
                self.using(frame, &mut joined, written, &names, start, is_asof)?;
            }
            JoinConstraint::None if matches!(join.join_operator, JoinOperator::CrossJoin(_)) => {
                joined.is_implicit = true
            }
            JoinConstraint::None => {
                return Err(Error::new("JOIN needs ON or USING")
                    .or_at(Some(at))
                    .with_hint("CROSS JOIN pairs all rows"));
            }
        }
        if !kind.shows_right() {
            frame.scope.relations[start..].iter_mut().for_each(|relation| relation.is_hidden = true);
        }
        Ok(FromTree::Join(Box::new(joined)))
    }

    fn on(&mut self, frame: &mut Frame<'a>, join: &mut Join, condition: &'a ast::Expr) -> Result<()> {
        let predicate = self.expr(frame, Clause::On).condition(condition)?;
        for term in predicate.conjuncts() {
            match key(term, &join.left, &join.right, &frame.scope) {
                Ok(pair) => join.on.push(pair),
                Err(term) => join.filter.push(term),
            }
        }
        Ok(())
    }

    /// Columns of one name on both sides, which are one column from then on.
    fn using(
        &mut self,
        frame: &mut Frame<'a>,
        join: &mut Join,
        written: Written,
        names: &[Ident],
        start: usize,
        is_asof: bool,
    ) -> Result<()> {
        for (position, name) in names.iter().enumerate() {
            let at = self.span(name);
            let [(place, left), (_, right)] = self.sides(frame, name, start, at)?;
            let bound = |column: &Column| Bound::new(Expr::Column(column.id, column.ty.clone()), at);
            let sides = || vec![bound(&left), bound(&right)];
            let is_inequality = is_asof && position + 1 == names.len();
            let operator = if is_inequality { ">=" } else { "=" };
            join.filter.push(self.expr(frame, Clause::On).call(operator, sides(), at)?.expr);
            let wrong = || Error::new(format!("{} cannot be joined on", quoted(&name.value))).or_at(Some(at));
            if is_inequality {
                take_inequality(join, &frame.scope).map_err(|_| wrong())?;
            } else {
                let pair = join.filter.pop().and_then(|term| key(term, &join.left, &join.right, &frame.scope).ok());
                join.on.push(pair.ok_or_else(wrong)?);
            }
            match written {
                Written::Kind(JoinKind::Full) => {
                    let either = self.expr(frame, Clause::On).call("coalesce", sides(), at)?.expr;
                    let column = self.column(&left.name, either.sql_type());
                    frame.scope.relations[place].merge(&name.value, Some(column.clone()));
                    join.merged.push((column, either));
                }
                Written::Right => frame.scope.relations[place].merge(&name.value, Some(right)),
                Written::Kind(JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti) => {}
            }
            frame.scope.relations[start..].iter_mut().for_each(|relation| relation.merge(&name.value, None));
        }
        Ok(())
    }

    /// The column of each side, and the table that it stands in.
    fn sides(&mut self, frame: &mut Frame<'a>, name: &Ident, start: usize, at: Span) -> Result<[(usize, Column); 2]> {
        let tables = frame.scope.relations.len();
        let first = frame.scope.visible_from;
        let left = self.shown(&mut frame.scope, name, first..start, at)?;
        let right = self.shown(&mut frame.scope, name, start..tables, at)?;
        Ok([left, right])
    }

    fn shown(
        &mut self,
        scope: &mut Scope,
        name: &Ident,
        tables: std::ops::Range<usize>,
        at: Span,
    ) -> Result<(usize, Column)> {
        let shown = |at: &usize| scope.relations[*at].shows(&name.value);
        let find = |at: usize| scope.relations[at].find(&name.value).into_iter().map(move |handle| (at, handle));
        let found: Vec<(usize, Handle)> = tables.filter(shown).flat_map(find).collect();
        match found[..] {
            [(relation, handle)] => Ok((relation, scope.relations[relation].take_bare(handle, at, self)?)),
            [] => Err(Error::new(format!("USING: one side has no column {}", quoted(&name.value))).or_at(Some(at))),
            _ => {
                Err(Error::new(format!("USING: one side has several columns {}", quoted(&name.value))).or_at(Some(at)))
            }
        }
    }
}

/// A kind of join as it is written.
#[derive(Clone, Copy)]
enum Written {
    Kind(JoinKind),
    /// A left join with its sides swapped.
    Right,
}

fn written(operator: &JoinOperator) -> Result<(Written, &JoinConstraint), &'static str> {
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) | JoinOperator::CrossJoin(constraint) => {
            Ok((Written::Kind(JoinKind::Inner), constraint))
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            Ok((Written::Kind(JoinKind::Left), constraint))
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => Ok((Written::Right, constraint)),
        JoinOperator::FullOuter(constraint) => Ok((Written::Kind(JoinKind::Full), constraint)),
        JoinOperator::Semi(constraint) => Ok((Written::Kind(JoinKind::Semi), constraint)),
        JoinOperator::Anti(constraint) => Ok((Written::Kind(JoinKind::Anti), constraint)),
        JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => Err("LEFT or RIGHT before SEMI JOIN"),
        JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => Err("LEFT or RIGHT before ANTI JOIN"),
        JoinOperator::AsOf { .. } => Err("ASOF JOIN"),
        JoinOperator::CrossApply | JoinOperator::OuterApply => Err("APPLY"),
        JoinOperator::StraightJoin(_) => Err("STRAIGHT_JOIN"),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => Err("ARRAY JOIN"),
    }
}

/// The names that both sides of a natural join have.
fn natural(scope: &Scope, start: usize, at: Span) -> Result<Vec<Ident>> {
    let shown = |at: usize| scope.relations[at].names().into_iter().filter(move |name| scope.relations[at].shows(name));
    let names = |tables: std::ops::Range<usize>| tables.flat_map(shown).collect::<Vec<String>>();
    let left = names(scope.visible_from..start);
    let mut common: Vec<Ident> = Vec::new();
    for name in names(start..scope.relations.len()) {
        let is_new = !common.iter().any(|known| known.value.eq_ignore_ascii_case(&name));
        if is_new && left.iter().any(|l| l.eq_ignore_ascii_case(&name)) {
            common.push(Ident::new(name));
        }
    }
    if common.is_empty() {
        return Err(Error::new("NATURAL JOIN: the sides have no column name in common").or_at(Some(at)));
    }
    Ok(common)
}

/// The two sides of an equality, if each reads its own side of the join; else the term itself.
pub(super) fn key(term: Expr, left: &FromTree, right: &FromTree, scope: &Scope) -> Result<(Expr, Expr), Expr> {
    let Expr::Call { function, args, ty, at } = term else { return Err(term) };
    if function == "="
        && let [a, b] = &args[..]
        && a.sql_type() == b.sql_type()
    {
        if left.covers(a, scope) && right.covers(b, scope) {
            return Ok((a.clone(), b.clone()));
        }
        if left.covers(b, scope) && right.covers(a, scope) {
            return Ok((b.clone(), a.clone()));
        }
    }
    Err(Expr::Call { function, args, ty, at })
}

/// Makes the one condition of an ASOF join that is no equality its inequality.
fn take_inequality(join: &mut Join, scope: &Scope) -> Result<()> {
    let found = match &join.filter[..] {
        [term] => inequality(term, &join.left, &join.right, scope),
        _ => None,
    };
    join.asof = Some(Box::new(found.ok_or_else(|| {
        let error = Error::new("ASOF JOIN takes equalities and one inequality between its sides");
        error.with_hint("such as ON a.k = b.k AND a.t >= b.t")
    })?));
    join.filter.clear();
    Ok(())
}

fn inequality(term: &Expr, left: &FromTree, right: &FromTree, scope: &Scope) -> Option<AsOf> {
    let Expr::Call { function, args, .. } = term else { return None };
    let [a, b] = &args[..] else { return None };
    if a.sql_type() != b.sql_type() {
        return None;
    }
    if left.covers(a, scope) && right.covers(b, scope) {
        return AsOf::new(a.clone(), function, b.clone());
    }
    let turned = match function.as_str() {
        ">=" => "<=",
        ">" => "<",
        "<=" => ">=",
        "<" => ">",
        _ => return None,
    };
    (left.covers(b, scope) && right.covers(a, scope)).then(|| AsOf::new(b.clone(), turned, a.clone())).flatten()
}

/// Takes keys of implicit joins out of the terms of WHERE.
pub(super) fn move_keys(tree: &mut FromTree, terms: &mut Vec<Expr>, scope: &Scope) {
    let FromTree::Join(join) = tree else { return };
    if join.is_implicit {
        for term in std::mem::take(terms) {
            match key(term, &join.left, &join.right, scope) {
                Ok(pair) => join.on.push(pair),
                Err(term) => terms.push(term),
            }
        }
    }
    // Beneath a side whose rows a join adds to the other, rows that WHERE takes away would come back as NULLs.
    let (in_left, in_right) = match join.kind {
        JoinKind::Inner => (true, true),
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => (true, false),
        JoinKind::Full => (false, false),
    };
    if in_left {
        move_keys(&mut join.left, terms, scope);
    }
    if in_right {
        move_keys(&mut join.right, terms, scope);
    }
}
