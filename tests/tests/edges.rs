//! Fan-outs on threads and in processes, run as programs.

use std::{collections::BTreeMap, path::PathBuf};

use proptest::{collection::vec, option, prelude::*};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    process::wait_for,
    program::{Finished, Program},
    trace,
    work::{self, Shape},
};

fn flow(name: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_edges")).env("FLOW", name)
}

fn run(name: &str, args: &str, input: &Value) -> Finished {
    flow(name).args("--input -").args(args).stdin(input.to_string()).run()
}

/// Runs a workflow in workers, on threads and with a single worker, and gives what all of them wrote.
fn run_everywhere(name: &str, input: &Value) -> String {
    let [processes, threads, single] =
        ["", "--parallel-strategy thread", "--max-workers 1"].map(|args| run(name, args, input));
    assert_eq!(processes.code, Some(0), "{}", processes.stderr);
    assert_eq!(processes.stdout, threads.stdout, "{}", threads.stderr);
    assert_eq!(processes.stdout, single.stdout, "{}", single.stderr);
    processes.stdout
}

/// What `mixed` must give: its nodes by hand, one after the other.
fn mixed_by_hand(seed: u64, words: &[String], shape: &Shape) -> Value {
    let numbers = work::numbers(seed);
    let sum = work::sum(&numbers);
    let (counts, longest) = (work::counts(words), work::longest(words).cloned());
    let grown = shape.grow(seed % 4);
    let pair = (sum ^ seed, format!("{sum:x} {}", grown.area()));
    let half = f64::from(u32::try_from(pair.0 % 65_536).unwrap()) / 2.0;
    let letter = pair.1.chars().next().unwrap_or('-');
    let (area, names) = (grown.area(), counts.keys().collect::<Vec<_>>());
    let digest = format!("{half} {letter} {area} {names:?} {longest:?} halve+measure+names");
    json!({
        "seed": seed, "words": words, "shape": shape, "numbers": numbers, "sum": sum, "counts": counts,
        "longest": longest, "grown": grown, "pair": pair, "half": half, "letter": letter, "area": area,
        "names": names, "digest": digest,
    })
}

/// The text that `nested` must give.
fn nested_by_hand(n: u64, values: &[i64]) -> String {
    let (mut at, mut steps) = (n % 10_000 + 1, 0_u32);
    loop {
        (at, steps) = (if at % 2 == 0 { at / 2 } else { 3 * at + 1 }, steps + 1);
        if at <= 1 || steps >= 300 {
            break;
        }
    }
    let squares: Vec<i64> = (0..).zip(values).map(|(index, value)| (value % 1_000) * (value % 1_000) + index).collect();
    let spread = squares.iter().max().unwrap_or(&0) - squares.iter().min().unwrap_or(&0);
    let many = Some(values.len()).filter(|many| *many > 3);
    let order: &[&str] = if many.is_some() { &["walked", "both", "count"] } else { &["walked", "both"] };
    let total = i64::from(steps) + spread;
    format!("{at} after {steps}, spread {spread}, {many:?} values, total {total}, {order:?}")
}

