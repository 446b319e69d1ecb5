//! Read sets and write sets: what each block needs from outside, may write, and is certain to write; and so what
//! each task is sent and gives back. Inner blocks first.

use std::collections::HashMap;

use super::{
    Block, Graph, KeyId, Next, Region, Target,
    reaching::{Moment, Reaching},
    settings,
};
use crate::{source::Span, syntax::Rust};

/// Everything about state, by block and region.
#[derive(Debug)]
pub struct Access {
    /// By block.
    pub blocks: Vec<BlockAccess>,
    /// By region.
    pub regions: Vec<RegionAccess>,
}

/// What a block does with state.
#[derive(Debug, Default)]
pub struct BlockAccess {
    /// What it needs from outside, by key and place.
    pub reads: Vec<Read>,
    /// What it may write, by key; one place each.
    pub writes: Vec<Write>,
    /// What is set wherever it ends, even if nothing was set before; ascending.
    pub sets: Vec<KeyId>,
    /// All keys that its steps touch, ascending.
    pub keys: Vec<KeyId>,
    /// Its ends, each with what is certainly set there.
    exits: Vec<Exit>,
}

/// A read that reaches out of a block or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The key.
    pub key: KeyId,
    /// The name in the Rust that reads it.
    pub span: Span,
    /// The node that the Rust belongs to.
    pub node: usize,
    /// Inside, some way to it does not set the key. (A reduced key is needed from outside all the same: what is
    /// there is combined with what was written.)
    pub unset: bool,
}

/// A write that outlives a block or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// The key.
    pub key: KeyId,
    /// Where a node names it as its output.
    pub span: Span,
    /// The node.
    pub node: usize,
}

/// What the tasks of a region do with state.
#[derive(Debug, Default)]
pub struct RegionAccess {
    /// By task.
    pub tasks: Vec<TaskAccess>,
    /// What it needs from outside, conditions of its branches included.
    pub reads: Vec<Read>,
    /// What it may write.
    pub writes: Vec<Write>,
    /// What is certainly set when it is done, ascending.
    pub sets: Vec<KeyId>,
}

/// What a task is sent and gives back, both by key.
#[derive(Debug, Default)]
pub struct TaskAccess {
    /// What it is sent.
    pub reads: Vec<TaskRead>,
    /// What it gives back.
    pub writes: Vec<TaskWrite>,
}

/// A key that a task is sent.
#[derive(Debug, Clone, Copy)]
pub struct TaskRead {
    /// The key.
    pub key: KeyId,
    /// How many of the region's writers of the key, in task order, the value includes.
    pub after: u32,
}

/// A key that a task writes.
#[derive(Debug, Clone, Copy)]
pub struct TaskWrite {
    /// The key.
    pub key: KeyId,
    /// With `reduce`, and the task does not read the key: it starts without a value, and what it wrote is
    /// combined with what is there, in task order. Otherwise what it wrote replaces what is there.
    pub combine: bool,
}

#[derive(Debug)]
struct Exit {
    targets: Vec<Target>,
    sets: Vec<KeyId>,
}

/// Works out who reads and writes what.
#[must_use]
pub fn analyse(graph: &Graph<'_>) -> Access {
    let mut access = Access {
        blocks: graph.blocks.iter().map(|_| BlockAccess::default()).collect(),
        regions: graph.regions.iter().map(|_| RegionAccess::default()).collect(),
    };
    let outer = OuterReads::new(graph);
    for index in (0..graph.blocks.len()).rev() {
        for step in &graph.blocks[index].steps {
            if let Some(region) = step.region {
                access.regions[region] = region_access(graph, region, &access, &outer);
            }
        }
        access.blocks[index] = BlockBuilder::new(graph, index, &access).build();
    }
    access
}

/// Where a block's events are: node 0 is its entry, then its steps, then its exits.
struct BlockBuilder<'a, 'g> {
    graph: &'g Graph<'a>,
    block: &'g Block<'a>,
    access: &'g Access,
    root: bool,
    events: Vec<(KeyId, Event)>,
    out: BlockAccess,
}

#[derive(Clone, Copy)]
enum Event {
    /// The node certainly writes the key.
    Set(usize),
    /// The node reads it, before or after it writes.
    Read { moment: Moment, read: Read },
}

impl<'a, 'g> BlockBuilder<'a, 'g> {
    fn new(graph: &'g Graph<'a>, index: usize, access: &'g Access) -> Self {
        let block = &graph.blocks[index];
        Self { graph, block, access, root: index == 0, events: Vec::new(), out: BlockAccess::default() }
    }

    fn build(mut self) -> BlockAccess {
        if self.root {
            self.conditions(0, self.graph.workflow.nodes.len(), &self.block.entry);
            let given = self.graph.keys.iter().filter(|(_, key)| is_given(key));
            self.events.extend(given.map(|(key, _)| (key, Event::Set(0))));
        }
        for (index, step) in self.block.steps.iter().enumerate() {
            self.work(index + 1, step.node, step.region);
            self.conditions(index + 1, step.node, &step.next);
        }
        self.out.writes.sort_unstable();
        self.out.writes.dedup_by_key(|write| write.key);
        self.out.keys.sort_unstable();
        self.out.keys.dedup();
        let reaching = Reaching::new(&self.edges());
        self.keys(&reaching);
        self.out
    }

