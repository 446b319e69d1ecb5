//! Where arrows lead: through fan-outs, which are no nodes themselves, to nodes or the end.

use tea_graph::{End, one_line};

use super::{strategy, strategy_name};
use crate::plan::{Block, Next, Region, Target, Task, Work};

/// What is written at an arrow: conditions, and the strategy where branches differ.
#[derive(Clone, Default)]
pub(super) struct Labels(pub(super) Vec<String>);

impl Labels {
    fn and(&self, label: Option<String>) -> Self {
        Self(self.0.iter().cloned().chain(label).collect())
    }
}

/// A block, and where it stands: what its end leads to.
pub(super) struct Frame<'a> {
    pub(super) block: &'static Block,
    pub(super) within: Option<Within<'a>>,
}

/// Where a branch stands.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) outer: &'a Frame<'a>,
    pub(super) step: usize,
    pub(super) region: &'static Region,
    pub(super) task: usize,
}

impl Frame<'_> {
    /// The nodes that `next` leads to; fan-outs lead to the first nodes of their branches.
    pub(super) fn follow(&self, next: &Next, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        match next {
            Next::Go(target) => self.reach(*target, labels, ends),
            Next::Choose(arms) => {
                for arm in *arms {
                    let text = arm.when.map_or_else(|| "else".to_owned(), |_| format!("if {}", one_line(arm.text)));
                    self.reach(arm.to, &labels.and(Some(text)), ends);
                }
            }
            Next::Fork(tasks) => {
                for task in *tasks {
                    self.reach(Target::Task(*task), labels, ends);
                }
            }
        }
    }

    fn reach(&self, target: Target, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        match (target, &self.within) {
            (Target::Step(index), _) => {
                let step = &self.block.steps[index as usize];
                match step.work {
                    Work::Run(_) | Work::Ask(_) | Work::Call(_) | Work::Map(_) => {
                        ends.push((End::Node(step.name), labels.clone()));
                    }
                    Work::FanOut(region) if region.attempt().is_some() => {
                        ends.push((End::Node(step.name), labels.clone()));
                    }
                    Work::FanOut(region) => self.enter(index as usize, region, labels, ends),
                }
            }
            (Target::Task(task), Some(within)) => within.sibling(task as usize, labels, ends),
            (Target::End, Some(within)) => within.leave(labels, ends),
            (Target::End | Target::Task(_), None) => ends.push((End::Finish, labels.clone())),
        }
    }

    fn enter(&self, step: usize, region: &'static Region, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        let mixed = strategy(region).is_none();
        for (task, branch) in region.tasks.iter().enumerate().filter(|(_, branch)| branch.needs.is_empty()) {
            let when = branch.when.map(|_| format!("if {}", one_line(branch.when_text)));
            let strategy = mixed.then(|| strategy_name(branch.config.strategy).to_owned());
            Within { outer: self, step, region, task }.sibling(task, &labels.and(when).and(strategy), ends);
        }
    }
}

impl Within<'_> {
    fn sibling(self, task: usize, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        let block = self.region.tasks[task].block;
        Frame { block, within: Some(Within { task, ..self }) }.follow(&block.entry, labels, ends);
    }

    fn leave(self, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        let needs_this = |task: &Task| task.needs.iter().any(|need| *need as usize == self.task);
        let mut followed = false;
        if self.region.dataflow {
            for (task, _) in self.region.tasks.iter().enumerate().filter(|(_, task)| needs_this(task)) {
                self.sibling(task, labels, ends);
                followed = true;
            }
        }
        if !followed {
            self.outer.follow(&self.outer.block.steps[self.step].next, labels, ends);
        }
    }
}
