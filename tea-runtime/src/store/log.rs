//! The log: segments of frames. It is written once, in order, and read once, in order.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    StoreError,
    folder::private,
    frame::{self, HEADER, Header, Location},
};

/// The start of a segment. It is followed by the number of the segment, the number of frames in those before, and a checksum.
const MAGIC: &[u8; 8] = b"tea log1";

/// The number of bytes before the first frame.
const START: usize = 24;

/// A segment that is longer is not continued.
const SEGMENT: u64 = 256 << 20;

/// What recovery found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The number of segments, including those that were put aside.
    pub(super) segments: u32,
    /// The number of frames.
    pub(super) frames: u64,
    /// The number of bytes after the valid ones.
    pub(crate) aside: u64,
}

/// Writes a log.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    file: Arc<File>,
    segment: u32,
    length: u64,
    /// The number of frames in this segment and those before.
    frames: u64,
    /// Frames that have not been written. What it takes is reused.
    added: Vec<u8>,
    /// Whether the file is another one than when something was written last.
    is_another: bool,
}

/// The memory that is kept for frames that will be added.
const KEPT: usize = 1 << 20;

impl Writer {
    /// Starts the segment that follows `before`.
    pub(super) fn start(folder: &Path, before: Recovered) -> Result<Self, StoreError> {
        let Recovered { segments: segment, frames, .. } = before;
        let path = path(folder, segment);
        let open = || {
            let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&path)?;
            file.write_all(&start(segment, frames))?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| StoreError::io("write", &path, &error))?;
        let (file, length) = (Arc::new(file), START as u64);
        Ok(Self { folder: folder.to_owned(), file, segment, length, frames, added: Vec::new(), is_another: false })
    }

    /// Continues in another file, such as one that cannot be written.
    #[cfg(test)]
    pub(super) fn divert(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    /// Adds a frame, which `encode` appends with room for its header. It is written by the next [`flush`](Self::flush).
    pub(super) fn add(
        &mut self,
        kind: u8,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<Location, StoreError> {
        if self.length >= SEGMENT {
            self.begin_segment()?;
        }
        let start = self.added.len();
        encode(&mut self.added)?;
        let location = Location { segment: self.segment, at: self.length };
        let frame = &mut self.added[start..];
        frame::seal(kind, location, frame);
        self.length += frame.len() as u64;
        self.frames += 1;
        Ok(location)
    }

    /// Writes what has been added, with a single write. Returns whether the log goes on in another file than at the last time.
    pub(super) fn flush(&mut self) -> Result<bool, StoreError> {
        let written = (&*self.file).write_all(&self.added);
        written.map_err(|error| self.failed(&error))?;
        self.added.clear();
        self.added.shrink_to(KEPT);
        Ok(std::mem::take(&mut self.is_another))
    }

    fn begin_segment(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.file.sync_data().map_err(|error| self.failed(&error))?;
        let before = Recovered { segments: self.segment + 1, frames: self.frames, aside: 0 };
        *self = Self { is_another: true, ..Self::start(&self.folder, before)? };
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::io("write", &path(&self.folder, self.segment), error)
    }

    /// The file to sync.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// Reads single frames.
#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
    files: Mutex<Vec<Option<File>>>,
}

impl Reader {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Mutex::default() }
    }

    /// The payload of the frame in this place.
    pub(super) fn read(&self, location: Location) -> Result<Vec<u8>, StoreError> {
        let path = path(&self.folder, location.segment);
        let failed = |error: io::Error| StoreError::io("read", &path, &error);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let index = location.segment as usize;
        if files.len() <= index {
            files.resize_with(index + 1, || None);
        }
        let file = match &mut files[index] {
            Some(file) => file,
            none => none.insert(File::open(&path).map_err(failed)?),
        };
        file.seek(SeekFrom::Start(location.at)).map_err(failed)?;
        let mut payload = Vec::new();
        match next(file, location, &mut payload).map_err(failed)? {
            Some(_) => Ok(payload),
            None => Err(StoreError::new(format!("`{}` was changed while it was in use", path.display()))),
        }
    }
}

/// Reads the longest valid prefix, and passes its frames to `each`. With `keep_aside`, what follows it is moved to
/// `….damaged`, so that the log ends with what is valid.
pub(super) fn recover(
    folder: &Path,
    keep_aside: bool,
    mut each: impl FnMut(u8, &[u8], Location) -> bool,
) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered::default();
    let mut payload = Vec::new();
    for segment in 0.. {
        let path = path(folder, segment);
        let failed = |error: io::Error| StoreError::io("read", &path, &error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match damaged(&path).try_exists() {
                // All of it has been put aside before.
                Ok(true) => {
                    recovered.segments = segment + 1;
                    continue;
                }
                _ => break,
            },
            Err(error) => return Err(failed(error)),
        };
        recovered.segments = segment + 1;
        let mut frames = recovered.frames;
        let length = file.metadata().map_err(failed)?.len();
        let valid = if recovered.aside > 0 {
            0
        } else {
            let file = BufReader::with_capacity(256 << 10, file);
            let counted = &mut |kind, payload: &[u8], location| {
                let valid = each(kind, payload, location);
                frames += u64::from(valid);
                valid
            };
            valid(file, segment, recovered.frames, &mut payload, counted).map_err(failed)?
        };
        recovered.frames = frames;
        if valid < length || valid == 0 {
            recovered.aside += (length - valid).max(1);
            if keep_aside {
                let kept = put_aside(&path, valid);
                kept.map_err(|error| StoreError::io("keep aside the damaged end of", &path, &error))?;
            }
        }
    }
    Ok(recovered)
}

/// The number of valid bytes of a segment, if there are `before` frames in those before.
pub(super) fn valid(
    mut file: impl Read,
    segment: u32,
    before: u64,
    payload: &mut Vec<u8>,
    each: &mut impl FnMut(u8, &[u8], Location) -> bool,
) -> io::Result<u64> {
    let mut head = [0; START];
    if !fill(&mut file, &mut head)? || head != start(segment, before) {
        return Ok(0);
    }
    let mut location = Location { segment, at: START as u64 };
    while let Some(header) = next(&mut file, location, payload)? {
        if !each(header.kind, payload, location) {
            break;
        }
        location.at += (HEADER + header.length) as u64;
    }
    Ok(location.at)
}

/// Reads the next frame, if there is a valid one.
fn next(file: &mut impl Read, location: Location, payload: &mut Vec<u8>) -> io::Result<Option<Header>> {
    let mut header = [0; HEADER];
    if !fill(file, &mut header)? {
        return Ok(None);
    }
    let Some(header) = Header::read(&header) else { return Ok(None) };
    payload.clear();
    // A length is only a claim until the bytes are there, so memory grows with what is read.
    file.take(header.length as u64).read_to_end(payload)?;
    Ok(header.fits(location, payload).then_some(header))
}

/// Whether there are this many bytes.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves what follows the valid bytes to a file next to the segment.
fn put_aside(path: &Path, valid: u64) -> io::Result<()> {
    let aside = damaged(path);
    if valid == 0 {
        return fs::rename(path, aside);
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(valid))?;
    let mut rest = private(OpenOptions::new().write(true).create(true).truncate(true)).open(aside)?;
    io::copy(&mut file, &mut rest)?;
    rest.sync_data()?;
    file.set_len(valid)?;
    file.sync_data()
}

fn damaged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    name.into()
}

fn path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("log.{segment}"))
}

fn start(segment: u32, before: u64) -> [u8; START] {
    let mut bytes = [0; START];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&segment.to_le_bytes());
    bytes[12..20].copy_from_slice(&before.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
