//! The parallel settings, all in one table. To add one, add a line, and give the runtime's `ParallelConfig` a field of
//! that name.
//!
//! Everything that is the same for each setting is made from the table, here and in the stages that follow: where it is
//! written, how it is read, which of two places holds, what a plan knows of it, and how it is written in generated code.

use std::time::Duration;

use super::{
    CircuitBreaker, Idempotent, Retry, Strategy,
    language::{CIRCUIT_BREAKER, Entry, RETRY, Shape, entry},
    reader::{Fields, Reader},
};
use crate::source::{Span, Spanned};

/// Calls the macro `$with` with the table. A line holds: name; type; how it is read; its shape; whether the runtime's field is
/// `optional` or `plain`; whether it is for `any` strategy or for `process` only; and what it is for.
///
/// Those of `each` hold for one branch or item, those of `all` for a fan-out or map as a whole.
macro_rules! parallel_settings {
    ($with:ident) => {
        $with! {
            each {
                timeout: Duration, duration, Shape::Duration { zero: false }, optional, any,
                    "The time of one attempt, such as `30s`.";
                timeout_total: Duration, duration, Shape::Duration { zero: false }, optional, any,
                    "The time of all attempts together.";
                grace: Duration, duration, Shape::Duration { zero: true }, plain, any,
                    "The time between telling a branch to end and killing its worker, or abandoning its thread; `1s` if not given.";
                allow_failure: bool, allowed, Shape::BoolOrValues, plain, any,
                    "A failure does not fail the run. A mapping says what the keys are then that the branch would have written.";
                memory_limit: u64, size, Shape::Size, optional, process, "What a worker process may use, such as `512MiB`.";
                max_payload: u64, size, Shape::Size, plain, process,
                    "The most that is sent to or from a worker at once; `1GiB` if not given.";
                max_tasks_per_worker: u32, count, Shape::Count(1), optional, process,
                    "A worker process is replaced after so many.";
                idempotent: Idempotent, idempotent, Shape::Bool, plain, any,
                    "Whether a branch or item may run again because its host was lost; `true` if not given.";
                retry: Retry, retry, Shape::Mapping(&RETRY), plain, any, "What is tried again, and when.";
                circuit_breaker: CircuitBreaker, circuit_breaker, Shape::Mapping(&CIRCUIT_BREAKER), optional, any,
                    "When to stop trying.";
            }
            all {
                max_workers: u32, count, Shape::Count(1), optional, any,
                    "How many run at once; the machine's parallelism if not given.";
                fail_fast: bool, bool, Shape::Bool, plain, any, "Cancel the siblings at the first failure.";
            }
        }
    };
}
pub(crate) use parallel_settings;

macro_rules! define {
    (
        each { $($each:ident: $each_type:ty, $each_read:ident, $each_shape:expr, $each_form:ident, $each_on:ident, $each_about:literal;)* }
        all { $($all:ident: $all_type:ty, $all_read:ident, $all_shape:expr, $all_form:ident, $all_on:ident, $all_about:literal;)* }
    ) => {
        /// Parallel settings at one place; what is not written is `None` and taken from further out.
        #[derive(Debug, Clone, Default)]
        pub struct Parallel {
            /// `strategy` in `settings.parallel`, `parallel_strategy` elsewhere: where it runs.
            pub strategy: Option<Spanned<Strategy>>,
            $(#[doc = $each_about] pub $each: Option<Spanned<$each_type>>,)*
            $(#[doc = $all_about] pub $all: Option<Spanned<$all_type>>,)*
        }

        /// The settings as entries, but for the strategy, which has two names.
        pub(super) const ENTRIES: &[Entry] = &[
            $(entry(stringify!($each), $each_shape, $each_about),)*
            $(entry(stringify!($all), $all_shape, $all_about),)*
        ];

        /// Those that belong to a fan-out or map as a whole.
        pub(crate) const SHARED: &[&str] = &[$(stringify!($all)),*];

        /// Whether only a worker process can be held to a setting.
        pub(crate) fn is_for_processes(name: &str) -> bool {
            let all = [$((stringify!($each), stringify!($each_on)),)* $((stringify!($all), stringify!($all_on)),)*];
            all.contains(&(name, "process"))
        }

        impl Parallel {
            /// These, and what they do not say from further out.
            pub(crate) fn or(&self, far: &Self) -> Self {
                Self {
                    strategy: self.strategy.clone().or_else(|| far.strategy.clone()),
                    $($each: self.$each.clone().or_else(|| far.$each.clone()),)*
                    $($all: self.$all.clone().or_else(|| far.$all.clone()),)*
                }
            }

            /// The settings that are written, with their names.
            pub(crate) fn written(&self) -> impl Iterator<Item = (&'static str, Span)> {
                [
                    self.strategy.as_ref().map(|setting| ("parallel_strategy", setting.span)),
                    $(self.$each.as_ref().map(|setting| (stringify!($each), setting.span)),)*
                    $(self.$all.as_ref().map(|setting| (stringify!($all), setting.span)),)*
                ]
                .into_iter()
                .flatten()
            }
        }

        impl<'a> Reader<'a, '_> {
            /// The settings among `fields`, whose strategy is known already.
            pub(super) fn settings_of(&mut self, fields: &Fields<'_, 'a>, strategy: Option<Spanned<Strategy>>) -> Parallel {
                Parallel {
                    strategy,
                    $($each: self.$each_read(fields, stringify!($each)),)*
                    $($all: self.$all_read(fields, stringify!($all)),)*
                }
            }
        }
    };
}
parallel_settings!(define);
