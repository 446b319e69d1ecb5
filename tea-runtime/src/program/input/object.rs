//! The JSON object of `--input`.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::BadInput;
use crate::program::flags::Flag;

pub(super) fn source_name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn read_object(path: &PathBuf, flags: &[Flag]) -> Result<Vec<(String, Box<RawValue>)>, Box<BadInput>> {
    let read = || {
        if is_stdin(path) {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
        } else {
            std::fs::read(path)
        }
    };
    let text = read().map_err(|error| {
        let message = format!("cannot read {}", source_name(path));
        Box::new(BadInput { message, why: Some(error.to_string()), ..BadInput::default() })
    })?;
    // Some editors put a byte order mark before the text.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice::<Object>(text).map(|object| object.0).map_err(|error| {
        let example = flags.first().map_or_else(|| "{}".to_owned(), |flag| format!("{{\"{}\": …}}", flag.spec.name));
        Box::new(BadInput {
            message: format!("{} does not hold a JSON object with the inputs", source_name(path)),
            expected: Some(format!("an object such as `{example}`, with a value for each input")),
            why: Some(error.to_string()),
            ..BadInput::default()
        })
    })
}

/// A JSON object that keeps its order, and refuses a key that stands there twice.
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if entries.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` stands there twice")));
                    }
                    entries.push((name, value));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
