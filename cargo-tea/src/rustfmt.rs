//! Formats Rust by running `rustfmt`.

use std::{
    env,
    io::{self, Write},
    process::{Command, Output, Stdio},
    thread,
};

/// `text`, the text of a whole file, formatted.
pub(crate) fn format(text: &str) -> Result<String, String> {
    let program = env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
    let mut command = Command::new(program);
    command.args(["--edition", "2024", "--emit", "stdout"]);
    let output = run(&mut command, text)
        .map_err(|error| format!("cannot run `rustfmt`: {error}; `rustup component add rustfmt` installs it"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|_| "`rustfmt` printed something that is not UTF-8".to_owned())
    } else {
        Err(format!("`rustfmt` failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end()))
    }
}

/// Runs `command` with `input` as its standard input.
fn run(command: &mut Command, input: &str) -> io::Result<Output> {
    let piped = || Stdio::piped();
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("standard input is piped");
    // On a thread of its own, because a full pipe in the other direction would stop both.
    thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output();
        // rustfmt that ends early says why by its status.
        _ = writer.join();
        output
    })
}
