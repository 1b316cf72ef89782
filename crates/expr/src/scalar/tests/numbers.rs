//! Arithmetic, comparison, bits, mathematics, choices.

use super::check;

#[test]
fn arithmetic() {
    check(
        "
        + (1::INTEGER; 1::INTEGER) = 2::INTEGER
        + (1::TINYINT; 1::SMALLINT) = 2::SMALLINT
        + (1::UTINYINT; 1::TINYINT) = 2::BIGINT
        + (1::UTINYINT; 1::SMALLINT) = 2::SMALLINT
        + (1::USMALLINT; 1::INTEGER) = 2::INTEGER
        + (1::UINTEGER; 1::INTEGER) = 2::BIGINT
        + (1::UBIGINT; 1::BIGINT) = 2::HUGEINT
        + (1::HUGEINT; 1::INTEGER) = 2::HUGEINT
        + (127::TINYINT; 1::TINYINT) ! overflow: 127 + 1 does not fit TINYINT
        + (200::UTINYINT; 100::UTINYINT) ! overflow
        + (9223372036854775807::BIGINT; 1::BIGINT) ! overflow
        - (3::UBIGINT; 5::UBIGINT) ! overflow
        * (9223372036854775807::BIGINT; 2::BIGINT) ! overflow
        + (1::BIGINT; 1.5::DECIMAL(2,1)) = 2.5::DECIMAL(21,1)
        + (1::INTEGER; 1.5::DECIMAL(2,1)) = 2.5::DECIMAL(12,1)
        + (1::TINYINT; 1.5::DECIMAL(2,1)) = 2.5::DECIMAL(5,1)
        + (1::HUGEINT; 1.5::DECIMAL(2,1)) = 2.5::DECIMAL(38,1)
        + (1.5::DECIMAL(2,1); 1.25::DECIMAL(3,2)) = 2.75::DECIMAL(4,2)
        + (1.5::DECIMAL(18,3); 1.5::DECIMAL(18,3)) = 3.000::DECIMAL(19,3)
        + (1.5::DECIMAL(4,1); 1.5::DECIMAL(6,4)) = 3.0000::DECIMAL(8,4)
        + (1::BIGINT; 1.5::DECIMAL(25,3)) = 2.500::DECIMAL(26,3)
        - (1.5::DECIMAL(2,1); 1.25::DECIMAL(3,2)) = 0.25::DECIMAL(4,2)
        * (1.5::DECIMAL(2,1); 1.25::DECIMAL(3,2)) = 1.875::DECIMAL(5,3)
        * (1.5::DECIMAL(38,10); 1.5::DECIMAL(38,10)) = 2.25000000000000000000::DECIMAL(38,20)
        * (1.5::DECIMAL(18,3); 1.5::DECIMAL(18,3)) = 2.250000::DECIMAL(18,6)
        * (1.5::DECIMAL(2,1); 3::BIGINT) = 4.5::DECIMAL(21,1)
        * (0.1::DECIMAL(38,38); 0.1::DECIMAL(2,1)) ! needs 39 digits
        / (1.5::DECIMAL(3,2); 1.25::DECIMAL(3,2)) = 1.2::DOUBLE
        / (1::INTEGER; 0::INTEGER) = inf::DOUBLE
        / (1::TINYINT; 4::TINYINT) = 0.25::DOUBLE
        / (1::FLOAT; 2::INTEGER) = 0.5::FLOAT
        / (1::BIGINT; 3::FLOAT) = 0.33333334::FLOAT
        / (0::DOUBLE; 0::DOUBLE) = nan::DOUBLE
        // (7::INTEGER; 2::INTEGER) = 3::INTEGER
        // (-7::INTEGER; 2::INTEGER) = -3::INTEGER
        // (1.5::DECIMAL(2,1); 1.25::DECIMAL(3,2)) = 1.2::DOUBLE
        // (-7.5::DOUBLE; 2::INTEGER) = -3.75::DOUBLE
        // (7.5::FLOAT; 2::FLOAT) = 3.75::FLOAT
        // (5::HUGEINT; 2::INTEGER) = 2::HUGEINT
        // (1::INTEGER; 0::INTEGER) ! division by zero
        // (1::DOUBLE; 0::DOUBLE) ! division by zero
        // (-128::TINYINT; -1::TINYINT) ! overflow
        % (-7::INTEGER; 2::INTEGER) = -1::INTEGER
        % (1::INTEGER; 0::INTEGER) ! division by zero
        % (1.5::DECIMAL(2,1); 1.25::DECIMAL(3,2)) = 0.25::DECIMAL(3,2)
        % (1.5::DECIMAL(2,1); 0::INTEGER) ! division by zero
        % (-7.5::DOUBLE; 2::INTEGER) = -1.5::DOUBLE
        % (-7.5::FLOAT; 2::FLOAT) = -1.5::FLOAT
        % (1::DOUBLE; 0::DOUBLE) = nan::DOUBLE
        mod (5::UTINYINT; 2::TINYINT) = 1::BIGINT
        + (1::FLOAT; 1::BIGINT) = 2.0::FLOAT
        + (1::FLOAT; 1.5::DECIMAL(2,1)) = 2.5::FLOAT
        + (1::FLOAT; 1::DOUBLE) = 2.0::DOUBLE
        + (1::DOUBLE; 1.5::DECIMAL(2,1)) = 2.5::DOUBLE
        * (1::FLOAT; 1.5::DECIMAL(2,1)) = 1.5::FLOAT
        + (NULL::NULL; 1::INTEGER) = NULL::INTEGER
        + (NULL::NULL; NULL::NULL) = NULL::BIGINT
        + (1::INTEGER; NULL::INTEGER) = NULL::INTEGER
        negate (1.5::DECIMAL(2,1)) = -1.5::DECIMAL(2,1)
        negate (1::FLOAT) = -1.0::FLOAT
        negate (1::HUGEINT) = -1::HUGEINT
        + (1::INTEGER; TRUE::BOOLEAN) ! there is no INTEGER + BOOLEAN
        + (1::INTEGER; a::VARCHAR) ! there is no INTEGER + VARCHAR
        ^ (2::INTEGER; 3::INTEGER) = 8.0::DOUBLE
        ** (2::FLOAT; 3::FLOAT) = 8.0::DOUBLE
        ",
    );
}

