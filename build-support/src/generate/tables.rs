//! The tables of a plan: blocks, regions and maps as literals of the runtime's types. Topology is data: rustc has little
//! to do for it.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    config::config,
    identifiers::Names,
    identities::code_id,
    pieces::{self, Pieces},
    text::{join, option},
};
use crate::{
    plan::{
        Action, Arm, Block, Call, Code, CodeId, Input, KeyId, Map, Next, Origin, Output, Plan, Policy, Region, Step,
        Target, Task, Work,
    },
    source::{Sources, Span},
};

/// The tables, as text.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The block of the whole workflow, an expression.
    pub(super) root: String,
    /// What runs at the end: blocks.
    pub(super) finally: String,
    /// Statics: regions and maps by id, then settings.
    pub(super) statics: String,
    /// What the plan lists as its sites.
    pub(super) sites: String,
}

/// Writes the tables of `plan`, and hands the Rust that they refer to on to `pieces`.
pub(super) fn write<'a>(
    plan: &'a Plan,
    names: &Names,
    called: &[Names],
    pieces: &mut Pieces<'a>,
    sources: &Sources,
) -> Tables {
    let mut writer = Writer { plan, names, called, pieces, sources, policies: Vec::new(), sites: Vec::new() };
    // The root's working set is every key: inputs that no node reads are part of the output too.
    let all: Vec<KeyId> = (0..).take(plan.keys.len()).map(KeyId).collect();
    let root = writer.block(&plan.root, &all);
    let finally = join(&plan.finally, ", ", |block| writer.block(block, &all));
    let mut sites = std::mem::take(&mut writer.sites);
    sites.sort_by_key(|site| site.id);
    let mut tables = Tables { root, finally, ..Tables::default() };
    for site in &sites {
        tables.statics += &site.text;
        let module = if plan.number.is_some() { format!("{}::", names.inner) } else { String::new() };
        let _ = write!(tables.sites, "tea::Site::{}(&{module}{}_{}), ", site.kind, site.kind.to_uppercase(), site.id);
    }
    for (policy, number) in writer.policies.iter().zip(0..) {
        let config = config(policy);
        let _ = writeln!(tables.statics, "    static CONFIG_{number}: tea::ParallelConfig = {config};");
    }
    tables
}

struct Writer<'a, 'b> {
    plan: &'a Plan,
    names: &'b Names,
    called: &'b [Names],
    pieces: &'b mut Pieces<'a>,
    sources: &'b Sources,
    policies: Vec<&'a Policy>,
    sites: Vec<Site>,
}

struct Site {
    id: u32,
    kind: &'static str,
    text: String,
}

