//! Definite assignment: what is read has been written on every way to the read.

use std::collections::{BTreeMap, HashSet};

use super::ways;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{
        Graph, KeyId, NodeWrite, Task,
        access::{Access, Read},
        resolve,
    },
    syntax::Work,
};

/// More places than this say nothing new.
const SHOWN: usize = 3;
/// A way is searched through the whole workflow: for so many findings only, which is more than are printed.
const WAYS: usize = 100;

/// Reports each key that some way leaves unset where it is read: one finding a key, with all its places.
pub(super) fn check(graph: &Graph<'_>, access: &Access, settled: &HashSet<KeyId>, found: &mut Diagnostics) {
    let mut unset: BTreeMap<KeyId, Vec<Read>> = BTreeMap::new();
    for read in &access.blocks[0].reads {
        if read.unset && graph.keys.entry(read.key).optional.is_none() && !settled.contains(&read.key) {
            unset.entry(read.key).or_default().push(*read);
        }
    }
    if unset.is_empty() {
        return;
    }
    let mut writers: BTreeMap<KeyId, Vec<(usize, NodeWrite)>> = BTreeMap::new();
    for (node, own) in graph.nodes.iter().enumerate() {
        for write in own.writes.iter().filter(|write| unset.contains_key(&write.key)) {
            writers.entry(write.key).or_default().push((node, *write));
        }
    }
    for reads in unset.values_mut() {
        reads.sort_unstable_by_key(|read| read.span);
        // An alias has the same text read at several nodes.
        reads.dedup_by_key(|read| read.span);
    }
    let mut unset: Vec<_> = unset.into_iter().collect();
    unset.sort_unstable_by_key(|(_, reads)| reads[0].span);
    for (number, (key, reads)) in unset.into_iter().enumerate() {
        let error = match writers.get(&key) {
            None => never_written(graph, key, &reads),
            Some(writers) => maybe_unset(graph, access, &reads, writers, number < WAYS),
        };
        found.push(reads.iter().skip(1).take(SHOWN).fold(error, |error, read| error.also(read.span, "read here too")));
    }
}

fn never_written(graph: &Graph<'_>, key: KeyId, reads: &[Read]) -> Diagnostic {
    let name = graph.keys.name(key);
    Diagnostic::error(codes::NEVER_WRITTEN, reads[0].span, format!("`{name}` is read, but nothing writes it"))
        .label("never set")
        .also(graph.keys.entry(key).name.span, "declared here")
        .help(format!("write it: `output: {name}` on a node that comes before"))
        .help(format!("or take it from the caller: `input: true` on `{name}`"))
}

fn maybe_unset(
    graph: &Graph<'_>,
    access: &Access,
    reads: &[Read],
    writers: &[(usize, NodeWrite)],
    show_way: bool,
) -> Diagnostic {
    let read = &reads[0];
    let name = graph.keys.name(read.key);
    let mut error =
        Diagnostic::error(codes::MAYBE_UNSET, read.span, format!("`{name}` may be read before it is written"))
            .label("may be unset here");
    let (around, _) = ways::place(graph, read);
    let (mut may_fail, mut may_lose) = (false, false);
    for (node, write) in writers.iter().take(SHOWN) {
        if let Some(branch) = maybe_not_first(graph, *node, write, &around) {
            may_lose = true;
            error = error
                .also(write.span, format!("written here, but `{branch}` may not be among those that `join` takes"));
            continue;
        }
        let task = maybe_not_done(graph, *node, write, &around);
        may_fail |= task.is_some_and(|task| !graph.sets_in_any_case(task, write.key));
        error = error.also(write.span, reason(graph, *node, write, read, task));
    }
    let way = if show_way { ways::way_that_misses(graph, access, read) } else { Vec::new() };
    if way.len() > 1 {
        error = error.note(format!("it is unset on this path: {}", resolve::path(&way)));
    }
    let optional = "declare it `optional: true`, and read it as an `Option`";
    if may_fail {
        return error
            .help(format!("say what it is if the branch fails: `allow_failure: {{ {name}: … }}`"))
            .help(format!("or {optional}"))
            .help("or remove `allow_failure`: a branch that fails then fails the run");
    }
    if may_lose {
        return error.help(format!("let each branch of the fan-out write `{name}`")).help(format!("or {optional}"));
    }
    let write = if writers.iter().all(|(_, write)| write.always) {
        format!("write `{name}` on every path to this point")
    } else {
        format!("write a first value to `{name}` on a node before, for the items to be combined with")
    };
    let error = error.help(write).help(format!("or {optional}"));
    if writers.iter().any(|(node, _)| *node == read.node) && is_passed_on(graph, read.node, name) {
        error.help(format!("or, if you mean a function or constant called `{name}`, write `self::{name}`"))
    } else {
        error
    }
}

/// Whether a node's Rust hands the name on as it is, as it would a function: `words.map(length)`.
fn is_passed_on(graph: &Graph<'_>, node: usize, name: &str) -> bool {
    let Some(work) = graph.workflow.nodes.get(node).map(|node| &node.work) else { return false };
    let items = match work {
        Work::Run(_) => None,
        Work::Map(map) => Some(map.items()),
    };
    work.action().rust().chain(items.into_iter().flatten()).any(|rust| rust.text.contains(&format!("({name})")))
}

/// The branch around a write, but not around the read, that may not start or may fail.
fn maybe_not_done<'g, 'a>(
    graph: &'g Graph<'a>,
    node: usize,
    write: &NodeWrite,
    around: &[(usize, usize)],
) -> Option<&'g Task<'a>> {
    let block = graph.block_of[node].unwrap_or(0);
    let tasks = ways::outwards(graph, block).filter(|task| write.always && !around.contains(task));
    tasks
        .map(|(region, task)| &graph.regions[region].tasks[task])
        .find(|task| task.when.is_some() || !graph.sets_in_any_case(task, write.key))
}

/// The branch around a write, but not around the read, that other branches of its fan-out may make unnecessary.
fn maybe_not_first<'g>(
    graph: &'g Graph<'_>,
    node: usize,
    write: &NodeWrite,
    around: &[(usize, usize)],
) -> Option<&'g str> {
    let block = graph.block_of[node].unwrap_or(0);
    let mut tasks = ways::outwards(graph, block).filter(|task| write.always && !around.contains(task));
    let (region, task) = tasks.find(|(region, _)| graph.regions[*region].join.is_some())?;
    Some(graph.name(graph.regions[region].tasks[task].head))
}

/// Why a write does not do for a read.
fn reason(graph: &Graph<'_>, node: usize, write: &NodeWrite, read: &Read, branch: Option<&Task<'_>>) -> String {
    if !write.always {
        return "written here, if there are items".to_owned();
    }
    if let Some(task) = branch {
        let branch = graph.name(task.head);
        return if task.when.is_some() {
            format!("written here, if the branch `{branch}` starts")
        } else {
            format!("written here, but `{branch}` may fail: it has `allow_failure`")
        };
    }
    if node == read.node { "written here, after it is read" } else { "written here, but not on every path to the read" }
        .to_owned()
}
