//! What a thread does next. Frames end within calls from other frames' ends; what such an end makes ready is not run
//! there, which would grow the stack with every end, but put down here and run when the calls have returned.

use std::cell::RefCell;

/// Something to run.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// What kind of thread it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The thread that called for the run, or one that is lent to it. It runs blocks, but no branches: it has no place in
    /// the pool.
    Caller,
    /// A thread of the pool.
    Pool,
    /// A thread that one attempt has for itself, and that may be left behind.
    Own,
}

/// What runs after what runs now on this thread.
struct Scope {
    place: Place,
    next: Option<Work>,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Runs `first`, then what was put down meanwhile, until nothing is left. It may be called within another scope, as
/// when a node runs a workflow, or waits in rayon and takes up another branch.
pub(crate) fn enter(place: Place, first: impl FnOnce()) {
    /// Also when something here panics, what the thread did before goes on.
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.set(self.0.take());
        }
    }
    let _restore = Restore(SCOPE.replace(Some(Scope { place, next: None })));
    first();
    while let Some(work) = SCOPE.with_borrow_mut(|scope| scope.as_mut().and_then(|scope| scope.next.take())) {
        work();
    }
}

/// Puts `work` down to be run on this thread. It is given back if the thread is of another kind, or has something to do
/// next already.
pub(crate) fn put(place: Place, work: Work) -> Result<(), Work> {
    SCOPE.with_borrow_mut(|scope| match scope {
        Some(scope) if scope.place == place && scope.next.is_none() => {
            scope.next = Some(work);
            Ok(())
        }
        _ => Err(work),
    })
}

/// Whether this is the thread that called for the run, or one that is lent to it.
pub(crate) fn is_caller() -> bool {
    SCOPE.with_borrow(|scope| scope.as_ref().is_some_and(|scope| scope.place == Place::Caller))
}

/// Whether this thread is of this kind, and nothing is put down.
pub(crate) fn is_free(place: Place) -> bool {
    SCOPE.with_borrow(|scope| scope.as_ref().is_some_and(|scope| scope.place == place && scope.next.is_none()))
}

/// Whether this thread runs frames.
pub(crate) fn is_inside() -> bool {
    SCOPE.with_borrow(Option::is_some)
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
        enter(Place::Pool, || {
            let put_third = move || {
                second();
                assert!(put(Place::Pool, Box::new(third)).is_ok());
            };
            assert!(put(Place::Pool, Box::new(put_third)).is_ok());
            assert!(put(Place::Pool, Box::new(|| ())).is_err(), "one at a time");
            enter(Place::Pool, || assert!(put(Place::Pool, Box::new(inner)).is_ok()));
            add("first")();
        });
        assert_eq!(*log.lock().unwrap(), ["inner", "first", "second", "third"]);
        assert!(put(Place::Pool, Box::new(|| ())).is_err(), "no scope");
    }

    #[test]
    fn work_goes_only_where_it_may() {
        let nothing = || -> Work { Box::new(|| ()) };
        enter(Place::Own, || {
            assert!(put(Place::Pool, nothing()).is_err());
            assert!(put(Place::Caller, nothing()).is_err());
            assert!(put(Place::Own, nothing()).is_ok());
        });
        enter(Place::Caller, || {
            assert!(put(Place::Pool, nothing()).is_err(), "a branch takes a place in the pool");
            assert!(put(Place::Caller, nothing()).is_ok());
        });
    }
}
