//! What `--dry-run` foresees of random plans, against what the resumed run does then.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    kit::*,
    random::Random,
    scratch::{Scratch, copy},
};
use crate::{
    context::Context,
    engine::records::{Prospect, Session, Which, outlook},
    failure::NodeError,
    map::{Hashed, MapSpec, Wired, given, map},
    plan::{Block, Body, CodeId, Plan, Step, Work},
    policy::ParallelConfig,
    state::{Key, View},
    store::Status,
};

/// Whether what `ran` is what was foreseen, where `whole` is what ran in the run that is resumed.
///
/// Nothing ran that was not foreseen. Of the nodes that were foreseen, and that `whole` has, all ran but those that are also
/// told to be done, since a loop may come back to them, and those that run for a reason of which nobody can know
/// before (`is_open`). The nodes that `whole` does not have are behind conditions that were not decided.
pub(super) fn check(
    root: &Block,
    foreseen: &[Prospect],
    (ran, whole): (&[String], &[String]),
    is_open: impl Fn(&str) -> bool,
    what: &str,
) {
    let told = |of: &dyn Fn(&Prospect) -> bool, with_parts| {
        let mut nodes = BTreeSet::new();
        collect(root, foreseen, (of, with_parts), &mut nodes);
        nodes
    };
    let (running, done) = (told(&|of| of.runs, false), told(&|of| !of.runs, false));
    // If it is open whether a branch runs, it is so of its nodes.
    let open = told(&|of| of.runs && is_open(&of.why), true);
    let unforeseen: Vec<_> = ran.iter().filter(|node| !running.contains(&***node)).collect();
    assert!(unforeseen.is_empty(), "{what}: {unforeseen:?} ran: {foreseen:#?}");
    let has = |nodes: &[String], name: &str| nodes.iter().any(|node| node == name);
    let certain = running.into_iter().filter(|node| has(whole, node) && !done.contains(node) && !open.contains(node));
    let idle: Vec<_> = certain.filter(|node| !has(ran, node)).collect();
    assert!(idle.is_empty(), "{what}: {idle:?} did not run: {foreseen:#?}");
}

/// The nodes of which such a thing is told, or, `with_parts`, of a branch that they are in. Those of a branch that is recorded
/// as a whole are not told one by one, and neither are those of a fan-out that nothing is known of. Items are no nodes.
fn collect(
    block: &Block,
    foreseen: &[Prospect],
    (is, with_parts): (&dyn Fn(&Prospect) -> bool, bool),
    into: &mut BTreeSet<&'static str>,
) {
    for of in foreseen {
        let Some(step) = block.steps.iter().find(|step| step.name == of.node) else { continue };
        match step.work {
            Work::FanOut(region) if of.parts.is_empty() && is(of) => {
                region.tasks.iter().for_each(|task| all_of(task.block, into));
            }
            Work::FanOut(region) => {
                for part in &of.parts {
                    let Some(task) = region.tasks.iter().find(|task| task.name == part.node) else { continue };
                    if (part.parts.is_empty() || with_parts) && is(part) {
                        all_of(task.block, into);
                    }
                    collect(task.block, &part.parts, (is, with_parts), into);
                }
            }
            Work::Run(_) if is(of) => drop(into.insert(step.name)),
            _ => {}
        }
    }
}

fn all_of(block: &Block, into: &mut BTreeSet<&'static str>) {
    for step in block.steps {
        match step.work {
            Work::FanOut(region) => region.tasks.iter().for_each(|task| all_of(task.block, into)),
            Work::Run(_) => drop(into.insert(step.name)),
            _ => {}
        }
    }
}

