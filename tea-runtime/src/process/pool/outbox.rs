//! Sending to a worker without waiting for it: what is not taken at once is sent by the link's thread.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, PipeReader, PipeWriter, Read, Write},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    cmsg_space,
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, ioctl_fionbio, ioctl_fionread, retry_on_intr, write},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};

use super::{errand::Parcel, pace::MOST};
use crate::process::{
    frame::{HEADER, Header, SEND, SHORT, mark},
    message::{self, CANCEL, LANE_ENDS, Setup, ToWorker, WORK},
    payload::{self, Bytes},
};

/// How many pieces are given to the system at once.
const VECTORED: usize = 16;

/// The way to a worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    control: UnixStream,
    /// For short frames. What the worker has not read shows at its other end; and as long as that is open, a worker that
    /// is gone is no `SIGPIPE` here.
    pipe: (PipeReader, PipeWriter),
    /// For long ones.
    socket: Arc<OwnedFd>,
    queue: Mutex<Queue>,
    /// Written to when the link's thread has something to send.
    wake: PipeWriter,
    woken: PipeReader,
}

/// Frames in the order of their numbers, the first perhaps sent in part.
#[derive(Debug, Default)]
struct Queue {
    /// Numbers of the next frames: in the lane, and through the control.
    number: u64,
    controls: u64,
    waiting: VecDeque<Piece>,
    /// Bytes of the first that are sent.
    sent: usize,
    /// What waits is sent by the link's thread.
    handed_over: bool,
    /// How far the lane was filled here, and how far the system has taken it.
    queued: Position,
    taken: Position,
    /// Where the last tasks end; before them there were so many others.
    ends: VecDeque<Position>,
    others: u64,
    /// To be used again.
    spare: Vec<u8>,
}

/// A place in the lane: bytes through both of its ways before it.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    pipe: u64,
    socket: u64,
}

/// What goes the same way: short frames, or a part of a long one.
#[derive(Debug)]
enum Piece {
    Pipe(Vec<u8>),
    Socket(payload::Piece),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Pipe(bytes) => bytes,
            Self::Socket(piece) => piece,
        }
    }
}

