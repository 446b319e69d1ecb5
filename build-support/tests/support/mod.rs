//! One way through the compiler for all tests here.

use tea_build::{
    diagnostic::{Diagnostic, Diagnostics},
    render::render,
    source::Sources,
};

/// What the compiler says.
pub(crate) struct Said {
    /// As a user sees it.
    pub(crate) text: String,
    /// The codes, in order.
    #[allow(dead_code, reason = "not every test looks at them")]
    pub(crate) codes: Vec<String>,
    /// The findings.
    #[allow(dead_code, reason = "not every test looks at them")]
    pub(crate) findings: Vec<Diagnostic>,
}

/// Runs the compiler on a file's bytes.
pub(crate) fn compile(name: &str, bytes: Vec<u8>) -> Said {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    if let Some(file) = sources.add_bytes(name, bytes, &mut diagnostics) {
        tea_build::plan(&mut sources, file, &mut diagnostics);
    }
    let findings = diagnostics.into_sorted();
    let codes = findings.iter().map(|finding| finding.code.to_string()).collect();
    Said { text: render(&sources, &findings, false), codes, findings }
}
