//! The generated module: what a user sees of a workflow, and the plan behind it.

use std::fmt::Write;

use super::{
    INNER_VISIBILITY, MODULE_VISIBILITY, RUNTIME, VISIBILITY,
    names::Names,
    pieces::{check_of, default_of, reduce_of},
    tables::Tables,
    types::{Complaint, KeyType},
};
use crate::{
    plan::{Key, KeyId, Plan},
    source::Sources,
};

/// Writes the module, its visibility and the path of the runtime left open.
pub(super) fn write(plan: &Plan, names: &Names, types: &[KeyType], tables: &Tables, sources: &Sources) -> String {
    let file = sources.get(plan.name.span.file).path.display().to_string();
    let mut text = format!("#[doc = {:?}]\n", format!("Workflow `{}`, compiled from `{file}`.", plan.name.value));
    if let Some(description) = &plan.description {
        let _ = write!(text, "#[doc = \"\"]\n#[doc = {description:?}]\n");
    }
    let _ = writeln!(text, "{MODULE_VISIBILITY} mod {} {{\n    use {RUNTIME}::__private as tea;\n", names.module);
    input(&mut text, plan, names);
    output(&mut text, plan, names);
    workflow(&mut text, plan, names);
    keys(&mut text, plan, names);
    checks(&mut text, plan, names, types, sources);
    key_table(&mut text, plan, names, types);
    let _ = write!(
        text,
        "    /// The plan: what runs when, and with which settings.\n    {VISIBILITY} static PLAN: tea::Plan = tea::Plan {{\n        \
         name: {:?}, description: {:?}, file: {file:?}, module: ::core::module_path!(),\n        keys: &KEYS,\n        \
         root: {},\n        sites: &[{}],\n        max_workers: {:?},\n    }};\n",
        plan.name.value,
        plan.description.as_deref().unwrap_or_default(),
        tables.root,
        tables.sites.trim_end(),
        plan.max_workers,
    );
    text += &tables.statics;
    let _ = writeln!(text, "\n    tea::entries! {{ ({VISIBILITY}) }}\n}}");
    text
}

/// Every key with its number.
fn numbered(plan: &Plan) -> impl Iterator<Item = (KeyId, &Key)> {
    (0..).map(KeyId).zip(&plan.keys)
}

/// The text of a key's documentation.
fn doc(key: &Key) -> String {
    match &key.description {
        Some(description) => description.trim().to_owned(),
        None => format!("State key `{}`.", key.name.value),
    }
}

fn input(text: &mut String, plan: &Plan, names: &Names) {
    let inputs: Vec<_> = numbered(plan).filter(|(_, key)| key.input).collect();
    let (mut fields, mut parameters, mut values, mut debug) =
        (String::new(), String::new(), String::new(), String::new());
    for (id, key) in &inputs {
        let own = names.key(*id);
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {VISIBILITY} {}: types::{},", own.variable, own.alias);
        let _ = write!(debug, ".field({:?}, {})", key.name.value, shown(&own.variable, &own.alias));
        if key.default.is_some() {
            let _ = write!(values, "{}: Nodes::{}(), ", own.variable, default_of(own));
        } else {
            let _ = write!(parameters, "{}: types::{}, ", own.variable, own.alias);
            let _ = write!(values, "{}, ", own.variable);
        }
    }
    let _ = write!(
        text,
        "    /// What the caller supplies.\n    {VISIBILITY} struct Input {{\n{fields}    }}\n\n    impl Input {{\n        \
         /// The required inputs as given, the others at their defaults.\n        #[must_use]\n        \
         {VISIBILITY} fn new({}) -> Self {{\n            Self {{ {}}}\n        }}\n    }}\n\n",
        parameters.trim_end_matches(", "),
        values,
    );
    if parameters.is_empty() {
        *text += "    impl ::core::default::Default for Input {\n        fn default() -> Self {\n            \
                  Self::new()\n        }\n    }\n\n";
    }
    debug_impl(text, "Input", &debug);
}

