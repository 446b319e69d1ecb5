//! The programs that the scenarios run.

use tests::{logged::Logged, program::Program};

const POLICIES: &str = env!("CARGO_BIN_EXE_policies");

/// A workflow of the program `policies`, with a log of its own.
pub(crate) fn logged(flow: &'static str) -> Logged {
    Logged::new(POLICIES, flow)
}

/// A workflow of the program `policies`.
pub(crate) fn policies(flow: &str) -> Program {
    Program::new(POLICIES).env("FLOW", flow)
}

/// A workflow of the program `edges`.
pub(crate) fn edges(flow: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_edges")).env("FLOW", flow)
}

/// The options for processes, since there is no pool, for threads, and for two agents over either transport.
pub(crate) const STRATEGIES: [&str; 4] = [
    "",
    "--parallel-strategy thread",
    concat!("--pool ", env!("CARGO_MANIFEST_DIR"), "/pools/two.toml"),
    concat!("--pool ", env!("CARGO_MANIFEST_DIR"), "/pools/dial.toml"),
];
