//! Runs the built `cargo-tea`.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What a run of `cargo-tea` gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `cargo tea ARGUMENTS` in `directory`.
pub(crate) fn tea(directory: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = command(directory, arguments).output().expect("cargo-tea runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// `cargo tea ARGUMENTS` as Cargo would start it.
pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-tea"));
    command.arg("tea").args(arguments).current_dir(directory).env("NO_COLOR", "1");
    command
}

/// The root of Tea's workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace").to_owned()
}

/// The target directory that the running test was built in: the test is `TARGET/PROFILE/deps/TEST`.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors().nth(3).expect("a target directory").to_owned()
}
