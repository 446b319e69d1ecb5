//! procspawn's pool: the crate a Rust user finds for work in processes.

use anyhow::Result;
use procspawn::Pool;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that procspawn asks for")]
fn nothing(value: u64) -> u64 {
    value
}

/// A warm pool.
pub(crate) struct Procspawn(Pool);

impl Procspawn {
    /// Starts its workers, and waits until each did something.
    pub(crate) fn start(workers: usize) -> Result<Self> {
        let pool = Self(Pool::new(workers)?);
        pool.throughput(u64::try_from(workers * 8)?)?;
        Ok(pool)
    }

    /// One task, waited for.
    pub(crate) fn round_trip(&self) -> Result<()> {
        procspawn::spawn!(in self.0, (1_u64 => value) || nothing(value)).join()?;
        Ok(())
    }

    /// Many tasks, all handed in before the first is waited for.
    pub(crate) fn throughput(&self, tasks: u64) -> Result<()> {
        let spawn = |value: u64| procspawn::spawn!(in self.0, (value => value) || nothing(value));
        let handles: Vec<_> = (0..tasks).map(spawn).collect();
        for handle in handles {
            handle.join()?;
        }
        Ok(())
    }
}
