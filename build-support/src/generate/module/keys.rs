//! The state keys: their types, what these must prove, and the table that the runtime reads.

use std::fmt::Write;

use super::{Seen, numbered};
use crate::{
    generate::{
        Around,
        identifiers::Names,
        join,
        pieces::check_of,
        types::{Complaint, KeyType},
    },
    plan::{Key, Plan},
};

/// A type, an alias and a constant for each key, and a type for each node and condition.
pub(super) fn keys(text: &mut String, plan: &Plan, names: &Names, nodes: &[String], seen: &Seen) {
    let Seen { vis, inner, .. } = seen;
    let nodes = join(nodes, "", |name| format!("        {inner} struct {name};\n"));
    let (mut aliases, mut constants, mut markers) = (String::new(), String::new(), String::new());
    for (id, key) in numbered(plan) {
        let own = names.key(id);
        let vis = seen.inner(key);
        let _ = writeln!(markers, "        {vis} struct {};", own.alias);
        let _ = writeln!(
            aliases,
            "        #[doc = {:?}]",
            format!("The type of state key `{}`: `{}`.", key.name.value, key.ty.text.trim())
        );
        let _ =
            writeln!(aliases, "        {vis} type {0} = <super::keys::{0} as super::tea::KeyType>::Value;", own.alias);
        let _ = writeln!(constants, "        #[doc = {:?}]", format!("State key `{}`.", key.name.value));
        let _ = writeln!(
            constants,
            "        {vis} const {}: super::tea::Key<super::types::{alias}> = \
             <super::keys::{alias} as super::tea::KeyType>::CHECKED.key;",
            own.constant,
            alias = own.alias
        );
    }
    let _ = write!(
        text,
        "    /// A type for each node and condition, which has its function.\n    #[doc(hidden)]\n    \
         {vis} mod nodes {{\n{nodes}    }}\n\n    \
         /// A type for each state key, which has its type, default and reducer.\n    #[doc(hidden)]\n    \
         {vis} mod keys {{\n{markers}    }}\n\n    /// The types of the state keys.\n    {vis} mod types {{\n{aliases}    }}\n\n    \
         /// The state keys, as `View::find` and `Error::state` take them.\n    {vis} mod key {{\n{constants}    }}\n\n"
    );
}

/// What every type that is not plain must prove, once a type.
pub(super) fn checks(text: &mut String, around: Around<'_>, types: &[KeyType], seen: &Seen) {
    let Around { plan, names, sources, .. } = around;
    let Seen { vis, inner, .. } = seen;
    let _ =
        writeln!(text, "    /// What the types of the keys are asked for.\n    #[doc(hidden)]\n    {vis} mod check {{");
    let mut capability = |name: &str, bounds: &str, complaint: Complaint| {
        let Complaint { message, label, notes: [first, second] } = complaint;
        let _ = write!(
            text,
            "        #[diagnostic::on_unimplemented(message = {message:?}, label = {label:?}, note = {first:?}, note = \
             {second:?})]\n        {inner} trait {name}: {bounds} {{}}\n        \
             #[diagnostic::do_not_recommend]\n        impl<T: {bounds}> {name} for T {{}}\n",
        );
    };
    let mut functions = String::new();
    for ty in types.iter().filter(|ty| !ty.plain) {
        let own = names.key(ty.keys[0]);
        let shared = format!("{}Shared", own.alias);
        capability(&shared, "::core::marker::Send + ::core::marker::Sync + 'static", ty.not_shared(plan, sources));
        let mut bounds = shared;
        let wired = match (&plan.checkpoint, ty.cached) {
            _ if ty.crosses => Some(("Crosses", ty.not_crossing(plan, sources))),
            (Some(checkpoint), _) if ty.recorded => Some(("Recorded", ty.not_recorded(checkpoint.span, plan, sources))),
            (_, Some(cache)) => Some(("Cached", ty.not_cached(cache, plan, sources))),
            _ => None,
        };
        if let Some((name, complaint)) = wired {
            let name = own.alias.clone() + name;
            capability(&name, "super::tea::Serialize + super::tea::DeserializeOwned", complaint);
            bounds = bounds + " + " + &name;
        }
        if ty.copied {
            let copied = format!("{}Copied", own.alias);
            capability(&copied, "::core::clone::Clone", ty.not_copied(plan, sources));
            bounds = bounds + " + " + &copied;
        }
        let kind = if ty.wired() { "wired" } else { "shared" };
        let _ = write!(
            functions,
            "        {inner} const fn {}<T: {bounds}>(id: u32) -> super::tea::Checked<T> {{\n            \
             super::tea::Checked::{kind}(id)\n        }}\n",
            check_of(own),
        );
    }
    *text += &functions;
    *text += "    }\n\n";
}

