//! Mermaid, which GitHub and GitLab draw in Markdown.

use std::{collections::HashMap, fmt::Write};

use super::{Drawing, End, Item};

/// Words that cannot be the id of a node.
const RESERVED: [&str; 16] = [
    "end",
    "graph",
    "flowchart",
    "subgraph",
    "style",
    "linkStyle",
    "classDef",
    "class",
    "click",
    "call",
    "href",
    "default",
    "direction",
    "start",
    "finish",
    "interpolate",
];

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let mut page = Page { text: String::from("flowchart TD\n"), prefix: String::new(), ids: HashMap::new(), boxes: 0 };
    page.drawing(1, drawing);
    page.text
}

struct Page<'a> {
    text: String,
    /// In front of the ids of a called workflow.
    prefix: String,
    ids: HashMap<&'a str, String>,
    boxes: usize,
}

impl<'a> Page<'a> {
    fn drawing(&mut self, depth: usize, drawing: &Drawing<'a>) {
        let (start, finish) = (self.id(End::Start), self.id(End::Finish));
        self.line(depth, &format!("{start}([start])"));
        self.items(depth, &drawing.root);
        self.line(depth, &format!("{finish}([end])"));
        for arrow in &drawing.arrows {
            let label = if arrow.label.is_empty() { String::new() } else { format!("|{}|", quoted(&arrow.label)) };
            let line = format!("{} -->{label} {}", self.id(arrow.from), self.id(arrow.to));
            self.line(depth, &line);
        }
        let calls: Vec<_> = drawing.calls.iter().map(|(node, to)| (self.id(End::Node(node)), to)).collect();
        for called in &drawing.called {
            self.called(depth, called);
        }
        for (node, to) in calls {
            self.line(depth, &format!("{node} -.-> workflow_{to}"));
        }
    }

    /// A workflow that nodes call, as a box of its own.
    fn called(&mut self, depth: usize, drawing: &Drawing<'a>) {
        let id = drawing.number.map_or_else(String::new, |number| format!("workflow_{number}"));
        self.line(depth, &format!("subgraph {id}[{}]", quoted(drawing.name)));
        let outer = (std::mem::replace(&mut self.prefix, format!("{id}_")), std::mem::take(&mut self.ids));
        self.drawing(depth + 1, drawing);
        (self.prefix, self.ids) = outer;
        self.line(depth, "end");
    }

    fn items(&mut self, depth: usize, items: &[Item<'a>]) {
        for item in items {
            match item {
                Item::Node(node) => {
                    let id = self.id(End::Node(node.name));
                    let lines = [&[node.name.to_owned()], &node.about[..]].concat();
                    let text = quoted(&lines.join("\n"));
                    let line = if node.is_several { format!("{id}[[{text}]]") } else { format!("{id}[{text}]") };
                    self.line(depth, &line);
                }
                Item::FanOut(fan_out) => {
                    self.boxes += 1;
                    let line = format!("subgraph box{}[{}]", self.boxes, quoted(&fan_out.title));
                    self.line(depth, &line);
                    self.items(depth + 1, &fan_out.items);
                    self.line(depth, "end");
                }
            }
        }
    }

    /// The name, where Mermaid can take it.
    fn id(&mut self, end: End<'a>) -> String {
        let name = match end {
            End::Start => return format!("{}start", self.prefix),
            End::Finish => return format!("{}finish", self.prefix),
            End::Node(name) => name,
        };
        let number = self.ids.len();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
            && !name.starts_with("box")
            && !name.starts_with("node_")
            && !name.starts_with("workflow_");
        let prefix = &self.prefix;
        let id = || if plain { format!("{prefix}{name}") } else { format!("{prefix}node_{number}") };
        self.ids.entry(name).or_insert_with(id).clone()
    }

    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 4 * depth).expect("a string takes everything");
    }
}

/// In quotes; what Mermaid or HTML would read as its own is written as an entity.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("#quot;"),
            '#' => quoted.push_str("#35;"),
            '&' => quoted.push_str("#amp;"),
            '<' => quoted.push_str("#lt;"),
            '>' => quoted.push_str("#gt;"),
            '`' => quoted.push_str("#96;"),
            '\n' => quoted.push_str("<br/>"),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
