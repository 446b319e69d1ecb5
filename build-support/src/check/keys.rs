//! Declarations of keys and of their flags, and variables that hide them.

use std::collections::HashMap;

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, resolve},
    source::{Span, Spanned},
    syntax::{Key, Node, Output, Rust, Work},
};

/// Reports defaults that are never used, and keys that an item or index hides.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (_, key) in graph.keys.iter() {
        let name = &key.name.value;
        for (what, rust) in [("default", &key.default), ("reduce", &key.reduce)] {
            let Some(rust) = rust else { continue };
            if let Some(word) = rust.names.iter().find(|word| is_state(graph, &word.value)) {
                found.push(no_state(graph, name, what, word));
            } else if what == "default"
                && let Some(error) = bare_text(key, rust, "default")
            {
                found.push(error);
            }
        }
        if let (None, Some(default)) = (key.input, &key.default) {
            found.push(
                Diagnostic::error(
                    codes::UNUSED_DEFAULT,
                    default.span,
                    format!("`{name}` has a default but is not an input"),
                )
                .label("never used")
                .help(format!("let the caller give it: `input: true` on `{name}`"))
                .help("or remove the default, and let a node write the key"),
            );
        }
    }
    flags(graph, found);
    for node in &graph.workflow.nodes {
        let Work::Map(map) = &node.work else { continue };
        if let Some(error) = no_list(graph, node) {
            found.push(error);
        }
        let written = map.variables.iter().filter_map(|variable| variable.name.as_ref()).chain(&map.index_var);
        let hidden = written.map(|name| (name.value.as_str(), name.span));
        // The name that an item has by default hides a key only where it is used.
        let unnamed = map
            .variables
            .iter()
            .any(|variable| variable.name.is_none())
            .then(|| map.run.rust().flat_map(|rust| &rust.names).find(|name| name.value == resolve::ITEM));
        let unnamed = unnamed.flatten().map(|name| (resolve::ITEM, name.span));
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

/// The error for a map whose results go to a key that cannot be a list of them, as far as the words of its type tell.
fn no_list(graph: &Graph<'_>, node: &Node) -> Option<Diagnostic> {
    #[rustfmt::skip]
    const OTHERS: [&str; 24] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "String", "PathBuf", "Option", "VecDeque", "BTreeMap", "BTreeSet", "HashMap", "HashSet",
    ];
    let Output::One(output) = &node.output else { return None };
    let key = graph.keys.entry(graph.keys.get(&output.value)?);
    let ty = key.ty.text.trim();
    let head = ty.split('<').next().unwrap_or(ty).trim_end();
    if key.reduce.is_some() || !OTHERS.contains(&head) {
        return None;
    }
    let (name, own) = (&node.name.value, &output.value);
    let error =
        Diagnostic::error(codes::ENTRY_CONFLICT, output.span, format!("`{own}` cannot take the results of `{name}`"));
    Some(
        error
            .label("one result for each item")
            .also(key.ty.span, "not a `Vec`")
            .help(format!("make the type of `{own}` a `Vec` of what `run` gives"))
            .help(format!("or combine the results into one, with a `reduce` on `{own}`")),
    )
}

/// Whether a word means something of the state or the run in a node's Rust.
pub(super) fn is_state(graph: &Graph<'_>, word: &str) -> bool {
    resolve::is_given(word) || graph.keys.get(word).is_some()
}

/// The error for Rust that reads the state where it cannot: in the `default` or `reduce` of a key, or its value in
/// `allow_failure`.
pub(super) fn no_state(graph: &Graph<'_>, key: &str, what: &str, word: &Spanned<String>) -> Diagnostic {
    let name = &word.value;
    let in_failure = what == "allow_failure";
    let message = if in_failure {
        format!("a value in `allow_failure` cannot read `{name}`")
    } else {
        format!("a `{what}` cannot read `{name}`")
    };
    let error = Diagnostic::error(codes::NO_STATE, word.span, message);
    let error = match graph.keys.get(name) {
        Some(other) => error.label("a state key").also(graph.keys.entry(other).name.span, "declared here"),
        None => error.label("given to nodes only"),
    };
    let error = if what == "default" {
        error
            .note("defaults are made before the run starts, when there is no state yet")
            .help(format!("make `{key}` `optional: true` without a default, and work out its value in a node"))
    } else if in_failure {
        error.note("it is the same whatever the state is").help(format!(
            "leave `{key}` out and make it `optional: true`; work out its value in a node after the branch"
        ))
    } else {
        error.note("`reduce` is given the two values that it combines, and nothing else")
    };
    if graph.keys.get(name).is_none() {
        return error;
    }
    error.help(format!("if you mean a function or constant called `{name}`, write `self::{name}`"))
}

