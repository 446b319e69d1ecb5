//! What ran when and where, in bounded memory: bars that are thinner than a pixel of the whole run are joined.

use std::{collections::HashMap, time::Duration};

use serde::{Serialize, ser::SerializeTuple};

/// So many bars are kept at most.
const MOST: usize = 40_000;
/// So many marks are kept at most.
const MOST_MARKS: usize = 2_000;
/// Bars that failed, or are of different rows, are only joined if they are thinner than this part of the run.
const PARTS: u64 = 500;

/// A line of the drawing: where one thing runs at a time.
#[derive(Debug, Serialize)]
pub(super) struct Lane {
    /// The host; empty on this machine.
    pub(super) host: String,
    pub(super) kind: Kind,
    #[serde(skip)]
    free: bool,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The thread on which the workflow runs, outside of fan-outs.
    Trunk,
    Thread,
    Worker,
}

/// One attempt, or several of a line that follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Bar {
    pub(super) lane: u32,
    /// The row of the table; `None` if they are of several.
    pub(super) row: Option<u32>,
    /// In microseconds since the start of the run.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The time in which something ran.
    pub(super) busy: u64,
    pub(super) count: u64,
    pub(super) failed: u64,
    /// Those that were not the first attempt.
    pub(super) again: u64,
    /// The name, the attempt and the process, of a bar that is one.
    pub(super) name: Option<Box<str>>,
    pub(super) pid: u32,
}

/// A worker that was lost.
#[derive(Debug, Serialize)]
pub(super) struct Mark {
    lane: u32,
    at: u64,
    text: String,
}

/// The drawing.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) lanes: Vec<Lane>,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<Mark>,
    /// The lines of workers that have not ended.
    workers: HashMap<u32, u32>,
    /// Bars that end within as many microseconds of each other are joined.
    grain: u64,
}

impl Timeline {
    /// A line that nothing uses.
    pub(super) fn take(&mut self, kind: Kind, host: &str) -> u32 {
        let fits = |lane: &Lane| lane.free && lane.kind == kind && lane.host == host;
        let at = self.lanes.iter().position(fits).unwrap_or_else(|| {
            self.lanes.push(Lane { host: host.to_owned(), kind, free: true });
            self.lanes.len() - 1
        });
        self.lanes[at].free = false;
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Another may use the line.
    pub(super) fn leave(&mut self, lane: u32) {
        self.lanes[lane as usize].free = true;
    }

    /// The line of the trunk.
    pub(super) fn trunk(&mut self) -> u32 {
        match self.lanes.iter().position(|lane| lane.kind == Kind::Trunk) {
            Some(at) => u32::try_from(at).unwrap_or(u32::MAX),
            None => self.take(Kind::Trunk, ""),
        }
    }

    /// The line of a worker.
    pub(super) fn worker(&mut self, worker: u32, host: Option<&str>) -> u32 {
        if let Some(lane) = self.workers.get(&worker) {
            return *lane;
        }
        let lane = self.take(Kind::Worker, host.unwrap_or_default());
        self.workers.insert(worker, lane);
        lane
    }

    /// Says how a worker was `lost`.
    pub(super) fn mark(&mut self, worker: u32, at: Duration, lost: Option<String>) {
        let Some(lane) = self.workers.get(&worker).copied() else { return };
        if let Some(text) = lost.filter(|_| self.marks.len() < MOST_MARKS) {
            self.marks.push(Mark { lane, at: micros(at), text });
        }
    }

    /// A worker has ended, and all that it ran is told.
    pub(super) fn ended(&mut self, worker: u32) {
        if let Some(lane) = self.workers.remove(&worker) {
            self.leave(lane);
        }
    }

    /// Adds an attempt.
    pub(super) fn add(&mut self, bar: Bar) {
        self.bars.push(bar);
        if self.bars.len() > MOST {
            self.join();
        }
    }

    /// Joins bars until half of the most are left.
    fn join(&mut self) {
        self.bars.sort_by_key(|bar| (bar.lane, bar.start));
        let whole = self.bars.iter().map(|bar| bar.end).max().unwrap_or_default();
        self.grain = self.grain.max(whole / (4 * MOST as u64)).max(1);
        loop {
            let (grain, is_coarse) = (self.grain, self.grain > whole / PARTS);
            self.bars.dedup_by(|next, bar| {
                let is_plain = next.failed + bar.failed + next.again + bar.again == 0;
                let is_same = next.lane == bar.lane && next.end.saturating_sub(bar.start) <= grain;
                let joins = is_same && (is_coarse || is_plain && next.row == bar.row);
                if joins {
                    bar.join(next);
                }
                joins
            });
            if self.bars.len() <= MOST / 2 {
                break;
            }
            self.grain *= 2;
        }
    }
}

impl Bar {
    fn join(&mut self, next: &Self) {
        self.row = self.row.filter(|row| next.row == Some(*row));
        self.end = self.end.max(next.end);
        self.busy += next.busy;
        self.count += next.count;
        self.failed += next.failed;
        self.again += next.again;
        (self.name, self.pid) = (None, 0);
    }
}

impl Serialize for Bar {
    /// Without names of fields, since there are many.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(10)?;
        tuple.serialize_element(&self.lane)?;
        tuple.serialize_element(&self.row)?;
        tuple.serialize_element(&self.start)?;
        tuple.serialize_element(&self.end.saturating_sub(self.start))?;
        tuple.serialize_element(&self.busy)?;
        tuple.serialize_element(&self.count)?;
        tuple.serialize_element(&self.failed)?;
        tuple.serialize_element(&self.again)?;
        tuple.serialize_element(&self.pid)?;
        tuple.serialize_element(&self.name.as_deref())?;
        tuple.end()
    }
}