#[test]
fn arithmetic_ours() {
    // DuckDB's HUGEINT has a digit more and wraps nothing either; it refuses to negate unsigned integers.
    check(
        "
        + (99999999999999999999999999999999999999::HUGEINT; 1::INTEGER) ! overflow
        negate (255::UTINYINT) = -255::SMALLINT
        negate (-128::TINYINT) ! overflow
        ",
    );
}

#[test]
fn comparison() {
    check(
        "
        = (1::INTEGER; 1.0::DECIMAL(2,1)) = true::BOOLEAN
        = (0.1::FLOAT; 0.1::DECIMAL(2,1)) = true::BOOLEAN
        = (0.1::FLOAT; 0.1::DOUBLE) = false::BOOLEAN
        = (nan::DOUBLE; nan::DOUBLE) = true::BOOLEAN
        > (nan::DOUBLE; inf::DOUBLE) = true::BOOLEAN
        < (1::DOUBLE; nan::DOUBLE) = true::BOOLEAN
        < (nan::DOUBLE; nan::DOUBLE) = false::BOOLEAN
        <= (nan::FLOAT; 1::FLOAT) = false::BOOLEAN
        >= (nan::FLOAT; 1::FLOAT) = true::BOOLEAN
        <> (nan::FLOAT; nan::FLOAT) = false::BOOLEAN
        = (-0.0::DOUBLE; 0.0::DOUBLE) = true::BOOLEAN
        < (-0.0::DOUBLE; 0.0::DOUBLE) = false::BOOLEAN
        = (1::VARCHAR; 1::INTEGER) = true::BOOLEAN
        = (a::VARCHAR; 1::INTEGER) ! cannot cast 'a' to INTEGER
        = (2000-01-01::TIMESTAMP; 2000-01-01::DATE) = true::BOOLEAN
        = (2000-01-01::TIMESTAMP; 2000-01-01::VARCHAR) = true::BOOLEAN
        = (2000-01-01::DATE; x::VARCHAR) ! cannot cast 'x' to DATE
        = (1::INTEGER; true::BOOLEAN) = true::BOOLEAN
        = (18446744073709551615::UBIGINT; -1::BIGINT) = false::BOOLEAN
        = (NULL::NULL; 1::INTEGER) = NULL::BOOLEAN
        = (NULL::NULL; NULL::NULL) = NULL::BOOLEAN
        is distinct from (NULL::NULL; 1::INTEGER) = true::BOOLEAN
        is distinct from (NULL::NULL; NULL::NULL) = false::BOOLEAN
        is not distinct from (NULL::DOUBLE; NULL::DOUBLE) = true::BOOLEAN
        is not distinct from (nan::DOUBLE; nan::DOUBLE) = true::BOOLEAN
        is not distinct from (NULL::DOUBLE; 1::DOUBLE) = false::BOOLEAN
        = (1 day::INTERVAL; 24 hours::INTERVAL) = true::BOOLEAN
        = (1 month::INTERVAL; 30 days::INTERVAL) = true::BOOLEAN
        < (1 month::INTERVAL; 31 days::INTERVAL) = true::BOOLEAN
        < (a::VARCHAR; B::VARCHAR) = false::BOOLEAN
        > (true::BOOLEAN; false::BOOLEAN) = true::BOOLEAN
        is null (NULL::DOUBLE) = true::BOOLEAN
        is not null (1::DOUBLE) = true::BOOLEAN
        is null (nan::DOUBLE) = false::BOOLEAN
        not (NULL::NULL) = NULL::BOOLEAN
        not (1::INTEGER) = false::BOOLEAN
        ",
    );
}

