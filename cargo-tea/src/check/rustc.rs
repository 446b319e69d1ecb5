//! `cargo tea check --rust`: rustc's errors, each at its place in the workflow file.
//!
//! `include_workflow!` finds the environment variable [`tea_build::SHEETS`], and writes the user's Rust to files in which it
//! has the lines and columns of the YAML. Cargo compiles the packages of the workspace through a wrapper, which is this
//! program: so what it makes is kept apart from that of a plain `cargo check`, which does not have these files.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, ExitCode, Stdio},
    thread,
};

use serde::Deserialize;
use tea_build::{
    SHEETS,
    diagnostic::Severity,
    source::{FileId, Sources, Span},
};

use crate::{
    Failure, file,
    message::{Finding, Label},
};

/// What rustc says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// About workflow files.
    pub(crate) findings: Vec<Finding>,
    /// About other files, as rustc puts it.
    pub(crate) others: Vec<Other>,
}

/// A message that is not about a workflow file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// It is an error.
    pub(crate) is_error: bool,
    /// rustc's text.
    pub(crate) rendered: String,
}

/// Runs `cargo check` in `directory`, with these further arguments.
pub(crate) fn check(directory: &Path, arguments: &[String]) -> Result<Said, Failure> {
    let sheets = target(directory)?.join("tea/sheets");
    fs::create_dir_all(&sheets).map_err(|error| format!("cannot create `{}`: {error}", sheets.display()))?;
    let own = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut child = cargo()
        .args(["check", "--message-format=json", "--quiet"])
        .args(arguments)
        .current_dir(directory)
        .env("RUSTC_WORKSPACE_WRAPPER", own)
        .env(SHEETS, &sheets)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run `cargo check`: {error}"))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let stderr = thread::spawn(move || pass_on(stderr));
    let mut translator = Translator { sheets, files: HashMap::new(), said: Said::default() };
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Ok(Line { message: Some(message), .. }) = serde_json::from_str(&line) {
            translator.translate(message);
        }
    }
    _ = stderr.join();
    let status = child.wait().map_err(|error| format!("cannot wait for `cargo check`: {error}"))?;
    let said = translator.said;
    let has_error = said.findings.iter().any(|finding| finding.severity == Severity::Error)
        || said.others.iter().any(|other| other.is_error);
    if !status.success() && !has_error {
        return Err("`cargo check` failed".to_owned().into());
    }
    Ok(said)
}

/// Passes on what Cargo says, but for the number of errors: some of them may not be shown.
fn pass_on(stderr: ChildStderr) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let counts = line.starts_with("error: could not compile") || line.starts_with("warning: build failed");
        if !counts {
            eprintln!("{line}");
        }
    }
}

/// As the wrapper that Cargo calls in the place of rustc: runs rustc. `None` if this program was called otherwise.
pub(crate) fn wrapper() -> Option<ExitCode> {
    env::var_os(SHEETS)?;
    let mut arguments = env::args_os().skip(1);
    let rustc =
        arguments.next().filter(|program| Path::new(program).file_stem().is_some_and(|stem| stem == "rustc"))?;
    let status = Command::new(&rustc).args(arguments).status();
    Some(match status {
        Ok(status) => status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))),
        Err(error) => {
            eprintln!("error: cannot run `{}`: {error}", rustc.display());
            ExitCode::FAILURE
        }
    })
}

/// Whether the sheet has this piece of a workflow's Rust, where the workflow has it.
fn is_at_its_place(sources: &Sources, rust: Span, sheet: FileId) -> bool {
    let workflow = sources.get(rust.file);
    let is_blank = |char: char| char.is_whitespace();
    let text = &workflow.text[rust.start as usize..rust.end as usize];
    let start = rust.start + u32::try_from(text.len() - text.trim_start_matches(is_blank).len()).unwrap_or(0);
    let at = workflow.line_column(start);
    let sheet = sources.get(sheet);
    let offset = sheet.offset(at.line, at.column);
    let word =
        |text: &str| text.split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or("").to_owned();
    let (ours, theirs) = (&workflow.text[start as usize..], &sheet.text[offset as usize..]);
    sheet.line_column(offset) == at && ours.chars().next() == theirs.chars().next() && word(ours) == word(theirs)
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The target directory of the workspace of `directory`.
fn target(directory: &Path) -> Result<PathBuf, Failure> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(directory)
        .output()
        .map_err(|error| format!("cannot run `cargo metadata`: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_start_matches("error: ").trim_end().to_owned().into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cannot read what `cargo metadata` says: {error}"))?;
    Ok(metadata.target_directory)
}

/// A line of Cargo's output.
#[derive(Deserialize)]
struct Line {
    message: Option<Message>,
}

/// A message of rustc's.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "message")]
    text: String,
    code: Option<Code>,
    level: String,
    spans: Vec<Place>,
    children: Vec<Message>,
    rendered: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
}

#[derive(Debug, Deserialize)]
struct Place {
    file_name: PathBuf,
    line_start: u32,
    line_end: u32,
    column_start: u32,
    column_end: u32,
    is_primary: bool,
    label: Option<String>,
    suggested_replacement: Option<String>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Debug, Deserialize)]
