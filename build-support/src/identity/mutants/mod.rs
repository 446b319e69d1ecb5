//! Mutants of generated crates. Each crate is a set of items that an interpreter here understands as well. Wherever a change
//! of one item changes what a node gives, the node's identity must change.
//!
//! `TEA_MUTANTS=10000 cargo test -p tea-build mutants -- --nocapture` tries so many and says how many changes of identities
//! were needless; without, a few hundred.

mod expr;
mod workflows;

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
};

use self::expr::{Expr, Level, binary, change, expr, rust};
use super::tests::Project;
use crate::generate::join;

/// A source of random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn number(&mut self) -> i64 {
        i64::try_from(self.below(50)).unwrap() - 10
    }
}

/// A crate. Everything has the names of its number, except functions, several of which share a name in different modules.
#[derive(Clone, Debug)]
struct Crate {
    consts: Vec<i64>,
    statics: Vec<i64>,
    functions: Vec<Expr>,
    /// The methods `get`, the implementations of `measure` (the last one for `i64`) and of `+`.
    methods: Vec<Expr>,
    measures: Vec<Expr>,
    operators: Vec<Expr>,
    /// How often the provided method of the trait adds.
    provided: i64,
    macros: Vec<Expr>,
    /// The functions that the nodes call.
    nodes: Vec<usize>,
    /// Nodes that call a workflow: the functions that give an input and the default of another, and those of its two nodes.
    calls: Vec<[usize; 4]>,
    /// The functions of the workflows that have files of their own.
    files: workflows::Files,
}

const MODULES: usize = 4;
const NAMES: usize = 6;
const TYPES: usize = 3;
const FUNCTIONS: usize = 16;

impl Crate {
    fn new(random: &mut Random) -> Self {
        let mut made = Self {
            consts: (0..4).map(|_| random.number()).collect(),
            statics: (0..3).map(|_| random.number()).collect(),
            functions: Vec::new(),
            methods: Vec::new(),
            measures: Vec::new(),
            operators: Vec::new(),
            provided: 2,
            macros: Vec::new(),
            nodes: Vec::new(),
            calls: Vec::new(),
            files: workflows::Files::default(),
        };
        // What these call has smaller numbers, so nothing calls itself.
        made.macros = (0..3).map(|_| expr(random, 2, 0, Level::Plain)).collect();
        made.methods = (0..TYPES).map(|_| expr(random, 2, 0, Level::Plain)).collect();
        made.measures = (0..=TYPES).map(|_| expr(random, 2, 0, Level::Plain)).collect();
        made.operators = (0..TYPES).map(|_| expr(random, 1, 0, Level::Plain)).collect();
        made.functions = (0..FUNCTIONS).map(|number| expr(random, 3, number, Level::All)).collect();
        made.nodes = (0..5).map(|_| random.below(FUNCTIONS)).collect();
        made.calls = (0..2).map(|_| std::array::from_fn(|_| random.below(FUNCTIONS))).collect();
        made.files = std::array::from_fn(|_| random.below(FUNCTIONS));
        made
    }

    /// What a function gives.
    fn call(&self, function: usize, n: i64, known: &mut HashMap<(usize, i64), i64>) -> i64 {
        if let Some(value) = known.get(&(function, n)) {
            return *value;
        }
        let value = self.value(&self.functions[function], n, known);
        known.insert((function, n), value);
        value
    }

    fn value(&self, expr: &Expr, n: i64, known: &mut HashMap<(usize, i64), i64>) -> i64 {
        let mut of = |expr: &Expr| self.value(expr, n, known);
        match expr {
            Expr::N => n,
            Expr::Number(number) => *number,
            Expr::Binary(operator, a, b) => binary(*operator, of(a), of(b)),
            Expr::If(a, b, c) => {
                if of(a) > 3 {
                    of(b)
                } else {
                    of(c)
                }
            }
            Expr::Const(number) => self.consts[*number],
            Expr::Static(number) => self.statics[*number],
            Expr::Shown(number) => i64::try_from(self.consts[*number].to_string().len()).unwrap(),
            Expr::Call(function, _, a) => {
                let a = of(a);
                self.call(*function, a % 100, known)
            }
            Expr::Method(ty, a) => {
                let a = of(a);
                self.value(&self.methods[*ty], a, known)
            }
            Expr::Trait(ty, a) => {
                let a = of(a);
                self.value(&self.measures[ty.unwrap_or(TYPES)], a, known)
            }
            Expr::Provided(ty, a) => {
                let a = of(a);
                self.value(&self.measures[*ty], a, known).wrapping_mul(self.provided)
            }
            Expr::Operator(ty, a, b) => {
                let (a, b) = (of(a), of(b));
                self.value(&self.operators[*ty], a.wrapping_sub(b), known)
            }
            Expr::Macro(number, a) => {
                let a = of(a);
                self.value(&self.macros[*number], a, known)
            }
        }
    }

