//! Rust written inside YAML: whether it parses, and which names it uses. Types are rustc's business.

mod advice;
mod delimiters;
mod foreign;
mod format;
mod free;
mod nesting;
mod returns;
mod simple;
mod tokens;
mod written;

use std::ops::Range;

use proc_macro2::{LexError, TokenStream};
use syn::{
    Block, Expr, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeReference,
    parse::{Parse, Parser},
    spanned::Spanned as _,
    visit::Visit,
};

pub(super) use self::format::{faults, format_string};
pub use self::written::Rust;
use super::language::Piece;
use crate::{
    codes,
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::{Span, Spanned},
    yaml::{Scalar, Style, Tree},
};

/// What parsing found out, or what is wrong and where.
type Parsed = Result<Found, (String, Range<usize>)>;

/// What there is in a piece of Rust.
#[derive(Default)]
struct Found {
    /// Names and where they are used.
    names: Vec<Name>,
    /// Ways out that rustc would refuse.
    wrong_returns: Vec<returns::Wrong>,
}

impl Found {
    fn names(names: Vec<Name>) -> Self {
        Self { names, wrong_returns: Vec::new() }
    }
}

/// A name and its place in the Rust text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    word: String,
    place: Range<usize>,
    /// It gets a value here.
    assigned: bool,
}

/// The code for text that is not Rust.
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
    node: &Tree,
    piece: Piece,
    file: &str,
    diagnostics: &mut Diagnostics,
) -> Rust {
    let quotes = u32::from(matches!(scalar.style, Style::Single | Style::Double));
    let span = Span { start: node.span.start + quotes, end: node.span.end.saturating_sub(quotes), ..node.span };
    let text = scalar.text.to_string();
    let map = scalar.place_map(node, file);
    let mut rust = Rust { text, span, map, names: Vec::new(), assigned: Vec::new() };
    let mut joined = false;
    while let Some(comment) = joined_comment(&rust, scalar.style, file) {
        // The others are gone with this one.
        if !std::mem::replace(&mut joined, true) {
            let place = rust.locate(comment.start, comment.start + 2);
            diagnostics.push(
                Diagnostic::error(code(piece), place, "this comment includes the lines that follow")
                    .label("YAML joins these lines to one")
                    .help("write them below a `|`, which keeps them apart")
                    .help("or write the comment as `/* … */`"),
            );
        }
        // What was meant, for the checks.
        rust.text.replace_range(comment.clone(), &" ".repeat(comment.len()));
    }
    if piece == Piece::Type
        && let Some(foreign) = foreign::find(&rust.text)
    {
        let place = rust.locate(0, rust.text.trim_end().len());
        diagnostics.push(foreign.error(what, place));
        rust.text.clear();
        return rust;
    }
    let found = match examine(&rust.text, piece) {
        Ok(found) => found,
        Err(_) if joined => Found::names(tokens::names_in_text(&rust.text)),
        Err((message, place)) => {
            let at = rust.locate(place.start, place.end);
            let after = file[rust.span.end as usize..].lines().next().unwrap_or("");
            let (text, style, message) = (rust.text.as_str(), scalar.style, message.as_str());
            let help = advice::Fault { what, piece, text, style, after, message, place }.help();
            let kind = match piece {
                Piece::Body | Piece::Expression => "is not Rust",
                Piece::Type => "is not a Rust type",
                Piece::Function => "is not a Rust function",
            };
            diagnostics.push(Diagnostic::error(code(piece), at, format!("{what} {kind}: {message}")).help(help));
            let names = tokens::names_in_text(&rust.text);
            // Parsing it again would fail again, if only because the stack is too small.
            rust.text.clear();
            Found::names(names)
        }
    };
    // A default is made by a function of its own.
    if what != "`default`" {
        found.wrong_returns.into_iter().for_each(|wrong| diagnostics.push(wrong_return(&rust, wrong)));
    }
    for Name { word, place, assigned } in found.names {
        let name = Spanned::new(word, rust.locate(place.start, place.end));
        if assigned { &mut rust.assigned } else { &mut rust.names }.push(name);
    }
    rust
}

