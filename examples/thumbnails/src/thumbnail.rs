//! Creates a thumbnail.

use std::path::Path;

use image::{ImageReader, RgbImage, imageops};
use serde::{Deserialize, Serialize};

use crate::levels;

/// A small image, and the file that it was made from.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Thumbnail {
    /// The name of the file.
    pub(crate) name: String,
    /// Width and height of the image in the file.
    pub(crate) original: (u32, u32),
    /// Width and height of the thumbnail.
    pub(crate) size: (u32, u32),
    /// The pixels, three bytes each.
    #[serde(with = "serde_bytes")]
    pub(crate) rgb: Vec<u8>,
}

impl Thumbnail {
    /// Creates a thumbnail of the image in `file`, at most `side` pixels wide and high.
    pub(crate) fn of(file: &Path, side: u32) -> image::ImageResult<Self> {
        let mut reader = ImageReader::open(file)?.with_guessed_format()?;
        // Few libraries have their own limits, so this relies on the worker's memory limit.
        reader.no_limits();
        let mut image = reader.decode()?.into_rgb8();
        levels::stretch(&mut image);
        let original = image.dimensions();
        let (width, height) = fit(original, side);
        let small: RgbImage = imageops::thumbnail(&image, width, height);
        Ok(Self { name: name(file), original, size: (width, height), rgb: small.into_raw() })
    }
}

/// The name of a file as text.
pub(crate) fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The largest size with the same aspect ratio that is at most `side` wide and high, and no larger than the image.
fn fit((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = width.max(height).max(side);
    let scale = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longest);
        u32::try_from(scaled).expect("it is no longer than before").max(1)
    };
    (scale(width), scale(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_keep_their_shape_and_are_never_empty() {
        assert_eq!(fit((640, 480), 96), (96, 72));
        assert_eq!(fit((480, 640), 96), (72, 96));
        assert_eq!(fit((10_000, 3), 96), (96, 1));
        assert_eq!(fit((20, 10), 96), (20, 10));
    }
}
