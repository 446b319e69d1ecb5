//! The checked plan as Rust text.
//!
//! What is generated has two parts. The *module* is ours alone: typed `Input` and `Output`, the tables of the plan, the
//! ways to run it. The *pieces* are the user's Rust, each inside a macro call of the runtime's that makes a function or
//! a type of it; they are in a `const _` block beside the module, so that names in them mean what they mean where the
//! macro is called, and nothing of ours hides them.
//!
//! Pieces are written one after the other for the macro ([`Generated::items`]), or for build scripts at the lines and
//! columns that they have in the workflow file (`sheets`).

mod config;
mod identifiers;
mod identities;
mod module;
mod pieces;
mod sheet;
mod tables;
mod text;
mod types;
mod visibility;

use self::{
    identifiers::{Names, Unique},
    pieces::{Part, Piece, Pieces},
};
use std::fmt::Write;

pub(crate) use self::{
    identifiers::{snake as module_name, variable},
    sheet::Sheet,
    text::join,
    visibility::within,
};
use crate::{plan::Plan, source::Sources};

/// How the generated items are to look from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// Path of the runtime crate.
    pub runtime: String,
    /// Visibility of the module and what is in it, as Rust writes it. Empty: private to the module that calls the macro.
    pub visibility: String,
    /// Name of the module, if not made from the workflow's.
    pub module: Option<String>,
    /// Whether there is a `fn main` that calls the module's.
    pub main: bool,
    /// Whether rustc warns of what is strange in the workflow.
    pub warnings: bool,
}

impl Default for Surface {
    fn default() -> Self {
        Self {
            runtime: "::tea_runtime".to_owned(),
            visibility: String::new(),
            module: None,
            main: true,
            warnings: true,
        }
    }
}

/// What else the generated text depends on.
#[derive(Clone, Copy)]
struct Around<'a> {
    plan: &'a Plan,
    names: &'a Names,
    surface: &'a Surface,
    sources: &'a Sources,
}

/// The names in what is generated from a plan.
#[derive(Debug)]
pub struct AllNames {
    own: Names,
    /// Of the workflows that nodes call.
    called: Vec<Names>,
}

impl AllNames {
    /// The names for a plan.
    #[must_use]
    pub fn new(plan: &Plan, surface: &Surface) -> Self {
        Self { own: Names::new(plan, surface.module.as_deref()), called: Names::of_called(&plan.called) }
    }
}

/// A workflow as Rust text.
#[derive(Debug)]
pub struct Generated<'a> {
    names: &'a AllNames,
    module: String,
    surface: &'a Surface,
    /// In the order of the workflow files.
    pieces: Vec<Piece<'a>>,
    sources: &'a Sources,
}

/// Turns a plan into Rust.
#[must_use]
pub fn generate<'a>(plan: &'a Plan, names: &'a AllNames, surface: &'a Surface, sources: &'a Sources) -> Generated<'a> {
    let AllNames { own, called } = names;
    let mut list = Vec::new();
    let mut within = module::Within::default();
    for (plan, names) in plan.called.iter().chain([plan]).zip(called.iter().chain([own])) {
        let mut pieces = Pieces::new(&names.module, called);
        let mut tables = tables::write(plan, names, called, &mut pieces, sources);
        let types = types::distinct(plan);
        let around = Around { plan, names, surface, sources };
        if plan.number.is_some() {
            within.add(around, &types, &tables, &pieces.nodes);
        } else {
            tables.sites.insert_str(0, &within.sites);
            within.text = module::write(around, &types, &tables, &pieces.nodes, &within);
        }
        pieces.keys(plan, names, &types);
        list.append(&mut pieces.list);
    }
    list.sort_by_key(Piece::span);
    Generated { names, module: within.text, surface, pieces: list, sources }
}

impl Generated<'_> {
    /// Everything that the macro gives: the module, the pieces, and `main`.
    #[must_use]
    pub fn items(&self) -> String {
        self.with_pieces([self.inline()])
    }

    /// The same with the pieces as they are given: each text an expression, such as an `include!`.
    #[must_use]
    pub(crate) fn with_pieces<S: AsRef<str>>(&self, pieces: impl IntoIterator<Item = S>) -> String {
        let Surface { runtime, main, .. } = self.surface;
        let mut text = self.module.clone();
        let module = &self.names.own.module;
        let uses =
            join(&self.names.called, "", |called| format!("use {module}::{} as {};\n", called.inner, called.module));
        for piece in pieces {
            let _ = write!(text, "const _: () = {{\nuse {runtime}::__private as __tea;\n{uses}{}}};\n", piece.as_ref());
        }
        if *main {
            let _ = writeln!(text, "{runtime}::__private::entry! {{ {module} }}");
        }
        text
    }

    /// The pieces one after the other: an expression, a block of items.
    fn inline(&self) -> String {
        let mut text = String::from("{\n");
        let mut names = Unique::default();
        for piece in &self.pieces {
            let mut item = String::new();
            for part in &piece.parts {
                match part {
                    Part::Glue(glue) => item += glue,
                    // A newline, since the Rust may end in a line comment.
                    Part::Rust(rust) => item = item + " " + &rust.text + "\n",
                }
            }
            // All of this has the place of `include_workflow!`. But rustc names the innermost macro that an error comes
            // from: so that is what tells the user where to look. It is a derive macro, since rustc would offer to change
            // the text at that place, which is the call, to mend what comes from any other.
            let (name, runtime) = (names.take(&self.place_name(piece)), &self.surface.runtime);
            // In a block of its own, since rustc looks through all macros in scope for each that is called.
            let _ = writeln!(
                text,
                "const _: () = {{ use {runtime}::__private::Items as {name};\n#[derive({name})]\n#[items(\n{item}\n)]\n\
                 struct _Items; }};"
            );
        }
        text + "}\n"
    }

    /// `flow_yaml_line_17_count__for_the_column_see_build_script_mode`. The only words of ours in an error of rustc's
    /// in the user's Rust are this name; where nothing is wrong nobody sees them.
    fn place_name(&self, piece: &Piece<'_>) -> String {
        let span = piece.span();
        let file = self.sources.get(span.file).path.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{}_line_{}_{}__for_the_column_see_build_script_mode",
            module_name(&file),
            self.sources.locate(span).line,
            piece.name
        )
    }
}

/// The pieces of a plan at the places that they have in the workflow file, for build scripts and `cargo tea check`. Nearly always one text; a
/// further one takes what has no room in those before.
pub(crate) fn sheets(plan: &Plan, surface: &Surface, sources: &Sources) -> Vec<Sheet> {
    sheet::layout(&generate(plan, &AllNames::new(plan, surface), surface, sources).pieces, sources)
}
