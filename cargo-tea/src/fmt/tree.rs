//! A YAML file as it is written, comments included.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// What may be cut off: other characters that Unicode calls white space are part of a text.
pub(super) const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// A file.
#[derive(Debug)]
pub(super) struct File<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Whether it starts with `---`.
    pub(super) explicit_start: bool,
    /// What it holds, if it is not empty.
    pub(super) root: Option<Node<'a>>,
    /// The comments, in order.
    pub(super) comments: Vec<Comment>,
    line_starts: Vec<usize>,
}

/// A comment.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    /// Where it is.
    pub(super) range: Range<usize>,
    /// It has a line of its own.
    pub(super) own_line: bool,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Where it is, without its anchor and tag.
    pub(super) range: Range<usize>,
    /// Where its anchor or tag starts, or else itself.
    pub(super) start: usize,
    /// Its anchor and tag, as written, in order.
    pub(super) properties: Vec<&'a str>,
    /// What it is.
    pub(super) value: Value<'a>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A scalar: its text by YAML's rules, and how it is written.
    Scalar(String, ScalarStyle),
    /// `*name`
    Alias(&'a str),
    /// A list.
    List { flow: bool, items: Vec<Node<'a>> },
    /// A mapping, of scalars to anything.
    Map { flow: bool, entries: Vec<(Node<'a>, Node<'a>)> },
}

impl Node<'_> {
    /// Whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty() && self.properties.is_empty()
    }
}

impl<'a> File<'a> {
    /// Reads a file. The error is about YAML, or says what cannot be formatted.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut options = granit_parser::options! {
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            simple_key_max_lookahead: text.len().max(1024),
            max_buffered_comment_events: usize::MAX,
        };
        options.set_emit_comments(true);
        let mut reader =
            Reader { text, open: Vec::new(), root: None, comments: Vec::new(), explicit_start: false, documents: 0 };
        if text.lines().take_while(|line| !line.starts_with("---")).any(|line| line.starts_with('%')) {
            return Err("YAML directives cannot be formatted".to_owned());
        }
        let mut held: Option<Node<'a>> = None;
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| format!("not valid YAML: {error}"))?;
            let range = span.byte_range().unwrap_or(0..0);
            let tag = span.tag_span().and_then(|tag| tag.byte_range());
            reader.event(event, range, tag, &mut held)?;
        }
        reader.settle(&mut held)?;
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let Reader { explicit_start, root, mut comments, .. } = reader;
        comments.sort_by_key(|comment| comment.range.start);
        Ok(Self { text, explicit_start, root, comments, line_starts })
    }

    /// The line of an offset, from 0.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }

    /// The comment that ends at an offset, blanks at its end left aside.
    pub(super) fn comment_ending_at(&self, end: usize) -> Option<&Comment> {
        let index = self.comments.partition_point(|comment| comment.range.start < end);
        let comment = self.comments.get(index.checked_sub(1)?)?;
        (comment.range.end >= end).then_some(comment)
    }

    /// The column of an offset, in bytes from 0.
    pub(super) fn column(&self, offset: usize) -> usize {
        offset - self.line_starts[self.line(offset)]
    }
}

/// A collection whose end has not come yet.
struct Open<'a> {
    node: Node<'a>,
    /// The key whose value comes next.
    key: Option<Node<'a>>,
}

struct Reader<'a> {
    text: &'a str,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    comments: Vec<Comment>,
    explicit_start: bool,
    documents: usize,
}

impl<'a> Reader<'a> {
    /// Takes one event. A node is held until it is clear whether an anchor belongs to it.
    fn event(
        &mut self,
        event: Event<'a>,
        range: Range<usize>,
        tag: Option<Range<usize>>,
        held: &mut Option<Node<'a>>,
    ) -> Result<(), String> {
        match event {
            Event::Comment(..) => {
                let line = self.text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
                let own_line = self.text[line..range.start].trim().is_empty();
                self.comments.push(Comment { range, own_line });
                return Ok(());
            }
            Event::Anchor(..) => {
                if let Some(node) = held {
                    // The tag may come before or after it.
                    let tag_is_first = !node.properties.is_empty() && node.start < range.start;
                    node.properties.insert(usize::from(tag_is_first), &self.text[range.clone()]);
                    node.start = node.start.min(range.start);
                }
                return Ok(());
            }
            _ => self.settle(held)?,
        }
        let start = tag.as_ref().map_or(range.start, |tag| tag.start);
        let properties: Vec<&str> = tag.map(|tag| &self.text[tag]).into_iter().collect();
        let node = |range: Range<usize>, value| Node { range, start, properties, value };
        match event {
            Event::DocumentStart(explicit, ..) => {
                self.documents += 1;
                self.explicit_start = explicit;
                if self.documents > 1 {
                    return Err("a file with several YAML documents cannot be formatted".to_owned());
                }
            }
            Event::Scalar(text, style, ..) => {
                let end = range.start + self.text[range.clone()].trim_end_matches(BLANK).len();
                *held = Some(node(range.start..end, Value::Scalar(text.into_owned(), style)));
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let name = &self.text[range.clone()];
                self.attach(node(range, Value::Alias(name)))?;
            }
            Event::SequenceStart(style, ..) => {
                let flow = style == StructureStyle::Flow;
                *held = Some(node(range, Value::List { flow, items: Vec::new() }));
            }
            Event::MappingStart(style, ..) => {
                let flow = style == StructureStyle::Flow;
                *held = Some(node(range, Value::Map { flow, entries: Vec::new() }));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { mut node, .. }) = self.open.pop() {
                    let last = match &node.value {
                        Value::List { flow: false, items } => items.last().map(|item| item.range.end),
                        Value::Map { flow: false, entries } => {
                            entries.last().map(|(key, value)| value.range.end.max(key.range.end))
                        }
                        _ => Some(range.end),
                    };
                    node.range.end = last.unwrap_or(range.end).max(node.range.start);
                    self.attach(node)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A held node has all its properties now.
    fn settle(&mut self, held: &mut Option<Node<'a>>) -> Result<(), String> {
        match held.take() {
            Some(node @ Node { value: Value::List { .. } | Value::Map { .. }, .. }) => {
                self.open.push(Open { node, key: None });
                Ok(())
            }
            Some(node) => self.attach(node),
            None => Ok(()),
        }
    }

    /// Puts a finished node where it belongs.
    fn attach(&mut self, node: Node<'a>) -> Result<(), String> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List { items, .. } => items.push(node),
            Value::Map { entries, .. } => match open.key.take() {
                Some(key) => entries.push((key, node)),
                None if matches!(node.value, Value::Scalar(..)) && !self.text[node.range.clone()].contains('\n') => {
                    open.key = Some(node);
                }
                None => return Err("a key that is not a plain word cannot be formatted".to_owned()),
            },
            Value::Scalar(..) | Value::Alias(_) => {}
        }
        Ok(())
    }
}
