//! Which unit goes to which host: decisions, without input or output.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::pacing::remote::MARGIN;

/// The state of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is not needed, or was lost and will be needed again.
    Off,
    /// Its agent is being started.
    Starting,
    /// It accepts units.
    Ready,
    /// Nothing has been heard of it for a while. It gets no units until that changes.
    Silent,
    /// Its agent is lost, and what it had been given may still be running there.
    Unfenced,
    /// It gets no more units, and is given back when it has none.
    Leaving,
    /// It cannot be used, for this reason.
    Unusable(String),
}

/// What is known of a host for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) stage: Stage,
    /// The number of units that it runs at once, as far as is known.
    pub(crate) slots: usize,
    pub(crate) in_flight: usize,
    /// When it is taken away, if that is known.
    pub(crate) ends: Option<Ends>,
}

/// The end of a host, which whoever gave it has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    at: Instant,
    all: Duration,
}

impl Ends {
    /// `all` is left from now on. `None` if that is for ever.
    pub(crate) fn after(all: Duration, now: Instant) -> Option<Self> {
        now.checked_add(all).map(|at| Self { at, all })
    }

    /// Whether a unit that may take so long can still end. On a fresh host it is tried in any case: there is no longer time.
    fn allows(self, needs: Duration, now: Instant) -> bool {
        let left = self.left(now);
        left >= needs + MARGIN.min(self.all / 20) || !left.is_zero() && left >= self.all.mul_f64(0.95)
    }

    /// How much is left.
    pub(crate) fn left(self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Whether it is over, as far as that is known here.
    pub(crate) fn is_over(self, now: Instant) -> bool {
        now + MARGIN >= self.at
    }
}

impl Load {
    /// Whether a unit that may take so long can still end there.
    pub(crate) fn lasts(&self, needs: Duration, now: Instant) -> bool {
        self.ends.is_none_or(|ends| ends.allows(needs, now))
    }
}

/// The host for a unit that may take so long, and of which a slot may have `window` at a time: the one that has the least to do.
pub(crate) fn place<'a>(
    hosts: impl IntoIterator<Item = (usize, &'a Load)>,
    window: usize,
    needs: Duration,
) -> Option<usize> {
    let now = Instant::now();
    let ready = hosts.into_iter().filter(|(_, host)| host.stage == Stage::Ready && host.lasts(needs, now));
    let room = ready.filter(|(_, host)| host.in_flight < host.slots.saturating_mul(window));
    // Units for each slot, compared without division.
    room.min_by(|(_, one), (_, other)| (one.in_flight * other.slots).cmp(&(other.in_flight * one.slots)))
        .map(|host| host.0)
}

/// The hosts that have more than they run at once, although another one has room or could be started, and nothing else waits for it.
pub(crate) fn behind<'a>(hosts: impl IntoIterator<Item = (usize, &'a Load)>, waiting: usize) -> Vec<usize> {
    if waiting > 0 {
        return Vec::new();
    }
    let (mut room, mut behind) = (false, Vec::new());
    for (at, host) in hosts {
        room |= host.stage == Stage::Off || host.stage == Stage::Ready && host.in_flight < host.slots;
        if matches!(host.stage, Stage::Ready | Stage::Leaving) && host.in_flight > host.slots {
            behind.push(at);
        }
    }
    if room { behind } else { Vec::new() }
}

/// The hosts to start, so that these waiting units find room, and at least so many hosts are there once something has to be done.
pub(crate) fn starts<'a>(
    hosts: impl IntoIterator<Item = (usize, &'a Load)>,
    waiting: usize,
    least: usize,
) -> Vec<usize> {
    let hosts: Vec<_> = hosts.into_iter().collect();
    let coming = hosts.iter().filter(|(_, host)| host.stage == Stage::Starting).map(|(_, host)| host.slots);
    let mut left = waiting.saturating_sub(coming.sum());
    let kept = hosts.iter().filter(|(_, host)| matches!(host.stage, Stage::Starting | Stage::Ready)).count();
    let missing = least.saturating_sub(kept);
    let mut starts = Vec::new();
    for (at, host) in hosts.iter().filter(|(_, host)| host.stage == Stage::Off) {
        if left == 0 && starts.len() >= missing {
            break;
        }
        starts.push(*at);
        left = left.saturating_sub(host.slots);
    }
    starts
}

