//! The workflows that nodes call: finds their files, and gives each workflow a number.
//!
//! A workflow that is called several times with the same settings is one, and compiled once. Those that a workflow calls have
//! lower numbers than it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::settings,
    source::{FileId, Sources, Span, Spanned},
    syntax::{self, Action, Call, Callee, Checkpoint, Key, Parallel, Rust, Work, Workflow},
};

/// Loads the workflows that `root` calls, and those that they call. Everything that is wrong with them goes to `found`.
pub(crate) fn load(root: &mut Workflow, sources: &mut Sources, found: &mut Diagnostics) -> Vec<Workflow> {
    let checkpoint = root.checkpoint.clone();
    let file = root.name.span.file;
    let mut loader =
        Loader { sources, found, checkpoint, loaded: Vec::new(), by_file: HashMap::new(), open: Vec::new() };
    let own = loader.path(file);
    loader.open.push((own, Span { file, start: 0, end: 0 }));
    loader.calls(root);
    loader.loaded
}

struct Loader<'a> {
    sources: &'a mut Sources,
    found: &'a mut Diagnostics,
    /// Of the whole run.
    checkpoint: Option<Spanned<Checkpoint>>,
    loaded: Vec<Workflow>,
    /// By file and by what it inherits; `None` if it cannot be compiled.
    by_file: HashMap<(PathBuf, String), Option<usize>>,
    /// The files that are being loaded, each with the place that calls it.
    open: Vec<(PathBuf, Span)>,
}

impl Loader<'_> {
    fn path(&self, file: FileId) -> PathBuf {
        let path = &self.sources.get(file).path;
        path.canonicalize().unwrap_or_else(|_| path.clone())
    }

    /// Loads what the nodes of a workflow call.
    fn calls(&mut self, workflow: &mut Workflow) {
        let Workflow { nodes, keys, parallel, .. } = workflow;
        for node in nodes {
            let action = match &mut node.work {
                Work::Run(action) => action,
                Work::Map(map) => &mut map.run,
            };
            let Action::Call(call) = action else { continue };
            call.number = match &mut call.callee {
                Callee::File(_) => self.file(call, parallel),
                Callee::Inline(_) => self.inline(call, keys, parallel),
            };
        }
    }

    fn file(&mut self, call: &Call, outer: &Parallel) -> Option<usize> {
        let Callee::File(written) = &call.callee else { return None };
        let folder = self.sources.get(call.span.file).path.parent().unwrap_or(Path::new("")).to_owned();
        let path = folder.join(&written.value);
        let known = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.is_open(&known, written) {
            return None;
        }
        let inherited = settings::described(outer);
        if let Some(before) = self.by_file.get(&(known.clone(), inherited.clone())) {
            return *before;
        }
        let loaded = self.read(&path, written).map(|mut workflow| {
            workflow.parallel = workflow.parallel.or(outer);
            workflow.checkpoint.clone_from(&self.checkpoint);
            self.open.push((known.clone(), written.span));
            self.calls(&mut workflow);
            self.open.pop();
            self.add(workflow)
        });
        self.by_file.insert((known, inherited), loaded);
        loaded
    }

    /// Reports a workflow that calls itself, directly or through others.
    fn is_open(&mut self, path: &Path, written: &Spanned<String>) -> bool {
        let Some(first) = self.open.iter().position(|(open, _)| open == path) else { return false };
        let names = self.open[first..].iter().map(|(path, _)| path).chain([&self.open[first].0]);
        let names: Vec<_> = names.map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
        let message = "a workflow that calls itself";
        let mut error = Diagnostic::error(codes::RECURSIVE_CALL, written.span, message)
            .label("leads back to where it came from")
            .note(format!("the way is {}", names.join(" → ")));
        for (_, call) in &self.open[first + 1..] {
            error = error.also(*call, "through this call");
        }
        self.found.push(error.help("a loop is a `goto`, and work of any depth is a function in Rust"));
        true
    }

    fn read(&mut self, path: &Path, written: &Spanned<String>) -> Option<Workflow> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("cannot read the workflow `{}`: {error}", written.value);
                let error = Diagnostic::error(codes::CALLED_FILE, written.span, message);
                self.found.push(
                    error
                        .note(format!("sought at `{}`", path.display()))
                        .help("the path is relative to the file that it is written in"),
                );
                return None;
            }
        };
        let before = self.sources.find(path);
        let file = match before {
            Some(file) => file,
            None => self.sources.add_bytes(path, bytes, self.found)?,
        };
        syntax::parse(self.sources, file, self.found).filter(|workflow| !workflow.broken)
    }

    fn inline(&mut self, call: &mut Call, keys: &[Key], outer: &Parallel) -> Option<usize> {
        let Callee::Inline(inner) = &mut call.callee else { return None };
        let mut workflow = inner.take_out();
        workflow.parallel = workflow.parallel.or(outer);
        workflow.checkpoint.clone_from(&self.checkpoint);
        capture(&mut workflow, keys, &mut call.with);
        self.calls(&mut workflow);
        Some(self.add(workflow))
    }

    fn add(&mut self, workflow: Workflow) -> usize {
        self.loaded.push(workflow);
        self.loaded.len() - 1
    }
}

/// The keys around a workflow that is written in place, as far as it reads them, are inputs of it.
fn capture(workflow: &mut Workflow, keys: &[Key], with: &mut Vec<(Spanned<String>, Rust)>) {
    let mut names: Vec<Spanned<String>> = Vec::new();
    workflow.visit_rust(&mut |_, rust| names.extend(rust.names.iter().cloned()));
    for outer in keys {
        let name = &outer.name.value;
        let Some(first) = names.iter().find(|used| used.value == *name) else { continue };
        if workflow.keys.iter().any(|key| key.name.value == *name) {
            continue;
        }
        workflow.keys.push(outer.captured());
        let value = Rust {
            text: name.clone(),
            span: first.span,
            map: vec![(0, first.span.start)],
            names: vec![first.clone()],
            assigned: Vec::new(),
        };
        with.push((Spanned::new(name.clone(), first.span), value));
    }
}
