//! The C library, `native/levels.c`: the only `unsafe` of this program.

use image::RgbImage;

mod ffi {
    unsafe extern "C" {
        pub(super) fn levels_stretch(rgb: *mut u8, pixels: usize);
    }
}

/// Stretches the brightness of an image to the full range. On some images the library crashes, on some it hangs.
pub(crate) fn stretch(image: &mut RgbImage) {
    let pixels = image.pixels().len();
    // SAFETY: `image` is borrowed mutably and holds three bytes a pixel, as the library expects. What it does wrong apart
    // from that, no comment can rule out: hence the worker process.
    unsafe { ffi::levels_stretch(image.as_mut_ptr(), pixels) }
}
