//! Nodes that end their process, or change it.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command, sync::Arc};

use rustix::{
    fs::Mode,
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
};
use serde::{Deserialize, Serialize};
use tea_runtime::{context::Context, result::ParallelFlowResult};

/// Writes a line and ends its process: with 134 by `abort`, else with this status.
pub(crate) fn says_and_ends(line: &str, status: i32) -> u32 {
    eprintln!("{line}");
    if status == 134 { std::process::abort() } else { std::process::exit(status) }
}

/// At the first attempt its worker is stopped, and nobody lets it go on.
pub(crate) fn is_stopped_once(ctx: &Context) -> std::io::Result<u32> {
    if ctx.attempt() == 1 {
        Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status()?;
        // The signal may reach another thread first, and this one must not end before.
        loop {
            std::thread::park();
        }
    }
    Ok(ctx.attempt())
}

/// Kind, attempts and exit status of all.
pub(crate) fn kinds(results: &[ParallelFlowResult]) -> Vec<String> {
    let kind = |result: &ParallelFlowResult| match &result.error {
        Some(failure) => format!("{} {} {:?}", failure.kind, result.attempts, failure.exit),
        None => format!("good {}", result.attempts),
    };
    results.iter().map(kind).collect()
}

/// What an item found.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Seen {
    pid: u32,
    folder: String,
    mode: u32,
    size: Option<u64>,
    caught: String,
}

/// The umask and the folder that it finds, of which it leaves others.
pub(crate) fn leave_here() -> std::io::Result<(u32, String)> {
    let (found, folder) = (umask(Mode::from_raw_mode(0o777)), std::env::current_dir()?);
    std::env::set_current_dir("/")?;
    Ok((found.as_raw_mode(), folder.display().to_string()))
}

/// Looks at its process, then changes something in it.
pub(crate) fn change(what: &str) -> std::io::Result<Seen> {
    let file = std::env::temp_dir().join(format!("tea-tests-mode-{}", std::process::id()));
    fs::write(&file, "")?;
    let mode = file.metadata()?.mode() & 0o777;
    fs::remove_file(&file)?;
    let limit = getrlimit(Resource::Fsize);
    let status = fs::read_to_string("/proc/self/status")?;
    let caught = status.lines().find(|line| line.starts_with("SigCgt")).unwrap_or_default().to_owned();
    let (pid, folder) = (std::process::id(), std::env::current_dir()?.display().to_string());
    match what {
        "folder" => std::env::set_current_dir("/")?,
        "umask" => _ = umask(Mode::from_raw_mode(0o777)),
        "limit" => {
            let half = limit.current.map_or(1 << 40, |now| now / 2);
            setrlimit(Resource::Fsize, Rlimit { current: Some(half), ..limit })?;
        }
        "signal" => {
            // What takes less than this is looked at now and then.
            std::thread::sleep(std::time::Duration::from_millis(1));
            signal_hook::flag::register(signal_hook::consts::SIGUSR2, Arc::default())?;
        }
        _ => {}
    }
    Ok(Seen { pid, folder, mode, size: limit.current, caught })
}

/// Moves the program to a new folder: twice to one of the same path, then to one that is gone. Returns what identifies it.
pub(crate) fn move_on(scratch: &Path, round: u64) -> std::io::Result<u64> {
    let path = scratch.join("here");
    let _ = fs::remove_dir_all(&path);
    fs::create_dir(&path)?;
    std::env::set_current_dir(&path)?;
    if round == 2 {
        fs::remove_dir(&path)?;
    }
    folder()
}

/// What identifies the current folder.
pub(crate) fn folder() -> std::io::Result<u64> {
    Ok(fs::metadata(".")?.ino())
}
