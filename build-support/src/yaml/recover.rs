//! Reading on after text that breaks YAML's rules: the item that holds it is blanked out, and the rest keeps its places.

use std::ops::Range;

use super::syntax_error::indentation;

/// So many items are blanked out before a file is given up.
pub(crate) const TRIES: usize = 16;
/// A file larger than this is not read again.
pub(crate) const LARGEST: usize = 1 << 20;

/// What was cut out of a file.
#[derive(Debug, Default)]
pub(crate) struct Cuts(Vec<Range<usize>>);

impl Cuts {
    /// Blanks out the item of `text` that byte `at` is in: a node, an edge, a key, or an entry of the workflow. `false`
    /// if nothing is there.
    pub(crate) fn cut(&mut self, text: &mut String, at: usize) -> bool {
        let at = text.floor_char_boundary(at.min(text.len()));
        let (header, item) = item(text, at);
        if text[item.clone()].trim().is_empty() {
            return false;
        }
        let blank = |char: char| if char == '\n' { "\n".to_owned() } else { " ".repeat(char.len_utf8()) };
        let blanks: String = text[item.clone()].chars().map(blank).collect();
        text.replace_range(item.clone(), &blanks);
        // What is missing in a section is missed at its header.
        self.0.extend([header, item]);
        true
    }

    /// Whether something at byte `at` is about what was cut out.
    pub(crate) fn touch(&self, at: usize) -> bool {
        self.0.iter().any(|cut| cut.contains(&at))
    }
}

/// The item around byte `at`, and the line that its section starts with.
fn item(text: &str, at: usize) -> (Range<usize>, Range<usize>) {
    let lines: Vec<_> = text
        .split_inclusive('\n')
        .scan(0, |start, line| {
            let range = *start..*start + line.len();
            *start = range.end;
            Some(range)
        })
        .collect();
    let here = lines.partition_point(|line| line.end <= at).min(lines.len().saturating_sub(1));
    let is_header = |index: &usize| text[lines[*index].clone()].starts_with(|first: char| first.is_alphanumeric());
    let header = (0..=here).rev().find(is_header);
    let end = (here + 1..lines.len()).find(is_header).unwrap_or(lines.len());
    let end_at = lines.get(end).map_or(text.len(), |line| line.start);
    let Some(header) = header else { return (0..0, 0..end_at) };
    if header == here {
        return (lines[here].clone(), lines[here].clone());
    }
    let content = |index: usize| &text[lines[index].clone()];
    let first = (header + 1..end).find(|index| !is_blank(content(*index)));
    let Some(first) = first else { return (lines[header].clone(), lines[here].clone()) };
    let depth = indentation(content(first));
    let list = content(first).trim_start().starts_with('-');
    let starts = |index: &usize| {
        let content = content(*index);
        !is_blank(content) && indentation(content) <= depth && (!list || content.trim_start().starts_with('-'))
    };
    let from = (first..=here).rev().find(starts).unwrap_or(first);
    let to = (here + 1..end).find(starts).unwrap_or(end);
    (lines[header].clone(), lines[from].start..lines.get(to).map_or(text.len(), |line| line.start))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}
