//! The layers of a level: which vertex is in which, and where arrows pass those between.

use super::{Kind, Level, Part, Tip, Vertex};

impl Level<'_, '_> {
    /// Each vertex below all that point to it. An arrow from a later to an earlier item points up.
    pub(super) fn assign_layers(&mut self, tips: &[(usize, Tip, Tip)]) {
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.vertices.len()];
        let mut enters = false;
        for (_, from, to) in tips {
            match (from, to) {
                (Tip::Vertex(from), Tip::Vertex(to)) if from != to => below[*from.min(to)].push(*from.max(to)),
                (Tip::Above, _) => enters = true,
                _ => {}
            }
        }
        let top = usize::from(enters);
        for vertex in &mut self.vertices {
            vertex.layer = top;
        }
        for (vertex, targets) in below.into_iter().enumerate() {
            let next = self.vertices[vertex].layer + 1;
            for target in targets {
                let layer = &mut self.vertices[target].layer;
                *layer = next.max(*layer);
            }
        }
        // The end is below everything.
        let last = self.vertices.iter().map(|vertex| vertex.layer).max().unwrap_or(0);
        if let Some(Vertex { kind: Kind::Finish, layer, .. }) = self.vertices.last_mut() {
            *layer = last;
        }
    }

    /// Gives each arrow a bend in every layer that it passes, and at the borders.
    pub(super) fn connect(&mut self, tips: &[(usize, Tip, Tip)], depth: i64) {
        let bottom = self.vertices.iter().map(|vertex| vertex.layer).max().unwrap_or(0) + 1;
        for &(number, from, to) in tips {
            let layer = |tip| match tip {
                Tip::Vertex(vertex) => self.vertices[vertex].layer,
                Tip::Above => 0,
                Tip::Below => bottom,
            };
            let back = layer(from) > layer(to);
            let (upper, lower) = if back { (to, from) } else { (from, to) };
            let (first, last) = (layer(upper), layer(lower));
            let mut chain = Vec::new();
            match upper {
                Tip::Vertex(vertex) => chain.push(vertex),
                Tip::Above | Tip::Below => chain.push(self.bend(first)),
            }
            for between in first + 1..last {
                chain.push(self.bend(between));
            }
            match lower {
                Tip::Vertex(vertex) => chain.push(vertex),
                Tip::Above | Tip::Below => chain.push(self.bend(last)),
            }
            // From the inside of boxes out, and into others.
            let rank = match (from, to) {
                (_, Tip::Below) => -depth,
                (Tip::Above, _) => depth,
                _ => 0,
            };
            self.parts.push(Part { number, rank, chain, back });
        }
    }

    fn bend(&mut self, layer: usize) -> usize {
        self.vertices.push(Vertex { kind: Kind::Bend, width: 6.0, height: 0.0, layer, x: 0.0, top: 0.0 });
        self.vertices.len() - 1
    }
}
