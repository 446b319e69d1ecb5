//! The input files, and what became of them.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tea_runtime::{FailureKind, ItemFailure};

use crate::thumbnail::{Thumbnail, name};

/// An image on the contact sheet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Picture {
    file: String,
    width: u32,
    height: u32,
}

/// A file without a thumbnail, and the reason.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Broken {
    file: String,
    kind: FailureKind,
    attempts: u32,
    why: String,
}

/// The images in a folder, sorted by name: files that end in `.png`, `.jpg` or `.jpeg`.
pub(crate) fn images(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_image = |file: &PathBuf| {
        let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
        ["png", "jpg", "jpeg"].iter().any(|image| extension == *image)
    };
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut images: Vec<_> = files.into_iter().filter(is_image).collect();
    images.sort_unstable();
    Ok(images)
}

/// The images on the contact sheet.
pub(crate) fn shown(thumbnails: &[Thumbnail]) -> Vec<Picture> {
    let picture = |thumbnail: &Thumbnail| {
        let (width, height) = thumbnail.original;
        Picture { file: thumbnail.name.clone(), width, height }
    };
    thumbnails.iter().map(picture).collect()
}

/// The files that are not.
pub(crate) fn broken(files: &[PathBuf], failures: &[ItemFailure]) -> Vec<Broken> {
    let broken = |failure: &ItemFailure| Broken {
        file: name(&files[failure.index]),
        kind: failure.kind,
        attempts: failure.attempts,
        why: failure.message.clone(),
    };
    failures.iter().map(broken).collect()
}

/// Both as text.
pub(crate) fn render(shown: &[Picture], broken: &[Broken], sheet: &Path) -> String {
    let mut page = format!("{} thumbnails are in {}; {} files failed\n", shown.len(), sheet.display(), broken.len());
    let width = broken.iter().map(|broken| broken.file.len()).max().unwrap_or(0);
    for Broken { file, kind, attempts, why } in broken {
        // Writing to a `String` cannot fail.
        let _ = writeln!(page, "  {file:width$}  {kind:13}  {attempts} x  {why}");
    }
    page
}
