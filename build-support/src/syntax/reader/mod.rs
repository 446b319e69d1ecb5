//! Reads tree nodes as what the language's tables say they are. Everything that does not fit is reported, and
//! reading continues.

mod values;

use std::rc::Rc;

use super::language::{self, Shape, Table};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    doubt::{self, Facts},
    source::Span,
    suggest,
    yaml::{Entry, Scalar, Tree, Value},
};

/// Reads one file.
pub(super) struct Reader<'a, 'd> {
    /// The whole file.
    pub(super) text: &'a str,
    pub(super) diagnostics: &'d mut Diagnostics,
}

/// Entries by their known names; so few that a search is fastest.
type Values<'t, 'a> = Vec<(&'static str, &'t Entry<'a>)>;

/// The entries of a mapping, checked against its table.
pub(super) struct Fields<'t, 'a> {
    table: &'static Table,
    values: Values<'t, 'a>,
    /// Where to point when something is missing: its first line.
    pub(super) place: Span,
    /// The whole mapping.
    pub(super) span: Span,
    /// It has no unknown entries, any of which may be meant for a missing one.
    pub(super) is_complete: bool,
}

impl<'t, 'a> Fields<'t, 'a> {
    /// The entry `name`, which the table must have in a shape that `fits`.
    fn get(&self, name: &str, fits: impl Fn(Shape) -> bool) -> Option<&'t Entry<'a>> {
        debug_assert!(self.table.get(name).is_some_and(|entry| fits(entry.shape)), "`{name}` is read as another shape");
        self.values.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry)
    }

    /// The entry `name` as it is written, for values of more than one shape.
    pub(super) fn any(&self, name: &str) -> Option<&'t Entry<'a>> {
        self.get(name, |_| true)
    }

    /// Whether these are the entries of such a mapping.
    pub(super) fn is_of(&self, table: &'static Table) -> bool {
        self.table == table
    }

    /// A section whose entries are all commented out is as good as none.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.any(name).is_none_or(|entry| entry.value.is_null() && entry.value.anchor.is_none())
    }

    /// Where the entry `name` is written: its key.
    pub(super) fn written(&self, name: &str) -> Option<Span> {
        self.any(name).map(|entry| entry.key.span)
    }

    /// Whether any entry of `names` is written.
    pub(super) fn any_of(&self, names: impl Fn(&str) -> bool) -> bool {
        self.values.iter().any(|(known, _)| names(known))
    }
}

/// Whether a value may be meant for an entry: where that takes only certain words, it is one of them or something like it.
fn may_be(value: &Tree<'_>, shape: Shape) -> bool {
    match (&value.value, shape) {
        (Value::Scalar(scalar), Shape::Word(words)) => {
            words.contains(&&*scalar.text) || suggest::nearest(&scalar.text, words.iter().copied()).is_some()
        }
        _ => true,
    }
}

fn has(values: &Values, name: &str) -> bool {
    values.iter().any(|(known, _)| *known == name)
}

