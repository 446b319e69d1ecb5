//! The generated module: what a user sees of a workflow, and its plan.

mod keys;
mod structs;

use std::fmt::Write;

use super::{
    Around, Surface,
    config::checkpoint,
    identities::identities,
    tables::Tables,
    text::option,
    types::{KeyType, place},
    visibility::within,
};
use crate::plan::{Key, KeyId, Plan};

/// Who sees what. Types of keys that are neither inputs nor in the output are no business of any caller's, and may be private.
struct Seen {
    /// What is in the module.
    vis: String,
    /// What is in modules in it.
    inner: String,
    /// The first two as the module that calls the macro sees them.
    private: [String; 2],
}

impl Seen {
    fn new(surface: &Surface) -> Self {
        let [vis, inner] = [1, 2].map(|levels| within(&surface.visibility, levels));
        Self { vis, inner, private: [1, 2].map(|levels| within("", levels)) }
    }

    /// In the module of a workflow that nodes call: only they need it.
    fn called() -> Self {
        let [vis, inner] = [2, 3].map(|levels| within("", levels));
        Self { vis: vis.clone(), inner: inner.clone(), private: [vis, inner] }
    }

    /// What belongs to a key in the module.
    fn own(&self, key: &Key) -> &str {
        if is_private(key) { &self.private[0] } else { &self.vis }
    }

    /// What belongs to a key in modules in it.
    fn inner(&self, key: &Key) -> &str {
        if is_private(key) { &self.private[1] } else { &self.inner }
    }
}

fn is_private(key: &Key) -> bool {
    !key.output && !key.input
}

/// The modules of the workflows that nodes call, which are in the module of the workflow.
#[derive(Debug, Default)]
pub(super) struct Within {
    pub(super) text: String,
    /// The sites of their plans.
    pub(super) sites: String,
    workflows: String,
}

impl Within {
    /// Adds a workflow.
    pub(super) fn add(&mut self, around: Around<'_>, types: &[KeyType], tables: &Tables, nodes: &[String]) {
        let Around { plan, names, surface, sources } = around;
        let seen = Seen::called();
        let file = sources.get(plan.name.span.file).path.display().to_string();
        let (inner, runtime) = (&names.inner, &surface.runtime);
        let text = &mut self.text;
        let _ = write!(
            text,
            "    /// Workflow `{}` of `{}`, which nodes call.\n    #[doc(hidden)]\n    {} mod {inner} {{\n    \
             use {runtime}::__private as tea;\n\n",
            plan.name.value,
            file,
            within("", 1),
        );
        keys::keys(text, plan, names, nodes, &seen);
        keys::checks(text, around, types, &seen);
        keys::table(text, plan, names, types);
        remote(text, around);
        let _ = write!(
            text,
            "    /// What it runs.\n    pub(super) static WORKFLOW: tea::Subworkflow = tea::Subworkflow {{ id: {}, name: {:?}, \
             file: {file:?}, keys: &KEYS,\n        root: {} }};\n{}    }}\n\n",
            plan.number.unwrap_or_default(),
            plan.name.value,
            tables.root,
            tables.statics,
        );
        self.sites += &tables.sites;
        let _ = write!(self.workflows, "&{inner}::WORKFLOW, ");
    }
}

