//! The identities of what is recorded: nodes, conditions and branches.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use proc_macro2::TokenStream;

use super::{
    Code, Hasher,
    closure::{Closure, Reached},
    index::Entry,
    layout::layout,
    said::Said,
    shape::shape,
    words::{Names, Place, Words},
};
use crate::{
    plan::{self, Action, Block, CodeId, Identities, KeyId, Next, Part, Plan, Step, Work},
    source::{Sources, Span},
    syntax::{CodeScope, Rust},
};

/// Gives everything in a plan that is recorded the identity of its code, as seen from a module.
pub(super) fn identify(plan: &mut Plan, code: &Code, module: Option<usize>, sources: &Sources) {
    let scope = plan.checkpoint.as_ref().map(|checkpoint| checkpoint.value.code).unwrap_or_default();
    let nothing = || Block { entry: Next::Fork(Vec::new()), steps: Vec::new(), keys: Vec::new() };
    let mut called: Vec<Block> =
        plan.called.iter_mut().map(|called| std::mem::replace(&mut called.root, nothing())).collect();
    let mut root = std::mem::replace(&mut plan.root, nothing());
    let mut writer = Writer {
        plan,
        code,
        module,
        sources,
        keys: Vec::new(),
        workflows: &plan.called,
        called: Vec::new(),
        pinned: Vec::new(),
        scope,
        parts: BTreeMap::new(),
        base: OnceCell::new(),
        items: vec![None; code.index.items.len()],
        crate_hash: None,
        notice: None,
    };
    writer.notice.clone_from(&code.index.whole);
    if module.is_none() {
        writer.notice = Some("it is not known which module includes the workflow".to_owned());
    }
    writer.built();
    // Those that a workflow calls come before it.
    for (inner, root) in plan.called.iter().zip(&mut called) {
        writer.enter(inner);
        let all = writer.block(root);
        writer.called.push(all);
        let mut pinned = Vec::new();
        writer.add_pinned(root, &mut pinned);
        writer.pinned.push(pinned);
    }
    writer.enter(plan);
    writer.block(&mut root);
    let hashes = (0..writer.keys.len()).map(|key| writer.key(key)).collect();
    let Writer { parts, notice, .. } = writer;
    // By place, as people look for them.
    let mut sorted: Vec<(Part, u32)> = parts.into_iter().collect();
    sorted.sort();
    let mut numbers: Vec<(u32, u32)> = (0..).zip(&sorted).map(|(new, (_, old))| (*old, new)).collect();
    numbers.sort_unstable();
    let renumber = |id: &mut CodeId| {
        for part in &mut id.parts {
            *part = numbers[*part as usize].1;
        }
        id.parts.sort_unstable();
    };
    each(&mut root, &renumber);
    for root in &mut called {
        each(root, &renumber);
    }
    plan.root = root;
    for (inner, root) in plan.called.iter_mut().zip(called) {
        inner.root = root;
    }
    let parts = sorted.into_iter().map(|(part, _)| part).collect();
    plan.identities = Some(Identities { shape: shape(plan), keys: hashes, parts, notice });
}

/// Notes that nothing is known of the code.
pub(super) fn unknown(plan: &mut Plan, why: String) {
    let keys = vec![0; plan.keys.len()];
    plan.identities = Some(Identities { shape: shape(plan), keys, parts: Vec::new(), notice: Some(why) });
}

/// Adds the identities of nodes that have a `version`.
fn with_pinned(mut id: CodeId, pinned: &[CodeId]) -> CodeId {
    if id.hash == 0 {
        return id;
    }
    for pinned in pinned {
        let mut hasher = Hasher::default();
        hasher.number(id.hash);
        hasher.number(pinned.hash);
        id.hash = hasher.finish();
        id.parts.extend(&pinned.parts);
    }
    id
}

