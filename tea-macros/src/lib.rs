//! `include_workflow!`, a thin wrapper around [`tea_build`].
#![forbid(unsafe_code)]

use std::path::PathBuf;

use proc_macro::{Group, Ident, Span, TokenStream, TokenTree};
use tea_build::Caller;

/// Compiles a workflow file into a module named after the workflow, with `Input`, `Output` and `run`, and a `fn main`.
///
/// ```ignore
/// tea_runtime::include_workflow!("flow.yaml");
/// ```
///
/// The path is relative to the calling file or to the package's folder, or absolute. The types and functions that the
/// workflow names are resolved in the calling module. The path can be followed by options:
///
/// - `module = name`: another name for the module.
/// - `main = false`: no `fn main`, for libraries, tests, and crates with several workflows.
/// - `visibility = pub(crate)`: the visibility of the module and its contents; the default is private to the calling
///   module.
/// - `runtime = ::path::to::tea_runtime`: the path of the runtime, if it is not `::tea_runtime`.
/// - `allow = [TEA0901]`: not the warnings with these codes.
/// - `warnings = false`: no warnings about the workflow, or about what the program leaves out of its output.
#[proc_macro]
pub fn include_workflow(arguments: TokenStream) -> TokenStream {
    let path = first(arguments.clone()).map_or_else(Span::call_site, |token| token.span());
    let caller = Caller {
        file: path.local_file().or_else(|| Span::call_site().local_file()),
        // Only what is in no macro has the first context.
        direct: format!("{path:?}").starts_with("#0 "),
        package: std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
    };
    let mut dollar_crate = None;
    let arguments = replace(arguments, &mut |name| {
        let is_dollar_crate = name.to_string() == "$crate";
        is_dollar_crate.then(|| {
            dollar_crate = Some(name.clone());
            Ident::new(DOLLAR_CRATE, name.span())
        })
    });
    let text = tea_build::expand(&arguments.to_string(), &caller);
    let tokens = text.parse().unwrap_or_else(|error| {
        let message = format!("include_workflow!: a defect of Tea: the generated code is no Rust ({error}):\n{text}");
        format!("::core::compile_error! {{ {message:?} }}").parse().unwrap_or_default()
    });
    match dollar_crate {
        None => tokens,
        Some(own) => replace(tokens, &mut |name| (name.to_string() == DOLLAR_CRATE).then(|| own.clone())),
    }
}

/// Gives the items in the attribute `items`. The compiler puts the user's Rust there.
#[proc_macro_derive(Items, attributes(items))]
pub fn items(carrier: TokenStream) -> TokenStream {
    let groups = |tokens: TokenStream| {
        tokens.into_iter().filter_map(|token| match token {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        })
    };
    placed(groups(carrier).flat_map(groups).collect())
}

/// The same at the place of the call, to rustc in the macro that is expanded.
fn placed(tokens: TokenStream) -> TokenStream {
    let tokens = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = token {
            token = Group::new(group.delimiter(), placed(group.stream())).into();
        }
        token.set_span(Span::call_site());
        token
    });
    tokens.collect()
}

/// Stands for `$crate`, which has no text that could be read again, on the way through the compiler.
const DOLLAR_CRATE: &str = "__tea_dollar_crate";

/// The first token, within groups that macros put around what they pass on.
fn first(tokens: TokenStream) -> Option<TokenTree> {
    match tokens.into_iter().next()? {
        TokenTree::Group(group) => first(group.stream()),
        token => Some(token),
    }
}

/// Replaces names, at any depth.
fn replace(tokens: TokenStream, by: &mut impl FnMut(&Ident) -> Option<Ident>) -> TokenStream {
    let tokens = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(name) => TokenTree::Ident(by(&name).unwrap_or(name)),
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), replace(group.stream(), by));
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        token => token,
    });
    tokens.collect()
}
