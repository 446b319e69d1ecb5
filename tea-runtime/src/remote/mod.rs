//! The remote strategy: branches in worker processes on other machines.
//!
//! Each host of a pool has one *agent*: an instance of the same program, which owns an ordinary local pool of workers. Units and
//! outcomes are relayed as bytes; the agent decodes neither, and runs none of the user's Rust.
//!
//! | module | duty |
//! |---|---|
//! | `file`, `example` | the pool file, and how one may look |
//! | `executor` | the strategy as the engine sees it |
//! | `lease` | how long an agent may run what it was given |
//! | `message` | the protocol between a program and its agents |
//! | `frames` | messages as frames, of which large ones are cut |
//! | `launch` | starting an agent: its command line, and the process that leads to it |
//! | `transport` | the connection between a program and an agent |
//! | `pool` | the program's side: queue, hosts, which unit goes where |
//! | `agent` | the agent's side, from its start to its end |
//! | `build` | what tells whether two hosts run the same program |

mod agent;
mod build;
#[cfg(feature = "cli")]
pub(crate) mod example;
mod executor;
mod file;
mod frames;
mod launch;
mod lease;
mod message;
mod pool;
mod transport;

pub(crate) use self::agent::{refuse_unserved_agent, serve_if_agent};
pub use self::{
    executor::RemoteExecutor,
    file::{PoolError, PoolFile, PoolMistake},
    pool::{Found, HostCheck},
};

/// Reads what a fuzz target made up as what the other side may send.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_anything(bytes: &[u8]) {
    _ = crate::executor::wire::read::<message::ToAgent<'_>>(bytes);
    _ = crate::executor::wire::read::<message::FromAgent>(bytes);
}
