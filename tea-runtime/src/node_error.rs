//! Turns the user's errors into failures. Their `Display` and `source` are user code, which may do anything.

use std::error::Error as StdError;

use crate::{
    cancel::Cancelled,
    failure::{Failure, FailureKind, NodeError},
    panic::guard,
};

/// The maximum number of causes that are reported. An error with more probably has an endless chain.
const MOST_CAUSES: usize = 64;
/// The maximum length of a message, in bytes.
const LONGEST: usize = 64 << 10;

impl From<NodeError> for Box<Failure> {
    fn from(NodeError(error): NodeError) -> Self {
        // An error of `ctx.check()?` is not the node's fault, however it has been wrapped.
        let mut cancelled = error.is::<Cancelled>();
        let message = text(&*error);
        let mut causes = Vec::new();
        let mut last: &dyn StdError = &*error;
        // An error may be its own source, or the source of one of its causes.
        let mut seen = vec![(address(last), message.clone())];
        loop {
            let cause = match guard(|| last.source()) {
                Ok(Some(cause)) => cause,
                Ok(None) => break,
                Err(panic) => {
                    causes.push(format!("its cause cannot be told: {}", panic.message));
                    break;
                }
            };
            let known = (address(cause), text(cause));
            if seen.contains(&known) {
                break;
            }
            if causes.len() == MOST_CAUSES {
                causes.push("and so on".to_owned());
                break;
            }
            cancelled |= cause.is::<Cancelled>();
            causes.push(known.1.clone());
            seen.push(known);
            last = cause;
        }
        let kind = if cancelled { FailureKind::Cancelled } else { FailureKind::Error };
        Self::new(Failure { causes, ..Failure::new(kind, message) })
    }
}

fn address(error: &dyn StdError) -> *const () {
    std::ptr::from_ref(error).cast()
}

/// The text of an error.
fn text(error: &dyn StdError) -> String {
    let mut text = match guard(|| error.to_string()) {
        Ok(text) => text,
        Err(panic) => return format!("its text cannot be shown: {}", panic.message),
    };
    text.truncate(text.trim_end().len());
    if text.len() > LONGEST {
        let (shown, rest) = text.split_at(text.floor_char_boundary(LONGEST));
        return format!("{shown}… ({} bytes more)", rest.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// An error with configurable behavior.
    struct Odd {
        text: fn() -> String,
        source: fn(&Self) -> Option<&(dyn StdError + 'static)>,
    }

    impl fmt::Debug for Odd {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Ok(())
        }
    }

    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&(self.text)())
        }
    }

    impl StdError for Odd {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            (self.source)(self)
        }
    }

    fn failure(text: fn() -> String, source: fn(&Odd) -> Option<&(dyn StdError + 'static)>) -> Box<Failure> {
        NodeError::from(Odd { text, source }).into()
    }

    #[test]
    fn an_error_that_is_its_own_source_is_told_once() {
        let failure = failure(|| "bad".to_owned(), |odd| Some(odd));
        assert_eq!((failure.message.as_str(), failure.causes.len()), ("bad", 0));
    }

    #[test]
    fn causes_without_end_are_cut_off() {
        #[expect(clippy::unnecessary_wraps, reason = "the shape of `source`")]
        fn next(_: &Odd) -> Option<&(dyn StdError + 'static)> {
            Some(Box::leak(Box::new(Odd { text: || "deep".to_owned(), source: next })))
        }
        let failure = failure(|| "bad".to_owned(), next);
        assert_eq!(failure.causes.len(), MOST_CAUSES + 1);
        assert_eq!(failure.causes[MOST_CAUSES], "and so on");
    }

    #[test]
    fn an_error_that_panics_when_it_is_asked_is_a_failure_with_what_is_known() {
        let unknown = failure(|| panic!("no such text"), |_| None);
        assert_eq!(unknown.message, "its text cannot be shown: no such text");
        let rootless = failure(|| "bad".to_owned(), |_| panic!("no such source"));
        assert_eq!(
            (rootless.message.as_str(), &*rootless.causes[0]),
            ("bad", "its cause cannot be told: no such source")
        );
    }

    #[test]
    fn a_message_of_any_length_is_bounded() {
        let failure = failure(|| "ä".repeat(1 << 20), |_| None);
        assert!(failure.message.len() < LONGEST + 100 && failure.message.ends_with("bytes more)"));
    }

    #[test]
    fn whoever_wraps_a_cancellation_is_cancelled() {
        let failure = failure(|| "wrapped".to_owned(), |_| Some(&Cancelled));
        assert_eq!((failure.kind, &*failure.causes[0]), (FailureKind::Cancelled, "cancelled"));
    }
}
