//! The frames between a program and an agent.
//!
//! A large message is sent as fragments, like those of a WebSocket: what keeps a lease goes between them, and does not wait until
//! the message has been sent.

use std::{borrow::Cow, collections::VecDeque, ops::Deref, sync::Arc};

use crate::{
    executor::wire::Piece,
    process::frame::{Frame, FrameError, FrameReader, HEADER, Header, LARGE},
};

/// The kind of frames that hold a fragment of a message. The last one has the kind of the message.
const FRAGMENT: u8 = 16;

/// The kind of frames that hold a message which may come between fragments.
const CONTROL: u8 = 17;

/// The most bytes of a message in a frame: readers do not give it memory of its own.
const MOST: usize = LARGE - HEADER;

/// The number of bytes that are put into frames at once. What is added in the meantime waits for them.
const TOGETHER: usize = LARGE;

/// What waits to be sent, without its frames.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The number of the next frame.
    number: u64,
    control: VecDeque<Vec<u8>>,
    messages: VecDeque<Message>,
    bytes: usize,
}

/// What is left of a message.
#[derive(Debug)]
struct Message {
    kind: u8,
    pieces: VecDeque<Piece>,
    /// The number of bytes of the first piece that are in frames.
    sent: usize,
}

impl Outgoing {
    /// Adds a message that these values follow, to be sent in frames of this kind after all that came before it.
    pub(super) fn add(&mut self, kind: u8, message: Vec<u8>, values: Vec<Piece>) {
        let pieces = std::iter::once(Piece::Written(message)).chain(values);
        let pieces: VecDeque<_> = pieces.filter(|piece| !piece.is_empty()).collect();
        self.bytes += pieces.iter().map(|piece| piece.len()).sum::<usize>();
        self.messages.push_back(Message { kind, pieces, sent: 0 });
    }

    /// Adds a short message that is sent before all others.
    pub(super) fn add_control(&mut self, message: Vec<u8>) {
        self.control.push_back(message);
    }

    /// Appends the next frames: a part of what waits, if that is much.
    pub(super) fn next(&mut self, into: &mut Vec<u8>) {
        let start = into.len();
        while into.len() - start < TOGETHER {
            let head = into.len();
            into.resize(head + HEADER, 0);
            let kind = if let Some(message) = self.control.pop_front() {
                into.extend_from_slice(&message);
                CONTROL
            } else if let Some(message) = self.messages.front_mut() {
                message.take(into);
                self.bytes -= into.len() - head - HEADER;
                if message.pieces.is_empty() {
                    self.messages.pop_front().map_or(FRAGMENT, |message| message.kind)
                } else {
                    FRAGMENT
                }
            } else {
                into.truncate(head);
                return;
            };
            Header::seal(kind, self.number, &mut into[head..], []);
            self.number += 1;
        }
    }

    /// The number of bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.messages.is_empty()
    }
}

impl Message {
    /// Moves as many bytes as fit into a frame.
    fn take(&mut self, into: &mut Vec<u8>) {
        let mut room = MOST;
        while let Some(first) = self.pieces.front().filter(|_| room > 0) {
            let rest = &first[self.sent..];
            let taken = rest.len().min(room);
            into.extend_from_slice(&rest[..taken]);
            room -= taken;
            self.sent += taken;
            if self.sent == first.len() {
                self.pieces.pop_front();
                self.sent = 0;
            }
        }
    }
}

/// Receives bytes as they arrive, and returns complete messages.
#[derive(Debug)]
pub(super) struct Incoming {
    frames: FrameReader,
    /// The fragments of a message that is not complete.
    fragments: Vec<u8>,
}

impl Incoming {
    /// At the start of a stream.
    pub(super) fn new() -> Self {
        Self { frames: FrameReader::new(u64::MAX >> 1), fragments: Vec::new() }
    }

    /// Receives the bytes.
    pub(super) fn frames(&mut self) -> &mut FrameReader {
        &mut self.frames
    }

