//! Words whose meaning is known.

use proc_macro2::{Group, TokenTree};

/// Macros whose arguments are ordinary expressions, and that do nothing that cannot be seen in these.
const ORDINARY: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "cfg",
    "compile_error",
    "concat",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "env",
    "eprint",
    "eprintln",
    "error",
    "eyre",
    "file",
    "format",
    "format_args",
    "include",
    "include_bytes",
    "include_str",
    "info",
    "json",
    "line",
    "column",
    "matches",
    "module_path",
    "option_env",
    "panic",
    "print",
    "println",
    "stringify",
    "thread_local",
    "todo",
    "trace",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
    "addr_of",
    "addr_of_mut",
];

/// Whether a macro's arguments are ordinary expressions.
pub(in crate::identity) fn is_ordinary(name: &str) -> bool {
    ORDINARY.contains(&name)
}

/// Words that name nothing. Of the others, `super` and `crate` are used to tell what names mean.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[&str] = &[
    "Self", "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct",
    "trait", "true", "type", "unsafe", "use", "where", "while", "_",
];

/// Attributes that change nothing that a program computes.
const COSMETIC: &[&str] = &["allow", "deny", "doc", "expect", "forbid", "warn"];

/// Whether an attribute changes nothing that a program computes.
pub(in crate::identity) fn is_cosmetic(attribute: &Group) -> bool {
    match attribute.stream().into_iter().next() {
        Some(TokenTree::Ident(name)) => COSMETIC.iter().any(|cosmetic| name == cosmetic),
        _ => false,
    }
}
