//! The agent's side: it takes its standard streams, or dials back to its program.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fd::OwnedFd;

use super::{
    Channel, Receiver, Sender, Writer,
    cipher::{GREETING, Handshake, Sealing},
    sealed,
    secret::{Bootstrap, Lifeline},
};
use crate::{
    pacing::remote::{DIAL, DIALLING},
    process::{identity, worker::stdio},
};

/// Slurm says in this variable where it was asked to start something, as the host sees that.
const LAUNCHED_AT: &str = "SLURM_LAUNCH_NODE_IPADDR";

/// The mark of an agent that is told on its standard input how to dial back.
pub(crate) const BY_INPUT: &str = "dial";

/// The start of the mark of an agent that is told that in a file.
pub(crate) const BY_FILE: &str = "file:";

/// The connection of this agent to its program. `gone` is called if its standard input must not end and does.
///
/// # Errors
/// If there is none: why.
pub(crate) fn agent_streams(gone: fn()) -> Result<(Writer, Receiver), String> {
    let streams = stdio::take_blocking().map_err(|error| format!("it has no connection to its program: {error}"))?;
    let (input, output) = streams;
    let mark = std::env::var_os(identity::AGENT_MARK).unwrap_or_default();
    let bootstrap = if mark == BY_INPUT {
        let input = File::from(input);
        let bootstrap = Bootstrap::read(&input)?;
        if bootstrap.lifeline == Lifeline::Input {
            watch(input, gone);
        }
        bootstrap
    } else if let Some(path) = mark.as_bytes().strip_prefix(BY_FILE.as_bytes()) {
        let path = Path::new(OsStr::from_bytes(path));
        let file = File::open(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let bootstrap = Bootstrap::read(file)?;
        // It is for this agent alone, and a program that is killed does not delete it.
        let _ = fs::remove_file(path);
        bootstrap
    } else {
        let sender = Sender::Plain(output);
        return Ok((Writer { sender, sealing: Sealing::default() }, Receiver::Plain(input)));
    };
    let (sender, receiver) = sealed(dial(&bootstrap)?);
    Ok((Writer { sender, sealing: Sealing::default() }, receiver))
}

/// Calls `gone` when the standard input ends.
fn watch(mut input: File, gone: fn()) {
    let wait = move || {
        crate::user_code::forbid();
        let mut ignored = [0; 64];
        loop {
            match input.read(&mut ignored) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                _ => {}
            }
        }
        gone();
    };
    thread::Builder::new().name("tea-lifeline".into()).spawn(wait).expect("a thread can be started");
}

/// Connects to the program.
///
/// # Errors
/// If it cannot be reached, or is another one.
pub(super) fn dial(bootstrap: &Bootstrap) -> Result<Channel, String> {
    let Bootstrap { address, .. } = bootstrap;
    let launched_at = std::env::var(LAUNCHED_AT).ok().and_then(|address| address.parse::<IpAddr>().ok());
    let launched_at = launched_at.map(|at| SocketAddr::new(at, address.port())).filter(|at| at != address);
    let addresses: Vec<_> = [*address].into_iter().chain(launched_at).collect();
    let end = Instant::now() + DIALLING;
    let mut pause = Duration::from_millis(20);
    loop {
        let mut why = Vec::new();
        for address in &addresses {
            match attempt(*address, bootstrap) {
                Ok(channel) => return Ok(channel),
                Err(error) => why.push(format!("at {address}: {error}")),
            }
        }
        if Instant::now() + pause > end {
            let way_out = "`listen` in `[network]` of the pool file gives an address that hosts reach";
            return Err(format!("it cannot reach its program {}; {way_out}", why.join(", ")));
        }
        // Somebody may be keeping others out.
        thread::sleep(pause.mul_f64(0.5 + fastrand::f64()));
        pause = (2 * pause).min(Duration::from_secs(5));
    }
}

pub(super) fn attempt(address: SocketAddr, bootstrap: &Bootstrap) -> io::Result<Channel> {
    let mut stream = TcpStream::connect_timeout(&address, DIAL)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DIAL))?;
    stream.set_write_timeout(Some(DIAL))?;
    let mut handshake = Handshake::dialling(&bootstrap.secret);
    stream.write_all(&handshake.greet())?;
    let mut greeting = [0; GREETING];
    stream.read_exact(&mut greeting)?;
    handshake.greeted(&greeting).map_err(|_| io::Error::other("somebody else answers there"))?;
    let cipher = handshake.keys();
    stream.write_all(&cipher.confirmation())?;
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)?;
    let private = stdio::private(OwnedFd::from(stream))?;
    Ok(Channel { stream: private.into(), cipher })
}
