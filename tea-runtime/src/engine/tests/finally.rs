//! What runs when a run ends.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    kit::{Kit, appends, chain, fan_out, leak, node, puts, run, task},
    scratch::Scratch,
};
use crate::{
    cancel::CancellationToken,
    engine::Options,
    failure::FailureKind,
    generated::outcome,
    plan::{Block, Plan, Step},
    request,
    result::RunOutcome,
    state::Key,
};

/// A plan of these steps, and of these at its end, each by itself.
fn plan(kit: Kit, steps: Vec<Step>, finally: Vec<Step>) -> &'static Plan {
    let root = kit.block(chain(steps));
    let finally: Vec<&'static Block> = finally.into_iter().map(|step| leak(kit.block(vec![step])) as &Block).collect();
    let plan = kit.plan(root);
    leak(Plan {
        finally: finally.leak(),
        keys: plan.keys,
        root: plan.root,
        sites: plan.sites,
        workflows: plan.workflows,
        ..*plan
    })
}

/// How a run ended, the value of the key, and a message, each time that the node ran.
type Notes = &'static Mutex<Vec<(RunOutcome, Option<i64>, String)>>;

/// Notes what `key` is.
fn notes_of<T: Clone + Send + Sync + 'static>(key: Key<T>) -> (Step, &'static Mutex<Vec<Option<T>>>) {
    let seen = leak(Mutex::new(Vec::new()));
    let step = node("reads", move |view, _| {
        seen.lock().unwrap().push(view.find(key).cloned());
        Ok(())
    });
    (step, seen)
}

/// Notes how the run ended, what `key` is, and its own name.
fn notes(key: Key<i64>) -> (Step, Notes) {
    let seen = leak(Mutex::new(Vec::new()));
    let step = node("notes", move |view, context| {
        assert!(!context.is_cancelled());
        let unit = context.unit_key();
        seen.lock().unwrap().push((outcome(context).clone(), view.find(key).copied(), unit));
        Ok(())
    });
    (step, seen)
}

#[test]
fn it_sees_how_the_run_ended_and_what_was_set_by_then() {
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let (step, seen) = notes(number);
    run(plan(kit, vec![puts("one", number, 1)], vec![step])).unwrap();
    let (outcome, value, _) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((outcome, value), (RunOutcome::Success, Some(1)));

    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let (step, seen) = notes(number);
    let broken = node("broken", |_, _| Err("no".into()));
    run(plan(kit, vec![broken, puts("one", number, 1)], vec![step])).unwrap_err();
    let (outcome, value, _) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((outcome, value), (RunOutcome::Failed { message: "no".to_owned() }, None));

    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    let (step, seen) = notes(number);
    let token = CancellationToken::new();
    let from = token.clone();
    let cancels = node("cancels", move |_, _| {
        from.cancel();
        Ok(())
    });
    let plan = plan(kit, vec![puts("one", number, 1), cancels, puts("two", number, 2)], vec![step]);
    let error = request::run(plan, Vec::new(), Options { cancel: token, ..Options::default() }).unwrap_err();
    assert!(error.is_cancelled());
    let (outcome, value, _) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((outcome, value), (RunOutcome::Cancelled, Some(1)));
}

/// Each runs whatever becomes of those before it, and each failure is told.
#[test]
fn failures_are_told_beside_that_of_the_run() {
    let broken =
        |says: &'static str| node("broken", move |_, _| if says == "P" { panic!("P") } else { Err(says.into()) });
    for (own, expected) in [(None, &["a", "P"][..]), (Some("first"), &["first", "a", "P"])] {
        let mut kit = Kit::default();
        let number = kit.key::<i64>("number");
        let (step, seen) = notes(number);
        let steps = vec![own.map_or_else(|| puts("one", number, 1), broken)];
        let error = run(plan(kit, steps, vec![broken("a"), broken("P"), step])).unwrap_err();
        let told: Vec<_> = error.failures().iter().map(|failure| failure.failure.message.clone()).collect();
        assert_eq!(told, expected, "{error}");
        assert_eq!(error.failures().last().unwrap().failure.kind, FailureKind::Panic);
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

/// A resumed run ends once more, and no two nodes have the same key for systems outside.
#[test]
fn it_runs_at_each_end_of_a_run() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let mut kit = Kit::default();
    let number = kit.key::<i64>("number");
    kit.wired(number);
    let gate = node("gate", |_, _| if OPEN.load(Ordering::Relaxed) == 0 { Err("closed".into()) } else { Ok(()) });
    let ((first, seen), (second, others)) = (notes(number), notes(number));
    let plan = plan(kit, vec![puts("one", number, 1), gate], vec![first, second]);
    let scratch = Scratch::new();
    assert_eq!(scratch.run(plan, false).nodes, ["one", "gate", "notes", "notes"]);
    OPEN.store(1, Ordering::Relaxed);
    assert_eq!(scratch.run(plan, true).nodes, ["gate", "notes", "notes"]);
    let (seen, others) = (seen.lock().unwrap(), others.lock().unwrap());
    let outcomes: Vec<_> = seen.iter().map(|(outcome, value, _)| (outcome.is_success(), *value)).collect();
    assert_eq!(outcomes, [(false, Some(1)), (true, Some(1))]);
    assert_eq!(seen[0].2, seen[1].2);
    assert_ne!(seen[0].2, others[0].2);
}

/// Also one that a branch was to extend without a copy: of what a failed branch did nothing is seen.
#[test]
fn what_a_failed_branch_was_extending_is_there_as_it_was_before() {
    let mut kit = Kit::default();
    let (list, number) = (kit.list("list"), kit.key::<i64>("number"));
    let (step, seen) = notes_of(list);
    let extends = vec![appends("extends", list, 2), node("broken", |_, _| Err("no".into()))];
    let extends = task("extends", kit.block(chain(extends))).reads(list, 0).writes(list, false);
    let other = task("other", kit.block(vec![puts("other", number, 1)])).writes(number, false);
    let region = kit.region(vec![extends, other]);
    let error = run(plan(kit, vec![appends("one", list, 1), fan_out(region)], vec![step])).unwrap_err();
    assert_eq!(*seen.lock().unwrap(), [Some(vec![1])], "{error}");
}

/// What a reducer was given cannot be taken back.
#[test]
fn an_input_whose_reducer_failed_is_told_in_place_of_the_node_that_reads_it() {
    let mut kit = Kit::default();
    let list = kit.list("list");
    kit.input(list, Some(|| Arc::new(vec![1_i64])));
    kit.reduce(list, |_, _, _| panic!("cannot"));
    let (reads, seen) = notes_of(list);
    let error = run(plan(kit, vec![appends("two", list, 2)], vec![reads])).unwrap_err();
    let told: Vec<_> = error.failures().iter().map(|failure| failure.failure.message.clone()).collect();
    let gone = "`list` has no value any more: it was lost when the run failed";
    assert_eq!(told, ["cannot", gone]);
    assert!(seen.lock().unwrap().is_empty());
}
