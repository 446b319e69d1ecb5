//! Finds the bracket that was left open: YAML takes the lines after it as its contents, and only notices much later.

use super::{
    quotes::{closing, starts_block},
    syntax_error::{indentation, line},
};

/// The bracket that is still open before byte `at` where an item or entry starts that is not indented more than its line,
/// and where that is.
pub(super) fn open(text: &str, at: usize) -> Option<(usize, usize)> {
    let last = line(text, at).start;
    // Each open bracket with the indentation of its line.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut block = None;
    let mut start = 0;
    while start <= last {
        let here = line(text, start);
        let content = &text[here.clone()];
        let depth = indentation(content);
        if !content.trim().is_empty() && block.is_none_or(|outer| depth <= outer) {
            block = None;
            match open.last() {
                Some((bracket, outer)) if depth <= *outer && starts_item(content) => {
                    return Some((*bracket, start + depth));
                }
                _ => read(content, start, &mut open)?,
            }
            if open.is_empty() && starts_block(content) {
                block = Some(depth);
            }
        }
        start = here.end + text[here.end..].find('\n')? + 1;
    }
    None
}

/// Whether a line starts with `- ` or `word:`.
fn starts_item(line: &str) -> bool {
    let line = line.trim_start();
    let word = line.trim_start_matches(|char: char| char == '_' || char == '-' || char.is_alphanumeric());
    line.starts_with("- ") || (word.len() < line.len() && word.starts_with(':'))
}

/// Opens and closes the brackets of a line that starts at byte `start`. `None` where they do not match, or a quote is
/// open.
fn read(line: &str, start: usize, open: &mut Vec<(usize, usize)>) -> Option<()> {
    // Whether a value may start here.
    let mut fresh = true;
    let mut at = 0;
    while let Some(char) = line[at..].chars().next() {
        let rest = &line[at + char.len_utf8()..];
        match char {
            '"' | '\'' if fresh => {
                at += closing(char, rest)?;
                fresh = false;
            }
            '#' if line[..at].trim_end().len() < at || at == 0 => break,
            '[' | '{' if fresh => open.push((start + at, indentation(line))),
            ']' | '}' => {
                if let Some((bracket, _)) = open.pop() {
                    // All of these are one byte.
                    let opened = line.as_bytes().get(bracket.wrapping_sub(start)).copied();
                    let matches = opened.is_none_or(|opened| (opened == b'[') == (char == ']'));
                    matches.then_some(())?;
                }
                fresh = false;
            }
            ',' => fresh = !open.is_empty(),
            ':' => fresh = rest.starts_with(' ') || rest.is_empty(),
            '-' => fresh &= rest.starts_with(' '),
            ' ' => {}
            _ => fresh = false,
        }
        at += char.len_utf8();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::open;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = open(text, text.len()).map(|(bracket, next)| (&text[bracket..], &text[next..]));
        let starts =
            |(bracket, next): (&str, &str), (at, then): (&str, &str)| bracket.starts_with(at) && next.starts_with(then);
        match (found, expected) {
            (Some(found), Some(expected)) => assert!(starts(found, expected), "{found:?}"),
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn the_line_of_an_item_or_a_section_ends_what_is_open() {
        check("nodes:\n  - { name: a\n  - { name: b }\n", Some(("{ name: a", "- { name: b")));
        check("nodes:\n  - { name: b\nedges:\n  - from: a\n", Some(("{ name: b", "edges:")));
        check("nodes:\n  - name: b\n    to: [a, b\n    when: c\n", Some(("[a, b", "when: c")));
    }

    #[test]
    fn what_is_text_opens_nothing() {
        check(
            "nodes:\n  - run: f([1, {\n  - run: \"{\"\n  - run: |\n      [ {\n  - name: '['\n  - a # {\nb: c\n",
            None,
        );
        check("nodes:\n  - to: [\n      a, { b: c },\n      d\n    ]\n    when: e\n", None);
    }
}
