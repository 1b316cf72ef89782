//! What the variables of a file are for, and which of their dimensions are rows (SEMANTICS section 1).
//!
//! A variable is data unless something proves otherwise. Proofs are names, attributes that refer to it, and units or
//! standard names that only latitude, longitude, time or height have; never units of pressure or "days since" alone.

use super::attributes::Attributes;
use super::scope::Scope;
use crate::formats::{FileContents, FileVariable, StoredType};
use hyperslab_grid::schema::{Role, is_latitude, is_longitude};

/// The place of a variable in its file's grids.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Its dimensions, those folded into the value left out.
    pub(crate) dims: Vec<usize>,
    /// The dimension that is folded into the value: the length of strings, the corners of bounds.
    pub(crate) folded: Option<usize>,
    /// What it is for.
    pub(crate) role: Role,
    /// The variable whose bounds it holds.
    pub(crate) bounds_of: Option<usize>,
}

/// The places of a file's variables.
pub(crate) fn places(contents: &FileContents) -> Vec<Place> {
    let scope = Scope::new(contents);
    let mut places: Vec<Place> = contents.variables.iter().map(|v| as_data(contents, &scope, v)).collect();
    mark_bounds(contents, &scope, &mut places);
    let labelled: Vec<bool> = contents.dimensions.iter().map(|d| is_label(&scope, &places, &d.path)).collect();
    let named = Referred::new(contents, &scope);
    let instances = instance_dimensions(contents, &places);
    for (i, variable) in contents.variables.iter().enumerate() {
        if places[i].role != Role::Bounds {
            places[i].role = role(contents, variable, i, &places[i].dims, &labelled, &named, &instances);
        }
    }
    places
}

/// A variable with its string dimension folded.
fn as_data(contents: &FileContents, scope: &Scope, variable: &FileVariable) -> Place {
    let mut dims = variable.dims.clone();
    let folded = match dims.last() {
        Some(last) if variable.ty == StoredType::Char && is_string_length(contents, scope, *last) => dims.pop(),
        _ => None,
    };
    Place { dims, folded, role: Role::Data, bounds_of: None }
}

/// Whether all that use a dimension are chars that have it last, and nothing labels it.
fn is_string_length(contents: &FileContents, scope: &Scope, dim: usize) -> bool {
    let mut users = contents.variables.iter().filter(|v| v.dims.contains(&dim));
    let last_of_chars = |v: &FileVariable| {
        let uses = v.dims.iter().filter(|d| **d == dim).count();
        v.ty == StoredType::Char && v.dims.last() == Some(&dim) && uses == 1
    };
    users.all(last_of_chars) && scope.at(&contents.dimensions[dim].path).is_none()
}

fn mark_bounds(contents: &FileContents, scope: &Scope, places: &mut [Place]) {
    for (parent, variable) in contents.variables.iter().enumerate() {
        let names = ["bounds", "climatology"].map(|name| variable.attributes.text(name));
        for bounds in names.into_iter().flatten().filter_map(|name| scope.resolve(name, variable)) {
            let (outer, all) = (places[parent].dims.clone(), &contents.variables[bounds].dims);
            let fits = bounds != parent && all.len() == outer.len() + 1 && all.starts_with(&outer);
            let ty = &contents.variables[bounds].ty;
            let numeric = !matches!(ty, StoredType::Char | StoredType::Text | StoredType::Values(_));
            if fits && numeric {
                let folded = all.last().copied();
                places[bounds] = Place { dims: outer, folded, role: Role::Bounds, bounds_of: Some(parent) };
            }
        }
    }
}

/// Whether a variable labels the dimension of this path.
fn is_label(scope: &Scope, places: &[Place], dimension: &str) -> bool {
    scope.at(dimension).is_some_and(|i| places[i].dims.len() == 1 && places[i].role != Role::Bounds)
}

/// The variables to which attributes of others refer.
struct Referred {
    coordinates: Vec<bool>,
    grid_mappings: Vec<bool>,
}

