//! Any text as the Rust of a node.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tea_build::{diagnostic::Diagnostics, source::Sources};

fuzz_target!(|rust: &str| {
    let lines: String = rust.lines().map(|line| format!("      {line}\n")).collect();
    let head = "name: fuzz\nstate_schema:\n  key: { type: u32, input: true }\nnodes:\n  - name: only\n    run: |\n";
    let mut sources = Sources::default();
    let file = sources.add("fuzz.yaml", format!("{head}{lines}"));
    tea_build::plan(&mut sources, file, &mut Diagnostics::default());
});
