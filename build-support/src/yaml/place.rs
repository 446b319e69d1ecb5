//! Where each byte of a scalar's text was written. YAML cuts indentation, folds lines and replaces escapes; a caret
//! under Rust inside YAML needs the way back.

use super::{Scalar, Style, Tree};

/// Offsets in the scalar's text and in the file where a run starts: within a run both advance together.
pub(crate) type Map = Vec<(u32, u32)>;

impl Scalar<'_> {
    /// The way from this scalar's text back to `source`, the text of the whole file. `node` is the scalar's node.
    /// Exact for everything but whitespace: what folding added or removed may be off within its gap.
    pub(crate) fn place_map(&self, node: &Tree, source: &str) -> Map {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let quotes = usize::from(matches!(self.style, Style::Single | Style::Double));
        let start = start + quotes;
        if source.get(start..end.saturating_sub(quotes)) == Some(&*self.text) {
            return vec![(0, node.span.start + u32::from(quotes == 1))];
        }
        match self.style {
            Style::Literal => lines(&self.text, source, start),
            _ => words(&self.text, self.style, source, start),
        }
    }
}

/// A literal block: each line of the text is the end of a line of the file.
fn lines(text: &str, source: &str, start: usize) -> Map {
    let mut map = Map::new();
    // The node starts at its first word: blank lines of the text come before it.
    let blank = text.split('\n').take_while(|line| line.trim().is_empty()).count();
    let mut line_start = source[..start].rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let mut at = 0;
    for (index, line) in text.split('\n').enumerate() {
        if index >= blank && line_start <= source.len() {
            let rest = &source[line_start..];
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            push(&mut map, at, line_start + end.saturating_sub(line.len()));
            let newline = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
            line_start += end + newline;
        } else {
            push(&mut map, at, start);
        }
        at += line.len() + 1;
    }
    map
}

/// Everything else: words come in the same order in both, and only whitespace and escapes differ.
fn words(text: &str, style: Style, source: &str, start: usize) -> Map {
    let mut map = Map::new();
    let mut from = start.min(source.len());
    for (at, char) in text.char_indices() {
        if style == Style::Double {
            from += joined_lines(&source[from..]);
        }
        if matches!(char, ' ' | '\t' | '\n') {
            let escaped = style == Style::Double && source[from..].starts_with('\\');
            push(&mut map, at, from);
            // A space that folding added is at the end of the line; the next word skips the gap.
            if escaped || source[from..].starts_with(char) {
                from += written_length(style, &source[from..]);
            }
            continue;
        }
        from += blanks(&source[from..]);
        push(&mut map, at, from);
        from += written_length(style, &source[from..]);
    }
    map
}

/// Length of what one character is written as at the start of `rest`.
fn written_length(style: Style, rest: &str) -> usize {
    let char = rest.chars().next().map_or(0, char::len_utf8);
    match style {
        Style::Single if rest.starts_with("''") => 2,
        Style::Double => escape(rest).unwrap_or(char),
        _ => char,
    }
    .min(rest.len())
}

fn blanks(rest: &str) -> usize {
    rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len()
}

/// In double quotes, `\` at the end of a line joins it to the next: the length of all that at the start of `rest`.
fn joined_lines(rest: &str) -> usize {
    let mut length = 0;
    while rest[length..].starts_with("\\\n") || rest[length..].starts_with("\\\r") {
        length += 1;
        length += blanks(&rest[length..]);
    }
    length
}

/// Length of the escape that `rest` starts with.
fn escape(rest: &str) -> Option<usize> {
    let code = rest.strip_prefix('\\')?.chars().next()?;
    Some(match code {
        'x' => 4,
        'u' if rest[2..].get(4..6) == Some("\\u") && rest[2..].starts_with(['d', 'D']) => 12,
        'u' => 6,
        'U' => 10,
        _ => 1 + code.len_utf8(),
    })
}

/// Adds a run, unless the last one already leads there.
fn push(map: &mut Map, text: usize, file: usize) {
    let (text, file) = (u32::try_from(text).unwrap_or(u32::MAX), u32::try_from(file).unwrap_or(u32::MAX));
    match map.last() {
        Some((last_text, last_file)) if text - last_text == file.wrapping_sub(*last_file) => {}
        _ => map.push((text, file)),
    }
}