fn each(block: &mut Block, change: &impl Fn(&mut CodeId)) {
    arms(&mut block.entry, change);
    for step in &mut block.steps {
        change(&mut step.code);
        if let Some(call) = step.work.call_mut() {
            call.inputs.iter_mut().for_each(|input| change(&mut input.code));
            call.defaults.iter_mut().for_each(|default| change(&mut default.1));
        }
        arms(&mut step.next, change);
        if let Work::FanOut(region) = &mut step.work {
            for task in &mut region.tasks {
                change(&mut task.code);
                change(&mut task.when_code);
                each(&mut task.block, change);
            }
        }
    }
}

fn arms(next: &mut Next, change: &impl Fn(&mut CodeId)) {
    if let Next::Choose(arms) = next {
        for arm in arms {
            change(&mut arm.code);
        }
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    code: &'a Code,
    module: Option<usize>,
    sources: &'a Sources,
    /// What the types of keys say.
    keys: Vec<Said>,
    /// The workflows that nodes call, by their numbers.
    workflows: &'a [Plan],
    /// What they say as a whole, apart from nodes with a `version`.
    called: Vec<Said>,
    /// The identities of their nodes with a `version`.
    pinned: Vec<Vec<CodeId>>,
    scope: CodeScope,
    /// With their numbers, in the order in which they were found.
    parts: BTreeMap<Part, u32>,
    /// What any code can reach.
    base: OnceCell<Reached>,
    /// The numbers of those that are items.
    items: Vec<Option<u32>>,
    /// The hash of all items, once somebody needed it.
    crate_hash: Option<u128>,
    notice: Option<String>,
}

impl<'a> Writer<'a> {
    /// Continues with another workflow.
    fn enter(&mut self, plan: &'a Plan) {
        self.plan = plan;
        self.keys = plan.keys.iter().map(|key| Said::of_key(key, self.code)).collect();
    }

    /// Gives everything in a block its identity. Returns what all of it says.
    ///
    /// Recursion goes as deep as fan-outs are nested, which the graph bounds.
    fn block(&mut self, block: &mut Block) -> Said {
        let mut all = Said::default();
        self.next("the start", &mut block.entry, &mut all);
        for step in &mut block.steps {
            if let Some(said) = self.step(step) {
                let id = self.id(&said, &format!("node `{}`", step.name), step.span);
                let call = step.work.call().filter(|_| step.version.is_none());
                let id = with_pinned(id, call.map_or(&[], |call| &self.pinned[call.number]));
                step.code = CodeId { outside: std::mem::take(&mut step.code.outside), ..id };
                self.inputs(step);
                // Those with a `version` are added as a whole.
                if said.version.is_none() {
                    all.add(&said);
                }
            }
            self.next(&format!("node `{}`", step.name), &mut step.next, &mut all);
            let Work::FanOut(region) = &mut step.work else { continue };
            for task in &mut region.tasks {
                let name = format!("branch `{}`", task.name);
                if let Some(when) = &task.when {
                    let said = self.condition(when);
                    task.when_code = self.id(&said, &format!("the condition of {name}"), when.rust.span);
                    all.add(&said);
                }
                let mut said = self.block(&mut task.block);
                self.fallback(&task.fallback, &mut said);
                let mut pinned = Vec::new();
                self.add_pinned(&task.block, &mut pinned);
                let id = with_pinned(self.id(&said, &name, task.span), &pinned);
                task.code = CodeId { outside: std::mem::take(&mut task.code.outside), ..id };
                if !said.is_empty() {
                    all.add(&said);
                }
            }
        }
        // What is combined in the branch is part of what it writes.
        for key in &block.keys {
            self.reducer(*key, &mut all);
        }
        all
    }

    fn next(&mut self, of: &str, next: &mut Next, all: &mut Said) {
        let Next::Choose(arms) = next else { return };
        for arm in arms {
            if let Some(when) = &arm.when {
                let said = self.condition(when);
                arm.code = self.id(&said, &format!("a condition after {of}"), when.rust.span);
                all.add(&said);
            } else {
                arm.code = CodeId { hash: 1, ..CodeId::default() };
            }
        }
    }

    /// Collects the identities of the nodes in a block that have a `version`.
    fn add_pinned(&self, block: &Block, pinned: &mut Vec<CodeId>) {
        for step in &block.steps {
            if let Work::FanOut(region) = &step.work {
                region.tasks.iter().for_each(|task| self.add_pinned(&task.block, pinned));
            } else if step.version.is_some() {
                pinned.push(step.code.clone());
            } else if let Some(call) = step.work.call() {
                pinned.extend_from_slice(&self.pinned[call.number]);
            }
        }
    }

    /// Gives what is passed to a call identities of its own: an edit of a node in the workflow does not change them.
    fn inputs(&mut self, step: &mut Step) {
        let (node, pinned) = (&step.name, step.version.is_some().then(|| step.code.clone()));
        let own: Vec<String> = match &step.work {
            Work::Map(map) => map.own_names().into_iter().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let Some(call) = step.work.call_mut() else { return };
        let workflows = self.workflows;
        let keys = &workflows[call.number].keys;
        let name = |key: KeyId| format!("input `{}` of node `{node}`", keys[key.0 as usize].name.value);
        for input in &mut call.inputs {
            let mut said = Said::default();
            match input.shared {
                // Its value has a name already.
                Some(key) => self.reducer(key, &mut said),
                None => self.code(&input.value, &own, &mut said),
            }
            let id = self.id(&said, &name(input.key), input.value.rust.span);
            input.code = CodeId { outside: std::mem::take(&mut input.code.outside), ..pinned.clone().unwrap_or(id) };
        }
        for (key, code) in &mut call.defaults {
            let Some(default) = &keys[key.0 as usize].default else { continue };
            let id = self.id(&Said::of(default, &[], self.code), &name(*key), default.span);
            *code = CodeId { outside: std::mem::take(&mut code.outside), ..pinned.clone().unwrap_or(id) };
        }
    }

    fn condition(&self, code: &plan::Code) -> Said {
        let mut said = Said::default();
        self.code(code, &[], &mut said);
        said
    }

    /// What a branch gives if it fails.
    fn fallback(&self, fallback: &[(KeyId, plan::Code)], all: &mut Said) {
        for (key, value) in fallback {
            self.name(*key, all);
            self.code(value, &[], all);
        }
    }

    /// The work of a step; `None` for a fan-out.
    fn step(&self, step: &Step) -> Option<Said> {
        if let Some(version) = &step.version {
            return self.pinned(step, version);
        }
        let mut said = Said::default();
        match &step.work {
            Work::FanOut(_) => return None,
            Work::Run(run) => self.action(&run.action, &[], &mut said),
            Work::Map(map) => {
                let own = map.own_names();
                map.items().for_each(|items| self.code(items, &[], &mut said));
                self.action(&map.body, &own, &mut said);
                said.text.extend(own.join(" ").into_bytes());
            }
        }
        for key in step.work.writes() {
            self.name(key, &mut said);
            said.add(&self.keys[key.0 as usize]);
        }
        Some(said)
    }

    /// What a step says whose `version` counts in place of its Rust. Of what it reads and writes, it counts how that is
    /// written as bytes, so that nothing is read from records that has another form.
    fn pinned(&self, step: &Step, version: &str) -> Option<Said> {
        let mut said = Said { version: Some(version.to_owned()), ..Said::default() };
        let reads: BTreeSet<KeyId> = match &step.work {
            Work::FanOut(_) => return None,
            Work::Run(run) => run.action.code().flat_map(|code| &code.reads).copied().collect(),
            Work::Map(map) => map.items().chain(map.body.code()).flat_map(|code| &code.reads).copied().collect(),
        };
        said.text.extend((version.len() as u64).to_le_bytes());
        said.text.extend_from_slice(version.as_bytes());
        for key in reads.into_iter().chain(step.work.writes()) {
            self.name(key, &mut said);
            said.text.extend(self.layout(key).to_le_bytes());
        }
        Some(said)
    }

    /// The hash of how values of a key are written as bytes.
    fn layout(&self, key: KeyId) -> u128 {
        let ty = &self.plan.keys[key.0 as usize].ty.text;
        let (mut names, mut said, mut is_foreign) = (Names::default(), Words::default(), false);
        match ty.parse::<TokenStream>() {
            Ok(tokens) => said.read(tokens, Place::Macro, &mut names),
            Err(_) => is_foreign = true,
        }
        let (index, mut own) = (&self.code.index, BTreeSet::new());
        for word in said.names.iter().map(|name| names.word(*name)) {
            match index.names.get(word) {
                Some(name) => drop(own.insert(name)),
                None => is_foreign |= !index.is_standard(word),
            }
        }
        let mut hasher = Hasher::default();
        hasher.bytes(&said.text);
        hasher.number(layout(self.code, &own, is_foreign));
        hasher.finish()
    }

    fn action(&self, action: &Action, own: &[&str], said: &mut Said) {
        if let Action::Ask(question) = action {
            // As a whole it is a call of `format!`, which says what the text names.
            let text = format!("format!({})", question.rust.text);
            let code = plan::Code { rust: Rust { text, ..question.rust.clone() }, ..question.clone() };
            return self.code(&code, own, said);
        }
        action.code().for_each(|code| self.code(code, own, said));
        if let Action::Call(call) = action {
            said.add(&self.called[call.number]);
            for (input, ours) in call.inputs.iter().map(|input| (input.key, input.shared)) {
                said.text.extend(input.0.to_le_bytes());
                said.text.extend(ours.map_or(u32::MAX, |ours| ours.0).to_le_bytes());
            }
            call.gives.iter().for_each(|key| said.text.extend(key.0.to_le_bytes()));
            for (key, _) in &call.defaults {
                if let Some(default) = &self.workflows[call.number].keys[key.0 as usize].default {
                    said.add(&Said::of(default, &[], self.code));
                }
            }
        }
    }

    /// Some Rust, and what it reads.
    fn code(&self, code: &plan::Code, own: &[&str], said: &mut Said) {
        let read = code.reads.iter().map(|key| self.plan.keys[key.0 as usize].name.value.as_str());
        let own: Vec<&str> = read.chain(own.iter().copied()).collect();
        said.add(&Said::of(&code.rust, &own, self.code));
        for key in &code.reads {
            self.name(*key, said);
            said.add(&self.keys[key.0 as usize]);
            // What combines values decides what is read.
            self.reducer(*key, said);
        }
    }

    /// The name of a key. Its number may change with the keys before it.
    fn name(&self, key: KeyId, said: &mut Said) {
        let name = &self.plan.keys[key.0 as usize].name.value;
        said.text.extend((name.len() as u64).to_le_bytes());
        said.text.extend_from_slice(name.as_bytes());
    }

    fn reducer(&self, key: KeyId, said: &mut Said) {
        if let Some(reduce) = &self.plan.keys[key.0 as usize].reduce {
            said.add(&Said::of(reduce, &[], self.code));
        }
    }

    /// The identity of what is said at some place of the workflow file.
    fn id(&mut self, said: &Said, name: &str, span: Span) -> CodeId {
        if said.is_empty() {
            // A branch whose nodes all have a `version`.
            return CodeId { hash: 1, ..CodeId::default() };
        }
        let index = &self.code.index;
        let mut hasher = Hasher::default();
        hasher.bytes(&said.text);
        if let Some(module) = self.module {
            for meaning in index.meanings(&said.names, &said.members, module) {
                hasher.text(&meaning);
            }
        }
        // The runtime tells one version from another by this name.
        let label = match &said.version {
            Some(version) => format!("`version` of {name}: {version:?}"),
            None => name.to_owned(),
        };
        let own =
            self.part(Part { file: self.file(span), line: self.line(span), name: label, hash: short(hasher.finish()) });
        if said.version.is_some() {
            return CodeId { hash: hasher.finish(), parts: vec![own], outside: Vec::new() };
        }
        let mut parts = vec![0, own];
        hasher.number(self.code.built);
        if let Some(why) = &said.unknown {
            self.notice = Some(format!("{name}: {why}"));
            return CodeId { parts, ..CodeId::default() };
        }
        if self.scope == CodeScope::Crate || index.whole.is_some() || self.module.is_none() {
            let all = *self.crate_hash.get_or_insert_with(|| {
                let mut all = Hasher::default();
                index.all(&mut all);
                all.finish()
            });
            hasher.number(all);
            parts.push(self.part(Part {
                file: String::new(),
                line: 0,
                name: "the crate".to_owned(),
                hash: short(all),
            }));
            return CodeId { hash: hasher.finish(), parts, outside: Vec::new() };
        }
        let reached = Closure::of(
            index,
            self.base.get_or_init(|| Closure::base(index)).clone(),
            &said.names,
            &said.members,
            &said.macros,
        );
        let mut all = Vec::new();
        for item in reached {
            let (hash, unknown) = index.hash(item);
            if let Some(why) = unknown {
                let entry = &index.items[item];
                self.notice = Some(format!("`{}` in {}: {why}", entry.item.label, entry.file));
                return CodeId { parts, ..CodeId::default() };
            }
            all.push(*hash);
            parts.push(self.item(item, *hash));
        }
        // The order of items does not count.
        all.sort_unstable();
        for hash in all {
            hasher.number(hash);
        }
        CodeId { hash: hasher.finish(), parts, outside: Vec::new() }
    }

    /// The identity of the type of a key.
    fn key(&mut self, key: usize) -> u128 {
        let said = self.keys[key].clone();
        if self.is_standard(&self.plan.keys[key].ty.text) {
            // No edit and no other compiler changes what is recorded of it.
            let mut hasher = Hasher::default();
            hasher.bytes(&said.text);
            return hasher.finish();
        }
        let span = self.plan.keys[key].ty.span;
        self.id(&said, &format!("the type of `{}`", self.plan.keys[key].name.value), span).hash
    }

    /// Whether a type is one of the standard library's.
    fn is_standard(&self, ty: &str) -> bool {
        let (mut names, mut said) = (Names::default(), Words::default());
        let Ok(tokens) = ty.parse::<TokenStream>() else { return false };
        said.read(tokens, Place::Macro, &mut names);
        said.names.iter().all(|name| self.code.index.is_standard(names.word(*name)))
    }

    /// The part that is the same for all nodes.
    fn built(&mut self) {
        let name = "the compiler, its options, the features and the dependencies".to_owned();
        self.part(Part { file: String::new(), line: 0, name, hash: short(self.code.built) });
    }

    /// The part that is an item. Nodes share most of theirs.
    fn item(&mut self, number: usize, hash: u128) -> u32 {
        if let Some(part) = self.items[number] {
            return part;
        }
        let Entry { item, file, .. } = &self.code.index.items[number];
        let part = Part { file: file.clone(), line: item.line, name: item.label.clone(), hash: short(hash) };
        let part = self.part(part);
        self.items[number] = Some(part);
        part
    }

    fn part(&mut self, part: Part) -> u32 {
        let next = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        *self.parts.entry(part).or_insert(next)
    }

    fn file(&self, span: Span) -> String {
        self.sources.get(span.file).path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn line(&self, span: Span) -> u32 {
        self.sources.locate(span).line
    }
}

/// Enough of a hash to see that something has changed.
fn short(hash: u128) -> u64 {
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default()
}
