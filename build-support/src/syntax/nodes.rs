//! `nodes`.

use std::collections::{HashMap, hash_map};

use super::{
    Action, Arm, Finally, Fingerprint, Goto, Map, Node, Output, Variable, Work,
    language::{self, Piece},
    naming::{self, Role},
    reader::{Fields, Reader},
    rust,
};
use crate::{
    codes,
    diagnostic::Diagnostic,
    source::{Span, Spanned},
    yaml::Value,
};

/// Entries that only `dynamic_parallel` has.
const MAP_ONLY: [&str; 4] = ["items", "item_var", "index_var", "failures"];

impl<'a> Reader<'a, '_> {
    /// All nodes, or `None` if the file has no list of them.
    pub(super) fn nodes(&mut self, fields: &Fields<'_, 'a>) -> Option<Vec<Node>> {
        let (span, items) = self.list(fields, "nodes", "- name: load")?;
        if items.is_empty() {
            self.empty_list(span, "nodes", "write at least one node: `- name: load`");
            return None;
        }
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let node = self.fields(item, &language::NODE).map(|fields| self.node(index, &fields));
            nodes.extend(node);
        }
        self.duplicates(nodes.iter().map(|node| &node.name));
        Some(nodes)
    }

    /// What runs at the end, whose names are none of `nodes`.
    pub(super) fn finally(&mut self, fields: &Fields<'_, 'a>, nodes: &[Node]) -> Vec<Finally> {
        if fields.is_empty("finally") {
            return Vec::new();
        }
        let list = self.list(fields, "finally", "- { name: clean_up, run: clean_up() }");
        let Some((span, items)) = list else { return Vec::new() };
        if items.is_empty() {
            self.empty_list(span, "finally", "write at least one node, or remove the entry");
        }
        let mut finally = Vec::with_capacity(items.len());
        for item in items {
            let node = self.fields(item, &language::FINALLY).and_then(|fields| {
                let name = self.name(&fields, "name", Role::Node);
                Some(Finally { name: name?, run: self.rust(&fields, "run")? })
            });
            finally.extend(node);
        }
        if !finally.is_empty() {
            let names = nodes.iter().map(|node| &node.name);
            self.duplicates(names.chain(finally.iter().map(|node| &node.name)).collect::<Vec<_>>().into_iter());
        }
        finally
    }

    /// Reports an empty list where names must be.
    pub(super) fn empty_list(&mut self, span: Span, name: &str, help: &str) {
        let error = Diagnostic::error(codes::WRONG_SHAPE, span, format!("`{name}` is an empty list"));
        self.error(error.help(help));
    }

    fn node(&mut self, index: usize, fields: &Fields<'_, 'a>) -> Node {
        // A node without a name keeps its place in the order.
        let unnamed = || Spanned::new(format!("__unnamed_{index}"), fields.place);
        let name = self.name(fields, "name", Role::Node);
        let name = name.unwrap_or_else(unnamed);
        let (run, output) = self.call(fields, &name.value).unwrap_or_else(|| {
            let run = self.question(fields, &name.value).unwrap_or_else(|| {
                Action::Rust(self.rust(fields, "run").unwrap_or_else(|| rust::nothing(fields.place)))
            });
            (run, self.output(fields, &name.value))
        });
        let goto = self.goto(fields);
        let needs = self.references(fields, "needs").map(|(names, _)| names);
        let max_visits = self.count(fields, "max_visits");
        let rerun = self.word(fields, "resume").and_then(|_| fields.any("resume"));
        let rerun = rerun.map(|entry| entry.key.span.to(entry.value.span));
        let cache = self.flag(fields, "cache");
        let fingerprint = self.fingerprint(fields);
        let parallel = self.parallel(fields, "parallel_strategy");
        let mut fallback = self.fallback(fields);
        let work = self.work(fields, run, &name.value);
        if let (Work::Map(_), Some((_, value))) = (&work, fallback.first()) {
            let message = "`allow_failure` of a `dynamic_parallel` node cannot have values";
            let error = Diagnostic::error(codes::WRONG_SHAPE, value.span, message)
                .label("an item that fails has no place in the results");
            self.error(
                error.help("write `allow_failure: true`, and name a key for what failed: `failures: broken`").help(
                    "or give each item a result in any case: let `run` handle the error, as in `load(item).unwrap_or_default()`",
                ),
            );
            fallback.clear();
        }
        let span = fields.span;
        Node { name, work, output, goto, needs, max_visits, rerun, cache, fingerprint, parallel, fallback, span }
    }

    fn fingerprint(&mut self, fields: &Fields<'_, 'a>) -> Fingerprint {
        let version = self.placed_text(fields, "version");
        if let Some(version) = version.as_ref().filter(|version| version.value.is_empty()) {
            let error = Diagnostic::error(codes::WRONG_SHAPE, version.span, "`version` is empty");
            self.error(error.help("write any text, such as `\"1\"`, and another one when results change"));
        }
        let sources = self.texts(fields, "sources", "a path, such as `model.onnx`");
        let env = self.texts(fields, "env", "the name of an environment variable, such as `LANG`");
        for name in env.iter().filter(|name| name.value.contains(['=', '$', '\0'])) {
            let message = format!("`{}` is not the name of an environment variable", name.value.escape_default());
            let error = Diagnostic::error(codes::BAD_NAME, name.span, message);
            self.error(error.help("write only the name, without `$` and without a value"));
        }
        Fingerprint { version, sources, env }
    }

    fn work(&mut self, fields: &Fields<'_, 'a>, run: Action, name: &str) -> Work {
        let is_map = self.word(fields, "type").is_some();
        if !is_map {
            // One that has a misspelt `type` has been reported already.
            let stray = MAP_ONLY.iter().find_map(|only| fields.written(only).map(|span| (only, span)));
            if let Some((only, span)) = stray
                && fields.written("type").is_none()
            {
                let message = format!("`{only}` on a node that runs once");
                self.error(
                    Diagnostic::error(codes::ENTRY_CONFLICT, span, message)
                        .help(format!("add `type: dynamic_parallel` to run `{name}` once for each item")),
                );
            } else if stray.is_none() {
                return Work::Run(run);
            }
        }
        if is_map && fields.written("items").is_none() {
            self.missing(fields.place, "a `dynamic_parallel` node", "items");
        }
        let variables = self.variables(fields);
        let index_var = self.name(fields, "index_var", Role::Variable);
        for variable in &variables {
            let name = variable.name.as_ref().map_or("item", |name| &name.value);
            let Some(index) = index_var.as_ref().filter(|index| index.value == name) else { continue };
            let message = format!("`{name}` is both the item and its index");
            let error = Diagnostic::error(codes::DUPLICATE_NAME, index.span, message).label("the index");
            self.error(
                match &variable.name {
                    Some(item) => error.also(item.span, "the item"),
                    None => error.note("`item_var` is `item` if not given"),
                }
                .help("call one of them something else"),
            );
        }
        let failures = self.reference(fields, "failures");
        Work::Map(Box::new(Map { variables, index_var, run, failures }))
    }

    /// `items` and `item_var`: one variable, or the names of several, each with its values.
    fn variables(&mut self, fields: &Fields<'_, 'a>) -> Vec<Variable> {
        let item_var = self.name(fields, "item_var", Role::Variable);
        let entry = fields.any("items").filter(|_| !fields.is_empty("items"));
        let Some((entry, Value::Map(entries))) = entry.map(|entry| (entry, &entry.value.value)) else {
            let items = entry.map(|entry| self.rust_value("`items`", entry, Piece::Expression));
            return vec![Variable { name: item_var, items: items.unwrap_or_else(|| rust::nothing(fields.place)) }];
        };
        if let Some(one) = item_var {
            let message = "`item_var` on a node whose `items` have names";
            let error = Diagnostic::error(codes::ENTRY_CONFLICT, one.span, message);
            self.error(error.also(entry.key.span, "each of these is a variable").help("remove `item_var`"));
        }
        let mut variables = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.bare {
                self.bare_entry(entry);
                continue;
            }
            let Some(name) = self.variable_name(entry) else { continue };
            let items = self.rust_value(&format!("the value of `{}`", name.value), entry, Piece::Expression);
            variables.push(Variable { name: Some(name), items });
        }
        if entries.is_empty() {
            let error = Diagnostic::error(codes::WRONG_SHAPE, entry.value.span, "`items` names no variable");
            self.error(error.help("write the items, or a variable for each list: `{ k: ks, mode: modes }`"));
        }
        if variables.is_empty() {
            variables.push(Variable { name: None, items: rust::nothing(fields.place) });
        }
        variables
    }

    fn output(&mut self, fields: &Fields<'_, 'a>, node: &str) -> Output {
        let output = self.references(fields, "output");
        if let Some((names, true)) = &output
            && let Some(first) = names.value.first()
            && fields.written("type").is_some()
        {
            let error = Diagnostic::error(codes::WRONG_SHAPE, names.span, "a `dynamic_parallel` node has one output")
                .label("a list takes a tuple apart, and there is one value for each item");
            self.error(match &names.value[..] {
                [_] => error.help(format!("write `output: {}`", first.value)),
                _ => {
                    error.help(format!("give the items' values one key, and take them apart in a node after `{node}`"))
                }
            });
        }
        match output {
            None => Output::None,
            Some((mut names, false)) => names.value.pop().map_or(Output::None, Output::One),
            Some((names, true)) if names.value.is_empty() => {
                self.empty_list(names.span, "output", "name at least one key, or remove the entry");
                Output::None
            }
            Some((names, true)) => Output::Tuple(names.value),
        }
    }

    fn goto(&mut self, fields: &Fields<'_, 'a>) -> Option<Goto> {
        let entry = fields.any("goto")?;
        let arms = match &entry.value.value {
            Value::Scalar(scalar) if !scalar.is_null() => {
                vec![Arm { condition: None, to: Spanned::new(naming::normal(&scalar.text), entry.value.span) }]
            }
            Value::List(items) if items.is_empty() => {
                self.empty_list(entry.value.span, "goto", "name a node, or remove the entry");
                return None;
            }
            Value::List(items) => {
                let mut arms = Vec::with_capacity(items.len());
                for item in items {
                    let arm = self.fields(item, &language::ARM).and_then(|fields| {
                        let condition = self.rust(&fields, "if");
                        Some(Arm { condition, to: self.reference(&fields, "to")? })
                    });
                    arms.extend(arm);
                }
                arms
            }
            _ => {
                self.wrong_value(entry, "a node's name or a list, such as `[{ if: done, to: last }, { to: first }]`");
                return None;
            }
        };
        Some(Goto { arms, span: entry.value.span })
    }

    /// Nodes are distinguished by the Rust names made from theirs.
    fn duplicates<'n>(&mut self, names: impl ExactSizeIterator<Item = &'n Spanned<String>>) {
        let mut first = HashMap::<_, &Spanned<String>>::with_capacity(names.len());
        for name in names {
            let rust_name = naming::rust_name(&name.value, Role::Node);
            let before = match first.entry(rust_name) {
                hash_map::Entry::Occupied(before) => *before.get(),
                hash_map::Entry::Vacant(place) => {
                    place.insert(name);
                    continue;
                }
            };
            let Spanned { value: name, span } = name;
            let message = if *name == before.value {
                format!("two nodes are called `{name}`")
            } else {
                format!("`{name}` and `{}` are the same name in Rust", before.value)
            };
            self.error(
                Diagnostic::error(codes::DUPLICATE_NAME, *span, message)
                    .label("again here")
                    .also(before.span, "first used here")
                    .help("give one of them another name"),
            );
        }
    }
}
