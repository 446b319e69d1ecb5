//! The secret of a lease, and what an agent is told so that it can dial back. It travels on the standard input of what starts the
//! agent, or in a file that only its user can read, and never in arguments or the environment.

use std::{fmt, fmt::Write as _, io::Read, net::SocketAddr};

/// A secret that one program and one agent share.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

/// Nobody prints it by mistake.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A fresh one.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// Whether an agent ends when its standard input does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifeline {
    /// Its standard input leads to the program.
    Input,
    /// It has only its connection.
    None,
}

/// What an agent is told: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bootstrap {
    pub(crate) lifeline: Lifeline,
    pub(super) secret: Secret,
    /// Where the program listens, as it sees that itself.
    pub(super) address: SocketAddr,
}

/// How the line starts.
const START: &str = "tea-dial-1";

/// The longest that the line may be.
const LONGEST: usize = 512;

impl Bootstrap {
    /// The line.
    pub(crate) fn line(&self) -> String {
        let lifeline = match self.lifeline {
            Lifeline::Input => "input",
            Lifeline::None => "none",
        };
        let mut line = format!("{START} {lifeline} {} ", self.address);
        for byte in self.secret.0 {
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        line
    }

    /// Reads the line, and nothing behind it.
    ///
    /// # Errors
    /// If it is not there: why.
    pub(super) fn read(mut from: impl Read) -> Result<Self, String> {
        let mut line = Vec::new();
        while line.len() < LONGEST {
            let mut byte = [0];
            from.read_exact(&mut byte).map_err(|error| format!("it was not told how to dial back: {error}"))?;
            match byte {
                [b'\n'] => break,
                [byte] => line.push(byte),
            }
        }
        Self::parse(&line).ok_or_else(|| "what it was told is not how to dial back".to_owned())
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let words: Vec<_> = std::str::from_utf8(line).ok()?.split(' ').collect();
        let [START, lifeline, address, secret] = words[..] else { return None };
        let lifeline = match lifeline {
            "input" => Lifeline::Input,
            "none" => Lifeline::None,
            _ => return None,
        };
        Some(Self { lifeline, secret: Secret::parse(secret)?, address: address.parse().ok()? })
    }
}
