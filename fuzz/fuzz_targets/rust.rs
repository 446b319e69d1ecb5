//! Any text as the Rust of a node.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|rust: &str| tea_build::fuzzing::rust(rust));
