//! Code actions: the helps of findings that say word for word what to write.

use std::collections::HashMap;

use lsp_types::{CodeAction, CodeActionKind, CodeActionOrCommand, TextEdit, WorkspaceEdit};
use tea_build::{
    diagnostic::Diagnostic,
    source::{FileId, Span},
};

use super::{document::Document, publish};

/// The actions for the findings that touch a range of bytes.
#[allow(clippy::mutable_key_type, reason = "the type of the protocol")]
pub(super) fn actions(document: &Document, start: usize, end: usize) -> Vec<CodeActionOrCommand> {
    let touches = |finding: &&Diagnostic| finding.span.start as usize <= end && start <= finding.span.end as usize;
    let mut actions = Vec::new();
    for finding in document.findings.iter().filter(touches) {
        for help in &finding.helps {
            let Some((span, new)) = edit(document.text(), finding, help) else { continue };
            // A help that does not help is not offered.
            if still_there(document, finding, span, &new) {
                continue;
            }
            let edit = TextEdit { range: document.range(span), new_text: new };
            actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                title: help.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![publish::diagnostic(document, finding)]),
                edit: Some(WorkspaceEdit {
                    changes: Some(HashMap::from([(document.uri.clone(), vec![edit])])),
                    ..WorkspaceEdit::default()
                }),
                ..CodeAction::default()
            }));
        }
    }
    actions
}

/// Whether the file would have the same finding afterwards.
fn still_there(document: &Document, finding: &Diagnostic, span: Span, new: &str) -> bool {
    let mut text = document.text().to_owned();
    text.replace_range(span.start as usize..span.end as usize, new);
    let after = Document::new(document.uri.clone(), document.version, text);
    after.findings.iter().any(|left| (left.code, &left.message) == (finding.code, &finding.message))
}

/// What to write where, if a help says so.
fn edit(text: &str, finding: &Diagnostic, help: &str) -> Option<(Span, String)> {
    let span = finding.span;
    let (start, end) = (span.start as usize, span.end as usize);
    let help = help.strip_prefix("or ").unwrap_or(help);
    if let Some(quoted) = help.strip_prefix("put it in quotes: ") {
        return Some((span, quoted.to_owned()));
    }
    let (what, rest) = help.split_once('`')?;
    let (new, rest) = rest.split_once('`')?;
    if new.contains('…') {
        return None;
    }
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    match what {
        "did you mean " => Some((span, new.to_owned())),
        "write " | "write it in days: " | "write a number, such as "
            if !rest.starts_with(" on ") && !rest.starts_with(" in place of ") =>
        {
            // An entry takes the place of the whole entry.
            let key = new.split_once(": ").and_then(|(key, _)| text[line..end].rfind(&format!("{key}:")));
            let start = key.map_or(start, |key| line + key);
            Some((place(span.file, start, end), new.to_owned()))
        }
        "add " if new.contains(": ") && !new.starts_with('-') => {
            let until = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
            if let Some(open) = text[..until].strip_suffix('}') {
                let at = open.trim_end().len();
                return Some((place(span.file, at, open.len()), format!(", {new} ")));
            }
            let indentation = text[line..].len() - text[line..].trim_start_matches([' ', '-']).len();
            Some((place(span.file, until, until), format!("\n{}{new}", " ".repeat(indentation))))
        }
        _ => None,
    }
}

fn place(file: FileId, start: usize, end: usize) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file, start: offset(start), end: offset(end) }
}
