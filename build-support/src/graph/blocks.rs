//! Flows and regions → blocks of steps.

use super::{
    Block, Next, Region, Step, Target, Task,
    fan_out::FanOut,
    flow::{Flow, Flows, Rest},
    regions::{self, Regions},
    resolve::Place,
    settings, tasks, unreached,
};
use crate::{
    diagnostic::Diagnostics,
    syntax::{Node, Parallel, Work, Workflow},
};

/// The blocks and regions of a workflow.
pub(super) struct Shape<'a> {
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) regions: Vec<Region<'a>>,
    pub(super) dataflow: bool,
    pub(super) block_of: Vec<Option<usize>>,
    pub(super) doubtful: Vec<bool>,
}

/// The shape of a sequential file.
pub(super) fn shape<'a>(workflow: &'a Workflow, written: Flows<'a>, found: &mut Diagnostics) -> Shape<'a> {
    let Flows { nodes: mut flows, fan_outs } = written;
    let map = regions::assign(workflow, &mut flows, &fan_outs, found);
    unreached::report(workflow, |node| map.owner[node].is_some(), &flows, &fan_outs, found);
    Builder::new(workflow, flows, fan_outs, map).build(found)
}

struct Builder<'a> {
    workflow: &'a Workflow,
    flows: Vec<Flow<'a>>,
    fan_outs: Vec<FanOut<'a>>,
    map: Regions,
    /// By node: its step in its block.
    step_of: Vec<usize>,
    /// By fan-out: its region.
    region_of: Vec<Option<usize>>,
    shape: Shape<'a>,
}

/// Where a block's ways lead.
struct Scope {
    block: usize,
    /// Where it ends.
    end: Place,
    /// By node: the task of its region that starts with it.
    task_of: std::collections::HashMap<usize, u32>,
}

impl<'a> Builder<'a> {
    fn new(workflow: &'a Workflow, flows: Vec<Flow<'a>>, fan_outs: Vec<FanOut<'a>>, map: Regions) -> Self {
        let count = workflow.nodes.len();
        let mut region_of = vec![None; fan_outs.len()];
        for (index, frame) in map.list.iter().enumerate() {
            region_of[frame.fan_out] = Some(index);
        }
        let shape = Shape {
            blocks: Vec::new(),
            regions: Vec::new(),
            dataflow: false,
            block_of: vec![None; count + 1],
            doubtful: map.doubtful.clone(),
        };
        Self { workflow, flows, fan_outs, map, step_of: vec![0; count + 1], region_of, shape }
    }

