//! The generated module: what a user sees of a workflow, and its plan.

use std::fmt::Write;

use super::{
    Around, Surface,
    identifiers::{KeyNames, Names},
    join,
    pieces::check_of,
    tables::{Tables, checkpoint, option},
    types::{Complaint, KeyType},
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

/// Writes the module.
pub(super) fn write(around: Around<'_>, types: &[KeyType], tables: &Tables, nodes: &[String]) -> String {
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
    input(&mut text, plan, names, &seen);
    output(&mut text, plan, names, types, &seen);
    state(&mut text, plan, names, &seen);
    workflow(&mut text, plan, names, &seen);
    keys(&mut text, plan, names, nodes, &seen);
    checks(&mut text, around, types, &seen);
    key_table(&mut text, plan, names, types);
    let _ = write!(
        text,
        "    /// The plan: what runs when, and with which settings.\n    {vis} static PLAN: tea::Plan = tea::Plan {{\n        \
         name: {:?}, description: {:?}, file: {file:?}, module: \
         ::core::concat!(::core::module_path!(), \" at \", ::core::file!(), \":\", ::core::line!(), \":\", \
         ::core::column!()),\n        \
         package: ::core::option_env!(\"CARGO_PKG_NAME\"), version: ::core::option_env!(\"CARGO_PKG_VERSION\"), \
         panics_abort: ::core::cfg!(panic = \"abort\"), keys: &KEYS,\n        \
         root: {},\n        sites: &[{}],\n        max_workers: {}, checkpoint: {},\n    }};\n",
        plan.name.value,
        plan.description.as_deref().unwrap_or_default(),
        tables.root,
        tables.sites.trim_end(),
        option(plan.max_workers),
        checkpoint(plan),
    );
    text += &tables.statics;
    if surface.main && surface.warnings {
        left_out(&mut text, around, types);
    }
    let _ = writeln!(text, "\n    tea::entries! {{ ({vis}) }}\n}}");
    text
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

/// Whether the caller may leave an input unset.
fn may_be_left_out(key: &Key) -> bool {
    key.optional && key.default.is_none()
}

fn input(text: &mut String, plan: &Plan, names: &Names, Seen { vis, .. }: &Seen) {
    let inputs: Vec<_> = numbered(plan).filter(|(_, key)| key.input).collect();
    let (mut fields, mut parameters, mut values, mut debug) =
        (String::new(), String::new(), String::new(), String::new());
    for (id, key) in &inputs {
        let own = names.key(*id);
        let (ty, debugged) = if may_be_left_out(key) {
            (format!("::core::option::Option<types::{}>", own.alias), format!("{}?", own.alias))
        } else {
            (format!("types::{}", own.alias), own.alias.clone())
        };
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {vis} {}: {ty},", own.variable);
        let _ = writeln!(debug, "            f.field({:?}, {});", key.name.value, shown(key, &own.variable, &debugged));
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

fn output(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType], Seen { vis, .. }: &Seen) {
    let (mut fields, mut debug) = (String::new(), String::new());
    let (mut cloned, mut written) = (String::new(), String::new());
    for (id, key) in numbered(plan).filter(|(_, key)| key.output) {
        let own = names.key(id);
        let (open, close) = if key.always_set { ("", "") } else { ("::core::option::Option<", ">") };
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {vis} {}: {open}types::{}{close},", own.variable, own.alias);
        let ty = if key.always_set { own.alias.clone() } else { format!("{}?", own.alias) };
        let _ = writeln!(debug, "            f.field({:?}, {});", key.name.value, shown(key, &own.variable, &ty));
        let (variable, name) = (&own.variable, &key.name.value);
        let (copy, field) = if key.always_set {
            (format!("tea::IfClone::cloned(&self.{variable})"), format!("tea::Written(&self.{variable})"))
        } else {
            let option = format!("self.{variable}.as_ref()");
            (format!("{option}.map(tea::IfClone::cloned)"), format!("{option}.map(tea::Written)"))
        };
        let _ = writeln!(cloned, "                {variable}: {copy},");
        let _ = writeln!(written, "            tea::SerializeStruct::serialize_field(&mut to, {name:?}, &{field})?;");
    }
    let bounds = |capability: &str| {
        let first = |ty: &KeyType| names.key(in_output(plan, ty)).alias.clone();
        join(types.iter().filter(|ty| ty.output), "", |ty| {
            format!("for<'a> types::{}: tea::{capability}<'a>, ", first(ty))
        })
    };
    let count = numbered(plan).filter(|(_, key)| key.output).count();
    let _ = write!(
        text,
        "    /// What a run gives: the state at its end, without the keys that are kept out of it. It is `Clone` and `Serialize` where all \
         its types are.\n    {vis} struct Output {{\n{fields}    }}\n\n    \
         impl ::core::clone::Clone for Output where {} {{\n        fn clone(&self) -> Self {{\n            \
         Self {{\n{cloned}            }}\n        }}\n    }}\n\n    \
         impl tea::Serialize for Output where {} {{\n        \
         fn serialize<S: tea::Serializer>(&self, to: S) -> ::core::result::Result<S::Ok, S::Error> {{\n            \
         let {}to = to.serialize_struct(\"Output\", {count})?;\n{written}            tea::SerializeStruct::end(to)\n        }}\n    }}\n\n",
        bounds("IfClone"),
        bounds("IfSerialize"),
        if count == 0 { "" } else { "mut " },
    );
    debug_impl(text, "Output", &debug);
}

fn state(text: &mut String, plan: &Plan, names: &Names, seen: &Seen) {
    let Seen { vis, .. } = seen;
    let (mut fields, mut debug) = (String::new(), String::new());
    for (id, key) in numbered(plan) {
        let KeyNames { variable, alias, .. } = names.key(id);
        let _ = writeln!(fields, "        #[doc = {:?}]", doc(key));
        let _ = writeln!(fields, "        {} {variable}: {},", seen.own(key), shared(key, alias));
        let shown = if key.secret {
            HIDDEN.to_owned()
        } else if key.always_set {
            format!("&tea::shown!(types::{alias}, &*self.{variable})")
        } else {
            format!("&self.{variable}.as_deref().map(|value| tea::shown!(types::{alias}, value))")
        };
        let _ = writeln!(debug, "            f.field({:?}, {shown});", key.name.value);
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

/// What `Debug` shows of a secret.
const HIDDEN: &str = "&::core::format_args!(\"<secret>\")";

/// A field as `Debug` shows it; a type ending in `?` is optional.
fn shown(key: &Key, field: &str, ty: &str) -> String {
    if key.secret {
        return HIDDEN.to_owned();
    }
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
         let mut f = f.debug_struct({name:?});\n{fields}            f.finish()\n        }}\n    }}\n\n"
    );
}

