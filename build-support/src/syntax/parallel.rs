//! Parallel settings, wherever they are written.

use std::time::Duration;

use super::{
    Parallel, language,
    reader::{Fields, Reader},
    settings,
};
use crate::{
    codes,
    diagnostic::Diagnostic,
    source::{Span, Spanned},
};

/// Where branches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// On threads of this process.
    Thread,
    /// In worker processes.
    Process,
    /// In worker processes, on this machine or on the hosts of a pool.
    Remote,
}

impl Strategy {
    /// Whether branches leave the process, so that what they read and write is sent.
    #[must_use]
    pub fn crosses(self) -> bool {
        self != Self::Thread
    }

    /// The word in workflow files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Process => "process",
            Self::Remote => "remote",
        }
    }
}

/// `retry`, with the defaults of the design filled in for what is not written.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often a failed attempt is tried again.
    pub max_retries: u32,
    /// Wait before the first retry.
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Growth of the wait from one retry to the next; at least 1.
    pub backoff_multiplier: f64,
    /// Whether waits are varied at random.
    pub jitter: bool,
    /// The kinds of failure that are retried.
    pub retry_on: Vec<RetryOn>,
    /// Where `retry_on` is written.
    pub retry_on_span: Option<Span>,
}

impl PartialEq for Retry {
    /// Where it is written does not matter.
    fn eq(&self, other: &Self) -> bool {
        let Self { max_retries, base_delay, max_delay, backoff_multiplier, jitter, retry_on, retry_on_span: _ } = self;
        (max_retries, base_delay, max_delay) == (&other.max_retries, &other.base_delay, &other.max_delay)
            && backoff_multiplier == &other.backoff_multiplier
            && (jitter, retry_on) == (&other.jitter, &other.retry_on)
    }
}

/// `idempotent`: whether it may run again because its host was lost, as it may if nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotent(pub bool);

/// A kind of failure that may be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// The node's Rust gave an error.
    Error,
    /// It panicked.
    Panic,
    /// It ran over its time.
    Timeout,
    /// Its worker was lost, out of memory included.
    Crash,
    /// Its host was lost, and it is not `idempotent`.
    Lost,
}

/// `circuit_breaker`, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct CircuitBreaker {
    /// Failures in a row that open the circuit; at least 1.
    pub failure_threshold: u32,
    /// How long it stays open.
    pub reset_timeout: Duration,
    /// Trial calls let through when half open; at least 1.
    pub half_open_max_calls: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_retries: 0,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(1),
            backoff_multiplier: 2.0,
            jitter: true,
            retry_on: vec![RetryOn::Error, RetryOn::Panic, RetryOn::Timeout, RetryOn::Crash],
            retry_on_span: None,
        }
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { failure_threshold: 5, reset_timeout: Duration::from_secs(30), half_open_max_calls: 1 }
    }
}

