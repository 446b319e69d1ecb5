//! Runs plans. What runs when, what is tried again, and how results are joined is decided here, the same for every
//! strategy; where an attempt runs is the executors' affair.
//!
//! Nothing here waits: a `Frame` that comes to a fan-out is put aside and taken up again by the thread
//! on which the last branch ends. So a branch in a worker process holds no thread, nesting uses no stack, and a fan-out
//! within a pool of one thread cannot block itself.

mod attempt;
mod each;
mod frame;
pub mod map;
mod panic;
mod region;
mod root;
mod run;
pub(crate) mod schedule;
pub(crate) mod settings;
mod site;
pub(crate) mod timer;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    frame::{cancelled, run_attempt, run_branch, run_item},
    panic::guard,
};
pub use self::{
    root::run,
    run::{Options, Run},
    settings::Settings,
};
