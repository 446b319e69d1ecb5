//! A unit that is passed on as it came. Nothing here knows what is in it.

use std::any::Any;

use crate::{
    context::Context,
    executor::{
        payload::transport,
        wire::{Bytes, Encoded, ResultHead, UnitHead},
        work::{Unencodable, Work},
    },
    failure::Failure,
};

/// The work of a unit that workers of this agent run.
pub(in crate::remote) struct Relayed {
    /// The name of its branch or map.
    pub(in crate::remote) name: &'static str,
    /// The number of its first item, if it consists of items of a map.
    pub(in crate::remote) start: Option<u64>,
    pub(in crate::remote) parts: usize,
    /// The number that the units of its fan-out share.
    pub(in crate::remote) kind: usize,
}

impl Relayed {
    /// The unit with this head, of the branch or map with this name.
    pub(in crate::remote) fn of(head: &UnitHead<'_>, name: &'static str) -> Self {
        let start = (!head.items.is_empty()).then_some(head.first);
        Self { name, start, parts: head.parts(), kind: head.site as usize }
    }
}

impl Work for Relayed {
    fn parts(&self) -> usize {
        self.parts
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn label(&self, from: usize, to: usize) -> String {
        let name = self.name;
        match self.start {
            None => name.to_owned(),
            Some(start) if to - from == 1 => format!("{name}[{}]", start + from as u64),
            Some(start) => format!("{name}[{}..{}]", start + from as u64, start + to as u64),
        }
    }

    fn kind(&self) -> usize {
        self.kind
    }

    fn run(&mut self, _: usize, _: usize, _: &mut Context) -> (usize, Option<Box<Failure>>) {
        (self.parts, Some(not_here()))
    }

    fn encode(&self, _: u32, _: u64) -> Result<Encoded, Unencodable> {
        Err(Unencodable::All(not_here()))
    }

    fn part(&self, at: usize) -> Box<dyn Work> {
        let start = self.start.map(|start| start + at as u64);
        Box::new(Self { start, parts: 1, ..*self })
    }

    fn split_off(&mut self, at: usize) -> Box<dyn Work> {
        let rest = Self { start: self.start.map(|start| start + at as u64), parts: self.parts - at, ..*self };
        self.parts = at;
        Box::new(rest)
    }

    fn encode_result(&self, _: usize, _: u64, _: &mut Bytes) -> Result<ResultHead, Box<Failure>> {
        Err(not_here())
    }

    fn accept(&mut self, _: usize, _: &ResultHead, _: &[u8]) -> Result<(), Box<Failure>> {
        Err(not_here())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn not_here() -> Box<Failure> {
    transport("an agent passes units on, and runs none itself")
}
