//! The front end: SQL over a dataset of one variable.
#![no_main]

libfuzzer_sys::fuzz_target!(|sql: &str| hyperslab_plan_fuzz::plan(sql));
