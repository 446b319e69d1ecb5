//! Any bytes as records, a log and a manifest of a run.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_runtime::fuzzing::records(bytes));
