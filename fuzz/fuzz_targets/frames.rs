//! Any bytes as what a worker sends: frames, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_runtime::fuzzing::frames(bytes));