#[test]
fn comparison_ours() {
    check(
        "
        < (2001-02-30::TIMESTAMP(360_day); 2001-03-01::TIMESTAMP(360_day)) = true::BOOLEAN
        = (2001-02-30::TIMESTAMP(360_day); 2001-02-30::VARCHAR) = true::BOOLEAN
        = (2001-02-01::TIMESTAMP(360_day); 2001-02-01::TIMESTAMP(noleap)) ! CAST(time AS TIMESTAMP)
        = (2001-02-01::TIMESTAMP(360_day); 2001-02-01::TIMESTAMP) ! two calendars
        = (2001-02-01::TIMESTAMP(360_day); 2001-02-01::DATE) ! two calendars
        - (2001-02-01::TIMESTAMP(360_day); 2001-02-01::TIMESTAMP(noleap)) ! two calendars
        ",
    );
}

#[test]
fn bits() {
    check(
        "
        & (1::INTEGER; 3::INTEGER) = 1::INTEGER
        & (1::TINYINT; 3::BIGINT) = 1::BIGINT
        | (1::UBIGINT; 1::TINYINT) = 1::HUGEINT
        xor (5::INTEGER; 3::INTEGER) = 6::INTEGER
        << (1::INTEGER; 3::INTEGER) = 8::INTEGER
        << (1::INTEGER; 31::INTEGER) ! overflow
        << (1::INTEGER; 32::INTEGER) ! overflow
        << (-1::INTEGER; 1::INTEGER) ! negative
        << (1::INTEGER; -1::INTEGER) ! negative
        >> (-8::INTEGER; 1::INTEGER) = -4::INTEGER
        >> (8::INTEGER; 70::INTEGER) = 0::INTEGER
        >> (1::INTEGER; -1::INTEGER) = 0::INTEGER
        ~ (5::INTEGER) = -6::INTEGER
        ~ (5::UTINYINT) = 250::UTINYINT
        & (5::HUGEINT; 3::INTEGER) = 1::HUGEINT
        & (1.5::DECIMAL(2,1); 1::INTEGER) ! there is no
        ",
    );
}

