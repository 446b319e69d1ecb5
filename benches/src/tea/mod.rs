//! Tea's own side: the workflows that are measured, and how each is run once.

pub(crate) mod calls;
pub(crate) mod graphs;
pub(crate) mod records;
pub(crate) mod remote;

use std::time::Instant;

use anyhow::Result;
use tea_runtime::include_workflow;

use crate::{
    payload::{self, Row, Shape, bytes},
    work::spin,
};

include_workflow!("items.yaml", main = false, warnings = false);
include_workflow!("thread_items.yaml", main = false, warnings = false);
include_workflow!("round_trip.yaml", main = false, warnings = false);
include_workflow!("cold.yaml", main = false, warnings = false);
include_workflow!("send_bytes.yaml", main = false, warnings = false);
include_workflow!("send_numbers.yaml", main = false, warnings = false);
include_workflow!("send_rows.yaml", main = false, warnings = false);
include_workflow!("read_only.yaml", main = false, warnings = false);
include_workflow!("one_of_fifty.yaml", main = false, warnings = false);

// Written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/generated.rs"));

/// A run of a fan-out of 3 or [`MANY`] branches on threads.
pub(crate) fn fan_out(tasks: usize, turns: u64) -> Result<()> {
    match tasks {
        3 => _ = few::run(few::Input { turns })?,
        MANY => _ = many::run(many::Input { turns })?,
        _ => unreachable!("there is no such workflow"),
    }
    Ok(())
}

/// A run of a chain of [`MANY`] nodes.
pub(crate) fn chain(turns: u64) -> Result<()> {
    chain::run(chain::Input { turns })?;
    Ok(())
}

/// A run of a map over `count` items on threads.
pub(crate) fn thread_items(count: usize, turns: u64) -> Result<()> {
    let count = u64::try_from(count)?;
    std::hint::black_box(thread_items::run(thread_items::Input { turns, count })?);
    Ok(())
}

/// Seconds a round of `rounds` fan-outs of 3 or [`MANY`] branches in warm processes.
pub(crate) fn process_fan_outs(tasks: usize, turns: u64, rounds: u32) -> Result<f64> {
    let seconds = match tasks {
        3 => few_processes::run(few_processes::Input { turns, rounds: rounds.into() })?.seconds,
        MANY => many_processes::run(many_processes::Input { turns, rounds: rounds.into() })?.seconds,
        _ => unreachable!("there is no such workflow"),
    };
    Ok(seconds / f64::from(rounds))
}

/// Seconds of a map over `count` items in warm processes.
pub(crate) fn process_items(count: usize, turns: u64) -> Result<f64> {
    let count = u64::try_from(count)?;
    Ok(items::run(items::Input { turns, count })?.seconds)
}

/// Seconds a round trip of a branch to a warm process.
pub(crate) fn round_trip(rounds: u32) -> Result<f64> {
    Ok(round_trip::run(round_trip::Input { rounds: rounds.into() })?.seconds / f64::from(rounds))
}

/// Seconds from the start of a run to the result of a branch in a process.
pub(crate) fn cold() -> Result<f64> {
    Ok(cold::run(cold::Input { begin: Instant::now() })?.seconds)
}

/// Seconds a round in which a branch in a warm process reads so much data.
pub(crate) fn send(shape: Shape, size: usize, rounds: u32) -> Result<f64> {
    let times = u64::from(rounds);
    let seconds = match shape {
        Shape::Bytes => send_bytes::run(send_bytes::Input { data: bytes(size), rounds: times })?.seconds,
        Shape::Numbers => {
            send_numbers::run(send_numbers::Input { data: payload::numbers(size), rounds: times })?.seconds
        }
        Shape::Rows => send_rows::run(send_rows::Input { data: payload::rows(size), rounds: times })?.seconds,
    };
    Ok(seconds / f64::from(rounds))
}

/// Seconds of a fan-out of eight branches on threads that read `data`.
pub(crate) fn read_only(data: Vec<u8>) -> Result<f64> {
    Ok(read_only::run(read_only::Input { data })?.seconds)
}

/// Seconds a round in which a branch in a warm process reads one of 50 keys of this size.
pub(crate) fn one_of_fifty(size: usize, rounds: u32) -> Result<f64> {
    Ok(one_of_fifty::run(one_of_fifty::Input { size, rounds: rounds.into() })?.seconds / f64::from(rounds))
}
