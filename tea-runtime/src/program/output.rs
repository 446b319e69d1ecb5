//! The final state as JSON: an object with a line a key, in schema order.
//!
//! The bytes depend on the state alone: a value's structs have their declared order, and its maps are sorted.

use std::{
    fs::File,
    io::{self, Write},
};

use crate::{plan::Plan, state::Value};

/// The final state, ready to be written.
#[derive(Debug)]
pub(super) struct Document {
    /// The bytes, with a newline at the end.
    pub(super) bytes: Vec<u8>,
    /// Keys that were left out, since their types are not `Serialize`.
    pub(super) left_out: Vec<&'static str>,
}

/// Makes the document of what `value` finds for each key. Keys that are unset or `transient` are not in it.
///
/// # Errors
/// The key whose value cannot be JSON, and why.
pub(super) fn document<'a>(plan: &Plan, value: impl Fn(u32) -> Option<&'a Value>) -> Result<Document, String> {
    let mut bytes = Vec::from(b"{");
    let mut left_out = Vec::new();
    for (key, spec) in (0..).zip(plan.keys).filter(|(_, spec)| !spec.transient) {
        let Some(value) = value(key) else { continue };
        let Some(to_json) = spec.kind.to_json else {
            left_out.push(spec.name);
            continue;
        };
        bytes.extend_from_slice(if bytes.len() > 1 { b",\n  " } else { b"\n  " });
        write_name(&mut bytes, spec.name);
        bytes.push(b' ');
        to_json(value, &mut bytes).map_err(|why| format!("`{}` cannot be written as JSON: {why}", spec.name))?;
    }
    bytes.extend_from_slice(if bytes.len() > 1 { b"\n}\n" } else { b"}\n" });
    Ok(Document { bytes, left_out })
}

fn write_name(bytes: &mut Vec<u8>, name: &str) {
    serde_json::to_writer(&mut *bytes, name).expect("memory takes everything");
    bytes.push(b':');
}

/// Standard output, kept for the final state.
#[derive(Debug)]
pub(super) struct Stdout(File);

impl Stdout {
    /// Takes it. From here on what the user's Rust prints goes to standard error, as it does in a worker, so that it
    /// cannot stand in the middle of the final state.
    ///
    /// # Errors
    /// If there are no descriptors left.
    #[cfg(unix)]
    pub(super) fn take() -> io::Result<Self> {
        use std::os::fd::AsFd;
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdout(io::stderr())?;
        Ok(Self(stdout.into()))
    }

    /// Takes it as it is: what the user's Rust prints goes there too.
    ///
    /// # Errors
    /// If there are no handles left.
    #[cfg(windows)]
    pub(super) fn take() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        Ok(Self(io::stdout().as_handle().try_clone_to_owned()?.into()))
    }

    /// Writes to it.
    ///
    /// # Errors
    /// If it cannot be written; not if whoever reads it has left.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        ignoring_a_reader_that_left((&self.0).write_all(bytes))
    }
}

fn ignoring_a_reader_that_left(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
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
        let document = document(&READ_QC, |key| values[key as usize].as_ref()).unwrap();
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
        assert_eq!(document(&READ_QC, |_| None).unwrap().bytes, b"{}\n");
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let left = |kind: io::ErrorKind| ignoring_a_reader_that_left(Err(kind.into()));
        left(io::ErrorKind::BrokenPipe).unwrap();
        assert_eq!(left(io::ErrorKind::StorageFull).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
