//! Invoices: how they are read, what is wrong with them, and what they come to.
//!
//! Two programs use this. `invoice` runs the workflow `invoice.yaml` on one file; `invoices` runs it on each file of a folder,
//! as a part of `flow.yaml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tea_runtime::ItemFailure;

pub mod check;
pub mod parse;
pub mod total;

/// The files in a folder whose names end in `.invoice`, by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "invoice") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A file that gave no total, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The name of the file.
    pub file: String,
    /// What is wrong.
    pub why: String,
}

impl Refused {
    /// The failure of an item of `files`.
    #[must_use]
    pub fn new(files: &[PathBuf], failure: &ItemFailure) -> Self {
        let name = files[failure.index].file_name().unwrap_or_default();
        Self { file: name.to_string_lossy().into_owned(), why: failure.message.clone() }
    }
}
