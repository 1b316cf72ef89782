//! `regrid(source, target, axis => labels, method => ..)` in FROM: a dataset on other axes. What is asked for is found out
//! here; which axes there are, and what can be computed, the catalog knows.

use super::binder::Binder;
use super::refuse::at_node;
use super::scope::Relation;
use crate::{Error, Regrid, RegridTarget, Result, Source, Span};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use hyperslab_expr::{Scalar, closest};
use hyperslab_grid::regrid::Method;
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr};

/// The most labels of a new axis.
const MAX_LABELS: usize = 100_000;

const METHODS: [(&str, Method); 4] = [
    ("nearest", Method::Nearest),
    ("linear", Method::Linear),
    ("bilinear", Method::Linear),
    ("conservative", Method::Conservative),
];

/// The arguments after the first, as they are found.
#[derive(Default)]
struct Asked {
    target: Option<RegridTarget>,
    axes: Vec<(String, Vec<f64>)>,
    /// Where the axes are named.
    places: Vec<(String, Span)>,
    method: Option<Method>,
    min_fraction: Option<f64>,
    /// Options of reading the source.
    options: Vec<(String, Scalar)>,
}

impl<'a> Binder<'a> {
    /// The relation that `regrid(..)` names.
    pub(super) fn regrid(
        &mut self,
        args: &'a [FunctionArg],
        at: Span,
        alias: Option<&ast::TableAlias>,
    ) -> Result<Relation> {
        let Some((FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), rest)) = args.split_first() else {
            return Err(wrong("regrid takes a dataset first", at));
        };
        let (mut source, source_at) = self.regrid_source(first)?;
        let asked = self.asked(rest, at)?;
        source.options.extend(asked.options);
        // What is wrong with a file is said where it is named.
        self.catalog.open(&source).map_err(|error| error.or_at(Some(source_at)))?;
        let method = asked.method.unwrap_or_default();
        let regrid = Regrid { target: asked.target, axes: asked.axes, method, min_fraction: asked.min_fraction };
        source.regrid = Some(Box::new(regrid));
        let places = asked.places;
        self.dataset(source, at, alias, "regrid".to_string()).map_err(|error| {
            let named = places.iter().find(|(name, _)| error.message.split(' ').any(|word| word == name));
            let at = named.map(|(_, at)| *at).or(error.at);
            Error { at, ..error }
        })
    }

    /// The first argument: a path, a list of paths, or `read_netcdf(..)`.
    fn regrid_source(&mut self, first: &'a ast::Expr) -> Result<(Source, Span)> {
        match first {
            ast::Expr::Function(function) => self.nested_read(function),
            ast::Expr::Subquery(query) => {
                let error = Error::new("regrid takes a dataset, not a query").or_at(Some(at_node(self.text, &**query)));
                Err(error.with_hint("regrid the files first: SELECT .. FROM regrid('f.nc', 'r360x180') WHERE .."))
            }
            _ => {
                let (paths, at) = self.constant(first, "the dataset of regrid")?;
                Ok((Source::new(self.paths(&paths, at)?, Vec::new()), at))
            }
        }
    }

    fn nested_read(&mut self, function: &'a ast::Function) -> Result<(Source, Span)> {
        let at = self.text.call(self.name_span(&function.name));
        let name = self.simple_name(&function.name)?.value.to_lowercase();
        match (name.as_str(), &function.args) {
            ("read_netcdf" | "read_hdf5", ast::FunctionArguments::List(list)) => {
                let arguments = self.arguments(&list.args, at)?;
                Ok((self.source(&name, arguments)?.0, at))
            }
            _ => Err(wrong("regrid takes a path, a list of paths or read_netcdf(..) first", at)),
        }
    }

    fn asked(&mut self, args: &'a [FunctionArg], at: Span) -> Result<Asked> {
        let arguments = self.arguments(args, at)?;
        let mut asked = Asked::default();
        match &arguments.positional[..] {
            [] => {}
            [(Scalar::Varchar(target), target_at)] => asked.target = Some(self.target(target, *target_at)?),
            [(_, wrong_at), ..] => return Err(wrong("regrid takes one target, a text", *wrong_at)),
        }
        for (name, value, name_at) in arguments.named {
            asked.places.push((name.clone(), name_at));
            asked.take(name, value).map_err(|error| error.or_at(Some(name_at)))?;
        }
        asked.check().map_err(|error| error.or_at(Some(at)))?;
        Ok(asked)
    }

    /// `r360x180`, or the path of another dataset.
    fn target(&self, text: &str, at: Span) -> Result<RegridTarget> {
        let sizes = text.strip_prefix(['r', 'R']).and_then(|sizes| sizes.split_once('x'));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_size = |(lon, lat): &(&str, &str)| is_number(lon) != is_number(lat);
        if sizes.as_ref().is_some_and(is_size) && !text.contains(['.', '/']) {
            let error = Error::new(format!("{text} is no grid of the globe")).or_at(Some(at));
            return Err(error.with_hint("it is r<longitudes>x<latitudes>, such as 'r360x180'"));
        }
        if let Some((longitudes, latitudes)) = sizes.filter(|(lon, lat)| is_number(lon) && is_number(lat)) {
            let size = |text: &str| text.parse().ok().filter(|size| (1..=MAX_LABELS).contains(size));
            let (Some(longitudes), Some(latitudes)) = (size(longitudes), size(latitudes)) else {
                let message = format!("a grid has 1 to {MAX_LABELS} longitudes and latitudes");
                return Err(Error::new(message).or_at(Some(at)));
            };
            return Ok(RegridTarget::Global { longitudes, latitudes });
        }
        let source = Source::new(vec![text.to_string()], Vec::new());
        let opened = self.catalog.open(&source).map_err(|error| error.or_at(Some(at)));
        let hint = "a target is r<longitudes>x<latitudes>, such as 'r360x180', or the path of a dataset";
        opened.map_err(|error| if error.hint.is_none() { error.with_hint(hint) } else { error })?;
        Ok(RegridTarget::Like(source))
    }
}

