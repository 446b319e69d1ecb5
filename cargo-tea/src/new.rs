//! `cargo tea new`: a crate with a workflow that builds, runs and has a test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{Failure, file::Compiled};

const WORKFLOW: &str = include_str!("../templates/flow.yaml");
const FUNCTIONS: &str = include_str!("../templates/functions.rs");
const TESTS: &str = include_str!("../templates/tests.rs");
const BUILD_SCRIPT: &str = include_str!("../templates/build.rs");

/// Names that Cargo refuses, apart from those that no workflow can have.
const TAKEN: [&str; 6] = ["build", "deps", "examples", "incremental", "proc-macro", "test"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The directory to create. Its last part is the name of the package and the workflow.
    directory: PathBuf,
    /// Create a library that others call, without a `main`.
    #[arg(long)]
    lib: bool,
    /// Compile the workflow in a build script, so that rustc reports errors in its Rust at their place in the YAML.
    #[arg(long)]
    build_script: bool,
    /// Take Tea's crates from the checkout in this folder. By default, they come from the checkout that this program was
    /// built from, or from the registry if that no longer exists.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.directory.exists() {
        return Err(format!("`{}` exists already", options.directory.display()).into());
    }
    let name = name(&options.directory)?;
    let workflow = WORKFLOW.replace("{name}", &name);
    // The compiler knows best which names a workflow cannot have.
    Compiled::new(Path::new("src/flow.yaml"), workflow.clone().into_bytes()).plan()?;
    let module = name.replace('-', "_");
    let checkout = checkout(options)?;
    let mut files = vec![
        (".gitignore", "/target\n".to_owned()),
        ("src/flow.yaml", workflow),
        (if options.lib { "src/lib.rs" } else { "src/main.rs" }, rust(&module, options.lib)),
    ];
    if options.build_script {
        files.push(("build.rs", BUILD_SCRIPT.to_owned()));
    }
    for (file, text) in files {
        write(&options.directory.join(file), &text)?;
    }
    let (path, text) = (options.directory.join("Cargo.toml"), manifest(&name, options, checkout.as_deref()));
    write(&path, &text)?;
    if is_no_member(&path) {
        write(&path, &(text + "\n[workspace]\n"))?;
    }
    let kind = if options.lib { "library" } else { "program" };
    anstream::eprintln!("created the {kind} `{name}` in `{}`", options.directory.display());
    if let Some(checkout) = checkout {
        anstream::eprintln!("it takes Tea from `{}`, because Tea is not on crates.io yet", checkout.display());
    }
    let next = if options.lib { "cargo test" } else { "cargo run" };
    anstream::eprintln!("next: `cd {}`, then `{next}`", options.directory.display());
    Ok(())
}

/// The name of the package, from its directory.
fn name(directory: &Path) -> Result<String, Failure> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'));
    if TAKEN.contains(&name) {
        Err(format!("a package cannot be called `{name}`, which means something to Cargo or Rust").into())
    } else if is_name {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "`{name}` cannot be the name of a package: use ASCII letters, digits, `-` and `_`, and start with a letter"
        )
        .into())
    }
}

/// The checkout of Tea that the new crate depends on; `None` for the registry.
fn checkout(options: &Options) -> Result<Option<PathBuf>, Failure> {
    let holds_tea = |path: &Path| path.join("tea-runtime/Cargo.toml").is_file();
    if let Some(path) = &options.path {
        let absolute = fs::canonicalize(path).ok().filter(|path| holds_tea(path));
        let missing =
            || format!("`{}` is not a checkout of Tea: there is no `tea-runtime/Cargo.toml` in it", path.display());
        return absolute.map(Some).ok_or_else(|| missing().into());
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(own.filter(|path| holds_tea(path)).map(Path::to_owned))
}

fn manifest(name: &str, options: &Options, checkout: Option<&Path>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let depend = |package: &str, folder: &str| match checkout {
        Some(checkout) => format!("{package} = {{ path = {:?} }}\n", checkout.join(folder).display().to_string()),
        None => format!("{package} = \"{version}\"\n"),
    };
    let mut text = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n");
    text += &depend("tea-runtime", "tea-runtime");
    if options.build_script {
        text += "\n[build-dependencies]\n";
        text += &depend("tea-build", "build-support");
    }
    text
}

/// Whether Cargo takes the new package for a member of a workspace that does not list it.
fn is_no_member(manifest: &Path) -> bool {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let read = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"])
        .arg(manifest)
        .output();
    read.is_ok_and(|read| String::from_utf8_lossy(&read.stderr).contains("believes it's in a workspace"))
}

fn rust(module: &str, lib: bool) -> String {
    let include = if lib {
        "tea_runtime::include_workflow!(\"flow.yaml\", main = false, visibility = pub);\n"
    } else {
        "tea_runtime::include_workflow!(\"flow.yaml\");\n"
    };
    let about = "//! Counts the words of a text file: `flow.yaml` says what runs in which order, and this file what each node does.\n";
    let tests = TESTS.replace("{module}", module);
    format!("{about}\n{}", FUNCTIONS.replace("{include}", include) + "\n" + &tests)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| format!("cannot write `{}`: {error}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
    Ok(fs::write(path, text).map_err(failed)?)
}
