//! Random plans, run by the engine and by a naive interpreter that knows nothing of threads.
//!
//! `TEA_RANDOM_PLANS=100000 cargo test -p tea-runtime --release random` runs as many as one likes.

use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;

use super::kit::*;
use crate::{
    error::Error,
    map::{Hashed, MapSpec, Wired, given, map, reduced},
    plan::{Block, Condition, Next, Plan, Step, Target},
    policy::{ParallelConfig, RetryPolicy},
    state::{Key, View},
};

/// Numbers, which are replaced.
const NUMBERS: usize = 4;
/// Lists, which are appended to.
const LISTS: usize = 2;
/// Counters of loops, by depth.
const COUNTERS: usize = 4;

fn number(at: usize) -> Key<i64> {
    Key::new(u32::try_from(at).unwrap())
}

fn list(at: usize) -> Key<Vec<i64>> {
    Key::new(u32::try_from(NUMBERS + at).unwrap())
}

fn counter(depth: usize) -> Key<i64> {
    Key::new(u32::try_from(NUMBERS + LISTS + depth).unwrap())
}

/// The state as the interpreter has it.
#[derive(Debug, Clone, PartialEq, Default)]
struct State {
    numbers: [Option<i64>; NUMBERS],
    lists: [Option<Vec<i64>>; LISTS],
}

#[derive(Debug)]
enum Statement {
    /// `number = number * 3 + other + 1`
    Mix(usize, usize),
    /// `list += [number]`
    Push(usize, usize),
    /// By whether a number is even.
    If(usize, Vec<Statement>, Vec<Statement>),
    Loop(i64, Vec<Statement>),
    Fan(Fan),
    /// `list += [number, number + 1, …]`, so many items.
    Map(usize, usize),
}

#[derive(Debug)]
struct Fan {
    branches: Vec<Branch>,
    workers: u32,
    dataflow: bool,
    /// So many branches are enough: all that succeed.
    join: Option<u32>,
}

#[derive(Debug)]
struct Branch {
    body: Vec<Statement>,
    may: May,
    needs: Vec<usize>,
    /// Starts only if this number is even.
    when: Option<usize>,
    /// So many attempts fail.
    fails: u32,
    retries: u32,
    /// What the numbers that it may write are if it fails.
    or: Option<i64>,
    /// It has a limit, which nothing reaches: it runs on a thread of its own.
    limited: bool,
}

/// What a block may read and write.
#[derive(Debug, Clone, Default)]
struct May {
    read: Vec<usize>,
    write: Vec<usize>,
    push: Vec<usize>,
    /// Lists that it is sent, and replaces.
    own: Vec<usize>,
}

// Making plans up.

fn statements(rng: &mut Rng, may: &May, depth: usize) -> Vec<Statement> {
    (0..rng.usize(1..4)).filter_map(|_| statement(rng, may, depth)).collect()
}

fn statement(rng: &mut Rng, may: &May, depth: usize) -> Option<Statement> {
    let read = rng.choice(&may.read).copied();
    let deep = depth + 1 < COUNTERS;
    Some(match rng.u8(0..12) {
        0..3 => Statement::Mix(*rng.choice(&may.write)?, read?),
        3..6 => Statement::Push(*rng.choice(&may.push)?, read?),
        6 if deep => Statement::If(read?, statements(rng, may, depth + 1), statements(rng, may, depth + 1)),
        7 if deep => Statement::Loop(rng.i64(1..4), statements(rng, may, depth + 1)),
        8 | 9 if deep => Statement::Fan(fan(rng, may, depth + 1)),
        10 => Statement::Map(*rng.choice(&may.push)?, read?),
        _ => return None,
    })
}

