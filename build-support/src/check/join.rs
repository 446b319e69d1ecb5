//! `join`: fan-outs of which some branches are enough.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, Region},
    source::Spanned,
};

/// Reports each `join` that has no meaning.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (region, doubtful) in graph.regions.iter().zip(&graph.doubtful) {
        let Some(join) = region.join.as_ref().filter(|_| !doubtful) else { continue };
        if let Some(error) = contradicted(region, join).or_else(|| bad(graph, region, join)) {
            found.push(error);
        }
    }
}

fn bad(graph: &Graph<'_>, region: &Region<'_>, join: &Spanned<u32>) -> Option<Diagnostic> {
    if let Some(task) = region.tasks.iter().find(|task| !task.needs.is_empty()) {
        let before = graph.name(region.tasks[task.needs[0] as usize].head);
        let error =
            Diagnostic::error(codes::BAD_JOIN, join.span, "`join` in a fan-out whose branches lead to one another");
        let error = error.label("cannot tell which of them are enough");
        let error = error.also(task.span, format!("starts when `{before}` is done"));
        return Some(
            error.help("let each branch lead to the fan-in, without any other branch").help("or remove `join`"),
        );
    }
    let count = region.tasks.len();
    if (join.value as usize) < count {
        return None;
    }
    let more = if join.value as usize == count { "all of its branches" } else { "more branches than it has" };
    let message = format!("this fan-out waits for {more}");
    let error = Diagnostic::error(codes::BAD_JOIN, join.span, message);
    let branches = if count == 1 { "1 branch".to_owned() } else { format!("{count} branches") };
    Some(
        error
            .label(format!("it has {branches}"))
            .help("remove `join`: a fan-out waits for all of its branches")
            .help("or write fewer, such as `first`: the others are then cancelled"),
    )
}

/// What a failure does is up to `join`.
fn contradicted(region: &Region<'_>, join: &Spanned<u32>) -> Option<Diagnostic> {
    let allowed = region.tasks.iter().filter_map(|task| task.settings.allow_failure.as_ref());
    let mut written = allowed.map(|setting| ("allow_failure", setting));
    let fast = region.settings.fail_fast.as_ref().map(|setting| ("fail_fast", setting));
    let (name, setting) = fast.filter(|(_, fast)| fast.value).or_else(|| written.find(|(_, allow)| allow.value))?;
    let message = format!("`join` and `{name}` contradict each other");
    let error = Diagnostic::error(codes::SETTING_CONFLICT, join.span, message)
        .label("branches may fail, as long as so many succeed")
        .also(setting.span, "also says what a failure does");
    Some(if name == "fail_fast" {
        error.help("write `fail_fast: false` on the edge")
    } else {
        error.help("write `allow_failure: false` on the edge, or remove `allow_failure`").help(
            "for values where too few succeed, put the fan-out into a `workflow` of a node that has `allow_failure`",
        )
    })
}
