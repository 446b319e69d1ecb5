//! The limit of an encrypted connection: bytes over TCP through the cipher that agents use, and nothing else.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use anyhow::Result;
use snow::{Builder, StatelessTransportState};

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// The most bytes in a message, and of what proves where it comes from.
const MOST: usize = 65_535 - TAG;
const TAG: usize = 16;

/// One side of a connection.
pub(crate) struct Sealed {
    stream: TcpStream,
    cipher: StatelessTransportState,
    sent: u64,
    received: u64,
    buffer: Vec<u8>,
}

/// A connection whose other side, on a thread of its own, sends back every `size` bytes.
pub(crate) fn echo(size: usize) -> Result<Sealed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut one, mut other) = (builder()?.build_initiator()?, builder()?.build_responder()?);
    let (mut first, mut second) = ([0; 48], [0; 48]);
    one.write_message(&[], &mut first)?;
    other.read_message(&first, &mut [])?;
    other.write_message(&[], &mut second)?;
    one.read_message(&second, &mut [])?;
    let ours = Sealed::new(TcpStream::connect(listener.local_addr()?)?, one.into_stateless_transport_mode()?)?;
    let mut theirs = Sealed::new(listener.accept()?.0, other.into_stateless_transport_mode()?)?;
    thread::spawn(move || while theirs.receive(size).and_then(|bytes| theirs.send(&bytes)).is_ok() {});
    Ok(ours)
}

fn builder() -> Result<Builder<'static>> {
    Ok(Builder::new(PATTERN.parse()?).psk(0, &[7; 32])?)
}

impl Sealed {
    fn new(stream: TcpStream, cipher: StatelessTransportState) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, cipher, sent: 0, received: 0, buffer: vec![0; 2 + MOST + TAG] })
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        for plain in bytes.chunks(MOST) {
            let size = self.cipher.write_message(self.sent, plain, &mut self.buffer[2..])?;
            self.buffer[..2].copy_from_slice(&u16::try_from(size)?.to_be_bytes());
            self.stream.write_all(&self.buffer[..2 + size])?;
            self.sent += 1;
        }
        Ok(())
    }

    /// Receives so many bytes.
    pub(crate) fn receive(&mut self, size: usize) -> Result<Vec<u8>> {
        let (mut bytes, mut there) = (vec![0; size], 0);
        while there < size {
            let mut length = [0; 2];
            self.stream.read_exact(&mut length)?;
            let sealed = &mut self.buffer[..usize::from(u16::from_be_bytes(length))];
            self.stream.read_exact(sealed)?;
            there += self.cipher.read_message(self.received, sealed, &mut bytes[there..])?;
            self.received += 1;
        }
        Ok(bytes)
    }
}
