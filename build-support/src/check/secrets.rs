//! What is shown of a key, and what never is: `secret` and `output`.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::Graph,
    syntax::Key,
};

/// Reports secrets that would have to be shown or recorded, and `output` where something else has decided it.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (_, key) in graph.keys.iter() {
        output(key, found);
        secret(key, found);
    }
    for node in &graph.nodes {
        for write in &node.writes {
            let key = graph.keys.entry(write.key);
            let (Some(secret), Some(_)) = (key.secret, key.input) else { continue };
            let name = &key.name.value;
            found.push(
                Diagnostic::error(codes::SECRET_WRITTEN, write.span, format!("a node writes the secret `{name}`"))
                    .label("would have to be recorded")
                    .also(secret, "never recorded")
                    .help("write another key, with `transient: true` if it must not be recorded")
                    .help(format!("or remove `secret` from `{name}`")),
            );
        }
    }
}

fn output(key: &Key, found: &mut Diagnostics) {
    let Some(output) = &key.output else { return };
    let name = &key.name.value;
    let (why, span) = match (key.transient, key.secret) {
        (_, Some(secret)) => ("secret", secret),
        (Some(transient), None) => ("transient", transient),
        (None, None) => return,
    };
    let error =
        Diagnostic::error(codes::ENTRY_CONFLICT, output.span, format!("`output` on `{name}`, which is `{why}`"))
            .label("has no effect")
            .also(span, "never in the output");
    found.push(match (why, output.value) {
        ("transient", false) => error
            .help(format!("remove `transient`, if `{name}` is only to stay out of the output"))
            .help("or remove `output`"),
        ("transient", true) => error.help("remove `transient`").help("or remove `output`"),
        _ => error.help("remove `output`"),
    });
}

fn secret(key: &Key, found: &mut Diagnostics) {
    let Some(secret) = key.secret else { return };
    let name = &key.name.value;
    if key.input.is_none() {
        found.push(
            Diagnostic::error(
                codes::ENTRY_CONFLICT,
                secret,
                format!("`secret` is for inputs, and `{name}` is not one"),
            )
            .help(format!("let the caller give it: `input: true` on `{name}`"))
            .help("or write `transient: true`: it is then not in the output, and never recorded"),
        );
        return;
    }
    let texts = [("short", &key.short), ("value_name", &key.value_name)];
    let entries = texts.into_iter().filter_map(|(entry, text)| Some((entry, text.as_ref()?.span)));
    for (entry, span) in entries.chain(key.positional.map(|span| ("positional", span))) {
        found.push(
            Diagnostic::error(codes::ENTRY_CONFLICT, span, format!("`{entry}` on the secret `{name}`"))
                .label("a secret is not given on the command line")
                .also(secret, "a secret")
                .note("everyone who may list the processes of a machine can read their command lines")
                .help(format!("take `{name}` from an environment variable, with `env: NAME`, in place of `{entry}`")),
        );
    }
}
