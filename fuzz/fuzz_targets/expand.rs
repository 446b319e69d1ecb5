//! A workflow file that has a plan gives Rust.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| tea_build::fuzzing::expand(text));
