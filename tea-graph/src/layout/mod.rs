//! Where everything goes in a picture: a layered drawing from top to bottom (after Sugiyama), box by box.
//!
//! The inside of a box is laid out first; around it, the box is one vertex. An arrow that crosses the border of a box
//! passes it at a port, a vertex without a size on the border. An arrow over several layers passes each at such a
//! vertex, too, so that it keeps clear of the nodes there.

mod geometry;
mod layers;
mod order;

use std::collections::{BTreeMap, HashMap};

use unicode_width::UnicodeWidthStr;

pub(super) use self::geometry::{Area, Point};
use self::{
    geometry::{around, turned},
    order::{Neighbors, mean, number},
};
use super::{Drawing, End, FanOut, Item, Node};

/// Width of a character.
const CHARACTER: f64 = 7.3;
/// Height of a line of text.
const LINE: f64 = 17.0;
/// Between two layers.
const LAYER_GAP: f64 = 46.0;
/// Between the border of a box and what is inside.
const PADDING: f64 = 14.0;
/// Room for the title of a box.
const TITLE: f64 = 20.0;
/// How often the order and the places within layers are improved.
const ROUNDS: usize = 8;

/// A drawing with places.
pub(super) struct Layout<'d, 'a> {
    pub(super) nodes: Vec<(&'d Node<'a>, Area)>,
    pub(super) boxes: Vec<(&'d FanOut<'a>, Area)>,
    pub(super) start: Area,
    pub(super) finish: Area,
    /// The way of each arrow, in the order of the drawing, from its start to its end, in parts.
    parts: Vec<BTreeMap<i64, Vec<Point>>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Layout<'_, '_> {
    /// The way of each arrow, in the order of the drawing, from its start to its end.
    pub(super) fn ways(&self) -> impl Iterator<Item = Vec<Point>> {
        self.parts.iter().map(|parts| parts.values().flatten().copied().collect())
    }
}

/// Lays out a drawing.
pub(super) fn layout<'d, 'a>(drawing: &'d Drawing<'a>) -> Layout<'d, 'a> {
    let mut paths = HashMap::new();
    place_in_tree(&drawing.root, &mut vec![], 1, &mut paths);
    paths.insert(End::Start, vec![0]);
    paths.insert(End::Finish, vec![drawing.root.len() + 1]);
    let arrows: Vec<_> = drawing
        .arrows
        .iter()
        .enumerate()
        .map(|(number, arrow)| Line { number, from: paths[&arrow.from].clone(), to: paths[&arrow.to].clone() })
        .collect();
    let mut layout = Layout {
        nodes: Vec::new(),
        boxes: Vec::new(),
        start: Area { left: 0.0, top: 0.0, width: 0.0, height: 0.0 },
        finish: Area { left: 0.0, top: 0.0, width: 0.0, height: 0.0 },
        parts: vec![BTreeMap::new(); drawing.arrows.len()],
        width: 0.0,
        height: 0.0,
    };
    let root = Level::new(&drawing.root, true, &arrows, 0);
    layout.width = root.width + 2.0 * PADDING;
    layout.height = root.height + 2.0 * PADDING;
    root.finish(Point { x: PADDING, y: PADDING }, &mut layout);
    layout
}

/// Where each node is in the tree of boxes: an index at each level.
fn place_in_tree<'a>(
    items: &[Item<'a>],
    path: &mut Vec<usize>,
    first: usize,
    paths: &mut HashMap<End<'a>, Vec<usize>>,
) {
    for (index, item) in items.iter().enumerate() {
        path.push(index + first);
        match item {
            Item::Node(node) => {
                paths.insert(End::Node(node.name), path.clone());
            }
            Item::FanOut(fan_out) => place_in_tree(&fan_out.items, path, 0, paths),
        }
        path.pop();
    }
}

/// An arrow between two places in the tree of boxes.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    from: Vec<usize>,
    to: Vec<usize>,
}

/// What a vertex is.
enum Kind<'d, 'a> {
    Start,
    Finish,
    Node(&'d Node<'a>),
    Box(&'d FanOut<'a>, Level<'d, 'a>),
    /// A point on the way of an arrow.
    Bend,
}

struct Vertex<'d, 'a> {
    kind: Kind<'d, 'a>,
    width: f64,
    height: f64,
    layer: usize,
    /// The middle.
    x: f64,
    top: f64,
}

/// One end of a part of an arrow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Tip {
    /// A vertex of this level.
    Vertex(usize),
    /// The upper border of the level.
    Above,
    /// The lower border of the level.
    Below,
}

/// A part of an arrow within a level.
struct Part {
    number: usize,
    /// Parts in the order of this number make up the arrow.
    rank: i64,
    /// The vertices that it passes, from above to below.
    chain: Vec<usize>,
    /// It points up.
    back: bool,
}

