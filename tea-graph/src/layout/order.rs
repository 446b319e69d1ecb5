//! The order of the vertices within each layer, and how far apart they are.

/// How often the order is improved.
const ROUNDS: usize = 8;
/// Between two neighbors in a layer.
pub(super) const GAP: f64 = 22.0;

/// The vertices that each vertex has an arrow from or to.
pub(super) struct Neighbors {
    /// In the layer above.
    pub(super) above: Vec<Vec<usize>>,
    /// In the layer below.
    pub(super) below: Vec<Vec<usize>>,
}

/// Orders the vertices of each layer by the mean position of their neighbors, alternately from above and below.
pub(super) fn order(layers: &mut [Vec<usize>], neighbors: &Neighbors) {
    let count = layers.iter().map(Vec::len).sum();
    let mut position = vec![0.0; count];
    let remember = |layer: &[usize], position: &mut [f64]| {
        for (index, vertex) in layer.iter().enumerate() {
            position[*vertex] = number(index);
        }
    };
    for layer in layers.iter() {
        remember(layer, &mut position);
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let toward = if down { &neighbors.above } else { &neighbors.below };
        let mut sort = |layer: &mut Vec<usize>| {
            let key = |vertex: &usize| {
                mean(toward[*vertex].iter().map(|other| position[*other])).unwrap_or(position[*vertex])
            };
            let mut keyed: Vec<_> = layer.iter().map(|vertex| (key(vertex), *vertex)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            remember(layer, &mut position);
        };
        if down {
            layers.iter_mut().for_each(&mut sort);
        } else {
            layers.iter_mut().rev().for_each(&mut sort);
        }
    }
}

/// Where to put the vertices of a layer: as near to the wanted places as their order and widths allow. This is the
/// isotonic regression of the places, less the widths.
pub(super) fn settle(widths: &[f64], wanted: &[f64]) -> Vec<f64> {
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(widths.len());
    // Vertices that touch, by the sum of their places and their number.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for (index, (width, wanted)) in widths.iter().zip(wanted).enumerate() {
        if let Some(before) = index.checked_sub(1) {
            offset += f64::midpoint(widths[before], *width) + GAP;
        }
        offsets.push(offset);
        groups.push((wanted - offset, 1));
        while let [.., before, last] = groups[..]
            && before.0 / number(before.1) > last.0 / number(last.1)
        {
            groups.truncate(groups.len() - 2);
            groups.push((before.0 + last.0, before.1 + last.1));
        }
    }
    let means = groups.iter().flat_map(|(sum, count)| std::iter::repeat_n(sum / number(*count), *count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

/// The mean, if there is one.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / number(count))
}

/// A count, to calculate with.
#[allow(clippy::cast_precision_loss, reason = "counts of what is drawn are far below 2^52")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertices_keep_their_distance_and_their_order() {
        let placed = settle(&[10.0, 10.0, 10.0], &[50.0, 0.0, 0.0]);
        assert!(placed.windows(2).all(|pair| pair[1] - pair[0] >= 10.0 + GAP - 1e-9), "{placed:?}");
        assert_eq!(settle(&[10.0, 10.0], &[0.0, 100.0]), [0.0, 100.0]);
    }

    #[test]
    fn crossing_arrows_are_uncrossed() {
        // 0 → 3 and 1 → 2.
        let mut layers = vec![vec![0, 1], vec![2, 3]];
        let neighbors =
            Neighbors { above: vec![vec![], vec![], vec![1], vec![0]], below: vec![vec![3], vec![2], vec![], vec![]] };
        order(&mut layers, &neighbors);
        let inverted = (layers[0] == [0, 1]) != (layers[1] == [3, 2]);
        assert!(!inverted, "{layers:?}");
    }
}
