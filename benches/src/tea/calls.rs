//! Maps whose items go through several nodes, and the same in one node.

use anyhow::{Result, ensure};
use tea_runtime::include_workflow;

use crate::work::spin;

include_workflow!("items_of_ten.yaml", main = false, warnings = false);
include_workflow!("items_at_once.yaml", main = false, warnings = false);
include_workflow!("documents.yaml", main = false, warnings = false);
include_workflow!("documents_at_once.yaml", main = false, warnings = false);

/// A map over `count` items, each of which goes through ten nodes.
pub(crate) fn items_of_ten(count: u64, turns: u64) -> Result<()> {
    std::hint::black_box(items_of_ten::run(items_of_ten::Input { turns, count })?);
    Ok(())
}

/// The same in one node.
pub(crate) fn items_at_once(count: u64, turns: u64) -> Result<()> {
    std::hint::black_box(items_at_once::run(items_at_once::Input { turns, count })?);
    Ok(())
}

fn ten_times(n: u64, turns: u64) -> u64 {
    (1..10).fold(n ^ spin(turns), |value, _| value ^ spin(turns))
}

/// A map over `count` documents: parsed in a worker process, checked, and added up, each in a node of its own.
pub(crate) fn documents(count: u64, turns: u64) -> Result<u64> {
    Ok(documents::run(documents::Input { turns, count })?.totals.iter().fold(0, |sum, total| sum ^ total))
}

/// The same in one node, in a worker process.
pub(crate) fn documents_at_once(count: u64, turns: u64) -> Result<u64> {
    Ok(documents_at_once::run(documents_at_once::Input { turns, count })?
        .totals
        .iter()
        .fold(0, |sum, total| sum ^ total))
}

/// What is parsed: 80 kB.
fn words_of(n: u64, turns: u64) -> Vec<u64> {
    spin(turns);
    (0..10_000).map(|word| word ^ n).collect()
}

fn checked(words: &[u64]) -> Result<u64> {
    ensure!(words.len() == 10_000, "a document of another length");
    Ok(words.iter().fold(0, |sum, word| sum ^ word))
}

fn total(words: &[u64], checked: u64, turns: u64) -> u64 {
    spin(turns * 4);
    words.iter().fold(checked, |sum, word| sum.wrapping_add(*word))
}
