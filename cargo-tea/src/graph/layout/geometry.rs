//! Points, rectangles and the ways of arrows.

use super::order::GAP;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::graph) struct Point {
    pub(in crate::graph) x: f64,
    pub(in crate::graph) y: f64,
}

/// A rectangle with a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::graph) struct Area {
    pub(in crate::graph) left: f64,
    pub(in crate::graph) top: f64,
    pub(in crate::graph) width: f64,
    pub(in crate::graph) height: f64,
}

/// From a node back to itself.
pub(in crate::graph) fn around(area: Area) -> Vec<Point> {
    let right = area.left + area.width;
    let (upper, lower) = (area.top + area.height * 0.25, area.top + area.height * 0.75);
    [(right, lower), (right + GAP * 0.7, lower), (right + GAP * 0.7, upper), (right, upper)]
        .map(|(x, y)| Point { x, y })
        .to_vec()
}

/// An arrow that points up: from the top of the lower vertex to the bottom of the upper one.
pub(in crate::graph) fn turned(mut points: Vec<Point>, from_node: bool, to_node: bool) -> Vec<Point> {
    /// At a node, it is a little beside the arrows that point down.
    const BESIDE: f64 = 10.0;
    points.reverse();
    if let Some(point) = points.first_mut().filter(|_| from_node) {
        point.x += BESIDE;
    }
    if let Some(point) = points.last_mut().filter(|_| to_node) {
        point.x += BESIDE;
    }
    points
}
