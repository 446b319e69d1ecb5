//! Findings as text: for people, for programs, and for GitHub Actions.

use std::{fmt::Write as _, rc::Rc};

use clap::ValueEnum;
use serde_json::{Value, json};
use tea_build::{
    diagnostic::{Diagnostic, Severity},
    render,
    source::{Sources, Span},
};

use crate::file::Compiled;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// With an excerpt of the file.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
    /// Workflow commands of GitHub Actions, which become annotations.
    Github,
}

/// A finding, of Tea's compiler or of rustc.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// `TEA0301`, or `E0308`.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    /// The places; the first is what it is about.
    pub(crate) labels: Vec<Label>,
    pub(crate) notes: Vec<String>,
    pub(crate) helps: Vec<String>,
    /// What the places are in.
    pub(crate) sources: Rc<Sources>,
}

/// A place, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) span: Span,
    pub(crate) text: String,
    pub(crate) primary: bool,
}

impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        let path = |finding: &Self| finding.sources.get(finding.labels[0].span.file).path.clone();
        (path(self), &self.code, &self.message, &self.labels)
            == (path(other), &other.code, &other.message, &other.labels)
    }
}

impl Finding {
    /// A finding of Tea's compiler.
    fn new(sources: &Rc<Sources>, diagnostic: &Diagnostic) -> Self {
        let first = Label { span: diagnostic.span, text: diagnostic.label.clone(), primary: true };
        let more =
            diagnostic.labels.iter().map(|(span, text)| Label { span: *span, text: text.clone(), primary: false });
        Self {
            severity: diagnostic.severity,
            code: Some(diagnostic.code.to_string()),
            message: diagnostic.message.clone(),
            labels: std::iter::once(first).chain(more).collect(),
            notes: diagnostic.notes.clone(),
            helps: diagnostic.helps.clone(),
            sources: Rc::clone(sources),
        }
    }
}

/// The findings of Tea's compiler about a file.
pub(crate) fn of(compiled: Compiled) -> Vec<Finding> {
    let sources = Rc::new(compiled.sources);
    compiled.findings.iter().map(|diagnostic| Finding::new(&sources, diagnostic)).collect()
}

/// A finding as text.
pub(crate) fn write(finding: &Finding, format: Format) -> String {
    match format {
        Format::Human => {
            let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
            render(finding, color) + "\n\n"
        }
        Format::Json => format!("{}\n", to_json(finding)),
        Format::Github => to_github(finding),
    }
}

/// With an excerpt of the file.
fn render(finding: &Finding, color: bool) -> String {
    let labels: Vec<_> = finding.labels.iter().map(|label| (label.span, &*label.text)).collect();
    let excerpt = render::Excerpt {
        severity: finding.severity,
        code: finding.code.as_deref(),
        message: &finding.message,
        labels: &labels,
        notes: &finding.notes,
        helps: &finding.helps,
    };
    excerpt.render(&finding.sources, color)
}

/// The word for a severity.
pub(crate) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn to_json(finding: &Finding) -> Value {
    let spans: Vec<_> = finding.labels.iter().map(|label| span_json(&finding.sources, label)).collect();
    json!({
        "severity": level(finding.severity),
        "code": finding.code,
        "message": finding.message,
        "spans": spans,
        "notes": finding.notes,
        "helps": finding.helps,
    })
}

fn span_json(sources: &Sources, label: &Label) -> Value {
    let Label { span, text, primary } = label;
    let source = sources.get(span.file);
    let (start, end) = (source.line_column(span.start), source.line_column(span.end));
    json!({
        "file": source.path.display().to_string(),
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "byte_start": span.start,
        "byte_end": span.end,
        "label": (!text.is_empty()).then_some(text),
        "primary": primary,
    })
}

fn to_github(finding: &Finding) -> String {
    let span = finding.labels[0].span;
    let source = finding.sources.get(span.file);
    let (start, end) = (source.line_column(span.start), source.line_column(span.end));
    let mut text = finding.message.clone();
    for note in &finding.notes {
        _ = write!(text, "\nnote: {note}");
    }
    for help in &finding.helps {
        _ = write!(text, "\nhelp: {help}");
    }
    format!(
        "::{} file={},line={},col={},endLine={},endColumn={},title={}::{}\n",
        level(finding.severity),
        property(&source.path.display().to_string()),
        start.line,
        start.column,
        end.line,
        end.column,
        property(finding.code.as_deref().unwrap_or("rustc")),
        data(&text)
    )
}

/// Text of a workflow command, escaped as its runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for what is before the `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
