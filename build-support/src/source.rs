//! Source files and positions in them. Every span contains its file, because workflows may include others in the
//! future.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
};

/// Reads a file. Devices and pipes may have no end.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() { fs::read(path) } else { Err(io::Error::other("it is no file")) }
}

/// The index of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u32);

/// A byte range in a source file. Spans are ordered by file, then start, then end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The offset of the first byte.
    pub start: u32,
    /// The offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that covers both; both must be in the same file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        debug_assert_eq!(self.file, other.file);
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and its position in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its position in the source.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A position for people. Both numbers are counted from 1, and the column is in characters, as in rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The path and text of a file.
#[derive(Debug)]
pub struct Source {
    /// The path as it is shown in diagnostics.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
    line_starts: Vec<u32>,
}

impl Source {
    fn new(path: PathBuf, text: String) -> Self {
        let after = |(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(after)).collect();
        Self { path, text, line_starts }
    }

    /// The text at a span of this file.
    #[must_use]
    pub fn at(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The line and column of a byte offset. Offsets past the end count as the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |text| text.chars().count());
        LineColumn {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX - 1) + 1,
        }
    }

    /// The byte offset of a line and column, both from 1. What is past the end of a line counts as its end.
    #[must_use]
    pub fn offset(&self, line: u32, column: u32) -> u32 {
        let index = (line.max(1) - 1) as usize;
        let Some(start) = self.line_starts.get(index) else {
            return u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize - 1);
        let line = &self.text[*start as usize..end.max(*start as usize)];
        let before = line.char_indices().nth((column.max(1) - 1) as usize).map_or(line.len(), |(at, _)| at);
        start + u32::try_from(before).unwrap_or(u32::MAX)
    }

    /// The byte range of the complete lines that `span` touches, without the end of the last one.
    #[must_use]
    pub fn lines(&self, span: Span) -> Range<usize> {
        let before = self.line_starts.partition_point(|start| *start <= span.start).max(1);
        let after = self.line_starts.partition_point(|start| *start < span.end).max(before);
        let end = self.line_starts.get(after).map_or(self.text.len(), |start| *start as usize);
        let start = self.line_starts[before - 1] as usize;
        start..start + self.text[start..end].trim_end_matches(['\n', '\r']).len()
    }
}

/// All files of one compilation.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file. A byte order mark is not part of its text.
    ///
    /// # Panics
    /// After 2^32 files.
    pub fn add(&mut self, path: impl AsRef<Path>, mut text: String) -> FileId {
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let id = FileId(u32::try_from(self.0.len()).expect("fewer than 2^32 files"));
        self.0.push(Source::new(path.as_ref().to_owned(), text));
        id
    }

    /// Adds a file as bytes. If they are not valid UTF-8, this is reported, and the file must not be used.
    pub fn add_bytes(
        &mut self,
        path: impl AsRef<Path>,
        bytes: Vec<u8>,
        diagnostics: &mut Diagnostics,
    ) -> Option<FileId> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(self.add(path, text)),
            Err(error) => {
                let before = error.utf8_error().valid_up_to();
                let utf16 = error.as_bytes().starts_with(b"\xff\xfe") || error.as_bytes().starts_with(b"\xfe\xff");
                // The invalid byte becomes the replacement character, so that positions before it do not change.
                let file = self.add(path, String::from_utf8_lossy(error.as_bytes()).into_owned());
                let start = u32::try_from(before).unwrap_or(u32::MAX);
                let span = Span { file, start, end: start.saturating_add(1) };
                let error = Diagnostic::error(codes::YAML_SYNTAX, span, "the file is not UTF-8");
                diagnostics.push(error.help(if utf16 {
                    "it looks like UTF-16: save it as UTF-8"
                } else {
                    "save it as UTF-8"
                }));
                None
            }
        }
    }

    /// The file with this path, if it has been added.
    #[must_use]
    pub fn find(&self, path: &Path) -> Option<FileId> {
        let at = self.0.iter().position(|source| source.path == path)?;
        u32::try_from(at).ok().map(FileId)
    }

    /// All files, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The file with this ID.
    ///
    /// # Panics
    /// If the ID belongs to another [`Sources`].
    #[must_use]
    pub fn get(&self, id: FileId) -> &Source {
        &self.0[id.0 as usize]
    }

    /// The line and column of the start of `span`.
    #[must_use]
    pub fn locate(&self, span: Span) -> LineColumn {
        self.get(span.file).line_column(span.start)
    }
}
