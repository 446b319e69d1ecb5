//! Child processes of the baselines: this program again, in a mode that only echoes or swallows.

use std::{
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::payload::{self, Shape};

const FLAG: &str = "--helper";

/// What a helper does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// Writes one byte and ends.
    FirstByte,
    /// Sends back every 16 bytes that it gets.
    Echo,
    /// Reads what is sent and answers each with a byte, once it has it as this: decoded, or as plain bytes.
    Sink(Option<Shape>),
}

impl Role {
    fn name(self) -> String {
        match self {
            Self::FirstByte => "first-byte".into(),
            Self::Echo => "echo".into(),
            Self::Sink(None) => "sink".into(),
            Self::Sink(Some(shape)) => format!("sink-{}", shape.name()),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let shapes = Shape::ALL.map(|shape| Self::Sink(Some(shape)));
        [Self::FirstByte, Self::Echo, Self::Sink(None)].into_iter().chain(shapes).find(|role| role.name() == name)
    }
}

/// Plays the role that the arguments name, if they name one; `false` if this is not a helper.
pub(crate) fn play() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(FLAG) {
        return Ok(false);
    }
    let role = arguments.next().and_then(|name| Role::from_name(&name)).context("unknown helper")?;
    let (input, output) = (&mut io::stdin().lock(), &mut io::stdout().lock());
    match role {
        Role::FirstByte => answer(output)?,
        Role::Echo => {
            let mut frame = [0; 16];
            while input.read_exact(&mut frame).is_ok() {
                output.write_all(&frame)?;
                output.flush()?;
            }
        }
        Role::Sink(shape) => {
            let mut length = [0; 8];
            while input.read_exact(&mut length).is_ok() {
                let mut bytes = vec![0; usize::try_from(u64::from_le_bytes(length))?];
                input.read_exact(&mut bytes)?;
                match shape {
                    Some(shape) => payload::decode(shape, &bytes)?,
                    None => drop(std::hint::black_box(bytes)),
                }
                answer(output)?;
            }
        }
    }
    Ok(true)
}

fn answer(output: &mut impl Write) -> io::Result<()> {
    output.write_all(&[1])?;
    output.flush()
}

/// How a helper is spoken to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    /// Two pipes.
    Pipes,
    /// One Unix stream socketpair.
    Socketpair,
}

/// A running helper.
pub(crate) struct Helper {
    child: Child,
    input: Option<Box<dyn Write>>,
    output: Box<dyn Read>,
}

impl Helper {
    /// Starts one.
    pub(crate) fn start(role: Role, wire: Wire) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.args([FLAG, &role.name()]);
        match wire {
            Wire::Pipes => {
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let input = child.stdin.take().context("no stdin")?;
                let output = child.stdout.take().context("no stdout")?;
                Ok(Self { child, input: Some(Box::new(input)), output: Box::new(output) })
            }
            Wire::Socketpair => {
                let (ours, theirs) = UnixStream::pair()?;
                command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
                let child = command.spawn()?;
                drop(command);
                Ok(Self { child, input: Some(Box::new(ours.try_clone()?)), output: Box::new(ours) })
            }
        }
    }

    /// Sends 16 bytes and waits for them to come back.
    pub(crate) fn ping(&mut self) -> Result<()> {
        let mut frame = [7; 16];
        self.input()?.write_all(&frame)?;
        Ok(self.output.read_exact(&mut frame)?)
    }

    /// Sends `bytes` with their length, and waits for the answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let length = u64::try_from(bytes.len())?.to_le_bytes();
        let input = self.input()?;
        input.write_all(&length)?;
        input.write_all(bytes)?;
        self.wait_for_byte()
    }

    /// Waits for one byte.
    pub(crate) fn wait_for_byte(&mut self) -> Result<()> {
        Ok(self.output.read_exact(&mut [0])?)
    }

    fn input(&mut self) -> Result<&mut Box<dyn Write>> {
        self.input.as_mut().context("the helper's input is closed")
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // A socket's other end sees the end of the stream only once both of our handles are gone.
        self.input = None;
        self.output = Box::new(io::empty());
        let _ = self.child.wait();
    }
}