/// The table of all keys, and of the kinds of their types.
pub(super) fn table(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType]) {
    let mut kinds = vec![0; plan.keys.len()];
    for (ty, number) in types.iter().zip(0..) {
        let first = ty.keys[0].0 as usize;
        let _ = writeln!(
            text,
            "    static KIND_{number}: tea::Kind = tea::kind!({:?}, {}, {}, {}, keys::{});",
            plan.keys[first].ty.text.trim(),
            if ty.output { "json" } else { "none" },
            if ty.wired() { "wire" } else { "none" },
            if ty.input && !ty.borrows { "parse" } else { "none" },
            names.key(ty.keys[0]).alias,
        );
        for key in &ty.keys {
            kinds[key.0 as usize] = number;
        }
    }
    let _ = writeln!(text, "    static KEYS: [tea::KeySpec; {}] = [", plan.keys.len());
    for (id, key) in numbered(plan) {
        let own = names.key(id);
        let mut fields = String::new();
        let mut flag_if = |holds: bool, name: &str| {
            if holds {
                let _ = write!(fields, "{name}: true, ");
            }
        };
        flag_if(key.input, "input");
        flag_if(key.transient, "transient");
        flag_if(key.secret, "secret");
        flag_if(!key.always_set, "optional");
        if !key.output {
            fields += "output: false, ";
        }
        if key.default.is_some() {
            let _ =
                write!(fields, "default: tea::Some(|| key::{}.share(keys::{}::default())), ", own.constant, own.alias);
        }
        if key.reduce.is_some() {
            let _ = write!(fields, "reduce: tea::Some(keys::{}::reduce), ", own.alias);
        }
        if let Some(description) = &key.description {
            let _ = write!(fields, "description: {description:?}, ");
        }
        if let Some(flag) = flag(key) {
            let _ = write!(fields, "flag: {flag}, ");
        }
        let base = format!("tea::KeySpec::new({:?}, &KIND_{})", key.name.value, kinds[id.0 as usize]);
        let _ = if fields.is_empty() {
            writeln!(text, "        {base},")
        } else {
            writeln!(text, "        tea::KeySpec {{ {fields}..{base} }},")
        };
    }
    *text += "    ];\n\n";
}

/// How the command line takes a key, unless that is as it takes most.
fn flag(key: &Key) -> Option<String> {
    let mut fields = String::new();
    if let Some(short) = key.short {
        let _ = write!(fields, "short: tea::Some({short:?}), ");
    }
    if key.positional {
        fields += "positional: true, ";
    }
    if let Some(name) = &key.value_name {
        let _ = write!(fields, "value_name: {name:?}, ");
    }
    if let Some(name) = &key.env {
        let _ = write!(fields, "env: tea::Some({name:?}), ");
    }
    if !key.choices.is_empty() {
        let _ = write!(fields, "choices: &{:?}, ", key.choices);
    }
    (!fields.is_empty()).then(|| format!("tea::FlagSpec {{ {fields}..tea::FlagSpec::PLAIN }}"))
}
