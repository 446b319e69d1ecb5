//! The runtime of Tea, a compiler for workflows. [`include_workflow!`] turns a workflow file into Rust; this crate runs
//! it, on threads or in worker processes, which are instances of the same program.
//!
//! The [guide](https://github.com/tea-workflows/tea/blob/main/docs/guide/1-first-workflow.md) starts with a first
//! workflow. The [reference](https://github.com/tea-workflows/tea/blob/main/docs/reference.md) describes workflow
//! files.
#![forbid(unsafe_code)]
// Some code is used only with worker processes.
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

pub mod builder;
pub mod cancel;
pub mod context;
#[cfg(feature = "report")]
mod drawing;
mod ended;
pub mod engine;
mod entry;
pub mod error;
pub mod event;
pub mod executor;
pub mod failure;
#[cfg(any(fuzzing, all(test, unix, feature = "remote")))]
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod generated;
pub mod map;
mod node_error;
mod open_question;
mod pacing;
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
pub mod question;
#[cfg(all(unix, feature = "remote"))]
pub mod remote;
#[cfg(feature = "report")]
pub mod report;
mod request;
pub mod result;
pub mod state;
mod stderr;
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the command line looks at runs"))]
mod store;
mod sync;
mod timer;
mod usage;
mod user_code;
mod words;

#[doc(hidden)]
pub use self::generated as __private;
pub use self::{
    builder::Builder,
    cancel::CancellationToken,
    entry::{init, test_entry},
    error::Error,
    executor::{ParallelExecutor, ThreadExecutor},
    failure::{Failure, FailureKind},
    node_error::{Permanent, permanent},
    policy::{CircuitBreaker, ParallelConfig, RetryPolicy},
    process::{ProcessExecutor, get_executor},
    question::Question,
    result::{ItemFailure, ParallelFlowResult, RunOutcome},
};
pub use tea_macros::include_workflow;

/// Expands to its items with the feature `cli`, and to nothing without it. Generated code wraps its `main` in it.
#[doc(hidden)]
#[cfg(feature = "cli")]
#[macro_export]
macro_rules! with_cli {
    ($($item:item)*) => { $($item)* };
}

/// Expands to its items with the feature `cli`, and to nothing without it. Generated code wraps its `main` in it.
#[doc(hidden)]
#[cfg(not(feature = "cli"))]
#[macro_export]
macro_rules! with_cli {
    ($($item:item)*) => {};
}
