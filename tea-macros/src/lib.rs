//! `include_workflow!`: a thin front of [`tea_build`].
#![forbid(unsafe_code)]

use std::path::PathBuf;

use proc_macro::{Span, TokenStream};

/// Compiles a workflow file, and puts what it gives in this place: a module named after the workflow, with `Input`,
/// `Output` and `run`, and a `fn main`.
///
/// ```ignore
/// tea_runtime::include_workflow!("flow.yaml");
/// ```
///
/// The path is relative to the calling file. Types and functions that the workflow names are those of the calling
/// module. Options follow the path:
///
/// - `module = name`: another name for the module.
/// - `main = false`: no `fn main`, for libraries, tests, and several workflows in one crate.
/// - `visibility = pub(crate)`: of the module and what is in it; private to the calling module if not given.
/// - `runtime = ::path::to::tea_runtime`: where the runtime is, if not at `::tea_runtime`.
/// - `warnings = false`: no warnings about the workflow.
#[proc_macro]
pub fn include_workflow(arguments: TokenStream) -> TokenStream {
    let caller = Span::call_site().local_file().unwrap_or_else(|| PathBuf::from("src/main.rs"));
    let text = tea_build::expand(&arguments.to_string(), &caller);
    text.parse().unwrap_or_else(|error| {
        let message = format!("include_workflow!: a defect of Tea: the generated code is no Rust ({error}):\n{text}");
        format!("::core::compile_error! {{ {message:?} }}").parse().unwrap_or_default()
    })
}
