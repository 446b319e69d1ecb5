//! Pieces of frames that have not been sent to a worker.

use std::{collections::VecDeque, io::IoSlice};

use crate::executor::wire::Piece;

/// The number of pieces that are passed to the system at once.
const VECTORED: usize = 16;

/// Written pieces of at most this size together are combined.
const SMALL: usize = 16 << 10;

/// Pieces of frames on their way to the system, which may take them in part.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pieces: VecDeque<Piece>,
    /// The number of bytes of the first piece that have been sent.
    sent: usize,
}

impl Unsent {
    /// Appends bytes, to the last piece if both are small.
    pub(super) fn write(&mut self, bytes: Vec<u8>) {
        match self.pieces.back_mut() {
            Some(Piece::Written(last)) if last.len() + bytes.len() <= SMALL => last.extend_from_slice(&bytes),
            _ => self.push(Piece::Written(bytes)),
        }
    }

    /// Appends a piece as it is, unless it is empty.
    pub(super) fn push(&mut self, piece: Piece) {
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }

    /// The bytes that the system gets next.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut first = self.sent;
        let next = self.pieces.iter().take(VECTORED);
        next.map(|piece| IoSlice::new(&piece[std::mem::take(&mut first)..])).collect()
    }

    /// The system has taken this many of them.
    pub(super) fn advance(&mut self, mut sent: usize) {
        while let Some(first) = self.pieces.front() {
            let left = first.len() - self.sent;
            if sent < left {
                self.sent += sent;
                return;
            }
            sent -= left;
            self.sent = 0;
            self.pieces.pop_front();
        }
    }

    /// Copies the bytes of values, so that these are not kept alive any more.
    pub(super) fn own(&mut self) {
        for piece in &mut self.pieces {
            if let Piece::InPlace { .. } = piece {
                *piece = Piece::Written(piece.to_vec());
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
