//! Runs plans. The engine decides what runs when, what is retried, and how results are joined, in the same way for
//! every strategy. Executors decide where a unit runs.
//!
//! | module | duty |
//! |---|---|
//! | `root` | a whole run, from the inputs to the end of the plan's root block |
//! | `block` | a block: its steps one after the other, on one thread |
//! | `fan_out` | the driver: starts units, receives their outcomes, retries, cancels |
//! | `branches`, `items` | the sources of a driver: the tasks of a fan-out, the items of a map |
//! | `call` | a workflow that a node of another one calls |
//! | `ask` | a node that asks a person |
//! | `attempt` | what follows a failed attempt |
//! | `run`, `settings`, `site` | what is shared in a run, or computed once per run |
//! | `cache` | results of nodes and items, which all runs share |
//! | `records` | what a run records, and what it takes from earlier records |
//! | `serve`, `planned` | units from another process |

mod ask;
mod attempt;
mod block;
mod branches;
pub(crate) mod cache;
mod call;
mod fan_out;
mod finally;
mod items;
#[cfg(feature = "remote")]
mod planned;
pub(crate) mod records;
mod root;
mod run;
mod serve;
pub(crate) mod settings;
mod site;

#[cfg(test)]
mod tests;

#[cfg(feature = "remote")]
pub(crate) use self::planned::Planned;
pub use self::{
    records::{Outlook, Prospect},
    root::{Failed, run},
    run::Options,
    serve::serve,
    settings::Settings,
};
pub(crate) use self::{
    root::{run_with, run_within},
    run::{MakeProcesses, Means, Run},
    serve::{Server, place},
};
