//! A network between a program and an agent, which orders in a folder disturb: `proxy FOLDER COMMAND…` runs the command, and
//! passes on what goes in and out.
//!
//! It is two processes. The near one belongs to the program, which may kill it. The far one holds the streams of the agent, as a
//! machine that cannot be reached does: it does not notice the end of the near one while nothing passes.
//!
//! | file, with the agent's process at its end | means |
//! |---|---|
//! | `stall-`, `stall-in-`, `stall-out-` | nothing passes, nothing passes to the agent, or from it, while it is there |
//! | `cut-` | the connection ends when so many bytes have come from the agent |
//!
//! Each piece takes as many milliseconds as the file `delay` says.
#![forbid(unsafe_code)]

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio, exit},
    thread,
    time::Duration,
};

#[expect(clippy::zombie_processes, reason = "the far process may live longer than the near one")]
fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().expect("a folder");
    if first == "far" {
        let folder = PathBuf::from(args.next().expect("a folder"));
        far(&folder, &args.collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut far = Command::new(std::env::current_exe().expect("this program"));
    // As from a machine that cannot be reached, what the agent writes on its standard error does not reach the program.
    far.arg("far").arg(&first).args(args).process_group(0).stdin(OwnedFd::from(theirs));
    far.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("this program starts");
    // It holds the far end of the pair.
    drop(far);
    let (mut there, mut back) = (ours.try_clone().expect("a descriptor"), ours);
    thread::spawn(move || {
        pass(&mut std::io::stdin(), &mut there, |_| {});
        let _ = there.shutdown(Shutdown::Write);
    });
    pass(&mut back, &mut std::io::stdout(), |_| {});
    ExitCode::SUCCESS
}

/// The far process.
fn far(folder: &Path, command: &[OsString]) {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
    let (mut from, mut to) = (UnixStream::from(socket.try_clone().expect("a descriptor")), UnixStream::from(socket));
    let mut agent = Command::new(&command[0]);
    let agent = agent.args(&command[1..]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut agent = agent.expect("the agent starts");
    let (mut input, mut output) = (agent.stdin.take().expect("a pipe"), agent.stdout.take().expect("a pipe"));
    let pid = agent.id();
    let inward = folder.to_owned();
    thread::spawn(move || {
        pass(&mut from, &mut input, |_| hold_up(&inward, "in-", pid));
        // That the program has gone is not known before something passes again.
        hold_up(&inward, "in-", pid);
    });
    let (cut, mut passed) = (folder.join(format!("cut-{pid}")), 0);
    pass(&mut output, &mut to, |read| {
        hold_up(folder, "out-", pid);
        passed += read;
        let limit = fs::read_to_string(&cut).ok().and_then(|text| text.trim().parse().ok());
        if limit.is_some_and(|limit: usize| passed >= limit) {
            exit(1);
        }
    });
    let _ = agent.wait();
}

/// Passes on until one side ends. `before` is called with the size of each piece.
fn pass(from: &mut impl Read, to: &mut impl Write, mut before: impl FnMut(usize)) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read) = from.read(&mut piece) {
        if read == 0 {
            return;
        }
        before(read);
        if to.write_all(&piece[..read]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn hold_up(folder: &Path, way: &str, pid: u32) {
    if let Ok(delay) = fs::read_to_string(folder.join("delay")) {
        thread::sleep(Duration::from_millis(delay.trim().parse().unwrap_or_default()));
    }
    let stalled = || ["", way].iter().any(|way| folder.join(format!("stall-{way}{pid}")).exists());
    while stalled() {
        thread::sleep(Duration::from_millis(2));
    }
}
