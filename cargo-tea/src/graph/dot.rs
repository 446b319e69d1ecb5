//! DOT, for Graphviz.

use std::fmt::Write;

use super::drawing::{Drawing, End, Item, region_title};

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let mut page = Page { text: String::new(), boxes: 0 };
    page.line(0, &format!("digraph {} {{", quoted(&drawing.plan.name.value)));
    page.line(1, "node [shape=box, style=rounded, fontname=\"Helvetica\"];");
    page.line(1, "edge [fontname=\"Helvetica\", fontsize=10];");
    // Ids of nodes have a letter in front, so that no name can be that of the start or end.
    page.line(1, "start [shape=oval];");
    page.items(1, &drawing.root);
    page.line(1, "end [shape=oval];");
    for arrow in &drawing.arrows {
        let label = (!arrow.label.is_empty()).then(|| format!("label={}", quoted(&arrow.label)));
        // A way back must not turn the drawing upside down.
        let back = drawing.leads_back(arrow).then(|| "constraint=false".to_owned());
        let looks: Vec<_> = label.into_iter().chain(back).collect();
        let looks = if looks.is_empty() { String::new() } else { format!(" [{}]", looks.join(", ")) };
        page.line(1, &format!("{} -> {}{looks};", id(arrow.from), id(arrow.to)));
    }
    page.line(0, "}");
    page.text
}

struct Page {
    text: String,
    boxes: usize,
}

impl Page {
    fn items(&mut self, depth: usize, items: &[Item<'_>]) {
        for item in items {
            match item {
                Item::Node(node) => {
                    let id = id(End::Node(node.name));
                    let lines = [&[node.name.to_owned()], &node.about()[..]].concat();
                    let double = if node.map.is_some() || node.calls.is_some() { ", peripheries=2" } else { "" };
                    let looks = format!("label={}{double}", quoted(&lines.join("\n")));
                    self.line(depth, &format!("{id} [{looks}];"));
                }
                Item::FanOut(fan_out) => {
                    self.boxes += 1;
                    self.line(depth, &format!("subgraph cluster_{} {{", self.boxes));
                    self.line(depth + 1, &format!("label={};", quoted(&region_title(fan_out.region))));
                    self.line(depth + 1, "style=\"rounded,dashed\"; fontname=\"Helvetica\"; fontsize=10;");
                    self.items(depth + 1, &fan_out.items);
                    self.line(depth, "}");
                }
            }
        }
    }

    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 4 * depth).expect("a string takes everything");
    }
}

fn id(end: End<'_>) -> String {
    match end {
        End::Start => "start".to_owned(),
        End::Finish => "end".to_owned(),
        End::Node(name) => quoted(&format!("n:{name}")),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
