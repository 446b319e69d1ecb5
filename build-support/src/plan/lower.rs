//! Graph → plan. Everything has been checked; this only gathers.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Action, Arm, Block, Call, Code, CodeId, Input, Key, KeyId, Level, Map, MapOutput, Next, Origin, Output, Outside,
    Plan, Region, Run, Step, Task, Variable, Work,
};
use crate::{
    graph::{self, Graph, access::Access, copying, crossing, resolve, settings},
    source::{Span, Spanned},
    suggest,
    syntax::{self, Parallel, Rust, SHARED, Strategy},
};

/// The plan of a graph in which no error was found. The IDs of its regions and maps begin with `first_site`. `defaults` are
/// the `settings.parallel` of the program's workflow.
#[must_use]
pub fn lower(graph: &Graph<'_>, access: &Access, number: Option<usize>, first_site: u32, defaults: &Parallel) -> Plan {
    let workflow = graph.workflow;
    let mut lower = Lower { graph, access, defaults, sites: first_site };
    let root = lower.block(0);
    let finally = workflow.finally.iter().map(|node| lower.finally(node)).collect();
    let mut crosses = crossing::crossings(graph, access);
    let mut copied = copying::copies(graph, access);
    let cached = cached(graph);
    let keys = graph.keys.iter().map(|(id, key)| Key {
        name: key.name.clone(),
        ty: key.ty.clone(),
        by_value: is_by_value(&key.ty.text),
        input: key.input.is_some(),
        default: key.default.clone(),
        reduce: key.reduce.clone(),
        transient: key.transient.is_some(),
        // What a called workflow gives is up to its callers.
        output: key.in_output() && number.is_none(),
        secret: key.secret.is_some(),
        optional: key.optional.is_some(),
        description: key.description.clone(),
        short: key.short.as_ref().and_then(|short| short.value.chars().next()),
        positional: key.positional.is_some(),
        value_name: key.value_name.as_ref().map(|name| name.value.clone()),
        env: key.env.as_ref().map(|name| name.value.clone()),
        choices: key.choices.iter().map(|choice| choice.value.clone()).collect(),
        asked: graph.is_answer(id),
        always_set: access.blocks[0].sets.binary_search(&id).is_ok(),
        crosses: crosses.remove(&id).unwrap_or_default(),
        recorded: workflow.checkpoint.is_some() && key.transient.is_none() && key.secret.is_none(),
        cached: cached.get(&id).copied(),
        copied: copied.remove(&id).unwrap_or_default(),
    });
    Plan {
        number,
        called: Vec::new(),
        name: workflow.name.clone(),
        description: workflow.description.clone(),
        keys: keys.collect(),
        root,
        finally,
        sites: lower.sites,
        max_workers: workflow.parallel.max_workers.as_ref().map(|setting| setting.value),
        remote: remote(workflow),
        checkpoint: workflow.checkpoint.clone(),
        identities: None,
    }
}

/// The first `remote` in the file.
fn remote(workflow: &syntax::Workflow) -> Option<Span> {
    let edges = workflow.edges.iter().map(|edge| &edge.settings);
    let settings = edges.chain(workflow.nodes.iter().map(|node| &node.parallel)).chain([&workflow.parallel]);
    let strategies = settings.filter_map(|settings| settings.strategy.as_ref());
    let remote = strategies.filter(|strategy| strategy.value == Strategy::Remote).map(|strategy| strategy.span);
    remote.min_by_key(|span| span.start)
}

/// The keys that nodes with `cache` read or write, with the first such `cache`.
fn cached(graph: &Graph<'_>) -> HashMap<KeyId, Span> {
    let mut found = HashMap::new();
    for (node, access) in graph.workflow.nodes.iter().zip(&graph.nodes) {
        let Some(cache) = node.cache else { continue };
        let reads = access.reads.iter().map(|read| read.0);
        for key in reads.chain(access.writes.iter().map(|write| write.key)) {
            found.entry(key).or_insert(cache);
        }
    }
    found
}

/// Numbers, `bool` and `char`, as they are written.
fn is_by_value(ty: &str) -> bool {
    #[rustfmt::skip]
    const BY_VALUE: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize",
    ];
    BY_VALUE.contains(&ty.trim())
}