fn shapes() -> impl Strategy<Value = Shape> {
    let side = || (0..10_000_u32).prop_map(|side| f64::from(side) / 8.0);
    let leaf = prop_oneof![
        Just(Shape::Empty),
        side().prop_map(Shape::Circle),
        (side(), side()).prop_map(|(width, height)| Shape::Rectangle { width, height }),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop::collection::btree_map(".{0,6}", vec(option::of(inner), 0..3), 0..3).prop_map(Shape::Group)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strategies_agree_byte_for_byte(seed: u64, words in vec(".{0,8}", 0..20), shape in shapes()) {
        let output = run_everywhere("mixed", &json!({ "seed": seed, "words": words, "shape": shape }));
        let output: Value = serde_json::from_str(&output).unwrap();
        prop_assert_eq!(output, mixed_by_hand(seed, &words, &shape));
    }

    #[test]
    fn strategies_agree_on_nested_parallelism(n: u64, values in vec(any::<i64>(), 0..8)) {
        let output = run_everywhere("nested", &json!({ "n": n, "values": values }));
        let output: Value = serde_json::from_str(&output).unwrap();
        prop_assert_eq!(&output["text"], &nested_by_hand(n, &values));
    }
}

#[test]
fn defaults_serve_where_the_caller_says_nothing() {
    let output = flow("mixed").args("--seed 7").run().json();
    assert_eq!(output, mixed_by_hand(7, &[], &Shape::Empty));
    let output = flow("mixed").args("--seed 7 --shape").arg(r#"{"Circle": 2.0}"#).run().json();
    assert_eq!(output, mixed_by_hand(7, &[], &Shape::Circle(2.0)));
}

#[test]
fn output_keys_keep_the_order_of_the_schema() {
    let output = flow("mixed").args("--seed 1").run().stdout;
    let places = ["seed", "words", "shape", "numbers", "pair", "digest"].map(|key| output.find(&format!("\"{key}\"")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{output}");
}

#[test]
fn an_edge_overrides_the_settings_both_ways() {
    let pids = |name: &str| {
        let running = flow(name).start();
        let parent = running.pid();
        let output = running.finish().json();
        assert_eq!(output["here"], parent);
        let [settings, edge] = ["from_settings", "from_edge"].map(|key| output[key].as_u64().unwrap());
        assert_eq!(output["reported"], json!([settings, edge]), "results tell the process that ran a branch");
        (u64::from(parent), settings, edge)
    };
    let (parent, settings, edge) = pids("settings_thread");
    assert!(settings == parent && edge != parent, "{parent} {settings} {edge}");
    let (parent, settings, edge) = pids("settings_process");
    assert!(settings != parent && edge == parent, "{parent} {settings} {edge}");
}

#[test]
fn branches_run_on_threads_where_nothing_is_said() {
    let output = flow("no_settings").run().json();
    assert_eq!(output["first"], output["here"]);
    assert_eq!(output["second"], output["here"]);
}

/// `behave` with a log of its own.
struct Behave {
    directory: tempfile::TempDir,
}

impl Behave {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn program(&self, orders: &[(&str, &str)]) -> Program {
        let program = flow("behave").arg("--log").arg(self.log());
        orders.iter().fold(program, |program, (branch, order)| program.arg(format!("--{branch}")).arg(order))
    }

    /// Branch name to process id, for what has started so far.
    fn started(&self) -> BTreeMap<String, u32> {
        let line = |line: &String| {
            let mut words = line.split(' ');
            (words.next().unwrap().to_owned(), words.next().unwrap().parse().unwrap())
        };
        trace::lines(&self.log()).iter().map(line).collect()
    }

    fn wait_for_start(&self, branches: usize) -> BTreeMap<String, u32> {
        wait_for("the branches to start", || Some(self.started()).filter(|started| started.len() == branches))
    }
}

#[test]
fn nothing_is_left_after_a_good_end() {
    let behave = Behave::new();
    let finished = behave.program(&[]).run();
    assert_eq!(finished.json()["together"], "one, two, three");
}

#[test]
fn a_failed_branch_fails_the_run_and_leaves_nothing() {
    for (order, told) in [
        ("error no such sample", "no such sample"),
        ("panic index out of range", "index out of range"),
        ("signal 9", "SIGKILL"),
        ("signal 11", "SIGSEGV"),
        ("abort", "SIGABRT"),
        ("exit 7", "7"),
        ("exit 0", "0"),
    ] {
        let behave = Behave::new();
        let finished = behave.program(&[("second", order)]).run();
        let stderr = finished.failure(1);
        assert!(stderr.contains("two") && stderr.contains(told), "{order}: {stderr}");
        assert_eq!(behave.started().len(), 3, "{order}: the siblings run all the same");
    }
}

#[test]
fn every_failure_is_told() {
    let behave = Behave::new();
    let finished = behave.program(&[("first", "error bad first"), ("third", "signal 9")]).run();
    let stderr = finished.failure(1);
    assert!(stderr.contains("bad first") && stderr.contains("SIGKILL"), "{stderr}");
}

#[test]
fn threads_fail_with_the_same_words() {
    for order in ["error no such sample", "panic index out of range"] {
        let behave = Behave::new();
        let finished = behave.program(&[("second", order)]).args("--parallel-strategy thread").run();
        let (_, told) = order.split_once(' ').unwrap();
        assert!(finished.failure(1).contains(told), "{}", finished.stderr);
    }
}

#[test]
fn noise_of_branches_stays_out_of_the_output() {
    let behave = Behave::new();
    let finished = behave.program(&[("second", "print noise")]).run();
    assert_eq!(finished.json()["together"], "one, two, three");
    for from in ["on stdout", "on stderr", "from a child"] {
        assert!(finished.stderr.contains(&format!("noise {from}")), "{}", finished.stderr);
    }
}

#[test]
fn no_worker_outlives_a_killed_parent() {
    for order in ["hang", "spin", "fine"] {
        let behave = Behave::new();
        let running =
            behave.program(&[("first", order), ("second", order), ("third", "hang")]).args("--max-workers 3").start();
        behave.wait_for_start(3);
        assert!(!running.workers().is_empty());
        running.signal(Signal::KILL);
        // `finish` waits until all are gone.
        assert_eq!(running.finish().signal, Some(9), "{order}");
    }
}

#[test]
fn a_grandchild_ends_with_its_worker() {
    let behave = Behave::new();
    let finished = behave.program(&[("second", "leave")]).run();
    assert_eq!(finished.json()["together"], "one, two, three");
}

/// What a run of `many` needs: the most memory of the program and of a worker, threads and processes.
fn needs_of_many(times: u64, strategy: &str) -> [u64; 4] {
    let [turns, fan_outs, items] = [100, 2, 1_000].map(|count| (count * times).to_string());
    let program = flow("many").args("--turns").arg(turns).args("--fan-outs").arg(fan_outs).args("--items").arg(items);
    let mut running = program.args(strategy).start();
    let (mut threads, mut processes) = (0, 0);
    running.watch(|running| {
        threads = threads.max(tests::process::threads(running.pid()));
        processes = processes.max(running.workers().len());
    });
    let output = running.finish().json();
    let (sum, fan_outs) = ((0..1_000 * times).map(|item| item % 7).sum::<u64>(), 2 * times);
    assert_eq!(output["sum"], json!(sum + fan_outs * (fan_outs + 1) / 2), "{strategy}");
    let kilobytes = ["peak", "workers"].map(|key| output[key].as_u64().unwrap());
    [kilobytes[0], kilobytes[1], threads as u64, processes as u64]
}

/// A loop of 100,000 turns, one of 2,000 fan-outs and a map of 1,000,000 items need no more than a quarter of each does: a
/// machine word for each of the other items would be six megabytes.
#[test]
fn nothing_grows_with_turns_and_items() {
    for (strategy, workers) in [("", 2), ("--parallel-strategy thread", 0)] {
        // What grows does so in every run. A thread that gets no processor for a while, and lets the results behind its
        // own wait, is in one.
        assert!(!(0..3).all(|_| grows(strategy, workers)), "{strategy}");
    }
}

/// Whether it needs more memory for more turns and items, or more threads or processes than there should be.
fn grows(strategy: &str, workers: u64) -> bool {
    let [few, many] = [250, 1_000].map(|times| needs_of_many(times, strategy));
    println!("kB of program and worker, threads, workers: {few:?} {many:?} {strategy}");
    (0..2).any(|memory| many[memory] >= few[memory] + 4_096) || many[2] > 12 || many[3] > workers
}
