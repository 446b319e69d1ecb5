//! Catches panics of nodes, with their message and location.
//!
//! Only a panic hook knows the location. Ours replaces the existing hook. It suppresses panics of nodes, which are
//! reported as failures, and passes all other panics on to the previous hook. With `RUST_BACKTRACE` set, it passes on
//! all of them. It never suppresses a panic that will end the process: any panic if panics abort, and a panic during
//! unwinding, together with the one before it.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use crate::{
    failure::{Failure, FailureKind},
    stderr, user_code,
};

thread_local! {
    /// The number of guards that this thread is in.
    static GUARDS: Cell<u32> = const { Cell::new(0) };
    /// The last panic inside a guard, until it is caught.
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// What the hook knows about a panic.
struct Panic {
    place: Option<String>,
    message: String,
}

/// Calls user code, and turns a panic in it into a failure.
pub(crate) fn guard<T>(call: impl FnOnce() -> T) -> Result<T, Box<Failure>> {
    debug_assert!(user_code::is_allowed(), "the user's Rust on a thread that runs none of it");
    GUARDS.set(GUARDS.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDS.set(GUARDS.get() - 1);
    outcome.map_err(failure)
}

/// Sets the hook, once per program. The program's own crate says whether panics abort, because its setting applies to
/// all.
pub(crate) fn set_hook(panics_abort: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = panic::take_hook();
        let backtraces = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        let all = backtraces || panics_abort;
        panic::set_hook(Box::new(move |info| {
            let guarded = GUARDS.try_with(Cell::get).unwrap_or(0) > 0;
            let mut second = false;
            if guarded {
                let place = info.location().map(ToString::to_string);
                let message = message(info.payload());
                // The thread-local storage may have been destroyed.
                let before = LAST.try_with(|slot| slot.replace(Some(Panic { place, message }))).ok().flatten();
                if let (Some(Panic { place, message }), false) = (before, all) {
                    second = true;
                    stderr::line(format_args!("panicked at {}: {message}", place.unwrap_or_default()));
                }
            }
            if !guarded || all || second {
                former(info);
            }
        }));
    });
}

fn failure(payload: Box<dyn Any + Send>) -> Box<Failure> {
    let message = message(&*payload as &dyn Any);
    let panicked_at = LAST.take().and_then(|last| last.place);
    // Dropping the payload may panic as well.
    let _thrown_again = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
    Box::new(Failure { panicked_at, ..Failure::new(FailureKind::Panic, message) })
}

fn message(payload: &dyn Any) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "panicked with a value that is not text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_place() {
        set_hook(false);
        let line = line!() + 1;
        let failure = guard(|| panic!("{} eggs", 3)).unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panic, "3 eggs"));
        assert!(failure.panicked_at.unwrap().starts_with(&format!("{}:{line}:", file!())));
        assert_eq!(guard(|| panic!("plain")).unwrap_err().message, "plain");
    }

    #[test]
    fn values_that_are_no_text_and_panic_again() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        set_hook(false);
        let failure = guard(|| panic::panic_any(Bomb)).unwrap_err();
        assert_eq!(failure.message, "panicked with a value that is not text");
        assert_eq!(guard(|| 1).unwrap(), 1);
    }
}