    fn work(&mut self, at: usize, node: usize, region: Option<usize>) {
        if let Some(region) = region {
            let region = &self.access.regions[region];
            for &read in &region.reads {
                self.read(at, false, read);
            }
            self.events.extend(region.sets.iter().map(|key| (*key, Event::Set(at))));
            self.out.writes.extend(&region.writes);
            for task in &region.tasks {
                self.out.keys.extend(task.reads.iter().map(|read| read.key));
                self.out.keys.extend(task.writes.iter().map(|write| write.key));
            }
        } else {
            let own = &self.graph.nodes[node];
            for &(key, span) in &own.reads {
                self.read(at, false, Read { key, span, node, unset: true });
            }
            for write in &own.writes {
                if write.always {
                    self.events.push((write.key, Event::Set(at)));
                }
                self.out.keys.push(write.key);
                self.out.writes.push(Write { key: write.key, span: write.span, node });
            }
        }
    }

    fn conditions(&mut self, at: usize, node: usize, next: &Next<'a>) {
        for condition in next.conditions() {
            for (key, span) in self.graph.keys.uses(condition, &[]).keys {
                self.read(at, true, Read { key, span, node, unset: true });
            }
        }
    }

    fn read(&mut self, at: usize, after: bool, read: Read) {
        self.out.keys.push(read.key);
        self.events.push((read.key, Event::Read { moment: Moment { node: at, done: after }, read }));
    }

    /// The edges between entry, steps and exits; finds the exits.
    fn edges(&mut self) -> Vec<Vec<usize>> {
        let mut exits = Exits { first: self.block.steps.len() + 1, list: Vec::new(), by_targets: HashMap::new() };
        let mut edges = vec![exits.after(&self.block.entry)];
        edges.extend(self.block.steps.iter().map(|step| exits.after(&step.next)));
        edges.resize(exits.first + exits.list.len(), Vec::new());
        self.out.exits = exits.list;
        edges
    }

    /// Decides all events of one key after the other.
    fn keys(&mut self, reaching: &Reaching) {
        // Stable, so that reads stay in the order of the steps.
        self.events.sort_by_key(|(key, _)| *key);
        let first_exit = self.block.steps.len() + 1;
        for events in self.events.chunk_by(|one, other| one.0 == other.0) {
            let key = events[0].0;
            let mut writes: Vec<_> = events
                .iter()
                .filter_map(|(_, event)| match event {
                    Event::Set(at) => Some(*at),
                    Event::Read { .. } => None,
                })
                .collect();
            writes.dedup();
            let reads = events.iter().filter_map(|(_, event)| match event {
                Event::Read { moment, read } => Some((*moment, *read)),
                Event::Set(_) => None,
            });
            let mut moments: Vec<_> = reads.clone().map(|(moment, _)| moment).collect();
            if !writes.is_empty() {
                moments.extend((first_exit..).zip(&self.out.exits).map(|(node, _)| Moment { node, done: false }));
            }
            let mut set = reaching.is_set(&writes, &moments).into_iter();
            let reduced = self.graph.keys.entry(key).reduce.is_some();
            for ((_, mut read), set) in reads.zip(&mut set) {
                read.unset &= !set;
                if read.unset || reduced {
                    self.out.reads.push(read);
                }
            }
            let mut always = !writes.is_empty();
            for (exit, set) in self.out.exits.iter_mut().zip(set) {
                always &= set;
                if set {
                    exit.sets.push(key);
                }
            }
            if always {
                self.out.sets.push(key);
            }
        }
    }
}

/// The distinct ends of a block.
struct Exits {
    first: usize,
    list: Vec<Exit>,
    by_targets: HashMap<Vec<u32>, usize>,
}

impl Exits {
    /// The graph nodes that `next` leads to.
    fn after(&mut self, next: &Next<'_>) -> Vec<usize> {
        match next {
            Next::Choose(arms) => {
                let mut nodes: Vec<_> = arms
                    .iter()
                    .map(|(_, target)| match target {
                        Target::Step(step) => *step as usize + 1,
                        Target::End => self.exit(Vec::new()),
                        Target::Task(task) => self.exit(vec![*task]),
                    })
                    .collect();
                nodes.sort_unstable();
                nodes.dedup();
                nodes
            }
            Next::Fork(tasks) => vec![self.exit(tasks.clone())],
        }
    }

    fn exit(&mut self, tasks: Vec<u32>) -> usize {
        let next = self.list.len();
        let index = *self.by_targets.entry(tasks).or_insert_with_key(|tasks| {
            let targets =
                if tasks.is_empty() { vec![Target::End] } else { tasks.iter().copied().map(Target::Task).collect() };
            self.list.push(Exit { targets, sets: Vec::new() });
            next
        });
        self.first + index
    }
}

/// Whether a key is set before anything runs.
fn is_given(key: &crate::syntax::Key) -> bool {
    key.input.is_some() && (key.default.is_some() || key.optional.is_none())
}

/// Reads of keys that may not leave the process, by key: only where one of them lies outside a worker's block does
/// the worker's value have to.
struct OuterReads {
    blocks: HashMap<KeyId, Vec<usize>>,
}

impl OuterReads {
    fn new(graph: &Graph<'_>) -> Self {
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

fn region_access(graph: &Graph<'_>, index: usize, access: &Access, outer: &OuterReads) -> RegionAccess {
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
                own.reads.push(TaskRead { key: read.key, after: super::blocks::index_u32(before.len()) });
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
                let leads = |exit: &Exit| exit.targets.contains(&Target::Task(super::blocks::index_u32(number)));
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
            let number = Target::Task(super::blocks::index_u32(number));
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
