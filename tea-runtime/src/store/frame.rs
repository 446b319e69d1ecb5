//! Frames: length, kind, checksum, payload. Whatever the bytes in the place of a frame are, reading them returns a frame that
//! was written as a whole, or says that there is none.

/// The number of bytes before the payload.
pub(super) const HEADER: usize = 9;

/// The maximum size of a payload. Large values are not in the log.
pub(super) const LARGEST: usize = 1 << 30;

/// The place of a frame in a log: its segment, and its position there. A frame in any other place is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) segment: u32,
    pub(super) at: u64,
}

impl Location {
    /// The place of a frame that is alone in its file.
    pub(super) const ALONE: Self = Self { segment: 0, at: 0 };
}

/// Finishes a frame whose payload is in `frame` after [`HEADER`] bytes of room.
pub(super) fn seal(kind: u8, location: Location, frame: &mut [u8]) {
    let (header, payload) = frame.split_at_mut(HEADER);
    let length = u32::try_from(payload.len()).expect("a payload is no longer than `LARGEST`");
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4] = kind;
    let head = *header.first_chunk().expect("a header is longer");
    let checksum = checksum(head, location, payload);
    header[5..].copy_from_slice(&checksum.to_le_bytes());
}

/// A header that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) kind: u8,
    checksum: u32,
    hashed: [u8; 5],
}

impl Header {
    /// `None` if no frame starts like this.
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let [a, b, c, d, kind, checksum @ ..] = *bytes;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let header = Self { length, kind, checksum: u32::from_le_bytes(checksum), hashed: [a, b, c, d, kind] };
        (length <= LARGEST).then_some(header)
    }

    /// Whether this is its payload, if the frame is in this place.
    pub(super) fn fits(&self, location: Location, payload: &[u8]) -> bool {
        payload.len() == self.length && checksum(self.hashed, location, payload) == self.checksum
    }
}

fn checksum(head: [u8; 5], location: Location, payload: &[u8]) -> u32 {
    let mut place = [0; 17];
    place[..5].copy_from_slice(&head);
    place[5..9].copy_from_slice(&location.segment.to_le_bytes());
    place[9..].copy_from_slice(&location.at.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place);
    hasher.update(payload);
    hasher.finalize()
}
