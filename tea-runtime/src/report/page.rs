//! Writes the page: one file, which loads nothing from elsewhere.
//!
//! What comes from a run is in the page as JSON, in which no `<` stands, and is put on the screen as text only. The browser is
//! told to run nothing but the page's own script, which it knows by a number that nobody could know before.

use tea_graph::{Format, escaped};

use super::facts::Facts;
use crate::{drawing::drawing, plan::Plan};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn render(facts: &Facts<'_>, plan: &'static Plan) -> String {
    let json = serde_json::to_string(facts).expect("plain data can be written as JSON");
    // In a script element, `</script>` and `<!--` have a meaning even within a string.
    let json = json.replace('<', "\\u003c");
    let picture = drawing(plan).render(Format::Svg);
    let nonce = format!("{:032x}", fastrand::u128(..));
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + json.len() + picture.len());
    // In one pass, so that nothing is replaced in what comes from the run.
    for (index, part) in PAGE.split("@@").enumerate() {
        match (index % 2, part) {
            (1, "name") => page.push_str(&escaped(plan.name)),
            (1, "nonce") => page.push_str(&nonce),
            (1, "style") => page.push_str(STYLE),
            (1, "picture") => page.push_str(&picture),
            (1, "data") => page.push_str(&json),
            (1, "script") => page.push_str(SCRIPT),
            _ => page.push_str(part),
        }
    }
    page
}
