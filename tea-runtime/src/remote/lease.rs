//! How long an agent may run what it was given without an answer of its program: arithmetic, without clocks.
//!
//! The agent asks for its lease again and again, and the program grants it. The agent holds it for nine tenths of its length,
//! from the moment at which it *asked*, by its own clock. The program counts the whole length from the moment at which it
//! granted, by its own clock. A grant comes after its question, however long either is on its way, so the agent has ended before
//! the program takes its lease for over: the last tenth is for clocks, of which each may be wrong by 1 %, and for the ends of
//! processes.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::pacing::remote::HEARTBEAT;

/// The lengths of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// How often an agent asks.
    pub(crate) heartbeat: Duration,
    /// How long the program waits until it takes a lease for over.
    pub(crate) lease: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(5), lease: Duration::from_secs(30) }
    }
}

impl Terms {
    /// Checks that a lease outlasts the loss of a question.
    ///
    /// # Errors
    /// If it does not: what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { heartbeat, lease } = *self;
        if heartbeat < HEARTBEAT {
            return Err(format!("`heartbeat` is {heartbeat:?}, which is too short: at least {HEARTBEAT:?}"));
        }
        if lease / 3 < heartbeat {
            return Err(format!(
                "`lease` is {lease:?}, which is less than three times the `heartbeat` of {heartbeat:?}: a host would be given up \
                 as soon as two messages are late"
            ));
        }
        Ok(())
    }

    /// How long an agent holds a lease.
    pub(crate) fn held(&self) -> Duration {
        self.lease / 10 * 9
    }

    /// When the program takes a lease for over that it grants now.
    pub(crate) fn over(&self, now: Instant) -> Instant {
        crate::timer::later(now, self.lease)
    }

    /// After how much silence a host gets no further units.
    pub(crate) fn patience(&self) -> Duration {
        self.heartbeat * 2
    }
}

/// The lease as its agent holds it. Moments are times of the agent's clock.
#[derive(Debug)]
pub(crate) struct Held {
    length: Duration,
    until: Duration,
}

impl Held {
    /// A lease that starts now, when nothing runs yet.
    pub(crate) fn start(terms: &Terms, now: Duration) -> Self {
        let length = terms.held();
        Self { length, until: now + length }
    }

    /// When the agent must have ended.
    pub(crate) fn until(&self) -> Duration {
        self.until
    }

    /// It has been granted as it was asked for at this moment.
    pub(crate) fn granted(&mut self, asked: Duration, now: Duration) {
        self.until = self.until.max(asked.min(now) + self.length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const TERMS: Terms = Terms { heartbeat: Duration::from_secs(5), lease: Duration::from_secs(30) };

    /// A message that takes so many milliseconds, or never arrives.
    fn delay() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![4 => (0..200_u64).prop_map(Some), 3 => (0..60_000_u64).prop_map(Some), 1 => Just(None)]
    }

    /// What becomes of one question and its answer.
    #[derive(Debug, Clone)]
    struct Ask {
        /// The time after the question before it. An agent that is stopped asks late.
        after: u64,
        there: Option<u64>,
        /// How long the program is stopped, or does not look, when the question has arrived.
        late: u64,
        back: Option<u64>,
        /// How long the agent is stopped when the answer has arrived.
        stopped: u64,
    }

    fn asks() -> impl Strategy<Value = Vec<Ask>> {
        let after = prop_oneof![4 => 5_000..5_100_u64, 1 => 0..80_000_u64];
        let stop = || prop_oneof![8 => Just(0_u64), 1 => 0..80_000_u64];
        let ask = (after, delay(), stop(), delay(), stop());
        vec(ask.prop_map(|(after, there, late, back, stopped)| Ask { after, there, late, back, stopped }), 1..40)
    }

    /// What a clock shows after so many real milliseconds. It is wrong by at most 1 %.
    fn shown(real: u64, percent: f64) -> Duration {
        Duration::from_secs_f64(f64::from(u32::try_from(real).unwrap()) * (1.0 + percent / 100.0) / 1000.0)
    }

    /// The real time at which a clock shows this, in milliseconds.
    fn real(shown: Duration, percent: f64) -> f64 {
        shown.as_secs_f64() * 1000.0 / (1.0 + percent / 100.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever is late, lost or stopped: when the program gives the agent's work to another, the agent has ended, and so long
        /// ago that what it ran has ended too.
        #[test]
        fn no_two_hosts_ever_hold_the_same_work(asks in asks(), agent in -1.0..1.0_f64, program in -1.0..1.0_f64) {
            // The agent starts its lease at 0. The program hears that it is ready a moment later.
            let base = Instant::now();
            let mut held = Held::start(&TERMS, Duration::ZERO);
            let mut over = TERMS.over(base);
            // What happens, by real time: questions that the program looks at, and answers that the agent looks at.
            let mut asked = 0;
            let mut heard: Vec<(u64, u64, Ask)> = Vec::new();
            for ask in asks {
                asked += ask.after;
                if let Some(there) = ask.there {
                    heard.push((asked + there + ask.late, asked, ask));
                }
            }
            heard.sort_by_key(|(at, ..)| *at);
            let mut granted = Vec::new();
            for (at, asked, ask) in heard {
                let now = base + shown(at, program);
                if over <= now {
                    // It has given the agent up.
                    break;
                }
                over = TERMS.over(now);
                if let Some(back) = ask.back {
                    granted.push((at + back + ask.stopped, asked));
                }
            }
            granted.sort_unstable();
            for (at, asked) in granted {
                let now = shown(at, agent);
                // The system ends it at that moment, even if it is stopped.
                if held.until() <= now {
                    break;
                }
                held.granted(shown(asked, agent), now);
            }
            let (ended, given_up) = (real(held.until(), agent), real(over - base, program));
            prop_assert!(ended + 2_000.0 <= given_up, "it ends at {ended} ms, and is given up at {given_up} ms");
        }
    }

    #[test]
    fn an_answer_that_is_under_way_for_long_prolongs_nothing() {
        let mut held = Held::start(&TERMS, Duration::ZERO);
        held.granted(Duration::from_secs(5), Duration::from_secs(25));
        assert_eq!(held.until(), Duration::from_secs(5 + 27));
        // Nor does one that comes out of order, or from a clock that is wrong.
        held.granted(Duration::from_secs(1), Duration::from_secs(26));
        held.granted(Duration::from_mins(15), Duration::from_secs(10));
        assert_eq!(held.until(), Duration::from_secs(10 + 27));
    }
}