fn output(text: &mut String, plan: &Plan, names: &Names) {
    let (mut fields, mut debug) = (String::new(), String::new());
    for (id, key) in numbered(plan).filter(|(_, key)| !key.transient) {
        let own = names.key(id);
        let (open, close) = if key.always_set { ("", "") } else { ("::core::option::Option<", ">") };
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {VISIBILITY} {}: {open}types::{}{close},", own.variable, own.alias);
        let ty = if key.always_set { own.alias.clone() } else { format!("{}?", own.alias) };
        let _ = write!(debug, ".field({:?}, {})", key.name.value, shown(&own.variable, &ty));
    }
    let _ = write!(
        text,
        "    /// What a run gives: the state at its end, without `transient` keys.\n    \
         {VISIBILITY} struct Output {{\n{fields}    }}\n\n"
    );
    debug_impl(text, "Output", &debug);
}

/// A field as `Debug` shows it; a type ending in `?` is optional.
fn shown(field: &str, ty: &str) -> String {
    match ty.strip_suffix('?') {
        Some(ty) => format!("&self.{field}.as_ref().map(|value| tea::shown!(types::{ty}, value))"),
        None => format!("&tea::shown!(types::{ty}, &self.{field})"),
    }
}

fn debug_impl(text: &mut String, name: &str, fields: &str) {
    let _ = write!(
        text,
        "    impl ::core::fmt::Debug for {name} {{\n        \
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n            \
         f.debug_struct({name:?}){fields}.finish()\n        }}\n    }}\n\n"
    );
}

fn workflow(text: &mut String, plan: &Plan, names: &Names) {
    let (mut inputs, mut outputs) = (String::new(), String::new());
    for (id, key) in numbered(plan) {
        let own = names.key(id);
        if key.input {
            let _ = write!(inputs, "({}, key::{}.share(input.{})), ", id.0, own.constant, own.variable);
        }
        if !key.transient {
            let take = if key.always_set { "take" } else { "find_take" };
            let _ = write!(outputs, "{}: view.{take}(key::{})?, ", own.variable, own.constant);
        }
    }
    let (input, view) = (
        if inputs.is_empty() { "_: Input" } else { "input: Input" },
        if outputs.is_empty() { "_: tea::View" } else { "mut view: tea::View" },
    );
    let _ = write!(
        text,
        "    /// Ties `Input` and `Output` to the plan.\n    {VISIBILITY} struct Workflow;\n\n    \
         impl tea::Workflow for Workflow {{\n        type Input = Input;\n        type Output = Output;\n        \
         const PLAN: &'static tea::Plan = &PLAN;\n\n        \
         fn inputs({input}) -> ::std::vec::Vec<(u32, tea::Value)> {{\n            ::std::vec![{inputs}]\n        }}\n\n        \
         fn output({view}) -> ::core::result::Result<Output, ::std::boxed::Box<tea::Failure>> {{\n            \
         ::core::result::Result::Ok(Output {{ {outputs}}})\n        }}\n    }}\n\n"
    );
}

fn keys(text: &mut String, plan: &Plan, names: &Names) {
    let (mut aliases, mut constants) = (String::new(), String::new());
    for (id, key) in numbered(plan) {
        let (own, number) = (names.key(id), id.0);
        let _ = writeln!(
            aliases,
            "        #[doc = {:?}]",
            format!("The type of state key `{}`: `{}`.", key.name.value, key.ty.text.trim())
        );
        let _ = writeln!(
            aliases,
            "        {INNER_VISIBILITY} type {} = <super::Keys as super::tea::KeyType<{number}>>::Value;",
            own.alias
        );
        let _ = writeln!(constants, "        #[doc = {:?}]", format!("State key `{}`.", key.name.value));
        let _ = writeln!(
            constants,
            "        {INNER_VISIBILITY} const {}: super::tea::Key<super::types::{}> = \
             <super::Keys as super::tea::KeyType<{number}>>::CHECKED.key;",
            own.constant, own.alias
        );
    }
    let _ = write!(
        text,
        "    /// The user's Rust, as functions.\n    #[doc(hidden)]\n    {VISIBILITY} struct Nodes;\n\n    \
         /// The keys, with their types.\n    #[doc(hidden)]\n    {VISIBILITY} struct Keys;\n\n    \
         /// The types of the state keys.\n    {VISIBILITY} mod types {{\n{aliases}    }}\n\n    \
         /// The state keys.\n    #[doc(hidden)]\n    {VISIBILITY} mod key {{\n{constants}    }}\n\n"
    );
}

