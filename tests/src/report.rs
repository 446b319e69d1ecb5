//! Reports of runs.

use std::{fs, path::Path};

use serde_json::Value;

/// What stands between the tags of the element with this start.
fn inside<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("no `{start}`"));
    rest.split_once(end).unwrap_or_else(|| panic!("no `{end}`")).0
}

/// The data of a report, and the whole page.
///
/// # Panics
/// If there is no report.
#[must_use]
pub fn read(path: &Path) -> (Value, String) {
    let page = fs::read_to_string(path).expect("a report");
    let data = inside(&page, r#"<script type="application/json" id="data">"#, "</script>");
    (serde_json::from_str(data).expect("JSON"), page)
}

/// The page with a script of the test that runs after its own.
///
/// # Panics
/// If it is no report.
#[must_use]
pub fn with_script(page: &str, script: &str) -> String {
    let nonce = inside(page, "<script nonce=\"", "\"");
    let whole = page.strip_suffix("</html>\n").expect("a whole page");
    format!("{whole}<script nonce=\"{nonce}\">{script}</script>\n</html>\n")
}

/// The row of the table about `kind` and `name`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn row<'a>(data: &'a Value, kind: &str, name: &str) -> &'a Value {
    let rows = data["rows"].as_array().expect("rows");
    rows.iter()
        .find(|row| row["kind"] == kind && row["name"] == name)
        .unwrap_or_else(|| panic!("no {kind} {name}: {data:#}"))
}
