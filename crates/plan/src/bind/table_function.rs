//! Functions in FROM: `read_netcdf`, `read_csv`, `grid`; `regrid`, `range` and lists of what a dataset holds are beside
//! ([`super::regrid`], [`super::series`], [`super::contents`]).

use super::binder::Binder;
use super::contents;
use super::refuse::{at_node, unsupported};
use super::scope::{Relation, Table, with_names};
use crate::{Error, Result, Source, Span, TableFormat};
use hyperslab_expr::Scalar;
use sqlparser::ast::{self, BinaryOperator, FunctionArg, FunctionArgExpr};

const KNOWN: [&str; 9] = [
    "read_netcdf",
    "read_hdf5",
    "read_csv",
    "read_parquet",
    "read_geojson",
    "grid",
    "regrid",
    "range",
    "generate_series",
];

fn known() -> impl Iterator<Item = &'static str> {
    KNOWN.into_iter().chain(contents::NAMES)
}

/// The arguments of a table function.
pub(super) struct Arguments {
    pub(super) positional: Vec<(Scalar, Span)>,
    pub(super) named: Vec<(String, Scalar, Span)>,
    pub(super) at: Span,
}

impl<'a> Binder<'a> {
    pub(super) fn table_function(
        &mut self,
        name: &'a ast::ObjectName,
        args: &'a ast::TableFunctionArgs,
        alias: Option<&'a ast::TableAlias>,
    ) -> Result<Relation> {
        let ident = self.simple_name(name)?;
        let at = self.span(ident);
        self.refuse(args.settings.is_some(), "SETTINGS", at)?;
        let function = ident.value.to_lowercase();
        if !known().any(|known| known == function) {
            let known: Vec<String> = known().map(str::to_string).collect();
            return Err(with_names(
                Error::new(format!("there is no table function {}", ident.value)),
                &function,
                &known,
            )
            .or_at(Some(at)));
        }
        if function == "regrid" {
            return self.regrid(&args.args, self.text.call(at), alias);
        }
        let arguments = self.arguments(&args.args, self.text.call(at))?;
        match function.as_str() {
            "grid" => self.grid(arguments, alias),
            "range" | "generate_series" => self.series(&function, arguments, alias),
            name if contents::NAMES.contains(&name) => self.contents(name, arguments, alias),
            _ => self.read(&function, arguments, alias),
        }
    }

    pub(super) fn arguments(&mut self, args: &'a [FunctionArg], at: Span) -> Result<Arguments> {
        let mut out = Arguments { positional: Vec::new(), named: Vec::new(), at };
        for arg in args {
            if let Some((name, value)) = named(arg) {
                let option = self.option(name, value, &out.named)?;
                out.named.push(option);
                continue;
            }
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    out.positional.push(self.constant(expr, "an argument of a table function")?)
                }
                FunctionArg::ExprNamed { name, .. } => {
                    return Err(unsupported("this named argument", at_node(self.text, name)));
                }
                FunctionArg::Unnamed(_) | FunctionArg::Named { .. } => {
                    return Err(Error::new("* is no argument of a table function").or_at(Some(at)));
                }
            }
        }
        Ok(out)
    }

    fn option(
        &mut self,
        name: &'a ast::Ident,
        value: &'a ast::Expr,
        known: &[(String, Scalar, Span)],
    ) -> Result<(String, Scalar, Span)> {
        let (value, _) = self.constant(value, "an option")?;
        let (at, name) = (self.span(name), name.value.to_lowercase());
        if known.iter().any(|(known, ..)| *known == name) {
            return Err(Error::new(format!("the option {name} is given twice")).or_at(Some(at)));
        }
        Ok((name, value, at))
    }

    /// `read_netcdf(path or list, option => value)`, `read_csv(..)` and so on.
    fn read(&mut self, function: &str, arguments: Arguments, alias: Option<&ast::TableAlias>) -> Result<Relation> {
        let (source, paths_at) = self.source(function, arguments)?;
        match function {
            "read_csv" => self.table(TableFormat::Csv, source, paths_at, alias, function.to_string()),
            "read_parquet" => self.table(TableFormat::Parquet, source, paths_at, alias, function.to_string()),
            "read_geojson" => self.table(TableFormat::GeoJson, source, paths_at, alias, function.to_string()),
            _ => self.dataset(source, paths_at, alias, function.to_string()),
        }
    }

    /// What a function that reads files names, and where.
    pub(super) fn source(&mut self, function: &str, arguments: Arguments) -> Result<(Source, Span)> {
        let at = arguments.at;
        let [(paths, paths_at)] = &arguments.positional[..] else {
            let error = Error::new(format!("{function} takes a path or a list of paths")).or_at(Some(at));
            let example = match function {
                "read_csv" => "f.csv",
                "read_parquet" => "f.parquet",
                "read_geojson" => "f.geojson",
                _ => "f.nc",
            };
            return Err(error.with_hint(format!("write {function}('{example}', option => value)")));
        };
        let paths = self.paths(paths, *paths_at)?;
        let options = arguments.named.into_iter().map(|(name, value, _)| (name, value)).collect();
        Ok((Source::new(paths, options), *paths_at))
    }

    pub(super) fn paths(&self, value: &Scalar, at: Span) -> Result<Vec<String>> {
        let text = |value: &Scalar| match value {
            Scalar::Varchar(path) => Ok(path.clone()),
            other => Err(Error::new(format!("a path is a text, not {}", other.sql_type())).or_at(Some(at))),
        };
        match value {
            Scalar::List(items, _) if items.is_empty() => Err(Error::new("the list of paths is empty").or_at(Some(at))),
            Scalar::List(items, _) => items.iter().map(text).collect(),
            one => Ok(vec![text(one)?]),
        }
    }

    /// `grid('f.nc', 'variable')`: the grid on which a variable lies.
    fn grid(&mut self, arguments: Arguments, alias: Option<&ast::TableAlias>) -> Result<Relation> {
        let [(paths, paths_at), (Scalar::Varchar(variable), variable_at)] = &arguments.positional[..] else {
            let error =
                Error::new("grid takes a path and the name of a variable, both as text").or_at(Some(arguments.at));
            return Err(error.with_hint("write grid('f.nc', 't2m')"));
        };
        let paths = self.paths(paths, *paths_at)?;
        let options = arguments.named.into_iter().map(|(name, value, _)| (name, value)).collect();
        let mut relation = self.dataset(Source::new(paths, options), *paths_at, alias, "grid".to_string())?;
        if let Table::Dataset(dataset) = &mut relation.table {
            dataset.fix_grid(variable, *variable_at)?;
        }
        Ok(relation)
    }
}

/// The name and the value of an option: `name => value`; `name = value` and `name := value` are operators to the parser.
fn named(arg: &FunctionArg) -> Option<(&ast::Ident, &ast::Expr)> {
    match arg {
        FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. }
        | FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name, value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq | BinaryOperator::Assignment,
            right,
        })) => match left.as_ref() {
            ast::Expr::Identifier(name) => Some((name, right)),
            _ => None,
        },
        _ => None,
    }
}
