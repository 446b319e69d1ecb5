//! Turns the user's errors into failures. Their `Display` and `source` are user code, which may do anything.

use std::{error::Error as StdError, fmt};

use crate::{
    cancel::Ending,
    failure::{Failure, FailureKind, NodeError},
    panic::guard,
    words::bytes,
};

/// The maximum number of causes that are reported. An error with more probably has an endless chain.
const MOST_CAUSES: usize = 64;
/// The maximum length of a message, in bytes.
const LONGEST: usize = 64 << 10;

impl From<NodeError> for Box<Failure> {
    fn from(NodeError(error): NodeError) -> Self {
        let error = match error.downcast::<CallFailed>() {
            Ok(failed) => return failed.0,
            Err(error) => error,
        };
        // An error of `ctx.check()?` is not the node's fault, however it has been wrapped.
        let (mut cancelled, mut permanent) = (false, false);
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
            if cause.is::<Ending>() {
                cancelled = true;
                break;
            }
            if cause.is::<NoRetry>() {
                permanent = true;
                last = cause;
                continue;
            }
            // A newtype is where its content is, so the place alone does not tell them apart.
            let known = (address(cause), text(cause));
            if seen.contains(&known) {
                break;
            }
            if causes.len() == MOST_CAUSES {
                causes.push("and so on".to_owned());
                break;
            }
            causes.push(known.1.clone());
            seen.push(known);
            last = cause;
        }
        let kind = if cancelled { FailureKind::Cancelled } else { FailureKind::Error };
        Self::new(Failure { permanent, causes, ..Failure::new(kind, message) })
    }
}

/// The failure of a workflow that a node called, which is that of the node.
#[derive(Debug)]
pub(crate) struct CallFailed(pub(crate) Box<Failure>);

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for CallFailed {}

impl NodeError {
    /// A failure of ours, as an error of a node.
    pub(crate) fn from_failure(failure: Box<Failure>) -> Self {
        Self(Box::new(CallFailed(failure)))
    }
}

/// Marks an error as one that no retry can help, such as an input that is malformed: the branch or item fails at once,
/// whatever its `retry` says.
///
/// The error keeps its text and its causes, and is recognised wherever it is in the chain of causes of the error that
/// the node returns.
///
/// ```
/// # fn parse(text: &str) -> Result<u32, tea_runtime::Permanent> {
/// text.parse().map_err(tea_runtime::permanent)
/// # }
/// # fn check(text: &str) -> Result<(), Box<dyn std::error::Error>> {
/// if text.is_empty() {
///     return Err(tea_runtime::permanent("the header is missing").into());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Permanent {
    Permanent(NoRetry(error.into()))
}

/// An error that no retry can help: see [`permanent`].
pub struct Permanent(NoRetry);

impl fmt::Debug for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.0, f)
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.0, f)
    }
}

impl StdError for Permanent {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// Follows a permanent error in its chain of causes: a wrapper may hide an error's type, but not its source.
#[derive(Debug)]
struct NoRetry(Box<dyn StdError + Send + Sync>);

impl fmt::Display for NoRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no retry can help")
    }
}

impl StdError for NoRetry {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
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
        return format!("{shown}… ({} more)", bytes(rest.len() as u64));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancelled;

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
    fn errors_that_are_sources_of_each_other_are_told_once_each() {
        static FIRST: Odd = Odd { text: || "first".to_owned(), source: |_| Some(&SECOND) };
        static SECOND: Odd = Odd { text: || "second".to_owned(), source: |_| Some(&THIRD) };
        static THIRD: Odd = Odd { text: || "third".to_owned(), source: |_| Some(&FIRST) };
        static PAIR: [Odd; 2] = [
            Odd { text: || "one".to_owned(), source: |_| Some(&PAIR[1]) },
            Odd { text: || "two".to_owned(), source: |_| Some(&PAIR[0]) },
        ];
        assert_eq!(failure(|| "bad".to_owned(), |_| Some(&FIRST)).causes, ["first", "second", "third"]);
        assert_eq!(failure(|| "bad".to_owned(), |_| Some(&PAIR[1])).causes, ["two", "one"]);
    }

    /// As `io::Error` and many others hold what caused them.
    #[test]
    fn causes_that_are_boxed_or_shared_are_told_once_each() {
        #[derive(Debug)]
        struct Holds<E>(E);

        impl<E: fmt::Debug> fmt::Display for Holds<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("holds")
            }
        }

        impl<E: std::ops::Deref<Target: StdError + Sized + 'static> + fmt::Debug> StdError for Holds<E> {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&*self.0)
            }
        }

        let own = || Odd { text: || "own".to_owned(), source: |odd| Some(odd) };
        for error in [NodeError::from(Holds(Box::new(own()))), Holds(std::sync::Arc::new(own())).into()] {
            assert_eq!(Box::<Failure>::from(error).causes, ["own"]);
        }
    }

    #[test]
    fn an_error_that_is_its_own_source_and_panics_when_it_is_shown_again_ends_the_chain() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        static SHOWN: AtomicUsize = AtomicUsize::new(0);
        let text = || match SHOWN.fetch_add(1, Ordering::Relaxed) {
            0 => "bad".to_owned(),
            _ => panic!("shown a second time"),
        };
        let failure = failure(text, |odd| Some(odd));
        assert_eq!(failure.message, "bad");
        assert_eq!(failure.causes, ["its text cannot be shown: shown a second time"]);
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

    /// As `anyhow` does it: another type, the same text and source.
    #[derive(Debug)]
    struct Hidden<E>(E);

    impl<E: fmt::Display> fmt::Display for Hidden<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl<E: StdError> StdError for Hidden<E> {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.0.source()
        }
    }

    #[test]
    fn marks_are_found_through_wrappers_and_are_no_causes() {
        let failure = |error: NodeError| Box::<Failure>::from(error);
        let cancelled = failure(Hidden(Cancelled).into());
        assert_eq!((cancelled.kind, cancelled.causes.len()), (FailureKind::Cancelled, 0));
        let number = "x".parse::<u8>().unwrap_err();
        for error in [permanent(number.clone()).into(), Hidden(permanent(number.clone())).into()] {
            let failure = failure(error);
            assert!(failure.permanent && failure.causes.is_empty(), "{failure:?}");
            assert_eq!((failure.kind, failure.message), (FailureKind::Error, number.to_string()));
        }
        let io = std::io::Error::other(permanent(Odd { text: || "outer".to_owned(), source: |_| Some(&fmt::Error) }));
        let causes = failure(permanent(io).into()).causes;
        assert_eq!(causes, [fmt::Error.to_string()]);
        assert!(!failure("plain".into()).permanent);
        assert_eq!(format!("{0} {0:?}", permanent("bad")), "bad \"bad\"");
    }
}
