//! Writes a file in the one layout.
//!
//! - Two spaces for each level, also for a list below its key.
//! - What is in brackets stays so where it fits on a line and holds no comment.
//! - One blank line at most. Comments keep their place.

use granit_parser::ScalarStyle;

use super::{
    pieces::Pieces,
    rust::Formatter,
    scalar::{self, WIDTH, Written},
    tree::{BLANK, Comment, File, Node, Value},
};

/// The text of a file in the one layout.
pub(super) fn write(file: &File<'_>, pieces: &Pieces, formatter: &Formatter) -> String {
    let mut writer = Writer { file, pieces, formatter, text: String::new(), next: 0, last_line: None, fresh: true };
    if file.explicit_start {
        writer.text.push_str("---\n");
    }
    if let Some(root) = &file.root {
        writer.root(root);
    }
    writer.comments_before(usize::MAX, 0);
    writer.text
}

struct Writer<'f, 'a> {
    file: &'f File<'a>,
    pieces: &'f Pieces,
    formatter: &'f Formatter,
    text: String,
    /// The next comment.
    next: usize,
    /// The line of the file that was written last.
    last_line: Option<usize>,
    /// Nothing has been written in the current collection: no blank line comes first.
    fresh: bool,
}

impl Writer<'_, '_> {
    fn root(&mut self, root: &Node<'_>) {
        let is_collection = matches!(root.value, Value::Map { .. } | Value::List { .. });
        if is_collection && root.properties.is_empty() && self.inline(root, 0, 0).is_none() {
            self.collection(root, 0, usize::MAX, false);
            return;
        }
        self.lead(root.start, 0);
        let from = self.text.len();
        self.value(root, 0, usize::MAX);
        // A value is written after something, with a space between.
        if self.text[from..].starts_with(' ') {
            self.text.remove(from);
        }
    }

    /// Writes the comments that come before an entry at `start`, and a blank line if there is one.
    fn lead(&mut self, start: usize, indent: usize) {
        self.comments_before(start, indent);
        let line = self.file.line(start.min(self.file.text.len()));
        self.blank(line);
    }

    fn comments_before(&mut self, end: usize, indent: usize) {
        while let Some(comment) = self.peek().filter(|comment| comment.range.start < end) {
            self.comment(&comment, indent);
        }
    }

    fn peek(&self) -> Option<Comment> {
        self.file.comments.get(self.next).cloned()
    }

    /// Writes a comment on its own line.
    fn comment(&mut self, comment: &Comment, indent: usize) {
        let line = self.file.line(comment.range.start);
        self.blank(line);
        let text = self.file.text[comment.range.clone()].trim_end_matches(BLANK);
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push('\n');
        self.last_line = Some(line);
        self.fresh = false;
        self.next += 1;
    }

    /// Writes a blank line if there are any before `line`.
    fn blank(&mut self, line: usize) {
        if !self.fresh && self.last_line.is_some_and(|last| line > last + 1) {
            self.text.push('\n');
        }
        self.fresh = false;
    }

    /// Ends a line that ends with what is at `end` in the file, with the comment after that.
    fn end_line(&mut self, end: usize) {
        let line = self.file.line(end);
        self.last_line = Some(line);
        if let Some(comment) =
            self.peek().filter(|comment| !comment.own_line && self.file.line(comment.range.start) == line)
        {
            self.text.push(' ');
            self.text.push_str(self.file.text[comment.range].trim_end_matches(BLANK));
            self.next += 1;
        }
        self.text.push('\n');
    }

    /// Writes a list or mapping in block style. `limit` is where what follows it starts. `inline`: the first entry goes
    /// onto the current line.
    fn collection(&mut self, node: &Node<'_>, indent: usize, limit: usize, inline: bool) {
        let flow = matches!(node.value, Value::Map { flow: true, .. } | Value::List { flow: true, .. });
        let starts: Vec<usize> = match &node.value {
            Value::Map { entries, .. } => entries.iter().map(|(key, _)| key.start).collect(),
            Value::List { items, .. } => items.iter().map(|item| self.dash(item, flow)).collect(),
            Value::Scalar(..) | Value::Alias(_) => Vec::new(),
        };
        self.fresh = true;
        for (index, first) in starts.iter().enumerate() {
            let after = starts.get(index + 1).copied().unwrap_or(if flow { node.range.end } else { limit });
            if index > 0 || !inline {
                self.lead(*first, indent);
                self.text.push_str(&" ".repeat(indent));
            } else {
                self.fresh = false;
            }
            match &node.value {
                Value::Map { entries, .. } => {
                    let (key, value) = &entries[index];
                    self.key(key);
                    self.value(value, indent, after);
                }
                Value::List { items, .. } => {
                    self.text.push('-');
                    self.item(&items[index], indent, after);
                }
                Value::Scalar(..) | Value::Alias(_) => {}
            }
        }
        // Comments after the last entry that are indented like the entries.
        if flow {
            self.comments_before(node.range.end, indent);
            self.last_line = Some(self.file.line(node.range.end.saturating_sub(1)));
        } else if let Some(first) = starts.first() {
            let column = self.file.column(*first);
            while let Some(comment) = self.peek().filter(|comment| {
                comment.own_line && comment.range.start < limit && self.file.column(comment.range.start) >= column
            }) {
                self.comment(&comment, indent);
            }
        }
    }

    /// Where the dash of an item is: the last thing before it but for blanks and comments.
    fn dash(&self, item: &Node<'_>, flow: bool) -> usize {
        if flow { item.start } else { self.before(item.start) }
    }

