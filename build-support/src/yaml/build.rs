//! Events → tree: anchors, aliases, merges, duplicates, and the limits that keep a hostile file small.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle};

use super::{Broken, Entry, Scalar, Style, Tree, Value, merge::merge, syntax_error};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{FileId, Span, Spanned},
};

/// No workflow nests deeper than eight. A tree's depth bounds the recursion of everything that walks or drops it.
const MAX_DEPTH: usize = 64;
/// What all aliases of a file may expand to together, in bytes of YAML, roughly.
const MAX_EXPANSION: u64 = 4 << 20;
/// What a node costs beside its text when the expansion is counted.
const NODE_COST: u64 = 16;
/// Larger files are refused unread.
const MAX_FILE: usize = 64 << 20;

/// The tree of the only document in `text`, the text of `file`; `None` if there is none. Where it breaks YAML's
/// rules, reading ends, and what is wrong is returned.
pub(crate) fn build<'a>(
    text: &'a str,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Rc<Tree<'a>>>, Broken> {
    let start = Span { file, start: 0, end: 0 };
    if text.len() > MAX_FILE {
        diagnostics.push(
            Diagnostic::error(codes::FILE_LIMIT, start, "the file is larger than 64 MiB")
                .help("repeat work with `type: dynamic_parallel` or a loop, and keep data in files of its own"),
        );
        return Ok(None);
    }
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        simple_key_max_lookahead: MAX_FILE,
    };
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(text, options);
    let (anchors, names, unused) = (HashMap::new(), HashMap::new(), BTreeMap::new());
    Builder { text, file, diagnostics, open: Vec::new(), anchors, names, unused, expansion: 0 }.run(parser)
}

/// A node, and what its users need to keep the limits.
#[derive(Debug, Clone)]
struct Built<'a> {
    node: Rc<Tree<'a>>,
    depth: usize,
    weight: u64,
}

/// The start of a node that waits for its anchor: granit gives that after it.
struct Held<'a> {
    event: Event<'a>,
    span: Span,
    tag: Option<Span>,
}

/// A collection whose end has not come yet.
struct Open<'a> {
    start: u32,
    end: u32,
    anchor_id: usize,
    anchor: Option<Span>,
    depth: usize,
    weight: u64,
    items: Items<'a>,
}

enum Items<'a> {
    List(Vec<Rc<Tree<'a>>>),
    Map { flow: bool, entries: Vec<Entry<'a>>, key: Option<Rc<Tree<'a>>> },
}

struct Builder<'a, 'd> {
    text: &'a str,
    file: FileId,
    diagnostics: &'d mut Diagnostics,
    open: Vec<Open<'a>>,
    /// By granit's anchor id; `None` while the anchored collection is still open.
    anchors: HashMap<usize, Option<Built<'a>>>,
    /// Where each anchor's name is given.
    names: HashMap<&'a str, Span>,
    /// Anchors of single values, by granit's id, to which no alias has referred so far.
    unused: BTreeMap<usize, Span>,
    expansion: u64,
}

