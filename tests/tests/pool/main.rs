//! What once went wrong in the pool of workers and on the threads, as a user would see it. Most tests wait for events:
//! what goes wrong shows as an end that never comes.

mod around;
mod ends;
mod starts;
mod tokens;

use std::path::Path;

use tests::{
    logged::Logged,
    process::wait_for,
    program::{Finished, Program},
};

const POOL: &str = env!("CARGO_BIN_EXE_pool");

fn pool(flow: &str, args: &[&str]) -> Program {
    args.iter().fold(Program::new(POOL).env("FLOW", flow), Program::arg)
}

/// Runs a shell's script in which `$POOL` is the program, in an empty directory.
fn shell(flow: &str, script: &str) -> Finished {
    let directory = tempfile::tempdir().unwrap();
    Program::new("/bin/bash")
        .arg("-c")
        .arg(script)
        .env("POOL", POOL)
        .env("FLOW", flow)
        .directory(directory.path())
        .run()
}

/// By each strategy.
fn everywhere(flow: &str, args: &[&str]) -> [Finished; 2] {
    [pool(flow, args).run(), pool(flow, args).args("--parallel-strategy thread").run()]
}