struct Lower<'a, 'g> {
    graph: &'g Graph<'a>,
    access: &'g Access,
    defaults: &'g Parallel,
    sites: u32,
}

// Recursion goes as deep as fan-outs are nested, which the graph bounds.
impl Lower<'_, '_> {
    fn block(&mut self, index: usize) -> Block {
        let block = &self.graph.blocks[index];
        Block {
            entry: self.next(&block.entry),
            steps: block.steps.iter().map(|step| self.step(step)).collect(),
            keys: self.access.blocks[index].keys.clone(),
        }
    }

    /// A node of `finally`, in a block of its own.
    fn finally(&self, node: &syntax::Finally) -> Block {
        let code = Code { at_end: true, ..self.code(&node.run, &[resolve::OUTCOME]) };
        let keys = code.reads.clone();
        let step = Step {
            name: node.name.value.clone(),
            span: node.name.span,
            work: Work::Run(Run { action: Action::Rust(code), output: Output::None }),
            next: Next::Go(graph::Target::End),
            max_visits: MAX_VISITS,
            rerun: false,
            cached: None,
            version: None,
            code: CodeId::default(),
        };
        Block { entry: Next::Go(graph::Target::Step(0)), steps: vec![step], keys }
    }

    fn step(&mut self, step: &graph::Step<'_>) -> Step {
        let workflow = self.graph.workflow;
        let node = workflow.nodes.get(step.node);
        let work = match (step.region, node) {
            (Some(region), _) => Work::FanOut(Box::new(self.region(region))),
            (None, Some(node)) => self.node(step.node, node),
            (None, None) => unreachable!("`__start__` is a step only as a fan-out"),
        };
        let span = match step.region {
            Some(region) => self.graph.regions[region].span,
            None => node.map_or(workflow.name.span, |node| node.name.span),
        };
        Step {
            name: self.graph.name(step.node).to_owned(),
            span,
            work,
            next: self.next(&step.next),
            max_visits: node.and_then(|node| node.max_visits.as_ref()).map_or(MAX_VISITS, |visits| visits.value),
            rerun: step.region.is_none() && node.is_some_and(|node| node.rerun.is_some()),
            cached: node.filter(|_| step.region.is_none()).and_then(|node| node.cache),
            version: step
                .region
                .is_none()
                .then(|| node?.fingerprint.version.as_ref())
                .flatten()
                .map(|version| version.value.clone()),
            code: CodeId {
                outside: node.filter(|_| step.region.is_none()).map(|node| self.outside(node)).unwrap_or_default(),
                ..CodeId::default()
            },
        }
    }

    fn next(&self, next: &graph::Next<'_>) -> Next {
        match next {
            graph::Next::Fork(tasks) => Next::Fork(tasks.clone()),
            graph::Next::Choose(arms) => match arms[..] {
                [(None, target)] => Next::Go(target),
                _ => Next::Choose(
                    arms.iter()
                        .map(|(when, to)| Arm {
                            when: when.map(|rust| self.code(rust, &[])),
                            to: *to,
                            code: CodeId::default(),
                        })
                        .collect(),
                ),
            },
        }
    }

    fn code(&self, rust: &Rust, hidden: &[&str]) -> Code {
        let uses = self.graph.keys.uses(rust, hidden);
        Code {
            rust: rust.clone(),
            reads: uses.keys.into_iter().map(|(key, _)| key).collect(),
            uses_ctx: uses.context,
            uses_results: uses.results.is_some(),
            at_end: false,
            near: self.near(rust, hidden),
        }
    }

    /// What keys that a task writes are if it fails, in the order in which they are written.
    fn fallback(&self, task: &graph::Task<'_>, access: &graph::access::TaskAccess) -> Vec<(KeyId, Code)> {
        let keys = access.writes.iter().map(|write| write.key);
        let values = keys.filter_map(|key| Some((key, self.code(self.graph.fallback(task, key)?, &[]))));
        values.collect()
    }

