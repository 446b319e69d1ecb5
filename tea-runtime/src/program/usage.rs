//! Refusals and complaints outside of a run: what the caller asked for, and what became of it.

use std::process::ExitCode;

use serde_json::json;

use super::{args::Style, console::Console, input::BadInput, page::Page};
use crate::plan::Plan;

/// The exit code of wrong usage and bad input.
pub(super) const REFUSED: u8 = 2;

/// Says why nothing was run.
pub(super) fn refuse(console: &Console, style: Style, message: &str) -> ExitCode {
    match style {
        Style::Text => complain(console, style, message),
        Style::Json => console.print(&line(&json!({ "error": "usage", "message": message }))),
    }
    ExitCode::from(REFUSED)
}

/// Says which inputs cannot be used, and why.
pub(super) fn refuse_inputs(console: &Console, style: Style, plan: &Plan, bad: &[BadInput]) -> ExitCode {
    let text = match style {
        Style::Text => bad.iter().map(|bad| page(bad) + "\n").collect::<String>() + "for the inputs, try `--help`\n",
        Style::Json => line(&json!({ "error": "bad_input", "workflow": plan.name, "problems": bad })),
    };
    console.print(&text);
    ExitCode::from(REFUSED)
}

/// Says what did not work around the run.
pub(super) fn complain(console: &Console, style: Style, message: &str) {
    console.print(&match style {
        Style::Text => {
            let mut page = Page::default();
            page.headline("error", message);
            page.into_text()
        }
        Style::Json => line(&json!({ "error": "output", "message": message })),
    });
}

fn page(bad: &BadInput) -> String {
    let mut page = Page::default();
    page.headline("error", &bad.message);
    let notes = [("expected", &bad.expected), ("found", &bad.found), ("because", &bad.why), ("help", &bad.help)];
    for (label, note) in notes {
        if let Some(note) = note {
            page.note(label, note);
        }
    }
    page.into_text()
}

fn line(json: &serde_json::Value) -> String {
    format!("{json}\n")
}
