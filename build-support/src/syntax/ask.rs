//! `ask`: nodes that ask a person.

use super::{
    Action, Rust,
    reader::{Fields, Reader},
    rust,
};
use crate::{
    codes,
    diagnostic::Diagnostic,
    yaml::{Scalar, Tree, Value},
};

impl<'a> Reader<'a, '_> {
    /// The question of a node, if it asks one.
    pub(super) fn question(&mut self, fields: &Fields<'_, 'a>, node: &str) -> Option<Action> {
        let entry = fields.any("ask")?;
        if let Some(span) = fields.written("type") {
            let message = format!("`{node}` would ask the same for each item");
            let error = Diagnostic::error(codes::ENTRY_CONFLICT, entry.key.span, message)
                .label("a question is asked once")
                .also(span, "runs once for each item");
            self.error(
                error.help("let each item run a workflow that asks: `workflow: { nodes: [{ name: …, ask: … }] }`"),
            );
        }
        let Value::Scalar(scalar) = &entry.value.value else {
            self.wrong_value(entry, "the text of a question, such as `\"Publish {count} pages?\"`");
            return Some(Action::Ask(rust::nothing(entry.value.span)));
        };
        if scalar.text.trim().is_empty() {
            let error = Diagnostic::error(codes::WRONG_SHAPE, entry.key.span, "`ask` has no question");
            self.error(error.help("write the text that the person reads: `ask: \"Publish {count} pages?\"`"));
        }
        Some(Action::Ask(self.format_string(scalar, &entry.value)))
    }

    /// Text in which names in braces stand for their values.
    fn format_string(&mut self, scalar: &Scalar<'a>, node: &Tree<'a>) -> Rust {
        let rust = rust::format_string(scalar, node, self.text);
        for fault in rust::faults(&rust) {
            let place = rust.locate(fault.place.start, fault.place.end);
            let error = Diagnostic::error(codes::BAD_EXPRESSION, place, fault.message);
            self.error(error.help(fault.help).help("to show a brace itself, write it twice: `{{` or `}}`"));
        }
        rust
    }
}
