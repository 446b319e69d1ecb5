//! The final state as JSON: an object with a line for each key, in schema order.
//!
//! The bytes depend only on the state: fields of structs are in declared order, and maps are sorted.

use std::{
    fs::File,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{panic::guard, plan::Plan, state::Value};

/// The final state as text.
#[derive(Debug)]
pub(super) struct Document {
    /// The bytes, with a newline at the end.
    pub(super) bytes: Vec<u8>,
    /// Keys that were left out because their types are not `Serialize`.
    pub(super) left_out: Vec<&'static str>,
    /// Keys whose values could not be written, and why.
    pub(super) failed: Vec<(&'static str, String)>,
}

/// Creates the document from the values that `value` returns. Keys that are unset or not part of the output are left
/// out.
pub(super) fn document<'a>(plan: &Plan, value: impl Fn(u32) -> Option<&'a Value>) -> Document {
    let mut bytes = Vec::from(b"{");
    let (mut left_out, mut failed) = (Vec::new(), Vec::new());
    for (key, spec) in (0..).zip(plan.keys).filter(|(_, spec)| spec.output) {
        let Some(value) = value(key) else { continue };
        let Some(to_json) = spec.kind.to_json else {
            left_out.push(spec.name);
            continue;
        };
        let before = bytes.len();
        bytes.extend_from_slice(if before > 1 { b",\n  " } else { b"\n  " });
        write_name(&mut bytes, spec.name);
        bytes.push(b' ');
        // This runs the user's `Serialize`.
        let why = match guard(|| to_json(value, &mut bytes)) {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("its `Serialize` panicked: {}", panic.message),
        };
        bytes.truncate(before);
        failed.push((spec.name, why));
    }
    bytes.extend_from_slice(if bytes.len() > 1 { b"\n}\n" } else { b"}\n" });
    Document { bytes, left_out, failed }
}

fn write_name(bytes: &mut Vec<u8>, name: &str) {
    serde_json::to_writer(&mut *bytes, name).expect("memory takes everything");
    bytes.push(b':');
}

/// Standard output, reserved for the final state.
#[derive(Debug)]
pub(super) struct Stdout(Arc<File>);

impl Stdout {
    /// Takes standard output. From now on, what user code prints goes to standard error, as in a worker, so that it
    /// cannot end up in the middle of the final state. A program that runs several workflows one after the other takes it
    /// several times.
    ///
    /// # Errors
    /// If there are no descriptors left.
    #[cfg(unix)]
    pub(super) fn take() -> io::Result<Self> {
        use std::os::fd::AsFd;
        static TAKEN: Mutex<Option<Arc<File>>> = Mutex::new(None);
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stdout) = &*taken {
            return Ok(Self(Arc::clone(stdout)));
        }
        let stdout = Arc::new(File::from(io::stdout().as_fd().try_clone_to_owned()?));
        rustix::stdio::dup2_stdout(io::stderr())?;
        *taken = Some(Arc::clone(&stdout));
        Ok(Self(stdout))
    }

    /// Takes standard output without redirecting what user code prints.
    ///
    /// # Errors
    /// If there are no handles left.
    #[cfg(windows)]
    pub(super) fn take() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        Ok(Self(Arc::new(File::from(io::stdout().as_handle().try_clone_to_owned()?))))
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// If it cannot be written, except when the reader has closed it.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        write_whole(&*self.0, bytes)
    }

    /// An output that discards everything.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(Arc::new(tempfile::tempfile().expect("a temporary file")))
    }
}

/// Writes everything, even if the target is non-blocking. If the reader has closed it, the rest is discarded.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write_whole(to: impl Write + Waits, bytes: &[u8]) -> io::Result<()> {
    let written = write_all(to, bytes);
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

fn write_all(mut to: impl Write + Waits, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.wait()?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    to.flush()
}

/// A target that can be waited for until it accepts more.
pub(super) trait Waits {
    /// Waits until it accepts more.
    ///
    /// # Errors
    /// If it cannot be waited for.
    fn wait(&self) -> io::Result<()>;
}

#[cfg(unix)]
impl<T: std::os::fd::AsFd> Waits for T {
    fn wait(&self) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, poll};
        match poll(&mut [PollFd::new(self, PollFlags::OUT)], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(windows)]
impl<T: std::os::windows::io::AsHandle> Waits for T {
    /// Handles of this system always block.
    fn wait(&self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, path::PathBuf, sync::Arc};

    use super::*;
    use crate::program::sample::READ_QC;

    #[test]
    fn a_line_a_key_in_schema_order_and_sorted_within() {
        let counts: HashMap<_, _> = ["z", "b", "a"].into_iter().map(|name| (name.to_owned(), 0.1)).collect();
        let lists = vec![counts.clone(), HashMap::new()];
        let values: [Option<Value>; 8] = [
            Some(Arc::new(PathBuf::from("a \"b\".fq"))),
            Some(Arc::new(21_usize)),
            None,
            None,
            Some(Arc::new(lists)),
            Some(Arc::new(())),
            Some(Arc::new(())),
            Some(Arc::new("two\nlines".to_owned())),
        ];
        let document = document(&READ_QC, |key| values[key as usize].as_ref());
        assert_eq!(
            String::from_utf8(document.bytes).unwrap(),
            r#"{
  "reads": "a \"b\".fq",
  "k": 21,
  "counts": [{"a":0.1,"b":0.1,"z":0.1},{}],
  "report": "two\nlines"
}
"#
        );
        assert_eq!(document.left_out, ["opaque"]);
    }

    #[test]
    fn nothing_is_an_empty_object() {
        assert_eq!(document(&READ_QC, |_| None).bytes, b"{}\n");
    }

    #[test]
    fn a_key_that_json_cannot_hold_costs_that_key_alone() {
        let mut values: [Option<Value>; 8] = Default::default();
        values[0] = Some(Arc::new(PathBuf::from("a.fq")));
        // Not of the key's type, so that writing it panics, as a user's `Serialize` may.
        values[1] = Some(Arc::new("no number"));
        values[4] = Some(Arc::new(vec![HashMap::from([("x".to_owned(), 0.5)])]));
        values[7] = Some(Arc::new("kept".to_owned()));
        let document = document(&READ_QC, |key| values[key as usize].as_ref());
        assert_eq!(
            String::from_utf8(document.bytes).unwrap(),
            "{\n  \"reads\": \"a.fq\",\n  \"counts\": [{\"x\":0.5}],\n  \"report\": \"kept\"\n}\n"
        );
        let [(key, why)] = &document.failed[..] else { panic!("{:?}", document.failed) };
        assert!(*key == "k" && why.starts_with("its `Serialize` panicked: "), "{key}: {why}");
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        write_whole(writer, b"gone").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_does_not_block_gets_all_of_it() {
        use std::io::Read;

        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let bytes = vec![b'x'; 1 << 20];
        let count = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all.len()
        });
        write_whole(writer, &bytes).unwrap();
        assert_eq!(count.join().unwrap(), 1 << 20);
    }
}
