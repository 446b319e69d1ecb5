//! Which records are valid when a run is resumed and something is not as it was: those of units whose reads are the same.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{kit::*, scratch::Scratch};
use crate::{
    engine::records::Which,
    map::{Hashed, MapSpec, Wired, given, map},
    plan::{CodeId, Condition, Outside, Plan, RESULTS, Step, Target, Task},
    policy::ParallelConfig,
    state::{Key, Value},
};

/// Inputs `x` and `y`, and keys `p`, `q`, `r`.
struct Keys {
    x: Key<i64>,
    y: Key<i64>,
    p: Key<i64>,
    q: Key<i64>,
    r: Key<i64>,
}

fn keys(kit: &mut Kit) -> Keys {
    let mut key = |name| {
        let key = kit.key::<i64>(name);
        kit.wired(key)
    };
    let keys = Keys { x: key("x"), y: key("y"), p: key("p"), q: key("q"), r: key("r") };
    kit.input(keys.x, Some(|| Arc::new(1_i64)));
    kit.input(keys.y, Some(|| Arc::new(1_i64)));
    keys
}

/// A node that computes one key from others.
fn computes(name: &'static str, from: &'static [Key<i64>], to: Key<i64>, how: fn(&[i64]) -> i64) -> Step {
    let ids: Vec<u32> = from.iter().map(|key| key.id).collect();
    node(name, move |view, _| {
        let values: Vec<i64> = from.iter().map(|key| *view.get(*key)).collect();
        put(view, to, how(&values))
    })
    .reads(&ids)
}

/// A node that fails, so that the run can be resumed again and again.
fn fails(reads: &[u32]) -> Step {
    node("end", |_, _| Err("not yet".into())).reads(reads)
}

fn list(keys: &[Key<i64>]) -> &'static [Key<i64>] {
    keys.to_vec().leak()
}

/// The nodes that run when the last run is resumed with this input, besides the one that fails.
fn resumed(scratch: &Scratch, plan: &'static Plan, input: Option<(Key<i64>, i64)>) -> Vec<String> {
    let inputs = input.into_iter().map(|(key, value)| (key.id, Arc::new(value) as Value)).collect();
    let mut ran = scratch.run_with(plan, inputs, |session| session.resume = Some(Which::Last));
    ran.outcome.unwrap_err();
    assert_eq!(ran.nodes.pop().as_deref(), Some("end"));
    ran.nodes
}

#[test]
fn only_what_a_changed_input_reaches_runs_again() {
    let mut kit = Kit::default();
    let Keys { x, y, p, q, r } = keys(&mut kit);
    let steps = vec![
        computes("from_x", list(&[x]), p, |x| x[0] * x[0]),
        computes("from_y", list(&[y]), q, |y| y[0] + 10),
        computes("both", list(&[p, q]), r, |pq| pq[0] + pq[1]),
        computes("from_p", list(&[p]), p, |p| p[0] + 1),
        fails(&[p.id]),
    ];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert!(resumed(&scratch, plan, None).is_empty());
    assert_eq!(resumed(&scratch, plan, Some((y, 2))), ["from_y", "both"]);
    assert!(resumed(&scratch, plan, Some((y, 2))).is_empty());
    assert_eq!(resumed(&scratch, plan, Some((x, 3))), ["from_x", "both", "from_p"]);
    // The same square.
    assert_eq!(resumed(&scratch, plan, Some((x, -3))), ["from_x"]);
    assert!(resumed(&scratch, plan, None).is_empty());
}

#[test]
fn only_branches_that_a_changed_input_reaches_run_again() {
    let mut kit = Kit::default();
    let Keys { x, y, p, q, r } = keys(&mut kit);
    let branch = |step: Step| {
        let name = step.name;
        let block = kit.block(vec![step]);
        task(name, block)
    };
    let tasks = vec![
        branch(computes("from_x", list(&[x]), p, |x| x[0] * x[0])).reads(x, 0).writes(p, false),
        branch(computes("from_y", list(&[y]), q, |y| y[0] + 10)).reads(y, 0).writes(q, false),
        branch(computes("from_p", list(&[p]), r, |p| p[0] + 1)).reads(p, 1).writes(r, false).needs(&[0]),
        branch(node("after_both", |_, _| Ok(())).reads(&[q.id])).reads(q, 1).needs(&[0, 1]),
    ];
    let region = kit.region_with(tasks, |region| region.dataflow = true);
    let after = vec![fan_out(region), node("from_r", |_, _| Ok(())).reads(&[r.id]), fails(&[])];
    let root = kit.block(chain(after));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert!(resumed(&scratch, plan, None).is_empty());
    assert_eq!(resumed(&scratch, plan, Some((y, 2))), ["from_y", "after_both"]);
    assert_eq!(resumed(&scratch, plan, Some((x, 3))), ["from_x", "from_p", "from_r"]);
    assert_eq!(resumed(&scratch, plan, Some((x, -3))), ["from_x"]);
    assert!(resumed(&scratch, plan, None).is_empty());
}

