//! Runs workflows that Tea compiled: on threads, or in worker processes that are this same program.
#![forbid(unsafe_code)]
// What only worker processes use.
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

pub mod builder;
pub mod cancel;
pub mod context;
pub mod engine;
pub mod error;
pub mod event;
pub mod executor;
pub mod failure;
#[doc(hidden)]
pub mod generated;
pub mod map;
mod node_error;
pub mod packed;
mod panic;
mod place;
pub mod plan;
pub mod policy;
pub mod position;
#[cfg(unix)]
pub mod process;
#[cfg(not(unix))]
#[path = "process/absent.rs"]
pub mod process;
#[cfg(feature = "cli")]
pub mod program;
pub mod result;
pub mod state;
mod stderr;
#[allow(dead_code, unused_imports, reason = "the engine comes next")]
mod store;
mod sync;
mod timer;

#[doc(hidden)]
pub use self::generated as __private;
pub use self::{
    builder::Builder,
    cancel::CancellationToken,
    error::Error,
    executor::{ParallelExecutor, ThreadExecutor},
    failure::{Failure, FailureKind},
    policy::{CircuitBreaker, ParallelConfig, RetryPolicy},
    process::{ProcessExecutor, get_executor, init, test_entry},
    result::{ItemFailure, ParallelFlowResult},
};
pub use tea_macros::include_workflow;

/// Passes items on with the feature `cli`, and drops them without it: what generated code wraps its `main` in.
#[doc(hidden)]
#[cfg(feature = "cli")]
#[macro_export]
macro_rules! with_cli {
    ($($item:item)*) => { $($item)* };
}

/// Passes items on with the feature `cli`, and drops them without it: what generated code wraps its `main` in.
#[doc(hidden)]
#[cfg(not(feature = "cli"))]
#[macro_export]
macro_rules! with_cli {
    ($($item:item)*) => {};
}
