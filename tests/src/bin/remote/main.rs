//! Workflows with `remote`. The variable `FLOW` says which one runs; the tests are in `tests/remote`.
#![forbid(unsafe_code)]

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use tea_runtime::include_workflow;
use tests::trace;

include_workflow!("items.yaml", main = false);
include_workflow!("large.yaml", main = false);
include_workflow!("nested.yaml", main = false);
include_workflow!("once.yaml", main = false);
include_workflow!("refused.yaml", main = false);
include_workflow!("rounds.yaml", main = false);
include_workflow!("shared.yaml", main = false);

fn main() -> ExitCode {
    // As the main of a user who has forgotten something.
    if std::env::var("FLOW").as_deref() == Ok("refused") {
        return match refused::builder().pool(std::env::var_os("POOL").unwrap_or_default()).run(refused::Input::new()) {
            Ok(output) => {
                println!("{:?}", output.out);
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    tea_runtime::init();
    match std::env::var("FLOW").unwrap_or_default().as_str() {
        "items" => items::main(),
        "large" => large::main(),
        "nested" => nested::main(),
        "once" => once::main(),
        "rounds" => rounds::main(),
        "shared" => shared::main(),
        other => panic!("no workflow {other}"),
    }
}

/// The process above this worker: its agent, or the program.
fn above() -> u32 {
    std::os::unix::process::parent_id()
}

/// Notes that this item began, waits while there is a file of that name in the folder, and notes that it ended. Nothing of the
/// sort without a folder.
fn visit(folder: &Path, item: u64) -> io::Result<u64> {
    if folder.as_os_str().is_empty() {
        return Ok(item * item);
    }
    // Who is killed while it writes leaves a part of a line: each begins a new one, and has an end.
    let note =
        |what: &str| trace::note(&folder.join("log"), &format!("\n{what} {item} {} {} .", above(), std::process::id()));
    note("begin")?;
    // A program that the item runs may be what works.
    let child = folder.join("child").exists().then(|| {
        let script = "while :; do printf '\\nalive %s .\\n' \"$1 $2 $3\" >> \"$0\"; sleep 0.01; done";
        let mut child = Command::new("sh");
        child.arg("-c").arg(script).arg(folder.join("log"));
        child.args([item.to_string(), above().to_string(), std::process::id().to_string()]).spawn()
    });
    let ticks = folder.join("ticks").exists();
    while folder.join(format!("hold-{item}")).exists() {
        if ticks {
            note("alive")?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if let Some(mut child) = child.transpose()? {
        child.kill()?;
        child.wait()?;
    }
    note("end")?;
    Ok(item * item)
}

/// The same from this round on; nothing before.
fn visit_after(folder: &Path, round: u64, from: u64, item: u64) -> io::Result<u64> {
    if round < from { Ok(item) } else { visit(folder, item) }
}

/// As many bytes as an item of that size gives, which reads many.
fn many(folder: &Path, item: u64, megabytes: usize, read: &str) -> io::Result<Vec<u8>> {
    if read.bytes().any(|byte| byte != b'7') {
        return Err(io::Error::other("something else arrived"));
    }
    visit(folder, item)?;
    Ok(vec![u8::try_from(item % 251).unwrap_or_default(); megabytes << 20])
}

/// Notes when an item begins and ends, with its process.
fn counted(log: &Path, item: u64) -> io::Result<u64> {
    let note = |what: &str| trace::note(log, &format!("{what} {item} {}", std::process::id()));
    note("begin")?;
    std::thread::sleep(Duration::from_millis(5));
    note("end")?;
    Ok(item)
}
