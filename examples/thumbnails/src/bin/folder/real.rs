//! Real images, as Debian packages install them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The maximum number of images.
const MOST: usize = 24;
/// The sizes of files to copy: smaller ones are icons, and larger ones would slow down the example.
const PIXELS: std::ops::RangeInclusive<u32> = 20_000..=4_000_000;

/// Copies images from below `from`, with `real-` in front of their names. Returns how many there were.
pub(crate) fn copy(from: &Path, folder: &Path) -> io::Result<usize> {
    let mut images = Vec::new();
    find(from, &mut images);
    for (image, number) in images.iter().zip(0..) {
        let name = image.file_name().expect("a file has a name").to_string_lossy();
        fs::copy(image, folder.join(format!("real-{number:02}-{name}")))?;
    }
    Ok(images.len())
}

/// Searches a directory, sorted by name. What cannot be read is skipped.
fn find(directory: &Path, images: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
    entries.sort_unstable();
    for path in entries {
        if images.len() == MOST {
            return;
        }
        if path.is_symlink() {
            // A link leads to something that is found elsewhere, or in circles.
        } else if path.is_dir() {
            find(&path, images);
        } else if is_fitting(&path) {
            images.push(path);
        }
    }
}

fn is_fitting(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|image| extension == *image)
        && image::image_dimensions(path).is_ok_and(|(width, height)| PIXELS.contains(&width.saturating_mul(height)))
}