/// So many values are taken from the final state in one function: rustc's work grows with the square of the ways out.
const TAKEN_AT_ONCE: usize = 16;

fn workflow(text: &mut String, plan: &Plan, names: &Names, Seen { vis, .. }: &Seen) {
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

fn keys(text: &mut String, plan: &Plan, names: &Names, nodes: &[String], seen: &Seen) {
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
        "    /// What stands for each node and condition: has its function.\n    #[doc(hidden)]\n    \
         {vis} mod nodes {{\n{nodes}    }}\n\n    \
         /// What stands for each state key: has its type, default and reducer.\n    #[doc(hidden)]\n    \
         {vis} mod keys {{\n{markers}    }}\n\n    /// The types of the state keys.\n    {vis} mod types {{\n{aliases}    }}\n\n    \
         /// The state keys, as `View::find` and `Error::state` take them.\n    {vis} mod key {{\n{constants}    }}\n\n"
    );
}

/// What every type that is not plain must prove, once a type.
fn checks(text: &mut String, around: Around<'_>, types: &[KeyType], seen: &Seen) {
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
        let wired = match &plan.checkpoint {
            _ if ty.crosses => Some(("Crosses", ty.not_crossing(plan, sources))),
            Some(checkpoint) if ty.recorded => Some(("Recorded", ty.not_recorded(checkpoint.span, plan, sources))),
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

fn key_table(text: &mut String, plan: &Plan, names: &Names, types: &[KeyType]) {
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
    (!fields.is_empty()).then(|| format!("tea::FlagSpec {{ {fields}..tea::FlagSpec::PLAIN }}"))
}