/// A `//` comment that has the following lines of the file in it, since YAML joins them; as far as its own line goes.
fn joined_comment(rust: &Rust, style: Style, file: &str) -> Option<Range<usize>> {
    if style == Style::Literal
        || !rust.text.contains("//")
        || !file[rust.span.start as usize..rust.span.end as usize].contains('\n')
    {
        return None;
    }
    delimiters::line_comments(&rust.text).find_map(|comment| {
        let start = rust.locate(comment.start, comment.start).start as usize;
        let line = start + file[start..].find('\n').unwrap_or(file.len() - start);
        let end = rust.text[comment.clone()]
            .char_indices()
            .map(|(at, _)| comment.start + at)
            .find(|at| rust.locate(*at, *at).start as usize > line)?;
        Some(comment.start..end)
    })
}

fn wrong_return(rust: &Rust, wrong: returns::Wrong) -> Diagnostic {
    let at = |place: &Range<usize>| rust.locate(place.start, place.end);
    match wrong {
        returns::Wrong::Value(place) => {
            let value = rust.text.get(place.clone()).filter(|text| *text != "return").unwrap_or("()");
            let error = Diagnostic::error(codes::BAD_RETURN, at(&place), "`return` must give a `Result` here");
            let error = error.label("not a `Result`");
            let error = if value.contains('\n') { error } else { error.help(format!("write `return Ok({value})`")) };
            error.help("or let the value be the last expression, without `return`")
        }
        returns::Wrong::Macro(place, name) => {
            let crate_name = name.split("::").next().unwrap_or_default();
            let message = format!("`{name}!` returns an error that is not converted");
            let new = if crate_name == "anyhow" { "anyhow" } else { "eyre" };
            Diagnostic::error(codes::BAD_RETURN, at(&place), message)
                .label("returns from the node as it is")
                .help(format!("write `Err({crate_name}::{new}!(…))?`, since `?` converts every error"))
        }
    }
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
        return Ok(Found::names(names));
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
        Piece::Body => {
            let body = parsed(Block::parse_within, tokens, text)?;
            let names = free::names_of_body(&body, text);
            Ok(Found { wrong_returns: returns::wrong(&body, &names), names })
        }
        Piece::Expression => {
            let expr = parsed(Expr::parse, tokens, text)?;
            let names = free::names_of(&expr, text);
            Ok(Found { wrong_returns: returns::wrong_in(&expr, &names), names })
        }
        Piece::Type => {
            let mut borrowed = Borrowed(None);
            borrowed.visit_type(&parsed(Type::parse, tokens, text)?);
            borrowed.0.map_or(Ok(Found::default()), |place| {
                Err(("a reference has no owner here, and a state key owns its value".to_owned(), place))
            })
        }
        Piece::Function => {
            let function = parsed(Expr::parse, tokens, text)?;
            if let Expr::Path(_) | Expr::Closure(_) = function {
                Ok(Found::names(free::names_of(&function, text)))
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

/// What syn says, and where. A long list of what could be written is no help. At the end of the text, syn gives no place.
fn place_of(error: &syn::Error, text: &str) -> (String, Range<usize>) {
    let mut place = error.span().byte_range();
    if place.is_empty() {
        let end = text.trim_end().len();
        place = end..end;
    }
    let mut message = error.to_string().replace("unexpected token, ", "");
    if message == "unexpected token" {
        "this is not allowed here".clone_into(&mut message);
    }
    if let Some(list) = message.find("expected one of: ")
        && message.matches(", ").count() > 4
    {
        message.truncate(list);
        message.push_str(if text[place.start..].trim().is_empty() {
            "expected more"
        } else {
            "this is not allowed here"
        });
    }
    (message, place)
}

fn not_a_token(error: &LexError, text: &str) -> (String, Range<usize>) {
    let start = error.span().byte_range().start.min(text.len());
    let start = if text[start..].trim().is_empty() { text.trim_end().len() } else { start };
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    ("this is not the start of a Rust token".to_owned(), start..end)
}
