//! The identities of what is recorded: nodes, conditions and branches.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::{
    Code, Hasher,
    closure::Closure,
    words::{self, Name, Names, Place, Words},
};
use crate::{
    plan::{self, Block, CodeId, Identities, Key, KeyId, Next, Output, Part, Plan, Step, Work},
    source::{Sources, Span},
    syntax::{CodeScope, Rust},
};

/// Gives everything in a plan that is recorded the identity of its code, as seen from a module.
pub(super) fn identify(plan: &mut Plan, code: &Code, module: Option<usize>, sources: &Sources) {
    let keys: Vec<Said> = plan.keys.iter().map(|key| Said::of_key(key, code)).collect();
    let scope = plan.checkpoint.as_ref().map(|checkpoint| checkpoint.value.code).unwrap_or_default();
    let nothing = Block { entry: Next::Fork(Vec::new()), steps: Vec::new(), keys: Vec::new() };
    let mut root = std::mem::replace(&mut plan.root, nothing);
    let mut writer = Writer { plan, code, module, sources, keys, scope, parts: BTreeMap::new(), notice: None };
    writer.notice.clone_from(&code.index.whole);
    if module.is_none() {
        writer.notice = Some("it is not known which module includes the workflow".to_owned());
    }
    writer.built();
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
    plan.root = root;
    let parts = sorted.into_iter().map(|(part, _)| part).collect();
    plan.identities = Some(Identities { shape: shape(plan), keys: hashes, parts, notice });
}

/// Notes that nothing is known of the code.
pub(super) fn unknown(plan: &mut Plan, why: String) {
    let keys = vec![0; plan.keys.len()];
    plan.identities = Some(Identities { shape: shape(plan), keys, parts: Vec::new(), notice: Some(why) });
}

fn each(block: &mut Block, change: &impl Fn(&mut CodeId)) {
    arms(&mut block.entry, change);
    for step in &mut block.steps {
        change(&mut step.code);
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

/// What a piece of Rust in the workflow file says.
#[derive(Debug, Clone, Default)]
struct Said {
    text: Vec<u8>,
    names: BTreeSet<Name>,
    members: BTreeSet<Name>,
    macros: BTreeSet<Name>,
    /// Why it is not known what it does, if that is so.
    unknown: Option<String>,
}

impl Said {
    fn of(text: &str, own: &[&str], code: &Code) -> Self {
        let Ok(tokens) = text.parse::<TokenStream>() else {
            return Self { unknown: Some("the workflow's Rust cannot be read".to_owned()), ..Self::default() };
        };
        let mut names = Names::default();
        let mut said = Words::default();
        said.read(tokens.clone(), Place::Code, &mut names);
        let called = called(tokens);
        let known = |of: &BTreeSet<Name>, except: &dyn Fn(&str) -> bool| -> BTreeSet<Name> {
            let words = of.iter().map(|name| names.word(*name)).filter(|word| !except(word));
            words.filter_map(|word| code.index.names.get(word)).collect()
        };
        let is_value = |word: &str| own.contains(&word) && !called.contains(word);
        // What is not in the sources reaches nothing; but a macro that is not is one of another crate.
        let foreign = said
            .macros
            .iter()
            .map(|name| names.word(*name))
            .find(|word| !words::is_ordinary(word) && code.index.names.get(word).is_none());
        let mut unknown = said.unknown;
        if let Some(word) = foreign {
            unknown = unknown.or_else(|| Some(format!("`{word}!` is a macro of another crate")));
        }
        if !said.files.is_empty() || said.placed || !said.variables.is_empty() {
            unknown = unknown.or_else(|| Some("a macro in the workflow file reads what is outside".to_owned()));
        }
        Self {
            names: known(&said.names, &is_value),
            members: known(&said.members, &|_| false),
            macros: known(&said.macros, &|_| false),
            text: said.text,
            unknown,
        }
    }

    fn of_rust(rust: &Rust, own: &[&str], code: &Code) -> Self {
        Self::of(&rust.text, own, code)
    }

    /// The type of a key.
    fn of_key(key: &Key, code: &Code) -> Self {
        let mut said = Self::of_rust(&key.ty, &[], code);
        said.text.extend([u8::from(key.optional), u8::from(key.by_value), u8::from(key.transient)]);
        said
    }

    fn add(&mut self, other: &Self) {
        self.text.extend((other.text.len() as u64).to_le_bytes());
        self.text.extend_from_slice(&other.text);
        self.names.extend(&other.names);
        self.members.extend(&other.members);
        self.macros.extend(&other.macros);
        self.unknown = self.unknown.take().or_else(|| other.unknown.clone());
    }
}

/// The names that are used as functions, macros or parts of paths.
fn called(tokens: TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(name) => {
                let is_arguments = |group: &Group| group.delimiter() == Delimiter::Parenthesis;
                let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if is_arguments(group))
                    || words::is_punct(tokens.get(at + 1), '!')
                    || (words::is_punct(tokens.get(at + 1), ':') && words::is_punct(tokens.get(at + 2), ':'))
                    || at.checked_sub(1).is_some_and(|before| words::is_punct(tokens.get(before), ':'));
                if is_call {
                    found.insert(name.to_string());
                }
            }
            TokenTree::Group(group) => found.extend(called(group.stream())),
            _ => {}
        }
    }
    found
}

