//! The labels of items: short texts by which people recognize them in failures.

use std::{
    any::Any,
    ffi::OsString,
    fmt::{self, Display, Write},
    path::{Path, PathBuf},
};

use super::typed::Show;
use crate::panic::guard;

/// The number of characters that a label has at most.
const LONGEST: usize = 60;

/// The label of an item: the end of a path, or the start of what `Display` shows. The index alone is no label, nor is
/// nothing at all.
pub(super) fn of<T>(item: &T, show: Show<T>, index: usize) -> Option<String> {
    let mut label = Label::default();
    // The user's `Display` may panic.
    guard(|| show(item, &mut label)).ok()?;
    Some(label.0).filter(|label| !label.is_empty() && *label != index.to_string())
}

/// The label of an item, while it is written.
#[derive(Default)]
pub struct Label(String);

impl Label {
    /// An item that is a single value.
    pub fn whole<T: 'static>(&mut self, item: &T, shown: Option<&dyn Display>) {
        self.0 = text_of(item, shown).unwrap_or_default();
    }

    /// The value of a variable, if it can be shown.
    pub fn part<T: 'static>(&mut self, name: &str, value: &T, shown: Option<&dyn Display>) {
        let Some(text) = text_of(value, shown) else { return };
        let before = if self.0.is_empty() { "" } else { ", " };
        let whole = format!("{}{before}{}={text}", self.0, name.trim_start_matches("r#"));
        self.0 = start(&whole);
    }
}

fn text_of<T: 'static>(value: &T, shown: Option<&dyn Display>) -> Option<String> {
    let any = value as &dyn Any;
    let path =
        any.downcast_ref().map(PathBuf::as_path).or_else(|| any.downcast_ref().map(|text: &OsString| text.as_ref()));
    path.map(end).or_else(|| shown.map(start))
}

/// The start of the first line.
fn start(item: &dyn Display) -> String {
    let mut line = Line { text: String::new(), left: LONGEST, cut: false };
    // An error means that the line is full, or whatever the type means by it.
    let _ = write!(line, "{item}");
    let text = line.text.trim_end();
    if line.cut { format!("{text}…") } else { text.to_owned() }
}

/// Takes one line of a few characters, and refuses what is behind them.
struct Line {
    text: String,
    left: usize,
    cut: bool,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            // A line feed may be the last one, which is no reason to say that there is more.
            if self.left == 0 || self.text.ends_with('\n') {
                self.cut = true;
                return Err(fmt::Error);
            }
            self.text.push(char);
            self.left -= 1;
        }
        Ok(())
    }
}

/// The end of a path, which says more than its start.
fn end(path: &Path) -> String {
    let text = path.to_string_lossy();
    match text.char_indices().rev().nth(LONGEST - 1) {
        Some((at, _)) if at > 0 => format!("…{}", &text[at..]),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Display + 'static>(item: &T, index: usize) -> Option<String> {
        super::of(item, |item, label| label.whole(item, Some(item)), index)
    }

    fn of_path<T: 'static>(path: &T) -> Option<String> {
        super::of(path, |path, label| label.whole(path, None), 0)
    }

    struct Job(&'static str, fn() -> &'static str);

    impl Display for Job {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} of {}", self.0, (self.1)())
        }
    }

    #[test]
    fn paths_and_what_is_shown_are_labels() {
        assert_eq!(of(&"b.csv".to_owned(), 1).as_deref(), Some("b.csv"));
        assert_eq!(of_path(&PathBuf::from("data/b.csv")).as_deref(), Some("data/b.csv"));
        assert_eq!(of_path(&OsString::from("data/b.csv")).as_deref(), Some("data/b.csv"));
        assert_eq!(of(&40u64, 1).as_deref(), Some("40"));
        assert_eq!(of(&Job("scan", || "b.csv"), 1).as_deref(), Some("scan of b.csv"));
        assert_eq!((of(&1u64, 1), of(&String::new(), 1), of_path(&vec![1u8])), (None, None, None));
    }

    #[test]
    fn a_combination_has_a_label_of_all_its_values() {
        let both = |show: Show<(u8, String)>| super::of(&(7, "fast".to_owned()), show, 0);
        let label = both(|(k, mode), label| {
            label.part("k", k, Some(k));
            label.part("r#type", mode, Some(mode));
        });
        assert_eq!(label.as_deref(), Some("k=7, type=fast"));
        assert_eq!(
            both(|(k, mode), label| {
                label.part("k", k, None);
                label.part("mode", mode, Some(mode));
            })
            .as_deref(),
            Some("mode=fast")
        );
    }

    #[test]
    fn an_item_whose_display_panics_has_no_label() {
        assert_eq!(of(&Job("scan", || panic!("no name")), 0), None);
    }

    #[test]
    fn long_ones_are_cut() {
        let text = "x".repeat(100);
        assert_eq!(of_path(&PathBuf::from(&text)), Some("…".to_owned() + &"x".repeat(60)));
        assert_eq!(of(&text, 0), Some("x".repeat(60) + "…"));
        assert_eq!(of(&"one\ntwo", 0).as_deref(), Some("one…"));
        assert_eq!(of(&"one\n", 0).as_deref(), Some("one"));
        assert_eq!(of(&"é".repeat(60), 0), Some("é".repeat(60)));
    }
}
