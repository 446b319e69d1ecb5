//! Branches with `remote`, through agents that a command line starts on this machine. `remote_dial` is the same for agents that dial
//! back.

mod leases;
mod lost;
mod network;
mod partition;
mod report;
mod rows;
mod same;
mod setting;
mod shared;
mod slurm;
mod ssh;
mod stage;
mod wrong;

use self::stage::*;

/// What a pool file says of the connection.
const TRANSPORT: &str = "";
