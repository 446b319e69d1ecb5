//! Branches and items that go to the hosts of a pool, or to processes of this machine without one.

use std::{path::Path, time::Instant};

use anyhow::Result;
use tea_runtime::include_workflow;

use super::{REMOTE, remote_branches};
use crate::{payload::bytes, work::spin};

include_workflow!("remote_items.yaml", main = false, warnings = false);
include_workflow!("remote_echo.yaml", main = false, warnings = false);
include_workflow!("remote_shared.yaml", main = false, warnings = false);

/// A workflow on this pool, if there is one.
macro_rules! on {
    ($flow:ident, $pool:expr) => {
        match $pool {
            Some(pool) => $flow::builder().pool(pool),
            None => $flow::builder(),
        }
    };
}

/// Seconds a branch, in fan-outs of [`REMOTE`].
pub(crate) fn branches(pool: Option<&Path>, rounds: u32) -> Result<f64> {
    let input = remote_branches::Input { turns: 0, rounds: rounds.into() };
    let seconds = on!(remote_branches, pool).run(input)?.seconds;
    Ok(seconds / f64::from(rounds) / f64::from(u32::try_from(REMOTE)?))
}

/// Seconds an item.
pub(crate) fn items(pool: Option<&Path>, count: u32) -> Result<f64> {
    Ok(on!(remote_items, pool).run(remote_items::Input { count: count.into() })?.seconds / f64::from(count))
}

/// Seconds in which a branch gets so many bytes and gives them back.
pub(crate) fn echo(pool: Option<&Path>, size: usize, rounds: u32) -> Result<f64> {
    let input = remote_echo::Input { data: bytes(size), rounds: rounds.into() };
    Ok(on!(remote_echo, pool).run(input)?.seconds / f64::from(rounds))
}

/// 64 items that read so many bytes.
pub(crate) fn shared(pool: &Path, size: usize) -> Result<()> {
    on!(remote_shared, Some(pool)).run(remote_shared::Input { data: bytes(size) })?;
    Ok(())
}
