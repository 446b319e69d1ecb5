//! Reads tree nodes as what the language's tables say they are. Everything that does not fit is reported, and
//! reading goes on.

use std::{rc::Rc, time::Duration};

use super::{
    Branch, Rust,
    language::{self, Piece, Shape, Table},
    naming::{self, Role},
    rust, units,
};
use crate::{
    codes,
    diagnostic::{Code, Diagnostic, Diagnostics},
    doubt::{self, Facts},
    source::{Span, Spanned},
    suggest,
    yaml::{Entry, Scalar, Style, Tree, Value},
};

/// Reads one file.
pub(super) struct Reader<'a, 'd> {
    /// The whole file.
    text: &'a str,
    diagnostics: &'d mut Diagnostics,
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
        Some(Fields { table, values, place, span: node.span })
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
        } else if let Some(why) = language::planned(table, word) {
            error = error.help(why);
        } else if let Some(other) = elsewhere {
            error = error.help(format!("`{word}` belongs in {}", other.what));
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

    /// `description`.
    pub(super) fn text(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<String> {
        let entry = fields.get(name, |shape| shape == Shape::Text)?;
        self.scalar(entry, "text").map(|scalar| scalar.text.trim_end().to_owned())
    }

    /// Text and where it is written.
    pub(super) fn placed_text(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<String>> {
        let span = fields.any(name)?.value.span;
        self.text(fields, name).map(|text| Spanned::new(text, span))
    }

    /// A name that something gets.
    pub(super) fn name(&mut self, fields: &Fields<'_, 'a>, name: &str, role: Role) -> Option<Spanned<String>> {
        let entry = fields.get(name, |shape| shape == Shape::Name)?;
        let scalar = self.scalar(entry, "a name")?;
        let name = Spanned::new(naming::normal(&scalar.text), entry.value.span);
        if let Some(error) = naming::check(&name, role) {
            // A name of several lines has taken in what was to be an entry.
            let lines = self.text[name.span.start as usize..name.span.end as usize].contains('\n');
            let doubts = if lines { error.doubts.and(Facts::ENTRIES) } else { error.doubts };
            self.error(error.doubts(doubts));
        }
        Some(name)
    }

    /// A name of something defined elsewhere.
    pub(super) fn reference(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<String>> {
        let entry = fields.get(name, |shape| shape == Shape::Reference)?;
        self.scalar(entry, "one name").map(|scalar| Spanned::new(naming::normal(&scalar.text), entry.value.span))
    }

    /// One name or a list of names; the second value says that it was a list.
    pub(super) fn references(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
    ) -> Option<(Spanned<Vec<Spanned<String>>>, bool)> {
        let entry = fields.get(name, |shape| shape == Shape::References)?;
        self.names_in(entry, name)
    }

    fn names_in(&mut self, entry: &Entry<'a>, name: &str) -> Option<(Spanned<Vec<Spanned<String>>>, bool)> {
        let Value::List(items) = &entry.value.value else {
            let scalar = self.scalar(
                entry,
                match name {
                    "output" => "a key's name or a list of such names, as in `output: [low, high]`",
                    _ => "a node's name or a list of such names, as in `[count, gc]`",
                },
            )?;
            let span = entry.value.span;
            if scalar.text.contains(',') {
                let error =
                    Diagnostic::error(codes::WRONG_SHAPE, span, format!("several names for `{name}` are a list"));
                let names = scalar.text.trim().trim_matches(['(', ')', '[', ']']);
                self.error(error.help(format!("write `[{names}]`")));
                return None;
            }
            return Some((Spanned::new(vec![Spanned::new(naming::normal(&scalar.text), span)], span), false));
        };
        Some((Spanned::new(self.names_of(items, name), entry.value.span), true))
    }

    fn names_of(&mut self, items: &[Rc<Tree<'a>>], name: &str) -> Vec<Spanned<String>> {
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Scalar(scalar) if !scalar.is_null() => {
                    names.push(Spanned::new(naming::normal(&scalar.text), item.span));
                }
                _ => {
                    self.wrong_shape(item, &format!("an item of `{name}`"), "a name");
                }
            }
        }
        names
    }

    /// One name, or a list of names and of lists of names.
    pub(super) fn branches(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Vec<Branch>>> {
        let entry = fields.get(name, |shape| shape == Shape::Branches)?;
        let Value::List(items) = &entry.value.value else {
            let (names, _) = self.names_in(entry, name)?;
            let branches = names.value.into_iter().map(|name| Branch { nodes: vec![name], is_list: false });
            return Some(Spanned::new(branches.collect(), entry.value.span));
        };
        let mut branches = Vec::with_capacity(items.len());
        for item in items {
            let (nodes, is_list) = match &item.value {
                Value::List(nodes) => (self.names_of(nodes, name), true),
                _ => (self.names_of(std::slice::from_ref(item), name), false),
            };
            if nodes.is_empty() {
                if is_list {
                    self.empty_list(item.span, name, "name the nodes of the branch");
                }
                continue;
            }
            branches.push(Branch { nodes, is_list });
        }
        Some(Spanned::new(branches, entry.value.span))
    }

    /// Rust text, even where what is written is not Rust: that has been reported.
    pub(super) fn rust(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Rust> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Rust(_)))?;
        let Some(Shape::Rust(piece)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        Some(self.rust_value(&format!("`{name}`"), entry, piece))
    }

    /// Rust text of an entry that no table names: a key's type in its short form.
    pub(super) fn rust_value(&mut self, what: &str, entry: &Entry<'a>, piece: Piece) -> Rust {
        let expected = match piece {
            Piece::Body | Piece::Expression => "Rust code",
            Piece::Type => "a Rust type",
            Piece::Function => "a path to a Rust function, or a closure",
        };
        let node = &entry.value;
        if let Value::List(_) | Value::Map(_) = &node.value {
            let message = format!("{what} must be {expected}, and YAML reads this as {}", node.kind());
            let place = self.first_line(node.anchor.map_or(node.span, |anchor| anchor.to(node.span)));
            let error = Diagnostic::error(codes::WRONG_SHAPE, place, message);
            let written = self.text[node.span.start as usize..node.span.end as usize].trim_end();
            let is_type =
                piece == Piece::Type && !written.contains('\n') && syn::parse_str::<syn::Type>(written).is_ok();
            self.error(match (piece, &node.value) {
                _ if is_type => error.help(format!("put it in quotes: \"{written}\"")),
                (Piece::Type, Value::List(_)) => error.help("a list of values is a `Vec<String>`, or of another type"),
                _ => error.help("put it in quotes, or write it below a `|`"),
            });
        } else if let Some(scalar) = self.scalar(entry, expected) {
            if scalar.text.trim().is_empty() {
                let error = Diagnostic::error(rust::code(piece), entry.key.span, format!("{what} is empty"));
                self.error(match piece {
                    Piece::Body => error.help("write Rust, or `()`, which does nothing"),
                    _ => error.help(format!("write {expected}, or remove the entry")),
                });
                return rust::nothing(node.span);
            }
            return rust::parse(what, scalar, &entry.value, piece, self.text, self.diagnostics);
        }
        rust::nothing(node.span)
    }

    /// `true` or `false`.
    pub(super) fn bool(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<bool>> {
        let entry = fields.get(name, |shape| shape == Shape::Bool)?;
        self.truth(entry, name, "`true` or `false`")
    }

    /// `true` or `false`, where a mapping could be as well.
    pub(super) fn bool_or(&mut self, fields: &Fields<'_, 'a>, name: &str, mapping: &str) -> Option<Spanned<bool>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::BoolOrMapping(_)))?;
        self.truth(entry, name, &format!("`true` or `false`, or a mapping, such as `{mapping}`"))
    }

    fn truth(&mut self, entry: &Entry<'a>, name: &str, expected: &str) -> Option<Spanned<bool>> {
        let scalar = self.scalar(entry, expected)?;
        let value = match (&*scalar.text, scalar.style) {
            ("true", Style::Plain) => true,
            ("false", Style::Plain) => false,
            (text, _) => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" | "1" => "write `true`",
                    "false" | "no" | "off" | "n" | "0" => "write `false`",
                    _ => "write `true` or `false`",
                };
                let message = format!("`{name}` must be `true` or `false`");
                let error = Diagnostic::error(codes::WRONG_SHAPE, entry.value.span, message).doubts(Facts::NONE);
                self.error(error.help(meant));
                return None;
            }
        };
        Some(Spanned::new(value, entry.value.span))
    }

    /// The place of an entry that is there and `true`. What is neither has been reported, and was meant as `true`.
    pub(super) fn flag(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Span> {
        let holds = self.bool(fields, name).is_none_or(|flag| flag.value);
        fields.any(name).filter(|_| holds).map(|entry| entry.key.span.to(entry.value.span))
    }

    /// A whole number, at least what the table says.
    pub(super) fn count<T: TryFrom<u64>>(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<T>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Count(_)))?;
        let Some(Shape::Count(least)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        let scalar = self.scalar(entry, "a whole number")?;
        let value = self.unit(entry, units::count(scalar, least))?;
        let value = T::try_from(value).ok();
        if value.is_none() {
            let message = format!("`{name}` is too large");
            self.error(
                Diagnostic::error(codes::OUT_OF_RANGE, entry.value.span, message).help("the maximum is 4294967295"),
            );
        }
        value.map(|value| Spanned::new(value, entry.value.span))
    }

    /// A number, at least 1.
    pub(super) fn factor(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<f64>> {
        let entry = fields.get(name, |shape| shape == Shape::Factor)?;
        let scalar = self.scalar(entry, "a number")?;
        self.unit(entry, units::factor(scalar)).map(|value| Spanned::new(value, entry.value.span))
    }

    /// A time.
    pub(super) fn duration(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Duration>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Duration { .. }))?;
        let zero = matches!(fields.table.get(name).map(|entry| entry.shape), Some(Shape::Duration { zero: true }));
        let scalar = self.scalar(entry, "a time such as `30s`")?;
        self.unit(entry, units::duration(scalar, zero)).map(|value| Spanned::new(value, entry.value.span))
    }

    /// A number of bytes.
    pub(super) fn size(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<u64>> {
        let entry = fields.get(name, |shape| shape == Shape::Size)?;
        let scalar = self.scalar(entry, "a size such as `512MiB`")?;
        self.unit(entry, units::size(scalar)).map(|value| Spanned::new(value, entry.value.span))
    }

    fn unit<T>(&mut self, entry: &Entry<'a>, value: Result<T, units::Wrong>) -> Option<T> {
        value
            .map_err(|units::Wrong { code, message, help }| {
                let message = format!("`{}` {message}", entry.key.value);
                self.error(Diagnostic::error(code, entry.value.span, message).help(help));
            })
            .ok()
    }

    /// One of the words that the table allows.
    pub(super) fn word(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<&'static str>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Word(_)))?;
        let Some(Shape::Word(words)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        let scalar = self.scalar(entry, "a word")?;
        self.known_word(&scalar.text, entry.value.span, name, words)
    }

    /// A list of the words that the table allows.
    pub(super) fn words(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Vec<Spanned<&'static str>>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Words(_)))?;
        let Some(Shape::Words(words)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        let Value::List(items) = &entry.value.value else {
            self.wrong_value(entry, "a list of words, such as `[error, panic]`");
            return None;
        };
        if items.is_empty() {
            self.empty_list(entry.value.span, name, "name at least one, or remove the entry");
        }
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Scalar(scalar) => found.extend(self.known_word(&scalar.text, item.span, name, words)),
                _ => self.wrong_shape(item, &format!("an item of `{name}`"), "a word"),
            }
        }
        Some(found)
    }

    fn known_word(
        &mut self,
        word: &str,
        span: Span,
        name: &str,
        words: &[&'static str],
    ) -> Option<Spanned<&'static str>> {
        if let Some(known) = words.iter().find(|known| **known == word) {
            return Some(Spanned::new(known, span));
        }
        let (code, message): (Code, _) = if words == language::STRATEGIES {
            (codes::UNKNOWN_STRATEGY, format!("unknown parallel strategy `{word}`"))
        } else {
            (codes::UNKNOWN_WORD, format!("`{word}` means nothing in `{name}`"))
        };
        let error = Diagnostic::error(code, span, message);
        let meant = suggest::nearest(word, words.iter().copied());
        let doubts = if meant.is_some() { Facts::NONE } else { Facts::SETTINGS.and(Facts::ENTRIES) };
        self.error(error.doubts(doubts).help(match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if words == language::STRATEGIES => {
                "`thread` runs branches in this process, `process` in worker processes".to_owned()
            }
            None if words == language::NODE_TYPES => {
                "write `dynamic_parallel` for a node that runs once for each item, and no `type` on others".to_owned()
            }
            None => format!("known values: `{}`", words.join("`, `")),
        }));
        meant.and_then(|meant| words.iter().find(|known| **known == meant)).map(|known| Spanned::new(*known, span))
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