#[test]
fn rounding() {
    check(
        "
        ceil (1.5::FLOAT) = 2.0::FLOAT
        ceil (1.5::DECIMAL(2,1)) = 2::DECIMAL(2,0)
        ceil (1::INTEGER) = 1.0::DOUBLE
        floor (-1.5::DECIMAL(2,1)) = -2::DECIMAL(2,0)
        floor (-1.5::DOUBLE) = -2.0::DOUBLE
        round (2.5::DECIMAL(2,1)) = 3::DECIMAL(2,0)
        round (-2.5::DECIMAL(2,1)) = -3::DECIMAL(2,0)
        round (2.5::DOUBLE) = 3.0::DOUBLE
        round (-2.5::DOUBLE) = -3.0::DOUBLE
        round (-1.5::FLOAT) = -2.0::FLOAT
        round (2.567::FLOAT; 1::INTEGER) = 2.6::FLOAT
        round (2.567::DOUBLE; 2::INTEGER) = 2.57::DOUBLE
        round (0.285::DOUBLE; 2::INTEGER) = 0.28::DOUBLE
        round (1.005::DOUBLE; 2::INTEGER) = 1.0::DOUBLE
        round (1e300::DOUBLE; 400::INTEGER) = 1e+300::DOUBLE
        round (1234.5::DOUBLE; -2::INTEGER) = 1200.0::DOUBLE
        round (1234::INTEGER; -2::INTEGER) = 1200::INTEGER
        round (1250::INTEGER; -2::INTEGER) = 1300::INTEGER
        round (-1250::INTEGER; -2::INTEGER) = -1300::INTEGER
        round (2::INTEGER) = 2::INTEGER
        round (2::HUGEINT) = 2::HUGEINT
        trunc (1.7::DECIMAL(2,1)) = 1::DECIMAL(2,0)
        trunc (-1.7::DOUBLE) = -1.0::DOUBLE
        trunc (1.789::DOUBLE; 1::INTEGER) = 1.7::DOUBLE
        trunc (1234::INTEGER; -2::INTEGER) = 1200::INTEGER
        abs (-1.5::DECIMAL(2,1)) = 1.5::DECIMAL(2,1)
        abs (-1::FLOAT) = 1.0::FLOAT
        abs (1::UTINYINT) = 1::UTINYINT
        abs (-128::TINYINT) ! overflow
        sign (-1.5::DECIMAL(2,1)) = -1::TINYINT
        sign (-0.0::DOUBLE) = 0::TINYINT
        sign (nan::DOUBLE) = 0::TINYINT
        sign (5::BIGINT) = 1::TINYINT
        ",
    );
}

#[test]
fn rounding_ours() {
    // The scale of a DECIMAL does not follow the digits, which may differ from row to row.
    check(
        "
        round (2.567::DECIMAL(4,3); 2::INTEGER) = 2.570::DECIMAL(4,3)
        round (9.99::DECIMAL(3,2); 1::INTEGER) ! overflow
        round (99999999999999999999999999999999999999::HUGEINT; -38::INTEGER) ! overflow
        ",
    );
}

#[test]
fn mathematics() {
    check(
        "
        sqrt (2::FLOAT) = 1.4142135623730951::DOUBLE
        sqrt (-1::INTEGER) = nan::DOUBLE
        sqrt (NULL::NULL) = NULL::DOUBLE
        ln (0::INTEGER) = -inf::DOUBLE
        ln (-1::INTEGER) = nan::DOUBLE
        log (100::INTEGER) = 2.0::DOUBLE
        log (2::INTEGER; 8::INTEGER) = 3.0::DOUBLE
        log (1::INTEGER; 5::INTEGER) = inf::DOUBLE
        log10 (1000::FLOAT) = 3.0::DOUBLE
        log2 (8::INTEGER) = 3.0::DOUBLE
        exp (0::FLOAT) = 1.0::DOUBLE
        exp (1000::INTEGER) = inf::DOUBLE
        pow (0::INTEGER; -1::INTEGER) = inf::DOUBLE
        pow (-1::INTEGER; 0.5::DOUBLE) = nan::DOUBLE
        pi () = 3.141592653589793::DOUBLE
        isnan (nan::FLOAT) = true::BOOLEAN
        isnan (1::INTEGER) = false::BOOLEAN
        isfinite (1::INTEGER) = true::BOOLEAN
        isinf (-inf::DOUBLE) = true::BOOLEAN
        sin (1::FLOAT) = 0.8414709848078965::DOUBLE
        sin (inf::DOUBLE) = nan::DOUBLE
        acos (2::INTEGER) = nan::DOUBLE
        radians (180::INTEGER) = 3.141592653589793::DOUBLE
        degrees (1::FLOAT) = 57.29577951308232::DOUBLE
        atan2 (1::INTEGER; 2::FLOAT) = 0.4636476090008061::DOUBLE
        cot (0::INTEGER) = inf::DOUBLE
        sinh (1::INTEGER) = 1.1752011936438014::DOUBLE
        tanh (1::INTEGER) = 0.7615941559557649::DOUBLE
        cosh (0::INTEGER) = 1.0::DOUBLE
        ",
    );
}

