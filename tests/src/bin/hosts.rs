//! Runs a command with a pool of two hosts behind ssh, which are this machine: `hosts COMMAND ARGUMENT…`. The command finds the
//! pool file in `TEA_POOL`. Without an ssh server, it says so and runs nothing.
#![forbid(unsafe_code)]

use std::{
    fs,
    process::{Command, ExitCode},
};

use tests::sshd::{Host, Hosts};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(command) = arguments.next() else {
        eprintln!("usage: hosts COMMAND ARGUMENT…");
        return ExitCode::from(2);
    };
    let Some(hosts) = Hosts::start(&[Host::new("n1"), Host::new("n2")]) else { return ExitCode::from(77) };
    let pool = hosts.path("pool.toml");
    let text = "engine = \"ssh\"\nslots = 2\n[[ssh.host]]\nname = \"n1\"\n[[ssh.host]]\nname = \"n2\"\n";
    fs::write(&pool, text).expect("a writable file");
    let status = Command::new(command).args(arguments).env("TEA_POOL", pool).env("PATH", hosts.search_path()).status();
    match status.map(|status| status.code()) {
        Ok(Some(code)) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    }
}