/// What is inside of one box, or outside of all.
struct Level<'d, 'a> {
    vertices: Vec<Vertex<'d, 'a>>,
    parts: Vec<Part>,
    width: f64,
    height: f64,
}

impl<'d, 'a> Level<'d, 'a> {
    /// Lays out `items`. `lines` are the arrows that touch this level; their paths count from `depth` on.
    fn new(items: &'d [Item<'a>], is_root: bool, lines: &[Line], depth: usize) -> Self {
        let count = items.len() + if is_root { 2 } else { 0 };
        let first = usize::from(is_root);
        // Which lines have an end in which item.
        let mut inner: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
        let mut tips = Vec::new();
        for line in lines {
            let (from, to) = (line.from.get(depth).copied(), line.to.get(depth).copied());
            let is_in =
                |item: usize| items.get(item.wrapping_sub(first)).is_some_and(|item| matches!(item, Item::FanOut(_)));
            for item in [from, to].into_iter().flatten().filter(|item| *item != OUTSIDE && is_in(*item)) {
                let inside = inner.entry(item).or_default();
                if inside.last().is_none_or(|last| last.number != line.number) {
                    inside.push(Line {
                        from: if from == Some(item) { line.from.clone() } else { outside(depth) },
                        to: if to == Some(item) { line.to.clone() } else { outside(depth) },
                        ..*line
                    });
                }
            }
            let tip = |index: Option<usize>, otherwise| match index {
                Some(index) if index != OUTSIDE => Tip::Vertex(index),
                _ => otherwise,
            };
            let ends = (tip(from, Tip::Above), tip(to, Tip::Below));
            // An arrow within one box belongs to the inside of it.
            if ends.0 != ends.1 || !matches!(ends.0, Tip::Vertex(item) if is_in(item)) {
                tips.push((line.number, ends.0, ends.1));
            }
        }
        let mut vertices: Vec<Vertex<'d, 'a>> = Vec::with_capacity(count);
        if is_root {
            vertices.push(terminal(Kind::Start));
        }
        for (index, item) in items.iter().enumerate() {
            vertices.push(match item {
                Item::Node(node) => node_vertex(node),
                Item::FanOut(fan_out) => {
                    let lines = inner.remove(&(index + first)).unwrap_or_default();
                    box_vertex(fan_out, Level::new(&fan_out.items, false, &lines, depth + 1))
                }
            });
        }
        if is_root {
            vertices.push(terminal(Kind::Finish));
        }
        let mut level = Self { vertices, parts: Vec::new(), width: 0.0, height: 0.0 };
        level.assign_layers(&tips);
        level.connect(&tips, i64::try_from(depth).unwrap_or(i64::MAX));
        level.place();
        level
    }

    /// Orders the vertices of each layer, and gives all their places.
    fn place(&mut self) {
        let count = self.vertices.iter().map(|vertex| vertex.layer).max().unwrap_or(0) + 1;
        let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (index, vertex) in self.vertices.iter().enumerate() {
            layers[vertex.layer].push(index);
        }
        let mut neighbors =
            Neighbors { above: vec![Vec::new(); self.vertices.len()], below: vec![Vec::new(); self.vertices.len()] };
        for part in &self.parts {
            for pair in part.chain.windows(2).filter(|pair| pair[0] != pair[1]) {
                neighbors.below[pair[0]].push(pair[1]);
                neighbors.above[pair[1]].push(pair[0]);
            }
        }
        order::order(&mut layers, &neighbors);
        for layer in &layers {
            let wanted = vec![0.0; layer.len()];
            self.settle(layer, &wanted);
        }
        for round in 0..ROUNDS {
            let down = round % 2 == 0;
            let sequence: Vec<usize> = if down { (0..count).collect() } else { (0..count).rev().collect() };
            for layer in sequence {
                let toward = if down { &neighbors.above } else { &neighbors.below };
                let wanted: Vec<f64> = layers[layer]
                    .iter()
                    .map(|vertex| {
                        mean(toward[*vertex].iter().map(|other| self.vertices[*other].x))
                            .unwrap_or(self.vertices[*vertex].x)
                    })
                    .collect();
                self.settle(&layers[layer], &wanted);
            }
        }
        self.measure(&layers);
    }

    /// Places the vertices of a layer as near to the wanted places as their order and widths allow.
    fn settle(&mut self, layer: &[usize], wanted: &[f64]) {
        let widths: Vec<_> = layer.iter().map(|vertex| self.vertices[*vertex].width).collect();
        for (vertex, x) in layer.iter().zip(order::settle(&widths, wanted)) {
            self.vertices[*vertex].x = x;
        }
    }

    /// Gives each layer its height, and moves everything to the right of 0.
    fn measure(&mut self, layers: &[Vec<usize>]) {
        let left = self.vertices.iter().map(|vertex| vertex.x - vertex.width / 2.0).fold(f64::INFINITY, f64::min);
        let right = self.vertices.iter().map(|vertex| vertex.x + vertex.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
        let mut top = 0.0;
        for (index, layer) in layers.iter().enumerate() {
            let height = layer.iter().map(|vertex| self.vertices[*vertex].height).fold(0.0, f64::max);
            for vertex in layer {
                let vertex = &mut self.vertices[*vertex];
                vertex.x -= left;
                if let Kind::Bend = vertex.kind {
                    // It passes beside whatever is in the layer.
                    vertex.height = height;
                }
                vertex.top = top + (height - vertex.height) / 2.0;
            }
            // Ports are on the border, and need less room.
            let is_border =
                |layer: &[usize]| layer.iter().all(|vertex| matches!(self.vertices[*vertex].kind, Kind::Bend));
            let near_border = is_border(layer) || layers.get(index + 1).is_some_and(|next| is_border(next));
            top += height + if near_border { LAYER_GAP / 2.0 } else { LAYER_GAP };
            self.height = top - if near_border { LAYER_GAP / 2.0 } else { LAYER_GAP };
        }
        self.width = (right - left).max(0.0);
    }

    /// Writes the places into the layout, with this level at `origin`.
    fn finish(self, origin: Point, layout: &mut Layout<'d, 'a>) {
        let areas: Vec<_> = self
            .vertices
            .iter()
            .map(|vertex| Area {
                left: origin.x + vertex.x - vertex.width / 2.0,
                top: origin.y + vertex.top,
                width: vertex.width,
                height: vertex.height,
            })
            .collect();
        let is_box: Vec<_> = self.vertices.iter().map(|vertex| matches!(vertex.kind, Kind::Box(..))).collect();
        let is_bend: Vec<_> = self.vertices.iter().map(|vertex| matches!(vertex.kind, Kind::Bend)).collect();
        // The inside of boxes first: its parts of an arrow tell where the others have to meet it.
        for (vertex, area) in self.vertices.into_iter().zip(&areas) {
            match vertex.kind {
                Kind::Start => layout.start = *area,
                Kind::Finish => layout.finish = *area,
                Kind::Node(node) => layout.nodes.push((node, *area)),
                Kind::Box(fan_out, level) => {
                    layout.boxes.push((fan_out, *area));
                    level.finish(Point { x: area.left + PADDING, y: area.top + PADDING + TITLE }, layout);
                }
                Kind::Bend => {}
            }
        }
        for part in self.parts {
            let mut points: Vec<Point> = Vec::new();
            let last = part.chain.len() - 1;
            for (index, vertex) in part.chain.iter().enumerate() {
                let area = areas[*vertex];
                let x = area.left + area.width / 2.0;
                match index {
                    // What is inside of the box has its own part, which continues this one.
                    _ if is_box[*vertex] => {}
                    0 => points.push(Point { x, y: area.top + area.height }),
                    _ if index == last => points.push(Point { x, y: area.top }),
                    _ => points.extend([Point { x, y: area.top }, Point { x, y: area.top + area.height }]),
                }
            }
            if part.chain[0] == part.chain[last] && last > 0 {
                points = around(areas[part.chain[0]]);
            }
            if part.back {
                let is_node = |vertex: usize| !is_box[vertex] && !is_bend[vertex];
                points = turned(points, is_node(part.chain[last]), is_node(part.chain[0]));
            }
            layout.parts[part.number].insert(part.rank, points);
        }
    }
}

