//! Where units run. An executor receives units, runs them somewhere, and leaves their outcomes in the completion queue
//! of their run. It never calls back: neither [`submit`](ParallelExecutor::submit) nor an outcome runs code of the
//! engine.
//!
//! An executor enforces the limits of an attempt (`timeout`, `memory_limit`, cancellation). The engine decides what
//! runs when, what is retried and how results are joined, in the same way for every executor.

pub(crate) mod attempt;
pub(crate) mod breakers;
pub(crate) mod fan_out;
#[cfg(test)]
pub(crate) mod kit;
mod limit;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod payload;
pub(crate) mod queue;
pub(crate) mod run_info;
mod thread;
mod ticket;
pub(crate) mod tokens;
pub(crate) mod unit;
pub(crate) mod wire;
pub(crate) mod work;

pub(crate) use self::thread::{cache, parallelism};
pub use self::{
    limit::Limit,
    thread::ThreadExecutor,
    ticket::Ticket,
    unit::{Unit, UnitId, Unsendable},
};

/// A strategy for running units: on threads, in worker processes, or your own.
///
/// ```
/// use tea_runtime::{ParallelExecutor, executor::Unit};
///
/// /// A thread for each unit.
/// struct Naive;
///
/// impl ParallelExecutor for Naive {
///     fn name(&self) -> &'static str {
///         "naive"
///     }
///
///     fn max_workers(&self) -> usize {
///         64
///     }
///
///     fn submit(&self, unit: Unit) {
///         std::thread::spawn(move || unit.run());
///     }
/// }
/// ```
pub trait ParallelExecutor: Send + Sync {
    /// The strategy's name in workflow files.
    fn name(&self) -> &'static str;

    /// The number of units that it runs at once.
    fn max_workers(&self) -> usize;

    /// The number of units that it should have at once: more than [`max_workers`](Self::max_workers) if a queue hides
    /// the time that it takes to transfer a unit.
    fn window(&self) -> usize {
        self.max_workers()
    }

    /// Whether units leave this process. If so, the engine encodes them before it submits them, and fails those that
    /// cannot be encoded.
    fn crosses(&self) -> bool {
        false
    }

    /// Starts `unit`, now or as soon as there is room, and returns at once. It must not run code of the engine or the
    /// user.
    fn submit(&self, unit: Unit);

    /// Like [`submit`](Self::submit), for several units in this order.
    fn submit_all(&self, units: Vec<Unit>) {
        for unit in units {
            self.submit(unit);
        }
    }

    /// The engine no longer waits for this unit, because it was cancelled and its grace period is over. If it is still
    /// running, it no longer counts towards the number of units that run at once.
    fn abandon(&self, unit: UnitId) {
        let _ = unit;
    }

    /// Releases what it keeps for later units. The engine calls this at the end of a run, on a thread that may block,
    /// for the executors that it created. An executor that the caller supplied must be closed by the caller, as it may
    /// serve several runs.
    fn close(&self) {}
}

/// The error of an unknown strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStrategy(pub(crate) String);

impl std::fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no strategy `{}`: it is `thread` or `process`", self.0)
    }
}

impl std::error::Error for UnknownStrategy {}

// Not in the modules themselves, because a model checker compiles them again: see `tests/tests/schedules`.
#[cfg(test)]
mod tests;