/// The plan after an edit of a step: it gives the same, or another number.
fn edited(plan: &'static Plan, at: usize, differs: bool) -> &'static Plan {
    let edit = |(of, step): (usize, &'static Step)| match step.work {
        Work::Run(body) if of == at && differs => {
            let other = Step { code: EDITED, ..node(step.name, move |view, context| different(body, view, context)) };
            Step { next: step.next, reads: step.reads, ..other }
        }
        _ if of == at => Step { code: EDITED, ..*step },
        _ => Step { ..*step },
    };
    let steps = plan.root.steps.iter().enumerate().map(edit).collect::<Vec<_>>().leak();
    leak(Plan { root: leak(Block { steps, ..*plan.root }), ..*plan })
}

const EDITED: CodeId = CodeId { hash: 1, ..CodeId::UNKNOWN };

/// What a node does, with another result.
fn different(body: &dyn Body, view: &mut View, context: &Context) -> Result<(), NodeError> {
    let numbers = |view: &View| [0, 1, 2, 3].map(|key| view.find(Key::<i64>::new(key)).copied());
    let before = numbers(view);
    body.run(view, context).map_err(|failure| failure.message)?;
    for (key, (before, now)) in (0..).zip(before.into_iter().zip(numbers(view))) {
        if let Some(now) = now.filter(|_| before != now) {
            put(view, Key::<i64>::new(key), now.wrapping_add(1))?;
        }
    }
    Ok(())
}

/// Why a node runs if what another one writes turns out to be different, which is not known before.
fn depends_on_output(why: &str) -> bool {
    why.ends_with(" writes again")
        || why == "it reads `parallel_results`, and a branch runs"
        || why == "a node before it runs"
        || why == "a condition before it is not decided yet"
}

#[test]
fn what_an_edit_of_a_node_makes_run_is_foreseen_and_besides_only_what_depends_on_its_output() {
    let seeds = std::env::var("TEA_RANDOM_PLANS").map_or(12, |count| count.parse().unwrap());
    let (mut same, mut other) = (0, 0);
    for seed in 0..seeds {
        let random = Random::new(seed);
        let whole = Scratch::new();
        let all = whole.run(random.plan, false).nodes;
        whole.set_status(Status::Unfinished);
        let steps = random.plan.root.steps.iter().enumerate().filter(|(_, step)| all.iter().any(|of| of == step.name));
        let edits = steps.flat_map(|step| [(step, false), (step, true)]);
        for ((at, step), differs) in edits.filter(|((_, step), differs)| !differs || step.name.starts_with("mix")) {
            let what = format!("seed {seed}, `{}` edited, another output: {differs}", step.name);
            let scratch = Scratch::new();
            copy(&whole.0, &scratch.0);
            let plan = edited(random.plan, at, differs);
            let foreseen = foresee(plan, &scratch);
            let ran = scratch.run(plan, true);
            check(plan.root, &foreseen, (&ran.nodes, &all), depends_on_output, &what);
            assert!(ran.nodes.iter().any(|node| node == step.name), "{what}");
            if differs {
                ran.outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
                other += usize::from(ran.nodes.iter().any(|node| node != step.name));
            } else {
                assert!(ran.nodes.iter().all(|node| node == step.name), "{what}: {:?}", ran.nodes);
                random.check(ran.outcome, &what);
                same += 1;
            }
        }
    }
    assert!(same > 0 && other > 0, "{same} edits with the same output, {other} after which other nodes ran");
}

fn foresee(plan: &'static Plan, scratch: &Scratch) -> Vec<Prospect> {
    let session = Session { state_dir: scratch.0.clone(), resume: Some(Which::Last), ..Session::default() };
    outlook(plan, &[], &session).unwrap().nodes
}

#[test]
fn items_that_fail_or_panic_are_told_and_nothing_runs() {
    static STATE: AtomicUsize = AtomicUsize::new(0);
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| match STATE.load(Ordering::Relaxed) {
            0 => Err("no list".into()),
            1 => panic!("bad list"),
            _ => Ok(0..3_i64),
        }),
        |_, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            Ok(*n)
        },
        Key::<Vec<i64>>::new(1),
        None,
        Hashed,
        Wired,
    );
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let out = kit.key::<Vec<i64>>("out");
    kit.wired(out);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| (map.reads, map.writes) = (&[0], &[1]));
    let last = node("last", |_, _| {
        RAN.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let root = kit.block(chain(vec![puts("a", number, 1), each.reads(&[0]), last]));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    for (state, why) in [
        (0, "its items are not done, and its `items` fails: no list"),
        (1, "its items are not done, and its `items` panics: bad list"),
        (2, "its items are not done"),
    ] {
        STATE.store(state, Ordering::Relaxed);
        let foreseen = foresee(plan, &scratch);
        let told: Vec<_> = foreseen.iter().map(|of| (&*of.node, of.runs, &*of.why)).collect();
        let expected = [("a", false, "it is done"), ("each", true, why), ("last", true, "a node before it runs")];
        assert_eq!(told, expected);
        assert_eq!(foreseen[1].parts.len(), if state == 2 { 3 } else { 0 });
    }
    assert_eq!(RAN.load(Ordering::Relaxed), 0);
}

#[test]
fn what_reads_a_key_that_an_edited_node_writes_for_the_first_time_is_foreseen() {
    let plan = |gives: bool| {
        let mut kit = Kit::default();
        let key: Key<i64> = kit.key("found");
        kit.wired(key);
        let code = CodeId { hash: 2 + u128::from(gives), ..CodeId::UNKNOWN };
        let look = node("look", move |view, _| if gives { put(view, key, 1) } else { Ok(()) });
        let root = kit.block(chain(vec![Step { code, writes: &[0], ..look }, node("read", |_, _| Ok(())).reads(&[0])]));
        kit.plan(root)
    };
    let scratch = Scratch::new();
    scratch.run(plan(false), false);
    scratch.set_status(Status::Unfinished);
    let foreseen = foresee(plan(true), &scratch);
    let why: Vec<_> = foreseen.iter().map(|of| (&*of.node, of.runs, &*of.why)).collect();
    assert_eq!(why[1], ("read", true, "it reads `found`, which `look` writes again"), "{why:?}");
    assert_eq!(scratch.run(plan(true), true).nodes, ["look", "read"]);
}
