//! An open workflow file, and what the compiler knows about it.

use std::{path::PathBuf, str::FromStr};

use lsp_types::{Position, Range, Uri};
use tea_build::{
    diagnostic::{Diagnostic, Diagnostics},
    plan::Plan,
    source::{FileId, Source, Sources, Span},
    syntax::{self, Workflow},
};

use super::occurrences;

fn is_rust(uri: &Uri) -> bool {
    path(uri).is_some_and(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// An open file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) uri: Uri,
    pub(super) version: i32,
    pub(super) sources: Sources,
    pub(super) file: FileId,
    /// What could be read of it.
    pub(super) workflow: Option<Workflow>,
    /// What it means, if it has no errors.
    pub(super) plan: Option<Plan>,
    pub(super) findings: Vec<Diagnostic>,
}

impl Document {
    pub(super) fn new(uri: Uri, version: i32, text: String) -> Self {
        let mut sources = Sources::default();
        let file = sources.add(path(&uri).unwrap_or_default(), text);
        let mut found = Diagnostics::default();
        if is_rust(&uri) {
            return Self { uri, version, sources, file, workflow: None, plan: None, findings: Vec::new() };
        }
        let mut workflow = syntax::parse(&sources, file, &mut found);
        let plan = workflow.as_mut().and_then(|workflow| tea_build::check(workflow, &mut sources, &mut found));
        // The check has taken workflows out of the nodes that they are written in, and added nodes that are not written.
        let differs = |workflow: &Workflow| workflow.gathering > 0 || occurrences::workflows(workflow).len() > 1;
        if workflow.as_ref().is_some_and(differs) {
            workflow = syntax::parse(&sources, file, &mut Diagnostics::default());
        }
        Self { uri, version, sources, file, workflow, plan, findings: found.into_sorted() }
    }

    /// Whether it is a Rust file, of which only the names count.
    pub(super) fn is_rust(&self) -> bool {
        is_rust(&self.uri)
    }

    /// The word at an offset.
    pub(super) fn word(&self, offset: usize) -> Option<String> {
        let is_word = |char: char| char == '_' || char.is_alphanumeric();
        let text = self.text();
        let start = text[..offset]
            .rfind(|char| !is_word(char))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let end = text[offset..].find(|char| !is_word(char)).map_or(text.len(), |at| offset + at);
        (start < end).then(|| text[start..end].to_owned())
    }

    pub(super) fn source(&self) -> &Source {
        self.sources.get(self.file)
    }

    pub(super) fn text(&self) -> &str {
        &self.source().text
    }

    /// The byte offset of a position. What is past the end of a line counts as its end.
    pub(super) fn offset(&self, position: Position) -> usize {
        let start = self.source().offset(position.line + 1, 1) as usize;
        let line = self.text()[start..].lines().next().unwrap_or("");
        let mut units = 0;
        for (at, char) in line.char_indices() {
            if units >= position.character {
                return start + at;
            }
            units += u32::try_from(char.len_utf16()).unwrap_or(1);
        }
        start + line.len()
    }

    /// The position of a byte offset.
    pub(super) fn position(&self, offset: u32) -> Position {
        let source = self.source();
        let line = source.line_column(offset).line;
        let start = source.offset(line, 1) as usize;
        let before = self.text().get(start..(offset as usize).min(self.text().len())).unwrap_or("");
        let units: usize = before.chars().map(char::len_utf16).sum();
        Position { line: line - 1, character: u32::try_from(units).unwrap_or(u32::MAX) }
    }

    pub(super) fn range(&self, span: Span) -> Range {
        Range { start: self.position(span.start), end: self.position(span.end) }
    }
}

/// The path of a file's URI.
pub(super) fn path(uri: &Uri) -> Option<PathBuf> {
    let encoded = uri.as_str().strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The URI of a path.
pub(super) fn uri(path: &std::path::Path) -> Option<Uri> {
    use std::fmt::Write;
    let mut text = String::from("file://");
    for byte in std::path::absolute(path).ok()?.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            _ = write!(text, "%{byte:02X}");
        }
    }
    Uri::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_in_utf16() {
        let document = Document::new(uri("/a".as_ref()).unwrap(), 0, "a: 'ä🦀b'\nc: d\n".to_owned());
        let offset = document.text().find('b').unwrap();
        let position = document.position(u32::try_from(offset).unwrap());
        assert_eq!(position, Position { line: 0, character: 7 });
        assert_eq!(document.offset(position), offset);
        assert_eq!(document.offset(Position { line: 1, character: 99 }), document.text().len() - 1);
    }

    #[test]
    fn uris_are_paths_with_escapes() {
        let path_of = PathBuf::from("/a b/ü%.yaml");
        assert_eq!(path(&uri(&path_of).unwrap()), Some(path_of));
    }
}