#[test]
fn choices() {
    check(
        "
        coalesce (NULL::NULL; 1::INTEGER; 2.5::DECIMAL(2,1)) = 1.0::DECIMAL(11,1)
        coalesce (NULL::NULL; a::VARCHAR) = a::VARCHAR
        coalesce (NULL::DOUBLE; NULL::DOUBLE) = NULL::DOUBLE
        ifnull (NULL::NULL; 2::INTEGER) = 2::INTEGER
        nullif (1::INTEGER; 2::INTEGER) = 1::INTEGER
        nullif (a::VARCHAR; a::VARCHAR) = NULL::VARCHAR
        if (true::BOOLEAN; 1::INTEGER; 2.5::DECIMAL(2,1)) = 1.0::DECIMAL(11,1)
        if (NULL::BOOLEAN; 1::INTEGER; 2::INTEGER) = 2::INTEGER
        greatest (1::INTEGER; 2.5::DECIMAL(2,1)) = 2.5::DECIMAL(11,1)
        greatest (1::INTEGER; NULL::NULL) = 1::INTEGER
        greatest (NULL::NULL; 1::INTEGER; 3::INTEGER) = 3::INTEGER
        least (NULL::NULL; NULL::NULL) = NULL::NULL
        greatest (1::FLOAT; 2.5::DECIMAL(2,1)) = 2.5::FLOAT
        greatest (nan::DOUBLE; 1::INTEGER) = nan::DOUBLE
        least (nan::DOUBLE; 1::INTEGER) = 1.0::DOUBLE
        greatest (2::VARCHAR; 1::VARCHAR) = 2::VARCHAR
        greatest (2000-01-01::DATE; 2000-01-01 10:00::TIMESTAMP) = 2000-01-01 10:00:00::TIMESTAMP
        ",
    );
}

#[test]
fn places_ours() {
    check(
        "
        bucket (7::INTEGER; 5::INTEGER) = 5::INTEGER
        bucket (-1::INTEGER; 5::INTEGER) = -5::INTEGER
        bucket (7::BIGINT; 5::INTEGER; 3::INTEGER) = 3::BIGINT
        bucket (35.1::FLOAT; 0.1::DECIMAL(2,1)) = 35.1::FLOAT
        bucket (0.3::DOUBLE; 0.1::DECIMAL(2,1)) = 0.2::DOUBLE
        bucket (35.25::FLOAT; 1::INTEGER) = 35.0::FLOAT
        bucket (-0.25::DOUBLE; 1::INTEGER) = -1.0::DOUBLE
        bucket (1.5::DOUBLE; 1::INTEGER; 0.5::DECIMAL(2,1)) = 1.5::DOUBLE
        bucket (nan::DOUBLE; 1::INTEGER) = nan::DOUBLE
        bucket (1::DOUBLE; 0::INTEGER) ! width
        bucket (2000-01-01::DATE; 5::INTEGER) ! time_bucket
        width_bucket (5::INTEGER; 0::INTEGER; 10::INTEGER; 5::INTEGER) = 3::INTEGER
        width_bucket (-1::INTEGER; 0::INTEGER; 10::INTEGER; 5::INTEGER) = 0::INTEGER
        width_bucket (10::INTEGER; 0::INTEGER; 10::INTEGER; 5::INTEGER) = 6::INTEGER
        width_bucket (9.5::DOUBLE; 10::INTEGER; 0::INTEGER; 5::INTEGER) = 1::INTEGER
        width_bucket (1::INTEGER; 0::INTEGER; 0::INTEGER; 5::INTEGER) ! bounds
        lon_between (5::DOUBLE; 350::INTEGER; 10::INTEGER) = true::BOOLEAN
        lon_between (349.9::FLOAT; -10.1::DECIMAL(3,1); 30::INTEGER) = true::BOOLEAN
        lon_between (30::FLOAT; -10.1::DECIMAL(3,1); 30::INTEGER) = true::BOOLEAN
        lon_between (349.8::FLOAT; -10.1::DECIMAL(3,1); 30::INTEGER) = false::BOOLEAN
        lon_between (-170::DOUBLE; 170::INTEGER; 190::INTEGER) = true::BOOLEAN
        lon_between (12::DOUBLE; -180::INTEGER; 180::INTEGER) = true::BOOLEAN
        lon_between (nan::DOUBLE; -180::INTEGER; 180::INTEGER) = false::BOOLEAN
        haversine (0::INTEGER; 0::INTEGER; 0::INTEGER; 180::INTEGER) = 20015114.442035925::DOUBLE
        haversine (50::INTEGER; 10::INTEGER; 50::INTEGER; 10::INTEGER) = 0.0::DOUBLE
        hypot (3::INTEGER; 4::INTEGER) = 5.0::DOUBLE
        ",
    );
}
