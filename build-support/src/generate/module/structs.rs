//! `Input`, `Output` and `State`, and how a run takes and gives them.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use super::{Seen, doc, in_output, numbered};
use crate::{
    generate::{
        identifiers::{KeyNames, Names},
        join,
        types::KeyType,
    },
    plan::{Key, KeyId, Plan},
};

/// How `Debug` shows the values of each type: a constant a type, since finding it for each field would be much work for
/// rustc.
pub(super) struct Shows(HashMap<KeyId, usize>);

impl Shows {
    /// Writes the constants.
    pub(super) fn write(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType]) -> Self {
        let mut all = HashMap::new();
        for (number, ty) in types.iter().enumerate() {
            let shown = |key: &&KeyId| !plan.keys[key.0 as usize].secret;
            if let Some(key) = ty.keys.iter().find(shown) {
                let alias = &names.key(*key).alias;
                let _ =
                    writeln!(text, "    const SHOW_{number}: tea::Show<types::{alias}> = tea::show!(types::{alias});");
                all.extend(ty.keys.iter().map(|key| (*key, number)));
            }
        }
        *text += "\n";
        Self(all)
    }

    /// A field as `Debug` shows it.
    fn field(&self, (id, key): (KeyId, &Key), value: &str) -> String {
        match self.0.get(&id) {
            Some(number) if !key.secret => format!("&tea::Shown({value}, SHOW_{number})"),
            _ => HIDDEN.to_owned(),
        }
    }

    /// The same for an `Option` of a reference.
    fn optional(&self, (id, key): (KeyId, &Key), option: &str) -> String {
        match self.0.get(&id) {
            Some(number) if !key.secret => format!("&{option}.map(|value| tea::Shown(value, SHOW_{number}))"),
            _ => HIDDEN.to_owned(),
        }
    }
}

/// What `Debug` shows of a secret.
const HIDDEN: &str = "&::core::format_args!(\"<secret>\")";

/// Whether the caller may leave an input unset.
fn may_be_left_out(key: &Key) -> bool {
    key.optional && key.default.is_none()
}

pub(super) fn input(text: &mut String, plan: &Plan, names: &Names, shows: &Shows, Seen { vis, .. }: &Seen) {
    let inputs: Vec<_> = numbered(plan).filter(|(_, key)| key.input).collect();
    let (mut fields, mut parameters, mut values, mut debug) =
        (String::new(), String::new(), String::new(), String::new());
    for (id, key) in &inputs {
        let own = names.key(*id);
        let (ty, debugged) = if may_be_left_out(key) {
            let ty = format!("::core::option::Option<types::{}>", own.alias);
            (ty, shows.optional((*id, key), &format!("self.{}.as_ref()", own.variable)))
        } else {
            (format!("types::{}", own.alias), shows.field((*id, key), &format!("&self.{}", own.variable)))
        };
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {vis} {}: {ty},", own.variable);
        let _ = writeln!(debug, "            f.field({:?}, {debugged});", key.name.value);
        if may_be_left_out(key) {
            let _ = write!(values, "{}: ::core::option::Option::None, ", own.variable);
        } else if key.default.is_some() {
            let _ = write!(values, "{}: keys::{}::default(), ", own.variable, own.alias);
        } else {
            let _ = write!(parameters, "{}: types::{}, ", own.variable, own.alias);
            let _ = write!(values, "{}, ", own.variable);
        }
    }
    let _ = write!(
        text,
        "    /// What the caller supplies.\n    {vis} struct Input {{\n{fields}    }}\n\n    impl Input {{\n        \
         /// The required inputs as given, the others at their defaults or unset.\n        #[must_use]\n        \
         {vis} fn new({}) -> Self {{\n            Self {{ {}}}\n        }}\n    }}\n\n",
        parameters.trim_end_matches(", "),
        values,
    );
    if parameters.is_empty() {
        *text += "    impl ::core::default::Default for Input {\n        fn default() -> Self {\n            \
                  Self::new()\n        }\n    }\n\n";
    }
    debug_impl(text, "Input", &debug);
}