    /// The next message, if it is complete. What came between the fragments of another one comes before it.
    ///
    /// # Errors
    /// If that is no frame.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        while self.frames.kind()? == Some(FRAGMENT) {
            let Some(fragment) = self.frames.next()? else { return Ok(None) };
            self.fragments.extend_from_slice(&fragment.payload);
        }
        let Some(frame) = self.frames.next()? else { return Ok(None) };
        if frame.kind == CONTROL || self.fragments.is_empty() {
            return Ok(Some(frame));
        }
        let mut whole = std::mem::take(&mut self.fragments);
        whole.extend_from_slice(&frame.payload);
        Ok(Some(Frame { kind: frame.kind, payload: Cow::Owned(whole) }))
    }
}

/// A message that has arrived. Large parts of a large one are kept without copying them.
pub(super) enum Payload<'a> {
    Short(&'a [u8]),
    Large(Arc<Vec<u8>>),
}

impl<'a> Payload<'a> {
    pub(super) fn of(payload: &'a mut Cow<'_, [u8]>) -> Self {
        match payload {
            Cow::Borrowed(payload) => Self::Short(payload),
            Cow::Owned(payload) => Self::Large(Arc::new(std::mem::take(payload))),
        }
    }

    /// A part of these bytes, to be kept.
    pub(super) fn piece(&self, part: &[u8], shared: bool) -> Piece {
        match self {
            Self::Large(whole) if part.len() >= LARGE => {
                let from = part.as_ptr().addr() - whole.as_ptr().addr();
                Piece::part(Arc::clone(whole), from..from + part.len(), shared)
            }
            _ if shared => Piece::behind(part.to_vec(), 0, true),
            _ => Piece::Written(part.to_vec()),
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Large(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;
    use crate::process::message::{MESSAGE, RECORD};

    fn read(incoming: &mut Incoming, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        incoming.frames().push(bytes);
        std::iter::from_fn(|| incoming.next().unwrap().map(|frame| (frame.kind, frame.payload.into_owned()))).collect()
    }

    #[test]
    fn what_keeps_a_lease_does_not_wait_for_a_large_message() {
        let (mut outgoing, mut incoming, mut bytes) = (Outgoing::default(), Incoming::new(), Vec::new());
        outgoing.add(MESSAGE, vec![1], vec![Piece::Written(vec![7; 64 << 20])]);
        outgoing.next(&mut bytes);
        outgoing.add_control(vec![2]);
        assert_eq!(read(&mut incoming, &bytes), []);
        bytes.clear();
        outgoing.next(&mut bytes);
        assert_eq!(read(&mut incoming, &bytes), [(CONTROL, vec![2])]);
        assert!(outgoing.bytes() > 63 << 20);
    }

    proptest! {
        #[test]
        fn messages_arrive_whole_and_in_order(
            messages in vec((any::<bool>(), vec(prop_oneof![0..9_usize, 0..200_000_usize], 1..4), 0..3_usize), 0..6),
            cut in any::<Index>(),
        ) {
            let (mut outgoing, mut incoming, mut bytes) = (Outgoing::default(), Incoming::new(), Vec::new());
            let (mut expected, mut urgent) = (Vec::new(), Vec::new());
            for (number, (record, sizes, steps)) in (0_u8..).zip(messages) {
                let kind = if record { RECORD } else { MESSAGE };
                let start = vec![number; 3];
                let values: Vec<_> = sizes.into_iter().map(|size| vec![number; size]).collect();
                expected.push((kind, [start.clone(), values.concat()].concat()));
                outgoing.add(kind, start, values.into_iter().map(Piece::Written).collect());
                (0..steps).for_each(|_| outgoing.next(&mut bytes));
                outgoing.add_control(vec![number]);
                urgent.push((CONTROL, vec![number]));
            }
            while !outgoing.is_empty() {
                outgoing.next(&mut bytes);
            }
            prop_assert_eq!(outgoing.bytes(), 0);
            let cut = cut.index(bytes.len() + 1);
            let all = [read(&mut incoming, &bytes[..cut]), read(&mut incoming, &bytes[cut..])].concat();
            let (control, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(kind, _)| *kind == CONTROL);
            prop_assert!(control == urgent && others == expected);
        }
    }
}