fn fan(rng: &mut Rng, may: &May, depth: usize) -> Fan {
    let count = rng.usize(1..6);
    let dataflow = rng.bool();
    // Each number has one writer at most, so that there are no races but those that `needs` prevent.
    let owners: Vec<(usize, usize)> = may.write.iter().map(|&n| (n, rng.usize(0..=count))).collect();
    let list_owners: Vec<(usize, usize)> = may.own.iter().map(|&l| (l, rng.usize(0..2 * count))).collect();
    let mut ancestors: Vec<Vec<usize>> = Vec::new();
    let mut branches = Vec::new();
    for index in 0..count {
        let needs: Vec<usize> = (0..index).filter(|_| dataflow && rng.u8(0..3) == 0).collect();
        let mut above: Vec<usize> = needs.iter().flat_map(|&need| [&ancestors[need][..], &[need]].concat()).collect();
        above.sort_unstable();
        above.dedup();
        let owner = |n: usize| owners.iter().find(|owner| owner.0 == n).map_or(count, |owner| owner.1);
        let own = list_owners.iter().filter(|owner| owner.1 == index).map(|owner| owner.0).collect::<Vec<_>>();
        let free = |l: usize| list_owners.iter().all(|owner| owner.0 != l || owner.1 >= count);
        let may = May {
            read: may
                .read
                .iter()
                .copied()
                .filter(|&n| owner(n) == count || owner(n) == index || above.contains(&owner(n)))
                .collect(),
            write: owners.iter().filter(|owner| owner.1 == index).map(|owner| owner.0).collect(),
            push: may.push.iter().copied().filter(|&l| own.contains(&l) || free(l)).collect(),
            own,
        };
        // A condition is for branches only, and reads what is there before.
        let when = (!dataflow && rng.u8(0..4) == 0).then(|| rng.choice(&may.read).copied()).flatten();
        let fails = if rng.u8(0..4) == 0 { rng.u32(1..3) } else { 0 };
        let body = statements(rng, &may, depth);
        let or = (rng.u8(0..3) == 0).then(|| rng.i64(0..100));
        branches.push(Branch { body, may, needs, when, fails, retries: rng.u32(0..3), or, limited: rng.u8(0..4) == 0 });
        ancestors.push(above);
    }
    // Which branches are the first does not depend on the timing if all that succeed are needed.
    let succeed = branches.iter().filter(|branch| branch.fails <= branch.retries).count();
    let plain = branches.iter().all(|branch| branch.when.is_none() && branch.or.is_none());
    let may_join = !dataflow && plain && succeed > 0;
    let join = (may_join && rng.bool()).then(|| u32::try_from(succeed).unwrap());
    Fan { branches, workers: rng.u32(1..4), dataflow, join }
}

// The naive interpreter.

fn value(state: &State, number: usize) -> i64 {
    state.numbers[number].unwrap_or(7)
}

fn push(state: &mut State, list: usize, value: i64) {
    state.lists[list].get_or_insert_default().push(value);
}

fn interpret(body: &[Statement], state: &mut State) {
    for statement in body {
        match statement {
            Statement::Mix(to, from) => {
                state.numbers[*to] = Some(mix(value(state, *to), value(state, *from)));
            }
            Statement::Push(list, from) => push(state, *list, value(state, *from)),
            Statement::If(number, then, otherwise) => {
                interpret(if value(state, *number) % 2 == 0 { then } else { otherwise }, state);
            }
            Statement::Loop(times, body) => (0..*times).for_each(|_| interpret(body, state)),
            Statement::Map(list, from) => {
                let from = value(state, *from);
                (0..items(from)).for_each(|n| push(state, *list, from.wrapping_add(n)));
            }
            Statement::Fan(fan) => interpret_fan(fan, state),
        }
    }
}

/// One branch after the other, in task order; what a branch needs has then been there before it.
fn interpret_fan(fan: &Fan, state: &mut State) {
    let before = state.clone();
    for branch in &fan.branches {
        let skipped = branch.when.is_some_and(|number| value(&before, number) % 2 != 0);
        if skipped {
            continue;
        }
        if branch.fails > branch.retries {
            for &number in branch.may.write.iter().filter(|_| branch.or.is_some()) {
                state.numbers[number] = branch.or;
            }
            continue;
        }
        let mut own = State::default();
        for &number in &branch.may.read {
            own.numbers[number] = state.numbers[number];
        }
        for &list in &branch.may.own {
            own.lists[list].clone_from(&state.lists[list]);
        }
        interpret(&branch.body, &mut own);
        for &number in &branch.may.write {
            state.numbers[number] = own.numbers[number];
        }
        for &list in &branch.may.push {
            if branch.may.own.contains(&list) {
                state.lists[list].clone_from(&own.lists[list]);
            } else if let Some(more) = own.lists[list].take() {
                state.lists[list].get_or_insert_default().extend(more);
            }
        }
    }
}

fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(3).wrapping_add(b).wrapping_add(1)
}

fn items(from: i64) -> i64 {
    from.rem_euclid(20)
}

