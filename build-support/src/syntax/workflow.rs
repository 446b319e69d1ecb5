//! The whole file: its sections, the state's keys and the edges.

use std::collections::HashMap;

use super::{
    Checkpoint, Edge, Key, Parallel, Workflow,
    language::{self, Piece},
    naming::{self, Role},
    reader::{Fields, Reader},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{FileId, Sources, Span, Spanned},
    yaml::{
        self, Broken, Entry, Value,
        recover::{self, Cuts},
    },
};

/// Reads a workflow file. Everything wrong in it goes to `diagnostics`; a broken entry is left out and the rest is
/// read all the same. `None` if there is no workflow to speak of.
///
/// From the first call on, `proc_macro2` uses its own implementation in this process: spans inside YAML are not the
/// compiler's.
pub fn parse(sources: &Sources, file: FileId, diagnostics: &mut Diagnostics) -> Option<Workflow> {
    proc_macro2::fallback::force();
    let text = &sources.get(file).text;
    let mut found = Diagnostics::default();
    match yaml::build(text, file, &mut found) {
        Ok(root) => {
            diagnostics.append(found, |_| true);
            read(&*root?, text, diagnostics)
        }
        Err(broken) => read_around(broken, text, file, diagnostics),
    }
}

/// Reads a file that breaks YAML's rules without the items that do.
fn read_around(mut broken: Broken, text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Option<Workflow> {
    let mut text = text.to_owned();
    let mut cuts = Cuts::default();
    for _ in 0..recover::TRIES {
        let places = [broken.error.span.start as usize, broken.at];
        if !cuts.touch(places[0]) && !cuts.touch(places[1]) {
            diagnostics.push(*broken.error);
        }
        if text.len() > recover::LARGEST || !cuts.cut(&mut text, places) {
            return None;
        }
        let mut found = Diagnostics::default();
        match yaml::build(&text, file, &mut found) {
            Err(next) => broken = next,
            Ok(root) => {
                let workflow = root.and_then(|root| read(&root, &text, &mut found));
                diagnostics.append(found, |finding| {
                    let at = finding.span.start as usize;
                    // In a section that is broken, what is said of its structure is likely to follow from that.
                    if matches!(finding.code, codes::YAML_SYNTAX | codes::UNKNOWN_ENTRY) {
                        !cuts.touch(at)
                    } else {
                        !cuts.hold(at)
                    }
                });
                return workflow.map(|workflow| Workflow { broken: true, ..workflow });
            }
        }
    }
    None
}

fn read(root: &yaml::Tree<'_>, text: &str, diagnostics: &mut Diagnostics) -> Option<Workflow> {
    let mut reader = Reader::new(text, diagnostics);
    let fields = reader.fields(root, &language::WORKFLOW)?;
    let name = reader.name(&fields, "name", Role::Workflow);
    let description = reader.text(&fields, "description");
    let keys = reader.keys(&fields);
    let (parallel, checkpoint) = reader.settings(&fields);
    let nodes = reader.nodes(&fields);
    let edges = reader.edges(&fields);
    let finally = reader.finally(&fields, nodes.as_deref().unwrap_or_default());
    Some(Workflow {
        name: name.unwrap_or_else(|| Spanned::new("workflow".to_owned(), fields.place)),
        description,
        keys,
        parallel,
        checkpoint,
        nodes: nodes?,
        gathering: 0,
        edges,
        finally,
        broken: false,
    })
}

impl<'a> Reader<'a, '_> {
    fn settings(&mut self, fields: &Fields<'_, 'a>) -> (Parallel, Option<Spanned<Checkpoint>>) {
        if fields.is_empty("settings") {
            return (Parallel::default(), None);
        }
        let Some(settings) = self.table(fields, "settings") else {
            return (Parallel::default(), None);
        };
        let checkpoint = self.checkpoint(&settings);
        if settings.is_empty("parallel") {
            return (Parallel::default(), checkpoint);
        }
        let parallel = self.table(&settings, "parallel").map(|parallel| self.parallel(&parallel, "strategy"));
        (parallel.unwrap_or_default(), checkpoint)
    }

    /// The settings of a workflow that is written in a node.
    pub(super) fn inline_settings(&mut self, fields: &Fields<'_, 'a>) -> Parallel {
        if fields.is_empty("settings") {
            return Parallel::default();
        }
        let settings = self.table(fields, "settings").filter(|settings| !settings.is_empty("parallel"));
        let parallel = settings.and_then(|settings| self.table(&settings, "parallel"));
        parallel.map(|parallel| self.parallel(&parallel, "strategy")).unwrap_or_default()
    }

    pub(super) fn keys(&mut self, fields: &Fields<'_, 'a>) -> Vec<Key> {
        if fields.is_empty("state_schema") {
            return Vec::new();
        }
        let Some(entry) = fields.any("state_schema") else { return Vec::new() };
        let Value::Map(entries) = &entry.value.value else {
            self.wrong_value(entry, "a mapping, such as `count: u32`");
            return Vec::new();
        };
        let keys: Vec<_> = entries.iter().filter_map(|entry| self.key(entry)).collect();
        self.same_keys(&keys);
        keys
    }

    /// Names that are written in different ways, and are the same to Rust.
    fn same_keys(&mut self, keys: &[Key]) {
        let mut first: HashMap<&str, Span> = HashMap::with_capacity(keys.len());
        for key in keys {
            let name = &key.name;
            if let Some(before) = first.insert(&name.value, name.span) {
                let message = format!("two state keys are called `{}`", name.value);
                self.error(
                    Diagnostic::error(codes::DUPLICATE_NAME, name.span, message)
                        .label("again here, with other characters that look the same")
                        .also(before, "first used here")
                        .help("give one of them another name"),
                );
            }
        }
    }

    fn key(&mut self, entry: &Entry<'a>) -> Option<Key> {
        if entry.bare {
            self.bare_entry(entry);
            return None;
        }
        let name = Spanned::new(naming::normal(&entry.key.value), entry.key.span);
        if let Some(error) = naming::check(&name, Role::Key) {
            self.error(error);
        }
        match entry.value.value {
            Value::Map(_) => self.fields(&entry.value, &language::KEY).and_then(|fields| {
                Some(Key {
                    name,
                    input: self.flag(&fields, "input"),
                    default: self.rust(&fields, "default"),
                    reduce: self.rust(&fields, "reduce"),
                    transient: self.flag(&fields, "transient"),
                    output: self.bool(&fields, "output"),
                    secret: self.flag(&fields, "secret"),
                    optional: self.flag(&fields, "optional"),
                    description: self.text(&fields, "description"),
                    short: self.placed_text(&fields, "short"),
                    positional: self.flag(&fields, "positional"),
                    value_name: self.placed_text(&fields, "value_name"),
                    env: self.placed_text(&fields, "env"),
                    choices: self.texts(&fields, "choices", "text that the caller may give"),
                    ty: self.rust(&fields, "type")?,
                })
            }),
            _ => Some(Key {
                ty: self.rust_value(&format!("the type of `{}`", name.value), entry, Piece::Type),
                name,
                input: None,
                default: None,
                reduce: None,
                transient: None,
                output: None,
                secret: None,
                optional: None,
                description: None,
                short: None,
                positional: None,
                value_name: None,
                env: None,
                choices: Vec::new(),
            }),
        }
    }

    pub(super) fn edges(&mut self, fields: &Fields<'_, 'a>) -> Vec<Edge> {
        if fields.is_empty("edges") {
            return Vec::new();
        }
        let Some((_, items)) = self.list(fields, "edges", "- from: load") else { return Vec::new() };
        let mut edges = Vec::with_capacity(items.len());
        for item in items {
            let edge = self.fields(item, &language::EDGE).and_then(|fields| self.edge(&fields));
            edges.extend(edge);
        }
        edges
    }

    fn edge(&mut self, fields: &Fields<'_, 'a>) -> Option<Edge> {
        let from = self.reference(fields, "from");
        let to = self.branches(fields, "to");
        let when = self.rust(fields, "when");
        let parallel = self.flag(fields, "parallel");
        let fan_in = self.reference(fields, "fan_in");
        let join = self.first_or_count(fields, "join");
        let failures = self.reference(fields, "failures");
        let settings = self.parallel(fields, "parallel_strategy");
        let fallback = self.fallback(fields);
        let to = to?;
        if to.value.is_empty() {
            self.empty_list(to.span, "to", "name at least one node");
            return None;
        }
        Some(Edge {
            from: from?,
            to: to.value,
            when,
            parallel,
            fan_in,
            join,
            failures,
            settings,
            fallback,
            span: fields.span,
        })
    }
}