impl Outbox {
    /// A way to the worker behind `control` and at the other ends of a lane; none of them may block.
    pub(crate) fn new(control: UnixStream, pipe: (PipeReader, PipeWriter), socket: Arc<OwnedFd>) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        ioctl_fionbio(&wake, true)?;
        ioctl_fionbio(&woken, true)?;
        Ok(Self { control, pipe, socket, queue: Mutex::default(), wake, woken })
    }

    /// Tells the worker what it must know, and gives it its ends of the lanes.
    ///
    /// # Errors
    /// If the worker has closed its end of the control.
    pub(crate) fn set_up(&self, setup: Setup, theirs: &(PipeWriter, UnixStream)) -> io::Result<()> {
        let ends = [self.pipe.0.as_fd(), theirs.0.as_fd(), theirs.1.as_fd()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(LANE_ENDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&ends));
        self.control(WORK, &ToWorker::Setup(setup), &mut ancillary)
    }

    /// Tells the worker at once that a task is cancelled.
    ///
    /// # Errors
    /// If that is not possible: the worker is gone, or does not take what it was told before, since it is stopped.
    pub(crate) fn cancel(&self, task: u64, sibling: bool) -> io::Result<()> {
        self.control(CANCEL, &ToWorker::Cancel { task, sibling }, &mut SendAncillaryBuffer::default())
    }

    fn control(
        &self,
        kind: u8,
        message: &ToWorker<'_>,
        ancillary: &mut SendAncillaryBuffer<'_, '_, '_>,
    ) -> io::Result<()> {
        let controls = &mut self.lock().controls;
        let message = message::encode(message);
        let header = Header::of(kind, *controls, [&*message]).to_bytes();
        let parts = [IoSlice::new(&header), IoSlice::new(&message)];
        // A message of this size is taken as a whole or not at all.
        let sent = retry_on_intr(|| sendmsg(&self.control, &parts, ancillary, SEND | SendFlags::DONTWAIT))?;
        *controls += 1;
        if sent == HEADER + message.len() { Ok(()) } else { Err(Errno::MSGSIZE.into()) }
    }

    /// Readable once [`flush`](Self::flush) has left something to [`go_on`](Self::go_on) with.
    pub(crate) fn woken(&self) -> &PipeReader {
        &self.woken
    }

    /// Forgets that it was woken.
    pub(crate) fn clear_wake(&self) {
        let _ = (&self.woken).read(&mut [0; 64]);
    }

    /// Takes a task, to be sent with the next [`flush`](Self::flush), or now if there is much to be sent.
    pub(crate) fn add_task(&self, parcel: Parcel) {
        let much = parcel.bytes() > SHORT as u64;
        let mut queue = self.lock();
        queue.add(WORK, parcel);
        queue.end_task();
        drop(queue);
        if much {
            self.flush();
        }
    }

    /// Says that there will be no more tasks.
    pub(crate) fn say_goodbye(&self) {
        self.lock().add(WORK, Parcel::new(&ToWorker::Goodbye, Bytes::default()));
        self.flush();
    }

    /// Sends what was added, as much as is taken now; the link's thread sends the rest.
    pub(crate) fn flush(&self) {
        let mut queue = self.lock();
        if !queue.handed_over && !self.send(&mut queue) {
            queue.handed_over = true;
            // It is full only if the thread has been woken already.
            let _ = (&self.wake).write(&[0]);
        }
    }

    /// Goes on sending, as the link's thread. Gives what takes no more now, if anything is left.
    pub(crate) fn go_on(&self) -> Option<BorrowedFd<'_>> {
        let mut queue = self.lock();
        queue.handed_over = !self.send(&mut queue);
        queue.waiting.front().map(|piece| match piece {
            Piece::Pipe(_) => self.pipe.1.as_fd(),
            Piece::Socket(_) => self.socket.as_fd(),
        })
    }

    /// How many tasks the worker may have begun: all of their bytes are on their way, and it has read its part of them.
    pub(crate) fn tasks_read(&self) -> u64 {
        let queue = self.lock();
        let unread = ioctl_fionread(&self.pipe.0).unwrap_or(0);
        let read = queue.taken.pipe.saturating_sub(unread);
        let is_read = |end: &&Position| end.pipe <= read && end.socket <= queue.taken.socket;
        queue.others + queue.ends.iter().take_while(is_read).count() as u64
    }

    /// Sends as much as is taken now. Gives whether that was all.
    fn send(&self, queue: &mut Queue) -> bool {
        while let Some(first) = queue.waiting.front() {
            let start = &first.bytes()[queue.sent..];
            let taken = match first {
                Piece::Pipe(_) => write(&self.pipe.1, start),
                Piece::Socket(_) => {
                    let rest = queue.waiting.iter().skip(1).map_while(|piece| match piece {
                        Piece::Socket(bytes) => Some(IoSlice::new(bytes)),
                        Piece::Pipe(_) => None,
                    });
                    let parts: Vec<_> = std::iter::once(IoSlice::new(start)).chain(rest).take(VECTORED).collect();
                    let flags = SEND | SendFlags::DONTWAIT;
                    sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), flags)
                }
            };
            match taken {
                Ok(taken) => queue.advance(taken),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return false,
                Err(_) => {
                    // Nobody reads it any more, which the link's thread notices too.
                    queue.waiting.clear();
                    queue.sent = 0;
                }
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn add(&mut self, kind: u8, parcel: Parcel) {
        let length = HEADER as u64 + parcel.bytes();
        let Parcel { mut head, values: Bytes { start, rest } } = parcel;
        Header::seal(kind, self.number, &mut head, std::iter::once(&*start).chain(rest.iter().map(|piece| &**piece)));
        if length <= SHORT as u64 {
            self.add_short(&[&head, &start]);
        } else {
            self.add_short(&[&mark(self.number)]);
            self.queued.socket += length;
            let written = [head, start].into_iter().filter(|part| !part.is_empty()).map(payload::Piece::Written);
            self.waiting.extend(written.chain(rest).map(Piece::Socket));
        }
        self.number += 1;
    }

    fn add_short(&mut self, parts: &[&[u8]]) {
        if !matches!(self.waiting.back(), Some(Piece::Pipe(_))) {
            self.waiting.push_back(Piece::Pipe(std::mem::take(&mut self.spare)));
        }
        let Some(Piece::Pipe(bytes)) = self.waiting.back_mut() else { unreachable!("it was just made so") };
        for part in parts {
            bytes.extend_from_slice(part);
            self.queued.pipe += part.len() as u64;
        }
    }

    /// What was added last was a task.
    fn end_task(&mut self) {
        // No more than these can be in flight.
        if self.ends.len() > MOST {
            self.ends.pop_front();
            self.others += 1;
        }
        self.ends.push_back(self.queued);
    }

    fn advance(&mut self, mut taken: usize) {
        match self.waiting.front() {
            Some(Piece::Pipe(_)) => self.taken.pipe += taken as u64,
            _ => self.taken.socket += taken as u64,
        }
        while let Some(first) = self.waiting.front() {
            let left = first.bytes().len() - self.sent;
            if taken < left {
                self.sent += taken;
                return;
            }
            taken -= left;
            self.sent = 0;
            if let Some(Piece::Pipe(mut bytes)) = self.waiting.pop_front()
                && bytes.capacity() <= 2 * SHORT
            {
                bytes.clear();
                self.spare = bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{frame::LaneReader, pool::lanes::Lanes};

    /// A way to a worker, what it reads with, and what else must stay open.
    fn outbox() -> (Outbox, LaneReader, impl Sized) {
        let Lanes { there, back, socket, theirs: (their_back, their_socket) } = Lanes::new().unwrap();
        let lane = LaneReader::new(there.0.try_clone().unwrap().into(), Arc::new(their_socket.into()), 0);
        let (control, their_control) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(control, there, Arc::new(socket.into())).unwrap();
        (outbox, lane, (back, their_back, their_control))
    }

    fn task(size: usize) -> Parcel {
        Parcel { head: vec![0; HEADER], values: Bytes { start: vec![7; size], rest: Vec::new() } }
    }

    fn read(lane: &mut LaneReader) -> usize {
        while !lane.arrive().unwrap() {
            assert!(lane.fill().unwrap() > 0);
        }
        lane.take().unwrap().payload.len()
    }

    #[test]
    fn a_task_that_was_not_read_was_not_begun() {
        let (outbox, mut lane, _open) = outbox();
        outbox.add_task(task(10));
        assert_eq!(outbox.tasks_read(), 0, "it is kept for the next flush");
        outbox.flush();
        assert_eq!(outbox.tasks_read(), 0, "it lies in the pipe");
        assert_eq!(read(&mut lane), 10);
        assert_eq!(outbox.tasks_read(), 1);
        drop(lane);
        outbox.add_task(task(10));
        outbox.flush();
        assert_eq!(outbox.tasks_read(), 1, "nobody reads it any more, and nobody is killed for it");
    }

    #[test]
    fn a_long_task_was_not_begun_before_all_of_it_is_on_its_way() {
        const LARGE: usize = 8 << 20;
        let (outbox, mut lane, _open) = outbox();
        outbox.add_task(task(LARGE));
        outbox.add_task(task(1));
        assert!(outbox.go_on().is_some(), "it does not fit");
        assert_eq!(outbox.tasks_read(), 0);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| [read(&mut lane), read(&mut lane)]);
            while outbox.go_on().is_some() {
                std::thread::yield_now();
            }
            assert_eq!(reader.join().unwrap(), [LARGE, 1]);
        });
        assert_eq!(outbox.tasks_read(), 2);
    }

    #[test]
    fn tasks_are_counted_though_others_are_forgotten() {
        let (outbox, mut lane, _open) = outbox();
        for count in 1..=3 * MOST {
            outbox.add_task(task(1));
            outbox.flush();
            read(&mut lane);
            assert_eq!(outbox.tasks_read(), count as u64);
        }
    }
}
