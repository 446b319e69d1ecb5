//! The identity of code: what a record of a run is valid for, even in another build of the program.
//!
//! The identity of a node is a hash of its Rust and of everything in the sources that this can reach (`closure`), without
//! comments, documentation and layout. Names decide what it can reach, whatever their modules: that is more than rustc would
//! find, and never less. What a name brings in is found in an `index` of all items in the sources of the package and of its
//! dependencies by path (`packages`). What the sources do not say, such as the compiler and the versions of dependencies, is
//! the same for all nodes (`built`).
//!
//! What cannot be followed makes the identity larger, up to the whole executable.

mod attributes;
mod built;
mod closure;
mod files;
mod head;
mod import;
mod included;
mod index;
mod item;
mod layout;
mod packages;
mod parts;
mod said;
mod shape;
mod steps;
mod units;
mod words;

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use twox_hash::XxHash3_128;

use self::{built::Call, index::Index};
use crate::{caller::Caller, plan::Plan, source::Sources, syntax::CodeScope};

/// What the identities of a package's nodes are made from.
#[derive(Debug)]
struct Code {
    index: Index,
    /// How the program is built.
    built: u128,
}

/// Gives the nodes of a plan, included as `path` at `caller`, the identities of their code. Without, the executable counts.
pub(crate) fn identify(plan: &mut Plan, caller: &Caller, path: &str, sources: &Sources) {
    match &plan.checkpoint {
        Some(checkpoint) if checkpoint.value.code == CodeScope::Build => return,
        // A node that is cached reads or writes something.
        None if plan.keys.iter().all(|key| key.cached.is_none()) => return,
        _ => {}
    }
    // Editors run macros in a process that is not rustc.
    let Some((call, package)) = Call::here().zip(caller.package.as_deref()) else { return };
    match code(package, caller.file.as_deref(), &call) {
        Ok(code) => units::identify(plan, &code, module(&code, package, caller, path), sources),
        Err(error) => units::unknown(plan, error),
    }
}

/// The module that includes the workflow.
fn module(code: &Code, package: &Path, caller: &Caller, path: &str) -> Option<usize> {
    let file = caller.file.as_ref()?.canonicalize().ok()?;
    let package = package.canonicalize().ok()?;
    let within = file.strip_prefix(package).ok()?.to_string_lossy().replace('\\', "/");
    code.index.module_of_workflow(path, &within)
}

/// The code of a package. rustc runs all macros of a crate in one process, so it is read once.
fn code(package: &Path, caller: Option<&Path>, call: &Call) -> Result<Arc<Code>, String> {
    type Read = (PathBuf, Option<PathBuf>, Result<Arc<Code>, String>);
    static READ: Mutex<Option<Read>> = Mutex::new(None);
    let caller = caller.and_then(|file| file.canonicalize().ok());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, within, code)) = &*read
        && of == package
        && *within == caller
    {
        return code.clone();
    }
    let code = read_code(package, caller.as_deref(), call).map(Arc::new);
    *read = Some((package.to_owned(), caller, code.clone()));
    code
}

fn read_code(package: &Path, caller: Option<&Path>, call: &Call) -> Result<Code, String> {
    let package = package.canonicalize().map_err(|error| format!("cannot find `{}`: {error}", package.display()))?;
    let packages = packages::packages(&package)?;
    let index = Index::read(&packages, caller, call.tests)?;
    let mut hasher = Hasher::default();
    built::hash(call, &packages, &package, &mut hasher)?;
    Ok(Code { index, built: hasher.finish() })
}

/// A hash of several things. Their lengths count.
#[derive(Debug, Default)]
struct Hasher(Vec<u8>);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u128) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// The content of a file.
    fn file(&mut self, path: &Path) -> Result<(), String> {
        let bytes = fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        self.number(XxHash3_128::oneshot(&bytes));
        Ok(())
    }

    /// The hash, which is not `0`.
    fn finish(&self) -> u128 {
        XxHash3_128::oneshot(&self.0).max(1)
    }
}
