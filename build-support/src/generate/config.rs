//! Settings, as literals of the runtime's types.

use std::{fmt::Write, time::Duration};

use super::text::option;
use crate::{
    plan::{Plan, Policy},
    syntax::{Checkpoint, CircuitBreaker, Idempotent, Retry, RetryOn, Strategy, parallel_settings},
};

macro_rules! define {
    (
        each { $($each:ident: $type:ty, $read:ident, $shape:expr, $form:ident, $on:ident, $about:literal;)* }
        all { $($all:tt)* }
    ) => {
        /// Settings; what is as in `ParallelConfig::DEFAULT` is left out.
        pub(super) fn config(policy: &Policy) -> String {
            let mut fields = String::new();
            match policy.strategy {
                Strategy::Thread => {}
                Strategy::Process => fields += "strategy: tea::Strategy::Process, ",
                Strategy::Remote => fields += "strategy: tea::Strategy::Remote, ",
            }
            $(if let Some(value) = &policy.$each {
                let _ = write!(fields, "{}: {}, ", stringify!($each), $form(value.written()));
            })*
            format!("tea::ParallelConfig {{ {fields}..tea::ParallelConfig::DEFAULT }}")
        }
    };
}
parallel_settings!(define);

/// A setting that the runtime's table holds as it is.
fn plain(value: String) -> String {
    value
}

/// A setting that the runtime's table holds as an `Option`.
fn optional(value: String) -> String {
    option(Some(value))
}

/// The value of a setting as generated code writes it.
trait Written {
    fn written(&self) -> String;
}

impl Written for bool {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Idempotent {
    fn written(&self) -> String {
        self.0.to_string()
    }
}

impl Written for u32 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for u64 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Duration {
    fn written(&self) -> String {
        format!("::core::time::Duration::new({}, {})", self.as_secs(), self.subsec_nanos())
    }
}

impl Written for Retry {
    fn written(&self) -> String {
        let Self { max_retries, base_delay, max_delay, backoff_multiplier, jitter, retry_on, retry_on_span: _ } = self;
        let retry_on: String = retry_on
            .iter()
            .map(|kind| match kind {
                RetryOn::Error => "tea::RetryOn::Error, ",
                RetryOn::Panic => "tea::RetryOn::Panic, ",
                RetryOn::Timeout => "tea::RetryOn::Timeout, ",
                RetryOn::Crash => "tea::RetryOn::Crash, ",
                RetryOn::Lost => "tea::RetryOn::Lost, ",
            })
            .collect();
        format!(
            "tea::RetryPolicy {{ max_retries: {max_retries}, base_delay: {}, max_delay: {}, backoff_multiplier: \
             {backoff_multiplier:?}, jitter: {jitter}, retry_on: &[{retry_on}] }}",
            base_delay.written(),
            max_delay.written(),
        )
    }
}

impl Written for CircuitBreaker {
    fn written(&self) -> String {
        let Self { failure_threshold, reset_timeout, half_open_max_calls } = self;
        format!(
            "tea::CircuitBreakerConfig {{ failure_threshold: {failure_threshold}, reset_timeout: {}, \
             half_open_max_calls: {half_open_max_calls} }}",
            reset_timeout.written(),
        )
    }
}

/// How runs are recorded, if they are.
pub(super) fn checkpoint(plan: &Plan) -> String {
    option(plan.checkpoint.as_ref().map(|checkpoint| {
        let Checkpoint { sync, keep, max_size, code: _ } = checkpoint.value;
        format!("tea::Checkpoint {{ sync: {}, keep: {keep}, max_size: {max_size} }}", sync.written())
    }))
}
