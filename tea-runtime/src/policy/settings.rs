//! The settings of a branch or item by name, all in one table: how each is read from text, and shown.

use super::{
    CircuitBreakerConfig, ParallelConfig, RetryOn, Strategy,
    text::{self, Given, Wrong},
};

/// A setting, or an entry of one: `timeout`, `retry.max_retries`.
pub(crate) struct Setting {
    /// Its name, as in a workflow file.
    pub(crate) name: &'static str,
    set: fn(&mut ParallelConfig, Option<&Given>) -> Result<(), Wrong>,
    show: fn(&ParallelConfig) -> Option<String>,
}

impl Setting {
    /// The entry of a node or edge that it is written in: `retry` for `retry.max_retries`.
    pub(crate) fn entry(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(entry, _)| entry)
    }

    /// Changes it; without a value, to what holds if a workflow file says nothing.
    pub(crate) fn set(&self, config: &mut ParallelConfig, given: Option<&Given>) -> Result<(), Wrong> {
        (self.set)(config, given)
    }

    /// Its value as it would be written; `none` where nothing holds.
    pub(crate) fn show(&self, config: &ParallelConfig) -> String {
        (self.show)(config).unwrap_or_else(|| "none".to_owned())
    }
}

const STRATEGIES: &[(&str, Strategy)] =
    &[("thread", Strategy::Thread), ("process", Strategy::Process), ("remote", Strategy::Remote)];
const KINDS: &[(&str, RetryOn)] = &[
    ("error", RetryOn::Error),
    ("panic", RetryOn::Panic),
    ("timeout", RetryOn::Timeout),
    ("crash", RetryOn::Crash),
    ("lost", RetryOn::Lost),
];

/// A setting with a value in any case.
macro_rules! plain {
    ($name:literal, $($field:ident).+, $read:expr, $show:expr) => {
        Setting {
            name: $name,
            set: |config, given| {
                config.$($field).+ = match given {
                    Some(given) => $read(given)?,
                    None => ParallelConfig::DEFAULT.$($field).+,
                };
                Ok(())
            },
            show: |config| Some($show(config.$($field).+)),
        }
    };
}

/// A setting that may be without a value.
macro_rules! optional {
    ($name:literal, $field:ident, $read:expr, $show:expr) => {
        Setting {
            name: $name,
            set: |config, given| {
                config.$field = given.map($read).transpose()?;
                Ok(())
            },
            show: |config| config.$field.map($show),
        }
    };
}

/// An entry of `circuit_breaker`, which there may be none of.
macro_rules! breaker {
    ($name:literal, $field:ident, $read:expr, $show:expr) => {
        Setting {
            name: $name,
            set: |config, given| {
                let breaker = config.circuit_breaker.get_or_insert(CircuitBreakerConfig::DEFAULT);
                breaker.$field = match given {
                    Some(given) => $read(given)?,
                    None => CircuitBreakerConfig::DEFAULT.$field,
                };
                Ok(())
            },
            show: |config| config.circuit_breaker.as_ref().map(|breaker| $show(breaker.$field)),
        }
    };
}

/// All of them, in the order of the reference.
pub(crate) static SETTINGS: &[Setting] = &[
    plain!("parallel_strategy", strategy, |given| text::word(given, STRATEGIES), |value| word(value, STRATEGIES)),
    optional!("timeout", timeout, text::limit, text::show_duration),
    optional!("timeout_total", timeout_total, text::limit, text::show_duration),
    plain!("grace", grace, text::duration, text::show_duration),
    plain!("allow_failure", allow_failure, text::truth, |value: bool| value.to_string()),
    optional!("memory_limit", memory_limit, text::size, text::show_size),
    plain!("max_payload", max_payload, text::size, text::show_size),
    optional!("max_tasks_per_worker", max_tasks_per_worker, at_least_one, |value: u32| value.to_string()),
    plain!("idempotent", idempotent, text::truth, |value: bool| value.to_string()),
    plain!("retry.max_retries", retry.max_retries, |given| text::count(given, 0), |value: u32| value.to_string()),
    plain!("retry.base_delay", retry.base_delay, text::duration, text::show_duration),
    plain!("retry.backoff_multiplier", retry.backoff_multiplier, text::factor, |value: f64| value.to_string()),
    plain!("retry.max_delay", retry.max_delay, text::duration, text::show_duration),
    plain!("retry.jitter", retry.jitter, text::truth, |value: bool| value.to_string()),
    plain!("retry.retry_on", retry.retry_on, kinds, show_kinds),
    breaker!("circuit_breaker.failure_threshold", failure_threshold, at_least_one, |value: u32| value.to_string()),
    breaker!("circuit_breaker.reset_timeout", reset_timeout, text::limit, text::show_duration),
    breaker!("circuit_breaker.half_open_max_calls", half_open_max_calls, at_least_one, |value: u32| value.to_string()),
];

fn at_least_one(given: &Given) -> Result<u32, Wrong> {
    text::count(given, 1)
}

/// Reads the kinds for the rest of the program's life, because they are `'static` in a plan.
fn kinds(given: &Given) -> Result<&'static [RetryOn], Wrong> {
    text::words(given, KINDS).map(|kinds| &*kinds.leak())
}

fn show_kinds(kinds: &[RetryOn]) -> String {
    kinds.iter().map(|kind| word(*kind, KINDS)).collect::<Vec<_>>().join(",")
}

fn word<T: Copy + PartialEq>(value: T, words: &[(&'static str, T)]) -> String {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word).to_owned()
}

/// What belongs to a fan-out or map as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shared {
    /// How many run at once.
    pub(crate) max_workers: Option<u32>,
    /// Whether the first failure cancels the others.
    pub(crate) fail_fast: bool,
}

/// The names of what belongs to a fan-out or map as a whole.
pub(crate) const SHARED: [&str; 2] = ["max_workers", "fail_fast"];

impl Shared {
    /// Changes one of them; without a value, to what holds if a workflow file says nothing.
    pub(crate) fn set(&mut self, name: &str, given: Option<&Given>) -> Result<(), Wrong> {
        if name == SHARED[0] {
            self.max_workers = given.map(at_least_one).transpose()?;
        } else {
            self.fail_fast = given.map_or(Ok(false), text::truth)?;
        }
        Ok(())
    }

    /// The value of one of them, as it would be written.
    pub(crate) fn show(self, name: &str) -> String {
        match (name == SHARED[0], self.max_workers) {
            (true, Some(workers)) => workers.to_string(),
            (true, None) => "none".to_owned(),
            (false, _) => self.fail_fast.to_string(),
        }
    }
}