pub(super) fn output(
    text: &mut String,
    plan: &Plan,
    names: &Names,
    types: &[KeyType],
    shows: &Shows,
    Seen { vis, .. }: &Seen,
) {
    let (mut fields, mut debug) = (String::new(), String::new());
    let (mut cloned, mut written) = (String::new(), String::new());
    let numbers = types.iter().enumerate().flat_map(|(number, ty)| ty.keys.iter().map(move |key| (*key, number)));
    let numbers: HashMap<KeyId, usize> = numbers.collect();
    // The functions of a type are named once: rustc would resolve them anew for each key.
    let (mut cloning, mut writing) = (BTreeMap::new(), BTreeMap::new());
    for (id, key) in numbered(plan).filter(|(_, key)| key.output) {
        let (own, number) = (names.key(id), numbers[&id]);
        let (open, close) = if key.always_set { ("", "") } else { ("::core::option::Option<", ">") };
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {vis} {}: {open}types::{}{close},", own.variable, own.alias);
        let (variable, name) = (&own.variable, &key.name.value);
        let (copy, write, debugged) = if key.always_set {
            let value = format!("&self.{variable}");
            (format!("clone_{number}({value})"), "field", shows.field((id, key), &value))
        } else {
            let option = format!("self.{variable}.as_ref()");
            (format!("{option}.map(clone_{number})"), "optional", shows.optional((id, key), &option))
        };
        cloning.entry(number).or_insert(&own.alias);
        writing.entry((number, write)).or_insert(&own.alias);
        let _ = writeln!(cloned, "                {variable}: {copy},");
        let _ = writeln!(written, "            {write}_{number}(&mut to, {name:?}, &self.{variable});");
        let _ = writeln!(debug, "            f.field({name:?}, {debugged});");
    }
    let cloning = join(cloning, "", |(number, alias)| {
        format!("            let clone_{number} = <types::{alias} as tea::IfClone<'_, {number}>>::cloned;\n")
    });
    let writing = join(writing, "", |((number, write), alias)| {
        format!("            let {write}_{number} = tea::Fields::{write}::<{number}, types::{alias}>;\n")
    });
    let bounds = |capability: &str| {
        let first = |ty: &KeyType| names.key(in_output(plan, ty)).alias.clone();
        join(types.iter().enumerate().filter(|(_, ty)| ty.output), "", |(number, ty)| {
            format!("for<'a> types::{}: tea::{capability}<'a, {number}>, ", first(ty))
        })
    };
    let count = numbered(plan).filter(|(_, key)| key.output).count();
    let _ = write!(
        text,
        "    /// What a run gives: the state at its end, without the keys that are kept out of it. It is `Clone` and `Serialize` where all \
         its types are.\n    {vis} struct Output {{\n{fields}    }}\n\n    \
         impl ::core::clone::Clone for Output where {} {{\n        fn clone(&self) -> Self {{\n{cloning}            \
         Self {{\n{cloned}            }}\n        }}\n    }}\n\n    \
         impl tea::Serialize for Output where {} {{\n        \
         fn serialize<S: tea::Serializer>(&self, to: S) -> ::core::result::Result<S::Ok, S::Error> {{\n            \
         let {}to = tea::Fields::new(to, \"Output\", {count});\n{writing}{written}            to.end()\n        }}\n    }}\n\n",
        bounds("IfClone"),
        bounds("IfSerialize"),
        if count == 0 { "" } else { "mut " },
    );
    debug_impl(text, "Output", &debug);
}

pub(super) fn state(text: &mut String, plan: &Plan, names: &Names, shows: &Shows, seen: &Seen) {
    let Seen { vis, .. } = seen;
    let (mut fields, mut debug) = (String::new(), String::new());
    for (id, key) in numbered(plan) {
        let KeyNames { variable, alias, .. } = names.key(id);
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {} {variable}: {},", seen.own(key), shared(key, alias));
        let debugged = if key.always_set {
            shows.field((id, key), &format!("&*self.{variable}"))
        } else {
            shows.optional((id, key), &format!("self.{variable}.as_deref()"))
        };
        let _ = writeln!(debug, "            f.field({:?}, {debugged});", key.name.value);
    }
    let _ = write!(
        text,
        "    /// The whole state at the end of a run, all keys included, each value shared and not copied.\n    \
         {vis} struct State {{\n{fields}    }}\n\n"
    );
    debug_impl(text, "State", &debug);
}

/// The type of a key's field in `State`.
fn shared(key: &Key, alias: &str) -> String {
    let shared = format!("::std::sync::Arc<types::{alias}>");
    if key.always_set { shared } else { format!("::core::option::Option<{shared}>") }
}

fn debug_impl(text: &mut String, name: &str, fields: &str) {
    let _ = write!(
        text,
        "    impl ::core::fmt::Debug for {name} {{\n        \
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n            \
         let mut f = f.debug_struct({name:?});\n{fields}            f.finish()\n        }}\n    }}\n\n"
    );
}

