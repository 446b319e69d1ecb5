//! The checked plan as Rust text.
//!
//! What is generated has two parts. The *module* is ours alone: typed `Input` and `Output`, the tables of the plan, the
//! ways to run it. The *pieces* are the user's Rust, each inside a macro call of the runtime's that makes a function or
//! a type of it; they stand in a `const _` block beside the module, so that names in them mean what they mean where the
//! macro is called, and nothing of ours stands in their way.
//!
//! Pieces are written one after the other for the macro ([`Generated::inline`]), or for build scripts at the lines and
//! columns that they have in the workflow file (`Generated::sheets`).

mod module;
mod names;
mod pieces;
mod sheet;
mod tables;
mod text;
mod types;
mod visibility;

use self::{
    names::{Names, Unique},
    pieces::{Part, Piece, Pieces},
    sheet::Sheet,
};
use std::fmt::Write;

pub(crate) use self::{
    names::{snake as module_name, variable},
    text::join,
    visibility::within,
};
use crate::{plan::Plan, source::Sources};

// What stands in a module's text for what its `Surface` says.
/// The visibility of the module.
const MODULE_VISIBILITY: &str = "/*tea:module visibility*/";
/// The visibility of what is in it.
const VISIBILITY: &str = "/*tea:visibility*/";
/// The visibility of what is in modules in it.
const INNER_VISIBILITY: &str = "/*tea:inner visibility*/";
/// The path of the runtime.
const RUNTIME: &str = "/*tea:runtime*/";

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
}

impl Default for Surface {
    fn default() -> Self {
        Self { runtime: "::tea_runtime".to_owned(), visibility: String::new(), module: None, main: true }
    }
}

/// A workflow as Rust text, its [`Surface`] still open.
#[derive(Debug)]
pub struct Generated<'a> {
    /// Name of the generated module.
    pub name: String,
    module: String,
    pieces: Pieces<'a>,
    sources: &'a Sources,
}

/// Turns a plan into Rust, in a module of this name if not of the workflow's.
#[must_use]
pub fn generate<'a>(plan: &'a Plan, module: Option<&str>, sources: &'a Sources) -> Generated<'a> {
    let names = Names::new(plan, module);
    let mut pieces = Pieces::new(&names.module);
    let tables = tables::write(plan, &names, &mut pieces, sources);
    let types = types::distinct(plan);
    let module = module::write(plan, &names, &types, &tables, &pieces.nodes, sources);
    pieces.keys(plan, &names, &types);
    pieces.sort();
    Generated { name: names.module, module, pieces, sources }
}

impl Generated<'_> {
    /// The module, with the marks that [`Surface::finish`] replaces.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The pieces one after the other: an expression, a block of items.
    #[must_use]
    pub fn inline(&self) -> String {
        let mut text = String::from("{\n");
        let mut names = Unique::default();
        for piece in &self.pieces.list {
            let mut item = String::new();
            for part in &piece.parts {
                match part {
                    Part::Glue(glue) => item += glue,
                    // A newline, since the Rust may end in a line comment.
                    Part::Rust(rust) => item = item + " " + &rust.text + "\n",
                }
            }
            if piece.holds_a_macro() {
                // It holds a macro, and cannot stand in another.
                let _ = writeln!(text, "{item}");
            } else {
                // All of this has the place of `include_workflow!`. But rustc names the innermost macro that an error
                // comes from: so that is what tells the user where to look.
                let name = names.take(&self.place_name(piece));
                // In a block of its own, since rustc looks through all macros in scope for each that is called.
                let _ =
                    writeln!(text, "const _: () = {{ macro_rules! {name} {{ () => {{\n{item}\n}} }} {name}! {{}} }};");
            }
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

    /// The pieces at the places that they have in the workflow file. Nearly always one text; a further one takes what
    /// has no room in those before.
    #[must_use]
    pub(crate) fn sheets(&self) -> Vec<Sheet> {
        sheet::layout(&self.pieces, self.sources)
    }
}

impl Surface {
    /// Everything that the macro gives: the module, the pieces (each text an expression, such as an `include!`), and
    /// `main`.
    #[must_use]
    pub fn finish<S: AsRef<str>>(&self, name: &str, module: &str, pieces: impl IntoIterator<Item = S>) -> String {
        let Self { runtime, visibility, module: _, main } = self;
        let [outer, inner] = [1, 2].map(|levels| within(visibility, levels));
        let marks = [
            (MODULE_VISIBILITY, visibility.as_str()),
            (VISIBILITY, &outer),
            (INNER_VISIBILITY, &inner),
            (RUNTIME, runtime),
        ];
        let mut text = marks.iter().fold(module.to_owned(), |text, (mark, meant)| text.replace(mark, meant));
        for piece in pieces {
            let _ = write!(text, "const _: () = {{\nuse {runtime}::__private as __tea;\n{}}};\n", piece.as_ref());
        }
        if *main {
            let _ = writeln!(text, "{runtime}::__private::entry! {{ {name} }}");
        }
        text
    }
}