#[test]
fn a_condition_is_evaluated_again_if_what_it_reads_has_changed_and_its_node_is_not() {
    const Y: Key<i64> = Key::new(1);
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let mut kit = Kit::default();
    let Keys { x, y, p, .. } = keys(&mut kit);
    let mut first = computes("first", list(&[x]), p, |x| x[0]);
    let is_large: Condition = |view, _| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok(*view.get(Y) > 1)
    };
    let arms = vec![(Some(is_large), Target::Step(1)), (None, Target::Step(2))];
    first.next = all_read(choose(arms), &[y.id]);
    let large = Step { next: to(3), ..node("large", |_, _| Ok(())).reads(&[y.id]) };
    let small = Step { next: to(3), ..node("small", |_, _| Ok(())).reads(&[y.id]) };
    let root = kit.block(vec![first, large, small, fails(&[])]);
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    let asked = || ASKED.swap(0, Ordering::Relaxed);
    assert_eq!((scratch.run(plan, false).nodes, asked()), (strings(&["first", "small", "end"]), 1));
    assert_eq!((resumed(&scratch, plan, None), asked()), (strings(&[]), 0));
    assert_eq!((resumed(&scratch, plan, Some((y, 5))), asked()), (strings(&["large"]), 1));
    assert_eq!((resumed(&scratch, plan, None), asked()), (strings(&[]), 0));
    assert_eq!((resumed(&scratch, plan, Some((x, 5))), asked()), (strings(&["first"]), 1));
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn items_are_known_wherever_they_are_and_equal_results_keep_what_follows() {
    const X: Key<i64> = Key::new(0);
    const OUT: Key<Vec<i64>> = Key::new(5);
    static ITEMS: Mutex<Vec<i64>> = Mutex::new(Vec::new());
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static FAIL: AtomicBool = AtomicBool::new(false);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(ITEMS.lock().unwrap().clone())),
        |view, _, n, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            if FAIL.load(Ordering::Relaxed) {
                return Err("not this time".into());
            }
            Ok(n * n * view.get(X).abs())
        },
        OUT,
        None,
        Hashed,
        Wired,
    );
    let set = |items: std::ops::Range<i64>| *ITEMS.lock().unwrap() = items.collect();
    let ran = || RAN.swap(0, Ordering::Relaxed);
    let mut kit = Kit::default();
    let Keys { x, y, .. } = keys(&mut kit);
    let out: Key<Vec<i64>> = kit.key("out");
    kit.wired(out);
    // `y` stands for what the expression of the items reads.
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| (map.reads, map.writes) = (&[0], &[5]));
    let total = kit.key::<i64>("total");
    kit.wired(total);
    let sum = node("sum", move |view, _| {
        let sum = view.get(OUT).iter().enumerate().map(|(index, n)| i64::try_from(index).unwrap() * n).sum();
        put(view, total, sum)
    });
    let check = node("end", move |view, _| {
        let of = view.get(X).abs();
        let expected = ITEMS.lock().unwrap().iter().zip(0..).map(|(n, index)| index * n * n * of).sum::<i64>();
        assert_eq!(*view.get(total), expected);
        Err("not yet".into())
    });
    let steps = vec![each.reads(&[x.id, y.id]), sum.reads(&[out.id]), check.reads(&[total.id])];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    set(0..100);
    scratch.run(plan, false).outcome.unwrap_err();
    assert_eq!(ran(), 100);
    assert_eq!((resumed(&scratch, plan, None), ran()), (strings(&[]), 0));
    // Five more in front: all others have moved.
    set(-5..100);
    assert_eq!((resumed(&scratch, plan, Some((y, 2))), ran()), (strings(&["sum"]), 5));
    assert_eq!((resumed(&scratch, plan, None), ran()), (strings(&[]), 0));
    // Some fewer, in another order.
    ITEMS.lock().unwrap().reverse();
    ITEMS.lock().unwrap().truncate(50);
    assert_eq!((resumed(&scratch, plan, Some((y, 3))), ran()), (strings(&["sum"]), 0));
    assert_eq!((resumed(&scratch, plan, None), ran()), (strings(&[]), 0));
    // Others again, of which none gets done; then those of before.
    let before = ITEMS.lock().unwrap().clone();
    set(200..250);
    FAIL.store(true, Ordering::Relaxed);
    let failed = scratch.run_with(plan, vec![(y.id, Arc::new(4_i64))], |session| session.resume = Some(Which::Last));
    assert_eq!((failed.nodes, ran() > 0), (strings(&[]), true));
    FAIL.store(false, Ordering::Relaxed);
    ITEMS.lock().unwrap().clone_from(&before);
    assert_eq!((resumed(&scratch, plan, Some((y, 3))), ran()), (strings(&[]), 0));
    // All results are the same once more.
    assert_eq!((resumed(&scratch, plan, Some((x, -1))), ran()), (strings(&[]), 50));
    assert_eq!((resumed(&scratch, plan, Some((x, 2))), ran()), (strings(&["sum"]), 50));
}

