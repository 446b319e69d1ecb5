//! YAML text → a tree in which every node knows its place. Knows YAML's rules and nothing of workflows.
//!
//! The events come from granit-parser: it is maintained, gives byte offsets, reports unknown aliases and continues,
//! and bounds its own nesting. saphyr-parser, from which it was forked, counts in characters and stops at the first
//! unknown alias.

mod brackets;
mod build;
mod merge;
mod place;
mod quotes;
pub(crate) mod recover;
mod syntax_error;

use std::{borrow::Cow, rc::Rc};

pub(crate) use build::build;

use crate::{
    diagnostic::Diagnostic,
    source::{Span, Spanned},
};

/// What breaks YAML's rules.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What to say of it.
    pub(crate) error: Box<Diagnostic>,
    /// The byte at which reading ended, which is often after the mistake.
    pub(crate) at: usize,
}

/// A node and everything below it. Aliases share what they refer to, so that a tree is never larger than its file.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// Where it was written; of a collection, up to the end of its last entry.
    pub(crate) span: Span,
    /// `&name` before it.
    pub(crate) anchor: Option<Span>,
    /// What it is.
    pub(crate) value: Value<'a>,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    /// A word, number or text.
    Scalar(Scalar<'a>),
    /// `- a` or `[a]`.
    List(Vec<Rc<Tree<'a>>>),
    /// `a: b` or `{a: b}`, without duplicates, merges done.
    Map(Vec<Entry<'a>>),
    /// Already reported: later stages say nothing more about it.
    Broken,
}

/// One entry of a mapping.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The key.
    pub(crate) key: Spanned<Cow<'a, str>>,
    /// The value.
    pub(crate) value: Rc<Tree<'a>>,
    /// Only the key is written, in braces, without a `:`. It is reported where the mapping is read.
    pub(crate) bare: bool,
}

/// A scalar.
#[derive(Debug)]
pub(crate) struct Scalar<'a> {
    /// The text after YAML's own rules: quotes, escapes, folding.
    pub(crate) text: Cow<'a, str>,
    /// How it was written.
    pub(crate) style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

impl Scalar<'_> {
    /// Nothing was written, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Tree<'_> {
    /// Nothing was written, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "broken",
        }
    }
}