/// What every type that is not plain must prove, once a type.
fn checks(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType], sources: &Sources) {
    let _ = writeln!(
        text,
        "    /// What the types of the keys are asked for.\n    #[doc(hidden)]\n    {VISIBILITY} mod check {{"
    );
    let mut capability = |name: &str, bounds: &str, complaint: Complaint| {
        let Complaint { message, label, notes: [first, second] } = complaint;
        let _ = write!(
            text,
            "        #[diagnostic::on_unimplemented(message = {message:?}, label = {label:?}, note = {first:?}, note = \
             {second:?})]\n        {INNER_VISIBILITY} trait {name}: {bounds} {{}}\n        \
             #[diagnostic::do_not_recommend]\n        impl<T: {bounds}> {name} for T {{}}\n",
        );
    };
    let mut functions = String::new();
    for ty in types.iter().filter(|ty| !ty.plain) {
        let own = names.key(ty.keys[0]);
        let shared = format!("{}Shared", own.alias);
        capability(&shared, "::core::marker::Send + ::core::marker::Sync + 'static", ty.not_shared(plan, sources));
        let (bounds, kind) = if ty.crosses {
            let crosses = format!("{}Crosses", own.alias);
            capability(
                &crosses,
                "super::tea::Serialize + super::tea::DeserializeOwned",
                ty.not_crossing(plan, sources),
            );
            (format!("{shared} + {crosses}"), "crossing")
        } else {
            (shared, "shared")
        };
        let _ = write!(
            functions,
            "        {INNER_VISIBILITY} const fn {}<T: {bounds}>(id: u32) -> super::tea::Checked<T> {{\n            \
             super::tea::Checked::{kind}(id)\n        }}\n",
            check_of(own),
        );
    }
    *text += &functions;
    *text += "    }\n\n";
}

fn key_table(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType]) {
    let mut kinds = vec![0; plan.keys.len()];
    for (ty, number) in types.iter().zip(0..) {
        let first = ty.keys[0].0 as usize;
        let _ = writeln!(
            text,
            "    static KIND_{number}: tea::Kind = tea::kind!({:?}, json = {}, parse = {}, tea::KeyType<{first}>);",
            plan.keys[first].ty.text.trim(),
            ty.output,
            ty.input,
        );
        for key in &ty.keys {
            kinds[key.0 as usize] = number;
        }
    }
    let _ = writeln!(text, "    static KEYS: [tea::KeySpec; {}] = [", plan.keys.len());
    for (id, key) in numbered(plan) {
        let own = names.key(id);
        let default = match key.default {
            Some(_) => format!("Some(|| key::{}.share(Nodes::{}()))", own.constant, default_of(own)),
            None => "None".to_owned(),
        };
        let reduce = match key.reduce {
            Some(_) => format!("Some(Nodes::{})", reduce_of(own)),
            None => "None".to_owned(),
        };
        let _ = writeln!(
            text,
            "        tea::KeySpec {{ name: {:?}, kind: &KIND_{}, input: {}, default: {default}, \
             reduce: {reduce}, transient: {}, optional: {}, description: {:?} }},",
            key.name.value,
            kinds[id.0 as usize],
            key.input,
            key.transient,
            !key.always_set,
            key.description.as_deref().unwrap_or_default(),
        );
    }
    *text += "    ];\n\n";
}
