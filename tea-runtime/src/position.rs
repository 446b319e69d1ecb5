//! The position of a unit in a run: the steps, visits, branches and items that lead to it.
//!
//! In runs of a plan in which the same things happen, positions are the same, wherever units run.

use std::{fmt, sync::Arc};

/// The position of a fan-out, or of one of its units, in a run. It is cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Position {
    inner: Option<Arc<Segment>>,
    /// The branch, or the first item, in the fan-out that `inner` leads to.
    part: Option<u64>,
}

/// A fan-out within a position.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Segment {
    outer: Position,
    step: u32,
    visit: u64,
}

impl Position {
    /// The run itself, outside of any fan-out.
    pub const ROOT: Self = Self { inner: None, part: None };

    /// The fan-out at step number `step` of the block at this position, at its `visit`th visit, counted from 1.
    pub(crate) fn step(&self, step: u32, visit: u64) -> Self {
        Self { inner: Some(Arc::new(Segment { outer: self.clone(), step, visit })), part: None }
    }

    /// A branch or item of the fan-out at this position.
    pub(crate) fn at_part(&self, part: u64) -> Self {
        Self { inner: self.inner.clone(), part: Some(part) }
    }

    /// The steps, branches and items that lead to it, without visits.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn path(&self) -> Vec<u64> {
        let mut path = self.inner.as_ref().map_or_else(Vec::new, |segment| segment.outer.path());
        path.extend(self.inner.iter().map(|segment| u64::from(segment.step)).chain(self.part));
        path
    }

    /// The fan-out of which this is a branch or item.
    pub(crate) fn fan_out(&self) -> Self {
        Self { inner: self.inner.clone(), part: None }
    }

    /// Whether it is the run itself.
    pub(crate) fn is_root(&self) -> bool {
        self.inner.is_none()
    }

    /// Whether it is in a branch or item.
    pub(crate) fn is_in_branch(&self) -> bool {
        self.inner.as_ref().is_some_and(|segment| segment.outer.part.is_some() || segment.outer.is_in_branch())
    }

    /// Appends the position as bytes. They are unique, and the bytes of another position start with them only if this
    /// position encloses it.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        if let Some(segment) = &self.inner {
            segment.outer.encode(into);
            varint(u64::from(segment.step), into);
            varint(segment.visit, into);
            varint(self.part.map_or(0, |part| part.saturating_add(1)), into);
        }
    }

    /// The position with these bytes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut position = Self::ROOT;
        while !bytes.is_empty() {
            let mut next = || take_varint(&mut bytes);
            let (step, visit, part) = (u32::try_from(next()?).ok()?, next()?, next()?);
            position = position.step(step, visit);
            position.part = part.checked_sub(1);
        }
        Some(position)
    }

    /// The number of the branch, or of the first item, in its fan-out; `None` outside of any.
    #[must_use]
    pub fn part(&self) -> Option<u64> {
        self.part
    }
}

/// Seven bits per byte, the lowest first.
fn varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

impl fmt::Display for Position {
    /// `3:1/7` is branch or item 7 of the fan-out at step 3, visited for the first time. Outer ones come first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(segment) = &self.inner {
            if segment.outer.inner.is_some() {
                write!(f, "{}/", segment.outer)?;
            }
            write!(f, "{}:{}", segment.step, segment.visit)?;
        }
        self.part.map_or(Ok(()), |part| write!(f, "/{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_tells_the_way_from_the_root() {
        assert_eq!(Position::ROOT.to_string(), "");
        let branch = Position::ROOT.step(3, 1).at_part(7);
        assert_eq!(branch.to_string(), "3:1/7");
        assert_eq!(branch.step(0, 2).at_part(1).to_string(), "3:1/7/0:2/1");
        assert_eq!(branch, Position::ROOT.step(3, 1).at_part(7));
        assert_eq!(branch.step(0, 2).path(), [3, 7, 0]);
        assert_ne!(branch, Position::ROOT.step(3, 2).at_part(7));
    }

    #[test]
    fn no_two_positions_have_the_same_bytes() {
        let bytes = |position: &Position| {
            let mut bytes = Vec::new();
            position.encode(&mut bytes);
            bytes
        };
        let numbers = [0, 1, 127, 128, 16_384];
        let mut positions = vec![Position::ROOT];
        for &step in &numbers {
            for &part in &numbers {
                let fan_out = Position::ROOT.step(step, 1 + u64::from(part));
                let branch = fan_out.at_part(u64::from(part));
                positions.extend([branch.step(step, 1), branch.step(step, 1).at_part(3), fan_out, branch]);
            }
        }
        for position in &positions {
            assert_eq!(Position::decode(&bytes(position)).as_ref(), Some(position));
        }
        assert_eq!([&[0x80][..], &[1, 1], &[0xff; 12]].map(Position::decode), [None, None, None]);
        let mut all: Vec<_> = positions.iter().map(bytes).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), positions.len());
        assert!(!Position::ROOT.step(1, 1).at_part(0).is_in_branch() && Position::ROOT.is_root());
        assert!(Position::ROOT.step(1, 1).at_part(0).step(0, 1).is_in_branch());
    }
}
