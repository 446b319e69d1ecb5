//! Reads tables of a pool file, entry by entry, so that each mistake is told at its place.

use std::{num::NonZeroU32, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What stands at a place of the file is wrong.
pub(super) struct Wrong(pub(super) usize, pub(super) String);

/// `slots`, if that is a number.
pub(super) fn slots(entries: &Entries<'_>) -> Result<Option<NonZeroU32>, Wrong> {
    match entries.get("slots") {
        Some(value) if value.get_ref().as_str() == Some("cpus") => Ok(None),
        Some(value) => number(value, "slots", "a number from 1, or \"cpus\"").map(Some),
        None => Ok(None),
    }
}

/// A whole number from 1.
pub(super) fn number(value: &Spanned<DeValue<'_>>, name: &str, expected: &str) -> Result<NonZeroU32, Wrong> {
    let text = value.get_ref().as_integer().filter(|number| number.radix() == 10);
    let number = text.and_then(|number| number.as_str().parse().ok());
    number.ok_or_else(|| Wrong(value.span().start, format!("`{name}` is {expected}")))
}

/// The entries of a table.
pub(super) struct Entries<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    /// The table's name, in brackets; empty for the file itself.
    name: &'static str,
}

impl<'a> Entries<'a> {
    pub(super) fn of(table: &'a DeTable<'a>, at: usize, name: &'static str) -> Self {
        Self { table, at, name }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// A text, and its place.
    pub(super) fn text(&self, name: &str) -> Result<Option<(String, usize)>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.get_ref().as_str() {
            Some(text) => Ok(Some((text.to_owned(), value.span().start))),
            None => Err(Wrong(value.span().start, format!("`{name}` is a text in quotes"))),
        }
    }

    /// The table of this name in it.
    pub(super) fn table(&self, name: &'static str, shown: &'static str) -> Result<Option<Self>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.get_ref().as_table() {
            Some(table) => Ok(Some(Self::of(table, value.span().start, shown))),
            None => Err(Wrong(value.span().start, format!("`{name}` is a table: `{shown}`"))),
        }
    }

    /// A list of texts, with its place.
    pub(super) fn texts(&self, name: &str, example: &str) -> Result<Option<(Vec<String>, usize)>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let texts = value.get_ref().as_array();
        let texts =
            texts.and_then(|texts| texts.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect());
        match texts {
            Some(texts) => Ok(Some((texts, value.span().start))),
            None => Err(Wrong(value.span().start, format!("`{name}` is a list of words: {example}"))),
        }
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Wrong> {
        let Some((text, at)) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        found.map(Some).ok_or_else(|| Wrong(at, format!("`{name}` is {}", all.join(" or "))))
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Duration>, Wrong> {
        let Some((text, at)) = self.text(name)? else { return Ok(None) };
        let time = humantime::parse_duration(&text).ok().filter(|time| !time.is_zero());
        time.map(Some).ok_or_else(|| Wrong(at, format!("`{name}` is a time, such as \"2m\" or \"1h 30m\"")))
    }

    /// What is wrong with the table as a whole.
    pub(super) fn wrong(&self, message: String) -> Wrong {
        Wrong(self.at, message)
    }

    pub(super) fn missing(&self, name: &str, example: &str) -> Wrong {
        let place = if self.name.is_empty() { "the pool file".to_owned() } else { format!("`{}`", self.name) };
        Wrong(self.at, format!("{place} has no `{name}`: add {example}"))
    }

    /// Refuses all entries but these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Wrong> {
        let Some((key, _)) = self.table.iter().find(|(key, _)| !known.contains(&&**key.get_ref())) else {
            return Ok(());
        };
        let name = key.get_ref();
        let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
        let message = format!("there is no entry `{name}`{place}{}", nearest(name, known));
        Err(Wrong(key.span().start, message))
    }
}

/// What somebody may have meant, and otherwise what there is.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (strsim::jaro_winkler(word, known), known));
    let near = near.filter(|(near, _)| *near > 0.8).max_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((_, near)) = near {
        return format!(": did you mean `{near}`?");
    }
    let all: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
    format!(": there is {}", all.join(", "))
}
