//! A page with the picture. It refers to nothing outside of itself.

use tea_graph::{Drawing, Format, escaped};

const PAGE: &str = include_str!("page.html");

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    // In a script element, `</script>` and `<!--` have a meaning even within a string.
    let data = drawing.render(Format::Json).replace('<', "\\u003c");
    let mut page = String::new();
    // In one pass, so that nothing is replaced in what comes from the workflow.
    for (index, part) in PAGE.split("@@").enumerate() {
        match (index % 2, part) {
            (1, "name") => page.push_str(&escaped(drawing.name)),
            (1, "picture") => page.push_str(&drawing.render(Format::Svg)),
            (1, "data") => page.push_str(&data),
            _ => page.push_str(part),
        }
    }
    page
}