impl Referred {
    fn new(contents: &FileContents, scope: &Scope) -> Self {
        let n = contents.variables.len();
        let mut referred = Self { coordinates: vec![false; n], grid_mappings: vec![false; n] };
        for variable in &contents.variables {
            let resolve = |name: &str| scope.resolve(name, variable);
            variable.attributes.names("coordinates").into_iter().filter_map(resolve).for_each(|i| {
                referred.coordinates[i] = true;
            });
            // In the long form `mapping: coordinate coordinate` only the mapping is meant; coordinates have dimensions.
            variable.attributes.names("grid_mapping").into_iter().filter_map(resolve).for_each(|i| {
                referred.grid_mappings[i] = contents.variables[i].dims.is_empty();
            });
        }
        if let Some(root) = contents.variables.iter().find(|v| !v.path.contains('/')) {
            let resolve = |name: &str| scope.resolve(name, root);
            contents.attributes.names("coordinates").into_iter().filter_map(resolve).for_each(|i| {
                referred.coordinates[i] = true;
            });
        }
        referred
    }
}

/// The dimensions along which the features (stations, profiles) of a discrete sampling geometry lie.
fn instance_dimensions(contents: &FileContents, places: &[Place]) -> Vec<usize> {
    let sampling = contents.attributes.text("featureType").is_some();
    let along = |(variable, place): (&FileVariable, &Place)| {
        let [dim] = place.dims[..] else { return None };
        let counts = variable.attributes.text("sample_dimension").is_some();
        let names = sampling && variable.attributes.text("cf_role").is_some();
        (counts || names).then_some(dim)
    };
    let mut dims: Vec<usize> = contents.variables.iter().zip(places).filter_map(along).collect();
    let indexed = contents.variables.iter().filter_map(|v| v.attributes.text("instance_dimension"));
    dims.extend(indexed.filter_map(|name| contents.dimensions.iter().position(|d| d.path == name)));
    dims
}

fn role(
    contents: &FileContents,
    variable: &FileVariable,
    i: usize,
    dims: &[usize],
    labelled: &[bool],
    named: &Referred,
    instances: &[usize],
) -> Role {
    let attributes = variable.attributes.as_slice();
    let has = |name: &str| attributes.find(name).is_some();
    if dims.is_empty() || named.grid_mappings[i] || has("grid_mapping_name") {
        return Role::Hidden;
    }
    if has("sample_dimension") || has("instance_dimension") {
        return Role::Hidden;
    }
    if let [dim] = dims
        && contents.dimensions[*dim].path == variable.path
    {
        return Role::DimensionCoordinate;
    }
    let instance = matches!(dims, [dim] if instances.contains(dim));
    let on_bare_dimension = matches!(dims, [dim] if !labelled[*dim]);
    let known = named.coordinates[i] || has("cf_role") || instance || is_horizontal(variable);
    if known || (on_bare_dimension && is_time_or_vertical(variable)) { Role::AuxiliaryCoordinate } else { Role::Data }
}

/// Latitude or longitude, by units or standard name.
fn is_horizontal(variable: &FileVariable) -> bool {
    let [units, name] = ["units", "standard_name"].map(|attribute| variable.attributes.text(attribute));
    is_latitude(units, name) || is_longitude(units, name)
}

fn is_time_or_vertical(variable: &FileVariable) -> bool {
    const VERTICAL: [&str; 8] = [
        "air_pressure",
        "altitude",
        "depth",
        "geopotential_height",
        "height",
        "height_above_geopotential_datum",
        "height_above_reference_ellipsoid",
        "model_level_number",
    ];
    let attributes = variable.attributes.as_slice();
    let axis = attributes.text("axis").map(str::to_ascii_uppercase);
    let positive = attributes.text("positive").map(str::to_ascii_lowercase);
    let name = attributes.text("standard_name").unwrap_or_default();
    let parametric = (name.starts_with("ocean_") || name.starts_with("atmosphere_")) && name.ends_with("_coordinate");
    matches!(axis.as_deref(), Some("T" | "Z"))
        || matches!(positive.as_deref(), Some("up" | "down"))
        || name == "time"
        || parametric
        || VERTICAL.contains(&name)
}

