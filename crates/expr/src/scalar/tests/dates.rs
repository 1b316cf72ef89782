//! Dates and times, in several calendars.

use super::check;

#[test]
fn parts() {
    check(
        "
        year (2000-01-01::DATE) = 2000::BIGINT
        month (2000-02-01::TIMESTAMP) = 2::BIGINT
        dayofweek (2000-01-02::DATE) = 0::BIGINT
        isodow (2000-01-02::DATE) = 7::BIGINT
        dayofyear (2000-02-02::DATE) = 33::BIGINT
        dayofyear (1969-12-31::TIMESTAMP) = 365::BIGINT
        week (2000-01-02::DATE) = 52::BIGINT
        week (2020-12-31::TIMESTAMP) = 53::BIGINT
        quarter (2000-05-02::DATE) = 2::BIGINT
        decade (1999-05-02::DATE) = 199::BIGINT
        century (2000-05-02::DATE) = 20::BIGINT
        century (2001-05-02::DATE) = 21::BIGINT
        millennium (2001-01-01::DATE) = 3::BIGINT
        yearweek (2000-01-02::DATE) = 199952::BIGINT
        yearweek (2000-01-03::DATE) = 200001::BIGINT
        isoyear (2000-01-02::DATE) = 1999::BIGINT
        epoch (2000-01-02 00:00:00.5::TIMESTAMP) = 946771200.5::DOUBLE
        epoch (1969-12-31 23:00:00.5::TIMESTAMP) = -3599.5::DOUBLE
        epoch (2000-01-02::DATE) = 946771200.0::DOUBLE
        epoch (1 year::INTERVAL) = 31557600.0::DOUBLE
        epoch (1 month::INTERVAL) = 2592000.0::DOUBLE
        epoch_ms (2000-01-02 00:00:00.5::TIMESTAMP) = 946771200500::BIGINT
        hour (1969-12-31 23:00::TIMESTAMP) = 23::BIGINT
        hour (2000-01-01::DATE) = 0::BIGINT
        hour (10:00::TIME) = 10::BIGINT
        hour (40 hours::INTERVAL) = 40::BIGINT
        month (14 months::INTERVAL) = 2::BIGINT
        year (14 months::INTERVAL) = 1::BIGINT
        second (2000-01-02 10:00:03.5::TIMESTAMP) = 3::BIGINT
        millisecond (2000-01-02 10:00:03.512345::TIMESTAMP) = 3512::BIGINT
        microsecond (2000-01-02 10:00:03.512345::TIMESTAMP) = 3512345::BIGINT
        julian (2000-01-01::DATE) = 2451545.0::DOUBLE
        julian (2000-01-01 12:00::TIMESTAMP) = 2451545.5::DOUBLE
        last_day (2000-02-05::DATE) = 2000-02-29::DATE
        monthname (2000-02-05::DATE) = February::VARCHAR
        dayname (2000-02-05::DATE) = Saturday::VARCHAR
        ",
    );
}

#[test]
fn parts_ours() {
    check(
        "
        century (0000-05-02::DATE) = -1::BIGINT
        month (2001-02-30::TIMESTAMP(360_day)) = 2::BIGINT
        dayofyear (2001-12-30::TIMESTAMP(360_day)) = 360::BIGINT
        dayofyear (2000-12-31::TIMESTAMP(noleap)) = 365::BIGINT
        days_in_month (2000-02-01::TIMESTAMP(noleap)) = 28::BIGINT
        days_in_month (2000-02-01::DATE) = 29::BIGINT
        days_in_month (2000-02-01::TIMESTAMP(360_day)) = 30::BIGINT
        season (1999-12-01::TIMESTAMP) = DJF::VARCHAR
        season (2000-05-31::DATE) = MAM::VARCHAR
        season (2000-11-30::TIMESTAMP(360_day)) = SON::VARCHAR
        season_year (1999-12-01::DATE) = 2000::BIGINT
        season_year (1999-11-30::DATE) = 1999::BIGINT
        dayname (1970-01-01::TIMESTAMP(julian)) = Wednesday::VARCHAR
        last_day (2001-02-01::TIMESTAMP(360_day)) = 2001-02-30 00:00:00::TIMESTAMP(360_day)
        last_day (1582-10-03::TIMESTAMP(standard)) = 1582-10-31 00:00:00::TIMESTAMP(standard)
        year (2000-01-01::VARCHAR) ! there is no year(VARCHAR)
        ",
    );
}

