//! DOT, for Graphviz.

use std::fmt::Write;

use super::{Drawing, End, Item};

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let mut page = Page { text: String::new(), boxes: 0 };
    page.line(0, &format!("digraph {} {{", quoted(drawing.name)));
    page.line(1, "node [shape=box, style=rounded, fontname=\"Helvetica\"];");
    page.line(1, "edge [fontname=\"Helvetica\", fontsize=10];");
    page.drawing(1, drawing);
    for called in &drawing.called {
        page.line(1, &format!("subgraph cluster_workflow_{} {{", called.number.unwrap_or_default()));
        page.line(2, &format!("label={};", quoted(called.name)));
        page.line(2, "style=rounded; fontname=\"Helvetica\"; fontsize=12;");
        page.drawing(2, called);
        page.line(1, "}");
    }
    for caller in std::iter::once(drawing).chain(&drawing.called) {
        for (node, to) in &caller.calls {
            let (node, to) = (id(caller.number, End::Node(node)), id(Some(*to), End::Start));
            page.line(1, &format!("{node} -> {to} [style=dashed];"));
        }
    }
    page.line(0, "}");
    page.text
}

struct Page {
    text: String,
    boxes: usize,
}

impl Page {
    fn drawing(&mut self, depth: usize, drawing: &Drawing<'_>) {
        let id = |end| id(drawing.number, end);
        let terminal = |end, name: &str| match drawing.number {
            None => format!("{} [shape=oval];", id(end)),
            Some(_) => format!("{} [shape=oval, label={name}];", id(end)),
        };
        self.line(depth, &terminal(End::Start, "start"));
        self.items(depth, &drawing.root, drawing.number);
        self.line(depth, &terminal(End::Finish, "end"));
        for arrow in &drawing.arrows {
            let label = (!arrow.label.is_empty()).then(|| format!("label={}", quoted(&arrow.label)));
            // A way back must not turn the drawing upside down.
            let back = drawing.leads_back(arrow).then(|| "constraint=false".to_owned());
            let looks: Vec<_> = label.into_iter().chain(back).collect();
            let looks = if looks.is_empty() { String::new() } else { format!(" [{}]", looks.join(", ")) };
            self.line(depth, &format!("{} -> {}{looks};", id(arrow.from), id(arrow.to)));
        }
    }

    fn items(&mut self, depth: usize, items: &[Item<'_>], workflow: Option<u32>) {
        for item in items {
            match item {
                Item::Node(node) => {
                    let id = id(workflow, End::Node(node.name));
                    let lines = [&[node.name.to_owned()], &node.about[..]].concat();
                    let double = if node.is_several { ", peripheries=2" } else { "" };
                    let looks = format!("label={}{double}", quoted(&lines.join("\n")));
                    self.line(depth, &format!("{id} [{looks}];"));
                }
                Item::FanOut(fan_out) => {
                    self.boxes += 1;
                    self.line(depth, &format!("subgraph cluster_{} {{", self.boxes));
                    self.line(depth + 1, &format!("label={};", quoted(&fan_out.title)));
                    self.line(depth + 1, "style=\"rounded,dashed\"; fontname=\"Helvetica\"; fontsize=10;");
                    self.items(depth + 1, &fan_out.items, workflow);
                    self.line(depth, "}");
                }
            }
        }
    }

    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 4 * depth).expect("a string takes everything");
    }
}

/// Ids of nodes have a letter in front, so that no name can be that of the start or end, or that of a node of another
/// workflow.
fn id(workflow: Option<u32>, end: End<'_>) -> String {
    match (workflow, end) {
        (None, End::Start) => "start".to_owned(),
        (None, End::Finish) => "end".to_owned(),
        (None, End::Node(name)) => quoted(&format!("n:{name}")),
        (Some(number), End::Start) => format!("start_{number}"),
        (Some(number), End::Finish) => format!("end_{number}"),
        (Some(number), End::Node(name)) => quoted(&format!("{number}:{name}")),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
