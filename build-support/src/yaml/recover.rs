//! Reading on after text that breaks YAML's rules: the item that contains it is replaced by spaces, and everything else keeps its place.

use std::ops::Range;

use super::syntax_error::indentation;

/// So many items are cut out before a file is given up.
pub(crate) const TRIES: usize = 16;
/// A file larger than this is not read again.
pub(crate) const LARGEST: usize = 1 << 20;

/// What was cut out of a file.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    items: Vec<Range<usize>>,
    /// The sections that they are part of.
    sections: Vec<Range<usize>>,
}

impl Cuts {
    /// Cuts the item out of `text` that the first of these bytes is in: a node, an edge, a key, or an entry of the
    /// workflow. The second time, and where the mistake reaches from one section into another, all sections between the
    /// two. `false` if nothing is there.
    pub(crate) fn cut(&mut self, text: &mut String, places: [usize; 2]) -> bool {
        let [first, second] = places.map(|at| text.floor_char_boundary(at.min(text.len())));
        let here = section(text, first);
        let item = if self.touch(first) || self.touch(second) || !here.contains(&second.min(text.len().max(1) - 1)) {
            let there = section(text, second);
            here.start.min(there.start)..here.end.max(there.end)
        } else {
            item(text, first, here.clone())
        };
        if text[item.clone()].trim().is_empty() {
            return false;
        }
        let blank = |char: char| if char == '\n' { "\n".to_owned() } else { " ".repeat(char.len_utf8()) };
        let blanks: String = text[item.clone()].chars().map(blank).collect();
        text.replace_range(item.clone(), &blanks);
        // Its header may seem to have no value, without what was cut out.
        let header = here.start..here.start + text[here.clone()].find('\n').unwrap_or(here.len());
        self.items.extend([header, item.clone()]);
        self.sections.extend([here, item]);
        true
    }

    /// Whether something at byte `at` is in a section from which something was cut out.
    pub(crate) fn touch(&self, at: usize) -> bool {
        self.sections.iter().any(|section| section.contains(&at))
    }

    /// Whether something at byte `at` was cut out.
    pub(crate) fn hold(&self, at: usize) -> bool {
        self.items.iter().any(|item| item.contains(&at))
    }
}

/// The lines around byte `at` from one that is not indented up to the next.
fn section(text: &str, at: usize) -> Range<usize> {
    let is_header = |line: &Range<usize>| text[line.clone()].starts_with(|first: char| first.is_alphanumeric());
    let mut headers: Vec<_> = lines(text).filter(is_header).map(|line| line.start).collect();
    headers.push(text.len());
    let next = headers.partition_point(|start| *start <= at).min(headers.len() - 1);
    next.checked_sub(1).map_or(0, |own| headers[own])..headers[next]
}

fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_inclusive('\n').scan(0, |start, line| {
        let range = *start..*start + line.len();
        *start = range.end;
        Some(range)
    })
}

/// The item around byte `at` of a section.
fn item(text: &str, at: usize, section: Range<usize>) -> Range<usize> {
    let lines: Vec<_> = lines(text).filter(|line| section.contains(&line.start)).collect();
    let here = lines.partition_point(|line| line.end <= at).min(lines.len().saturating_sub(1));
    let content = |index: usize| &text[lines[index].clone()];
    let first = (1..lines.len()).find(|index| !is_blank(content(*index)));
    let Some(first) = first.filter(|_| here > 0) else { return section };
    let depth = indentation(content(first));
    let list = content(first).trim_start().starts_with('-');
    let starts = |index: &usize| {
        let content = content(*index);
        !is_blank(content) && indentation(content) <= depth && (!list || content.trim_start().starts_with('-'))
    };
    let from = (first..=here).rev().find(starts).unwrap_or(first);
    let to = (here + 1..lines.len()).find(starts);
    lines[from].start..to.map_or(section.end, |index| lines[index].start)
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}
