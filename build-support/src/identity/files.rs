//! The files of a package.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most entries of folders that are looked at.
const MOST_ENTRIES: usize = 50_000;

/// Folders at the top of a package whose files are targets of their own.
const TARGETS: [&str; 3] = ["benches", "examples", "tests"];

/// The Rust files of a package, or all if `data`, sorted, without those of targets that `within` is not a part of. The build
/// script is not among them.
pub(super) fn of_package(package: &Path, within: Option<&Path>, data: bool) -> Result<Vec<PathBuf>, String> {
    let is_used = |folder: &Path| {
        let is_target = TARGETS.iter().any(|name| folder == package.join(name));
        !is_target || within.is_some_and(|file| file.starts_with(folder))
    };
    let enters = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default();
        let hidden = name.as_encoded_bytes().starts_with(b".") || name == "target";
        !hidden && is_used(folder) && !folder.join("Cargo.toml").exists()
    };
    let mut files = list(package, enters)?;
    let script = package.join("build.rs");
    files.retain(|file| (data || file.extension().is_some_and(|end| end == "rs")) && *file != script);
    Ok(files)
}

/// All files below a folder, sorted.
pub(super) fn list(folder: &Path, enters: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, String> {
    let (mut files, mut folders, mut entries) = (Vec::new(), vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("cannot read `{}`: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            entries += 1;
            if entries > MOST_ENTRIES {
                return Err(format!("`{}` has more than {MOST_ENTRIES} files", folder.display()));
            }
            if !path.is_dir() {
                files.push(path);
            } else if enters(&path) {
                folders.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
