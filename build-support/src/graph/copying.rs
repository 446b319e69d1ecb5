//! Which keys must be copied, and where. A branch that combines what it read with what it writes is given the value
//! itself, unless the value is needed again when the branch fails.

use std::collections::HashMap;

use super::{Graph, KeyId, Task, access::Access};
use crate::source::Span;

/// For each key that is copied, the settings that ask for it.
pub(crate) fn copies(graph: &Graph<'_>, access: &Access) -> HashMap<KeyId, Vec<Span>> {
    let mut copied: HashMap<KeyId, Vec<Span>> = HashMap::new();
    for (region, used) in graph.regions.iter().zip(&access.regions) {
        for (task, used) in region.tasks.iter().zip(&used.tasks) {
            let join = region.join.as_ref().map(|join| join.span);
            let Some(span) = needed_again(task).or(join) else { continue };
            let combined = used.writes.iter().filter(|write| {
                let is_read = used.reads.iter().any(|read| read.key == write.key);
                is_read && !write.combine && graph.keys.entry(write.key).reduce.is_some()
            });
            for write in combined {
                let spans = copied.entry(write.key).or_default();
                if spans.last() != Some(&span) {
                    spans.push(span);
                }
            }
        }
    }
    copied
}

/// The setting because of which a branch's values outlive its failure.
fn needed_again(task: &Task<'_>) -> Option<Span> {
    let retry = task.settings.retry.as_ref().filter(|retry| retry.value.max_retries > 0).map(|retry| retry.span);
    let allow_failure = task.settings.allow_failure.as_ref().filter(|allow| allow.value).map(|allow| allow.span);
    retry.or(allow_failure)
}
