//! Attributes of items, as far as they say what counts.

use proc_macro2::{Delimiter, Group, TokenTree};

use super::words::{self, is_punct};

/// Attributes and derives that add no items, and whose effects can be seen in the item.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    // Attributes.
    "automatically_derived", "cfg", "cfg_attr", "cold", "default", "deprecated", "derive", "error", "from", "inline",
    "instrument", "macro_export", "macro_use", "must_use", "non_exhaustive", "path", "repr", "serde", "should_panic",
    "ignore", "source", "test", "track_caller", "target_feature", "tokio", "async_trait", "arg", "clap", "command",
    "value", "bench",
    // Derives.
    "Args", "Clone", "Copy", "Debug", "Default", "Deserialize", "Eq", "Error", "Hash", "Ord", "Parser", "PartialEq",
    "PartialOrd", "Serialize", "Subcommand", "ValueEnum",
];

/// Whether an attribute or a derive of this name is known.
pub(super) fn is_listed(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Whether all effects of an attribute can be seen in its item.
pub(super) fn is_known(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let Some(TokenTree::Ident(first)) = tokens.first() else { return false };
    let first = first.to_string();
    if words::is_cosmetic(attribute)
        || ["rustfmt", "clippy", "unsafe", "no_mangle", "export_name"].contains(&first.as_str())
    {
        return true;
    }
    if first != "derive" && first != "cfg_attr" {
        return is_listed(&first);
    }
    let Some(TokenTree::Group(list)) = tokens.get(1) else { return false };
    let list: Vec<TokenTree> = list.stream().into_iter().collect();
    let mut parts = list.split(|token| is_punct(Some(token), ','));
    if first == "cfg_attr" {
        // What it adds.
        return parts.skip(1).all(|part| match part {
            [] => true,
            part => {
                let group = Group::new(Delimiter::Bracket, part.iter().cloned().collect());
                is_known(&group)
            }
        });
    }
    parts.all(|part| match part.last() {
        None => true,
        Some(TokenTree::Ident(name)) => is_listed(&name.to_string()),
        Some(_) => false,
    })
}

/// `cfg(test)`
pub(super) fn is_for_tests(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(cfg), TokenTree::Group(group)] => cfg == "cfg" && group.stream().to_string().trim() == "test",
        [TokenTree::Ident(test)] => test == "test",
        _ => false,
    }
}

/// `#[path = "…"]`, and those that depend on conditions: `#[cfg_attr(unix, path = "…")]`
pub(super) fn paths_of(attributes: &[&Group]) -> Vec<String> {
    let of = |group: &&Group| {
        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        match tokens.as_slice() {
            [TokenTree::Ident(word), _, path] if word == "path" => {
                words::string(&path.to_string()).into_iter().collect()
            }
            [TokenTree::Ident(word), TokenTree::Group(list)] if word == "cfg_attr" => {
                let list: Vec<TokenTree> = list.stream().into_iter().collect();
                let parts = list.split(|token| is_punct(Some(token), ','));
                let groups = parts.map(|part| Group::new(Delimiter::Bracket, part.iter().cloned().collect()));
                paths_of(&groups.collect::<Vec<_>>().iter().collect::<Vec<_>>())
            }
            _ => Vec::new(),
        }
    };
    attributes.iter().flat_map(of).collect()
}
