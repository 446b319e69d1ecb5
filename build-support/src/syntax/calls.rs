//! `use` and `workflow`: nodes that call another workflow.

use super::{
    Action, Output, Rust, Workflow,
    language::{self, Piece},
    naming,
    reader::{Fields, Reader},
    rust,
};
use crate::{
    codes,
    diagnostic::Diagnostic,
    source::{Span, Spanned},
    yaml::{Entry, Tree, Value},
};

/// A call of another workflow.
#[derive(Debug)]
pub struct Call {
    /// The workflow.
    pub callee: Callee,
    /// Its number among those that are called, once it has been loaded.
    pub number: Option<usize>,
    /// Its inputs, each with its value.
    pub with: Vec<(Spanned<String>, Rust)>,
    /// Which of its keys the node's [`Output`] gets, in the same order.
    pub gives: Vec<Spanned<String>>,
    /// `use` or `workflow`.
    pub span: Span,
}

/// A workflow that is called.
#[derive(Debug)]
pub enum Callee {
    /// `use`: the path of its file.
    File(Spanned<String>),
    /// `workflow`: written in place. Taken out once it has been loaded.
    Inline(Box<Workflow>),
}

impl<'a> Reader<'a, '_> {
    /// The call of a node, and what it writes; `None` if it has Rust of its own. Reports a node that has neither, or more
    /// than one of them.
    pub(super) fn call(&mut self, fields: &Fields<'_, 'a>, node: &str) -> Option<(Action, Output)> {
        let written: Vec<(&str, Span)> =
            language::WORKS.iter().filter_map(|name| Some((*name, fields.written(name)?))).collect();
        match written[..] {
            [] => {
                if fields.is_complete {
                    let error = Diagnostic::error(codes::MISSING_ENTRY, fields.place, "a node without `run`");
                    self.error(error.help("add an entry `run: …`, or call a workflow by `use: FILE`"));
                }
            }
            [_] => {}
            [(first, at), (second, again), ..] => {
                let message = format!("`{node}` has both `{first}` and `{second}`");
                let error =
                    Diagnostic::error(codes::ENTRY_CONFLICT, again, message).label("it can do only one of them");
                self.error(error.also(at, "the other one").help("remove one of them, or make two nodes"));
            }
        }
        let call = written.iter().find(|(name, _)| matches!(*name, "use" | "workflow"));
        let callee = match call {
            None => {
                self.refuse_with(fields);
                return None;
            }
            Some(("use", _)) => Callee::File(self.placed_text(fields, "use")?),
            Some(_) => Callee::Inline(Box::new(self.inline(fields, node)?)),
        };
        let span = call.map_or(fields.place, |(_, span)| *span);
        let with = self.passes(fields);
        let (gives, output) = self.given(fields, node);
        Some((Action::Call(Call { callee, number: None, with, gives, span }), output))
    }

    /// `with` on a node that calls nothing.
    fn refuse_with(&mut self, fields: &Fields<'_, 'a>) {
        if let Some(span) = fields.written("with") {
            let error = Diagnostic::error(codes::ENTRY_CONFLICT, span, "`with` on a node that calls no workflow");
            self.error(error.help("a node that runs Rust reads the state by the names of its keys: remove `with`"));
        }
        if let Some(entry) = fields.any("output")
            && let Value::Map(_) = entry.value.value
        {
            self.wrong_value(entry, "a key's name or a list of such names, as in `output: [low, high]`");
        }
    }

    /// A workflow that is written in a node, which gives it its name.
    fn inline(&mut self, fields: &Fields<'_, 'a>, node: &str) -> Option<Workflow> {
        let entry = fields.any("workflow")?;
        let inner = self.fields(&entry.value, &language::INLINE)?;
        let keys = self.keys(&inner);
        let parallel = self.inline_settings(&inner);
        let nodes = self.nodes(&inner)?;
        let edges = self.edges(&inner);
        let name = Spanned::new(node.to_owned(), entry.key.span);
        Some(Workflow {
            name,
            description: None,
            keys,
            parallel,
            checkpoint: None,
            nodes,
            gathering: 0,
            edges,
            finally: Vec::new(),
            broken: false,
        })
    }

    /// `with`.
    fn passes(&mut self, fields: &Fields<'_, 'a>) -> Vec<(Spanned<String>, Rust)> {
        if fields.is_empty("with") {
            return Vec::new();
        }
        let Some(entry) = fields.any("with") else { return Vec::new() };
        match &entry.value.value {
            Value::Map(entries) => self.values(entries, "the input"),
            Value::List(items) => {
                let passes: Vec<_> = items.iter().filter_map(|item| self.same_name(item)).collect();
                self.given_twice(&passes, "the input");
                passes
            }
            _ => {
                self.wrong_value(entry, "a mapping, such as `{ source: path }`, or a list of names");
                Vec::new()
            }
        }
    }

    /// A name in the list of `with`: an input that gets the key with its name.
    fn same_name(&mut self, item: &Tree<'a>) -> Option<(Spanned<String>, Rust)> {
        let Value::Scalar(scalar) = &item.value else {
            self.wrong_shape(item, "an item of `with`", "a name");
            return None;
        };
        let name = Spanned::new(naming::normal(&scalar.text), item.span);
        let value = rust::parse("an item of `with`", scalar, item, Piece::Expression, self.text, self.diagnostics);
        Some((name, value))
    }

    /// Which of the workflow's keys go to which of ours.
    fn given(&mut self, fields: &Fields<'_, 'a>, node: &str) -> (Vec<Spanned<String>>, Output) {
        let Some(entry) = fields.any("output") else { return (Vec::new(), Output::None) };
        let (theirs, ours): (Vec<_>, Vec<_>) = if let Value::Map(entries) = &entry.value.value {
            entries.iter().filter_map(|entry| self.pair(entry)).unzip()
        } else {
            let Some((names, _)) = self.references(fields, "output") else { return (Vec::new(), Output::None) };
            (names.value.clone(), names.value)
        };
        let is_map = fields.written("type").is_some();
        if ours.is_empty() {
            self.empty_list(entry.value.span, "output", "name at least one key, or remove the entry");
        } else if is_map && ours.len() > 1 {
            let message = "a `dynamic_parallel` node has one output";
            let error = Diagnostic::error(codes::WRONG_SHAPE, entry.value.span, message);
            self.error(error.label(format!("`{node}` gives {} keys", ours.len())).help(
                "let the workflow put what it gives into one key, such as a struct or tuple, and take it apart in a node after \
                 this one",
            ));
        }
        let output = match (ours, is_map) {
            (ours, _) if ours.is_empty() => Output::None,
            (mut ours, true) => Output::One(ours.remove(0)),
            (ours, false) => Output::Tuple(ours),
        };
        (theirs, output)
    }

    fn pair(&mut self, entry: &Entry<'a>) -> Option<(Spanned<String>, Spanned<String>)> {
        if entry.bare {
            self.bare_entry(entry);
            return None;
        }
        let theirs = Spanned::new(naming::normal(&entry.key.value), entry.key.span);
        let Value::Scalar(scalar) = &entry.value.value else {
            self.wrong_value(entry, "the name of a key");
            return None;
        };
        Some((theirs, Spanned::new(naming::normal(&scalar.text), entry.value.span)))
    }
}
