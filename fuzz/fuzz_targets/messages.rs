//! Any bytes as messages between processes and hosts.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tea_runtime::fuzzing::messages(bytes));
