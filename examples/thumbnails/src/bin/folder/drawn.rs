//! Generated images, each drawn by a formula.

use std::path::Path;

use image::{ImageResult, Rgb, RgbImage};

/// The number of images.
const COUNT: u32 = 24;

/// Writes the images. Every other one is a JPEG.
pub(crate) fn write(folder: &Path) -> ImageResult<u32> {
    for number in 0..COUNT {
        let extension = ["png", "jpg"][(number % 2) as usize];
        draw(number).save(folder.join(format!("drawn-{number:02}.{extension}")))?;
    }
    Ok(COUNT)
}

/// Image `number`: one of four patterns, with its own color and shape.
pub(crate) fn draw(number: u32) -> RgbImage {
    let (width, height) = [(160, 120), (120, 160), (140, 140)][(number % 3) as usize];
    let turns = f64::from(number) / f64::from(COUNT);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (centred(x, width), centred(y, height));
        let value = match number % 4 {
            0 => rings(x, y, 4.0 + 8.0 * turns),
            1 => waves(x, y, 3.0 + 9.0 * turns),
            2 => checks(x, y, 4.0 + 8.0 * turns),
            _ => julia(x, y, 0.7885, turns * std::f64::consts::TAU),
        };
        colour(turns + 0.2 * value, value)
    })
}

/// A value from -1 to 1.
fn centred(at: u32, length: u32) -> f64 {
    2.0 * f64::from(at) / f64::from(length) - 1.0
}

fn rings(x: f64, y: f64, count: f64) -> f64 {
    0.5 + 0.5 * (x.hypot(y) * count * 3.0).cos()
}

fn waves(x: f64, y: f64, count: f64) -> f64 {
    0.5 + 0.25 * ((x * count).sin() + ((x + y) * count).cos())
}

fn checks(x: f64, y: f64, count: f64) -> f64 {
    f64::from(u8::from((x * count).sin() * (y * count).sin() > 0.0)) * (1.2 - x.hypot(y)).clamp(0.0, 1.0)
}

/// The escape time of a point for the Julia set given by `radius` and `angle`.
fn julia(x: f64, y: f64, radius: f64, angle: f64) -> f64 {
    const MOST: u8 = 60;
    let (mut re, mut im) = (1.5 * x, 1.5 * y);
    for step in 0..MOST {
        if re.hypot(im) > 2.0 {
            return f64::from(step) / f64::from(MOST);
        }
        (re, im) = (re * re - im * im + radius * angle.cos(), 2.0 * re * im + radius * angle.sin());
    }
    1.0
}

/// The color with a hue (in turns) and a brightness.
fn colour(hue: f64, brightness: f64) -> Rgb<u8> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
    let channel = |shift: f64| {
        let full = 0.5 + 0.5 * ((hue + shift) * std::f64::consts::TAU).cos();
        (255.0 * (0.1 + 0.9 * brightness) * (0.3 + 0.7 * full)).clamp(0.0, 255.0) as u8
    };
    Rgb([channel(0.0), channel(1.0 / 3.0), channel(2.0 / 3.0)])
}
