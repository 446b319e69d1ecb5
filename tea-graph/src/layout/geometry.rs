//! Points, rectangles and the ways of arrows.

use super::order::GAP;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// A rectangle with a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// From a node back to itself.
pub(crate) fn around(area: Area) -> Vec<Point> {
    let right = area.left + area.width;
    let (upper, lower) = (area.top + area.height * 0.25, area.top + area.height * 0.75);
    [(right, lower), (right + GAP * 0.7, lower), (right + GAP * 0.7, upper), (right, upper)]
        .map(|(x, y)| Point { x, y })
        .to_vec()
}

/// An arrow that points up: from the top of the lower vertex to the bottom of the upper one.
pub(crate) fn turned(mut points: Vec<Point>, from_node: bool, to_node: bool) -> Vec<Point> {
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