/// Whether a host that has had nothing to do for long enough is given back, so that no fewer than `least` are kept.
pub(crate) fn is_spare<'a>(hosts: impl IntoIterator<Item = &'a Load>, least: usize) -> bool {
    let kept = hosts.into_iter().filter(|host| matches!(host.stage, Stage::Starting | Stage::Ready)).count();
    kept > least
}

/// How many units each host may run at once where `most` hold for all together: as evenly as possible. Hosts beyond `most` are
/// not used.
pub(crate) fn shares(hosts: usize, most: Option<usize>) -> Vec<Option<u32>> {
    let Some(most) = most else { return vec![None; hosts] };
    let used = hosts.min(most.max(1));
    let share = |at: usize| u32::try_from(most / used + usize::from(at < most % used)).unwrap_or(u32::MAX).max(1);
    (0..used).map(|at| Some(share(at))).collect()
}

/// How many agents in a row may end before they have done anything, until their host is not used any more.
const FAILED: u32 = 3;

/// How many in a row may lose their leases because the program was away, and have done nothing, until their host is not used any more.
/// Nothing there is to blame, but a program that is always late would go on for ever.
const AWAY: u32 = 10;

/// The agents of a host that ended in a row before they had done anything.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    failed: u32,
    away: u32,
}

/// Why a host is not used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// Its agents ended.
    Failed,
    /// The program was away so many times.
    Away(u32),
}

impl Lives {
    /// An agent has ended, `useful` or not, maybe because the program was `away`. Returns why the host is given up, if it is.
    pub(crate) fn ended(&mut self, useful: bool, away: bool) -> Option<GivenUp> {
        match (useful, away) {
            (true, _) => *self = Self::default(),
            (false, true) => (self.away, self.failed) = (self.away + 1, 0),
            (false, false) => self.failed += 1,
        }
        let failed = (self.failed >= FAILED).then_some(GivenUp::Failed);
        failed.or_else(|| (self.away >= AWAY).then_some(GivenUp::Away(self.away)))
    }

    /// How many have failed.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }
}

/// How many units of a kind a host may fail in a row, and how many of them others must have done.
const STREAK: u32 = 10;

/// Notices a host that fails what others do: its disk may be full, or it may lack a file.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The units that failed in a row, by host and kind.
    failed: BTreeMap<(usize, usize), u32>,
    /// The units that were done, by host and kind.
    done: BTreeMap<(usize, usize), u32>,
}

impl Health {
    /// A unit of this kind has ended on a host. Returns whether the host is given up.
    pub(crate) fn ended(&mut self, host: usize, kind: usize, failed: bool) -> bool {
        if !failed {
            self.failed.remove(&(host, kind));
            *self.done.entry((host, kind)).or_default() += 1;
            return false;
        }
        let streak = self.failed.entry((host, kind)).or_default();
        *streak += 1;
        let others = self.done.iter().filter(|((other, of), _)| *other != host && *of == kind);
        *streak >= STREAK && others.map(|(_, done)| done).sum::<u32>() >= STREAK
    }
}

/// The numbers of workers in this process, by host, life of its agent, and number there.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<(usize, u32, u32), u32>);

impl Numbers {
    pub(crate) fn of(&mut self, host: usize, life: u32, worker: u32) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry((host, life, worker)).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(stage: Stage, slots: usize, in_flight: usize) -> Load {
        Load { stage, slots, in_flight, ends: None }
    }

