//! What the columns of a result say of themselves: names, types, attributes.

use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use hyperslab_tests::setup::{Format, Setup, answer};

/// The columns of a result, which every format and setup gives alike.
fn columns(sql: &str) -> SchemaRef {
    let mut schemas = Vec::new();
    for format in Format::ALL {
        format.enter();
        for setup in Setup::ALL {
            let given = setup.session().and_then(|session| answer(&session, &format.sql(sql)));
            schemas.push(given.unwrap_or_else(|error| panic!("{}: {sql}: {error}", format.name())).schema);
        }
    }
    schemas.windows(2).for_each(|pair| assert_eq!(pair[0], pair[1], "{sql}"));
    schemas.swap_remove(0)
}

fn attribute<'a>(field: &'a Field, name: &str) -> Option<&'a str> {
    field.metadata().get(name).map(String::as_str)
}

// One test: the current folder belongs to the process.
#[test]
fn columns_have_the_types_and_attributes_of_their_variables() {
    stored_types_are_kept();
    packing_decides_the_type();
    times_are_timestamps_of_their_calendar();
    attributes_stay_with_columns_and_leave_expressions();
    names_are_what_was_selected();
}

fn stored_types_are_kept() {
    let schema = columns("SELECT * FROM 'integers.nc'");
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let signed = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    let unsigned = [DataType::UInt8, DataType::UInt16, DataType::UInt32, DataType::UInt64];
    let pairs = signed.into_iter().zip(unsigned).flat_map(|(signed, unsigned)| [signed, unsigned]);
    assert_eq!(types, std::iter::once(DataType::Int32).chain(pairs).collect::<Vec<_>>());
    assert_eq!(columns("SELECT temp FROM 'plain.nc'").field(0).data_type(), &DataType::Float32);
}

fn packing_decides_the_type() {
    assert_eq!(columns("SELECT t FROM 'packed.nc'").field(0).data_type(), &DataType::Float64);
    let schema = columns("SELECT negative, scaled, shifted FROM 'packed_float.nc'");
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Float32, DataType::Float32, DataType::Float64]);
    let schema = columns("SELECT b, s, plain FROM 'unsigned.nc'");
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::UInt8, DataType::UInt16, DataType::Int8]);
}

fn times_are_timestamps_of_their_calendar() {
    let plain = columns("SELECT time FROM 'plain.nc'");
    assert_eq!(plain.field(0).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    for (file, calendar) in [("noleap", "noleap"), ("day360", "360_day"), ("julian", "julian"), ("reform", "standard")]
    {
        let schema = columns(&format!("SELECT time, max(time) FROM '{file}.nc' GROUP BY time"));
        for field in schema.fields() {
            assert_eq!(field.data_type(), &DataType::Int64, "{file}");
            assert_eq!(field.extension_type_name(), Some("hyperslab.timestamp"), "{file}");
            assert_eq!(field.extension_type_metadata(), Some(calendar), "{file}");
        }
    }
}

fn attributes_stay_with_columns_and_leave_expressions() {
    let schema = columns("SELECT lat, temp, temp + 1 FROM 'plain.nc'");
    assert_eq!(attribute(schema.field(0), "units"), Some("degrees_north"));
    assert_eq!(attribute(schema.field(1), "units"), Some("degC"));
    assert_eq!(attribute(schema.field(1), "long_name"), Some("air temperature"));
    assert_eq!(attribute(schema.field(2), "units"), None);
    let schema = columns("SELECT avg(temp), max(temp), count(temp), sum(temp), var_pop(temp) FROM 'plain.nc'");
    let units: Vec<_> = schema.fields().iter().map(|field| attribute(field, "units")).collect();
    assert_eq!(units, [Some("degC"), Some("degC"), None, None, None]);
    let packed = columns("SELECT t FROM 'packed.nc'");
    for gone in ["scale_factor", "add_offset", "_FillValue", "missing_value"] {
        assert_eq!(attribute(packed.field(0), gone), None, "{gone}");
    }
}

fn names_are_what_was_selected() {
    let schema = columns("SELECT lat, lon AS east, obs AS \"two words\", t.temp FROM 'plain.nc' AS t");
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["lat", "east", "two words", "temp"]);
}
