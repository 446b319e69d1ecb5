//! Renders findings as text, in rustc's style.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::{
    diagnostic::{Diagnostic, Severity},
    source::{FileId, Sources, Span},
};

/// The maximum number of findings that are shown. More would not help anybody, and a file could have a million.
const SHOWN: usize = 100;

/// Renders the findings one after the other, each with its position, an excerpt of the file and the helps. Uses
/// terminal colors only if requested.
#[must_use]
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        text.push_str(&render_one(sources, diagnostic, &renderer));
        text.push_str("\n\n");
    }
    if let Some(more) = diagnostics.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let are = if more == 1 { "is" } else { "are" };
        _ = write!(text, "note: {more} more {are} not shown");
    }
    text.truncate(text.trim_end().len());
    text
}

fn render_one(sources: &Sources, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let labels = std::iter::once((diagnostic.span, &*diagnostic.label));
    let labels: Vec<_> = labels.chain(diagnostic.labels.iter().map(|(span, label)| (*span, &**label))).collect();
    let excerpt = Excerpt {
        severity: diagnostic.severity,
        code: Some(&diagnostic.code.to_string()),
        message: &diagnostic.message,
        labels: &labels,
        notes: &diagnostic.notes,
        helps: &diagnostic.helps,
    };
    excerpt.render_with(sources, renderer)
}

/// A finding that is not necessarily the compiler's own.
#[derive(Debug)]
pub struct Excerpt<'a> {
    /// Error or warning.
    pub severity: Severity,
    /// Its code.
    pub code: Option<&'a str>,
    /// What it is.
    pub message: &'a str,
    /// The places, each with the text under it. The first is what it is about.
    pub labels: &'a [(Span, &'a str)],
    /// Facts that have no place.
    pub notes: &'a [String],
    /// Ways out.
    pub helps: &'a [String],
}

impl Excerpt<'_> {
    /// The finding as text, with terminal colors only if requested.
    #[must_use]
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        self.render_with(sources, &renderer)
    }

    fn render_with(&self, sources: &Sources, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut title = level.primary_title(printable(self.message));
        if let Some(code) = self.code {
            title = title.id(code);
        }
        let mut group = Group::with_title(title);
        for snippet in self.snippets(sources) {
            group = group.element(snippet);
        }
        let notes = self.notes.iter().map(|note| Level::NOTE.message(printable(note)));
        let helps = self.helps.iter().map(|help| Level::HELP.message(printable(help)));
        renderer.render(&[group.elements(notes.chain(helps))])
    }

    /// The lines of each file that it refers to, starting with the file of the first place.
    fn snippets<'s>(&'s self, sources: &'s Sources) -> Vec<Snippet<'s, annotate_snippets::Annotation<'s>>> {
        let mut files: Vec<FileId> = Vec::new();
        for (span, _) in self.labels {
            if !files.contains(&span.file) {
                files.push(span.file);
            }
        }
        let mut snippets = Vec::new();
        for file in files {
            let source = sources.get(file);
            let kinds = std::iter::once(AnnotationKind::Primary).chain(std::iter::repeat(AnnotationKind::Context));
            let marks = kinds.zip(self.labels).filter(|(_, (span, _))| span.file == file);
            // Only the lines from the first to the last mark, because there may be a long file and many errors.
            let spans = marks.clone().map(|(_, (span, _))| *span);
            let lines = spans.reduce(Span::to).map_or(0..0, |span| source.lines(span));
            let marks = marks.map(|(kind, (span, label))| {
                let start = source.text.floor_char_boundary(span.start as usize).clamp(lines.start, lines.end);
                let end = source.text.floor_char_boundary(span.end as usize).clamp(start, lines.end);
                let mark = kind.span(start - lines.start..end - lines.start);
                if label.is_empty() { mark } else { mark.label(printable(label)) }
            });
            let first = source.line_column(u32::try_from(lines.start).unwrap_or(u32::MAX)).line;
            snippets.push(
                Snippet::source(&source.text[lines.clone()])
                    .line_start(first as usize)
                    .path(source.path.display().to_string())
                    .annotations(marks),
            );
        }
        snippets
    }
}

/// Text from the file, which may contain anything, with characters replaced that a terminal would interpret.
fn printable(text: &str) -> String {
    let lines = text.split('\n').map(annotate_snippets::normalize_untrusted_str);
    lines.collect::<Vec<_>>().join("\n")
}
