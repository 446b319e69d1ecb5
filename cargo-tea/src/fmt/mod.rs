//! `cargo tea fmt`: workflow files in one layout, with their Rust formatted by `rustfmt`.
//!
//! A file is never changed in what it means: the result is compared before it is written.

mod pieces;
mod rust;
mod same;
mod scalar;
mod tree;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use self::{pieces::Pieces, rust::Formatter, tree::File};
use crate::{Failure, file, print, project};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The workflow files. By default, all that the Rust of this package includes.
    files: Vec<PathBuf>,
    /// Print the names of the files that are not formatted, and fail if there are any. No file is changed.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let files = if options.files.is_empty() { project::files(Path::new("."))? } else { options.files.clone() };
    let mut texts = Vec::with_capacity(files.len());
    for path in &files {
        let text = String::from_utf8(file::read(path)?);
        texts.push(text.map_err(|_| format!("`{}` is not UTF-8", path.display()))?);
    }
    // The Rust of all files together, because each run of rustfmt takes its time.
    let mut formatter = Formatter::default();
    let pieces: Vec<_> = texts.iter().map(|text| Pieces::find(&plain(text))).collect();
    formatter.learn(pieces.iter().flat_map(Pieces::all))?;
    let mut failed = false;
    for (path, text) in files.iter().zip(&texts) {
        match format(text, &mut formatter) {
            Ok(after) if after == *text => {}
            Ok(_) if options.check => {
                print(&format!("{}\n", path.display()))?;
                failed = true;
            }
            Ok(after) => replace(path, &after)?,
            Err(reason) => {
                anstream::eprintln!("error: cannot format `{}`: {reason}", path.display());
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Found) } else { Ok(()) }
}

/// Writes the file at once, so that nobody finds half of it.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| format!("cannot write `{}`: {error}", path.display());
    // The file that a link leads to, and not the link.
    let path = fs::canonicalize(path).map_err(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(name);
    let permissions = fs::metadata(&path).map_err(failed)?.permissions();
    fs::write(&new, text)
        .and_then(|()| fs::set_permissions(&new, permissions))
        .and_then(|()| fs::rename(&new, &path))
        .map_err(|error| {
            _ = fs::remove_file(&new);
            failed(error)
        })?;
    Ok(())
}

/// `text` in the one layout.
fn format(text: &str, formatter: &mut Formatter) -> Result<String, String> {
    let crlf = text.contains("\r\n");
    let plain = plain(text);
    let file = File::parse(&plain)?;
    let pieces = Pieces::find(&plain);
    formatter.learn(pieces.all())?;
    let after = write::write(&file, &pieces, formatter);
    if after != plain {
        same::same_meaning(&plain, &after)
            .map_err(|reason| format!("{reason}; this is a defect of `cargo tea fmt`"))?;
    }
    Ok(if crlf { after.replace('\n', "\r\n") } else { after })
}

/// `text` without a byte order mark, and with the line ends that YAML has.
fn plain(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// `text` in the one layout, for an editor.
pub(crate) fn format_text(text: &str) -> Result<String, String> {
    format(text, &mut Formatter::default())
}
