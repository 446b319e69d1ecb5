//! `include_workflow!`: turns the arguments of the macro into the Rust that replaces it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    LitBool, LitStr, Token, bracketed,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{
    codes,
    diagnostic::{Code, Diagnostic, Diagnostics, Severity},
    generate::{self, Surface, join},
    render::render,
    script,
    source::Sources,
    stub, syntax,
};

/// The arguments of `include_workflow!`.
#[derive(Debug)]
struct Arguments {
    path: String,
    surface: Surface,
    /// Warnings that are not wanted.
    allow: Vec<Code>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let path: LitStr = input.parse()?;
        let mut arguments = Self { path: path.value(), surface: Surface::default(), allow: Vec::new() };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: syn::Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let surface = &mut arguments.surface;
            match option.to_string().as_str() {
                "module" => surface.module = Some(input.parse::<syn::Ident>()?.to_string()),
                "main" => surface.main = input.parse::<LitBool>()?.value,
                "runtime" => surface.runtime = words(&input.call(syn::Path::parse_mod_style)?),
                "visibility" => surface.visibility = words(&input.parse::<syn::Visibility>()?),
                "warnings" => surface.warnings = input.parse::<LitBool>()?.value,
                "allow" => arguments.allow = allowed(input)?,
                other => {
                    return Err(input.error(format!(
                        "unknown option `{other}`; the options are `allow`, `main`, `module`, `runtime`, `visibility` and \
                         `warnings`"
                    )));
                }
            }
        }
        Ok(arguments)
    }
}

/// A list of codes of warnings.
fn allowed(input: ParseStream<'_>) -> syn::Result<Vec<Code>> {
    let list;
    bracketed!(list in input);
    let code = |name: syn::Ident| {
        let name = name.to_string();
        match codes::ALL.iter().find(|entry| entry.code.to_string() == name) {
            Some(entry) if entry.code.is_warning() => Ok(entry.code),
            Some(_) => Err(input.error(format!("`{name}` is an error, and only warnings can be allowed"))),
            None => Err(input.error(format!("there is no warning `{name}`"))),
        }
    };
    Punctuated::<syn::Ident, Token![,]>::parse_terminated(&list)?.into_iter().map(code).collect()
}

fn words(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// The Rust that replaces `include_workflow!(arguments)` in the file `caller`.
///
/// This never fails. Errors are `compile_error!`s in the text, next to items that prevent further errors in the
/// caller's own code.
#[must_use]
pub fn expand(arguments: &str, caller: &Path) -> String {
    // This is not part of the compiler's own token stream: see `syntax::parse`.
    proc_macro2::fallback::force();
    let arguments: Arguments = match syn::parse_str(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return error_text(&format!("include_workflow!: {error}")),
    };
    let path = caller.parent().unwrap_or(Path::new("")).join(&arguments.path);
    let mut text = match fs::read(&path) {
        // The path is absolute, because `include_bytes!` would resolve a relative one from the calling file.
        Ok(bytes) => workflow(&path, &bytes, &arguments),
        Err(error) => {
            let message = format!("include_workflow!: cannot read `{}`: {error}", path.display());
            return error_text(&message) + &stub::write(None, &arguments.surface);
        }
    };
    if let Ok(absolute) = std::path::absolute(&path) {
        let absolute = absolute.display().to_string();
        let _ = writeln!(text, "const _: &[u8] = ::core::include_bytes!({absolute:?});");
    }
    text
}

fn workflow(path: &Path, bytes: &[u8], arguments: &Arguments) -> String {
    let surface = &arguments.surface;
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add_bytes(path, bytes.to_vec(), &mut found);
    let plan = file.and_then(|file| crate::plan(&sources, file, &mut found));
    let (errors, mut warnings): (Vec<_>, Vec<_>) =
        found.into_sorted().into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    let mut text = if let Some(plan) = plan {
        let generated = generate::generate(&plan, surface, &sources);
        match script::find(path, bytes) {
            Some(_) if surface.module.is_some() => error_text(
                "include_workflow!: `module` cannot rename what a build script has compiled: change the workflow's `name`, \
                 or compile it without the build script",
            ),
            Some(sheets) => generated.with_pieces(
                sheets
                    .iter()
                    .map(|(macros, sheet)| format!("{macros}\n::core::include!({:?})", sheet.display().to_string())),
            ),
            None => generated.items(),
        }
    } else {
        let workflow = file.and_then(|file| syntax::parse(&sources, file, &mut Diagnostics::default()));
        error_texts(&sources, &errors) + &stub::write(workflow.as_ref(), surface)
    };
    if surface.warnings {
        warnings.retain(|warning| !arguments.allow.contains(&warning.code));
        text += &warning_texts(&sources, &warnings);
    }
    text
}

fn error_texts(sources: &Sources, errors: &[Diagnostic]) -> String {
    join(errors, "", |error| error_text(&message(sources, error)))
}

fn error_text(message: &str) -> String {
    format!("::core::compile_error! {{ {message:?} }}\n")
}

/// A warning on stable Rust: the use of a deprecated item, whose note is the text of the warning.
fn warning_texts(sources: &Sources, warnings: &[Diagnostic]) -> String {
    let text = |warning| {
        format!(
            "const _: () = {{\n#[deprecated(note = {:?})]\nconst WORKFLOW: () = ();\nWORKFLOW\n}};\n",
            message(sources, warning)
        )
    };
    join(warnings, "", text)
}

/// A finding for rustc to show. rustc adds its own `error: `.
fn message(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let text = render(sources, std::slice::from_ref(diagnostic), false);
    let (_, body) = text.split_once('\n').unwrap_or_default();
    format!("[{}] {}\n{body}", diagnostic.code, diagnostic.message)
}

/// The directory whose files belong to the package.
pub(crate) fn manifest_dir() -> Option<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)
}
