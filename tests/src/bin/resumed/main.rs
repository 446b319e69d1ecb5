//! Workflows that are killed and resumed. The variable `FLOW` says which one runs.
//!
//! The variable `KILLS` (`deep-10-worker`) says which item waits for the file `go` when it is executed for the first time,
//! and then kills its worker (`worker`) or that worker's parent (`parent`).
#![forbid(unsafe_code)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, getppid, kill_process};

tea_runtime::include_workflow!("keys.yaml", main = false);
tea_runtime::include_workflow!("nested.yaml", main = false);

fn main() -> ExitCode {
    tea_runtime::init();
    match std::env::var("FLOW").as_deref() {
        Ok("keys") => keys::main(),
        Ok("nested") => nested::main(),
        other => panic!("no workflow {other:?}"),
    }
}

/// Leaves a byte in the file `name`. Returns whether that is the first one.
fn is_first(folder: &Path, name: &str) -> bool {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(folder.join(name)).expect("a folder to write");
    file.write_all(b".").expect("a disk that is not full");
    file.metadata().expect("a file").len() == 1
}

/// Notes the key of something that is executed.
fn note(folder: &Path, name: &str, key: &str) {
    let mut file =
        fs::OpenOptions::new().create(true).append(true).open(folder.join("keys")).expect("a folder to write");
    // In one piece, because several processes write.
    file.write_all(format!("{name}: {key}\n").as_bytes()).expect("a disk that is not full");
}

/// The same, and fails if the variable `FAIL` is set.
fn fails(folder: &Path, name: &str, key: &str) -> Result<bool, String> {
    note(folder, name, key);
    if std::env::var_os("FAIL").is_some() { Err("not yet".to_owned()) } else { Ok(true) }
}

/// Counts an execution.
fn count<T>(folder: &Path, name: &str, value: T) -> T {
    is_first(folder, name);
    value
}

/// Counts an execution, of which the first one fails if the variable `FAILS` names it.
fn fails_once<T>(folder: &Path, name: &str, value: T) -> Result<T, String> {
    let fails = is_first(folder, name) && std::env::var("FAILS").is_ok_and(|fails| fails == name);
    if fails { Err("not yet".to_owned()) } else { Ok(value) }
}

/// Counts the execution of an item, and kills if this is the one.
fn item(folder: &Path, map: &str, number: u64) -> u64 {
    let name = format!("{map}-{number}");
    let is_first = is_first(folder, &name);
    let kills = std::env::var("KILLS").unwrap_or_default();
    if let Some(whom) = kills.strip_prefix(&format!("{name}-")).filter(|_| is_first) {
        fs::write(folder.join("waits"), "").expect("a folder to write");
        while !folder.join("go").exists() {
            thread::sleep(Duration::from_millis(2));
        }
        let victim = if whom == "parent" { getppid() } else { Some(getpid()) };
        kill_process(victim.expect("a parent"), Signal::KILL).expect("a process of ours");
        thread::sleep(Duration::from_mins(1));
    }
    number * number
}