    fn build(mut self, found: &mut Diagnostics) -> Shape<'a> {
        let start = self.workflow.nodes.len();
        let mut trunk: Vec<_> = (0..start).filter(|node| self.map.owner[*node] == Some(None)).collect();
        if matches!(self.flows[start].rest, Rest::FanOut(_)) {
            trunk.insert(0, start);
        }
        self.shape.block_of[start] = Some(0);
        self.place(0, &trunk);
        let mut scope = Scope { block: 0, end: Place::End, task_of: std::collections::HashMap::new() };
        let entry = self.next(start, &scope);
        self.block(None, entry, &trunk, &scope);
        for index in 0..self.map.list.len() {
            let frame = &self.map.list[index];
            let fan_out = &self.fan_outs[frame.fan_out];
            let (tasks, unclear) = tasks::shape(self.workflow, &self.flows, &self.fan_outs, frame, found);
            self.shape.doubtful[index] |= unclear;
            scope.end = fan_out.fan_in.place;
            let from = fan_out.from;
            scope.task_of = tasks.iter().zip(0..).map(|(task, index)| (task.first, index)).collect();
            let mut region = Region {
                from,
                span: fan_out.span,
                fan_in: match fan_out.fan_in.place {
                    Place::Node(node) => Some(node),
                    Place::Start | Place::End => None,
                },
                block: self.shape.block_of[from].unwrap_or(0),
                tasks: Vec::with_capacity(tasks.len()),
                join: fan_out.join.clone(),
                settings: fan_out.settings.clone(),
            };
            // All blocks are known before any of their ways are looked up.
            let first_block = self.shape.blocks.len();
            for (task, block) in tasks.iter().zip(first_block..) {
                self.place(block, &task.nodes);
            }
            for (number, task) in tasks.iter().enumerate() {
                scope.block = first_block + number;
                let entry = Next::go(Target::Step(index_u32(self.step_of[task.first])));
                self.block(Some((index, number)), entry, &task.nodes, &scope);
                region.tasks.push(self.task(task, scope.block, &region.tasks, found));
            }
            self.shape.regions.push(region);
        }
        self.attempts();
        self.shape
    }

    /// A node with parallel settings of its own is a fan-out with one branch, which is tried as these say.
    fn attempts(&mut self) {
        let Self { workflow, shape, .. } = self;
        for block in 0..shape.blocks.len() {
            for at in 0..shape.blocks[block].steps.len() {
                let step = &mut shape.blocks[block].steps[at];
                let Some(node) = workflow.nodes.get(step.node).filter(|node| step.region.is_none() && is_attempt(node))
                else {
                    continue;
                };
                let (index, inner, region) = (step.node, shape.blocks.len(), shape.regions.len());
                let shape = &mut *shape;
                shape.blocks[block].steps[at].region = Some(region);
                let steps = vec![Step { node: index, region: None, next: Next::go(Target::End) }];
                shape.blocks.push(Block { task: Some((region, 0)), entry: Next::go(Target::Step(0)), steps });
                shape.block_of[index] = Some(inner);
                let settings = node.parallel.or(&workflow.parallel);
                let task = Task {
                    head: index,
                    span: node.name.span,
                    when: None,
                    needs: Vec::new(),
                    block: inner,
                    settings,
                    inherits: false,
                    fallback: node.fallback.iter().collect(),
                };
                let span = node.name.span;
                shape.regions.push(Region {
                    from: index,
                    span,
                    fan_in: None,
                    block,
                    tasks: vec![task],
                    join: None,
                    settings: Parallel::default(),
                });
                shape.doubtful.push(false);
            }
        }
    }

    /// Gives the nodes of a block their steps.
    fn place(&mut self, block: usize, nodes: &[usize]) {
        let mut step = 0;
        for node in nodes {
            self.shape.block_of[*node] = Some(block);
            self.step_of[*node] = step;
            step += 1;
            // A fan-out is a step of its own; at `__start__` there is no other.
            if *node < self.workflow.nodes.len() && matches!(self.flows[*node].rest, Rest::FanOut(_)) {
                step += 1;
            }
        }
    }

    fn block(&mut self, task: Option<(usize, usize)>, entry: Next<'a>, nodes: &[usize], scope: &Scope) {
        let mut steps = Vec::with_capacity(nodes.len());
        for &node in nodes {
            if node < self.workflow.nodes.len() {
                steps.push(Step { node, region: None, next: self.next(node, scope) });
            }
            if let Rest::FanOut(index) = self.flows[node].rest {
                let next = Next::go(self.target(self.fan_outs[index].fan_in.place, scope));
                steps.push(Step { node, region: self.region_of[index], next });
            }
        }
        self.shape.blocks.push(Block { task, entry, steps });
    }

    /// What follows a node itself.
    fn next(&self, node: usize, scope: &Scope) -> Next<'a> {
        let flow = &self.flows[node];
        let mut arms: Vec<_> = flow.arms.iter().map(|(when, to)| (Some(*when), self.target(to.place, scope))).collect();
        let rest = match &flow.rest {
            Rest::Fork(targets) => {
                let tasks = targets.iter().filter_map(|to| match self.target(to.place, scope) {
                    Target::Task(task) => Some(task),
                    Target::Step(_) | Target::End => None,
                });
                return Next::Fork(tasks.collect());
            }
            Rest::Go(to) => self.target(to.place, scope),
            Rest::Listed => Target::End,
            Rest::FanOut(_) if node == self.workflow.nodes.len() => Target::Step(0),
            Rest::FanOut(_) => Target::Step(index_u32(self.step_of[node] + 1)),
        };
        arms.push((None, rest));
        Next::Choose(arms)
    }

    fn target(&self, place: Place, scope: &Scope) -> Target {
        match place {
            place if place == scope.end => Target::End,
            Place::Start => Target::Step(0),
            Place::Node(node) if self.shape.block_of[node] == Some(scope.block) => {
                Target::Step(index_u32(self.step_of[node]))
            }
            // What is neither here nor a task was reported.
            Place::Node(node) => scope.task_of.get(&node).map_or(Target::End, |task| Target::Task(*task)),
            Place::End => Target::End,
        }
    }

    fn task(&self, shape: &tasks::Shape, block: usize, before: &[Task<'a>], found: &mut Diagnostics) -> Task<'a> {
        let name = &self.workflow.nodes[shape.first].name;
        let region = self.shape.blocks[block].task.map_or(0, |(region, _)| region);
        let fan_out = &self.fan_outs[self.map.list[region].fan_out];
        let head = shape.head.map(|head| &fan_out.heads[head]);
        let settings: Parallel = match head {
            Some(head) => head.edge.settings.or(&self.workflow.parallel),
            None => settings::inherit(name, &shape.needs, before, found),
        };
        Task {
            head: shape.first,
            span: head.map_or(name.span, |head| head.span),
            when: head.and_then(|head| head.edge.when.as_ref()),
            needs: shape.needs.clone(),
            block,
            settings,
            fallback: match head {
                Some(head) => head.edge.fallback.iter().collect(),
                None => settings::inherited_fallback(&shape.needs, before, found),
            },
            inherits: head.is_none(),
        }
    }
}

/// Whether a node is tried by itself, because settings say how.
fn is_attempt(node: &Node) -> bool {
    matches!(node.work, Work::Run(_)) && settings::first_written(&node.parallel).is_some()
}

/// Indices of steps and tasks, which are fewer than the bytes of a file.
pub(super) fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("a file has fewer than 2^32 nodes")
}
