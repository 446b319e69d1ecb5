//! Semantic tokens: the colors of the Rust in YAML, and of keys in it.

use lsp_types::{SemanticToken, SemanticTokenType};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use tea_build::{source::Span, syntax::Rust};

use super::{
    document::Document,
    occurrences::{self, Kind, Role},
};

/// The types of tokens, in the order of their numbers.
pub(super) const TYPES: &[SemanticTokenType] = &[
    SemanticTokenType::KEYWORD,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::TYPE,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::STRING,
    SemanticTokenType::NUMBER,
    SemanticTokenType::MACRO,
];
const KEYWORD: u32 = 0;
const FUNCTION: u32 = 1;
const TYPE: u32 = 2;
const VARIABLE: u32 = 3;
const PROPERTY: u32 = 4;
const STRING: u32 = 5;
const NUMBER: u32 = 6;
const MACRO: u32 = 7;

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "false", "fn", "for", "if",
    "impl", "in", "let", "loop", "match", "mod", "move", "mut", "ref", "return", "self", "static", "struct", "trait",
    "true", "type", "unsafe", "use", "where", "while",
];

/// The tokens of a file, in order.
pub(super) fn tokens(document: &Document) -> Vec<SemanticToken> {
    let Some(workflow) = &document.workflow else { return Vec::new() };
    let mut found: Vec<(Span, u32)> = Vec::new();
    workflow.visit_rust(&mut |_, rust| {
        let mut colors = Colors { rust, found: &mut found };
        colors.stream(rust.text.parse().unwrap_or_default());
    });
    // Keys, also within a string of `format!`.
    let all = occurrences::all(workflow);
    let keys = all.iter().filter(|name| name.kind == Kind::Key && name.role == Role::Reads);
    let mut keys: Vec<_> = keys.map(|name| (name.span, PROPERTY)).collect();
    keys.sort_unstable();
    let mut split = Vec::new();
    for (span, kind) in found {
        let mut start = span.start;
        let from = keys.partition_point(|(key, _)| key.start < span.start);
        let inside = keys[from..].iter().take_while(|(key, _)| key.start < span.end);
        for (key, _) in inside.filter(|(key, _)| key.end <= span.end) {
            split.push((Span { end: key.start, start, ..span }, kind));
            start = key.end;
        }
        split.push((Span { start, ..span }, kind));
    }
    split.extend(keys);
    split.retain(|(span, _)| span.start < span.end);
    split.sort_unstable();
    split.dedup_by_key(|(span, _)| span.start);
    encode(document, &split)
}

/// Each token relative to the one before it. A token over several lines becomes one for each.
fn encode(document: &Document, tokens: &[(Span, u32)]) -> Vec<SemanticToken> {
    let (mut line, mut character) = (0, 0);
    let mut encoded = Vec::new();
    for (span, token_type) in tokens {
        let mut start = span.start;
        for part in document.text()[span.start as usize..span.end as usize].split_inclusive('\n') {
            let blank = part.len() - part.trim_start().len();
            let text = part.trim();
            let at = document.position(start + u32::try_from(blank).unwrap_or(0));
            start += u32::try_from(part.len()).unwrap_or(0);
            if text.is_empty() {
                continue;
            }
            let delta_line = at.line - line;
            let delta_start = if delta_line == 0 { at.character - character } else { at.character };
            (line, character) = (at.line, at.character);
            let length = u32::try_from(text.encode_utf16().count()).unwrap_or(0);
            encoded.push(SemanticToken {
                delta_line,
                delta_start,
                length,
                token_type: *token_type,
                token_modifiers_bitset: 0,
            });
        }
    }
    encoded
}

struct Colors<'r> {
    rust: &'r Rust,
    found: &'r mut Vec<(Span, u32)>,
}

impl Colors<'_> {
    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    let kind = match tokens.peek() {
                        _ if KEYWORDS.contains(&&*word) => KEYWORD,
                        Some(TokenTree::Punct(punct)) if punct.as_char() == '!' => MACRO,
                        _ if word.starts_with(char::is_uppercase) => TYPE,
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => FUNCTION,
                        _ => VARIABLE,
                    };
                    self.add(&ident.span(), kind);
                }
                TokenTree::Literal(literal) => {
                    let is_number = literal.to_string().starts_with(|first: char| first.is_ascii_digit());
                    self.add(&literal.span(), if is_number { NUMBER } else { STRING });
                }
                TokenTree::Group(group) => self.stream(group.stream()),
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn add(&mut self, span: &proc_macro2::Span, kind: u32) {
        let range = span.byte_range();
        self.found.push((self.rust.locate(range.start, range.end), kind));
    }
}
