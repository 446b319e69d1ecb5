//! Any text as a pool file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_runtime::fuzzing::pool(bytes));
