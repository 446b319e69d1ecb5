//! The user's Rust, piece by piece, each in the macro call of the runtime's that makes something of it.

use std::collections::BTreeSet;

use super::{
    identifiers::{Names, Unique, snake, variable},
    join,
    types::{self, KeyType},
};
use crate::{
    graph::resolve,
    plan::{Action, Call, Code, Input, Key, KeyId, Map, Output, Plan, Run, Step},
    source::{Sources, Span},
    syntax::Rust,
};

/// All pieces of a workflow.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    /// The pieces; sorted by place once all are there.
    pub(super) list: Vec<Piece<'a>>,
    /// What pieces call the module.
    module: String,
    /// The names of the workflows that are called.
    called: &'a [Names],
    functions: Unique,
    /// The names of nodes and conditions.
    pub(super) nodes: Vec<String>,
}

/// One item.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    /// Whose it is.
    pub(super) name: String,
    /// Where that is written.
    pub(super) place: Span,
    /// Our text and the user's, in turns; begins and ends with ours.
    pub(super) parts: Vec<Part<'a>>,
    /// The variables that our text binds for the user's.
    pub(super) bound: Vec<String>,
}

/// Some text of a piece.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// Ours, on one line.
    Glue(String),
    /// The user's.
    Rust(&'a Rust),
}

impl Piece<'_> {
    /// The place of the user's Rust that comes first, if there is any.
    pub(super) fn span(&self) -> Span {
        let spans = self.parts.iter().filter_map(|part| match part {
            Part::Glue(_) => None,
            Part::Rust(rust) => Some(rust.span),
        });
        spans.min().unwrap_or(self.place)
    }
}

impl<'a> Pieces<'a> {
    pub(super) fn new(module: &str, called: &'a [Names]) -> Self {
        Self { list: Vec::new(), module: module.to_owned(), called, functions: Unique::default(), nodes: Vec::new() }
    }

    /// Adds what keys consist of: types, defaults, reducers.
    pub(super) fn keys(&mut self, plan: &'a Plan, names: &Names, types: &[KeyType]) {
        for ty in types {
            let first = ty.keys[0];
            for key in &ty.keys {
                let own = names.key(*key);
                let check = match (*key == first, ty.plain, ty.wired()) {
                    (false, ..) => format!("like {}", names.key(first).alias),
                    (true, false, _) => format!("by {}", check_of(own)),
                    (true, true, true) => "wired".to_owned(),
                    (true, true, false) => "shared".to_owned(),
                };
                let head = format!("__tea::key! {{ {} {} {} {} ({check})", self.module, key.0, own.alias, own.constant);
                self.key(own.constant.to_lowercase(), head, &plan.keys[key.0 as usize]);
            }
        }
    }

    fn key(&mut self, name: String, head: String, key: &'a Key) {
        let mut written = vec![("ty", &key.ty)];
        written.extend(key.default.iter().map(|default| ("default", default)));
        written.extend(key.reduce.iter().map(|reduce| ("reduce", reduce)));
        // In the order in which they are written, so that each can be put at its place.
        written.sort_by_key(|(_, rust)| rust.span);
        let mut glue = head + " ";
        let mut parts = Vec::new();
        for (what, rust) in written {
            parts.push(Part::Glue(format!("{glue}{what}(")));
            parts.push(Part::Rust(rust));
            glue.clear();
            glue.push(')');
        }
        parts.push(Part::Glue(") }".to_owned()));
        self.list.push(Piece { name, place: key.name.span, parts, bound: Vec::new() });
    }

    /// Adds a node, and gives its name.
    pub(super) fn node(&mut self, step: &Step, node: &'a Run, plan: &Plan, names: &Names) -> String {
        let function = self.take(&snake(&step.name));
        let code = match &node.action {
            Action::Rust(code) => code,
            Action::Ask(question) => {
                let scope = scope([question], plan, names);
                let head = format!("__tea::ask! {{ {} {function} {scope} =>", self.module);
                self.function(&function, step.span, head, question, names);
                return function;
            }
            Action::Call(call) => {
                self.call(&function, step.span, (call, &node.output), plan, names);
                return function;
            }
        };
        let alias = |key: &KeyId| names.key(*key).alias.as_str();
        let output = match &node.output {
            Output::None => String::new(),
            Output::One(key) => alias(key).to_owned(),
            Output::Tuple(keys) => match tuples(keys)[..] {
                [one] => join(one, " ", |key| format!("{},", alias(key))),
                ref several => {
                    let mut numbers = 0..;
                    let mut part = |key| format!("part_{}: {},", numbers.next().unwrap_or(0), alias(key));
                    join(several, " ", |keys| format!("({}),", join(*keys, " ", &mut part)))
                }
            },
        };
        let scope = scope([code], plan, names);
        let head = format!("__tea::node! {{ {} {function}({}) {scope} =>", self.module, output.trim_end());
        self.function(&function, step.span, head, code, names);
        function
    }

