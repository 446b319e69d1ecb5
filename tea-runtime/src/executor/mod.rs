//! Where units run. An executor gets units, runs them somewhere, and leaves their outcomes in the completion queue of
//! their run. It never calls back: neither [`submit`](ParallelExecutor::submit) nor an outcome runs code of the engine.
//!
//! It keeps an attempt's own limits (`timeout`, `memory_limit`, cancellation). What runs when, what is tried again and how
//! results are joined is the engine's affair, the same for every executor.

pub(crate) mod breakers;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod payload;
pub(crate) mod queue;
pub(crate) mod run_info;
mod thread;
pub(crate) mod tokens;
pub(crate) mod unit;
pub(crate) mod wire;

pub(crate) use self::thread::{cache, parallelism};
pub use self::{
    thread::ThreadExecutor,
    unit::{Limit, Ticket, Unit, UnitId, Unsendable},
};

/// A strategy for running units: on threads, in worker processes, or in a way of your own.
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

    /// How many units it runs at once.
    fn max_workers(&self) -> usize;

    /// How many units it takes at once with profit: more than [`max_workers`](Self::max_workers) where a queue hides the
    /// time that a unit travels.
    fn window(&self) -> usize {
        self.max_workers()
    }

    /// Whether units leave this process: the engine then writes them as bytes before it submits them, and fails those that
    /// cannot be sent.
    fn crosses(&self) -> bool {
        false
    }

    /// Starts `unit`, now or as soon as there is room, and returns at once. It runs no code of the engine or the user.
    fn submit(&self, unit: Unit);

    /// The same for several units, in this order.
    fn submit_all(&self, units: Vec<Unit>) {
        for unit in units {
            self.submit(unit);
        }
    }

    /// The engine waits for this unit no longer: it was cancelled, and its grace is over. What still runs of it takes nobody's
    /// place from now on.
    fn abandon(&self, unit: UnitId) {
        let _ = unit;
    }

    /// Ends what it keeps for later units. The engine calls it for the executors that it made, when their run is over, on
    /// a thread that may wait. Whoever brought an executor closes it himself: it may serve several runs.
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

// Not in the modules themselves, which a model checker compiles once more: see `tests/tests/schedules`.
#[cfg(test)]
mod tests;
