//! Python's workflow engines on a map that is killed and resumed, through `resumed.py` beside this file.

use std::{ffi::OsString, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// The peers that `resumed.py` knows, with as many items as they do in about a minute.
pub(crate) const PEERS: [(&str, u64); 4] = [("joblib", 10_000), ("DBOS", 2_000), ("redun", 1_000), ("Snakemake", 500)];

/// What became of the map.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// The peer and its version.
    pub(crate) name: String,
    pub(crate) items: u64,
    /// Seconds from the start of the resumed program to its first new item.
    pub(crate) first: f64,
    /// Items that were done twice.
    pub(crate) twice: f64,
    /// Bytes on the disk when it was killed.
    pub(crate) bytes: f64,
}

#[derive(Deserialize)]
struct Said {
    version: String,
    first: f64,
    twice: f64,
    bytes: f64,
}

/// Runs a peer. `TEA_PEERS_PYTHON` says which Python has it. An error says in a word what is missing.
pub(crate) fn measure(peer: &str, items: u64) -> Result<Resumed> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers/resumed.py");
    let python = std::env::var_os("TEA_PEERS_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let output = Command::new(python).arg(script).arg(peer).arg(items.to_string()).output().context("no python3")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "failed: {}", String::from_utf8_lossy(&output.stderr));
    let Ok(Said { version, first, twice, bytes }) = serde_json::from_str(&text) else { bail!("{}", text.trim()) };
    Ok(Resumed { name: format!("{peer} {version}"), items, first, twice, bytes })
}
