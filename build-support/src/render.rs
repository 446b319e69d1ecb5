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
        _ = write!(text, "note: {more} more are not shown");
    }
    text.truncate(text.trim_end().len());
    text
}

fn render_one(sources: &Sources, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(printable(&diagnostic.message)).id(diagnostic.code.to_string()));
    for snippet in snippets(sources, diagnostic) {
        group = group.element(snippet);
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(printable(note)));
    let helps = diagnostic.helps.iter().map(|help| Level::HELP.message(printable(help)));
    renderer.render(&[group.elements(notes.chain(helps))])
}

/// The lines of each file that the diagnostic refers to, starting with the file of the primary position.
fn snippets<'a>(
    sources: &'a Sources,
    diagnostic: &'a Diagnostic,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut files: Vec<FileId> = vec![diagnostic.span.file];
    for (span, _) in &diagnostic.labels {
        if !files.contains(&span.file) {
            files.push(span.file);
        }
    }
    let mut snippets = Vec::new();
    for file in files {
        let source = sources.get(file);
        let marks = std::iter::once((AnnotationKind::Primary, diagnostic.span, diagnostic.label.as_str()))
            .chain(diagnostic.labels.iter().map(|(span, label)| (AnnotationKind::Context, *span, label.as_str())))
            .filter(|(_, span, _)| span.file == file);
        // Only the lines from the first to the last mark, because there may be a long file and many errors.
        let lines = marks.clone().map(|(_, span, _)| span).reduce(Span::to).map_or(0..0, |span| source.lines(span));
        let marks = marks.map(|(kind, span, label)| {
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

/// Text from the file, which may contain anything, with characters replaced that a terminal would interpret.
fn printable(text: &str) -> String {
    let lines = text.split('\n').map(annotate_snippets::normalize_untrusted_str);
    lines.collect::<Vec<_>>().join("\n")
}