/// The place of an end that is not on this level.
const OUTSIDE: usize = usize::MAX;

fn outside(depth: usize) -> Vec<usize> {
    vec![OUTSIDE; depth + 2]
}

/// The width of a text.
pub(super) fn text_width(text: &str) -> f64 {
    number(text.width()) * CHARACTER
}

fn terminal<'d, 'a>(kind: Kind<'d, 'a>) -> Vertex<'d, 'a> {
    Vertex { kind, width: 54.0, height: 26.0, layer: 0, x: 0.0, top: 0.0 }
}

fn node_vertex<'d, 'a>(node: &'d Node<'a>) -> Vertex<'d, 'a> {
    let about = node.about.join(", ");
    let second = (!about.is_empty()).then(|| text_width(&about) * 0.85);
    let width = text_width(node.name).max(second.unwrap_or(0.0)) + 24.0;
    let height = LINE + 15.0 + second.map_or(0.0, |_| LINE);
    Vertex { kind: Kind::Node(node), width, height, layer: 0, x: 0.0, top: 0.0 }
}

fn box_vertex<'d, 'a>(fan_out: &'d FanOut<'a>, level: Level<'d, 'a>) -> Vertex<'d, 'a> {
    let width = level.width.max(text_width(&fan_out.title) * 0.85) + 2.0 * PADDING;
    let height = level.height + 2.0 * PADDING + TITLE;
    Vertex { kind: Kind::Box(fan_out, level), width, height, layer: 0, x: 0.0, top: 0.0 }
}
