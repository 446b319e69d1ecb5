//! What executors run, without knowing what it is.

use std::any::Any;

use super::wire::{Bytes, Encoded, ResultHead};
use crate::{context::Context, failure::Failure};

/// What a unit runs: a branch, or consecutive items of a map. Executors do not distinguish the two. They see parts that
/// run in order: one for a branch, or one for each item.
pub(crate) trait Work: Send {
    /// The number of parts, at least one.
    fn parts(&self) -> usize;

    /// The name of the branch or map.
    fn name(&self) -> &'static str;

    /// The name of these parts in events and failures: `branch`, `map[3]` or `map[3..7]`.
    fn label(&self, from: usize, to: usize) -> String;

    /// A short text by which people recognize part `at`, if it has one.
    fn item_label(&self, _at: usize) -> Option<String> {
        None
    }

    /// A number that all units of a fan-out share. The next ones probably take about as long as the last ones.
    fn kind(&self) -> usize;

    /// The name of what it reads, if the run is recorded.
    fn reads(&self) -> Option<[u8; 16]> {
        None
    }

    /// Runs the parts `from..to` on this thread, up to the first that fails. Returns how many ran, and that failure.
    fn run(&mut self, from: usize, to: usize, context: &mut Context) -> (usize, Option<Box<Failure>>);

    /// Encodes the unit, or only its first parts if not all of them fit into one message.
    ///
    /// # Errors
    /// If what it reads, or its first part, cannot be sent.
    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable>;

    /// A copy of part `at` for another attempt. Called before the part has run, or after it has failed.
    fn part(&self, at: usize) -> Box<dyn Work>;

    /// Splits off the parts from `at` on, before they have run.
    fn split_off(&mut self, at: usize) -> Box<dyn Work>;

    /// Appends the result of part `at`, which succeeded.
    ///
    /// # Errors
    /// If it cannot be sent.
    fn encode_result(&self, at: usize, max_payload: u64, into: &mut Bytes) -> Result<ResultHead, Box<Failure>>;

    /// Decodes the result of part `at` that another process sent.
    ///
    /// # Errors
    /// If the bytes are not those of a result.
    fn accept(&mut self, at: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>>;

    /// For the code that created it and knows its type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Why a unit cannot be encoded.
#[derive(Debug)]
pub(crate) enum Unencodable {
    /// What it reads, or its first part, cannot be sent.
    Part(Box<Failure>),
    /// What all units of the fan-out read cannot be sent.
    All(Box<Failure>),
}