#[test]
fn arithmetic() {
    check(
        "
        + (2000-01-01::DATE; 1::INTEGER) = 2000-01-02::DATE
        + (1::SMALLINT; 2000-01-01::DATE) = 2000-01-02::DATE
        - (2000-01-01::DATE; 1999-01-01::DATE) = 365::BIGINT
        - (2000-01-01::DATE; 1::INTEGER) = 1999-12-31::DATE
        - (2000-01-01::DATE; 1::BIGINT) ! there is no DATE - BIGINT
        + (2000-01-31::DATE; 1 month::INTERVAL) = 2000-02-29 00:00:00::TIMESTAMP
        - (2000-01-31::DATE; 1 month::INTERVAL) = 1999-12-31 00:00:00::TIMESTAMP
        + (2000-01-01::DATE; 1 hour::INTERVAL) = 2000-01-01 01:00:00::TIMESTAMP
        + (2000-01-01::DATE; 10:00::TIME) = 2000-01-01 10:00:00::TIMESTAMP
        + (2000-01-01::TIMESTAMP; 1 month -1 day::INTERVAL) = 2000-01-31 00:00:00::TIMESTAMP
        - (1999-03-31::TIMESTAMP; 1 month::INTERVAL) = 1999-02-28 00:00:00::TIMESTAMP
        - (2000-01-01::TIMESTAMP; 1 day 3 hours::INTERVAL) = 1999-12-30 21:00:00::TIMESTAMP
        - (2000-01-31::TIMESTAMP; 1999-01-01 12:00::TIMESTAMP) = 394 days 12:00:00::INTERVAL
        - (2000-01-31::DATE; 1999-01-01 12:00::TIMESTAMP) = 394 days 12:00:00::INTERVAL
        + (23:00::TIME; 3 hours::INTERVAL) = 02:00:00::TIME
        + (1 day::INTERVAL; 1 month::INTERVAL) = 1 month 1 day::INTERVAL
        - (1 month::INTERVAL; 1 day::INTERVAL) = 1 month -1 day::INTERVAL
        * (1 day::INTERVAL; 3::INTEGER) = 3 days::INTERVAL
        * (3::INTEGER; 1 day::INTERVAL) = 3 days::INTERVAL
        * (1 day::INTERVAL; 1.5::DECIMAL(2,1)) = 1 day 12:00:00::INTERVAL
        * (1 month::INTERVAL; 1.5::DECIMAL(2,1)) = 1 month 15 days::INTERVAL
        / (1 day::INTERVAL; 2::INTEGER) = 12:00:00::INTERVAL
        / (3 months::INTERVAL; 2::INTEGER) = 1 month 15 days::INTERVAL
        / (1 day::INTERVAL; 0::INTEGER) ! division by zero
        negate (1 day::INTERVAL) = -1 day::INTERVAL
        + (290000-01-01::TIMESTAMP; 10000 years::INTERVAL) ! beyond the range
        + (2000-01-01::TIMESTAMP; 1::INTEGER) ! there is no TIMESTAMP + INTEGER
        ",
    );
}

#[test]
fn arithmetic_ours() {
    check(
        "
        + (2001-01-30::TIMESTAMP(360_day); 1 month::INTERVAL) = 2001-02-30 00:00:00::TIMESTAMP(360_day)
        + (2000-02-28::TIMESTAMP(noleap); 1 day::INTERVAL) = 2000-03-01 00:00:00::TIMESTAMP(noleap)
        - (2000-03-01::TIMESTAMP(noleap); 2000-02-28::TIMESTAMP(noleap)) = 1 day::INTERVAL
        + (1582-09-10::TIMESTAMP(standard); 1 month::INTERVAL) = 1582-10-04 00:00:00::TIMESTAMP(standard)
        ",
    );
}

