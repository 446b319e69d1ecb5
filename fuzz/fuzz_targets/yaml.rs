//! Any bytes as a workflow file: the compiler has something to say, or gives a plan, and never crashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tea_build::{diagnostic::Diagnostics, render, source::Sources};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add_bytes("fuzz.yaml", bytes.to_vec(), &mut found);
    let plan = file.and_then(|file| tea_build::plan(&mut sources, file, &mut found));
    let findings = found.into_sorted();
    // What is found can be shown, too.
    let text = render::render(&sources, &findings, false);
    assert!(plan.is_some() || !text.is_empty(), "neither a plan nor a finding");
});
