//! The identities of what is recorded: nodes, conditions and branches.

use std::{cell::OnceCell, collections::BTreeMap};

use super::{Code, Hasher, closure::Reached, said::Said, shape::shape};
use crate::{
    plan::{Block, CodeId, Identities, KeyId, Next, Part, Plan, Step, Work},
    source::Sources,
    syntax::CodeScope,
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

pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) code: &'a Code,
    pub(super) module: Option<usize>,
    pub(super) sources: &'a Sources,
    /// What the types of keys say.
    pub(super) keys: Vec<Said>,
    /// The workflows that nodes call, by their numbers.
    pub(super) workflows: &'a [Plan],
    /// What they say as a whole, apart from nodes with a `version`.
    pub(super) called: Vec<Said>,
    /// The identities of their nodes with a `version`.
    pinned: Vec<Vec<CodeId>>,
    pub(super) scope: CodeScope,
    /// With their numbers, in the order in which they were found.
    pub(super) parts: BTreeMap<Part, u32>,
    /// What any code can reach.
    pub(super) base: OnceCell<Reached>,
    /// The numbers of those that are items.
    pub(super) items: Vec<Option<u32>>,
    /// The hash of all items, once somebody needed it.
    pub(super) crate_hash: Option<u128>,
    pub(super) notice: Option<String>,
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
}
