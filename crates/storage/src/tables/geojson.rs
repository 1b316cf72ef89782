//! GeoJSON (RFC 7946): a row for each feature, its properties as columns, and `geom`, its shape in WKB.
//!
//! A file is read whole, once to find out its columns and once for its rows: it is no format for much data. Columns come in the
//! order in which properties appear first. A property is BOOLEAN, BIGINT or DOUBLE if all of its values are, else text; lists
//! and objects are text in JSON. Coordinates are taken as they are, longitude before latitude.

use super::{BATCH_ROWS, Batches, PartSize};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use hyperslab_grid::geometry::{Geometry, MAX_DEPTH, Position};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file that is read.
const MAX_BYTES: u64 = 512 << 20;

/// The bytes held while a file is read, for each of its own.
const HELD: usize = 8;

/// The column of shapes.
const SHAPE: &str = "geom";

/// GeoJSON files as one table.
#[derive(Debug)]
pub(super) struct GeoJsonFiles {
    files: Vec<Arc<FileSource>>,
    columns: Arc<Vec<(String, Kind)>>,
    rows: u64,
}

/// What the values of a property are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing but null.
    Null,
    Boolean,
    BigInt,
    Double,
    Text,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() => Self::BigInt,
            Value::Number(_) => Self::Double,
            Value::String(_) | Value::Array(_) | Value::Object(_) => Self::Text,
        }
    }

    /// What holds values of both kinds.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::BigInt, Self::Double) | (Self::Double, Self::BigInt) => Self::Double,
            (Self::Boolean | Self::BigInt | Self::Double | Self::Text, _) => Self::Text,
        }
    }

    fn to_arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Null | Self::Text => DataType::Utf8,
        }
    }

    /// The values as an array; what is not there is NULL.
    fn array<'a>(self, values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
        match self {
            Self::Boolean => Arc::new(values.map(|value| value?.as_bool()).collect::<BooleanArray>()),
            Self::BigInt => Arc::new(values.map(|value| value?.as_i64()).collect::<Int64Array>()),
            Self::Double => Arc::new(values.map(|value| value?.as_f64()).collect::<Float64Array>()),
            Self::Null | Self::Text => Arc::new(values.map(text).collect::<StringArray>()),
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

impl GeoJsonFiles {
    /// Finds out the columns of files, which need not all have the same properties.
    pub(super) fn open(paths: &[PathBuf]) -> Result<(Self, Vec<FieldRef>, Vec<String>)> {
        let metrics = ReadMetrics::default();
        let (mut files, mut columns, mut warnings) = (Vec::new(), Vec::<(String, Kind)>::new(), Vec::new());
        let mut rows = 0;
        for path in paths {
            let file = FileSource::open(path, &metrics)?;
            let document = Document::read(&file, &metrics)?;
            warnings.extend(document.warning(path));
            let features = document.features();
            rows += features.len() as u64;
            features.iter().flat_map(Feature::properties).for_each(|property| add(&mut columns, property));
            files.push(Arc::new(file));
        }
        let shown = |name: &str| if name.eq_ignore_ascii_case(SHAPE) { format!("{name}_1") } else { name.to_string() };
        let field = |(name, kind): &(String, Kind)| Arc::new(Field::new(shown(name), kind.to_arrow(), true));
        let shape = Arc::new(Field::new(SHAPE, DataType::Binary, true));
        let fields = columns.iter().map(field).chain([shape]).collect();
        Ok((Self { files, columns: Arc::new(columns), rows }, fields, warnings))
    }

    pub(super) fn parts(&self) -> usize {
        self.files.len()
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn size(&self, part: usize) -> PartSize {
        let bytes = self.files[part].len() as usize;
        PartSize { chunks: 1, bytes, held: HELD * bytes }
    }

    pub(super) fn read(&self, part: usize, columns: &[usize], metrics: &Arc<ReadMetrics>) -> Result<Batches> {
        let file = &self.files[part];
        metrics.chunk_read(0, 0);
        let features = Document::read(file, metrics)?.features();
        let arrays = columns.iter().map(|at| self.column(*at, &features));
        let arrays = arrays.collect::<Result<Vec<_>>>().map_err(|error| error.in_file(file.path()))?;
        let fields = columns.iter().zip(&arrays).map(|(at, array)| {
            let name = self.columns.get(*at).map_or(SHAPE, |(name, _)| name);
            Field::new(name, array.data_type().clone(), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(features.len()));
        let all = RecordBatch::try_new_with_options(schema, arrays, &options)
            .expect("columns of one length have the types of their own fields");
        let starts = (0..features.len()).step_by(BATCH_ROWS);
        Ok(Box::new(starts.map(move |start| Ok(all.slice(start, BATCH_ROWS.min(all.num_rows() - start))))))
    }

    fn column(&self, at: usize, features: &[Feature]) -> Result<ArrayRef> {
        if let Some((name, kind)) = self.columns.get(at) {
            let value = |feature: &'_ Feature| feature.properties().iter().position(|(own, _)| own == name);
            let values = features.iter().map(|feature| Some(&feature.properties()[value(feature)?].1));
            return Ok(kind.array(values));
        }
        let shape = |feature: &Feature| feature.geometry.as_ref().map(|shape| Ok(shape.read(0)?.to_wkb())).transpose();
        let shapes = features.iter().enumerate().map(|(number, feature)| {
            shape(feature).map_err(|message: String| Error::corrupt(format!("feature {}: {message}", number + 1)))
        });
        Ok(Arc::new(shapes.collect::<Result<BinaryArray>>()?))
    }
}

fn add(columns: &mut Vec<(String, Kind)>, (name, value): &(String, Value)) {
    match columns.iter_mut().find(|(known, _)| known == name) {
        Some((_, kind)) => *kind = kind.and(Kind::of(value)),
        None => columns.push((name.clone(), Kind::of(value))),
    }
}

/// A file: a collection of features, one feature, or a shape alone.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "type")]
    ty: String,
    features: Option<Vec<Feature>>,
    properties: Option<Properties>,
    geometry: Option<Shape>,
    coordinates: Option<Nested>,
    geometries: Option<Vec<Shape>>,
    /// What coordinates are measured in: long gone from the standard, but still written.
    crs: Option<Value>,
}

impl Document {
    fn read(file: &FileSource, metrics: &ReadMetrics) -> Result<Self> {
        if file.len() > MAX_BYTES {
            let error = Error::unsupported(format!(
                "has {} MiB; GeoJSON is read up to {} MiB",
                file.len() >> 20,
                MAX_BYTES >> 20
            ));
            return Err(error.in_file(file.path()));
        }
        let mut bytes = vec![0; file.len() as usize];
        file.read_exact_at(0, &mut bytes, metrics)?;
        metrics.chunk_continues(bytes.len());
        let bad = |message: String| Error::corrupt(message).in_file(file.path());
        let document: Self = serde_json::from_slice(&bytes).map_err(|error| bad(format!("is no GeoJSON: {error}")))?;
        match document.ty.as_str() {
            "FeatureCollection" if document.features.is_none() => {
                Err(bad("is a FeatureCollection without features".into()))
            }
            "FeatureCollection" | "Feature" => Ok(document),
            ty if Shape::KINDS.contains(&ty) => Ok(document),
            ty => Err(bad(format!("is no GeoJSON: there is no type {ty}"))),
        }
    }

    /// What to say of coordinates that may not be degrees.
    fn warning(&self, path: &Path) -> Option<String> {
        let name = self.crs.as_ref()?.pointer("/properties/name")?.as_str()?;
        let degrees = name.ends_with("CRS84") || name.ends_with("4326");
        let warning = || format!("{}: coordinates are in {name}, and taken as they are", path.display());
        (!degrees).then(warning)
    }

    fn features(self) -> Vec<Feature> {
        match self.ty.as_str() {
            "FeatureCollection" => self.features.unwrap_or_default(),
            "Feature" => vec![Feature { properties: self.properties, geometry: self.geometry }],
            _ => {
                let Self { ty, coordinates, geometries, .. } = self;
                vec![Feature { properties: None, geometry: Some(Shape { ty, coordinates, geometries }) }]
            }
        }
    }
}

#[derive(Deserialize)]
struct Feature {
    properties: Option<Properties>,
    geometry: Option<Shape>,
}

impl Feature {
    fn properties(&self) -> &[(String, Value)] {
        self.properties.as_ref().map_or(&[], |properties| &properties.0)
    }
}

/// Properties in the order of the file.
struct Properties(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the properties of a feature")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Properties, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Properties(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A shape as it is written.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    ty: String,
    coordinates: Option<Nested>,
    geometries: Option<Vec<Shape>>,
}

/// Numbers in lists in lists.
enum Nested {
    Number(f64),
    List(Vec<Nested>),
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Coordinates;
        impl<'de> Visitor<'de> for Coordinates {
            type Value = Nested;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("coordinates")
            }

            fn visit_f64<E>(self, number: f64) -> std::result::Result<Nested, E> {
                Ok(Nested::Number(number))
            }

            fn visit_i64<E>(self, number: i64) -> std::result::Result<Nested, E> {
                Ok(Nested::Number(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> std::result::Result<Nested, E> {
                Ok(Nested::Number(number as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Nested, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Nested::List(items))
            }
        }
        deserializer.deserialize_any(Coordinates)
    }
}

impl Nested {
    fn position(&self) -> Result<Position, String> {
        match self {
            Self::List(numbers) => match numbers[..] {
                [Self::Number(x), Self::Number(y), ..] => Ok([x, y]),
                _ => Err("a position is two numbers, longitude and latitude".to_string()),
            },
            Self::Number(_) => Err("there is a number where a position should be".to_string()),
        }
    }

    fn all<T>(&self, read: impl Fn(&Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        match self {
            Self::List(items) => items.iter().map(read).collect(),
            Self::Number(_) => Err("there is a number where a list should be".to_string()),
        }
    }

    fn positions(&self) -> Result<Vec<Position>, String> {
        self.all(Self::position)
    }

    fn rings(&self) -> Result<Vec<Vec<Position>>, String> {
        self.all(Self::positions)
    }
}

impl Shape {
    const KINDS: [&'static str; 7] =
        ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"];

    fn read(&self, depth: usize) -> Result<Geometry, String> {
        if self.ty == "GeometryCollection" {
            if depth >= MAX_DEPTH {
                return Err("collections are nested too deeply".to_string());
            }
            let parts = self.geometries.iter().flatten().map(|part| part.read(depth + 1));
            return Ok(Geometry::Collection(parts.collect::<Result<_, String>>()?));
        }
        let coordinates = self.coordinates.as_ref().ok_or_else(|| format!("a {} without coordinates", self.ty))?;
        Ok(match self.ty.as_str() {
            "Point" if matches!(coordinates, Nested::List(items) if items.is_empty()) => Geometry::Point([f64::NAN; 2]),
            "Point" => Geometry::Point(coordinates.position()?),
            "LineString" => Geometry::Line(coordinates.positions()?),
            "Polygon" => Geometry::Polygon(coordinates.rings()?),
            "MultiPoint" => Geometry::Points(coordinates.positions()?),
            "MultiLineString" => Geometry::Lines(coordinates.rings()?),
            "MultiPolygon" => Geometry::Polygons(coordinates.all(Nested::rings)?),
            other => return Err(format!("there is no shape {other}")),
        })
    }
}