impl<'a> Builder<'a, '_> {
    fn run(mut self, mut parser: Parser<'a, StrInput<'a>>) -> Result<Option<Rc<Tree<'a>>>, Broken> {
        let mut root = None;
        let mut held: Option<Held<'a>> = None;
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, span, tag) = match next {
                Ok((event, span)) => (event, self.node_span(&span), span.tag_span().map(|tag| self.node_span(&tag))),
                Err(error) => return Err(self.stop(&error)),
            };
            // The event of an anchor's name follows that of its node.
            let anchor = match &event {
                Event::Anchor(..) => Some(span),
                _ => None,
            };
            if let Some(node) = held.take() {
                root = self.node(node, anchor).or(root);
            }
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.error(codes::SEVERAL_DOCUMENTS, span, "a second YAML document", |it| {
                            it.label("starts here").help("a file holds one workflow: put the other into its own file")
                        });
                        return Ok(root);
                    }
                }
                Event::MappingEnd | Event::SequenceEnd => root = self.close(span).or(root),
                Event::Alias(_) | Event::UnresolvedAlias(_) => {
                    root = self.alias(&event, span).or(root);
                    if self.expansion > MAX_EXPANSION {
                        self.error(codes::EXPANSION_LIMIT, span, "aliases expand to more than 4 MiB of YAML", |it| {
                            it.label("too much from here on")
                                .help("repeat work with `type: dynamic_parallel` or a loop, not with aliases")
                        });
                        return Ok(None);
                    }
                }
                Event::Scalar(..) | Event::MappingStart(..) | Event::SequenceStart(..) => {
                    if self.open.len() >= MAX_DEPTH {
                        self.too_deep(span);
                        return Ok(None);
                    }
                    held = Some(Held { event, span, tag });
                }
                _ => {}
            }
        }
        if root.is_none() {
            let start = Span { file: self.file, start: 0, end: 0 };
            self.error(codes::EMPTY_FILE, start, "the file holds no workflow", |it| {
                it.help("the smallest one:\nname: hello\nnodes:\n  - name: greet\n    run: println!(\"hello\")")
            });
        }
        for span in std::mem::take(&mut self.unused).into_values() {
            let name = self.written(span);
            self.error(codes::BAD_ANCHOR, span, format!("no alias refers to the anchor `{name}`"), |it| {
                it.label("YAML reads this as a name for the value after it")
                    .help("if it is Rust, put the whole value in quotes, or write it below a `|`")
                    .help("otherwise remove it")
            });
        }
        Ok(root)
    }

    /// The text that breaks YAML's rules ends what can be read.
    fn stop(&self, error: &ScanError) -> Broken {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let brackets = self.open.iter().rev().map(|open| open.start as usize);
        let bracket = brackets.into_iter().find(|start| self.text[*start..].starts_with(['[', '{']));
        syntax_error::explain(error.kind(), self.text, self.file, at, bracket)
    }

    fn too_deep(&mut self, span: Span) {
        self.error(codes::FILE_LIMIT, span, "the YAML is nested more than 64 deep", |it| {
            it.help("no workflow is: if this is Rust, put the whole value in quotes, or write it below a `|`")
        });
    }

    /// The text at `span`.
    fn written(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// Handles the start of a node whose anchor, if it has one, is now known; gives the root if it is complete.
    fn node(&mut self, Held { event, span, tag }: Held<'a>, anchor: Option<Span>) -> Option<Rc<Tree<'a>>> {
        if let Some(tag) = tag {
            self.tag(tag);
        }
        let mut unused = true;
        if let Some(anchor) = anchor {
            let name = self.written(anchor);
            if let Some(first) = self.names.insert(name, anchor) {
                unused = false;
                let text = self.text;
                self.unused.retain(|_, span| text[span.start as usize..span.end as usize] != *name);
                self.error(codes::BAD_ANCHOR, anchor, format!("the anchor `{name}` is given twice"), |it| {
                    it.label("again here").also(first, "first given here").help("give one of them another name")
                });
            }
        }
        match event {
            Event::Scalar(text, style, id, _) => {
                let style = style_of(style);
                let weight = NODE_COST + text.len() as u64;
                if let (Some(anchor), true) = (anchor, unused && span.start < span.end) {
                    self.unused.insert(id, anchor);
                }
                let value = if tag.is_some() { Value::Broken } else { Value::Scalar(Scalar { text, style }) };
                let built = Built { node: Rc::new(Tree { span, anchor, value }), depth: 0, weight };
                return self.attach(built, id);
            }
            Event::MappingStart(style, id, _) => {
                let items = Items::Map { flow: style == StructureStyle::Flow, entries: Vec::new(), key: None };
                self.start(items, span, id, anchor);
            }
            Event::SequenceStart(_, id, _) => self.start(Items::List(Vec::new()), span, id, anchor),
            _ => {}
        }
        None
    }

    fn start(&mut self, items: Items<'a>, span: Span, anchor_id: usize, anchor: Option<Span>) {
        if anchor_id != 0 {
            self.anchors.insert(anchor_id, None);
        }
        self.open.push(Open {
            start: span.start,
            end: span.end,
            anchor_id,
            anchor,
            depth: 0,
            weight: NODE_COST,
            items,
        });
    }

    fn close(&mut self, end: Span) -> Option<Rc<Tree<'a>>> {
        let open = self.open.pop()?;
        // A flow collection ends with its bracket, a block collection with its last entry.
        let end = if end.end > end.start { end.end } else { open.end };
        let span = Span { file: self.file, start: open.start, end: end.max(open.start) };
        let value = match open.items {
            Items::List(items) => Value::List(items),
            Items::Map { entries, .. } => Value::Map(merge(entries, self.diagnostics)),
        };
        let built = Built {
            node: Rc::new(Tree { span, anchor: open.anchor, value }),
            depth: open.depth + 1,
            weight: open.weight,
        };
        self.attach(built, open.anchor_id)
    }

    fn alias(&mut self, event: &Event<'a>, span: Span) -> Option<Rc<Tree<'a>>> {
        let target = match event {
            Event::Alias(id) => {
                self.unused.remove(id);
                self.anchors.get(id).cloned().flatten()
            }
            _ => None,
        };
        let built = match (target, event) {
            (Some(target), _) => {
                self.expansion = self.expansion.saturating_add(target.weight);
                Ok(target)
            }
            (None, Event::UnresolvedAlias(name)) => {
                let message = format!("no anchor `&{name}` comes before this alias");
                let help = format!("if `*{name}` is Rust, put it in quotes: \"*{name}\"");
                Err(Diagnostic::error(codes::UNKNOWN_ANCHOR, span, message).help(help))
            }
            (None, _) => Err(Diagnostic::error(codes::UNKNOWN_ANCHOR, span, "an alias inside the value it refers to")
                .help("write out what is meant")),
        };
        let built = built.unwrap_or_else(|error| {
            self.diagnostics.push(error);
            let node = Rc::new(Tree { span, anchor: None, value: Value::Broken });
            Built { node, depth: 0, weight: NODE_COST }
        });
        self.attach(built, 0)
    }

    /// Puts a finished node where it belongs; gives it back if it is the root.
    fn attach(&mut self, built: Built<'a>, anchor_id: usize) -> Option<Rc<Tree<'a>>> {
        if anchor_id != 0 {
            self.anchors.insert(anchor_id, Some(built.clone()));
        }
        let Some(mut open) = self.open.pop() else { return Some(built.node) };
        open.depth = open.depth.max(built.depth);
        open.weight = open.weight.saturating_add(built.weight);
        let mut node = built.node;
        // An alias's place is at its anchor: it says nothing about where this collection ends.
        open.end = if node.span.start >= open.start { open.end.max(node.span.end) } else { open.end };
        if self.open.len() + built.depth >= MAX_DEPTH {
            self.too_deep(node.span);
            node = Rc::new(Tree { span: node.span, anchor: None, value: Value::Broken });
            open.depth = 0;
        }
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map { flow, entries, key } => match key.take() {
                None => *key = Some(node),
                Some(key) => self.entry(*flow, entries, &key, node),
            },
        }
        self.open.push(open);
        None
    }

    fn entry(&mut self, flow: bool, entries: &mut Vec<Entry<'a>>, key: &Tree<'a>, value: Rc<Tree<'a>>) {
        match &key.value {
            Value::Scalar(scalar) => {
                let bare = flow && self.has_no_colon(key, &value);
                if bare && self.is_split(entries, key.span) {
                    return;
                }
                let value = if bare { Rc::new(Tree { value: Value::Broken, ..*value }) } else { value };
                entries.push(Entry { key: Spanned::new(scalar.text.clone(), key.span), value, bare });
            }
            Value::Broken => {}
            Value::List(_) | Value::Map(_) => {
                self.error(codes::WRONG_SHAPE, key.span, format!("{} as the key of an entry", key.kind()), |it| {
                    it.help("a key is a word; if this is Rust, put it in quotes")
                });
            }
        }
    }

    /// Whether `key`, in braces, is not followed by a colon.
    fn has_no_colon(&self, key: &Tree, value: &Tree) -> bool {
        value.is_null()
            && value.span.start == value.span.end
            && !self.text[key.span.end as usize..].trim_start().starts_with(':')
    }

    /// In braces a comma ends a value, also inside `HashMap<String, u32>`: whether `word` is what follows it.
    fn is_split(&mut self, entries: &mut [Entry<'a>], word: Span) -> bool {
        let Some(entry) = entries.last_mut().filter(|entry| !entry.bare) else { return false };
        if let Value::Broken = entry.value.value {
            return true; // a further comma in the same value
        }
        if !is_cut_off(self.written(entry.value.span)) {
            return false;
        }
        let span = entry.value.span.to(word);
        entry.value = Rc::new(Tree { span, anchor: None, value: Value::Broken });
        let help = format!("put it in quotes: \"{}\"", self.written(span).replace('\\', "\\\\").replace('"', "\\\""));
        self.error(codes::SPLIT_VALUE, span, "a comma ends a value inside `{ }`", |it| {
            it.label("YAML reads this as several entries").help(help)
        });
        true
    }

    fn tag(&mut self, span: Span) {
        let tag = &self.text[span.start as usize..span.end as usize];
        self.error(codes::TAG, span, format!("`{tag}` is a YAML tag, which has no meaning here"), |it| {
            it.help("if it is Rust, put the whole value in quotes, or write it below a `|`")
        });
    }

    fn error(
        &mut self,
        code: crate::diagnostic::Code,
        span: Span,
        message: impl Into<String>,
        with: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        self.diagnostics.push(with(Diagnostic::error(code, span, message)));
    }

    /// granit's span in bytes. A block scalar's ends after the empty lines that follow it: they are cut off.
    fn node_span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let start = range.start.min(self.text.len());
        let text = self.text.get(start..range.end.min(self.text.len())).unwrap_or("");
        let end = start + text.trim_end().len();
        Span { file: self.file, start: offset(start), end: offset(end) }
    }
}

/// Whether something in `text` is open that must be closed.
fn is_cut_off(text: &str) -> bool {
    let count = |char| text.matches(char).count();
    let brackets = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];
    brackets.into_iter().any(|(open, close)| count(open) > count(close)) || count('"') % 2 + count('|') % 2 > 0
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        ScalarStyle::Plain => Style::Plain,
    }
}