    /// The last thing before `at` that is neither blank nor a comment.
    fn before(&self, mut at: usize) -> usize {
        loop {
            let end = self.file.text[..at].trim_end_matches(BLANK).len();
            match self.file.comment_ending_at(end) {
                Some(comment) => at = comment.range.start,
                None => return end.saturating_sub(1),
            }
        }
    }

    fn key(&mut self, key: &Node<'_>) {
        for property in &key.properties {
            self.text.push_str(property);
            self.text.push(' ');
        }
        self.text.push_str(&self.file.text[key.range.clone()]);
        self.text.push(':');
    }

    /// Writes an item after its dash.
    fn item(&mut self, item: &Node<'_>, indent: usize, limit: usize) {
        let is_block =
            matches!(item.value, Value::Map { .. } | Value::List { .. }) && self.inline(item, indent + 2, 0).is_none();
        // Between the dash and the first entry there may be a comment.
        let comment = self.peek().is_some_and(|comment| comment.range.start < item.range.start);
        if is_block && item.properties.is_empty() && !comment {
            self.text.push(' ');
            self.collection(item, indent + 2, limit, true);
        } else {
            self.value(item, indent, limit);
        }
    }

    /// Writes a value after its key or dash, with all that belongs to it, up to the end of the line.
    fn value(&mut self, node: &Node<'_>, indent: usize, limit: usize) {
        let column = self.text.len() - self.text.rfind('\n').map_or(0, |newline| newline + 1);
        if let Some(text) = self.inline(node, indent, column) {
            if !text.is_empty() {
                self.text.push(' ');
                self.text.push_str(&text);
            }
            // Comments in the middle of a value come before or after it.
            self.end_line(node.range.end.max(node.range.start + 1) - 1);
            return;
        }
        for property in &node.properties {
            self.text.push(' ');
            self.text.push_str(property);
        }
        if let Value::Scalar(text, style) = &node.value {
            if let Written::Block(header, lines) = self.scalar(node, text, *style, false) {
                self.text.push(' ');
                self.text.push_str(&header);
                self.end_line(self.before(node.range.start));
                for line in lines {
                    if !line.is_empty() {
                        self.text.push_str(&" ".repeat(indent + 2));
                        self.text.push_str(&line);
                    }
                    self.text.push('\n');
                }
                // A blank line after a `+` would be part of the text.
                let end = self.file.line(node.range.end.max(node.range.start + 1) - 1);
                self.last_line = (!header.ends_with('+')).then_some(end);
            }
            return;
        }
        self.end_line(self.header_end(node));
        self.collection(node, indent + 2, limit, false);
    }

    /// The place on whose line a comment belongs to the header of a collection: its key, dash or opening bracket.
    fn header_end(&self, node: &Node<'_>) -> usize {
        let first = match &node.value {
            _ if !node.properties.is_empty() => return node.start,
            Value::List { flow: false, items } => items.first().map(|item| self.dash(item, false)),
            Value::Map { flow: false, entries } => entries.first().map(|(key, _)| key.start),
            _ => None,
        };
        first.map_or(node.start, |first| self.before(first))
    }

    /// A node on one line after `column` characters, if it can be written so.
    fn inline(&self, node: &Node<'_>, indent: usize, column: usize) -> Option<String> {
        match &node.value {
            Value::Map { flow: true, .. } | Value::List { flow: true, .. } => {
                let text = self.flow(node)?;
                let comment = self.file.comments.iter().any(|comment| node.range.contains(&comment.range.start));
                let width = column.max(indent + 2) + 1 + text.chars().count();
                (!comment && (width <= WIDTH || is_empty(node))).then_some(text)
            }
            Value::Map { .. } | Value::List { .. } => None,
            Value::Scalar(text, style) => match self.scalar(node, text, *style, false) {
                Written::Inline(text) => Some(with_properties(node, &text)),
                Written::Block(..) => None,
            },
            Value::Alias(name) => Some((*name).to_owned()),
        }
    }

    /// A node in brackets.
    fn flow(&self, node: &Node<'_>) -> Option<String> {
        let text = match &node.value {
            Value::Map { entries, .. } => {
                let entry = |(key, value): &(Node<'_>, Node<'_>)| {
                    let key = with_properties(key, &self.file.text[key.range.clone()]);
                    if value.is_empty() {
                        return Some(key);
                    }
                    Some(format!("{key}: {}", self.flow(value)?))
                };
                let entries: Vec<_> = entries.iter().map(entry).collect::<Option<_>>()?;
                if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
            }
            Value::List { items, .. } => {
                let items: Vec<_> = items.iter().map(|item| self.flow(item)).collect::<Option<_>>()?;
                format!("[{}]", items.join(", "))
            }
            Value::Scalar(text, style) => match self.scalar(node, text, *style, true) {
                Written::Inline(text) => text,
                Written::Block(..) => return None,
            },
            Value::Alias(name) => return Some((*name).to_owned()),
        };
        Some(with_properties(node, &text))
    }

    fn scalar(&self, node: &Node<'_>, text: &str, style: ScalarStyle, flow: bool) -> Written {
        let quotes = usize::from(matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
        let raw = &self.file.text[node.range.clone()];
        match self.pieces.kind(node.range.start + quotes, text) {
            Some(kind) => scalar::rust(&self.formatter.formatted(kind, text), text, style, raw, flow),
            None => scalar::text(text, style, raw, flow),
        }
    }
}

fn with_properties(node: &Node<'_>, text: &str) -> String {
    let words: Vec<_> = node.properties.iter().copied().chain((!text.is_empty()).then_some(text)).collect();
    words.join(" ")
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Map { entries, .. } => entries.is_empty(),
        Value::List { items, .. } => items.is_empty(),
        Value::Scalar(..) | Value::Alias(_) => false,
    }
}
