//! Handles the end of an attempt.

use std::{borrow::Cow, time::Duration};

use super::{
    super::attempt::{Attempts, Verdict},
    Driver, End, Source, Start, Succeeded,
    table::{InFlight, Table, Trial},
};
use crate::{
    cancel::CancelReason,
    event::Event,
    executor::{
        breakers::{BreakerAnswer, BreakerCall},
        message::Completion,
        outcome::{Outcome, Ran},
        work::Work,
    },
    failure::{Failure, FailureKind},
    result::{CircuitState, ParallelFlowResult},
    usage::{self, Usage},
};

impl Driver<'_> {
    /// Handles an outcome from an executor.
    pub(super) fn done<S: Source>(&self, completion: Completion, source: &mut S, table: &mut Table<S::Key>) {
        // The outcome of an abandoned unit is ignored.
        let Some(in_flight) = table.in_flight.remove(&completion.id) else { return };
        let mut outcome = completion.outcome;
        outcome.decode();
        table.took = outcome.ran.elapsed;
        if let Ran { worker: Some(_), usage: Usage { cpu: Some(cpu), .. }, .. } = outcome.ran {
            usage::of_nested(cpu);
        }
        if self.run.info.events.is_active() {
            let InFlight { scope, ref label, ref attempts, ref item_label, .. } = in_flight;
            let name = self.fan_out.path.shown(label);
            let label = if self.run.info.events.wants().nodes {
                outcome.work.as_deref().map_or_else(|| item_label.clone(), label_of)
            } else {
                None
            };
            let (name, label) = (&*name, label.as_deref());
            let Ran { pid, worker, host, elapsed, received, usage: Usage { cpu, peak_memory } } = outcome.ran;
            let failure = outcome.failures.first().map(|(_, failure)| &**failure);
            let attempt = attempts.started;
            self.run.info.events.emit(|| Event::AttemptFinished {
                scope,
                name,
                label,
                attempt,
                worker,
                host,
                pid,
                elapsed,
                received,
                cpu,
                peak_memory,
                failure,
            });
        }
        self.settle_unit(in_flight, outcome, source, table);
    }

    /// Handles the end of an attempt, which is also the end of the unit, except for parts that are retried.
    pub(super) fn settle_unit<S: Source>(
        &self,
        in_flight: InFlight<S::Key>,
        outcome: Outcome,
        source: &mut S,
        table: &mut Table<S::Key>,
    ) {
        let InFlight { key, scope, part, parts, attempts, mut kept, mut item_label, executor, .. } = in_flight;
        let Outcome { work, received, failures, ran, refused } = outcome;
        let index = source.index(key);
        let config = self.site.config(index);
        if refused {
            self.refuse(&failures, table);
        }
        let circuit = config.circuit_breaker.is_some().then(|| {
            let calls = failures.iter().map(|(_, failure)| match failure.kind {
                FailureKind::CircuitOpen => None,
                FailureKind::Cancelled | FailureKind::Waiting => Some(BreakerCall::Withdrawn),
                _ => Some(BreakerCall::Failed),
            });
            let calls = calls.chain(failures.is_empty().then_some(Some(BreakerCall::Succeeded)));
            // If the attempt was not started, the breaker did not allow it.
            let calls = calls.flatten().filter(|_| executor.is_some());
            let answers = calls.map(|call| self.ask_breaker(source, key, call));
            answers.last().map_or(CircuitState::Open, |answer| answer.state)
        });
        let first = attempts.started == 1 && attempts.is_first();
        let mut end = End {
            scope,
            parts,
            received,
            failing: Vec::new(),
            failed: Vec::new(),
            again: 0,
            succeeded: None,
            elapsed: (first && !refused).then_some(ran.elapsed),
            work: None,
        };
        if failures.is_empty() {
            let plain = circuit.is_none() && ran.worker.is_none() && first && !self.run.info.events.is_active();
            end.succeeded = Some(if plain {
                Succeeded::Plain(ran.elapsed)
            } else {
                let result = result(source.label(key, 0), attempts, ran, circuit);
                Succeeded::Told(Box::new(ParallelFlowResult { success: true, ..result }))
            });
        } else {
            let left_behind = work.is_none() && parts > 1;
            let all = |(_, failure): &(usize, Box<Failure>)| (0..parts).map(|at| (at, failure.clone())).collect();
            let failures = if left_behind { failures.first().map(all).unwrap_or_default() } else { failures };
            for (at, failure) in failures {
                end.failing.push(at);
                let mut attempts = attempts.clone();
                let verdict = if refused {
                    Verdict::Failed(failure)
                } else {
                    attempts.failed(failure, ran.elapsed, config, self.cancel())
                };
                match (verdict, kept.take().or_else(|| Some(work.as_ref()?.part(at)))) {
                    (Verdict::Again(delay, failure), Some(work)) => {
                        end.again += 1;
                        if !failure.kind.is_loss() {
                            source.starts_over(key);
                        }
                        let label = if self.run.info.events.is_active() { work.item_label(0) } else { None };
                        let named = (&*source.label(key, at), label.as_deref());
                        self.tell_retry(named, &end, &attempts, delay, &failure);
                        let (key, part) = (source.part_key(key, at), part + at as u64);
                        table.wait(delay, Trial { start: Start { key, work, scope, part }, attempts });
                    }
                    (Verdict::Again(_, failure) | Verdict::Failed(failure), work) => {
                        let result = result(source.label(key, at), attempts, ran, circuit);
                        let label = item_label.take().or_else(|| work?.item_label(0));
                        end.failed.push((at, ParallelFlowResult { error: Some(failure), label, ..result }));
                    }
                }
            }
        }
        let fails_fast = self.site.fail_fast && (!config.allow_failure || self.site.all_may_fail);
        if fails_fast && end.failed.iter().any(|(_, result)| !result.is_waiting()) {
            self.cancel().cancel_for(CancelReason::Sibling);
        }
        end.work = work;
        source.ended(self, key, end);
    }

    /// Handles an executor that cannot run anything: the fan-out fails, whatever is allowed to fail.
    fn refuse<K>(&self, failures: &[(usize, Box<Failure>)], table: &mut Table<K>) {
        if table.refused.is_none() {
            table.refused = failures.first().map(|(_, failure)| failure.clone());
            self.cancel().cancel_for(CancelReason::Sibling);
        }
    }

    /// Sends a question or report to the breaker of a branch or map, and reports changes of its state.
    pub(super) fn ask_breaker<S: Source>(&self, source: &S, key: S::Key, call: BreakerCall) -> BreakerAnswer {
        let answer = self.run.info.breakers.call(self.breaker_at(source.index(key)), call);
        if answer.changed {
            let (scope, name, state) = (source.scope(key), &*self.fan_out.path.shown(source.name(key)), answer.state);
            self.run.info.events.emit(|| Event::CircuitChanged { scope, name, state });
        }
        answer
    }

    fn tell_retry(
        &self,
        (name, label): (&str, Option<&str>),
        end: &End,
        attempts: &Attempts,
        delay: Duration,
        failure: &Failure,
    ) {
        let (scope, attempt) = (end.scope, attempts.started + 1);
        let name = &*self.fan_out.path.shown(name);
        self.run.info.events.emit(|| Event::RetryScheduled { scope, name, label, attempt, delay, failure });
    }
}

/// By what people recognize the items of a unit: the first and the last.
fn label_of(work: &dyn Work) -> Option<String> {
    let first = work.item_label(0)?;
    match work.parts() {
        1 => Some(first),
        parts => Some(format!("{first} … {}", work.item_label(parts - 1)?)),
    }
}

fn result(name: Cow<'static, str>, attempts: Attempts, ran: Ran, circuit: Option<CircuitState>) -> ParallelFlowResult {
    let mut result = ParallelFlowResult::new(name);
    (result.pid, result.worker, result.host) = (ran.pid, ran.worker, ran.host.map(str::to_owned));
    (result.cpu, result.peak_memory) = (ran.usage.cpu, ran.usage.peak_memory);
    attempts.report(ran.elapsed, circuit, &mut result);
    result
}