    /// What gives something, and what it gives for a few inputs.
    fn outputs(&self) -> Vec<(String, Vec<i64>)> {
        let mut known = HashMap::new();
        let mut of = |function: usize, n: i64| self.call(function, n, &mut known);
        let mut outputs = Vec::new();
        for (number, function) in self.nodes.iter().enumerate() {
            outputs.push((format!("node{number}"), (-3..12).map(|n| of(*function, n)).collect()));
        }
        for (number, [given, default, first, second]) in self.calls.iter().copied().enumerate() {
            let extra = of(default, 3);
            outputs.push((format!("call{number}.extra"), vec![extra]));
            for (name, function) in [("call{}.m", given), ("first{}", first), ("second{}", second)] {
                let name = name.replace("{}", &number.to_string());
                outputs.push((name, (-3..12).map(|n| of(function, n)).collect()));
            }
            let whole = (-3..12).map(|n| {
                let inner = of(given, n).wrapping_add(extra) % 100;
                let inner = of(first, inner) % 100;
                of(second, inner)
            });
            outputs.push((format!("call{number}"), whole.collect()));
        }
        outputs.extend(workflows::outputs(&self.files, of));
        outputs
    }

    /// The crate as a project.
    fn project(&self) -> Project {
        let mut main = String::from("mod types;\n");
        let mut modules = vec![(String::new(), BTreeSet::new()); MODULES];
        for (number, body) in self.functions.iter().enumerate() {
            let (text, imports) = &mut modules[module(number)];
            let body = rust(body, module(number), imports);
            let _ = writeln!(text, "pub fn {}(n: i64) -> i64 {{ {body} }}", name(number));
        }
        for (number, value) in self.consts.iter().enumerate() {
            let _ = writeln!(modules[number % MODULES].0, "pub const C{number}: i64 = {value};");
        }
        let mut project = Project::empty();
        let mut types = String::from(
            "use std::ops::Add;\nuse crate::{m0::*, m1::*, m2::*, m3::*};\npub trait Measure { fn measure(&self) -> i64;\n",
        );
        let _ = writeln!(types, "fn doubled(&self) -> i64 {{ self.measure().wrapping_mul({}) }} }}", self.provided);
        let mut none = BTreeSet::new();
        for (number, value) in self.statics.iter().enumerate() {
            let _ = writeln!(types, "pub static S{number}: i64 = {value};");
        }
        for ty in 0..TYPES {
            let _ = writeln!(types, "pub struct T{ty}(pub i64);");
            let mut body = |of: &[Expr], number: usize| rust(&of[number], MODULES, &mut none);
            let _ = writeln!(
                types,
                "impl T{ty} {{ pub fn get(&self) -> i64 {{ let n = self.0; {} }} }}",
                body(&self.methods, ty)
            );
            let _ = writeln!(
                types,
                "impl Measure for T{ty} {{ fn measure(&self) -> i64 {{ let n = self.0; {} }} }}",
                body(&self.measures, ty)
            );
            let _ = writeln!(
                types,
                "impl Add for T{ty} {{ type Output = Self; fn add(self, other: Self) -> Self {{ let n = \
                 self.0.wrapping_sub(other.0); Self({}) }} }}",
                body(&self.operators, ty)
            );
        }
        let measure = rust(&self.measures[TYPES], MODULES, &mut none);
        let _ = writeln!(types, "impl Measure for i64 {{ fn measure(&self) -> i64 {{ let n = *self; {measure} }} }}");
        for (number, body) in self.macros.iter().enumerate() {
            let body = rust(body, MODULES, &mut none);
            let _ = writeln!(main, "macro_rules! m{number} {{ ($n:expr) => {{{{ let n = $n; {body} }}}} }}");
        }
        for (number, (text, imports)) in modules.iter().enumerate() {
            let _ = writeln!(main, "mod m{number};");
            let imports = join(imports, "\n", Clone::clone);
            let head = "use crate::types::*;\nuse crate::{m0::*, m1::*, m2::*, m3::*};\n";
            project = project.with(&format!("src/m{number}.rs"), &format!("{head}{imports}\n{text}"));
        }
        let mut flow = String::from(
            "name: sample\nsettings: { checkpoint: true }\nstate_schema:\n  n: { type: i64, input: true }\n",
        );
        for node in 0..self.nodes.len() {
            let _ = writeln!(flow, "  out{node}: {{ type: i64 }}");
        }
        for number in 0..self.calls.len() {
            let _ = writeln!(flow, "  sum{number}: {{ type: i64 }}");
        }
        flow += workflows::KEYS;
        flow += "nodes:\n";
        for (node, function) in self.nodes.iter().enumerate() {
            let function = path(*function);
            let _ = writeln!(flow, "  - {{ name: node{node}, run: \"{function}(n)\", output: out{node} }}");
        }
        for (number, functions) in self.calls.iter().enumerate() {
            let [given, default, first, second] = functions.map(path);
            let _ = writeln!(
                flow,
                "  - name: call{number}\n    with: {{ m: {given}(n) }}\n    output: {{ b: sum{number} }}\n    workflow:\n      \
                 state_schema:\n        m: {{ type: i64, input: true }}\n        extra: {{ type: i64, input: true, default: \
                 \"{default}(3)\" }}\n        a: {{ type: i64 }}\n        b: {{ type: i64 }}\n      nodes:\n        - {{ name: \
                 first{number}, run: \"{first}(m.wrapping_add(extra) % 100)\", output: a }}\n        - {{ name: \
                 second{number}, run: {second}(a % 100), output: b }}"
            );
        }
        let (calling, files) = workflows::texts(&self.files);
        flow += &calling;
        for (file, text) in files {
            project = project.with(file, &text);
        }
        main += "tea_runtime::include_workflow!(\"flow.yaml\");\n";
        project.with("src/main.rs", &main).with("src/types.rs", &types).with("src/flow.yaml", &flow)
    }

