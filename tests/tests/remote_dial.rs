//! Branches with `remote`, through agents on this machine that dial back: the suite of `remote`, and what can go wrong on that way.

#[path = "remote/dial.rs"]
mod dial;
#[path = "remote/leases.rs"]
mod leases;
#[path = "remote/lost.rs"]
mod lost;
#[path = "remote/recipes.rs"]
mod recipes;
#[path = "remote/rows.rs"]
mod rows;
#[path = "remote/same.rs"]
mod same;
#[path = "remote/stage.rs"]
mod stage;

use self::stage::*;

/// What a pool file says of the connection.
const TRANSPORT: &str = "transport = \"dial\"\n[network]\nlisten = \"127.0.0.1\"\n";