#[test]
fn coarser_times() {
    check(
        "
        date_trunc (month::VARCHAR; 2000-02-05::DATE) = 2000-02-01 00:00:00::TIMESTAMP
        date_trunc (HOURS::VARCHAR; 2000-02-05 10:11::TIMESTAMP) = 2000-02-05 10:00:00::TIMESTAMP
        date_trunc (week::VARCHAR; 2000-02-05 10:11::TIMESTAMP) = 2000-01-31 00:00:00::TIMESTAMP
        date_trunc (quarter::VARCHAR; 2000-02-05::DATE) = 2000-01-01 00:00:00::TIMESTAMP
        date_trunc (decade::VARCHAR; 2005-02-05::DATE) = 2000-01-01 00:00:00::TIMESTAMP
        date_trunc (century::VARCHAR; 2001-02-05::DATE) = 2000-01-01 00:00:00::TIMESTAMP
        date_trunc (isoyear::VARCHAR; 2005-01-01::DATE) = 2003-12-29 00:00:00::TIMESTAMP
        date_trunc (millisecond::VARCHAR; 2000-01-01 00:00:00.123456::TIMESTAMP) = 2000-01-01 00:00:00.123::TIMESTAMP
        date_trunc (foo::VARCHAR; 2000-02-05::DATE) ! no unit of time
        date_diff (day::VARCHAR; 2000-01-01 23:00::TIMESTAMP; 2000-01-02 01:00::TIMESTAMP) = 1::BIGINT
        date_diff (month::VARCHAR; 2000-01-31::DATE; 2000-02-01::DATE) = 1::BIGINT
        date_diff (week::VARCHAR; 2000-01-01::DATE; 2000-01-07::DATE) = 0::BIGINT
        date_diff (week::VARCHAR; 2000-01-08::DATE; 2000-01-01::DATE) = -1::BIGINT
        date_diff (year::VARCHAR; 2000-12-31::DATE; 2001-01-01::DATE) = 1::BIGINT
        date_diff (quarter::VARCHAR; 2000-12-31::DATE; 2001-01-01::DATE) = 1::BIGINT
        date_diff (hour::VARCHAR; 1960-01-01 23:59::TIMESTAMP; 1960-01-02 01:00::TIMESTAMP) = 2::BIGINT
        date_diff (second::VARCHAR; 1999-12-31::DATE; 2001-01-01::DATE) = 31708800::BIGINT
        date_diff (day::VARCHAR; 2000-01-02::DATE; 2000-01-03::TIMESTAMP) = 1::BIGINT
        time_bucket (1 day::INTERVAL; 2000-01-02 10:00::TIMESTAMP) = 2000-01-02 00:00:00::TIMESTAMP
        time_bucket (7 days::INTERVAL; 2000-01-05 10:00::TIMESTAMP) = 2000-01-03 00:00:00::TIMESTAMP
        time_bucket (10 days::INTERVAL; 1990-05-05::DATE) = 1990-05-05::DATE
        time_bucket (3 months::INTERVAL; 2000-05-05::DATE) = 2000-04-01::DATE
        time_bucket (5 months::INTERVAL; 2000-05-05::DATE) = 2000-01-01::DATE
        time_bucket (1 hour::INTERVAL; 2000-05-05::DATE) = 2000-05-05::DATE
        time_bucket (10 days::INTERVAL; 2000-05-05::DATE; 2000-05-01::DATE) = 2000-05-01::DATE
        time_bucket (1 month::INTERVAL; 2000-05-01::DATE; 2000-05-03::DATE) = 2000-05-01::DATE
        time_bucket (10 days::INTERVAL; 2000-05-05::DATE; 3 days::INTERVAL) = 2000-05-05::DATE
        time_bucket (1 month 1 day::INTERVAL; 2000-05-05::DATE) ! not both
        time_bucket (-1 day::INTERVAL; 2000-05-05::DATE) ! above 0
        ",
    );
}

