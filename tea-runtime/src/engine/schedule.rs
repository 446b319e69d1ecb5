//! What a thread does next. Frames end within calls from other frames' ends; what such an end makes ready is not run
//! there, which would grow the stack with every end, but put down here and run when the calls have returned.

use std::cell::RefCell;

/// Something to run.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// What runs now on this thread, and what will after it.
#[derive(Default)]
struct Scope {
    isolated: bool,
    next: Option<Work>,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Runs `first`, then what was put down meanwhile, until nothing is left. It may be called within another scope, as
/// when a node runs a workflow, or waits in rayon and takes up another branch.
pub(crate) fn enter(isolated: bool, first: impl FnOnce()) {
    /// Also when the outermost guard is missing, the thread's next scope begins clean.
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.set(self.0.take());
        }
    }
    let _restore = Restore(SCOPE.replace(Some(Scope { isolated, next: None })));
    first();
    while let Some(work) = SCOPE.with_borrow_mut(|scope| scope.as_mut().and_then(|scope| scope.next.take())) {
        work();
    }
}

/// Puts `work` down to be run on this thread. It is given back if the thread does not run frames of that kind, or has
/// something to do next already.
pub(crate) fn put(isolated: bool, work: Work) -> Result<(), Work> {
    SCOPE.with_borrow_mut(|scope| match scope {
        Some(scope) if scope.isolated == isolated && scope.next.is_none() => {
            scope.next = Some(work);
            Ok(())
        }
        _ => Err(work),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn work_runs_after_what_put_it_down() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let add = |text: &'static str| {
            let log = Arc::clone(&log);
            move || log.lock().unwrap().push(text)
        };
        let (second, third, inner) = (add("second"), add("third"), add("inner"));
        enter(false, || {
            let put_third = move || {
                second();
                assert!(put(false, Box::new(third)).is_ok());
            };
            assert!(put(false, Box::new(put_third)).is_ok());
            assert!(put(false, Box::new(|| ())).is_err(), "one at a time");
            enter(false, || assert!(put(false, Box::new(inner)).is_ok()));
            add("first")();
        });
        assert_eq!(*log.lock().unwrap(), ["inner", "first", "second", "third"]);
        assert!(put(false, Box::new(|| ())).is_err(), "no scope");
    }

    #[test]
    fn a_thread_that_may_be_left_behind_takes_no_other_work() {
        enter(true, || assert!(put(false, Box::new(|| ())).is_err()));
    }
}
