//! Any bytes as a workflow file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_build::fuzzing::yaml(bytes));