/// For each dimension whether its positions are rows: not if only values that fold it, and its own label, use it.
pub(crate) fn dimensions_of_rows(contents: &FileContents, places: &[Place]) -> Vec<bool> {
    let uses = |dim: usize, wanted: fn(Role) -> bool| places.iter().any(|p| wanted(p.role) && p.dims.contains(&dim));
    let folds = |dim: usize| places.iter().any(|p| p.folded == Some(dim));
    let by_rows = |role| matches!(role, Role::Data | Role::AuxiliaryCoordinate | Role::Hidden);
    let any = |role| !matches!(role, Role::Bounds);
    (0..contents.dimensions.len()).map(|dim| uses(dim, by_rows) || (uses(dim, any) && !folds(dim))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeFile, f32s, text};

    fn roles(file: &FakeFile) -> Vec<(String, Role)> {
        let contents = file.contents();
        let places = places(&contents);
        contents.variables.iter().zip(places).map(|(v, p)| (v.path.clone(), p.role)).collect()
    }

    fn role_of(file: &FakeFile, path: &str) -> Role {
        roles(file).into_iter().find(|(name, _)| name == path).expect("the variable is there").1
    }

    fn grid() -> FakeFile {
        FakeFile::new().dim("y", 2).dim("x", 3).dim("nv", 4).dim("strlen", 5).unlimited("t", 2)
    }

    #[test]
    fn names_of_dimensions_make_labels() {
        let file = grid().var("x", &["x"], f32s(3), &[]).var("y", &["y", "x"], f32s(6), &[]);
        assert_eq!(role_of(&file, "x"), Role::DimensionCoordinate);
        assert_eq!(role_of(&file, "y"), Role::Data, "over two dimensions it labels none");
    }

    #[test]
    fn references_make_coordinates_bounds_and_grid_mappings() {
        let file = grid()
            .var("sst", &["y", "x"], f32s(6), &[("coordinates", text("plat")), ("grid_mapping", text("crs: plat"))])
            .var("plat", &["y", "x"], f32s(6), &[("bounds", text("corners"))])
            .var("corners", &["y", "x", "nv"], f32s(24), &[])
            .var("crs", &[], f32s(1), &[]);
        assert_eq!(role_of(&file, "plat"), Role::AuxiliaryCoordinate);
        assert_eq!(role_of(&file, "corners"), Role::Bounds);
        assert_eq!(role_of(&file, "crs"), Role::Hidden);
        assert_eq!(role_of(&file, "sst"), Role::Data);
        let contents = file.contents();
        let rows = dimensions_of_rows(&contents, &places(&contents));
        assert_eq!(rows, [true, true, false, false, false], "corners are no rows, unused dimensions neither");
    }

    #[test]
    fn units_of_latitude_prove_but_pressure_and_dates_do_not() {
        let file = grid()
            .var("a", &["y", "x"], f32s(6), &[("units", text("degrees_North"))])
            .var("b", &["y"], f32s(2), &[("units", text("hPa"))])
            .var("c", &["y"], f32s(2), &[("units", text("days since 2000-01-01"))])
            .var("d", &["y"], f32s(2), &[("axis", text("Z"))])
            .var("x", &["x"], f32s(3), &[])
            .var("e", &["x"], f32s(3), &[("positive", text("up"))])
            .var("f", &["y", "x"], f32s(6), &[("standard_name", text("time"))]);
        let expected = ["a", "d"].map(|name| (name, Role::AuxiliaryCoordinate));
        expected.into_iter().for_each(|(name, role)| assert_eq!(role_of(&file, name), role, "{name}"));
        ["b", "c", "e", "f"].into_iter().for_each(|name| assert_eq!(role_of(&file, name), Role::Data, "{name}"));
    }

    #[test]
    fn what_lies_along_instances_is_a_coordinate() {
        let file = FakeFile::new()
            .dim("profile", 2)
            .dim("obs", 5)
            .attribute("featureType", text("profile"))
            .var("id", &["profile"], f32s(2), &[("cf_role", text("profile_id"))])
            .var("depth_max", &["profile"], f32s(2), &[])
            .var("row_size", &["profile"], f32s(2), &[("sample_dimension", text("obs"))])
            .var("temp", &["obs"], f32s(5), &[]);
        assert_eq!(role_of(&file, "id"), Role::AuxiliaryCoordinate);
        assert_eq!(role_of(&file, "depth_max"), Role::AuxiliaryCoordinate);
        assert_eq!(role_of(&file, "row_size"), Role::Hidden);
        assert_eq!(role_of(&file, "temp"), Role::Data);
    }

    #[test]
    fn char_dimensions_fold_only_if_all_agree() {
        let chars = |n: usize| crate::fake::chars(&"abcdefghijklmnopqrstuvwxyz"[..n]);
        let folded = grid().var("names", &["t", "strlen"], chars(10), &[]);
        assert_eq!(places(&folded.contents())[0].folded, Some(3));
        let used = folded.var("weights", &["strlen"], f32s(5), &[]);
        assert_eq!(places(&used.contents())[0].folded, None);
        assert_eq!(places(&used.contents())[0].dims.len(), 2);
    }
}
