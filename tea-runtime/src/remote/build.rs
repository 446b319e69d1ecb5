//! Identifies the build of a program by the contents of its file, which are the same on every host, and its workflows by what does
//! not depend on the machine for which it is built.

use std::{fs::File, io, path::Path, sync::LazyLock};

use crate::{
    plan::{Plan, Registered, Site},
    process::identity,
};

/// The hash of the running program's file.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn id() -> io::Result<[u8; 32]> {
    static ID: LazyLock<Result<[u8; 32], (io::ErrorKind, String)>> =
        LazyLock::new(|| hash().map_err(|error| (error.kind(), error.to_string())));
    ID.clone().map_err(|(kind, message)| io::Error::new(kind, message))
}

fn hash() -> io::Result<[u8; 32]> {
    of(&identity::image()?)
}

/// The hash of the workflows of this program: their keys with their types, and their fan-outs.
pub(crate) fn workflows() -> [u8; 32] {
    let mut outlines: Vec<_> = inventory::iter::<Registered>().map(|Registered(plan)| outline(plan)).collect();
    outlines.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for text in outlines.iter().flatten() {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

fn outline(plan: &Plan) -> Vec<&'static str> {
    let keys = plan.keys.iter().flat_map(|key| [key.name, key.kind.name]);
    let sites = plan.sites.iter().flat_map(|site| match site {
        Site::Region(region) => region.tasks.iter().map(|task| task.name).collect(),
        Site::Map(map) => vec![map.name],
    });
    [env!("CARGO_PKG_VERSION"), plan.module, plan.name, plan.version.unwrap_or_default()]
        .into_iter()
        .chain(keys)
        .chain(sites)
        .collect()
}

/// The hash of a program's file.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn of(path: &Path) -> io::Result<[u8; 32]> {
    let file =
        File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}
