//! Words of messages, and text that may contain anything.

use std::borrow::Cow;

/// So many of them, in words: `1 item`, `2 items`.
pub(crate) fn counted(count: impl Into<u64>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A name in a run without the numbers of items: `each/lines` for `each[3]/lines`.
#[cfg_attr(not(feature = "report"), allow(dead_code, reason = "only those who count need it"))]
pub(crate) fn of_all_items(name: &str) -> String {
    let mut parts = name.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + part.split_once(']').map_or("", |(_, rest)| rest))
}

/// The name that was probably meant.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= other.len().max(name.len()) / 3)
        .min()
        .map(|(_, other)| other)
}

/// A question for the name that was probably meant.
pub(crate) fn did_you_mean<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    nearest(name, names).map(|near| format!("did you mean `{near}`?"))
}

/// So many bytes, in words.
pub(crate) fn bytes(count: u64) -> String {
    counted(count, "byte", "bytes")
}

/// A name that is kept for the rest of the program's life, once.
#[cfg(feature = "remote")]
pub(crate) fn kept(name: &str) -> &'static str {
    use std::{
        collections::BTreeSet,
        sync::{Mutex, PoisonError},
    };
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(name).copied().unwrap_or_else(|| {
        let name = &*Box::leak(name.to_owned().into_boxed_str());
        kept.insert(name);
        name
    })
}

/// Where something ran, to follow what it was: ` on host ...`; nothing without a host.
pub(crate) fn on_host(host: Option<&str>) -> String {
    host.map(|host| format!(" on host `{host}`")).unwrap_or_default()
}

/// User text with control characters escaped as in Rust. A message may contain anything, and must not move the cursor,
/// color the text after it, or turn the direction in which it is read.
#[cfg_attr(not(feature = "report"), allow(dead_code, reason = "only those who show text need it"))]
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_harmless = |character: char| match character {
        '\n' | '\t' => true,
        // What changes the direction of text, and what some terminals take for the end of a line.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        _ => !character.is_control(),
    };
    if text.chars().all(is_harmless) {
        return text.into();
    }
    let escaped = |character: char| {
        if is_harmless(character) { character.to_string() } else { character.escape_default().to_string() }
    };
    text.chars().map(escaped).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_runs_in_items_is_counted_once() {
        let names = ["each", "each[3]/lines", "outer[0]/each[12]/lines", "cover/lines", "each[1..4]"].map(of_all_items);
        assert_eq!(names, ["each", "each/lines", "outer/each/lines", "cover/lines", "each"]);
    }

    #[test]
    fn one_is_singular() {
        let counts = [0_u64, 1, 2].map(|count| counted(count, "retry", "retries"));
        assert_eq!(counts, ["0 retries", "1 retry", "2 retries"]);
        assert_eq!([bytes(1), bytes(21)], ["1 byte", "21 bytes"]);
    }
}
