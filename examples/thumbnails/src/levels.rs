//! The interface to the C library, `native/levels.c`. It is the only `unsafe` code of this program.

use image::RgbImage;

mod ffi {
    unsafe extern "C" {
        pub(super) fn levels_stretch(rgb: *mut u8, pixels: usize);
    }
}

/// Stretches the brightness of an image to the full range. The library crashes on some images and hangs on others.
pub(crate) fn stretch(image: &mut RgbImage) {
    let pixels = image.pixels().len();
    // SAFETY: `image` is borrowed mutably and holds three bytes per pixel, as the library expects. No comment can rule
    // out bugs in the library itself, which is why it runs in a worker process.
    unsafe { ffi::levels_stretch(image.as_mut_ptr(), pixels) }
}