// The plan.

fn see(view: &View, at: usize) -> i64 {
    view.find(number(at)).copied().unwrap_or(7)
}

fn is_even(at: usize) -> Condition {
    macro_rules! even {
        ($($at:literal)*) => { [$(|view, _| Ok(see(view, $at) % 2 == 0)),*] };
    }
    let conditions: [Condition; NUMBERS] = even!(0 1 2 3);
    conditions[at]
}

fn has_turns_left(depth: usize) -> Condition {
    macro_rules! turns_left {
        ($($depth:literal)*) => { [$(|view, _| Ok(*view.get(counter($depth)) > 0)),*] };
    }
    let conditions: [Condition; COUNTERS] = turns_left!(0 1 2 3);
    conditions[depth]
}

macro_rules! each {
    ($($number:literal $list:literal),*) => {
        [$({
            static EACH: &dyn MapSpec = &map(
                given(|view, _| { let from = see(view, $number); Ok((0..items(from)).map(move |n| from.wrapping_add(n))) }),
                |_, _, n, _| Ok(vec![*n]),
                reduced(Key::<Vec<i64>>::new(4 + $list)),
                None,
                Hashed,
                Wired,
            );
            EACH
        }),*]
    };
}

fn each(from: usize, to: usize) -> &'static dyn MapSpec {
    each!(0 0, 1 0, 2 0, 3 0, 0 1, 1 1, 2 1, 3 1)[to * NUMBERS + from]
}

/// A name that no other node has.
fn unique(kind: &str) -> &'static str {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    format!("{kind}{}", LAST.fetch_add(1, Ordering::Relaxed)).leak()
}

fn end_or(steps: &[Step]) -> Next {
    to(u32::try_from(steps.len()).unwrap())
}

/// Appends the steps of `body`, each of which goes on to the next.
fn compile(body: &[Statement], depth: usize, kit: &mut Kit, steps: &mut Vec<Step>) {
    for statement in body {
        let step = match statement {
            &Statement::Mix(into, from) => node(unique("mix"), move |view, _| {
                let mixed = mix(see(view, into), see(view, from));
                put(view, number(into), mixed)
            }),
            &Statement::Push(into, from) => node(unique("push"), move |view, _| {
                let value = see(view, from);
                put(view, list(into), vec![value])
            }),
            &Statement::Map(into, from) => kit.map(unique("each"), each(from, into), ParallelConfig::DEFAULT, |_| ()),
            Statement::Fan(fan) => Step { name: unique("fan-out"), ..fan_out(compile_fan(fan, depth, kit)) },
            Statement::If(at, then, otherwise) => {
                let branching = steps.len();
                steps.push(node(unique("if"), |_, _| Ok(())));
                compile(then, depth + 1, kit, steps);
                let leaving = steps.len();
                steps.push(node(unique("then"), |_, _| Ok(())));
                let start = u32::try_from(steps.len()).unwrap();
                steps[branching].next = choose(vec![
                    (Some(is_even(*at)), Target::Step(u32::try_from(branching + 1).unwrap())),
                    (None, Target::Step(start)),
                ]);
                compile(otherwise, depth + 1, kit, steps);
                let mut after = node(unique("else"), |_, _| Ok(()));
                steps[leaving].next = end_or(steps);
                after.next = END;
                after
            }
            Statement::Loop(times, body) => {
                let times = *times;
                let mut start = node(unique("start"), move |view, _| put(view, counter(depth), times));
                start.next = to(u32::try_from(steps.len() + 1).unwrap());
                steps.push(start);
                let top = u32::try_from(steps.len()).unwrap();
                compile(body, depth + 1, kit, steps);
                let mut count = node(unique("count"), move |view, _| {
                    let left = view.get(counter(depth)) - 1;
                    put(view, counter(depth), left)
                });
                let after = u32::try_from(steps.len() + 1).unwrap();
                count.next =
                    choose(vec![(Some(has_turns_left(depth)), Target::Step(top)), (None, Target::Step(after))]);
                steps.push(count);
                node(unique("done"), |_, _| Ok(()))
            }
        };
        let next = u32::try_from(steps.len() + 1).unwrap();
        steps.push(Step { next: to(next), ..step });
    }
}