    /// Adds the inputs of a call.
    fn call(&mut self, function: &str, place: Span, (call, output): (&'a Call, &Output), plan: &Plan, names: &Names) {
        let called = &self.called[call.number];
        let to: &[KeyId] = match output {
            Output::None => &[],
            Output::One(key) => std::slice::from_ref(key),
            Output::Tuple(keys) => keys,
        };
        let gives = join(call.gives.iter().zip(to), " ", |(from, to)| {
            format!("{} {}", called.key(*from).constant, names.key(*to).constant)
        });
        let head = format!(
            "__tea::call! {{ {} {function} {} ({gives}) {} =>",
            self.module,
            called.module,
            scope(passed(call), plan, names),
        );
        let mut parts = vec![Part::Glue(head)];
        self.inputs(call, names, &mut parts);
        push_glue(&mut parts, " }");
        let bound = passed(call).flat_map(|code| bound(code, names)).collect();
        self.list.push(Piece { name: function.to_owned(), place, parts, bound });
    }

    /// What is passed to a call.
    fn inputs(&self, call: &'a Call, names: &Names, parts: &mut Vec<Part<'a>>) {
        let called = &self.called[call.number];
        let mut inputs: Vec<&Input> = call.inputs.iter().collect();
        // In the order in which they are written, so that each can be put at its place.
        inputs.sort_by_key(|input| input.value.rust.span);
        for input in inputs {
            let key = called.key(input.key);
            if let Some(ours) = input.shared {
                push_glue(parts, &format!(" shares({} {})", key.constant, names.key(ours).constant));
            } else {
                push_glue(parts, &format!(" passes({} {}", key.constant, key.alias));
                parts.push(Part::Rust(&input.value.rust));
                push_glue(parts, ")");
            }
        }
    }

    /// Adds a condition, named after whose it is, and gives its name.
    pub(super) fn condition(&mut self, of: &str, code: &'a Code, plan: &Plan, names: &Names) -> String {
        let function = self.take(&format!("{}_when", snake(of)));
        let head = format!("__tea::condition! {{ {} {function} {} =>", self.module, scope([code], plan, names));
        self.function(&function, code.rust.span, head, code, names);
        function
    }

    /// Adds the value of a key after a failure, and gives its name.
    pub(super) fn fallback(&mut self, of: &str, key: KeyId, code: &'a Code, plan: &Plan, names: &Names) -> String {
        let key = names.key(key);
        let function = self.take(&format!("{}_or_{}", snake(of), key.constant.to_lowercase()));
        let scope = scope([code], plan, names);
        let head = format!("__tea::node! {{ {} {function}({}) {scope} =>", self.module, key.alias);
        self.function(&function, code.rust.span, head, code, names);
        function
    }

    /// Adds a map, and gives its name.
    pub(super) fn map(
        &mut self,
        name: &str,
        span: Span,
        map: &'a Map,
        plan: &Plan,
        names: &Names,
        sources: &Sources,
    ) -> String {
        let constant = self.take(&snake(name));
        let index = map.index_var.as_deref().map(variable).unwrap_or_default();
        let separator = if index.is_empty() { "" } else { ", " };
        let own = match &map.variables[..] {
            [one] => variable(&one.name),
            several => format!("({})", join(several, " ", |one| variable(&one.name))),
        };
        let own = format!("({own}{separator}{index})");
        let mut body = Vec::new();
        match &map.body {
            Action::Rust(code) | Action::Ask(code) => {
                body.push(Part::Glue(format!("body({own} {} =>", scope([code], plan, names))));
                body.push(Part::Rust(&code.rust));
            }
            Action::Call(call) => {
                let called = &self.called[call.number];
                let gives = call.gives.first().map_or("", |key| &called.key(*key).constant);
                body.push(Part::Glue(format!(
                    "body(calls {} {} ({gives}) {own} {} =>",
                    called.module,
                    call.number,
                    scope(passed(call), plan, names)
                )));
                self.inputs(call, names, &mut body);
            }
        }
        push_glue(&mut body, ")");
        let constant_of = |key: KeyId| &names.key(key).constant;
        let output = match map.output {
            None => "()".to_owned(),
            Some(output) => {
                let (key, reduced) = (names.key(output.key), if output.reduce { "reduced " } else { "" });
                format!("({reduced}{} {})", key.constant, key.alias)
            }
        };
        let failures = map.failures.map(constant_of).map_or("()".to_owned(), |key| format!("({key})"));
        let wire = wire(name, span, map, plan, sources);
        let head = format!("__tea::map_node! {{ {} {constant} {output} {failures} {wire}", self.module);
        let mut items = Vec::new();
        let is_sweep = map.variables.len() > 1;
        items.push(Part::Glue(if is_sweep { "items(sweep" } else { "items" }.to_owned()));
        for one in &map.variables {
            let head = if is_sweep { format!("({} ", variable(&one.name)) } else { String::new() };
            let tail = if is_sweep { "))" } else { ")" };
            if let Some(key) = one.key {
                push_glue(&mut items, &format!("{head}(in_place {}{tail}", constant_of(key)));
            } else {
                push_glue(&mut items, &format!("{head}(given {} =>", scope([&one.items], plan, names)));
                items.push(Part::Rust(&one.items.rust));
                items.push(Part::Glue(tail.to_owned()));
            }
        }
        if is_sweep {
            push_glue(&mut items, ")");
        }
        let first_of = |code: &mut dyn Iterator<Item = &Code>| code.map(|code| code.rust.span).min();
        let body_span = first_of(&mut map.body.code());
        // In the order in which they are written, so that each can be put at its place.
        let items_span = first_of(&mut map.variables.iter().filter(|one| one.key.is_none()).map(|one| &one.items));
        let order = if items_span.is_none_or(|items| body_span.is_none_or(|body| items < body)) {
            [items, body]
        } else {
            [body, items]
        };
        let mut parts = vec![Part::Glue(head)];
        for part in order.into_iter().flatten() {
            match part {
                Part::Glue(glue) => push_glue(&mut parts, &format!(" {glue}")),
                Part::Rust(rust) => parts.push(Part::Rust(rust)),
            }
        }
        push_glue(&mut parts, " }");
        let mut bound: Vec<_> = map.items().flat_map(|code| bound(code, names)).collect();
        bound.extend(map.body.code().flat_map(|code| self::bound(code, names)));
        bound.extend(map.own_names().into_iter().map(variable));
        self.list.push(Piece { name: constant.clone(), place: span, parts, bound });
        constant
    }

    fn take(&mut self, wanted: &str) -> String {
        let name = self.functions.take(wanted);
        self.nodes.push(name.clone());
        name
    }

    fn function(&mut self, name: &str, place: Span, head: String, code: &'a Code, names: &Names) {
        let parts = vec![Part::Glue(head), Part::Rust(&code.rust), Part::Glue("}".to_owned())];
        self.list.push(Piece { name: name.to_owned(), place, parts, bound: bound(code, names).collect() });
    }
}

/// The keys that take a tuple apart, as tuples for which the runtime has an implementation: longer ones are tuples of
/// tuples.
pub(super) fn tuples(keys: &[KeyId]) -> Vec<&[KeyId]> {
    const LONGEST: usize = 12;
    keys.chunks(LONGEST).collect()
}

/// Name of the function that checks a key's type.
pub(super) fn check_of(key: &super::identifiers::KeyNames) -> String {
    key.constant.to_lowercase() + "_type"
}

/// Adds our text to a piece.
fn push_glue(parts: &mut Vec<Part<'_>>, more: &str) {
    match parts.last_mut() {
        Some(Part::Glue(glue)) => *glue += more,
        _ => parts.push(Part::Glue(more.to_owned())),
    }
}

/// The values of inputs that are not shared.
fn passed(call: &Call) -> impl Iterator<Item = &Code> {
    call.inputs.iter().filter(|input| input.shared.is_none()).map(|input| &input.value)
}

/// What some Rust reads: `[chunks: get CHUNKS, k: copy K] (ctx; parallel_results; outcome; near)`.
fn scope<'c>(code: impl IntoIterator<Item = &'c Code>, plan: &Plan, names: &Names) -> String {
    let (mut keys, mut near, mut uses_ctx, mut uses_results) = (BTreeSet::new(), BTreeSet::new(), false, false);
    let (mut at_end, mut uses_outcome) = (false, false);
    for code in code {
        at_end |= code.at_end;
        uses_outcome |= code.uses_outcome();
        keys.extend(&code.reads);
        near.extend(&code.near);
        uses_ctx |= code.uses_ctx;
        uses_results |= code.uses_results;
    }
    let reads = join(&keys, ", ", |id: &&KeyId| {
        let key = &plan.keys[id.0 as usize];
        let method = match (key.optional || at_end && !key.input, key.by_value) {
            (false, false) => "get",
            (false, true) => "copy",
            (true, false) => "find",
            (true, true) => "find_copy",
        };
        format!("{}: {method} {}", names.key(**id).variable, names.key(**id).constant)
    });
    let context = if uses_ctx { "ctx" } else { "" };
    let results = if uses_results { "parallel_results" } else { "" };
    let outcome = if uses_outcome { "outcome" } else { "" };
    let near = join(&near, " ", |key: &&KeyId| names.key(**key).variable.clone());
    format!("[{reads}] ({context};{results};{outcome};{near})")
}

