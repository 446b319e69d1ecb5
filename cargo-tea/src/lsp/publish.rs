//! Findings as the protocol has them.

use lsp_types::{DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString};
use tea_build::diagnostic::{Diagnostic, Severity};

use super::document::Document;
use crate::message::Finding;

/// A finding of Tea's compiler.
pub(super) fn diagnostic(document: &Document, finding: &Diagnostic) -> lsp_types::Diagnostic {
    let mut message = finding.message.clone();
    if !finding.label.is_empty() {
        message = format!("{message}: {}", finding.label);
    }
    let related = |(span, label): &(_, String)| DiagnosticRelatedInformation {
        location: Location { uri: document.uri.clone(), range: document.range(*span) },
        message: label.clone(),
    };
    lsp_types::Diagnostic {
        range: document.range(finding.span),
        severity: Some(severity(finding.severity)),
        code: Some(NumberOrString::String(finding.code.to_string())),
        source: Some("tea".to_owned()),
        message: with_advice(message, &finding.notes, &finding.helps),
        related_information: Some(finding.labels.iter().map(related).collect()),
        ..lsp_types::Diagnostic::default()
    }
}

/// A finding of rustc's.
pub(super) fn of_rustc(document: &Document, finding: &Finding) -> lsp_types::Diagnostic {
    let first = &finding.labels[0];
    let mut message = finding.message.clone();
    if !first.text.is_empty() {
        message = format!("{message}: {}", first.text);
    }
    lsp_types::Diagnostic {
        range: document.range(first.span),
        severity: Some(severity(finding.severity)),
        code: finding.code.clone().map(NumberOrString::String),
        source: Some("rustc".to_owned()),
        message: with_advice(message, &finding.notes, &finding.helps),
        ..lsp_types::Diagnostic::default()
    }
}

fn with_advice(mut message: String, notes: &[String], helps: &[String]) -> String {
    for (what, texts) in [("note", notes), ("help", helps)] {
        for text in texts {
            message = format!("{message}\n{what}: {text}");
        }
    }
    message
}

fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
    }
}