#[test]
fn coarser_times_ours() {
    check(
        "
        date_trunc (month::VARCHAR; 2001-02-30::TIMESTAMP(360_day)) = 2001-02-01 00:00:00::TIMESTAMP(360_day)
        date_diff (day::VARCHAR; 2001-01-30::TIMESTAMP(360_day); 2001-03-01::TIMESTAMP(360_day)) = 31::BIGINT
        date_diff (day::VARCHAR; 2001-01-30::TIMESTAMP(360_day); 2001-03-01::TIMESTAMP(noleap)) ! two calendars
        time_bucket (1 month::INTERVAL; 2001-02-30::TIMESTAMP(360_day)) = 2001-02-01 00:00:00::TIMESTAMP(360_day)
        ",
    );
}

#[test]
fn making_and_formatting() {
    check(
        "
        make_date (2000::INTEGER; 1::INTEGER; 2::INTEGER) = 2000-01-02::DATE
        make_date (2000::INTEGER; 13::INTEGER; 2::INTEGER) ! there is no date
        make_date (NULL::NULL; 1::INTEGER; 2::INTEGER) = NULL::DATE
        make_timestamp (2000::INTEGER; 1::INTEGER; 2::INTEGER; 3::INTEGER; 4::INTEGER; 5.5::DECIMAL(2,1)) = 2000-01-02 03:04:05.5::TIMESTAMP
        make_timestamp (2000::INTEGER; 1::INTEGER; 2::INTEGER; 3::INTEGER; 4::INTEGER; 60::INTEGER) = 2000-01-02 03:05:00::TIMESTAMP
        make_timestamp (1000000::BIGINT) = 1970-01-01 00:00:01::TIMESTAMP
        to_days (3::INTEGER) = 3 days::INTERVAL
        to_hours (3::INTEGER) = 03:00:00::INTERVAL
        to_seconds (1.5::DOUBLE) = 00:00:01.5::INTERVAL
        strftime (2000-01-02::DATE; %Y-%m-%d::VARCHAR) = 2000-01-02::VARCHAR
        strftime (%Y::VARCHAR; 2000-01-02::DATE) = 2000::VARCHAR
        strftime (2000-01-02 03:04:05.678::TIMESTAMP; %Y %y %m %-m %d %-d %H %-H %I %p %M %S %f %j %-j::VARCHAR) = 2000 00 01 1 02 2 03 3 03 AM 04 05 678000 002 2::VARCHAR
        strftime (2000-01-02 03:04:05.678::TIMESTAMP; %a %A %b %B %w %u %U %W %V %G %g %% %c %x %X::VARCHAR) = Sun Sunday Jan January 0 7 01 00 52 1999 678 % 2000-01-02 03:04:05 2000-01-02 03:04:05::VARCHAR
        strptime (2000-01-02::VARCHAR; %Y-%m-%d::VARCHAR) = 2000-01-02 00:00:00::TIMESTAMP
        strptime (2 January 2000 5 PM::VARCHAR; %d %B %Y %I %p::VARCHAR) = 2000-01-02 17:00:00::TIMESTAMP
        strptime (2000-01-02 x::VARCHAR; %Y-%m-%d::VARCHAR) ! is no time like
        strptime (2000 033::VARCHAR; %Y %j::VARCHAR) = 2000-02-02 00:00:00::TIMESTAMP
        strptime (2000-01-02 10:11:12.5::VARCHAR; %Y-%m-%d %H:%M:%S.%f::VARCHAR) = 2000-01-02 10:11:12.5::TIMESTAMP
        strptime (99::VARCHAR; %y::VARCHAR) = 1999-01-01 00:00:00::TIMESTAMP
        try_strptime (x::VARCHAR; %y::VARCHAR) = NULL::TIMESTAMP
        strftime (2000-01-02::DATE; %Q::VARCHAR) ! is no pattern
        ",
    );
}

#[test]
fn formatting_ours() {
    check(
        "
        strftime (2001-02-30::TIMESTAMP(360_day); %Y-%m-%d %j::VARCHAR) = 2001-02-30 060::VARCHAR
        strftime (2001-02-03::DATE; %-%::VARCHAR) = %::VARCHAR
        ",
    );
}
