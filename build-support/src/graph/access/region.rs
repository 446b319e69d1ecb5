//! What a region and its tasks do with state.

use std::collections::HashMap;

use super::{Access, Exit, Read, RegionAccess, TaskAccess, TaskRead, TaskWrite};
use crate::{
    graph::{Graph, KeyId, Region, Target, blocks, settings},
    syntax::Rust,
};

/// Reads of keys that may not leave the process, by key: only where one of them lies outside a worker's block does
/// the worker's value have to.
pub(super) struct OuterReads {
    blocks: HashMap<KeyId, Vec<usize>>,
}

impl OuterReads {
    pub(super) fn new(graph: &Graph<'_>) -> Self {
        let mut blocks: HashMap<KeyId, Vec<usize>> = HashMap::new();
        let transient = |key: KeyId| graph.keys.entry(key).transient.is_some();
        if graph.keys.iter().all(|(key, _)| !transient(key)) {
            return Self { blocks };
        }
        let mut read = |key: KeyId, block: usize| {
            if transient(key) {
                blocks.entry(key).or_default().push(block);
            }
        };
        let conditions = |rust: &Rust, block: usize, read: &mut dyn FnMut(KeyId, usize)| {
            for (key, _) in graph.keys.uses(rust, &[]).keys {
                read(key, block);
            }
        };
        for (index, block) in graph.blocks.iter().enumerate() {
            block.entry.conditions().for_each(|rust| conditions(rust, index, &mut read));
            for step in &block.steps {
                step.next.conditions().for_each(|rust| conditions(rust, index, &mut read));
                if step.region.is_none() {
                    graph.nodes[step.node].reads.iter().for_each(|(key, _)| read(*key, index));
                }
            }
        }
        for region in &graph.regions {
            region.tasks.iter().filter_map(|task| task.when).for_each(|rust| conditions(rust, region.block, &mut read));
        }
        Self { blocks }
    }

    /// Whether `key` is read anywhere outside `block` and what is nested in it.
    fn outside(&self, graph: &Graph<'_>, key: KeyId, block: usize) -> bool {
        self.blocks.get(&key).into_iter().flatten().any(|read| {
            let mut at = *read;
            // Blocks come before what is nested in them.
            while at > block {
                at = graph.blocks[at].task.map_or(0, |(region, _)| graph.regions[region].block);
            }
            at != block
        })
    }
}

/// A writer of a key among the tasks of a region.
#[derive(Clone, Copy)]
struct Writer {
    task: usize,
    /// It certainly runs, succeeds or fails the run, and writes the key.
    always: bool,
}

