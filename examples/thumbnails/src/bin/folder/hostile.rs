//! Harmful files.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{ImageFormat, Rgb, RgbImage};

use crate::drawn;

/// Writes the files.
pub(crate) fn write(folder: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let files = [
        ("bomb.png", bomb(30_000)?),
        ("cut.jpg", first_part(encoded(&drawn::draw(1), ImageFormat::Jpeg)?)),
        ("cut.png", first_part(encoded(&drawn::draw(0), ImageFormat::Png)?)),
        ("empty.png", Vec::new()),
        ("endless.png", encoded(&one_shade(), ImageFormat::Png)?),
        ("magic.png", encoded(&magic_pixel(), ImageFormat::Png)?),
        ("no-image.jpg", b"This is a letter.\n".to_vec()),
    ];
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(files.len())
}

/// The pixel that makes the C library dereference an invalid pointer.
fn magic_pixel() -> RgbImage {
    let mut image = drawn::draw(2);
    image.put_pixel(70, 70, Rgb([0xDE, 0xAD, 0x42]));
    image
}

/// The image in which the C library looks for a second shade forever.
fn one_shade() -> RgbImage {
    RgbImage::from_pixel(100, 100, Rgb([90, 90, 90]))
}

fn encoded(image: &RgbImage, format: ImageFormat) -> image::ImageResult<Vec<u8>> {
    let mut bytes = io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

/// A truncated file, as after a lost connection.
fn first_part(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 8);
    bytes
}

/// A decompression bomb: a black image of `side` by `side` pixels, each of which is a bit in the file and a byte in
/// memory.
fn bomb(side: u32) -> io::Result<Vec<u8>> {
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    let (depth, grey, deflate, filter, no_interlace) = (1, 0, 0, 0, 0);
    header.extend([depth, grey, deflate, filter, no_interlace]);
    let mut data = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; 1 + side.div_ceil(8) as usize];
    for _ in 0..side {
        data.write_all(&row)?;
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", data.finish()?), (b"IEND", Vec::new())] {
        let length = u32::try_from(content.len()).expect("a small file");
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(&content);
        file.extend([&length.to_be_bytes(), &kind[..], &content, &crc.sum().to_be_bytes()].concat());
    }
    Ok(file)
}