impl<'a, 'd> Reader<'a, 'd> {
    pub(super) fn new(text: &'a str, diagnostics: &'d mut Diagnostics) -> Self {
        Self { text, diagnostics }
    }

    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The entries of a mapping. Unknown ones are reported, and taken for the known one that was meant.
    pub(super) fn fields<'t>(&mut self, node: &'t Tree<'a>, table: &'static Table) -> Option<Fields<'t, 'a>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_shape(node, table.what, &format!("a mapping, such as `{}`", table.example));
            return None;
        };
        let mut values = Vec::with_capacity(entries.len());
        let mut unknown = Vec::new();
        for entry in entries {
            match table.get(&entry.key.value) {
                Some(known) if !entry.bare => values.push((known.name, entry)),
                _ => unknown.push(entry),
            }
        }
        let mut misplaced = false;
        for entry in &unknown {
            if entry.bare {
                self.bare_entry(entry);
                // Its name, with what may be glued to it.
                let name = entry.key.value.split(':').next().unwrap_or_default().trim();
                values.extend(
                    table.get(name).filter(|known| !has(&values, known.name)).map(|known| (known.name, *entry)),
                );
            } else if misplaced && language::TABLES.iter().any(|other| other.get(&entry.key.value).is_some()) {
                // One mapping in the wrong place is one mistake.
            } else {
                misplaced |= self.unknown_entry(entry, table, &mut values);
            }
        }
        let place = self.first_line(node.span);
        // An unknown entry is what was meant to be the missing one.
        if unknown.is_empty() {
            for entry in table.all().filter(|entry| entry.required && !has(&values, entry.name)) {
                self.missing(place, table.what, entry.name);
            }
        }
        Some(Fields { table, values, place, span: node.span, is_complete: unknown.is_empty() })
    }

    /// Reports an unknown entry; whether it belongs in another mapping.
    fn unknown_entry<'t>(&mut self, entry: &'t Entry<'a>, table: &'static Table, values: &mut Values<'t, 'a>) -> bool {
        let word = &*entry.key.value;
        let names = table.all().map(|entry| entry.name);
        let mut error = Diagnostic::error(
            codes::UNKNOWN_ENTRY,
            entry.key.span,
            format!("unknown entry `{word}` in {}", table.what),
        )
        .doubts(table.says);
        // The one setting with two names.
        let twin = match word {
            "strategy" => table.get("parallel_strategy"),
            "parallel_strategy" => table.get("strategy"),
            _ => None,
        };
        let twin = twin.or_else(|| suggest::from_elsewhere(word).iter().find_map(|name| table.get(name)));
        // What exists elsewhere under this very name is no misspelling.
        let elsewhere = language::TABLES.iter().find(|other| other.get(word).is_some());
        let near = || suggest::nearest(word, names.clone()).and_then(|name| table.get(name));
        let near = || near().filter(|known| elsewhere.is_none() && may_be(&entry.value, known.shape));
        let meant = twin.or_else(near);
        if let Some(meant) = meant {
            error = error.help(format!("did you mean `{}`?", meant.name)).doubts(Facts::ENTRIES);
            if !has(values, meant.name) {
                values.push((meant.name, entry));
            }
        } else if table == &language::FINALLY {
            error = error.help("what runs at the end has a `name` and a `run`, and what it gives goes nowhere");
        } else if let Some(other) = elsewhere.filter(|other| other.what != language::WORKFLOW.what) {
            error = error.help(format!("`{word}` belongs in {}", other.what));
        } else if elsewhere.is_some() {
            error = error.help(format!("`{word}` belongs at the top of the file"));
        } else {
            let list: Vec<_> = names.map(|name| format!("`{name}`")).collect();
            error = error.help(format!("{} may have: {}", table.what, list.join(", ")));
        }
        self.error(error);
        meant.is_none() && elsewhere.is_some()
    }

    /// Reports an entry that is only a key.
    pub(super) fn bare_entry(&mut self, entry: &Entry<'a>) {
        let word = &*entry.key.value;
        let error = Diagnostic::error(codes::WRONG_SHAPE, entry.key.span, "an entry without a value");
        self.error(match word.split_once(':') {
            Some((name, value)) => {
                error.label("no space after the `:`").help(format!("write `{}: {}`", name.trim(), value.trim()))
            }
            None => error.label("no `:` after it").help(format!("give it one: `{word}: …`")),
        });
    }

    /// Reports an entry that must be there and is not.
    pub(super) fn missing(&mut self, place: Span, what: &str, name: &str) {
        let message = format!("{what} without `{name}`");
        self.error(Diagnostic::error(codes::MISSING_ENTRY, place, message).help(format!("add an entry `{name}: …`")));
    }

    /// The part of `span` on its first line.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let text = &self.text[span.start as usize..span.end as usize];
        let line = text.split(['\n', '\r']).next().unwrap_or("").trim_end();
        Span { end: span.start + u32::try_from(line.len()).unwrap_or(0), ..span }
    }

    /// Reports that `node` is something else than `expected`.
    pub(super) fn wrong_shape(&mut self, node: &Tree, what: &str, expected: &str) {
        self.wrong(node, what, expected, Facts::ALL);
    }

    fn wrong(&mut self, node: &Tree, what: &str, expected: &str, doubts: Facts) {
        if let Value::Broken = node.value {
            return;
        }
        let short = expected.split(',').next().unwrap_or(expected);
        let message = format!("{what} must be {short}, and this is {}", node.kind());
        let error = Diagnostic::error(codes::WRONG_SHAPE, self.first_line(node.span), message);
        self.error(error.doubts(doubts).help(format!("write {expected}")));
    }

    /// The place and the items of the list that an entry must be, such as `example`.
    pub(super) fn list<'t>(
        &mut self,
        fields: &Fields<'t, 'a>,
        name: &str,
        example: &str,
    ) -> Option<(Span, &'t [Rc<Tree<'a>>])> {
        let entry = fields.any(name)?;
        if let Value::List(items) = &entry.value.value {
            return Some((entry.value.span, items));
        }
        self.wrong_value(entry, &format!("a list, such as `{example}`"));
        None
    }

    /// Like [`Self::wrong_shape`], for the value of an entry, which may be missing.
    pub(super) fn wrong_value(&mut self, entry: &Entry<'a>, expected: &str) {
        let node = &entry.value;
        let doubts = if language::is_setting(&entry.key.value) { doubt::SETTING } else { Facts::ALL };
        if !node.is_null() {
            self.wrong(node, &format!("`{}`", entry.key.value), expected, doubts);
            return;
        }
        // Where nothing is written, the key is what can be pointed at.
        let place = if node.span.start < node.span.end { node.span } else { entry.key.span };
        let error =
            Diagnostic::error(codes::WRONG_SHAPE, place, format!("`{}` has no value", entry.key.value)).doubts(doubts);
        self.error(match node.anchor {
            Some(anchor) => {
                let text = &self.text[anchor.start as usize..anchor.end as usize];
                Diagnostic { span: anchor, ..error }
                    .label("YAML reads this as an anchor, a name for the value after it")
                    .help(format!("put it in quotes: \"{text}\""))
            }
            None => error.help(format!("give {expected}")),
        });
    }

    /// A single value that is there.
    fn scalar<'t>(&mut self, entry: &'t Entry<'a>, expected: &str) -> Option<&'t Scalar<'a>> {
        match &entry.value.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => {
                self.wrong_value(entry, expected);
                None
            }
        }
    }

    /// A mapping of its own.
    pub(super) fn table<'t>(&mut self, fields: &Fields<'t, 'a>, name: &str) -> Option<Fields<'t, 'a>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Mapping(_)))?;
        let Some(Shape::Mapping(table)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        if let Value::Map(_) = entry.value.value {
            self.fields(&entry.value, table)
        } else {
            self.wrong_value(entry, &format!("a mapping, such as `{}`", table.example));
            None
        }
    }
}
