//! Rust written inside YAML: whether it parses, and which names it uses. Types are rustc's business.

mod advice;
mod delimiters;
mod format;
mod free;
mod nesting;
mod simple;
mod tokens;

use std::ops::Range;

use proc_macro2::{LexError, TokenStream};
use syn::{
    Block, Expr, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeReference,
    parse::{Parse, Parser},
    spanned::Spanned as _,
    visit::Visit,
};

use super::{Rust, language::Piece};
use crate::{
    codes,
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::{Span, Spanned},
    yaml::{Node, Scalar, Style},
};

/// What parsing found out: names and where they are used, or what is wrong and where.
type Parsed = Result<Vec<Name>, (String, Range<usize>)>;

/// A name and its place in the Rust text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    word: String,
    place: Range<usize>,
    /// It gets a value here.
    assigned: bool,
}

/// The code for Rust that is none.
pub(super) fn code(piece: Piece) -> Code {
    match piece {
        Piece::Body | Piece::Expression => codes::BAD_EXPRESSION,
        Piece::Type => codes::BAD_TYPE,
        Piece::Function => codes::BAD_FUNCTION,
    }
}

/// Rust for where it is missing, which has been reported.
pub(super) fn nothing(place: Span) -> Rust {
    Rust { text: String::new(), span: place, map: Vec::new(), names: Vec::new(), assigned: Vec::new() }
}

/// The Rust in `scalar`. Text that does not parse is reported, and comes with the names that its words look like.
pub(super) fn parse(
    what: &str,
    scalar: &Scalar,
    node: &Node,
    piece: Piece,
    file: &str,
    diagnostics: &mut Diagnostics,
) -> Rust {
    let quotes = u32::from(matches!(scalar.style, Style::Single | Style::Double));
    let span = Span { start: node.span.start + quotes, end: node.span.end.saturating_sub(quotes), ..node.span };
    let text = scalar.text.to_string();
    let map = scalar.place_map(node, file);
    let mut rust = Rust { text, span, map, names: Vec::new(), assigned: Vec::new() };
    let names = match examine(&rust.text, piece) {
        Ok(names) => names,
        Err((message, place)) => {
            let at = rust.locate(place.start, place.end);
            let behind = file[rust.span.end as usize..].lines().next().unwrap_or("");
            let (text, style, message) = (rust.text.as_str(), scalar.style, message.as_str());
            let help = advice::Fault { what, piece, text, style, behind, message, place }.help();
            let kind = match piece {
                Piece::Body | Piece::Expression => "is not Rust",
                Piece::Type => "is not a Rust type",
                Piece::Function => "is not a Rust function",
            };
            diagnostics.push(Diagnostic::error(code(piece), at, format!("{what} {kind}: {message}")).help(help));
            let names = tokens::names_in_text(&rust.text);
            // Whoever parses it again would meet the same, be it only a stack that is too small.
            rust.text.clear();
            names
        }
    };
    for Name { word, place, assigned } in names {
        let name = Spanned::new(word, rust.locate(place.start, place.end));
        if assigned { &mut rust.assigned } else { &mut rust.names }.push(name);
    }
    rust
}

/// Parses, on a larger stack where the text asks for one.
fn examine(text: &str, piece: Piece) -> Parsed {
    let simple = match piece {
        Piece::Body => simple::body(text),
        Piece::Expression => simple::expression(text),
        Piece::Type => simple::is_type(text).then(Vec::new),
        Piece::Function => None,
    };
    if let Some(names) = simple {
        return Ok(names);
    }
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => return Err(delimiters::unbalanced(text).unwrap_or_else(|| not_a_token(&error, text))),
    };
    // Types are looked into again when code is generated, on whatever stack there is then.
    let too_deep = if piece == Piece::Type { nesting::SMALL } else { nesting::TOO_DEEP };
    match nesting::estimate(&tokens) {
        depth if depth >= too_deep => {
            Err(("this is nested too deeply, or one expression is too long".to_owned(), 0..text.len()))
        }
        0..=nesting::SMALL => examine_tokens(tokens, text, piece),
        _ => std::thread::scope(|scope| {
            let examine = || examine_tokens(text.parse().unwrap_or_default(), text, piece);
            let thread = std::thread::Builder::new().stack_size(nesting::LARGE_STACK).spawn_scoped(scope, examine);
            let parsed = thread.ok().and_then(|thread| thread.join().ok());
            parsed.unwrap_or_else(|| Err(("no memory to parse this".to_owned(), 0..text.len())))
        }),
    }
}

fn examine_tokens(tokens: TokenStream, text: &str, piece: Piece) -> Parsed {
    fn parsed<T>(
        parser: impl Parser<Output = T>,
        tokens: TokenStream,
        text: &str,
    ) -> Result<T, (String, Range<usize>)> {
        parser.parse2(tokens).map_err(|error| place_of(&error, text))
    }
    match piece {
        Piece::Body => Ok(free::names_of_body(&parsed(Block::parse_within, tokens, text)?, text)),
        Piece::Expression => Ok(free::names_of(&parsed(Expr::parse, tokens, text)?, text)),
        Piece::Type => {
            let mut borrowed = Borrowed(None);
            borrowed.visit_type(&parsed(Type::parse, tokens, text)?);
            borrowed.0.map_or(Ok(Vec::new()), |place| {
                Err(("a reference has no owner here, and a state key owns its value".to_owned(), place))
            })
        }
        Piece::Function => {
            let function = parsed(Expr::parse, tokens, text)?;
            if let Expr::Path(_) | Expr::Closure(_) = function {
                Ok(free::names_of(&function, text))
            } else {
                Err(("this is neither a path to a function nor a closure".to_owned(), 0..text.trim_end().len()))
            }
        }
    }
}

/// The first reference in a type that does not say how long it lives. Those that functions take do not matter.
struct Borrowed(Option<Range<usize>>);

impl<'ast> Visit<'ast> for Borrowed {
    fn visit_type_reference(&mut self, ty: &'ast TypeReference) {
        if ty.lifetime.is_none() {
            let start = ty.and_token.span.byte_range().start;
            let end = ty.elem.span().byte_range().end;
            self.0.get_or_insert(start..end.max(start + 1));
        }
    }
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast ParenthesizedGenericArguments) {}
}

/// What syn says, and where. Where very much could stand, the list of it is no help. At the end of the text it has no place of its own.
fn place_of(error: &syn::Error, text: &str) -> (String, Range<usize>) {
    let mut place = error.span().byte_range();
    if place.is_empty() {
        let end = text.trim_end().len();
        place = end..end;
    }
    let mut message = error.to_string().replace("unexpected token, ", "");
    if message == "unexpected token" {
        "this cannot stand here".clone_into(&mut message);
    }
    if let Some(list) = message.find("expected one of: ")
        && message.matches(", ").count() > 4
    {
        message.truncate(list);
        message.push_str(if text[place.start..].trim().is_empty() {
            "expected more"
        } else {
            "this cannot stand here"
        });
    }
    (message, place)
}

fn not_a_token(error: &LexError, text: &str) -> (String, Range<usize>) {
    let start = error.span().byte_range().start.min(text.len());
    let start = if text[start..].trim().is_empty() { text.trim_end().len() } else { start };
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    ("no Rust token starts like this".to_owned(), start..end)
}