/// The error for a default or another value that is probably meant to be a text: words outside of quotes for a key that
/// holds one.
pub(super) fn bare_text(key: &Key, value: &Rust, entry: &str) -> Option<Diagnostic> {
    let text = bare_words(key, value)?;
    let what = if entry == "default" { "default" } else { "value" };
    let message = format!("the {what} of `{}` is not a string", key.name.value);
    let error = Diagnostic::error(codes::BARE_TEXT, value.span, message).label("Rust reads this as a variable");
    let error = error.note("quotes around a value are YAML's, which takes them away");
    Some(error.help(format!("write `{entry}: '\"{text}\".into()'`")))
}

fn bare_words<'r>(key: &Key, default: &'r Rust) -> Option<&'r str> {
    let ty: String = key.ty.text.split_whitespace().collect();
    let is_text = ["String", "PathBuf", "&'staticstr"].iter().any(|text| ty.ends_with(text) && !ty.contains('<'));
    let text = default.text.trim();
    let is_words = text.chars().all(|char| char.is_alphanumeric() || "_-./".contains(char));
    let starts_lower = text.starts_with(|first: char| first.is_lowercase());
    (is_text && is_words && starts_lower && !default.names.is_empty()).then_some(text)
}

/// Reports choices that mean nothing, and a default that is none of them.
fn choices(key: &Key, found: &mut Diagnostics) {
    let Some(one) = key.choices.first() else { return };
    let ty: String = key.ty.text.split_whitespace().collect();
    if ty == "bool" || ty.starts_with("Vec<") || ty.starts_with("Option<Vec<") {
        let message = format!("`choices` for a `{}`", key.ty.text.trim());
        let error = Diagnostic::error(codes::ENTRY_CONFLICT, one.span, message).label("are for single texts");
        found.push(
            error.help("remove `choices`, or make the element's type an enum: its variants are all that can be given"),
        );
    }
    for (at, choice) in key.choices.iter().enumerate() {
        let Some(first) = key.choices[..at].iter().find(|other| other.value == choice.value) else { continue };
        let message = format!("the choice `{}` is written twice", choice.value);
        let error = Diagnostic::error(codes::DUPLICATE_NAME, choice.span, message);
        found.push(error.also(first.span, "the other one").help("remove one of them"));
    }
    for choice in &key.choices {
        let Some(expected) = misfit(&ty, &choice.value) else { continue };
        let message = format!("the choice `{}` is not {expected}", choice.value);
        let error = Diagnostic::error(codes::ENTRY_CONFLICT, choice.span, message)
            .also(key.ty.span, "the type of what is chosen");
        found.push(error.help("write values of the type, or another type"));
    }
    let Some(default) = &key.default else { return };
    let text = syn::parse_str(&default.text).ok().and_then(|default| literal(&default));
    let is = |choice: &str, text: &str| match (choice.parse::<f64>(), text.parse::<f64>()) {
        (Ok(choice), Ok(text)) if is_number(&ty) => choice.total_cmp(&text).is_eq(),
        _ => choice == text,
    };
    let Some(text) = text.filter(|text| !key.choices.iter().any(|choice| is(&choice.value, text))) else { return };
    let known = key.choices.iter().map(|choice| choice.value.as_str()).collect::<Vec<_>>().join("`, `");
    found.push(
        Diagnostic::error(
            codes::ENTRY_CONFLICT,
            default.span,
            format!("the default `{text}` is not one of the choices"),
        )
        .also(one.span, "the choices")
        .help(format!("take one of `{known}`, or add `{text}` to `choices`")),
    );
}

/// Whether a type, without spaces, is a number, or may be one.
fn is_number(ty: &str) -> bool {
    let ty = within_option(ty);
    misfit(ty, "").is_some() && ty != "char"
}

fn within_option(ty: &str) -> &str {
    ty.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>')).unwrap_or(ty)
}

/// What is expected of a type, without spaces, whose values are known here, if this text is none of them.
fn misfit(ty: &str, text: &str) -> Option<String> {
    fn number<T: std::str::FromStr>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }
    let ty = within_option(ty);
    let fits = match ty {
        "u8" => number::<u8>(text),
        "u16" => number::<u16>(text),
        "u32" => number::<u32>(text),
        "u64" | "usize" => number::<u64>(text),
        "u128" => number::<u128>(text),
        "i8" => number::<i8>(text),
        "i16" => number::<i16>(text),
        "i32" => number::<i32>(text),
        "i64" | "isize" => number::<i64>(text),
        "i128" => number::<i128>(text),
        "f32" | "f64" => number::<f64>(text),
        "char" => number::<char>(text),
        _ => true,
    };
    (!fits).then(|| format!("a `{ty}`"))
}

