//! Text in the layout of rustc's errors: a headline, a location, and notes.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

pub(super) use crate::words::plain;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const MARGIN: Style = AnsiColor::BrightBlue.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Lines with colors, for [`Console::print`](super::console::Console::print).
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Adds `error: message`, where `word` is `error` or similar.
    pub(super) fn headline(&mut self, word: &str, message: &str) {
        let message = plain(message);
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{ERROR}{word}{ERROR:#}{BOLD}: {first}{BOLD:#}"));
        self.continued(lines);
    }

    /// Adds `--> file:line:column`.
    pub(super) fn place(&mut self, place: &str) {
        self.line(&format!("  {MARGIN}-->{MARGIN:#} {place}"));
    }

    /// Adds `= label: text`.
    pub(super) fn note(&mut self, label: &str, text: &str) {
        let text = plain(text);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let space = if first.is_empty() { "" } else { " " };
        self.line(&format!("   {MARGIN}={MARGIN:#} {BOLD}{label}:{BOLD:#}{space}{first}"));
        self.continued(lines);
    }

    /// Adds lines that belong to the one above.
    pub(super) fn continued<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        for line in lines {
            self.line(&format!("       {}", plain(line)));
        }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str) {
        writeln!(self.0, "{}", line.trim_end()).expect("a string takes everything");
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(plain("a\tb\nä…"), "a\tb\nä…");
        assert_eq!(plain("\u{1b}[2Jgone\r\u{9b}0m"), "\\u{1b}[2Jgone\\r\\u{9b}0m");
        // A hyperlink, a link that ends with the terminator of C1, nothing, and text that is read backwards.
        assert_eq!(
            plain("\u{1b}]8;;http://a\u{1b}\\b\u{9d}0;t\u{9c}\0"),
            "\\u{1b}]8;;http://a\\u{1b}\\b\\u{9d}0;t\\u{9c}\\u{0}"
        );
        assert_eq!(plain("\u{202e}txt.exe\u{2069}\u{200f}\u{2028}"), "\\u{202e}txt.exe\\u{2069}\\u{200f}\\u{2028}");
        assert_eq!(plain("\u{200d}שלום"), "\u{200d}שלום", "joined letters and text that is written so are kept");
        let mut page = Page::default();
        page.headline("error", "\u{1b}]0;title\u{7}");
        page.note("caused by", "\u{8}");
        page.continued(["\u{1b}c"].into_iter());
        let text = anstream::adapter::strip_str(&page.into_text()).to_string();
        assert_eq!(text, "error: \\u{1b}]0;title\\u{7}\n   = caused by: \\u{8}\n       \\u{1b}c\n");
    }
}
