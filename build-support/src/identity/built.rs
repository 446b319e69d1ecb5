//! How the program is built: everything that its sources do not say.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};

use super::{
    Hasher, files,
    packages::Package,
    words::{Names, Place, Words},
};
use crate::externs;

/// How Cargo calls rustc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The arguments that say how the crate is compiled. The names of its dependencies' files tell their versions, their features
    /// and the compiler. What tells the crate from others does not count: it depends on the version of the package, and on
    /// whether it has a build script.
    pub(super) marks: Vec<String>,
    /// It compiles tests.
    pub(super) tests: bool,
}

/// Options of code generation that change nothing that a program computes, or differ from folder to folder.
const NOT_COUNTED: &[&str] =
    &["metadata", "extra-filename", "incremental", "debuginfo", "split-debuginfo", "strip", "linker", "embed-bitcode"];

impl Call {
    /// How this process was called, if it is rustc, called by Cargo.
    pub(super) fn here() -> Option<Self> {
        env::var_os("CARGO")?;
        Self::of(&externs::arguments())
    }

    /// What these arguments say. `None` if they are not those of Cargo: then it is not known how the program is built.
    pub(super) fn of(arguments: &[String]) -> Option<Self> {
        let mut call = Self { marks: Vec::new(), tests: false };
        let (mut is_of_cargo, mut has_externs) = (false, false);
        for (argument, value) in arguments.iter().zip(arguments.iter().skip(1).map(String::as_str).chain([""])) {
            let (option, value) = match argument.split_once('=') {
                Some((option @ ("--target" | "--edition"), value)) => (option, value),
                _ if argument.len() > 2 && ["-C", "-Z"].iter().any(|short| argument.starts_with(short)) => {
                    argument.split_at(2)
                }
                _ => (argument.as_str(), value),
            };
            match option {
                "--test" => call.tests = true,
                "-C" | "--codegen" if value.starts_with("metadata=") => is_of_cargo = true,
                "-C" | "--codegen" if !NOT_COUNTED.iter().any(|name| value.split('=').next() == Some(name)) => {
                    call.marks.push(format!("C {value}"));
                }
                "-Z" | "--cfg" | "--target" | "--edition" => call.marks.push(format!("{option} {value}")),
                "--extern" => {
                    let (name, path) = value.split_once('=').unwrap_or((value, ""));
                    let file = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
                    // Without a path, it is a crate of the standard library's.
                    has_externs |= !file.is_empty();
                    call.marks.push(format!("extern {name} {file}"));
                }
                _ => {}
            }
        }
        call.marks.sort();
        (is_of_cargo && has_externs).then_some(call)
    }
}

/// Adds what counts for all nodes.
pub(super) fn hash(call: &Call, packages: &[Package], package: &Path, hasher: &mut Hasher) -> Result<(), String> {
    for mark in &call.marks {
        hasher.text(mark);
    }
    hash_packages(packages, hasher)?;
    if package.join("build.rs").exists() && !is_only_for_tea(&package.join("build.rs"), hasher)? {
        hash_written(hasher)?;
    }
    Ok(())
}

/// Adds the packages of which all counts.
fn hash_packages(packages: &[Package], hasher: &mut Hasher) -> Result<(), String> {
    for package in packages {
        hasher.text(&package.edition);
    }
    for package in packages.iter().filter(|package| package.whole) {
        let mut of: Vec<PathBuf> = files::of_package(&package.folder, None, package.data)?;
        of.extend(
            ["build.rs", "Cargo.toml"].map(|file| package.folder.join(file)).into_iter().filter(|file| file.exists()),
        );
        for file in of {
            hasher.text(&file.strip_prefix(&package.folder).unwrap_or(&file).to_string_lossy());
            hasher.file(&file)?;
        }
    }
    Ok(())
}

/// Adds the build script, unless all that it does is to compile workflows.
fn is_only_for_tea(script: &Path, hasher: &mut Hasher) -> Result<bool, String> {
    let text = fs::read_to_string(script).map_err(|error| format!("cannot read `{}`: {error}", script.display()))?;
    let Ok(tokens) = text.parse::<TokenStream>() else {
        hasher.bytes(text.as_bytes());
        return Ok(false);
    };
    let rest: Vec<TokenTree> = tokens.clone().into_iter().collect();
    if let [TokenTree::Ident(function), TokenTree::Ident(main), TokenTree::Group(_), TokenTree::Group(body)] = &rest[..]
        && function == "fn"
        && main == "main"
    {
        let body: Vec<TokenTree> = body.stream().into_iter().collect();
        let calls = |statement: &[TokenTree]| {
            let text = statement.iter().map(ToString::to_string).collect::<String>();
            text.is_empty() || text.starts_with("tea_build::compile(") || text.starts_with("::tea_build::compile(")
        };
        if body.split(|token| super::words::is_punct(Some(token), ';')).all(calls) {
            return Ok(true);
        }
    }
    let mut said = Words::default();
    said.read(tokens, Place::Macro, &mut Names::default());
    hasher.bytes(&said.text);
    Ok(false)
}

/// Adds what the build script wrote, without what it wrote for Tea.
fn hash_written(hasher: &mut Hasher) -> Result<(), String> {
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return Ok(()) };
    let tea = out.join("tea");
    for file in files::list(&out, |folder| folder != tea)? {
        hasher.text(&file.strip_prefix(&out).unwrap_or(&file).to_string_lossy());
        hasher.file(&file)?;
    }
    Ok(())
}
