//! What a block does with state.

use std::collections::HashMap;

use super::{Access, BlockAccess, Exit, Read, Write};
use crate::graph::{
    Block, Graph, KeyId, Next, Target,
    reaching::{Moment, Reaching},
};

/// Where a block's events are: node 0 is its entry, then its steps, then its exits.
pub(super) struct BlockBuilder<'a, 'g> {
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
    pub(super) fn new(graph: &'g Graph<'a>, index: usize, access: &'g Access) -> Self {
        let block = &graph.blocks[index];
        Self { graph, block, access, root: index == 0, events: Vec::new(), out: BlockAccess::default() }
    }

    pub(super) fn build(mut self) -> BlockAccess {
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
