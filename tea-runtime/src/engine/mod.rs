//! Runs plans. What runs when, what is tried again, and how results are joined is decided here, the same for every
//! strategy; where a unit runs is the executors' affair.
//!
//! | module | duty |
//! |---|---|
//! | `root` | a whole run, from the inputs to the end of the plan's root block |
//! | `block` | a block: its steps one after the other, on one thread |
//! | `fan_out` | the driver: starts units, takes their outcomes, tries again, cancels |
//! | `branches`, `items` | what a driver hands out: the tasks of a fan-out, the items of a map |
//! | `attempt` | what follows a failed attempt |
//! | `run`, `settings`, `site` | what a run shares, and what is worked out once in it |
//! | `records` | what a run records, and what it takes from records of before |
//! | `serve` | units that another process sent |

mod attempt;
mod block;
mod branches;
mod fan_out;
mod items;
pub(crate) mod records;
mod root;
mod run;
mod serve;
pub(crate) mod settings;
mod site;

#[cfg(test)]
mod tests;

pub use self::{
    records::{Outlook, Prospect},
    root::{Failed, run},
    run::Options,
    serve::serve,
    settings::Settings,
};
pub(crate) use self::{
    root::run_with,
    run::{MakeProcesses, Means, Run},
    serve::Server,
};
