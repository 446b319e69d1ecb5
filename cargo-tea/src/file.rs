//! A workflow file, read and compiled as far as a plan.

use std::{fs, path::Path};

use tea_build::{
    diagnostic::{Diagnostic, Diagnostics},
    misspelt,
    plan::Plan,
    render,
    source::{FileId, Sources, Span},
    syntax,
};

use crate::Failure;

/// A file and what the compiler says about it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The file's text, for places in it.
    pub(crate) sources: Sources,
    /// What the file means, if it has no errors.
    pub(crate) plan: Option<Plan>,
    /// The findings, sorted by place.
    pub(crate) findings: Vec<Diagnostic>,
}

impl Compiled {
    /// Compiles `bytes`, the content of the file at `path`.
    pub(crate) fn new(path: &Path, bytes: Vec<u8>) -> Self {
        let mut sources = Sources::default();
        let mut found = Diagnostics::default();
        let file = sources.add_bytes(path, bytes, &mut found);
        let plan = file.and_then(|file| tea_build::plan(&mut sources, file, &mut found));
        Self { sources, plan, findings: found.into_sorted() }
    }

    /// Compiles the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Ok(Self::new(path, read(path)?))
    }

    /// Adds names in the workflow's Rust that are certainly misspelt, as `include_workflow!` in the file `caller` finds them.
    pub(crate) fn find_misspelt(&mut self, caller: &Path) {
        let caller = fs::read_to_string(caller).ok();
        if let Some(plan) = &mut self.plan {
            self.findings.extend(misspelt::find(plan, caller.as_deref()));
        }
    }

    /// The plan, for commands that need one. Without one, the findings are printed.
    pub(crate) fn plan(&self) -> Result<&Plan, Failure> {
        self.plan.as_ref().ok_or_else(|| {
            anstream::eprintln!("{}", render::render(&self.sources, &self.findings, true));
            Failure::Found
        })
    }
}

/// Where the Rust is in a workflow file: as far as it can be read, in order.
pub(crate) fn rust_places(sources: &Sources, file: FileId) -> Vec<Span> {
    let mut places = Vec::new();
    if let Some(workflow) = syntax::parse(sources, file, &mut Diagnostics::default()) {
        workflow.visit_rust(&mut |_, rust| places.push(rust.span));
    }
    places.sort_unstable();
    places
}

/// The content of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()).into())
}
