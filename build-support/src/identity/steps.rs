//! What the Rust of steps, conditions and branches says.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use super::{
    Hasher,
    layout::layout,
    said::Said,
    units::Writer,
    words::{Names, Place, Words},
};
use crate::{
    plan::{self, Action, KeyId, Step, Work},
    syntax::Rust,
};

impl Writer<'_> {
    pub(super) fn condition(&self, code: &plan::Code) -> Said {
        let mut said = Said::default();
        self.code(code, &[], &mut said);
        said
    }

    /// What a branch gives if it fails.
    pub(super) fn fallback(&self, fallback: &[(KeyId, plan::Code)], all: &mut Said) {
        for (key, value) in fallback {
            self.name(*key, all);
            self.code(value, &[], all);
        }
    }

    /// The work of a step; `None` for a fan-out.
    pub(super) fn step(&self, step: &Step) -> Option<Said> {
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
    pub(super) fn code(&self, code: &plan::Code, own: &[&str], said: &mut Said) {
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

    pub(super) fn reducer(&self, key: KeyId, said: &mut Said) {
        if let Some(reduce) = &self.plan.keys[key.0 as usize].reduce {
            said.add(&Said::of(reduce, &[], self.code));
        }
    }
}