    #[test]
    fn nothing_starts_on_a_host_that_is_taken_away_before_it_ends() {
        let (now, minute) = (Instant::now(), Duration::from_mins(1));
        let ends = Ends::after(60 * minute, now).unwrap();
        let host = Load { ends: Some(ends), ..host(Stage::Ready, 1, 0) };
        assert!(host.lasts(90 * minute, now), "a fresh one is as good as it gets");
        assert!(host.lasts(29 * minute, now + 30 * minute) && !host.lasts(30 * minute, now + 30 * minute));
        assert!(!host.lasts(Duration::ZERO, now + 60 * minute) && !ends.is_over(now + 59 * minute));
        assert!(ends.is_over(now + 60 * minute));
        let taken = Load { ends: Ends::after(Duration::ZERO, now), ..host.clone() };
        assert_eq!(Ends::after(Duration::MAX, now), None);
        let free = Load { in_flight: 1, slots: 2, ends: None, ..host };
        assert_eq!(place([(0, &taken), (1, &free)], 1, minute), Some(1));
    }

    #[test]
    fn the_host_with_the_least_to_do_gets_the_next_unit() {
        let hosts = [host(Stage::Ready, 2, 1), host(Stage::Ready, 8, 3), host(Stage::Starting, 9, 0)];
        let place = |window| place(hosts.iter().enumerate(), window, Duration::ZERO);
        assert_eq!(place(1), Some(1));
        assert_eq!(place(0), None);
    }

    #[test]
    fn a_host_is_spare_while_more_than_the_least_are_kept() {
        let hosts = [host(Stage::Ready, 2, 0), host(Stage::Starting, 2, 0), host(Stage::Leaving, 2, 0)];
        assert_eq!([0, 1, 2, 3].map(|least| is_spare(&hosts, least)), [true, true, false, false]);
    }

    #[test]
    fn as_many_hosts_are_started_as_are_needed() {
        let hosts = [host(Stage::Starting, 2, 0), host(Stage::Off, 2, 0), host(Stage::Off, 2, 0)];
        let starts = |waiting, least| starts(hosts.iter().enumerate(), waiting, least);
        assert_eq!(starts(2, 1), [0_usize; 0]);
        assert_eq!(starts(3, 0), [1]);
        assert_eq!(starts(9, 0), [1, 2]);
        assert_eq!((starts(0, 2), starts(0, 3)), (vec![1], vec![1, 2]), "the least are there in any case");
    }

    #[test]
    fn a_host_that_fails_what_others_do_is_given_up_and_no_other() {
        let mut health = Health::default();
        let ends = |health: &mut Health, host, kind, failed| (0..STREAK).any(|_| health.ended(host, kind, failed));
        assert!(!ends(&mut health, 0, 7, true), "all may fail so");
        assert!(!ends(&mut health, 1, 8, false));
        assert!(!ends(&mut health, 0, 7, true), "others do something else");
        assert!(!ends(&mut health, 1, 7, false));
        assert!(!health.ended(1, 7, true), "one is no streak");
        assert!(health.ended(0, 7, true));
        assert!(!health.ended(0, 7, false) && !health.ended(0, 7, true), "it has done one");
    }

    #[test]
    fn a_host_is_given_up_when_nothing_ends_there_life_after_life() {
        let mut lives = Lives::default();
        let mut ended = |times, useful, away| (0..times).filter_map(|_| lives.ended(useful, away)).last();
        assert_eq!(ended(FAILED - 1, false, false), None);
        assert_eq!(ended(1, true, false), None, "it has done something");
        assert_eq!(ended(FAILED - 1, false, false), None);
        assert_eq!(ended(AWAY - 1, false, true), None, "that is not its fault");
        assert_eq!(ended(1, true, true), None, "it was lost, but something had ended");
        assert_eq!(ended(AWAY - 1, false, true), None);
        assert_eq!(ended(1, false, true), Some(GivenUp::Away(AWAY)));
        assert_eq!(ended(1, true, false), None);
        assert_eq!(ended(FAILED, false, false), Some(GivenUp::Failed));
    }

    proptest! {
        #[test]
        fn shares_are_even_and_no_more_than_allowed(hosts in 1..20_usize, most in 1..50_usize) {
            let shares = shares(hosts, Some(most));
            let sum: u32 = shares.iter().flatten().sum();
            prop_assert_eq!(sum as usize, most);
            let (least, greatest) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(greatest.unwrap() - least.unwrap() <= 1 && shares.len() <= hosts);
        }
    }
}
