//! `include_workflow!`, a thin wrapper around [`tea_build`].
#![forbid(unsafe_code)]

use std::path::PathBuf;

use proc_macro::{Span, TokenStream};

/// Compiles a workflow file into a module named after the workflow, with `Input`, `Output` and `run`, and a `fn main`.
///
/// ```ignore
/// tea_runtime::include_workflow!("flow.yaml");
/// ```
///
/// The path is relative to the calling file. The types and functions that the workflow names are resolved in the
/// calling module. The path can be followed by options:
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
    let caller = Span::call_site().local_file().unwrap_or_else(|| PathBuf::from("src/main.rs"));
    let text = tea_build::expand(&arguments.to_string(), &caller);
    text.parse().unwrap_or_else(|error| {
        let message = format!("include_workflow!: a defect of Tea: the generated code is no Rust ({error}):\n{text}");
        format!("::core::compile_error! {{ {message:?} }}").parse().unwrap_or_default()
    })
}