impl Asked {
    /// Takes a named argument: numbers are the labels of an axis.
    fn take(&mut self, name: String, value: Scalar) -> Result<()> {
        match name.as_str() {
            "method" => self.method = Some(method(&value)?),
            "min_fraction" => self.min_fraction = Some(fraction(&value)?),
            _ => match numbers(&value) {
                Some(labels) => self.axes.push((name, checked(labels)?)),
                None => match closest(&name, ["method", "min_fraction"]) {
                    Some(near) => {
                        let error = Error::new(format!("there is no option {name}"));
                        return Err(error.with_hint(format!("did you mean {near}?")));
                    }
                    None => self.options.push((name, value)),
                },
            },
        }
        Ok(())
    }

    /// Whether what is asked for fits together.
    fn check(&self) -> Result<()> {
        let usage =
            "write regrid('f.nc', 'r360x180', method => 'conservative') or regrid('f.nc', plev => [85000, 50000])";
        if self.target.is_none() && self.axes.is_empty() {
            return Err(Error::new("regrid takes a target, or new labels of an axis").with_hint(usage));
        }
        if self.target.is_none() && self.method == Some(Method::Conservative) {
            let error = Error::new("conservative regridding needs a target with cells, not points of an axis");
            return Err(error.with_hint(usage));
        }
        if self.min_fraction.is_some() && self.method != Some(Method::Conservative) {
            return Err(Error::new("min_fraction is for method => 'conservative'"));
        }
        Ok(())
    }
}

fn wrong(message: &str, at: Span) -> Error {
    Error::new(message).or_at(Some(at)).with_hint("write regrid('f.nc', 'r360x180', method => 'conservative')")
}

fn method(value: &Scalar) -> Result<Method> {
    let named = |word: &str| METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let found = if let Scalar::Varchar(word) = value { named(word) } else { None };
    found.map(|(_, method)| *method).ok_or_else(|| {
        let names: Vec<String> = METHODS.iter().map(|(name, _)| format!("'{name}'")).collect();
        Error::new("there is no such method of regridding").with_hint(format!("it is one of {}", names.join(", ")))
    })
}

fn fraction(value: &Scalar) -> Result<f64> {
    match numbers(value).as_deref() {
        Some([Some(fraction)]) if (0.0..=1.0).contains(fraction) => Ok(*fraction),
        _ => Err(Error::new("min_fraction is a number from 0 to 1")),
    }
}

/// The numbers of a constant, or of a list; none if it holds anything else.
fn numbers(value: &Scalar) -> Option<Vec<Option<f64>>> {
    let number = |value: &Scalar| {
        let array = Some(value).filter(|value| value.sql_type().is_numeric())?.to_array(1).ok()?;
        let reals = cast(&array, &DataType::Float64).ok()?;
        Some(reals.as_primitive::<Float64Type>().iter().next().flatten())
    };
    match value {
        Scalar::List(items, _) => items.iter().map(number).collect(),
        one => Some(vec![number(one)?]),
    }
}

/// The labels of a new axis.
fn checked(labels: Vec<Option<f64>>) -> Result<Vec<f64>> {
    let known: Option<Vec<f64>> = labels.into_iter().map(|label| label.filter(|label| label.is_finite())).collect();
    match known {
        Some(labels) if (1..=MAX_LABELS).contains(&labels.len()) => Ok(labels),
        Some(_) => Err(Error::new(format!("an axis has 1 to {MAX_LABELS} labels"))),
        None => Err(Error::new("the labels of an axis are numbers, neither NULL nor infinite")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_expr::SqlType;

    #[test]
    fn numbers_are_labels_and_other_values_are_options() {
        let mut asked = Asked::default();
        let integer = |n| Scalar::Integer(n, SqlType::Integer);
        asked.take("plev".into(), Scalar::List(vec![integer(850), integer(500)], SqlType::Integer)).expect("labels");
        asked.take("lat".into(), Scalar::Double(48.5)).expect("a label");
        asked.take("engine".into(), Scalar::Varchar("c".into())).expect("an option");
        assert_eq!(asked.axes, [("plev".to_string(), vec![850.0, 500.0]), ("lat".to_string(), vec![48.5])]);
        assert_eq!((asked.options.len(), asked.check()), (1, Ok(())));
        for label in
            [Scalar::Null(SqlType::Double), Scalar::Double(f64::NAN), Scalar::List(Vec::new(), SqlType::Double)]
        {
            assert!(asked.take("lon".into(), label).is_err());
        }
    }
}