/// A time in microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(lane: u32, row: u32, at: u64, failed: u64) -> Bar {
        let (start, end) = (at * 100, at * 100 + 90);
        Bar { lane, row: Some(row), start, end, busy: 90, count: 1, failed, name: Some("x".into()), ..Bar::default() }
    }

    #[test]
    fn a_million_attempts_are_a_bounded_number_of_bars_that_tell_of_all() {
        let mut timeline = Timeline::default();
        for at in 0..1_000_000 {
            timeline.add(bar(u32::try_from(at % 4).unwrap(), 0, at / 4, u64::from(at % 100_000 == 7)));
            assert!(timeline.bars.len() <= MOST);
        }
        let all = |of: fn(&Bar) -> u64| timeline.bars.iter().map(of).sum::<u64>();
        assert_eq!((all(|bar| bar.count), all(|bar| bar.failed), all(|bar| bar.busy)), (1_000_000, 10, 90_000_000));
        // What failed can still be seen by itself.
        assert_eq!(timeline.bars.iter().filter(|bar| bar.failed == 1 && bar.count == 1).count(), 10);
        assert!(timeline.bars.iter().all(|bar| bar.end - bar.start <= 2 * timeline.grain));
    }

    #[test]
    fn whatever_alternates_and_fails_is_bounded_too() {
        let mut timeline = Timeline::default();
        for at in 0..200_000 {
            timeline.add(bar(0, u32::try_from(at % 2).unwrap(), at, 1));
        }
        assert!(timeline.bars.len() <= MOST);
        assert_eq!(timeline.bars.iter().map(|bar| bar.failed).sum::<u64>(), 200_000);
    }

    #[test]
    fn a_line_is_used_again_by_what_comes_after() {
        let mut timeline = Timeline::default();
        for worker in 0..1000 {
            assert_eq!(timeline.worker(worker, Some("a")), 0);
            timeline.mark(worker, Duration::ZERO, Some("killed".to_owned()));
            timeline.ended(worker);
        }
        assert_eq!((timeline.worker(2000, Some("a")), timeline.worker(2001, Some("a"))), (0, 1));
        assert_eq!((timeline.worker(2002, None), timeline.lanes.len(), timeline.marks.len()), (2, 3, 1000));
    }
}
