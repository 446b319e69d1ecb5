//! The contact sheet.

use image::{Rgb, RgbImage, imageops};

use crate::thumbnail::Thumbnail;

const GAP: u32 = 8;
const BACKGROUND: Rgb<u8> = Rgb([32, 34, 40]);

/// Arranges the thumbnails on one sheet, row by row, each centered in a square with sides of `side` pixels.
pub(crate) fn draw(thumbnails: &[Thumbnail], side: u32) -> RgbImage {
    let count = u32::try_from(thumbnails.len()).expect("as many as there are files in a folder");
    let columns = count.isqrt().max(1) + u32::from(count > count.isqrt().pow(2));
    let cell = side + GAP;
    let mut sheet = RgbImage::from_pixel(columns * cell + GAP, count.div_ceil(columns).max(1) * cell + GAP, BACKGROUND);
    for (thumbnail, at) in thumbnails.iter().zip(0..) {
        let Thumbnail { size: (width, height), rgb, .. } = thumbnail;
        let small = RgbImage::from_raw(*width, *height, rgb.clone()).expect("three bytes a pixel");
        let (x, y) = (at % columns * cell + GAP, at / columns * cell + GAP);
        imageops::replace(&mut sheet, &small, (x + (side - width) / 2).into(), (y + (side - height) / 2).into());
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbnail(size: (u32, u32), shade: u8) -> Thumbnail {
        let rgb = vec![shade; (size.0 * size.1 * 3) as usize];
        Thumbnail { name: String::new(), original: size, size, rgb }
    }

    #[test]
    fn each_has_its_place() {
        let sheet = draw(&[thumbnail((10, 10), 1), thumbnail((10, 4), 2), thumbnail((2, 10), 3)], 10);
        assert_eq!(sheet.dimensions(), (2 * 18 + 8, 2 * 18 + 8));
        let at = |x, y| sheet.get_pixel(x, y).0[0];
        assert_eq!((at(8, 8), at(26, 11), at(12, 26)), (1, 2, 3));
        assert_eq!([at(0, 0), at(26, 10), at(11, 26)], [BACKGROUND.0[0]; 3]);
    }

    #[test]
    fn an_empty_folder_is_an_empty_sheet() {
        assert_eq!(draw(&[], 10).dimensions(), (26, 26));
    }
}