struct Expansion {
    span: Place,
}

/// A workflow file that messages are about.
struct Workflow {
    sources: std::rc::Rc<Sources>,
    file: FileId,
    /// The places of its Rust.
    rust: Vec<Span>,
}

struct Translator {
    sheets: PathBuf,
    /// The workflow file of each sheet.
    files: HashMap<PathBuf, Option<Workflow>>,
    said: Said,
}

impl Translator {
    fn translate(&mut self, message: Message) {
        let is_error = message.level.starts_with("error");
        let says_nothing = message.spans.is_empty() && message.code.is_none();
        // The compiler's own findings have been shown already.
        if message.level == "failure-note" || message.text.contains("[TEA0") || says_nothing && !is_error {
            return;
        }
        if says_nothing && message.text.starts_with("aborting due to") {
            return;
        }
        match self.finding(&message) {
            Some(finding) if !self.said.findings.contains(&finding) => self.said.findings.push(finding),
            Some(_) => {}
            None => {
                let other = Other { is_error, rendered: message.rendered.unwrap_or(message.text) };
                if !self.said.others.contains(&other) {
                    self.said.others.push(other);
                }
            }
        }
    }

    /// The message as one about a workflow file. `None` if it is not about one.
    fn finding(&mut self, message: &Message) -> Option<Finding> {
        let mut labels: Vec<Label> = Vec::new();
        let mut sources = None;
        for place in &message.spans {
            if let Some((of, span)) = self.locate(place) {
                sources = Some(of);
                labels.push(Label { span, text: place.label.clone().unwrap_or_default(), primary: place.is_primary });
            }
        }
        let sources = sources?;
        if !labels.iter().any(|label| label.primary) {
            labels[0].primary = true;
        }
        // The first is the place that the message is about.
        labels.sort_by_key(|label| !label.primary);
        labels.iter_mut().skip(1).for_each(|label| label.primary = false);
        let (mut notes, mut helps) = (Vec::new(), Vec::new());
        for child in &message.children {
            let replacements: Vec<_> =
                child.spans.iter().filter_map(|place| place.suggested_replacement.as_deref()).collect();
            let replacement = match replacements[..] {
                [text] if !text.trim().is_empty() && !text.contains('\n') => format!(": `{}`", text.trim()),
                _ => String::new(),
            };
            let text = format!("{}{replacement}", child.text);
            if child.level == "help" { &mut helps } else { &mut notes }.push(text);
        }
        Some(Finding {
            severity: if message.level.starts_with("error") { Severity::Error } else { Severity::Warning },
            code: message.code.as_ref().map(|code| code.code.clone()),
            message: message.text.clone(),
            labels,
            notes,
            helps,
            sources,
        })
    }

    /// The place in a workflow file. Of what a macro expands to, that is the outermost place in Rust of the user's.
    fn locate(&mut self, place: &Place) -> Option<(std::rc::Rc<Sources>, Span)> {
        let mut fallback = None;
        let mut next = Some(place);
        while let Some(place) = next {
            next = place.expansion.as_deref().map(|expansion| &expansion.span);
            let Some(workflow) = self.workflow(&place.file_name) else { continue };
            let source = workflow.sources.get(workflow.file);
            let start = source.offset(place.line_start, place.column_start);
            let end = source.offset(place.line_end, place.column_end).max(start);
            let span = Span { file: workflow.file, start, end };
            let sources = std::rc::Rc::clone(&workflow.sources);
            if workflow.rust.iter().any(|rust| rust.start <= start && end <= rust.end) {
                return Some((sources, span));
            }
            // It begins or ends in our own text: what there is of the user's in it, or the first that follows.
            let within = workflow.rust.iter().filter(|rust| start < rust.end && rust.start < end).copied();
            let follows = workflow.rust.iter().filter(|rust| start <= rust.start).min().copied();
            if let Some(span) = within.min_by_key(|rust| rust.start).or(follows) {
                fallback = fallback.or(Some((sources, span)));
            }
        }
        fallback
    }

    /// The workflow file whose Rust is in this file.
    fn workflow(&mut self, sheet: &Path) -> Option<&Workflow> {
        if !sheet.starts_with(&self.sheets) {
            return None;
        }
        let entry = self.files.entry(sheet.to_owned()).or_insert_with(|| {
            let path = tea_build::sheet_source(sheet)?;
            let text = String::from_utf8(file::read(&path).ok()?).ok()?;
            let mut sources = Sources::default();
            let file = sources.add(crate::project::shown(&path), text);
            // A workflow has several sheets if not all pieces of its Rust have room in one.
            let sheet = sources.add(sheet, fs::read_to_string(sheet).ok()?);
            let mut rust = file::rust_places(&sources, file);
            rust.retain(|place| is_at_its_place(&sources, *place, sheet));
            Some(Workflow { sources: sources.into(), file, rust })
        });
        entry.as_ref()
    }
}