struct Writer<'a> {
    plan: &'a Plan,
    code: &'a Code,
    module: Option<usize>,
    sources: &'a Sources,
    /// What the types of keys say.
    keys: Vec<Said>,
    scope: CodeScope,
    /// With their numbers, in the order in which they were found.
    parts: BTreeMap<Part, u32>,
    notice: Option<String>,
}

impl Writer<'_> {
    // Recursion goes as deep as fan-outs are nested, which the graph bounds.
    fn block(&mut self, block: &mut Block) {
        self.next("the start", &mut block.entry);
        for step in &mut block.steps {
            if let Some(said) = self.step(step) {
                step.code = self.id(&said, &format!("node `{}`", step.name), step.span);
            }
            self.next(&format!("node `{}`", step.name), &mut step.next);
            let Work::FanOut(region) = &mut step.work else { continue };
            for task in &mut region.tasks {
                let name = format!("branch `{}`", task.name);
                if let Some(when) = &task.when {
                    let said = self.condition(when);
                    task.when_code = self.id(&said, &format!("the condition of {name}"), when.rust.span);
                }
                let mut all = Said::default();
                self.whole(&task.block, &mut all);
                task.code = self.id(&all, &name, task.span);
                self.block(&mut task.block);
            }
        }
    }

    fn next(&mut self, of: &str, next: &mut Next) {
        let Next::Choose(arms) = next else { return };
        for arm in arms {
            if let Some(when) = &arm.when {
                let said = self.condition(when);
                arm.code = self.id(&said, &format!("a condition after {of}"), when.rust.span);
            } else {
                arm.code = CodeId { hash: 1, parts: Vec::new() };
            }
        }
    }

    fn condition(&self, code: &plan::Code) -> Said {
        let mut said = Said::default();
        self.code(code, &[], &mut said);
        said
    }

    /// Everything in a block.
    fn whole(&self, block: &Block, all: &mut Said) {
        let next = |next: &Next, all: &mut Said| {
            let Next::Choose(arms) = next else { return };
            arms.iter().filter_map(|arm| arm.when.as_ref()).for_each(|when| all.add(&self.condition(when)));
        };
        next(&block.entry, all);
        for step in &block.steps {
            if let Some(said) = self.step(step) {
                all.add(&said);
            }
            next(&step.next, all);
            if let Work::FanOut(region) = &step.work {
                for task in &region.tasks {
                    task.when.iter().for_each(|when| all.add(&self.condition(when)));
                    self.whole(&task.block, all);
                }
            }
        }
        // What is combined in the branch is part of what it writes.
        for key in &block.keys {
            self.reducer(*key, all);
        }
    }

    /// The work of a step; `None` for a fan-out.
    fn step(&self, step: &Step) -> Option<Said> {
        let mut said = Said::default();
        let mut written: Vec<KeyId> = Vec::new();
        match &step.work {
            Work::FanOut(_) => return None,
            Work::Run(run) => {
                self.code(&run.code, &[], &mut said);
                match &run.output {
                    Output::None => {}
                    Output::One(key) => written.push(*key),
                    Output::Tuple(keys) => written.extend(keys),
                }
            }
            Work::Map(map) => {
                let own: Vec<&str> = [map.item_var.as_str()].into_iter().chain(map.index_var.as_deref()).collect();
                self.code(&map.items, &[], &mut said);
                self.code(&map.body, &own, &mut said);
                said.text.extend(own.join(" ").into_bytes());
                written.extend(map.output.iter().map(|output| output.key).chain(map.failures));
            }
        }
        for key in written {
            said.text.extend(key.0.to_le_bytes());
            said.add(&self.keys[key.0 as usize]);
        }
        Some(said)
    }

    /// Some Rust, and what it reads.
    fn code(&self, code: &plan::Code, own: &[&str], said: &mut Said) {
        let read = code.reads.iter().map(|key| self.plan.keys[key.0 as usize].name.value.as_str());
        let own: Vec<&str> = read.chain(own.iter().copied()).collect();
        said.add(&Said::of_rust(&code.rust, &own, self.code));
        for key in &code.reads {
            said.text.extend(key.0.to_le_bytes());
            said.add(&self.keys[key.0 as usize]);
            // What combines values decides what is read.
            self.reducer(*key, said);
        }
    }

    fn reducer(&self, key: KeyId, said: &mut Said) {
        if let Some(reduce) = &self.plan.keys[key.0 as usize].reduce {
            said.add(&Said::of_rust(reduce, &[], self.code));
        }
    }

    /// The identity of what is said at some place of the workflow file.
    fn id(&mut self, said: &Said, name: &str, span: Span) -> CodeId {
        let index = &self.code.index;
        let mut hasher = Hasher::default();
        hasher.bytes(&said.text);
        if let Some(module) = self.module {
            for meaning in index.meanings(&said.names, module) {
                hasher.text(&meaning);
            }
        }
        let own = self.part(Part {
            file: self.file(span),
            line: self.line(span),
            name: name.to_owned(),
            hash: short(hasher.finish()),
        });
        let mut parts = vec![0, own];
        hasher.number(self.code.built);
        if let Some(why) = &said.unknown {
            self.notice = Some(format!("{name}: {why}"));
            return CodeId { hash: 0, parts };
        }
        if self.scope == CodeScope::Crate || index.whole.is_some() || self.module.is_none() {
            let mut all = Hasher::default();
            index.all(&mut all);
            let all = all.finish();
            hasher.number(all);
            parts.push(self.part(Part {
                file: String::new(),
                line: 0,
                name: "the crate".to_owned(),
                hash: short(all),
            }));
            return CodeId { hash: hasher.finish(), parts };
        }
        let reached = Closure::of(index, &said.names, &said.members, &said.macros);
        let mut all = Vec::new();
        for item in reached {
            let (hash, unknown) = index.hash(item);
            let entry = &index.items[item];
            let name = entry.item.label.clone();
            if let Some(why) = unknown {
                self.notice = Some(format!("`{name}` in {}: {why}", entry.file));
                return CodeId { hash: 0, parts };
            }
            all.push(*hash);
            parts.push(self.part(Part { file: entry.file.clone(), line: entry.item.line, name, hash: short(*hash) }));
        }
        // The order of items does not count.
        all.sort_unstable();
        for hash in all {
            hasher.number(hash);
        }
        CodeId { hash: hasher.finish(), parts }
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

/// The hash of everything that decides where records belong: the structure of the workflow, without names of nodes, Rust and
/// settings of how nodes run.
fn shape(plan: &Plan) -> u128 {
    let mut text = String::new();
    for key in &plan.keys {
        let Key { name, input, transient, output, secret, optional, always_set, recorded, .. } = key;
        let reduce = key.reduce.is_some();
        let _ = writeln!(
            text,
            "{} {input} {transient} {output} {secret} {optional} {always_set} {recorded} {reduce}",
            name.value
        );
    }
    shape_of(&plan.root, &mut text);
    let mut hasher = Hasher::default();
    hasher.text(&text);
    hasher.finish()
}

fn shape_of(block: &Block, text: &mut String) {
    let next = |next: &Next, text: &mut String| {
        let _ = match next {
            Next::Go(target) => writeln!(text, "go {target:?}"),
            Next::Choose(arms) => {
                writeln!(text, "choose {:?}", arms.iter().map(|arm| (arm.when.is_some(), arm.to)).collect::<Vec<_>>())
            }
            Next::Fork(tasks) => writeln!(text, "fork {tasks:?}"),
        };
    };
    let _ = writeln!(text, "block {:?}", block.keys);
    next(&block.entry, text);
    for step in &block.steps {
        let _ = match &step.work {
            Work::Run(run) => writeln!(text, "run {:?}", run.output),
            Work::Map(map) => {
                let output = map.output.map(|output| (output.key, output.reduce));
                writeln!(text, "map {} {output:?} {:?} {:?} {}", map.id, map.failures, map.items_key, map.recorded)
            }
            Work::FanOut(region) => {
                let _ = writeln!(text, "fan-out {} {}", region.id, region.dataflow);
                for task in &region.tasks {
                    let (reads, writes) = (&task.reads, &task.writes);
                    let _ = writeln!(text, "task {} {:?} {reads:?} {writes:?}", task.when.is_some(), task.needs);
                    shape_of(&task.block, text);
                }
                writeln!(text, "end")
            }
        };
        next(&step.next, text);
    }
    let _ = writeln!(text, "end");
}