    fn action(&self, node: &syntax::Node, hidden: &[&str]) -> Action {
        let call = match node.work.action() {
            syntax::Action::Rust(rust) => return Action::Rust(self.code(rust, hidden)),
            syntax::Action::Ask(question) => return Action::Ask(self.code(question, hidden)),
            syntax::Action::Call(call) => call,
        };
        let number = call.number.expect("what cannot be loaded is an error");
        let key = |name: &Spanned<String>| {
            let (number, _) = self.graph.called[number].key(&name.value).expect("unknown keys are errors");
            KeyId(u32::try_from(number).expect("a file has fewer than 2^32 keys"))
        };
        let code = || CodeId { outside: outside(node), ..CodeId::default() };
        let input = |(name, value): &(Spanned<String>, Rust)| Input {
            key: key(name),
            value: self.code(value, hidden),
            shared: self.graph.keys.just_a_key(value, hidden),
            of_item: value.names.iter().any(|name| hidden.contains(&name.value.as_str())),
            code: code(),
        };
        let is_given = |key: &syntax::Key| call.with.iter().any(|(name, _)| name.value == key.name.value);
        let keys = self.graph.called[number].workflow.keys.iter();
        let defaults = keys.filter(|of| of.input.is_some() && of.default.is_some() && !is_given(of));
        Action::Call(Call {
            number,
            inputs: call.with.iter().map(input).collect(),
            defaults: defaults.map(|of| (key(&of.name), code())).collect(),
            gives: call.gives.iter().map(key).collect(),
        })
    }

    /// Keys that names which are no keys may be meant for.
    fn near(&self, rust: &Rust, hidden: &[&str]) -> Vec<KeyId> {
        /// To compare names costs, and is but for a suggestion.
        const MOST: usize = 500;
        let keys = &self.graph.keys;
        let names = rust.names.iter().map(|name| name.value.as_str());
        let is_unknown = |name: &&str| !hidden.contains(name) && !resolve::is_given(name) && keys.get(name).is_none();
        let unknown: Vec<_> = names.filter(is_unknown).collect();
        if unknown.is_empty() || keys.len() > MOST {
            return Vec::new();
        }
        let all: Vec<_> = keys.iter().map(|(_, key)| key.name.value.as_str()).collect();
        let mut near: Vec<_> =
            unknown.iter().filter_map(|name| keys.get(suggest::nearest(name, all.iter().copied())?)).collect();
        let words: HashSet<_> = rust.text.split(|char: char| char != '_' && !char.is_alphanumeric()).collect();
        near.retain(|key| !words.contains(keys.name(*key)) && !hidden.contains(&keys.name(*key)));
        near.sort_unstable();
        near.dedup();
        near
    }

    fn node(&mut self, index: usize, node: &syntax::Node) -> Work {
        match &node.work {
            syntax::Work::Run(_) => {
                Work::Run(Run { action: self.action(node, &[]), output: self.output(&node.output) })
            }
            syntax::Work::Map(map) => {
                let settings = node.parallel.or(&self.graph.workflow.parallel);
                let variables = map.variables.iter().map(|variable| {
                    let items = self.code(&variable.items, &[]);
                    let name = variable.name.as_ref().map_or(resolve::ITEM, |name| &name.value).to_owned();
                    Variable { name, key: self.just_a_key(&items), items }
                });
                let variables = variables.collect();
                let output = self.graph.map_output(index);
                let is_transient = |key| self.graph.keys.entry(key).transient.is_some();
                Work::Map(Box::new(Map {
                    id: self.site(),
                    variables,
                    index_var: map.index_var.as_ref().map(|name| name.value.clone()),
                    body: self.action(node, &resolve::hidden(map)),
                    recorded: self.graph.workflow.checkpoint.is_some() && !output.is_some_and(is_transient),
                    cached: node.cache,
                    output: output.map(|key| MapOutput { key, reduce: self.graph.keys.entry(key).reduce.is_some() }),
                    failures: map.failures.as_ref().and_then(|name| self.graph.keys.get(&name.value)),
                    max_workers: value(settings.max_workers.as_ref()),
                    fail_fast: value(settings.fail_fast.as_ref()).unwrap_or(false),
                    policy: settings::policy(&settings),
                    written: self.written(&settings),
                }))
            }
        }
    }