impl<'a> Writer<'a, '_> {
    fn block(&mut self, block: &'a Block, keys: &[KeyId]) -> String {
        let entry_name = block.steps.first().map_or("start", |step| step.name.as_str());
        let entry = self.next(entry_name, &block.entry);
        let steps: String = block.steps.iter().map(|step| self.step(step)).collect();
        format!("&tea::Block {{ entry: {entry}, keys: &{}, steps: &[\n{steps}        ] }}", ids(keys))
    }

    fn step(&mut self, step: &'a Step) -> String {
        let work = match &step.work {
            Work::Run(node) => {
                let function = self.pieces.node(step, node, self.plan, self.names);
                match (&node.action, &node.output) {
                    (Action::Call(call), output) => return self.call(step, &function, call, output),
                    (Action::Ask(_), Output::One(key)) => {
                        let work = format!("Ask(&tea::Ask {{ question: nodes::{function}::run, key: {} }})", key.0);
                        return self.written(step, &work);
                    }
                    _ => {}
                }
                let key = |key: &KeyId| format!("key::{}", self.names.key(*key).constant);
                let output = match &node.output {
                    Output::None => "()".to_owned(),
                    Output::One(one) => key(one),
                    Output::Tuple(keys) => {
                        let tuple = |keys: &[KeyId]| format!("({})", join(keys, " ", |one| key(one) + ","));
                        match pieces::tuples(keys)[..] {
                            [one] => tuple(one),
                            ref several => format!("({})", join(several, " ", |keys| tuple(keys) + ",")),
                        }
                    }
                };
                format!("Run(&tea::Run(nodes::{function}::run, {output}))")
            }
            Work::Map(map) => {
                self.map(step, map);
                format!("Map(&MAP_{})", map.id)
            }
            Work::FanOut(region) => {
                self.region(region);
                format!("FanOut(&REGION_{})", region.id)
            }
        };
        self.written(step, &work)
    }

    /// A node that calls a workflow.
    fn call(&mut self, step: &'a Step, function: &str, call: &Call, output: &Output) -> String {
        let to: &[KeyId] = match output {
            Output::None => &[],
            Output::One(key) => std::slice::from_ref(key),
            Output::Tuple(keys) => keys,
        };
        let outputs = join(call.gives.iter().zip(to), ", ", |(from, to)| format!("({}, {})", from.0, to.0));
        let work = format!(
            "Call(&tea::Call {{ workflow: {}, inputs: nodes::{function}::inputs, passed: &[{}], outputs: &[{outputs}] }})",
            self.workflow(call.number),
            self.passed(call, None)
        );
        self.written(step, &work)
    }

    /// How the inputs of a call come about, if that is recorded. Items may be those of a key.
    fn passed(&self, call: &Call, items: Option<KeyId>) -> String {
        if self.plan.checkpoint.is_none() {
            return String::new();
        }
        let passed = |key: KeyId, reads: String, made: bool, of_item: bool, code: &CodeId| {
            let (key, code) = (key.0, code_id(code));
            format!("tea::Passed {{ key: {key}, reads: &{reads}, made: {made}, of_item: {of_item}, code: {code} }}, ")
        };
        let given: String = call
            .inputs
            .iter()
            .map(|Input { key, value, shared, of_item, code }| {
                let items = items.filter(|_| *of_item);
                passed(*key, reads_with([value], items), shared.is_none(), *of_item, code)
            })
            .collect();
        let defaults = call.defaults.iter().map(|(key, code)| passed(*key, "[]".to_owned(), true, false, code));
        given + &defaults.collect::<String>()
    }

    /// A workflow that nodes call.
    fn workflow(&self, number: usize) -> String {
        let module = &self.called[number].inner;
        if self.plan.number.is_none() { format!("&{module}::WORKFLOW") } else { format!("&super::{module}::WORKFLOW") }
    }

    fn written(&mut self, step: &'a Step, work: &str) -> String {
        format!(
            "            tea::Step {{ name: {:?}, place: {}, work: tea::Work::{work}, next: {}, max_visits: {}, reads: &{}, \
             writes: &{}, rerun: {}, code: {}, cached: {}, pinned: {} }},\n",
            step.name,
            self.place(step.span),
            self.next(&step.name, &step.next),
            step.max_visits,
            match &step.work {
                Work::Run(node) => reads(node.action.code()),
                Work::Map(map) => reads(map.body.code().chain(map.items())),
                Work::FanOut(_) => "[]".to_owned(),
            },
            writes(&step.work),
            step.rerun,
            code_id(&step.code),
            step.cached.is_some(),
            step.version.is_some(),
        )
    }

    fn next(&mut self, of: &str, next: &'a Next) -> String {
        match next {
            Next::Go(to) => format!("tea::Next::Go({})", target(*to)),
            Next::Choose(arms) => {
                let arms: String = arms.iter().map(|arm| self.arm(of, arm)).collect();
                format!("tea::Next::Choose(&[{arms}])")
            }
            Next::Fork(tasks) => format!("tea::Next::Fork(&{tasks:?})"),
        }
    }

    fn arm(&mut self, of: &str, arm: &'a Arm) -> String {
        let (when, text) = self.when(of, arm.when.as_ref());
        let reads = reads(&arm.when);
        format!(
            "tea::Arm {{ when: {when}, to: {}, text: {text:?}, reads: &{reads}, code: {} }}, ",
            target(arm.to),
            code_id(&arm.code)
        )
    }

    fn when(&mut self, of: &str, when: Option<&'a Code>) -> (String, &'a str) {
        match when {
            Some(code) => {
                let function = self.pieces.condition(of, code, self.plan, self.names);
                (format!("tea::Some(nodes::{function}::run)"), code.rust.text.trim())
            }
            None => ("tea::None".to_owned(), ""),
        }
    }

    fn region(&mut self, region: &'a Region) {
        let tasks: String = region.tasks.iter().map(|task| self.task(task)).collect();
        let text = format!(
            "    {vis}static REGION_{id}: tea::Region = tea::Region {{ id: {id}, place: {}, keys: &KEYS, dataflow: {}, join: {}, \
             max_workers: {}, fail_fast: {}, written: &{}, tasks: &[\n{tasks}    ] }};\n",
            self.place(region.span),
            region.dataflow,
            option(region.join),
            option(region.max_workers),
            region.fail_fast,
            self.written_at(&region.written),
            id = region.id,
            vis = self.visibility(),
        );
        self.sites.push(Site { id: region.id, kind: "Region", text });
    }

    fn task(&mut self, task: &'a Task) -> String {
        let (when, when_text) = self.when(&task.name, task.when.as_ref());
        let when_reads = reads(&task.when);
        let reads =
            join(&task.reads, ", ", |read| format!("tea::TaskRead {{ key: {}, after: {} }}", read.key.0, read.after));
        let writes = join(&task.writes, ", ", |write| {
            format!("tea::TaskWrite {{ key: {}, combine: {} }}", write.key.0, write.combine)
        });
        let fallback = join(&task.fallback, ", ", |(key, value)| {
            let function = self.pieces.fallback(&task.name, *key, value, self.plan, self.names);
            let constant = &self.names.key(*key).constant;
            format!("tea::Fallback {{ key: {}, value: &tea::Run(nodes::{function}::run, key::{constant}) }}", key.0)
        });
        format!(
            "        tea::Task {{ name: {:?}, place: {}, when: {when}, when_text: {when_text:?}, when_reads: \
             &{when_reads}, when_code: {}, needs: &{:?}, config: &{}, written: {}, reads: &[{reads}], writes: &[{writes}], \
             fallback: &[{fallback}], block: {}, code: {} }},\n",
            task.name,
            self.place(task.span),
            code_id(&task.when_code),
            task.needs,
            self.config(&task.policy),
            option(task.written.as_ref().map(|written| format!("&{}", self.written_at(written)))),
            self.block(&task.block, &task.block.keys),
            code_id(&task.code),
        )
    }

    fn map(&mut self, step: &'a Step, map: &'a Map) {
        let constant = self.pieces.map(&step.name, step.span, map, self.plan, self.names, self.sources);
        let mut body_reads: Vec<KeyId> = map.body.code().flat_map(|code| code.reads.iter().copied()).collect();
        body_reads.sort_unstable();
        body_reads.dedup();
        let vis = self.visibility();
        let text = format!(
            "    {vis}static MAP_{id}: tea::Map = tea::Map {{ id: {id}, name: {:?}, place: {}, keys: &KEYS, workflow: {}, \
             passed: &[{}], spec: nodes::{constant}::MAP, reads: &{}, writes: &{}, indexed: {}, max_workers: {}, fail_fast: {}, \
             config: &{}, written: &{} }};\n",
            step.name,
            self.place(step.span),
            option(match &map.body {
                Action::Rust(_) | Action::Ask(_) => None,
                Action::Call(call) => Some(self.workflow(call.number)),
            }),
            step.work.call().map(|call| self.passed(call, map.items_key())).unwrap_or_default(),
            ids(&body_reads),
            writes(&step.work),
            map.index_var.is_some(),
            option(map.max_workers),
            map.fail_fast,
            self.config(&map.policy),
            self.written_at(&map.written),
            id = map.id,
        );
        self.sites.push(Site { id: map.id, kind: "Map", text });
    }

    /// Of the tables of fan-outs and maps, to which the plan refers.
    fn visibility(&self) -> &'static str {
        if self.plan.number.is_some() { "pub(super) " } else { "" }
    }

    /// The static that holds these settings.
    fn config(&mut self, policy: &'a Policy) -> String {
        let number = self.policies.iter().position(|known| *known == policy).unwrap_or_else(|| {
            self.policies.push(policy);
            self.policies.len() - 1
        });
        format!("CONFIG_{number}")
    }

    /// Where settings are written.
    fn written_at(&self, written: &[Origin]) -> String {
        let one = |written: &Origin| {
            let file = self.sources.get(written.span.file).path.display().to_string();
            format!(
                "tea::Origin {{ setting: {:?}, level: tea::Level::{:?}, file: {file:?}, place: {} }}",
                written.setting,
                written.level,
                self.place(written.span)
            )
        };
        format!("[{}]", join(written, ", ", one))
    }

    fn place(&self, span: Span) -> String {
        let at = self.sources.locate(span);
        format!("tea::Place {{ line: {}, column: {} }}", at.line, at.column)
    }
}