impl<'a> Reader<'a, '_> {
    /// The parallel settings among `fields`. `strategy` is what the strategy is called there.
    pub(super) fn parallel(&mut self, fields: &Fields<'_, 'a>, strategy: &str) -> Parallel {
        if !fields.any_of(|name| name == strategy || settings::ENTRIES.iter().any(|entry| entry.name == name)) {
            return Parallel::default();
        }
        let strategy = self.word(fields, strategy).map(|word| {
            let strategies = [Strategy::Process, Strategy::Remote];
            let strategy = strategies.into_iter().find(|strategy| strategy.name() == word.value);
            let strategy = strategy.unwrap_or(Strategy::Thread);
            Spanned::new(strategy, word.span)
        });
        let settings = self.settings_of(fields, strategy);
        if fields.is_of(&language::PARALLEL) {
            self.refuse_fallback(fields);
        }
        if let (Some(one), Some(total)) = (&settings.timeout, &settings.timeout_total)
            && one.value > total.value
        {
            self.error(
                Diagnostic::error(codes::SETTING_CONFLICT, one.span, "`timeout` is longer than `timeout_total`")
                    .label("the time of one attempt")
                    .also(total.span, "the time of all attempts together")
                    .help("make `timeout_total` at least as long"),
            );
        }
        settings
    }

    pub(super) fn idempotent(&mut self, fields: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Idempotent>> {
        self.bool(fields, name).map(|given| Spanned::new(Idempotent(given.value), given.span))
    }

    pub(super) fn retry(&mut self, outer: &Fields<'_, 'a>, name: &str) -> Option<Spanned<Retry>> {
        let fields = self.table(outer, name)?;
        let default = Retry::default();
        let base = self.duration(&fields, "base_delay");
        let max = self.duration(&fields, "max_delay");
        let base_delay = base.as_ref().map_or(default.base_delay, |base| base.value);
        let max_delay = max.as_ref().map_or(default.max_delay, |max| max.value);
        if base_delay > max_delay {
            self.error(match (&base, &max) {
                (Some(base), Some(max)) => {
                    Diagnostic::error(codes::SETTING_CONFLICT, base.span, "`base_delay` is longer than `max_delay`")
                        .label("the first wait")
                        .also(max.span, "the longest wait")
                        .help("make `max_delay` at least as long")
                }
                (Some(base), None) => {
                    Diagnostic::error(codes::SETTING_CONFLICT, base.span, "`base_delay` is longer than `max_delay`")
                        .note("`max_delay` is 60s if not given")
                        .help("give a `max_delay` that is at least as long")
                }
                (None, _) => {
                    let span = max.as_ref().map_or(fields.place, |max| max.span);
                    Diagnostic::error(codes::SETTING_CONFLICT, span, "`max_delay` is shorter than `base_delay`")
                        .note("`base_delay` is 1s if not given")
                        .help("give a `base_delay` that is not longer")
                }
            });
        }
        if fields.written("max_retries").is_none() {
            let error = Diagnostic::error(codes::SETTING_CONFLICT, fields.place, "`retry` tries nothing again");
            self.error(error.note("`max_retries` is 0 if not given").help("add `max_retries: 3`, or remove `retry`"));
        }
        let retry_on = self.words(&fields, "retry_on").map(|words| {
            let kind = |word: Spanned<&str>| match word.value {
                "error" => RetryOn::Error,
                "panic" => RetryOn::Panic,
                "timeout" => RetryOn::Timeout,
                "lost" => RetryOn::Lost,
                _ => RetryOn::Crash,
            };
            words.into_iter().map(kind).collect()
        });
        let retry = Retry {
            max_retries: self.count(&fields, "max_retries").map_or(default.max_retries, |count| count.value),
            base_delay,
            max_delay,
            backoff_multiplier: self
                .factor(&fields, "backoff_multiplier")
                .map_or(default.backoff_multiplier, |factor| factor.value),
            jitter: self.bool(&fields, "jitter").map_or(default.jitter, |jitter| jitter.value),
            retry_on: retry_on.unwrap_or(default.retry_on),
            retry_on_span: fields.any("retry_on").map(|entry| entry.value.span),
        };
        Some(Spanned::new(retry, fields.span))
    }

    pub(super) fn circuit_breaker(&mut self, outer: &Fields<'_, 'a>, name: &str) -> Option<Spanned<CircuitBreaker>> {
        let fields = self.table(outer, name)?;
        let default = CircuitBreaker::default();
        let failure_threshold = self.count(&fields, "failure_threshold");
        let reset_timeout = self.duration(&fields, "reset_timeout");
        let half_open_max_calls = self.count(&fields, "half_open_max_calls");
        let breaker = CircuitBreaker {
            failure_threshold: failure_threshold.map_or(default.failure_threshold, |count| count.value),
            reset_timeout: reset_timeout.map_or(default.reset_timeout, |time| time.value),
            half_open_max_calls: half_open_max_calls.map_or(default.half_open_max_calls, |count| count.value),
        };
        Some(Spanned::new(breaker, fields.span))
    }
}
