//! A workflow file that has a plan gives Rust.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tea_build::{
    diagnostic::Diagnostics,
    generate::{self, Surface},
    source::Sources,
};

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.yaml", text.to_owned());
    if let Some(plan) = tea_build::plan(&mut sources, file, &mut Diagnostics::default()) {
        let rust = generate::generate(&plan, &Surface::default(), &sources).items();
        assert!(rust.parse::<proc_macro2::TokenStream>().is_ok(), "the generated code is no Rust:\n{rust}");
    }
});
