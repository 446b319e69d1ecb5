//! What the compiler has to say: errors and warnings with places, collected and never returned early.

use crate::{
    doubt::{self, Facts},
    source::{FileId, Span},
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Code is generated all the same.
    Warning,
}

/// A stable error code; see `docs/errors.md` for the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl Code {
    /// Whether what it reports is a warning.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        self.0 >= 900
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TEA{:04}", self.0)
    }
}

/// One finding: a primary place, further labelled places, and ways out.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// One sentence, lower case, without a full stop.
    pub message: String,
    /// The exact words at fault.
    pub span: Span,
    /// The text beside the caret; may be empty.
    pub label: String,
    /// Other places that matter, each with what it is ("first written here").
    pub labels: Vec<(Span, String)>,
    /// Facts that have no place.
    pub notes: Vec<String>,
    /// Ways out; followed, each gives a file without this finding.
    pub helps: Vec<String>,
    /// What must be certain for this to be a finding.
    pub needs: Facts,
    /// What this leaves in doubt.
    pub doubts: Facts,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: String::new(),
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            needs: doubt::needed(code),
            doubts: doubt::doubted(code),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Sets the text beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// Says what this leaves in doubt, where that is not what others of its code do.
    #[must_use]
    pub fn doubts(mut self, doubts: Facts) -> Self {
        self.doubts = doubts;
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// What to write where in the `text` of `file` to follow one of the helps; `None` if it does not say so word for word, or is
    /// about another file.
    #[must_use]
    pub fn edit(&self, file: FileId, text: &str, help: &str) -> Option<(Span, String)> {
        if self.span.file != file {
            return None;
        }
        let (start, end) = (self.span.start as usize, self.span.end as usize);
        let help = help.strip_prefix("or ").unwrap_or(help);
        if let Some(quoted) = help.strip_prefix("put it in quotes: ") {
            return Some((self.span, quoted.to_owned()));
        }
        let (what, rest) = help.split_once('`')?;
        let (new, rest) = rest.split_once('`')?;
        if new.contains('…') {
            return None;
        }
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        match what {
            "did you mean " => Some((self.span, new.to_owned())),
            "write " | "write it in days: " | "write a number, such as "
                if !rest.starts_with(" on ") && !rest.starts_with(" in place of ") =>
            {
                // An entry takes the place of the whole entry.
                let key = new.split_once(": ").and_then(|(key, _)| text[line..end].rfind(&format!("{key}:")));
                Some((self.between(key.map_or(start, |key| line + key), end), new.to_owned()))
            }
            "add " if new.contains(": ") && !new.starts_with('-') => {
                let until = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
                if let Some(open) = text[..until].strip_suffix('}') {
                    return Some((self.between(open.trim_end().len(), open.len()), format!(", {new} ")));
                }
                let indentation = text[line..].len() - text[line..].trim_start_matches([' ', '-']).len();
                Some((self.between(until, until), format!("\n{}{new}", " ".repeat(indentation))))
            }
            _ => None,
        }
    }

    /// A place in the finding's file.
    fn between(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.span.file, start: offset(start), end: offset(end) }
    }
}

/// Everything found so far. Stages add to it and continue, so that one build reports everything.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        let labels = diagnostic.labels.iter_mut().map(|(_, label)| label);
        let texts = [&mut diagnostic.message, &mut diagnostic.label].into_iter().chain(labels);
        texts.chain(&mut diagnostic.notes).chain(&mut diagnostic.helps).for_each(cut);
        self.0.push(diagnostic);
    }

    /// Adds findings of another pass, those for which `keep` holds.
    pub(crate) fn append(&mut self, others: Self, keep: impl Fn(&Diagnostic) -> bool) {
        self.0.extend(others.0.into_iter().filter(keep));
    }

    /// Whether anything found so far forbids generating code.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The findings that are certain, sorted by place, each once: what an alias refers to is read at every use. Warnings only if
    /// there is no error, since many would be about what the error has hidden.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        if self.has_errors() {
            self.0.retain(|diagnostic| diagnostic.severity == Severity::Error);
        }
        let mut findings = doubt::certain(self.0);
        findings.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
        findings.dedup_by(|a, b| (a.span, a.code, &a.message) == (b.span, b.code, &b.message));
        doubt::together(findings)
    }
}

/// Cuts words that nobody wrote by hand: findings quote the file, and its lines may have a megabyte.
fn cut(text: &mut String) {
    /// Longer texts than this hold such words.
    const USUAL: usize = 1_000;
    /// Kept of each.
    const KEPT: usize = 60;
    if text.len() > USUAL {
        let words = text.split(' ').map(|word| match word.char_indices().nth(KEPT) {
            Some((end, _)) => format!("{}…", &word[..end]),
            None => word.to_owned(),
        });
        *text = words.collect::<Vec<_>>().join(" ");
    }
}