/// The text that a default is made of: `"fast".into()`, `String::from("fast")`, `-2`.
fn literal(default: &syn::Expr) -> Option<String> {
    match default {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Char(char), .. }) => Some(char.value().to_string()),
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => Some(number.base10_digits().to_owned()),
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Float(number), .. }) => Some(number.base10_digits().to_owned()),
        syn::Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => Some(format!("-{}", literal(expr)?)),
        syn::Expr::MethodCall(call) if call.args.is_empty() => literal(&call.receiver),
        syn::Expr::Call(call) => match &*call.func {
            syn::Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "from") => {
                call.args.first().and_then(literal)
            }
            syn::Expr::Path(path) if path.path.is_ident("Some") => call.args.first().and_then(literal),
            _ => None,
        },
        _ => None,
    }
}

/// Whether every shell can set an environment variable of this name.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Letters that every program has flags of.
const BUILT_IN: &str = "hqvV";

/// Reports what the command line cannot take as it is asked for.
fn flags(graph: &Graph<'_>, found: &mut Diagnostics) {
    let mut taken: HashMap<&str, Span> = HashMap::new();
    let mut variables: HashMap<&str, Span> = HashMap::new();
    for (id, key) in graph.keys.iter() {
        let name = &key.name.value;
        let texts = [("short", &key.short), ("value_name", &key.value_name), ("env", &key.env)];
        let texts = texts.into_iter().filter_map(|(entry, text)| Some((entry, text.as_ref()?.span)));
        let entries = texts.chain(key.positional.map(|span| ("positional", span)));
        let of_choices = key.choices.first().filter(|_| key.input.is_some() || !graph.is_answer(id));
        let entries = entries.chain(of_choices.map(|choice| ("choices", choice.span)));
        if key.input.is_none() {
            for (entry, span) in entries {
                found.push(
                    Diagnostic::error(
                        codes::ENTRY_CONFLICT,
                        span,
                        format!("`{entry}` is for inputs, and `{name}` is not one"),
                    )
                    .label("never used")
                    .help(format!("let the caller give it: `input: true` on `{name}`"))
                    .help(format!("or remove `{entry}`")),
                );
            }
            continue;
        }
        if let Some(text) = key.value_name.as_ref().filter(|text| text.value.trim().is_empty()) {
            found.push(
                Diagnostic::error(codes::WRONG_SHAPE, text.span, "`value_name` is empty")
                    .help("name the value, such as `FILE`, or remove the entry"),
            );
        }
        if let Some(env) = &key.env {
            let variable = env.value.as_str();
            if !is_variable(variable) {
                found.push(
                    Diagnostic::error(
                        codes::WRONG_SHAPE,
                        env.span,
                        "`env` must be the name of an environment variable",
                    )
                    .label("letters, digits and `_`, and no digit first")
                    .help("as in `env: API_TOKEN`"),
                );
            } else if let Some(first) = variables.insert(variable, env.span) {
                found.push(
                    Diagnostic::error(
                        codes::DUPLICATE_NAME,
                        env.span,
                        format!("two inputs are read from `{variable}`"),
                    )
                    .also(first, "the other one")
                    .help("name another environment variable"),
                );
            }
        }
        choices(key, found);
        let Some(short) = &key.short else { continue };
        let (letter, span) = (short.value.as_str(), short.span);
        let error = if letter.len() != 1 || !letter.starts_with(|letter: char| letter.is_ascii_alphanumeric()) {
            Diagnostic::error(codes::WRONG_SHAPE, span, "`short` must be one letter or digit")
                .help("as in `short: k`, for `-k`")
        } else if key.positional.is_some() {
            Diagnostic::error(codes::ENTRY_CONFLICT, span, format!("`{name}` is positional and has a short flag"))
                .help("a positional input has no flag: remove one of the two entries")
        } else if BUILT_IN.contains(letter) {
            Diagnostic::error(codes::RESERVED_NAME, span, format!("every program has a flag `-{letter}` of its own"))
                .help("take another letter")
        } else if let Some(first) = taken.insert(letter, span) {
            Diagnostic::error(codes::DUPLICATE_NAME, span, format!("two inputs have the short flag `-{letter}`"))
                .also(first, "the other one")
                .help("take another letter")
        } else {
            continue;
        };
        found.push(error);
    }
}