/// The variables in it.
fn bound(code: &Code, names: &Names) -> impl Iterator<Item = String> {
    let keys = code.reads.iter().chain(&code.near).map(|key| names.key(*key).variable.clone());
    let given =
        [(code.uses_ctx, "ctx"), (code.uses_results, "parallel_results"), (code.uses_outcome(), resolve::OUTCOME)];
    keys.chain(given.into_iter().filter(|(uses, _)| *uses).map(|(_, name)| name.to_owned()))
}

/// What is done with the bytes of a map's items and results, and what to say of types that have none.
fn wire(name: &str, span: Span, map: &Map, plan: &Plan, sources: &Sources) -> String {
    let at = types::place(span, sources);
    let says = |message: String, label: &str, notes: [String; 2]| {
        format!("({message:?} {label:?} {:?} {:?})", notes[0], notes[1])
    };
    if map.policy.strategy.crosses() {
        let crossing = |what: &str| {
            let cannot = format!("{what} of `{name}` cannot cross to a worker process");
            let why = format!("`{name}` at {at} runs its items with `{}`", map.policy.strategy.name());
            let help = "derive `serde::Serialize` and `serde::Deserialize` for the type, or run the node with \
                        `parallel_strategy: thread`";
            says(cannot, "is not `Serialize` and `Deserialize`", [why, help.to_owned()])
        };
        return format!("((wired {}) (wired {}))", crossing("items"), crossing("results"));
    }
    if let Some(cache) = map.cached {
        let why = format!("the `cache` at {} keeps each item of `{name}` at {at}", types::place(cache, sources));
        let cached = |what: &str, lacks: &str, traits: &str| {
            let help = format!("derive {traits} for the type, or remove `cache`");
            says(format!("{what} of `{name}` cannot be cached"), lacks, [why.clone(), help])
        };
        let items = cached("items", "is not `Serialize`", "`serde::Serialize`");
        let both = "`serde::Serialize` and `serde::Deserialize`";
        let results = cached("results", "is not `Serialize` and `Deserialize`", both);
        return format!("((hashed {items}) (wired {results}))");
    }
    let Some(checkpoint) = plan.checkpoint.as_ref().filter(|_| map.recorded) else {
        return "((local) (local))".to_owned();
    };
    let why =
        format!("the `checkpoint` at {} records each item of `{name}` at {at}", types::place(checkpoint.span, sources));
    let results = says(
        format!("results of `{name}` cannot be recorded"),
        "is not `Serialize` and `Deserialize`",
        [
            why.clone(),
            "derive `serde::Serialize` and `serde::Deserialize` for the type, or make the output `transient: true`: all items \
             then run again on resume"
                .to_owned(),
        ],
    );
    if map.items_key().is_some() {
        // They are identified by their index.
        return format!("((local) (wired {results}))");
    }
    let items = says(
        format!("items of `{name}` cannot be recognised on resume"),
        "is not `Serialize`",
        [
            format!("{why}, and items of an expression are identified by their content"),
            format!(
                "derive `serde::Serialize` for the type, or let a node before `{name}` write the items to a key, where they are \
                 identified by their index"
            ),
        ],
    );
    format!("((hashed {items}) (wired {results}))")
}
