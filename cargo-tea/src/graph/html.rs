//! A page with the picture. It refers to nothing outside of itself.

use super::{
    drawing::Drawing,
    json,
    svg::{self, escaped},
};

const PAGE: &str = include_str!("page.html");

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    // In a script element, `</script>` and `<!--` have a meaning even within a string.
    let data = json::render(drawing).replace('<', "\\u003c");
    let mut page = String::new();
    // In one pass, so that nothing is replaced in what comes from the workflow.
    for (index, part) in PAGE.split("@@").enumerate() {
        match (index % 2, part) {
            (1, "name") => page.push_str(&escaped(&drawing.plan.name.value)),
            (1, "picture") => page.push_str(&svg::render(drawing)),
            (1, "data") => page.push_str(&data),
            _ => page.push_str(part),
        }
    }
    page
}
