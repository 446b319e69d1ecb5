//! SVG that needs no other file, for light and dark backgrounds.

use std::fmt::Write;

use super::{
    Drawing, End,
    layout::{self, Area, Layout, Point, text_width},
};

const STYLE: &str = include_str!("style.css");

/// Between a workflow and those that it calls.
const GAP: f64 = 24.0;
/// Room for the title of a workflow that is called.
const TITLE: f64 = 26.0;

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let whole = picture(drawing);
    let called: Vec<_> = drawing.called.iter().map(|called| (called, picture(called))).collect();
    let (mut left, mut right, mut height) = (whole.left, whole.right, whole.height);
    let mut more = String::new();
    for (called, Picture { text, left: first, right: last, height: own }) in called {
        let (name, width) = (called.name, (last - first).max(text_width(called.name)) + 20.0);
        let area = Area { left: first, top: height + GAP, width, height: own + TITLE };
        _ = write!(more, "<g class=\"workflow\" id=\"workflow-{}\">", called.number.unwrap_or_default());
        _ = write!(more, "{}", rectangle(area, 8.0));
        _ = writeln!(more, "{}", words(Point { x: area.left + 10.0, y: area.top + 16.0 }, "title", name));
        _ = writeln!(more, "<g transform=\"translate(10 {:.0})\">\n{text}</g></g>", area.top + TITLE);
        (left, right, height) = (left.min(first), right.max(area.left + width), area.top + area.height);
    }
    let width = right - left;
    let mut text = String::new();
    _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{left:.0} 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\">"
    );
    _ = writeln!(text, "<title>{}</title>", escaped(drawing.name));
    _ = writeln!(text, "<style>\n{STYLE}</style>");
    text.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n",
    );
    text + &whole.text + &more + "</svg>\n"
}

/// A workflow without those that it calls.
struct Picture {
    text: String,
    left: f64,
    right: f64,
    height: f64,
}

fn picture(drawing: &Drawing<'_>) -> Picture {
    let layout = layout::layout(drawing);
    let labels = labels(drawing, &layout);
    let half = |label: &str| text_width(label) / 2.0;
    let left = labels.iter().map(|(place, label)| place.x - half(label)).fold(0.0, f64::min);
    let right = labels.iter().map(|(place, label)| place.x + half(label)).fold(layout.width, f64::max);
    let mut text = String::new();
    boxes(&layout, &mut text);
    arrows(drawing, &layout, &mut text);
    nodes(drawing, &layout, &mut text);
    for (name, area) in [("start", layout.start), ("end", layout.finish)] {
        _ = write!(text, "<g class=\"terminal\">{}", rectangle(area, area.height / 2.0));
        _ = writeln!(text, "{}</g>", words(middle(area), "", name));
    }
    for (place, label) in labels {
        _ = writeln!(text, "{}", words(place, "label", label));
    }
    Picture { text, left, right, height: layout.height }
}

/// The name of a node in the picture: nodes of a workflow that is called have its number in front.
fn shown(drawing: &Drawing<'_>, name: &str) -> String {
    match drawing.number {
        Some(number) => format!("{number}/{}", escaped(name)),
        None => escaped(name),
    }
}

fn boxes(layout: &Layout<'_, '_>, text: &mut String) {
    for (fan_out, area) in &layout.boxes {
        let title = Point { x: area.left + 10.0, y: area.top + 14.0 };
        _ = write!(text, "<g class=\"fan-out\">{}", rectangle(*area, 8.0));
        _ = writeln!(text, "{}</g>", words(title, "title", &fan_out.title));
    }
}

