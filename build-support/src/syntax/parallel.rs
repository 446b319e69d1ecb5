//! Parallel settings, wherever they are written.

use std::time::Duration;

use super::{
    CircuitBreaker, Idempotent, Parallel, Retry, RetryOn, Strategy, language,
    reader::{Fields, Reader},
    settings,
};
use crate::{codes, diagnostic::Diagnostic, source::Spanned};

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
