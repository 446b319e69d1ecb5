//! Which keys go to worker processes and back, and where.

use std::collections::HashMap;

use super::{Graph, KeyId, access::Access, resolve, settings};
use crate::{
    source::Span,
    syntax::{Parallel, Work},
};

/// For each key that crosses, the places that send it.
pub(crate) fn crossings(graph: &Graph<'_>, access: &Access) -> HashMap<KeyId, Vec<Span>> {
    let mut crosses: HashMap<KeyId, Vec<Span>> = HashMap::new();
    let mut cross = |key: KeyId, span: Span| {
        let spans = crosses.entry(key).or_default();
        // Tasks of one fan-out come one after the other.
        if spans.last() != Some(&span) {
            spans.push(span);
        }
    };
    for (region, sent) in graph.regions.iter().zip(&access.regions) {
        for (task, sent) in region.tasks.iter().zip(&sent.tasks) {
            if let Some(span) = away(graph, &task.settings, region.span) {
                sent.reads.iter().for_each(|read| cross(read.key, span));
                sent.writes.iter().for_each(|write| cross(write.key, span));
            }
        }
    }
    for (index, node) in graph.workflow.nodes.iter().enumerate() {
        let Work::Map(map) = &node.work else { continue };
        let settings = node.parallel.or(&graph.workflow.parallel);
        if graph.block_of[index].is_some()
            && let Some(span) = away(graph, &settings, node.name.span)
        {
            let reads = graph.keys.uses_of(&map.run, &resolve::hidden(map));
            for (key, _) in reads {
                cross(key, span);
            }
            if let Some(key) = graph.map_output(index) {
                cross(key, span);
            }
        }
    }
    for spans in crosses.values_mut() {
        spans.sort_unstable();
        spans.dedup();
    }
    crosses
}

/// Where it is decided that these settings mean a worker process, if they do: the word on the edge or node itself,
/// or `default` if that is the file's.
pub(crate) fn away(graph: &Graph<'_>, settings: &Parallel, default: Span) -> Option<Span> {
    if !settings::strategy(settings).crosses() {
        return None;
    }
    let file = graph.workflow.parallel.strategy.as_ref().map(|strategy| strategy.span);
    let own = settings.strategy.as_ref().map(|strategy| strategy.span).filter(|span| Some(*span) != file);
    Some(own.unwrap_or(default))
}