fn nodes(drawing: &Drawing<'_>, layout: &Layout<'_, '_>, text: &mut String) {
    for (node, area) in &layout.nodes {
        let is_double = node.is_several;
        let class = if is_double { "node map" } else { "node" };
        let about = node.about.join(", ");
        let name = escaped(node.name);
        let id = shown(drawing, node.name);
        _ = write!(text, "<g class=\"{class}\" data-node=\"{id}\"><title>{name}, line {}", node.place.line);
        for (what, keys) in [("reads", &node.reads), ("writes", &node.writes)] {
            if !keys.is_empty() {
                _ = write!(text, "\n{what} {}", escaped(&keys.join(", ")));
            }
        }
        _ = write!(text, "</title>{}", rectangle(*area, 6.0));
        let center = middle(*area);
        if is_double {
            let inner =
                Area { left: area.left + 3.0, top: area.top + 3.0, width: area.width - 6.0, height: area.height - 6.0 };
            _ = write!(text, "{}", rectangle(inner, 4.0));
        }
        if about.is_empty() {
            _ = write!(text, "{}", words(center, "", node.name));
        } else {
            _ = write!(text, "{}", words(Point { y: center.y - 8.0, ..center }, "", node.name));
            _ = write!(text, "{}", words(Point { y: center.y + 9.0, ..center }, "small", &about));
        }
        text.push_str("</g>\n");
    }
}

fn arrows(drawing: &Drawing<'_>, layout: &Layout<'_, '_>, text: &mut String) {
    for (arrow, way) in drawing.arrows.iter().zip(layout.ways()) {
        let name = |end| match end {
            End::Start => shown(drawing, "__start__"),
            End::Node(name) => shown(drawing, name),
            End::Finish => shown(drawing, "__end__"),
        };
        let class = if drawing.leads_back(arrow) { "arrow back" } else { "arrow" };
        _ = writeln!(
            text,
            "<path class=\"{class}\" data-from=\"{}\" data-to=\"{}\" d=\"{}\" marker-end=\"url(#tip)\"/>",
            name(arrow.from),
            name(arrow.to),
            curve(&way)
        );
    }
}

/// What is written next to arrows: near the start, where the arrows from a node have parted.
fn labels<'d>(drawing: &'d Drawing<'_>, layout: &Layout<'_, '_>) -> Vec<(Point, &'d str)> {
    let place = |way: Vec<Point>| match way[..] {
        [first, second, ..] => {
            Some(Point { x: first.x + (second.x - first.x) * 0.6, y: first.y + (second.y - first.y) * 0.6 })
        }
        _ => None,
    };
    let labelled = drawing.arrows.iter().zip(layout.ways()).filter(|(arrow, _)| !arrow.label.is_empty());
    labelled.filter_map(|(arrow, way)| Some((place(way)?, &*arrow.label))).collect()
}

/// A smooth line through the points, upright at each.
fn curve(way: &[Point]) -> String {
    let mut text = String::new();
    for (index, point) in way.iter().enumerate() {
        match index.checked_sub(1).map(|before| way[before]) {
            None => _ = write!(text, "M{:.1} {:.1}", point.x, point.y),
            Some(before) if (before.x - point.x).abs() < 0.1 || (before.y - point.y).abs() < 0.1 => {
                _ = write!(text, "L{:.1} {:.1}", point.x, point.y);
            }
            Some(before) => {
                let half = f64::midpoint(before.y, point.y);
                _ = write!(text, "C{:.1} {half:.1} {:.1} {half:.1} {:.1} {:.1}", before.x, point.x, point.x, point.y);
            }
        }
    }
    text
}

fn middle(area: Area) -> Point {
    Point { x: area.left + area.width / 2.0, y: area.top + area.height / 2.0 }
}

fn rectangle(area: Area, radius: f64) -> String {
    format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius:.0}\"/>",
        area.left, area.top, area.width, area.height
    )
}

fn words(place: Point, class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    // Not every viewer knows `dominant-baseline`.
    let baseline = place.y + 4.5;
    format!("<text x=\"{:.1}\" y=\"{baseline:.1}\"{class}>{}</text>", place.x, escaped(text))
}

/// Text for XML and HTML. Control characters, which XML cannot contain, become the replacement character.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char if char.is_control() && !matches!(char, '\n' | '\t') => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
    }
    escaped
}