fn target(target: Target) -> String {
    match target {
        Target::Step(step) => format!("tea::Target::Step({step})"),
        Target::End => "tea::Target::End".to_owned(),
        Target::Task(task) => format!("tea::Target::Task({task})"),
    }
}

/// What some Rust reads: keys, ascending, and `parallel_results`.
fn reads<'c>(code: impl IntoIterator<Item = &'c Code>) -> String {
    reads_with(code, None)
}

/// The same, with another key that is read.
fn reads_with<'c>(code: impl IntoIterator<Item = &'c Code>, more: Option<KeyId>) -> String {
    let (mut keys, mut uses_results): (BTreeSet<u32>, _) = (more.iter().map(|key| key.0).collect(), false);
    for code in code {
        keys.extend(code.reads.iter().map(|key| key.0));
        uses_results |= code.uses_results;
    }
    let results = uses_results.then(|| "tea::RESULTS".to_owned());
    format!("[{}]", keys.iter().map(u32::to_string).chain(results).collect::<Vec<_>>().join(", "))
}

/// What a step writes, ascending.
fn writes(work: &Work) -> String {
    let mut keys = work.writes();
    keys.sort_unstable();
    ids(&keys)
}

fn ids(keys: &[KeyId]) -> String {
    format!("{:?}", keys.iter().map(|key| key.0).collect::<Vec<_>>())
}