    /// What counts as the code of a node and is only known when the program runs.
    fn outside(&self, node: &syntax::Node) -> Vec<Outside> {
        let mut all: BTreeSet<Outside> = outside(node).into_iter().collect();
        let called = node.work.action().call().and_then(|call| self.graph.called.get(call.number?));
        all.extend(called.into_iter().flat_map(|called| &called.workflow.nodes).flat_map(|node| self.outside(node)));
        all.into_iter().collect()
    }

    fn output(&self, output: &syntax::Output) -> Output {
        let key = |name: &Spanned<String>| self.graph.keys.get(&name.value).expect("unknown keys are errors");
        match output {
            syntax::Output::None => Output::None,
            syntax::Output::One(name) => Output::One(key(name)),
            syntax::Output::Tuple(names) => Output::Tuple(names.iter().map(key).collect()),
        }
    }

    /// `key`, `&key` or `key.iter()`.
    fn just_a_key(&self, code: &Code) -> Option<KeyId> {
        let &[key] = code.reads.as_slice() else { return None };
        let text = code.rust.text.trim();
        let text = text.strip_prefix('&').map(str::trim_start).or_else(|| text.strip_suffix(".iter()")).unwrap_or(text);
        (text == self.graph.keys.name(key) && self.graph.keys.entry(key).optional.is_none()).then_some(key)
    }

    /// Where settings are written.
    fn written(&self, settings: &Parallel) -> Vec<Origin> {
        let is_of = |all: &Parallel, span| all.written().any(|(_, other)| other == span);
        let written = settings.written().map(|(setting, span)| {
            let level = match () {
                () if is_of(self.defaults, span) => Level::File,
                () if is_of(&self.graph.workflow.parallel, span) => Level::Called,
                () => Level::Own,
            };
            Origin { setting, span, level }
        });
        written.collect()
    }

    fn site(&mut self) -> u32 {
        self.sites += 1;
        self.sites - 1
    }

    fn region(&mut self, index: usize) -> Region {
        let region = &self.graph.regions[index];
        let id = self.site();
        let tasks = region.tasks.iter().enumerate().map(|(number, task)| {
            let access = &self.access.regions[index].tasks[number];
            let block = self.block(task.block);
            let mut outside = Vec::new();
            all_outside(&block, &mut outside);
            outside.sort_unstable();
            outside.dedup();
            Task {
                name: self.graph.name(task.head).to_owned(),
                span: task.span,
                when: task.when.map(|rust| self.code(rust, &[])),
                when_code: CodeId::default(),
                needs: task.needs.clone(),
                block,
                code: CodeId { outside, ..CodeId::default() },
                reads: access.reads.clone(),
                writes: access.writes.clone(),
                fallback: self.fallback(task, access),
                policy: settings::policy(&task.settings),
                written: (!task.inherits).then(|| {
                    let mut written = self.written(&task.settings);
                    written.retain(|written| !SHARED.contains(&written.setting));
                    written
                }),
            }
        });
        let tasks = tasks.collect();
        let mut written = self.written(&region.settings);
        written.retain(|written| SHARED.contains(&written.setting));
        Region {
            id,
            span: region.span,
            tasks,
            dataflow: self.graph.dataflow,
            join: value(region.join.as_ref()),
            max_workers: value(region.settings.max_workers.as_ref()),
            fail_fast: value(region.settings.fail_fast.as_ref()).unwrap_or(false),
            written,
        }
    }
}

/// What counts as the code of a node and is only known when the program runs, without what it calls.
fn outside(node: &syntax::Node) -> Vec<Outside> {
    let files = node.fingerprint.sources.iter().map(|path| Outside::File(path.value.clone()));
    let variables = node.fingerprint.env.iter().map(|name| Outside::Variable(name.value.clone()));
    files.chain(variables).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The same for everything in a block.
fn all_outside(block: &Block, all: &mut Vec<Outside>) {
    for step in &block.steps {
        all.extend_from_slice(&step.code.outside);
        if let Work::FanOut(region) = &step.work {
            region.tasks.iter().for_each(|task| all.extend_from_slice(&task.code.outside));
        }
    }
}

/// Visits of a node within one run of its block, if it does not say otherwise. The runtime tells it from what is written
/// by its number.
const MAX_VISITS: u64 = 10_000;

fn value<T: Copy>(setting: Option<&Spanned<T>>) -> Option<T> {
    setting.map(|setting| setting.value)
}
