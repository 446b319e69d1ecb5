//! The single values of a mapping, and lists of them, each in the shape that the table says.

use std::{rc::Rc, time::Duration};

use super::{Fields, Reader};
use crate::{
    codes,
    diagnostic::{Code, Diagnostic},
    doubt::Facts,
    source::{Span, Spanned},
    suggest,
    syntax::{
        Branch, Rust,
        language::{self, Piece, Shape},
        naming::{self, Role},
        rust, units,
    },
    yaml::{Entry, Style, Tree, Value},
};

impl<'a> Reader<'a, '_> {
    /// `description`.
    pub(in crate::syntax) fn text(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<String> {
        let entry = fields.get(name, |shape| shape == Shape::Text)?;
        self.scalar(entry, "text").map(|scalar| scalar.text.trim_end().to_owned())
    }

    /// Text and where it is written.
    pub(in crate::syntax) fn placed_text(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<String>> {
        let span = fields.any(name)?.value.span;
        self.text(fields, name).map(|text| Spanned::new(text, span))
    }

    /// A list of texts, each of which is `expected`.
    pub(in crate::syntax) fn texts(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
        expected: &str,
    ) -> Vec<Spanned<String>> {
        let Some(entry) = fields.get(name, |shape| shape == Shape::Texts) else { return Vec::new() };
        let Value::List(items) = &entry.value.value else {
            match &entry.value.value {
                Value::Scalar(scalar) if !scalar.is_null() => {
                    let message = format!("`{name}` must be a list");
                    let error = Diagnostic::error(codes::WRONG_SHAPE, entry.value.span, message);
                    self.error(error.help(format!("write `[{}]`", scalar.text)));
                }
                _ => self.wrong_value(entry, &format!("a list, each item of which is {expected}")),
            }
            return Vec::new();
        };
        if items.is_empty() {
            self.empty_list(entry.value.span, name, "name at least one, or remove the entry");
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Scalar(scalar) if !scalar.is_null() && !scalar.text.trim().is_empty() => {
                    texts.push(Spanned::new(scalar.text.trim_end().to_owned(), item.span));
                }
                _ => self.wrong_shape(item, &format!("an item of `{name}`"), expected),
            }
        }
        texts
    }

    /// A name that something gets.
    pub(in crate::syntax) fn name(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
        role: Role,
    ) -> Option<Spanned<String>> {
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

    /// The name of an entry, as that of a variable.
    pub(in crate::syntax) fn variable_name(&mut self, entry: &Entry<'a>) -> Option<Spanned<String>> {
        let name = Spanned::new(naming::normal(&entry.key.value), entry.key.span);
        match naming::check(&name, Role::Variable) {
            Some(error) => {
                self.error(error);
                None
            }
            None => Some(name),
        }
    }

    /// A name of something defined elsewhere.
    pub(in crate::syntax) fn reference(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<String>> {
        let entry = fields.get(name, |shape| shape == Shape::Reference)?;
        self.scalar(entry, "one name").map(|scalar| Spanned::new(naming::normal(&scalar.text), entry.value.span))
    }

    /// One name or a list of names; the second value says that it was a list.
    pub(in crate::syntax) fn references(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
    ) -> Option<(Spanned<Vec<Spanned<String>>>, bool)> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::References | Shape::Outputs))?;
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
    pub(in crate::syntax) fn branches(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Vec<Branch>>> {
        let entry = fields.get(name, |shape| shape == Shape::Branches)?;
        let Value::List(items) = &entry.value.value else {
            let (names, _) = self.names_in(entry, name)?;
            let branches = names.value.into_iter().map(|name| Branch { nodes: vec![name], is_list: false });
            return Some(Spanned::new(branches.collect(), entry.value.span));
        };
        if let Some(item) = items.iter().find(|item| matches!(item.value, Value::Map(_))) {
            let message = format!("an item of `{name}` must be a name, and this is a mapping");
            let error = Diagnostic::error(codes::WRONG_SHAPE, self.first_line(item.span), message);
            self.error(
                error
                    .help("write names only: what has a condition is an edge of its own, with `from`, `to` and `when`"),
            );
            return None;
        }
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
    pub(in crate::syntax) fn rust(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Rust> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Rust(_)))?;
        let Some(Shape::Rust(piece)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        Some(self.rust_value(&format!("`{name}`"), entry, piece))
    }

    /// Rust text of an entry that no table names: a key's type in its short form.
    pub(in crate::syntax) fn rust_value(&mut self, what: &str, entry: &Entry<'a>, piece: Piece) -> Rust {
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
    pub(in crate::syntax) fn bool(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<bool>> {
        let entry = fields.get(name, |shape| shape == Shape::Bool)?;
        self.truth(entry, name, "`true` or `false`")
    }

    /// `allow_failure`: a mapping, which says what keys are after a failure, allows it.
    pub(in crate::syntax) fn allowed(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<bool>> {
        let entry = fields.get(name, |shape| shape == Shape::BoolOrValues)?;
        match &entry.value.value {
            Value::Map(_) => Some(Spanned::new(true, entry.key.span)),
            _ => self.truth(entry, name, "`true` or `false`, or a mapping, such as `{ total: \"0\" }`"),
        }
    }

    /// `true` or `false`, where a mapping could be as well.
    pub(in crate::syntax) fn bool_or(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
        mapping: &str,
    ) -> Option<Spanned<bool>> {
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
    pub(in crate::syntax) fn flag(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Span> {
        let holds = self.bool(fields, name).is_none_or(|flag| flag.value);
        fields.any(name).filter(|_| holds).map(|entry| entry.key.span.to(entry.value.span))
    }

    /// A whole number, at least what the table says.
    pub(in crate::syntax) fn count<T: TryFrom<u64>>(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
    ) -> Option<Spanned<T>> {
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

    /// `first`, which is 1, or a whole number. What is neither has been reported, and was meant as one of these.
    pub(in crate::syntax) fn first_or_count(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<u32>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::WordOrCount(_)))?;
        let scalar = self.scalar(entry, "`first`, or a whole number")?;
        if language::JOIN.contains(&&*scalar.text) {
            return Some(Spanned::new(1, entry.value.span));
        }
        let mut value = None;
        if scalar.text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            value = self.unit(entry, units::count(scalar, 1));
        } else {
            let message = format!("`{}` means nothing in `{name}`", scalar.text);
            let error = Diagnostic::error(codes::UNKNOWN_WORD, entry.value.span, message);
            self.error(
                error
                    .help("write `first`, or the number of branches that have to succeed")
                    .help(format!("or remove `{name}`, if all of them have to")),
            );
        }
        let value = value.map_or(1, |value| u32::try_from(value).unwrap_or(u32::MAX));
        Some(Spanned::new(value, entry.value.span))
    }

    /// A number, at least 1.
    pub(in crate::syntax) fn factor(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<f64>> {
        let entry = fields.get(name, |shape| shape == Shape::Factor)?;
        let scalar = self.scalar(entry, "a number")?;
        self.unit(entry, units::factor(scalar)).map(|value| Spanned::new(value, entry.value.span))
    }

    /// A time.
    pub(in crate::syntax) fn duration(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Duration>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Duration { .. }))?;
        let zero = matches!(fields.table.get(name).map(|entry| entry.shape), Some(Shape::Duration { zero: true }));
        let scalar = self.scalar(entry, "a time such as `30s`")?;
        self.unit(entry, units::duration(scalar, zero)).map(|value| Spanned::new(value, entry.value.span))
    }

    /// A number of bytes.
    pub(in crate::syntax) fn size(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<u64>> {
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
    pub(in crate::syntax) fn word(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<&'static str>> {
        let entry = fields.get(name, |shape| matches!(shape, Shape::Word(_)))?;
        let Some(Shape::Word(words)) = fields.table.get(name).map(|entry| entry.shape) else { return None };
        let scalar = self.scalar(entry, "a word")?;
        self.known_word(&scalar.text, entry.value.span, name, words)
    }

    /// A list of the words that the table allows.
    pub(in crate::syntax) fn words(
        &mut self,
        fields: &Fields<'_, 'a>,
        name: &str,
    ) -> Option<Vec<Spanned<&'static str>>> {
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
                "`thread` runs branches in this process, `process` in worker processes, `remote` on the hosts of a pool".to_owned()
            }
            None if words == language::NODE_TYPES => {
                "write `dynamic_parallel` for a node that runs once for each item, and no `type` on others".to_owned()
            }
            None => format!("known values: `{}`", words.join("`, `")),
        }));
        meant.and_then(|meant| words.iter().find(|known| **known == meant)).map(|known| Spanned::new(*known, span))
    }
}
