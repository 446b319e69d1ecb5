//! Short tasks that a thread takes together: to hand them out one by one would cost more than to run them.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How much work a thread takes together.
const WORK: Duration = Duration::from_micros(50);

/// Tasks that a thread begins one after the other. Nobody knows how long they take: those that are not begun may be taken
/// back, so that none waits for a long one while a thread has nothing to do.
pub(super) struct Share {
    next: AtomicUsize,
    end: usize,
}

impl Share {
    pub(super) fn new(tasks: Range<usize>) -> Self {
        Self { next: AtomicUsize::new(tasks.start), end: tasks.end }
    }

    /// The next task, which the caller begins.
    pub(super) fn begin(&self) -> Option<usize> {
        let task = self.next.fetch_add(1, Ordering::Relaxed);
        (task < self.end).then_some(task)
    }

    /// Whether something is not begun.
    pub(super) fn is_open(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.end
    }

    /// Takes back what is not begun.
    pub(super) fn take_back(&self) -> Range<usize> {
        self.next.swap(self.end, Ordering::Relaxed).min(self.end)..self.end
    }
}

/// How long tasks take on a thread.
#[derive(Debug, Default)]
pub(super) struct Pace {
    tasks: u32,
    time: Duration,
}

impl Pace {
    pub(super) fn add(&mut self, elapsed: Duration) {
        self.tasks += 1;
        self.time += elapsed;
    }

    /// How many tasks the thread takes, by those that it ran since the last time.
    pub(super) fn wanted(&mut self) -> usize {
        let Self { tasks, time } = std::mem::take(self);
        let wanted = WORK.as_nanos() * u128::from(tasks) / time.as_nanos().max(1);
        usize::try_from(wanted).unwrap_or(usize::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_begun_by_its_thread_or_taken_back() {
        let share = Share::new(3..7);
        assert_eq!((share.begin(), share.begin()), (Some(3), Some(4)));
        assert!(share.is_open());
        assert_eq!(share.take_back(), 5..7);
        assert!(!share.is_open());
        assert_eq!((share.begin(), share.begin()), (None, None));
        assert!(share.take_back().is_empty());
    }

    #[test]
    fn short_tasks_are_taken_together_and_long_ones_alone() {
        let mut pace = Pace::default();
        assert_eq!(pace.wanted(), 1, "nothing is known");
        (0..10).for_each(|_| pace.add(Duration::from_micros(1)));
        assert_eq!(pace.wanted(), 50);
        assert_eq!(pace.wanted(), 1, "nothing is new");
        pace.add(Duration::from_secs(1));
        assert_eq!(pace.wanted(), 1);
        pace.add(Duration::ZERO);
        assert!(pace.wanted() > 1_000);
    }
}
