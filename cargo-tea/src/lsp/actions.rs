//! Code actions: the helps of findings that say word for word what to write.

use std::collections::HashMap;

use lsp_types::{CodeAction, CodeActionKind, CodeActionOrCommand, TextEdit, WorkspaceEdit};
use tea_build::{diagnostic::Diagnostic, source::Span};

use super::{document::Document, publish};

/// The actions for the findings that touch a range of bytes.
#[allow(clippy::mutable_key_type, reason = "the type of the protocol")]
pub(super) fn actions(document: &Document, start: usize, end: usize) -> Vec<CodeActionOrCommand> {
    let touches = |finding: &&Diagnostic| {
        let Span { file, start: first, end: last } = finding.span;
        file == document.file && first as usize <= end && start <= last as usize
    };
    let mut actions = Vec::new();
    for finding in document.findings.iter().filter(touches) {
        for help in &finding.helps {
            let Some((span, new)) = finding.edit(document.file, document.text(), help) else { continue };
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
