//! What may be a name: it has to be valid in Rust, and must not be one of Tea's own.

use unicode_normalization::UnicodeNormalization;

use crate::{codes, diagnostic::Diagnostic, doubt::Facts, source::Spanned};

/// What the name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The workflow: `-` is allowed, a module is named after it.
    Workflow,
    /// A node: `-` is allowed, a function is named after it.
    Node,
    /// A state key: a variable in the user's Rust.
    Key,
    /// A map's item or index: a variable in the user's Rust.
    Variable,
}

impl Role {
    fn what(self) -> &'static str {
        match self {
            Self::Workflow => "a workflow's name",
            Self::Node => "a node's name",
            Self::Key => "a state key",
            Self::Variable => "a variable",
        }
    }

    /// What a wrong name leaves in doubt.
    fn named(self) -> Facts {
        match self {
            Self::Workflow => Facts::ENTRIES,
            Self::Variable => Facts::NONE,
            Self::Node => Facts::NODES.and(Facts::ORDER).and(Facts::REACH),
            Self::Key => Facts::KEYS,
        }
    }

    fn takes_dashes(self) -> bool {
        matches!(self, Self::Workflow | Self::Node)
    }
}

/// Names that mean something else.
const RESERVED: &[&str] = &["ctx", "parallel_results"];

/// Crates that every program has, and that its code and ours name.
const CRATES: &[&str] = &["std", "core", "alloc", "tea_runtime"];

/// What is wrong with the name, if anything is.
pub(super) fn check(name: &Spanned<String>, role: Role) -> Option<Diagnostic> {
    let text = name.value.as_str();
    if RESERVED.contains(&text) || text.starts_with("__") {
        let message = format!("`{text}` is reserved");
        let help = if text.starts_with("__") {
            "names that start with `__` are Tea's own: choose another one"
        } else {
            "it has another meaning in a node's Rust: choose another name"
        };
        return Some(Diagnostic::error(codes::RESERVED_NAME, name.span, message).doubts(role.named()).help(help));
    }
    let rust = rust_name(text, role);
    if role == Role::Workflow && CRATES.contains(&rust.as_str()) {
        let message = format!("a workflow cannot be called `{text}`");
        let error = Diagnostic::error(codes::RESERVED_NAME, name.span, message);
        return Some(
            error
                .label(format!("its module would hide the crate `{rust}`"))
                .help(format!("choose another name, such as `{text}-flow`")),
        );
    }
    if is_identifier(&rust) {
        let first = rust.chars().next().filter(|char| char.is_uppercase());
        let first = first.filter(|_| matches!(role, Role::Key | Role::Variable))?;
        // In a pattern such a word may mean a constant or a struct of the caller's.
        let message = format!("`{text}` cannot be {}", role.what());
        let lower: String = first.to_lowercase().chain(rust.chars().skip(1)).collect();
        let usable = if rust == rust.to_uppercase() { rust.to_lowercase() } else { lower };
        let usable = if is_identifier(&usable) { usable } else { format!("{usable}_") };
        return Some(
            Diagnostic::error(codes::BAD_NAME, name.span, message)
                .label("starts with an upper-case letter, as constants and types do")
                .help(format!("variables start with a lower-case letter or `_`: such as `{usable}`")),
        );
    }
    let message = format!("`{text}` cannot be {}", role.what());
    let error = Diagnostic::error(codes::BAD_NAME, name.span, message).doubts(role.named());
    Some(if is_keyword(&rust) {
        error.label("a keyword of Rust").help(format!("choose another name, such as `{text}_`"))
    } else {
        let use_these = if role.takes_dashes() {
            "use letters, digits, `_` and `-`, a letter first"
        } else {
            "use letters, digits and `_`, a letter first"
        };
        let usable = rust.replace(|char: char| !char.is_alphanumeric(), "_");
        let usable = usable.trim_matches('_');
        if usable.len() < 100 && is_identifier(usable) {
            error.help(format!("{use_these}: such as `{usable}`"))
        } else {
            error.help(use_these)
        }
    })
}

/// A name as rustc compares it: a letter with its accents may be written in several ways, which look the same.
pub(crate) fn normal(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { name.nfc().collect() }
}

/// The Rust identifier that is made from a name.
pub(super) fn rust_name(name: &str, role: Role) -> String {
    if role.takes_dashes() { name.replace('-', "_") } else { name.to_owned() }
}

/// Whether `text` is a plain identifier of Rust, and no keyword.
pub(crate) fn is_identifier(text: &str) -> bool {
    let ascii = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit());
    if text.is_ascii() {
        return ascii && !matches!(text, "" | "_") && !is_keyword(text);
    }
    // syn ignores a comment that follows a word.
    let is_word = text.chars().all(|char| char == '_' || char.is_alphanumeric());
    text.len() < 1000 && is_word && syn::parse_str::<syn::Ident>(text).is_ok()
}

/// Strict and reserved keywords of all editions.
pub(super) fn is_keyword(text: &str) -> bool {
    #[rustfmt::skip]
    const KEYWORDS: &[&str] = &[
        "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
        "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
        "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield",
    ];
    KEYWORDS.binary_search(&text).is_ok()
}
