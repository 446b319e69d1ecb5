//! Reads tables of a pool file, entry by entry. Each mistake is told at its place, and the rest of the file is still read.

use std::{cell::RefCell, fmt::Display, num::NonZeroU32, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::words::{did_you_mean, nearest};

/// What stands at a place of the file is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) usize, pub(super) String);

/// What is wrong with a file, as far as it is read.
#[derive(Debug, Default)]
pub(super) struct Wrongs(RefCell<Vec<Wrong>>);

impl Wrongs {
    pub(super) fn push(&self, at: usize, message: impl Display) {
        self.0.borrow_mut().push(Wrong(at, message.to_string()));
    }

    /// In the order of the file.
    pub(super) fn sorted(self) -> Vec<Wrong> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|Wrong(at, _)| *at);
        all
    }
}

/// The entries of a table. Whatever is read from it is `None` if it is not there and also if it is wrong, which has then been told.
pub(super) struct Entries<'a> {
    table: &'a DeTable<'a>,
    pub(super) at: usize,
    /// The table's name, in brackets; empty for the file itself.
    name: &'static str,
    pub(super) wrongs: &'a Wrongs,
}

impl<'a> Entries<'a> {
    /// Those of the file.
    pub(super) fn of_file(table: &'a DeTable<'a>, at: usize, wrongs: &'a Wrongs) -> Self {
        Self { table, at, name: "", wrongs }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// Tells that there is no entry of this name, unless there is one that was probably meant for it, which [`Entries::only`] tells.
    pub(super) fn need(&self, name: &str, example: &str) {
        if self.table.keys().any(|key| nearest(key.get_ref(), [name].into_iter()).is_some()) {
            return;
        }
        let place = if self.name.is_empty() { "the pool file".to_owned() } else { format!("`{}`", self.name) };
        self.wrongs.push(self.at, format!("{place} has no `{name}`: add {example}"));
    }

    /// Refuses the entry of this name, if there is one.
    pub(super) fn refuse(&self, name: &str, message: &str) {
        if let Some((key, _)) = self.table.iter().find(|(key, _)| key.get_ref() == name) {
            self.wrongs.push(key.span().start, format!("`{name}` {message}"));
        }
    }

    /// A text, and its place.
    pub(super) fn text(&self, name: &str) -> Option<(String, usize)> {
        let value = self.get(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrongs.push(value.span().start, format!("`{name}` is a text in quotes"));
        }
        text.map(|text| (text.to_owned(), value.span().start))
    }

    /// The table of this name in it.
    pub(super) fn table(&self, name: &'static str, shown: &'static str) -> Option<Self> {
        let value = self.get(name)?;
        self.as_table(value, shown, &format!("`{name}` is a table: `{shown}`"))
    }

    /// A value in it as a table, and otherwise what it is.
    pub(super) fn as_table(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        shown: &'static str,
        otherwise: &str,
    ) -> Option<Self> {
        let (table, at) = (value.get_ref().as_table(), value.span().start);
        if table.is_none() {
            self.wrongs.push(at, otherwise);
        }
        table.map(|table| Self { table, at, name: shown, wrongs: self.wrongs })
    }

    /// A list of texts, with its place.
    pub(super) fn texts(&self, name: &str, example: &str) -> Option<(Vec<String>, usize)> {
        let value = self.get(name)?;
        let texts = value.get_ref().as_array();
        let texts: Option<Vec<_>> =
            texts.and_then(|texts| texts.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.wrongs.push(value.span().start, format!("`{name}` is a list of words: {example}"));
        }
        texts.map(|texts| (texts, value.span().start))
    }

    /// One of these words, or the one that was probably meant.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.text(name)?;
        let value = |word: &str| words.iter().find(|(other, _)| *other == word).map(|(_, value)| *value);
        value(&text).or_else(|| {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let near = nearest(&text, words.iter().map(|(word, _)| *word));
            self.wrongs.push(at, format!("`{name}` is {}{}", all.join(" or "), meant(near)));
            near.and_then(value)
        })
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        let (text, at) = self.text(name)?;
        let time = humantime::parse_duration(&text).ok().filter(|time| !time.is_zero());
        if time.is_none() {
            self.wrongs.push(at, format!("`{name}` is a time, such as \"2m\" or \"1h 30m\""));
        }
        time
    }

    /// A whole number from 1.
    pub(super) fn number(&self, name: &str, expected: &str) -> Option<NonZeroU32> {
        let value = self.get(name)?;
        let text = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let number = text.and_then(|number| number.as_str().parse().ok());
        if number.is_none() {
            self.wrongs.push(value.span().start, format!("`{name}` is {expected}"));
        }
        number
    }

    /// `slots`, if that is a number.
    pub(super) fn slots(&self) -> Option<NonZeroU32> {
        let (value, expected) = (self.get("slots")?, "a number from 1, or \"cpus\"");
        match value.get_ref().as_str() {
            Some("cpus") => None,
            Some(text) => {
                let near = meant(nearest(text, ["cpus"].into_iter()));
                self.wrongs.push(value.span().start, format!("`slots` is {expected}{near}"));
                None
            }
            None => self.number("slots", expected),
        }
    }

    /// Refuses all entries but these.
    pub(super) fn only(&self, known: &[&str]) {
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(&&**key.get_ref())) {
            let name = key.get_ref();
            let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
            let all = || known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
            let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| format!("there is {}", all()));
            self.wrongs.push(key.span().start, format!("there is no entry `{name}`{place}: {help}"));
        }
    }
}

/// What was probably meant by a word.
pub(super) fn meant(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean \"{near}\"?")).unwrap_or_default()
}
