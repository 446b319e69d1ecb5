//! Any bytes as values of the state.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_runtime::fuzzing::values(bytes));
