//! Calls of other workflows: what is passed to them, and what comes back.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Called, Graph, resolve},
    source::Spanned,
    suggest,
    syntax::{Call, Callee, Node, Rust, Work},
};

/// Reports inputs that are unknown, missing, given by what may be unset or would be less protected there, and outputs that are
/// unknown or may be unset.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for node in &graph.workflow.nodes {
        let Some(call) = node.work.action().call() else { continue };
        let Some(called) = call.number.map(|number| &graph.called[number]) else { continue };
        let mut check = Check { graph, node, call, called, found };
        call.with.iter().for_each(|(name, value)| check.input(name, value));
        // One that is unknown may be meant for one that is missing.
        if call.with.iter().all(|(name, _)| called.key(&name.value).is_some()) {
            check.missing();
        }
        call.gives.iter().for_each(|name| check.output(name));
    }
}

struct Check<'a, 'f> {
    graph: &'a Graph<'a>,
    node: &'a Node,
    call: &'a Call,
    called: &'a Called,
    found: &'f mut Diagnostics,
}

impl Check<'_, '_> {
    /// What the workflow is called in messages.
    fn callee(&self) -> String {
        match &self.call.callee {
            Callee::File(file) => format!("`{}`", file.value),
            Callee::Inline(_) => format!("the workflow of `{}`", self.node.name.value),
        }
    }

    fn input(&mut self, name: &Spanned<String>, value: &Rust) {
        let Some((_, key)) = self.called.key(&name.value) else {
            let inputs = self.called.workflow.keys.iter().filter(|key| key.input.is_some());
            let mut error = Diagnostic::error(
                codes::UNKNOWN_CALLED_KEY,
                name.span,
                format!("{} has no input `{}`", self.callee(), name.value),
            );
            error.helps.extend(suggest::help(&name.value, "inputs", inputs.map(|key| key.name.value.as_str())));
            return self.found.push(error);
        };
        if key.input.is_none() {
            let error = Diagnostic::error(
                codes::UNKNOWN_CALLED_KEY,
                name.span,
                format!("`{}` is not an input of {}", name.value, self.callee()),
            );
            let error = error.also(key.name.span, "a key that its nodes write");
            return self.found.push(error.help(format!("make it one there: `input: true` on `{}`", name.value)));
        }
        let keys = &self.graph.keys;
        let Some(ours) = keys.just_a_key(value, &self.own()).map(|ours| keys.entry(ours)) else { return };
        if ours.optional.is_some() && key.optional.is_none() {
            let error = Diagnostic::error(
                codes::MISSING_INPUT,
                value.span,
                format!("the input `{}` of {} is given by a key that may be unset", name.value, self.callee()),
            )
            .also(key.name.span, "the input");
            self.found.push(
                error
                    .help(format!(
                        "give another value where it is unset: `{}.cloned().unwrap_or_default()`",
                        ours.name.value
                    ))
                    .help(format!("or write `optional: true` on the input `{}`", name.value)),
            );
        }
        let (secret, transient) = (codes::SECRET_WRITTEN, codes::TRANSIENT_CROSSES);
        for (ours_is, its_is, entry, what, code, label) in [
            (&ours.secret, &key.secret, "secret", "secret", secret, "would be recorded there"),
            (
                &ours.transient,
                &key.transient,
                "transient",
                "transient key",
                transient,
                "might be sent away or recorded there",
            ),
        ] {
            if ours_is.is_some() && its_is.is_none() {
                let text = format!("the {what} `{}` is given to an input that is not {entry}", ours.name.value);
                let error = Diagnostic::error(code, value.span, text).label(label).also(key.name.span, "the input");
                self.found.push(error.help(format!("write `{entry}: true` on the input `{}`", name.value)));
            }
        }
    }

    /// The names that mean something else than keys in the values of inputs.
    fn own(&self) -> Vec<&str> {
        match &self.node.work {
            Work::Run(_) => Vec::new(),
            Work::Map(map) => resolve::hidden(map),
        }
    }

    fn missing(&mut self) {
        let given = |name: &str| self.call.with.iter().any(|(given, _)| given.value == name);
        let required = self.called.workflow.keys.iter().filter(|key| {
            key.input.is_some() && key.default.is_none() && key.optional.is_none() && !given(&key.name.value)
        });
        let required: Vec<_> = required.collect();
        let Some(first) = required.first() else { return };
        let names: Vec<_> = required.iter().map(|key| format!("`{}`", key.name.value)).collect();
        let what = if names.len() == 1 { "the input" } else { "the inputs" };
        let message = format!("a call of {} without {what} {}", self.callee(), names.join(", "));
        let error = Diagnostic::error(codes::MISSING_INPUT, self.call.span, message);
        self.found.push(
            error
                .also(first.name.span, "an input without a default")
                .help(format!("add `with: {{ {}: … }}`", first.name.value))
                .help("or give the input a `default`, or `optional: true`"),
        );
    }

    fn output(&mut self, name: &Spanned<String>) {
        let Some((number, key)) = self.called.key(&name.value) else {
            let keys = self.called.workflow.keys.iter().map(|key| key.name.value.as_str());
            let message = format!("{} has no key `{}`", self.callee(), name.value);
            let mut error = Diagnostic::error(codes::UNKNOWN_CALLED_KEY, name.span, message);
            error.helps.extend(suggest::help(&name.value, "keys", keys));
            return self.found.push(error);
        };
        if !self.called.always_set[number] {
            let message = format!("`{}` may be unset when {} ends", name.value, self.callee());
            let error = Diagnostic::error(codes::UNSET_OUTPUT, name.span, message)
                .label("would have no value")
                .also(key.name.span, "not set on every path to the end");
            self.found.push(error.help("set it on every path there, with another value where there is none"));
        }
    }
}