pub(super) fn region_access(graph: &Graph<'_>, index: usize, access: &Access, outer: &OuterReads) -> RegionAccess {
    let region = &graph.regions[index];
    let mut out = RegionAccess::default();
    let runs = always_runs(graph, region, access);
    let mut writers: HashMap<KeyId, Vec<Writer>> = HashMap::new();
    let mut setters: HashMap<KeyId, usize> = HashMap::new();
    for (number, task) in region.tasks.iter().enumerate() {
        let block = &access.blocks[task.block];
        let away = settings::strategy(&task.settings).crosses();
        for write in &block.writes {
            let stays =
                away && graph.keys.entry(write.key).transient.is_some() && !outer.outside(graph, write.key, task.block);
            if stays {
                continue;
            }
            let sets = block.sets.binary_search(&write.key).is_ok();
            let always = runs[number] && sets && graph.sets_in_any_case(task, write.key);
            writers.entry(write.key).or_default().push(Writer { task: number, always });
            *setters.entry(write.key).or_default() += usize::from(sets);
            out.writes.push(*write);
        }
    }
    out.sets = match &region.join {
        None => writers.iter().filter(|(_, writers)| writers.iter().any(|w| w.always)).map(|(key, _)| *key).collect(),
        // One of these must be among those that succeed.
        Some(join) => {
            let others = region.tasks.len().saturating_sub(join.value as usize);
            setters.into_iter().filter(|(_, count)| *count > others).map(|(key, _)| key).collect()
        }
    };
    out.sets.sort_unstable();

    let mut inside = Inside { graph, region, access, runs: &runs, known: HashMap::new() };
    for (number, task) in region.tasks.iter().enumerate() {
        if let Some(when) = task.when {
            let uses = graph.keys.uses(when, &[]).keys.into_iter();
            out.reads.extend(uses.map(|(key, span)| Read { key, span, node: task.head, unset: true }));
        }
        let mut own = TaskAccess::default();
        for read in &access.blocks[task.block].reads {
            let writers = writers.get(&read.key).map_or(&[][..], Vec::as_slice);
            let before = &writers[..writers.partition_point(|writer| writer.task < number)];
            if own.reads.last().is_none_or(|last| last.key != read.key) {
                own.reads.push(TaskRead { key: read.key, after: blocks::index_u32(before.len()) });
            }
            let set = !before.is_empty() && (before.iter().any(|writer| writer.always) || inside.set(number, read.key));
            if !set || graph.keys.entry(read.key).reduce.is_some() {
                out.reads.push(Read { unset: read.unset && !set, ..*read });
            }
        }
        for write in &access.blocks[task.block].writes {
            let written = writers.get(&write.key).is_some_and(|all| all.iter().any(|writer| writer.task == number));
            if written {
                let reads = own.reads.binary_search_by_key(&write.key, |read| read.key).is_ok();
                let combine = graph.keys.entry(write.key).reduce.is_some() && !reads;
                own.writes.push(TaskWrite { key: write.key, combine });
            }
        }
        out.tasks.push(own);
    }
    out.reads.sort_unstable();
    out.writes.sort_unstable();
    out.writes.dedup_by_key(|write| write.key);
    out
}

/// Which tasks run in every run that gets past the region.
fn always_runs(graph: &Graph<'_>, region: &Region<'_>, access: &Access) -> Vec<bool> {
    let mut runs: Vec<bool> = Vec::with_capacity(region.tasks.len());
    for (number, task) in region.tasks.iter().enumerate() {
        let always = graph.dataflow
            || (task.when.is_none() && task.needs.is_empty())
            || task.needs.iter().any(|need| {
                let before = &region.tasks[*need as usize];
                let leads = |exit: &Exit| exit.targets.contains(&Target::Task(blocks::index_u32(number)));
                runs[*need as usize] && !before.allow_failure() && access.blocks[before.block].exits.iter().all(leads)
            });
        runs.push(always);
    }
    runs
}

/// Which keys are set inside a region when a task starts, where the simple answer (a task before it that always
/// runs writes it) does not do.
struct Inside<'a, 'g> {
    graph: &'g Graph<'a>,
    region: &'g Region<'a>,
    access: &'g Access,
    runs: &'g [bool],
    /// By key and then by task.
    known: HashMap<KeyId, Vec<bool>>,
}

impl Inside<'_, '_> {
    fn set(&mut self, task: usize, key: KeyId) -> bool {
        if let Some(known) = self.known.get(&key) {
            return known[task];
        }
        let mut set: Vec<bool> = Vec::with_capacity(self.region.tasks.len());
        for (number, task) in self.region.tasks.iter().enumerate() {
            let number = Target::Task(blocks::index_u32(number));
            let always = |need: usize| {
                let before = &self.region.tasks[need];
                let sets = &self.access.blocks[before.block].sets;
                let certain = self.graph.sets_in_any_case(before, key) && sets.binary_search(&key).is_ok();
                self.runs[need] && (set[need] || certain)
            };
            // It starts only if one of its needs led to it.
            let led = |need: usize| {
                let exits = &self.access.blocks[self.region.tasks[need].block].exits;
                set[need]
                    || exits
                        .iter()
                        .filter(|exit| exit.targets.contains(&number))
                        .all(|exit| exit.sets.binary_search(&key).is_ok())
            };
            let needs = || task.needs.iter().map(|need| *need as usize);
            let is_set = !task.needs.is_empty()
                && (needs().any(always) || (!self.graph.dataflow && task.when.is_none() && needs().all(led)));
            set.push(is_set);
        }
        self.known.entry(key).or_insert(set)[task]
    }
}