/// Writes the module.
pub(super) fn write(
    around: Around<'_>,
    types: &[KeyType],
    tables: &Tables,
    nodes: &[String],
    called: &Within,
) -> String {
    let Around { plan, names, surface, sources } = around;
    let seen = Seen::new(surface);
    let file = sources.get(plan.name.span.file).path.display().to_string();
    let mut text = format!("#[doc = {:?}]\n", format!("Workflow `{}`, compiled from `{file}`.", plan.name.value));
    if let Some(description) = &plan.description {
        let _ = write!(text, "#[doc = \"\"]\n#[doc = {description:?}]\n");
    }
    let Surface { runtime, visibility, .. } = surface;
    let Seen { vis, .. } = &seen;
    let _ = writeln!(text, "{visibility} mod {} {{\n    use {runtime}::__private as tea;\n", names.module);
    let shows = structs::Shows::write(&mut text, plan, names, types);
    structs::input(&mut text, plan, names, &shows, &seen);
    structs::output(&mut text, plan, names, types, &shows, &seen);
    structs::state(&mut text, plan, names, &shows, &seen);
    structs::workflow(&mut text, plan, names, &seen);
    keys::keys(&mut text, plan, names, nodes, &seen);
    keys::checks(&mut text, around, types, &seen);
    keys::table(&mut text, plan, names, types);
    remote(&mut text, around);
    text += &called.text;
    let _ = write!(
        text,
        "    /// The plan: what runs when, and with which settings.\n    {vis} static PLAN: tea::Plan = tea::Plan {{\n        \
         name: {:?}, description: {:?}, file: {file:?}, module: \
         ::core::concat!(::core::module_path!(), \" at \", ::core::file!(), \":\", ::core::line!(), \":\", \
         ::core::column!()),\n        \
         package: ::core::option_env!(\"CARGO_PKG_NAME\"), version: ::core::option_env!(\"CARGO_PKG_VERSION\"), \
         panics_abort: ::core::cfg!(panic = \"abort\"), keys: &KEYS,\n        \
         root: {},\n        finally: &[{}],\n        sites: &[{}], workflows: &[{}],\n        max_workers: {}, checkpoint: {},\n        identities: {},\n    }};\n",
        plan.name.value,
        plan.description.as_deref().unwrap_or_default(),
        tables.root,
        tables.finally,
        tables.sites.trim_end(),
        called.workflows.trim_end(),
        option(plan.max_workers),
        checkpoint(plan),
        identities(plan),
    );
    text += &tables.statics;
    if surface.main && surface.warnings {
        left_out(&mut text, around, types);
    }
    let _ = writeln!(text, "\n    tea::entries! {{ ({vis}) }}\n}}");
    text
}

/// Asks for the feature of the runtime that `remote` needs.
fn remote(text: &mut String, Around { plan, sources, .. }: Around<'_>) {
    if let Some(span) = plan.remote {
        let _ = writeln!(text, "    tea::remote! {{ {:?} }}", place(span, sources));
    }
}

/// Every key with its number.
fn numbered(plan: &Plan) -> impl Iterator<Item = (KeyId, &Key)> {
    (0..).map(KeyId).zip(&plan.keys)
}

/// The text of a key's documentation; rustdoc shows no more of the field's type than its alias.
fn doc(key: &Key) -> String {
    let ty = key.ty.text.trim();
    match &key.description {
        Some(description) => format!("{}\n\nA `{ty}`.", description.trim()),
        None => format!("State key `{}`, a `{ty}`.", key.name.value),
    }
}

/// Warns of the keys that the program leaves out of its output. Only rustc knows: where a type is `Serialize`, `TO_JSON` is
/// the constant of `Probe` itself, else that of the trait.
fn left_out(text: &mut String, Around { plan, names, sources, .. }: Around<'_>, types: &[KeyType]) {
    // A type that has bytes is `Serialize`, or that is an error.
    for ty in types.iter().filter(|ty| ty.output && !ty.plain && !ty.wired()) {
        let _ = write!(
            text,
            "    const _: () = {{\n        #[allow(dead_code)]\n        trait LeftOut {{\n            \
             #[deprecated(note = {:?})]\n            const TO_JSON: () = ();\n        }}\n        \
             impl<T> LeftOut for tea::Probe<T> {{}}\n        \
             let _ = <tea::Probe<types::{}>>::TO_JSON;\n    }};\n",
            ty.left_out(plan, sources),
            names.key(in_output(plan, ty)).alias,
        );
    }
}

/// The first key of a type that is part of the output: others may be private.
fn in_output(plan: &Plan, ty: &KeyType) -> KeyId {
    let shown = |key: &&KeyId| plan.keys[key.0 as usize].output;
    ty.keys.iter().find(shown).copied().unwrap_or(ty.keys[0])
}
