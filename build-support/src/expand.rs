//! `include_workflow!`: turns the arguments of the macro into the Rust that replaces it.

use std::{
    fmt::{Display, Write},
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use syn::{
    LitBool, LitStr, Token, bracketed,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{
    caller::{Caller, Found},
    codes,
    diagnostic::{Code, Diagnostic, Diagnostics, Severity},
    externs,
    generate::{self, AllNames, Surface, join},
    identity, misspelt,
    render::render,
    script,
    source::Sources,
    stub, syntax,
};

/// The arguments of `include_workflow!`.
#[derive(Debug)]
pub struct Arguments {
    /// The path of the workflow file, relative to the file that calls the macro.
    pub path: String,
    /// What the generated items look like from outside.
    pub surface: Surface,
    /// Warnings that are not wanted.
    pub allow: Vec<Code>,
}

impl FromStr for Arguments {
    type Err = String;

    fn from_str(arguments: &str) -> Result<Self, String> {
        syn::parse_str(arguments).map_err(|error| error.to_string())
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let path: LitStr =
            input.parse().map_err(takes("the first argument is the path of a workflow file, in quotes"))?;
        let mut arguments = Self { path: path.value(), surface: Surface::default(), allow: Vec::new() };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: syn::Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let surface = &mut arguments.surface;
            let truth =
                |option: &str| input.parse::<LitBool>().map_err(takes(format!("`{option}` takes `true` or `false`")));
            match option.to_string().as_str() {
                "module" => {
                    let name = input.parse::<syn::Ident>().map_err(takes("`module` takes a name, without quotes"))?;
                    surface.module = Some(name.to_string());
                }
                "main" => surface.main = truth("main")?.value,
                "runtime" => {
                    let says = "`runtime` takes the path of the runtime, as in `::tea_runtime`, without quotes";
                    surface.runtime = words(&input.call(syn::Path::parse_mod_style).map_err(takes(says))?);
                }
                "visibility" => match input.parse()? {
                    syn::Visibility::Inherited if !input.is_empty() && !input.peek(Token![,]) => {
                        return Err(input.error("`visibility` takes `pub`, `pub(crate)` and the like"));
                    }
                    visibility => surface.visibility = words(&visibility),
                },
                "warnings" => surface.warnings = truth("warnings")?.value,
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

/// What is said of an argument that is something else.
fn takes(what: impl Display) -> impl Fn(syn::Error) -> syn::Error {
    move |error| syn::Error::new(error.span(), &what)
}

fn words(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// The Rust that replaces `include_workflow!(arguments)` at `caller`.
///
/// This never fails. Errors are `compile_error!`s in the text, next to items that prevent further errors in the
/// caller's own code.
#[must_use]
pub fn expand(arguments: &str, caller: &Caller) -> String {
    // This is not part of the compiler's own token stream: see `syntax::parse`.
    proc_macro2::fallback::force();
    let arguments: Arguments = match arguments.parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let words: String = arguments.split_whitespace().collect();
            let surface = Surface { main: !words.contains("main=false"), ..Surface::default() };
            return error_text(&format!("include_workflow!: {error}")) + &stub::write(None, &surface);
        }
    };
    let usual = arguments.surface.runtime == Surface::default().runtime;
    if let Some(error) = usual.then(externs::missing_runtime).flatten() {
        // Nothing that needs the runtime can be written.
        let main = if arguments.surface.main { "fn main() {}\n" } else { "" };
        return error_text(&format!("include_workflow!: {error}")) + main;
    }
    let found = caller.find(&arguments.path).and_then(|found| {
        let bytes = fs::read(&found.path);
        let bytes = bytes.map_err(|error| format!("cannot read `{}`: {error}", found.path.display()))?;
        Ok((found, bytes))
    });
    match found {
        Ok((Found { path, include }, bytes)) => {
            let (mut text, sources) = workflow(&path, &bytes, caller, &arguments);
            // So that a change of any of the files is noticed.
            for include in includes(&sources, &path, &include) {
                let _ = writeln!(text, "const _: &[u8] = ::core::include_bytes!({include:?});");
            }
            text
        }
        Err(error) => error_text(&format!("include_workflow!: {error}")) + &stub::write(None, &arguments.surface),
    }
}

/// The paths of all workflow files for `include_bytes!`, given that of the first one.
fn includes(sources: &Sources, path: &Path, include: &str) -> Vec<String> {
    let folders = path.parent().zip(Path::new(include).parent());
    let called = sources.iter().skip(1).filter_map(|source| {
        let (folder, include) = folders?;
        match source.path.strip_prefix(folder) {
            Ok(within) => include.join(within).to_str().map(str::to_owned),
            Err(_) => std::path::absolute(&source.path).ok()?.to_str().map(str::to_owned),
        }
    });
    std::iter::once(include.to_owned()).chain(called).collect()
}

fn workflow(path: &Path, bytes: &[u8], caller: &Caller, arguments: &Arguments) -> (String, Sources) {
    let surface = &arguments.surface;
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add_bytes(path, bytes.to_vec(), &mut found);
    let mut plan = file.and_then(|file| crate::plan(&mut sources, file, &mut found));
    let sheets = script::find(path, &sources);
    // With the Rust at its place, rustc reports these itself.
    if sheets.is_none() && !script::is_requested() {
        let caller = caller.file.as_ref().filter(|_| caller.direct).and_then(|file| fs::read_to_string(file).ok());
        let misspelt = plan.as_mut().map(|plan| misspelt::find(plan, caller.as_deref())).unwrap_or_default();
        for error in misspelt {
            found.push(error);
        }
        plan = plan.filter(|_| !found.has_errors());
    }
    let (errors, mut warnings): (Vec<_>, Vec<_>) =
        found.into_sorted().into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    let mut text = if let Some(mut plan) = plan {
        if !script::is_requested() {
            identity::identify(&mut plan, caller, &arguments.path, &sources);
        }
        let names = AllNames::new(&plan, surface);
        let generated = generate::generate(&plan, &names, surface, &sources);
        let include = |(macros, sheet): &(String, PathBuf)| {
            format!("{macros}\n::core::include!({:?})", sheet.display().to_string())
        };
        match (script::requested(&plan, surface, &sources), sheets) {
            (Err(error), _) => error_text(&format!("include_workflow!: cannot write to `{}`: {error}", script::SHEETS)),
            (Ok(None), Some(_)) if surface.module.is_some() => error_text(
                "include_workflow!: `module` cannot rename what a build script has compiled: change the workflow's `name`, \
                 or compile it without the build script",
            ),
            (Ok(Some(sheets)), _) | (Ok(None), Some(sheets)) => generated.with_pieces(sheets.iter().map(include)),
            (Ok(None), None) => generated.items(),
        }
    } else {
        let workflow = file.and_then(|file| syntax::parse(&sources, file, &mut Diagnostics::default()));
        error_texts(&sources, &errors) + &stub::write(workflow.as_ref(), surface)
    };
    if surface.warnings {
        warnings.retain(|warning| !arguments.allow.contains(&warning.code));
        text += &warning_texts(&sources, &warnings);
    }
    (text, sources)
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
            "const _: () = {{\n#[deprecated(note = {:?})]\nconst WARNING: () = ();\nWARNING\n}};\n",
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
