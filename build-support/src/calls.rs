//! The workflows that nodes call: finds their files, and gives each workflow a number.
//!
//! A workflow that is called several times with the same settings is one, and compiled once. Those that a workflow calls have
//! lower numbers than it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{resolve, settings},
    source::{FileId, Sources, Span, Spanned, read_file},
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

    /// Loads what the nodes of a workflow call, once all of its nodes are there.
    fn calls(&mut self, workflow: &mut Workflow) {
        workflow.gather_failures(self.found);
        let Workflow { nodes, keys, parallel, .. } = workflow;
        for node in nodes {
            let item = match &node.work {
                Work::Run(_) => Vec::new(),
                Work::Map(map) => resolve::hidden(map).into_iter().map(str::to_owned).collect(),
            };
            let action = match &mut node.work {
                Work::Run(action) => action,
                Work::Map(map) => &mut map.run,
            };
            let Action::Call(call) = action else { continue };
            call.number = match &mut call.callee {
                Callee::File(_) => self.file(call, parallel),
                Callee::Inline(_) => self.inline(call, keys, &item, parallel),
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
            self.refuse_finally(&workflow, written);
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

    /// A call may end with the process that it runs in, and then nothing can run at its end.
    fn refuse_finally(&mut self, workflow: &Workflow, written: &Spanned<String>) {
        let Some(first) = workflow.finally.first() else { return };
        let message = "a workflow with `finally` cannot be called";
        let error =
            Diagnostic::error(codes::ENTRY_CONFLICT, written.span, message).also(first.name.span, "in its `finally`");
        self.found.push(
            error
                .note("a call may end with the worker process that it runs in, and nothing runs there any more")
                .help("move these nodes to the `finally` of the workflow that calls")
                .help("or put all other nodes into a file of their own, and call that from both"),
        );
    }

    fn read(&mut self, path: &Path, written: &Spanned<String>) -> Option<Workflow> {
        let bytes = match read_file(path) {
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

    /// `item` are the names of the item and of its index, if each item runs the workflow.
    fn inline(&mut self, call: &mut Call, keys: &[Key], item: &[String], outer: &Parallel) -> Option<usize> {
        let Callee::Inline(inner) = &mut call.callee else { return None };
        let mut workflow = inner.take_out();
        workflow.parallel = workflow.parallel.or(outer);
        workflow.checkpoint.clone_from(&self.checkpoint);
        let read = outer_names(&workflow);
        for name in item {
            if let Some(read) = read.iter().find(|read| read.value == *name) {
                refuse_item(&workflow, read, self.found);
            }
        }
        capture(&mut workflow, &read, keys, &mut call.with);
        self.calls(&mut workflow);
        Some(self.add(workflow))
    }

    fn add(&mut self, workflow: Workflow) -> usize {
        self.loaded.push(workflow);
        self.loaded.len() - 1
    }
}

/// The names that the Rust of a workflow reads and that are not its keys, in order.
fn outer_names(workflow: &Workflow) -> Vec<Spanned<String>> {
    let mut names = Vec::new();
    for key in &workflow.keys {
        key.default.iter().chain(&key.reduce).for_each(|rust| names.extend(rust.names.iter().cloned()));
    }
    for node in &workflow.nodes {
        let action = node.work.action();
        let mut body: Vec<_> = action.rust().flat_map(|rust| rust.names.iter().cloned()).collect();
        body.extend(action.inline().map(outer_names).unwrap_or_default());
        if let Work::Map(map) = &node.work {
            names.extend(map.items().flat_map(|items| items.names.iter().cloned()));
            let item = resolve::hidden(map);
            body.retain(|name| !item.contains(&name.value.as_str()));
        }
        names.append(&mut body);
        let arms = node.goto.iter().flat_map(|goto| &goto.arms);
        let conditions = arms.filter_map(|arm| arm.condition.as_ref());
        names.extend(conditions.flat_map(|rust| rust.names.iter().cloned()));
    }
    let conditions = workflow.edges.iter().filter_map(|edge| edge.when.as_ref());
    names.extend(conditions.flat_map(|rust| rust.names.iter().cloned()));
    names.retain(|name| workflow.keys.iter().all(|key| key.name.value != name.value));
    names
}

/// Reports that a workflow that is written in place reads the item around it: what a workflow reads are keys, and a key has
/// a type, which nobody has said of the item.
fn refuse_item(workflow: &Workflow, read: &Spanned<String>, found: &mut Diagnostics) {
    let item = &read.value;
    let message = format!("`{item}` is not a key of the workflow of `{}`", workflow.name.value);
    found.push(
        Diagnostic::error(codes::MISSING_INPUT, read.span, message)
            .label("the item is known in `with`, and not inside")
            .also(workflow.name.span, "the workflow that each item runs")
            .help(format!("pass it as an input: `with: {{ {item}: {item}.clone() }}` beside `workflow`"))
            .help(format!("and declare that in the workflow's `state_schema`: `{item}: {{ type: …, input: true }}`")),
    );
}

/// The keys around a workflow that is written in place, as far as it reads them, are inputs of it.
fn capture(workflow: &mut Workflow, read: &[Spanned<String>], keys: &[Key], with: &mut Vec<(Spanned<String>, Rust)>) {
    for outer in keys {
        let name = &outer.name.value;
        let Some(first) = read.iter().find(|used| used.value == *name) else { continue };
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
