//! A program whose values have types that do not cross easily: the tests are in `tests/trip/`.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Stage {
    Queued,
    #[serde(skip)]
    #[allow(dead_code)]
    Internal,
    Running,
    #[serde(skip_deserializing)]
    #[allow(dead_code)]
    Written,
    Done,
    Failed(String),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Row {
    #[serde(default, skip_serializing_if = "is_zero")]
    weight: u8,
    tags: Vec<u8>,
    #[serde(flatten)]
    rest: HashMap<String, serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(i64),
    Held(Tagged),
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Tagged {
    NoShape,
    Circle { radius: f64 },
}

impl Loose {
    fn all() -> Vec<Self> {
        let tagged = [Tagged::NoShape, Tagged::Circle { radius: 0.5 }].map(Self::Held);
        [Self::Number(-7), Self::Text("-7".into())].into_iter().chain(tagged).collect()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Visit {
    at: SystemTime,
    path: PathBuf,
    ratio: f32,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cached {
    id: u32,
    #[serde(skip)]
    cache: Option<u64>,
}

/// The size of its values does not tell of the field that serde skips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Job {
    Quick {
        id: u32,
        #[serde(skip)]
        cache: u32,
    },
    Long([u64; 4]),
}

impl Job {
    /// A job with something in the field that serde skips, if so.
    fn quick(id: u32, filled: bool) -> Self {
        Self::Quick { id, cache: filled.into() }
    }

    fn id(&self) -> u32 {
        match self {
            Self::Quick { id, .. } => *id,
            Self::Long(_) => 0,
        }
    }
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

tea_runtime::include_workflow!("flow.yaml");
