//! Drawings of workflows. A [`Drawing`] says what is drawn; each format says only how. For the SVG, `layout` computes where
//! everything goes.
//!
//! Arrows go from node to node as in the workflow file: a fan-out is a box around its branches, and not a node itself.

#![forbid(unsafe_code)]

mod dot;
mod json;
mod layout;
mod mermaid;
mod svg;

use std::collections::HashMap;

use serde_json::{Map, Value};

pub use self::svg::escaped;

/// A drawing of a workflow.
#[derive(Debug)]
pub struct Drawing<'a> {
    /// The name of the workflow.
    pub name: &'a str,
    /// Its description, if it has one.
    pub description: Option<&'a str>,
    /// The path of the workflow file.
    pub file: String,
    /// The number of the workflow, if others call it.
    pub number: Option<u32>,
    /// What is known of its keys, for other programs.
    pub keys: Vec<Value>,
    /// What is outside of all boxes, in order.
    pub root: Vec<Item<'a>>,
    /// The arrows, in the order of the nodes that they start from.
    pub arrows: Vec<Arrow<'a>>,
    /// The nodes that call workflows, with the numbers of these.
    pub calls: Vec<(&'a str, u32)>,
    /// The workflows that are called, each before those that it calls itself.
    pub called: Vec<Self>,
    /// The nodes by their order in the drawing.
    order: HashMap<&'a str, usize>,
}

/// Part of a drawing, or of a box in it.
#[derive(Debug)]
pub enum Item<'a> {
    /// A node.
    Node(Node<'a>),
    /// A box.
    FanOut(FanOut<'a>),
}

/// A node of the workflow.
#[derive(Debug)]
pub struct Node<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its position in the file.
    pub place: Place,
    /// What is written below the name.
    pub about: Vec<String>,
    /// Whether it stands for several runs of its Rust or of a workflow: a map, or a call.
    pub is_several: bool,
    /// The keys that it reads and writes, where they are known.
    pub reads: Vec<&'a str>,
    /// See `reads`.
    pub writes: Vec<&'a str>,
    /// What else other programs are told of it.
    pub facts: Map<String, Value>,
}

/// A box around the branches of a fan-out.
#[derive(Debug)]
pub struct FanOut<'a> {
    /// The number of the fan-out in the workflow.
    pub id: u32,
    /// The node that it starts from.
    pub from: &'a str,
    /// Its position in the file.
    pub place: Place,
    /// What is written on the box.
    pub title: String,
    /// What is inside of it.
    pub items: Vec<Item<'a>>,
    /// What else other programs are told of it.
    pub facts: Map<String, Value>,
}

/// A position in the workflow file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// From a node, or the start, to a node, or the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow<'a> {
    /// Where it starts.
    pub from: End<'a>,
    /// Where it leads.
    pub to: End<'a>,
    /// What is written next to it.
    pub label: String,
}

/// One end of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End<'a> {
    /// The start of the workflow.
    Start,
    /// A node.
    Node(&'a str),
    /// The end of the workflow.
    Finish,
}

/// A format of drawings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture that needs no other file.
    Svg,
    /// Mermaid, which GitHub and GitLab draw in Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
    /// JSON, for other programs.
    Json,
}

impl<'a> Drawing<'a> {
    /// A drawing in which nothing is called.
    #[must_use]
    pub fn new(name: &'a str, file: String, number: Option<u32>) -> Self {
        let (description, keys, root, arrows, calls, called, order) = Default::default();
        Self { name, description, file, number, keys, root, arrows, calls, called, order }
    }

    /// Numbers the nodes in the order in which they are drawn, when all of them are there.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        enumerate(&self.root, &mut self.order);
        self
    }

    /// The text of the drawing.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Svg => svg::render(self),
            Format::Mermaid => mermaid::render(self),
            Format::Dot => dot::render(self),
            Format::Json => json::render(self),
        }
    }

    /// Whether an arrow leads to a node that comes before the one it starts from.
    fn leads_back(&self, arrow: &Arrow<'_>) -> bool {
        match (arrow.from, arrow.to) {
            (End::Node(from), End::Node(to)) => self.order.get(to) <= self.order.get(from),
            _ => false,
        }
    }
}

fn enumerate<'a>(items: &[Item<'a>], order: &mut HashMap<&'a str, usize>) {
    for item in items {
        match item {
            Item::Node(node) => {
                let next = order.len();
                order.entry(node.name).or_insert(next);
            }
            Item::FanOut(fan_out) => enumerate(&fan_out.items, order),
        }
    }
}

/// What is written on a fan-out, map or node with settings of its own: what it is, and those settings that shape its run.
#[must_use]
pub fn title(what: &str, strategy: Option<&str>, max_workers: Option<u32>, fail_fast: bool) -> String {
    let parts = [
        Some(what.to_owned()),
        strategy.map(str::to_owned),
        max_workers.map(|max| format!("at most {max}")),
        fail_fast.then(|| "fail fast".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Rust on one line, and not too long for an arrow.
#[must_use]
pub fn one_line(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
