//! `cargo tea check`: the compiler's findings, without rustc unless it is asked for.

pub(crate) mod rustc;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use clap::Args;
use tea_build::diagnostic::Severity;

use crate::{
    Failure,
    file::Compiled,
    message::{self, Finding, Format},
    print,
    project::{self, Include},
};

/// How often `--watch` looks at the files.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The workflow files. By default, all that the Rust of this package includes.
    files: Vec<PathBuf>,
    /// Check again whenever a file changes, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Also run `cargo check`, and report rustc's errors at their places in the workflow files.
    #[arg(long)]
    rust: bool,
    /// How to write the findings.
    #[arg(long, value_enum, default_value_t)]
    message_format: Format,
    /// More arguments for `cargo check`, with `--rust`.
    #[arg(last = true, requires = "rust")]
    cargo: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.watch {
        return watch(options);
    }
    check(options)
}

/// A workflow file, and how it is included, as far as that is known.
struct Subject {
    path: PathBuf,
    include: Option<Include>,
}

/// The files to check.
fn subjects(options: &Options) -> Result<Vec<Subject>, Failure> {
    let files = if options.files.is_empty() { project::files(Path::new("."))? } else { options.files.clone() };
    Ok(files.into_iter().map(|path| Subject { include: include_of(&path), path }).collect())
}

/// How the package that `path` belongs to includes it.
fn include_of(path: &Path) -> Option<Include> {
    let canonical = fs::canonicalize(path).ok()?;
    let includes = project::includes(canonical.parent()?).ok()?;
    includes.into_iter().find(|include| fs::canonicalize(&include.path).is_ok_and(|path| path == canonical))
}

fn check(options: &Options) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for Subject { path, include } in subjects(options)? {
        let mut compiled = Compiled::read(&path)?;
        if let Some(Include { caller, arguments, .. }) = include {
            // rustc finds more of them.
            if !options.rust {
                compiled.find_misspelt(&caller);
            }
            compiled.findings.retain(|finding| {
                let wanted = arguments.surface.warnings && !arguments.allow.contains(&finding.code);
                wanted || !finding.code.is_warning()
            });
        }
        findings.extend(message::of(compiled));
    }
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    let mut others = Vec::new();
    // A workflow with an error has no Rust yet that rustc could look at.
    if options.rust && !findings.iter().any(is_error) {
        let said = rustc::check(Path::new("."), &options.cargo)?;
        findings.extend(said.findings);
        others = said.others;
    }
    for finding in &findings {
        print(&message::write(finding, options.message_format))?;
    }
    for other in &others {
        anstream::eprintln!("{}", other.rendered.trim_end());
    }
    let count = findings.len();
    if options.message_format == Format::Human && count > 0 {
        anstream::eprintln!("{count} {}", if count == 1 { "finding" } else { "findings" });
    }
    let failed = findings.iter().any(is_error) || others.iter().any(|other| other.is_error);
    if failed { Err(Failure::Found) } else { Ok(()) }
}

fn watch(options: &Options) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let now = stamps(options);
        if before.as_ref() != Some(&now) {
            before = Some(now);
            match check(options) {
                Ok(()) => anstream::eprintln!("no errors; waiting for changes"),
                Err(Failure::Found) => anstream::eprintln!("waiting for changes"),
                // A file that is being replaced is not there for a moment.
                Err(Failure::Because(reason)) => anstream::eprintln!("error: {reason}; waiting for changes"),
            }
        }
        thread::sleep(PAUSE);
    }
}

/// When each file was changed, and how long it is: editors may write twice within the resolution of the clock.
fn stamps(options: &Options) -> BTreeMap<PathBuf, Option<(SystemTime, u64)>> {
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    let subjects = subjects(options).unwrap_or_default();
    subjects.into_iter().map(|subject| (subject.path.clone(), stamp(&subject.path))).collect()
}
