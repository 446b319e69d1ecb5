//! What the tasks of a fan-out read, and what they wrote.

use std::collections::BTreeMap;

use crate::{
    engine::{Run, site::Site},
    failure::Failure,
    panic::guard,
    plan::{Region, Task},
    policy::Strategy,
    state::{Value, View},
};

/// What tasks read, and what they wrote.
pub(super) struct Base {
    region: &'static Region,
    /// What was there before, what finished tasks wrote as far as others had to read it, and what nobody else may write.
    view: View,
    /// There are tasks that need others.
    is_graph: bool,
    /// How many writers of a key are included.
    included: BTreeMap<u32, usize>,
    /// What else they wrote, by task and key.
    written: BTreeMap<(usize, u32), Value>,
    /// What nobody needs any more. It is dropped at the end: its `Drop` is the user's, and may panic.
    dropped: Vec<Value>,
}

impl Base {
    pub(super) fn new(region: &'static Region, site: &Site, view: View) -> Self {
        let is_graph = site.graph.is_some();
        Self { region, view, is_graph, included: BTreeMap::new(), written: BTreeMap::new(), dropped: Vec::new() }
    }

    /// What a task starts with.
    pub(super) fn view(&mut self, index: usize, run: &Run) -> Result<View, Box<Failure>> {
        let task = &self.region.tasks[index];
        if self.is_graph && task.reads.iter().any(|read| read.after > 0) {
            guard(|| self.include(task, run)).flatten()?;
        }
        let mut view = View::new(run.plan.keys, task.block.keys);
        for read in task.reads {
            if !self.takes_over(index, read.key, run) {
                self.view.value(read.key).into_iter().for_each(|value| view.set(read.key, Value::clone(value)));
            } else if let Some(value) = self.view.take_value(read.key) {
                // Counted as written, so that it comes back in any case.
                view.replace(read.key, value);
            }
        }
        Ok(view)
    }

    /// Keeps what a task wrote until the join, or until another reads it. What no other task may write or read can be
    /// joined at once.
    pub(super) fn keep(&mut self, index: usize, written: impl Iterator<Item = (u32, Value)>) {
        let task = &self.region.tasks[index];
        for (key, value) in written {
            match task.writes.iter().find(|write| write.key == key) {
                Some(write) if write.combine || self.is_graph => drop(self.written.insert((index, key), value)),
                Some(_) => self.dropped.extend(self.view.replace(key, value)),
                // The branch's own affair.
                None => self.dropped.push(value),
            }
        }
    }

    /// What there was before, with what has been joined by now.
    pub(super) fn into_view(self) -> View {
        let Self { view, written, dropped, .. } = self;
        // It is the failure that counts, not what else goes wrong in a `Drop`.
        drop(guard(|| drop((written, dropped))));
        view
    }

    /// Joins what tasks wrote, in their order.
    pub(super) fn join(self) -> (View, Result<(), Box<Failure>>) {
        let Self { region, mut view, written, dropped, .. } = self;
        if let Err(failure) = guard(|| drop(dropped)) {
            return (view, Err(failure));
        }
        for ((index, key), value) in written {
            let merged = guard(|| merge(&region.tasks[index], key, value, &mut view)).flatten();
            if let Err(failure) = merged {
                let task = &region.tasks[index];
                return (view, Err(failure.at(task.name, task.place)));
            }
        }
        (view, Ok(()))
    }

    /// Whether the task gets the only hold of a value that it combines with others: it need not be copied then. Nobody
    /// else may read it meanwhile, and if the task fails, so does the fan-out.
    fn takes_over(&self, index: usize, key: u32, run: &Run) -> bool {
        let task = &self.region.tasks[index];
        if run.plan.keys[key as usize].reduce.is_none() {
            return false;
        }
        let config = run.region(self.region).config(index);
        task.writes.iter().any(|write| write.key == key && !write.combine)
            && config.retry.max_retries == 0
            && !config.allow_failure
            && run.strategy(config) == Strategy::Thread
    }

    /// Includes in the base what `task` reads of finished tasks. Those are all that will ever be included before it,
    /// in task order, since nobody may write a key while others read it.
    fn include(&mut self, task: &'static Task, run: &Run) -> Result<(), Box<Failure>> {
        let Some(graph) = &run.region(self.region).graph else { return Ok(()) };
        for read in task.reads.iter().filter(|read| read.after > 0) {
            let included = self.included.entry(read.key).or_default();
            for writer in graph.writers(read.key).take(read.after as usize).skip(*included) {
                *included += 1;
                if let Some(value) = self.written.remove(&(writer, read.key)) {
                    merge(&self.region.tasks[writer], read.key, value, &mut self.view)?;
                }
            }
        }
        Ok(())
    }
}

/// Puts what `task` wrote to `key` into `view`.
fn merge(task: &Task, key: u32, value: Value, view: &mut View) -> Result<(), Box<Failure>> {
    match task.writes.iter().find(|write| write.key == key) {
        Some(write) if write.combine => view.write(key, value),
        _ => {
            view.replace(key, value);
            Ok(())
        }
    }
}
