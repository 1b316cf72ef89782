//! UNION and UNION ALL.

use super::binder::Binder;
use super::grouping::distinct;
use super::refuse::{at_node, unsupported};
use super::unify::meet;
use crate::{Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{Expr, SqlType};
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};
use std::collections::BTreeMap;

/// How many times a chain may change from UNION to UNION ALL: each nests the plan.
const MAX_ALTERNATIONS: usize = 100;

impl<'a> Binder<'a> {
    /// A chain of unions, from the left: the tree of a long chain is deep, so it is not walked by recursion.
    pub(super) fn set_operation(&mut self, body: &'a SetExpr) -> Result<RowPlan> {
        let mut steps = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { op, set_quantifier, left, right } = first {
            steps.push((self.keeps_all(*op, *set_quantifier, right)?, right.as_ref()));
            first = left;
        }
        let mut inputs = vec![(self.body(first)?, at_node(self.text, first))];
        let mut keeps_all = true;
        let mut nested = 0;
        for (all, right) in steps.into_iter().rev() {
            // Without ALL, what came before may keep its duplicates: they go at the end.
            if all && !keeps_all {
                nested += 1;
                inputs = vec![self.collected(inputs, keeps_all)?];
            }
            self.refuse(
                nested > MAX_ALTERNATIONS,
                "UNION and UNION ALL in turns, so many times,",
                at_node(self.text, right),
            )?;
            keeps_all = all;
            inputs.push((self.body(right)?, at_node(self.text, right)));
        }
        Ok(self.collected(inputs, keeps_all)?.0)
    }

    fn keeps_all(&self, op: SetOperator, quantifier: SetQuantifier, right: &SetExpr) -> Result<bool> {
        let at = || at_node(self.text, right);
        match op {
            SetOperator::Union => {}
            SetOperator::Except | SetOperator::Minus => return Err(unsupported("EXCEPT", at())),
            SetOperator::Intersect => return Err(unsupported("INTERSECT", at())),
        }
        match quantifier {
            SetQuantifier::All => Ok(true),
            SetQuantifier::Distinct | SetQuantifier::None => Ok(false),
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                Err(unsupported("BY NAME", at()))
            }
        }
    }

    fn collected(&mut self, inputs: Vec<(RowPlan, Span)>, keeps_all: bool) -> Result<(RowPlan, Span)> {
        let at = inputs.iter().map(|(_, at)| *at).reduce(Span::to).unwrap_or_default();
        if inputs.len() == 1 {
            return Ok(inputs.into_iter().next().expect("there is one"));
        }
        let union = self.union(inputs)?;
        Ok((if keeps_all { union } else { distinct(union) }, at))
    }

    fn union(&mut self, inputs: Vec<(RowPlan, Span)>) -> Result<RowPlan> {
        let first = inputs[0].0.columns();
        let mut types: Vec<SqlType> = first.iter().map(|c| c.ty.clone()).collect();
        for (plan, at) in &inputs[1..] {
            let columns = plan.columns();
            if columns.len() != types.len() {
                let error = Error::new(format!(
                    "UNION needs as many columns on both sides, not {} and {}",
                    types.len(),
                    columns.len()
                ));
                return Err(error.or_at(Some(*at)));
            }
            for (ty, column) in types.iter_mut().zip(&columns) {
                *ty = meet(ty, &column.ty, "the sides of UNION").map_err(|error| error.or_at(Some(*at)))?;
            }
        }
        let all: Vec<Vec<Column>> = inputs.iter().map(|(plan, _)| plan.columns()).collect();
        let column = |(at, ty): (usize, &SqlType)| {
            let metadata = in_common(all.iter().map(|columns| &columns[at].metadata));
            Column { metadata, ..self.column(&first[at].name, ty.clone()) }
        };
        let columns: Vec<Column> = types.iter().enumerate().map(column).collect();
        let inputs = inputs.into_iter().map(|(plan, _)| self.with_types(plan, &types)).collect();
        Ok(RowPlan::Union { inputs, columns })
    }

    fn with_types(&mut self, plan: RowPlan, types: &[SqlType]) -> RowPlan {
        let columns = plan.columns();
        if columns.iter().zip(types).all(|(column, ty)| column.ty == *ty) {
            return plan;
        }
        let mut cast = |(column, ty): (Column, &SqlType)| {
            let value = Expr::Column(column.id, column.ty.clone());
            if column.ty == *ty {
                return (column, value);
            }
            let to = self.column(&column.name, ty.clone());
            (to, Expr::Cast { arg: Box::new(value), to: ty.clone(), or_null: false, at: None })
        };
        let columns = columns.into_iter().zip(types).map(&mut cast).collect();
        RowPlan::Project { input: Box::new(plan), columns }
    }
}

/// The attributes that the columns of all sides have: units that differ are none.
fn in_common<'m>(all: impl Iterator<Item = &'m BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let common = |mut common: BTreeMap<String, String>, own: &BTreeMap<String, String>| {
        common.retain(|name, value| own.get(name) == Some(value));
        common
    };
    all.fold(None, |so_far: Option<BTreeMap<_, _>>, own| {
        Some(so_far.map_or_else(|| own.clone(), |so_far| common(so_far, own)))
    })
    .unwrap_or_default()
}
