//! How long an attempt may run.

use std::time::{Duration, Instant};

use crate::{
    failure::{Failure, FailureKind},
    policy::ParallelConfig,
    timer,
};

/// How long an attempt may run, and the setting that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The time from its start to its deadline.
    pub after: Duration,
    /// `timeout` or `timeout_total`.
    setting: &'static str,
    /// The value of that setting.
    allowed: Duration,
}

impl Limit {
    /// The shorter of `timeout` and the time left until the `deadline` of all attempts.
    pub(crate) fn of(config: &ParallelConfig, deadline: Option<Instant>) -> Option<Self> {
        let one = config.timeout.map(|allowed| Self { after: allowed, setting: "timeout", allowed });
        let all = config.timeout_total.map(|allowed| {
            let left = |deadline: Instant| deadline.saturating_duration_since(timer::now());
            Self { after: deadline.map_or(allowed, left), setting: "timeout_total", allowed }
        });
        one.into_iter().chain(all).min_by_key(|limit| limit.after)
    }

    /// The failure of an attempt that exceeded it.
    #[must_use]
    pub fn failure(&self) -> Box<Failure> {
        let Self { setting, allowed, .. } = self;
        Box::new(Failure::new(FailureKind::Timeout, format!("ran over its `{setting}` of {allowed:?}")))
    }
}