fn block(body: &[Statement], first: Option<Step>, depth: usize, kit: &mut Kit) -> Block {
    let mut steps: Vec<Step> = first.into_iter().map(|step| Step { next: to(1), ..step }).collect();
    compile(body, depth, kit, &mut steps);
    steps.push(node(unique("end"), |_, _| Ok(())));
    kit.block(steps)
}

fn compile_fan(fan: &Fan, depth: usize, kit: &mut Kit) -> &'static crate::plan::Region {
    let mut tasks = Vec::new();
    for branch in &fan.branches {
        let fails = branch.fails;
        let flaky = node(unique("flaky"), move |_, context| match context.attempt() {
            attempt if attempt > fails => Ok(()),
            1 => Err("flaky".into()),
            _ => panic!("flaky"),
        });
        let retry =
            RetryPolicy { max_retries: branch.retries, base_delay: std::time::Duration::ZERO, ..RetryPolicy::DEFAULT };
        let timeout = branch.limited.then(|| std::time::Duration::from_hours(1));
        let mut made = task(unique("t"), block(&branch.body, Some(flaky), depth + 1, kit))
            .config(ParallelConfig { retry, allow_failure: true, timeout, ..ParallelConfig::DEFAULT })
            .needs(&branch.needs.iter().map(|&need| u32::try_from(need).unwrap()).collect::<Vec<_>>());
        made.when = branch.when.map(is_even);
        for &at in &branch.may.read {
            let written = fan.branches.iter().zip(0..).filter(|(other, _)| other.may.write.contains(&at));
            let before = written.filter(|(_, index)| tasks.len() > *index).count();
            made = made.reads(number(at), u32::try_from(before).unwrap());
        }
        for &at in &branch.may.own {
            made = made.reads(list(at), 0).writes(list(at), false);
        }
        for &at in branch.may.push.iter().filter(|at| !branch.may.own.contains(at)) {
            made = made.writes(list(at), true);
        }
        for &at in &branch.may.write {
            made = made.writes(number(at), false);
            made = if let Some(or) = branch.or { made.or(number(at), or) } else { made };
        }
        tasks.push(made);
    }
    kit.region_with(tasks, |region| {
        (region.dataflow, region.join, region.max_workers) = (fan.dataflow, fan.join, Some(fan.workers));
    })
}

/// A plan, what it says, and the state that it leads to.
pub(super) struct Random {
    body: Vec<Statement>,
    pub(super) plan: &'static Plan,
    expected: State,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let all: Vec<usize> = (0..NUMBERS).collect();
        let lists: Vec<usize> = (0..LISTS).collect();
        let may = May { read: all.clone(), write: all, push: lists.clone(), own: lists };
        let body = vec![Statement::Fan(fan(&mut rng, &may, 0)), Statement::Fan(fan(&mut rng, &may, 0))];
        let body: Vec<_> = body.into_iter().chain(statements(&mut rng, &may, 0)).collect();
        let mut expected = State::default();
        interpret(&body, &mut expected);

        let mut kit = Kit::default();
        let mut key = |name| {
            let key = kit.key::<i64>(name);
            kit.wired(key);
        };
        (0..NUMBERS).for_each(|_| key("number"));
        (0..LISTS).for_each(|_| {
            let list = kit.list("list");
            kit.wired(list);
        });
        let mut key = |name| {
            let key = kit.key::<i64>(name);
            kit.wired(key);
        };
        (0..COUNTERS).for_each(|_| key("counter"));
        let root = block(&body, None, 0, &mut kit);
        Self { body, plan: kit.plan(root), expected }
    }

    /// Whether a run led there.
    pub(super) fn check(&self, found: Result<View, Error>, what: &str) {
        let body = &self.body;
        let view = found.unwrap_or_else(|error| panic!("{what}: {error}\n{body:#?}"));
        let found = State {
            numbers: std::array::from_fn(|at| view.find(number(at)).copied()),
            lists: std::array::from_fn(|at| view.find(list(at)).cloned()),
        };
        assert_eq!(found, self.expected, "{what}\n{body:#?}");
    }
}

#[test]
fn random_plans_do_what_a_naive_interpreter_does() {
    let count = std::env::var("TEA_RANDOM_PLANS").map_or(400, |count| count.parse().unwrap());
    for seed in 0..count {
        let random = Random::new(seed);
        for workers in [1, 3] {
            random.check(run_with(random.plan, workers), &format!("seed {seed}, {workers} workers"));
        }
    }
}
