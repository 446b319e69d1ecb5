//! What the tasks of a fan-out leave behind.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::TaskEnd;
use crate::state::Value;

/// The ends of tasks, each in a place of its own: putting one there keeps nobody else waiting.
pub(super) struct Ends(Box<[Mutex<Option<TaskEnd>>]>);

impl Ends {
    pub(super) fn new(tasks: usize) -> Self {
        Self((0..tasks).map(|_| Mutex::new(None)).collect())
    }

    pub(super) fn put(&self, task: usize, end: TaskEnd) {
        *self.of(task) = Some(end);
    }

    /// Looks at the end of a task that has ended.
    pub(super) fn with<T>(&self, task: usize, look: impl FnOnce(&TaskEnd) -> T) -> T {
        look(self.of(task).as_ref().expect("the task has ended"))
    }

    /// Takes what a task that has ended wrote to a key.
    pub(super) fn take_write(&self, task: usize, key: u32) -> Option<Value> {
        self.of(task).as_mut()?.view.as_mut()?.take_value(key)
    }

    /// Takes all, in listed order.
    pub(super) fn take(&self) -> Vec<TaskEnd> {
        (0..self.0.len()).filter_map(|task| self.of(task).take()).collect()
    }

    fn of(&self, task: usize) -> MutexGuard<'_, Option<TaskEnd>> {
        self.0[task].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
