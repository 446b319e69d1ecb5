//! Declarations of keys, and variables that hide them.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, names},
    syntax::Work,
};

/// Reports defaults that are never used, and keys that an item or index hides.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (_, key) in graph.keys.iter() {
        if let (None, Some(default)) = (key.input, &key.default) {
            let name = &key.name.value;
            found.push(
                Diagnostic::error(
                    codes::UNUSED_DEFAULT,
                    default.span,
                    format!("`{name}` has a default but is no input"),
                )
                .label("never used")
                .help(format!("let the caller give it: `input: true` on `{name}`"))
                .help("or remove the default, and let a node write the key"),
            );
        }
    }
    for node in &graph.workflow.nodes {
        let Work::Map(map) = &node.work else { continue };
        let written = [&map.item_var, &map.index_var].into_iter().flatten();
        let hidden = written.map(|name| (name.value.as_str(), name.span));
        // The name that an item has by default hides a key only where it is used.
        let unnamed = map.item_var.is_none().then(|| map.run.names.iter().find(|name| name.value == names::ITEM));
        let unnamed = unnamed.flatten().map(|name| (names::ITEM, name.span));
        for (name, span) in hidden.chain(unnamed) {
            let Some(key) = graph.keys.get(name) else { continue };
            found.push(
                Diagnostic::error(codes::HIDDEN_KEY, span, format!("`{name}` is a variable here, and a state key"))
                    .label("hides the key")
                    .also(graph.keys.entry(key).name.span, "the key")
                    .help("give the variable another name, with `item_var` or `index_var`"),
            );
        }
    }
}
