//! Creates a folder of images for `thumbnails`: `cargo run -p thumbnails --bin folder -- DIR [IMAGES]`.
//!
//! Some are generated and some are hostile; these are the same in every run. Others are real images, taken from
//! `IMAGES` (`/usr/share` by default), where Debian packages install theirs.
#![forbid(unsafe_code)]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

mod drawn;
mod hostile;
mod real;

fn main() -> ExitCode {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let (folder, images) = match args.as_slice() {
        [folder] => (folder, Path::new("/usr/share")),
        [folder, images] => (folder, images.as_path()),
        _ => {
            eprintln!("usage: folder DIR [IMAGES]");
            return ExitCode::from(2);
        }
    };
    match make(folder, images) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot make `{}`: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn make(folder: &Path, images: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    println!("{} drawn images", drawn::write(folder)?);
    println!("{} hostile files", hostile::write(folder)?);
    match real::copy(images, folder)? {
        0 => println!("no real images: none of a fitting size is below {}", images.display()),
        count => println!("{count} real images from {}", images.display()),
    }
    Ok(())
}
