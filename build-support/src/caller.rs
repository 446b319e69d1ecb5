//! Where an `include_workflow!` is written, and the workflow file that it means.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// Where an `include_workflow!` is written.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The file that the path is written in. `None` if the program that expands the macro does not say, as with some editors.
    pub file: Option<PathBuf>,
    /// The path is written in the call itself: it does not come out of another macro.
    pub direct: bool,
    /// The folder of the package that is compiled.
    pub package: Option<PathBuf>,
}

/// A workflow file that was found.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// Its path, as people read it.
    pub(crate) path: PathBuf,
    /// The path that `include_bytes!` takes in the place of the macro. It is relative where it can be, so that what is
    /// built does not depend on the folder that it is built in.
    pub(crate) include: String,
}

/// The most entries of folders that are looked at in a search.
const MOST_ENTRIES: usize = 20_000;

impl Caller {
    /// A call that is written in this file.
    #[must_use]
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), direct: true, package: None }
    }

    /// The path of the workflow file that `path` means in a call at this place, if there is one.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<PathBuf> {
        self.find(path).ok().map(|found| found.path)
    }

    /// The file that `path` means: the one beside the calling file, else the one in the package's folder. Where the calling
    /// file is not known, or belongs to another package whose macro passes the call on, it is searched for in the package.
    ///
    /// # Errors
    /// If there is none, or more than one. The error is a sentence.
    pub(crate) fn find(&self, path: &str) -> Result<Found, String> {
        let wanted = Path::new(path);
        let mut sought = Vec::new();
        if let Some(file) = &self.file {
            let beside = file.parent().unwrap_or(Path::new("")).join(wanted);
            if beside.is_file() {
                let include = if self.direct { Some(path.to_owned()) } else { absolute(&beside) };
                return Ok(Found { include: include.unwrap_or_else(|| path.to_owned()), path: beside });
            }
            sought.push(beside);
        }
        if let Some(package) = self.package.as_ref().filter(|_| wanted.is_relative()) {
            let found = if self.is_in(package) { Vec::new() } else { search(package, wanted) };
            if found.len() > 1 {
                let all: Vec<_> = found.iter().map(|path| format!("`{}`", shown(path, package))).collect();
                return Err(format!(
                    "it is not known which file calls, and the package has more than one `{path}`: {}. Write the path from \
                     the package's folder, as in {}",
                    all.join(", "),
                    all[0]
                ));
            }
            let in_package = [package.join("src").join(wanted), package.join(wanted)];
            let in_package = if self.is_in(package) { &in_package[1..] } else { &in_package[..] };
            if let Some(path) = found.first().or_else(|| in_package.iter().find(|path| path.is_file())) {
                let include = absolute(path).unwrap_or_else(|| path.display().to_string());
                return Ok(Found { path: from_here(path), include });
            }
            sought.extend(in_package.iter().rev().map(|path| from_here(path)));
        }
        sought.dedup();
        let sought: Vec<_> = sought.iter().map(|path| format!("`{}`", path.display())).collect();
        Err(format!(
            "there is no file {}. The path is relative to the calling file or to the package's folder, or absolute",
            if sought.is_empty() { format!("`{path}`") } else { sought.join(" and no file ") }
        ))
    }

    fn is_in(&self, package: &Path) -> bool {
        let file = self.file.as_deref().and_then(|file| file.canonicalize().ok());
        file.is_some_and(|file| package.canonicalize().is_ok_and(|package| file.starts_with(package)))
    }
}

/// The files of a package whose paths end like this one.
fn search(package: &Path, wanted: &Path) -> Vec<PathBuf> {
    let end: PathBuf = wanted.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let (mut found, mut folders, mut entries) = (Vec::new(), vec![package.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.as_encoded_bytes().starts_with(b".") || name == "target";
            match entry.file_type() {
                _ if entries > MOST_ENTRIES => return found,
                Ok(kind) if kind.is_dir() && !hidden => folders.push(path),
                Ok(kind) if kind.is_file() && path.ends_with(&end) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn absolute(path: &Path) -> Option<String> {
    std::path::absolute(path).ok()?.to_str().map(str::to_owned)
}

fn shown(path: &Path, package: &Path) -> String {
    path.strip_prefix(package).unwrap_or(path).display().to_string()
}

/// A path as it is from the current folder, as rustc has the paths of a workspace's files.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned)).unwrap_or_else(|| path.to_owned())
}
