//! Text in the layout of rustc's errors: a headline, where, and notes.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const MARGIN: Style = AnsiColor::BrightBlue.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Lines with colours, for [`Console::print`](super::console::Console::print).
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// `error: message`, where `word` is `error` or the like.
    pub(super) fn headline(&mut self, word: &str, message: &str) {
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{ERROR}{word}{ERROR:#}{BOLD}: {first}{BOLD:#}"));
        self.continued(lines);
    }

    /// `--> file:line:column`.
    pub(super) fn place(&mut self, place: &str) {
        self.line(&format!("  {MARGIN}-->{MARGIN:#} {place}"));
    }

    /// `= label: text`.
    pub(super) fn note(&mut self, label: &str, text: &str) {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let space = if first.is_empty() { "" } else { " " };
        self.line(&format!("   {MARGIN}={MARGIN:#} {BOLD}{label}:{BOLD:#}{space}{first}"));
        self.continued(lines);
    }

    /// Lines that belong to what stands above.
    pub(super) fn continued<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        for line in lines {
            self.line(&format!("       {line}"));
        }
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        writeln!(self.0, "{}", line.trim_end()).expect("a string takes everything");
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}