#[test]
fn whoever_reads_the_results_of_a_fan_out_runs_again_only_if_one_ended_differently() {
    static FAILING: AtomicBool = AtomicBool::new(true);
    let mut kit = Kit::default();
    let Keys { x, p, .. } = keys(&mut kit);
    let allowed = ParallelConfig { allow_failure: true, ..ParallelConfig::DEFAULT };
    let may_fail = node("may_fail", |_, _| if FAILING.load(Ordering::Relaxed) { Err("no".into()) } else { Ok(()) });
    let may_fail = task("may_fail", kit.block(vec![may_fail])).config(allowed);
    let block = kit.block(vec![computes("from_x", list(&[x]), p, |x| x[0])]);
    let fine = task("from_x", block).reads(x, 0).writes(p, false);
    let region = kit.region(vec![may_fail, fine]);
    let steps = vec![fan_out(region), node("results", |_, _| Ok(())).reads(&[RESULTS]), fails(&[])];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert_eq!(resumed(&scratch, plan, None), ["may_fail"]);
    assert_eq!(resumed(&scratch, plan, Some((x, 4))), ["may_fail", "from_x"]);
    FAILING.store(false, Ordering::Relaxed);
    assert_eq!(resumed(&scratch, plan, None), ["may_fail", "results"]);
    assert_eq!(resumed(&scratch, plan, None), Vec::<String>::new());
}

#[test]
fn a_node_runs_again_if_a_source_that_it_names_has_another_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    std::fs::write(&path, "one").unwrap();
    let mut kit = Kit::default();
    let Keys { x, y, p, q, r } = keys(&mut kit);
    let outside = leak(vec![Outside::File(leak(path.to_str().unwrap().to_owned()))]);
    let code = CodeId { outside, ..CodeId::UNKNOWN };
    let named = |step: Step| Step { code, ..step };
    let block = kit.block(vec![named(computes("branch", list(&[y]), q, |y| y[0]))]);
    let branch = Task { code, ..task("branch", block).reads(y, 0).writes(q, false) };
    let other = task("other", kit.block(vec![computes("other", list(&[y]), r, |y| y[0])])).reads(y, 0).writes(r, false);
    let region = kit.region(vec![branch, other]);
    let steps = vec![
        named(computes("first", list(&[x]), p, |x| x[0])),
        computes("second", list(&[p]), p, |p| p[0]),
        fan_out(region),
        fails(&[q.id]),
    ];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    let scratch = Scratch::new();
    scratch.run(plan, false).outcome.unwrap_err();
    assert!(resumed(&scratch, plan, None).is_empty());
    std::fs::write(&path, "one").unwrap();
    assert!(resumed(&scratch, plan, None).is_empty(), "written again, with the same content");
    std::fs::write(&path, "two").unwrap();
    assert_eq!(resumed(&scratch, plan, None), ["first", "branch"]);
    assert!(resumed(&scratch, plan, None).is_empty());
    std::fs::remove_file(&path).unwrap();
    let error = scratch.run(plan, true).outcome.unwrap_err().to_string();
    assert!(error.contains("is among the `sources` of node `first`, cannot be read"), "{error}");
}