    /// Changes something.
    fn mutate(&mut self, random: &mut Random) {
        match random.below(13) {
            0 => *pick(&mut self.consts, random) += 1,
            1 => *pick(&mut self.statics, random) += 1,
            2 => change(pick(&mut self.methods, random), random),
            3 => change(pick(&mut self.measures, random), random),
            4 => change(pick(&mut self.operators, random), random),
            5 => change(pick(&mut self.macros, random), random),
            6 => self.provided += 1,
            8 => *pick(&mut self.nodes, random) = random.below(FUNCTIONS),
            9 => pick(&mut self.calls, random)[random.below(4)] = random.below(FUNCTIONS),
            10 => *pick(&mut self.files, random) = random.below(FUNCTIONS),
            7 => {
                // Two functions of one name, in two modules, change places.
                let one = random.below(FUNCTIONS - NAMES);
                let calls = |expr: &Expr| format!("{expr:?}").contains("Call");
                if calls(&self.functions[one]) || calls(&self.functions[one + NAMES]) {
                    change(&mut self.functions[one], random);
                } else {
                    self.functions.swap(one, one + NAMES);
                }
            }
            _ => change(pick(&mut self.functions, random), random),
        }
    }
}

fn pick<'a, T>(from: &'a mut [T], random: &mut Random) -> &'a mut T {
    let at = random.below(from.len());
    &mut from[at]
}

fn module(function: usize) -> usize {
    // Not the rest that decides the name: functions of one name are in different modules.
    (function + function / NAMES) % MODULES
}

fn name(function: usize) -> String {
    format!("f{}", function % NAMES)
}

/// How a workflow names a function.
fn path(function: usize) -> String {
    format!("m{}::{}", module(function), name(function))
}

#[test]
fn where_a_mutant_changes_what_a_node_gives_its_identity_changes() {
    let most: usize = std::env::var("TEA_MUTANTS").ok().map_or(300, |number| number.parse().unwrap());
    let mut random = Random(0x5eed_1234_5678_9abc);
    let (mut misses, mut needless, mut changed, mut tried) = (Vec::new(), 0, 0, 0);
    while tried < most {
        let base = Crate::new(&mut random);
        let (project, outputs) = (base.project(), base.outputs());
        let before = project.all();
        for _ in 0..20 {
            tried += 1;
            let mut mutant = base.clone();
            mutant.mutate(&mut random);
            let (project_of, outputs_of) = (mutant.project(), mutant.outputs());
            let after = project_of.all();
            for (one, other) in outputs.iter().zip(&outputs_of) {
                let node = &one.0;
                let identity = |of: &[(String, u128)]| of.iter().find(|of| of.0 == *node).unwrap().1;
                let (same_output, same_identity) = (one.1 == other.1, identity(&before) == identity(&after));
                changed += usize::from(!same_output);
                needless += usize::from(same_output && !same_identity);
                if !same_output && same_identity {
                    misses.push(format!("{node}: {}", project.differences(&project_of)));
                }
            }
        }
    }
    println!(
        "{tried} mutants: {changed} nodes give something else; {} misses; {needless} needless changes",
        misses.len()
    );
    assert!(changed > tried / 5, "the mutants change something");
    assert!(misses.is_empty(), "{} misses, the first: {}", misses.len(), misses[0]);
}