/// So many values are taken from the final state in one function: rustc's work grows with the square of the ways out.
const TAKEN_AT_ONCE: usize = 16;

pub(super) fn workflow(text: &mut String, plan: &Plan, names: &Names, Seen { vis, .. }: &Seen) {
    let mut inputs = String::new();
    let mut unset = String::new();
    for (id, key) in numbered(plan).filter(|(_, key)| key.input) {
        let KeyNames { constant, variable, .. } = names.key(id);
        let id = id.0;
        if may_be_left_out(key) {
            let _ = writeln!(
                unset,
                "            inputs.extend(input.{variable}.map(|value| ({id}, key::{constant}.share(value))));"
            );
        } else {
            let _ = write!(inputs, "({id}, key::{constant}.share(input.{variable})), ");
        }
    }
    let (inputs, some) = if unset.is_empty() {
        (format!("            ::std::vec![{inputs}]\n"), !inputs.is_empty())
    } else {
        (format!("            let mut inputs = ::std::vec![{inputs}];\n{unset}            inputs\n"), true)
    };
    let outputs: Vec<_> = numbered(plan).filter(|(_, key)| key.output).collect();
    let output = Parts::new("output", true, &outputs, names, |key, KeyNames { alias, constant, .. }| {
        let (take, ty) = if key.always_set {
            ("take", format!("types::{alias}"))
        } else {
            ("find_take", format!("::core::option::Option<types::{alias}>"))
        };
        (ty, format!("view.{take}(key::{constant})?"))
    });
    let all: Vec<_> = numbered(plan).collect();
    let state = Parts::new("state", false, &all, names, |key, KeyNames { alias, constant, .. }| {
        let share = if key.always_set { "share" } else { "find_share" };
        (shared(key, alias), format!("view.{share}(key::{constant})"))
    });
    let input = if some { "input: Input" } else { "_: Input" };
    let _ = write!(
        text,
        "    /// Ties `Input`, `Output` and `State` to the plan.\n    {vis} struct Workflow;\n\n    \
         impl tea::Workflow for Workflow {{\n        type Input = Input;\n        type Output = Output;\n        \
         type State = State;\n        const PLAN: &'static tea::Plan = &PLAN;\n\n        \
         fn inputs({input}) -> ::std::vec::Vec<(u32, tea::Value)> {{\n{inputs}        }}\n\n        \
         fn output({}: tea::View) -> ::core::result::Result<Output, ::std::boxed::Box<tea::Failure>> {{\n{}            \
         ::core::result::Result::Ok(Output {{ {}}})\n        }}\n\n        \
         fn state({}: tea::View) -> State {{\n{}            State {{ {}}}\n        }}\n    }}\n\n{}{}",
        output.view(),
        output.calls,
        output.fields,
        state.view(),
        state.calls,
        state.fields,
        output.functions,
        state.functions,
    );
}

/// The functions that take a struct's values out of the final state, a part each; their calls; and what they gave as the
/// struct's fields.
#[derive(Default)]
struct Parts {
    functions: String,
    calls: String,
    fields: String,
}

impl Parts {
    /// For these keys; `value` gives a key's type, and the expression for its value, which ends in `?` if it may fail.
    fn new(
        what: &str,
        fallible: bool,
        keys: &[(KeyId, &Key)],
        names: &Names,
        value: impl Fn(&Key, &KeyNames) -> (String, String),
    ) -> Self {
        let (open, close, ok, question_mark) = if fallible {
            ("::core::result::Result<", ", ::std::boxed::Box<tea::Failure>>", "::core::result::Result::Ok", "?")
        } else {
            ("", "", "", "")
        };
        let mut parts = Self::default();
        for (part, number) in keys.chunks(TAKEN_AT_ONCE).zip(0..) {
            let (types, values): (Vec<_>, Vec<_>) = part.iter().map(|(id, key)| value(key, names.key(*id))).unzip();
            let _ = write!(
                parts.functions,
                "    fn {what}_{number}(view: &mut tea::View) -> {open}({},){close} {{\n        {ok}(({},))\n    }}\n\n",
                types.join(", "),
                values.join(", "),
            );
            let _ = writeln!(parts.calls, "            let part_{number} = {what}_{number}(&mut view){question_mark};");
            for ((id, _), at) in part.iter().zip(0..) {
                let _ = write!(parts.fields, "{}: part_{number}.{at}, ", names.key(*id).variable);
            }
        }
        parts
    }

    /// The pattern that binds the view.
    fn view(&self) -> &'static str {
        if self.calls.is_empty() { "_" } else { "mut view" }
    }
}
