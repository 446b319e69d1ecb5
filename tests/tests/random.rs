//! Random workflows: they compile or give an error, and what they compute is what an interpreter of the file computes that
//! knows nothing but the reference, on threads, in processes and with one worker. The same is asked of the plans of many
//! more files, which takes no rustc.
//!
//! `TEA_RANDOM=100000 cargo test -p tests --test random` runs so many programs, and `TEA_RANDOM_PLANS` so many plans;
//! `TEA_RANDOM_SEED` starts elsewhere.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write,
    panic,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tea_build::plan::Plan;
use tests::{
    program::Program,
    project::Project,
    random::{
        FINALLY, State, compile, file,
        file::File,
        generate, number,
        outcome::{self, SHOW},
        plan,
        rust::{Failed, PRELUDE},
        scatter,
    },
};

/// Workflows in one program.
const BATCH: usize = 150;
/// Pools of two agents on this machine, for even and odd inputs: connected by their standard streams, or dialling back.
const POOLS: [&str; 2] =
    [concat!(env!("CARGO_MANIFEST_DIR"), "/pools/two.toml"), concat!(env!("CARGO_MANIFEST_DIR"), "/pools/dial.toml")];
/// Values of the input.
const INPUTS: [u64; 3] = [1, 2, 77];

#[test]
fn most_generated_files_compile_and_the_others_say_why() {
    let mut rng = Rng::with_seed(3);
    let (mut compiled, mut failed) = (0, 0);
    let mut codes = HashSet::new();
    for _ in 0..1000 {
        let text = generate::workflow(&mut rng, "flow");
        match compile(&text) {
            Ok(plan) => {
                compiled += 1;
                failed += usize::from(plan::run(&plan, 1).is_err());
            }
            Err(errors) => {
                assert!(!errors.is_empty(), "{text}");
                codes.extend(errors);
            }
        }
    }
    assert!(compiled > 700, "only {compiled} of 1000 compile; the others say {codes:?}");
    assert!((compiled / 20..compiled / 2).contains(&failed), "{failed} of {compiled} runs fail");
}

#[test]
fn files_without_a_mistake_compile() {
    let mut rng = Rng::with_seed(5);
    for number in 0..400 {
        let text = generate::careful(&mut rng, "flow");
        let errors = compile(&text).err().unwrap_or_default();
        // Keys that are `transient` may be read in a worker.
        assert!(errors.iter().all(|code| code == "TEA0305"), "file {number}: {errors:?}\n{text}");
    }
}

/// A random workflow file that has no mistake, and its plan. Files of all generators take turns. Those that look wrong, and
/// are not, show when they run whether that is true.
fn good(rng: &mut Rng, name: &str, number: usize) -> (String, Plan) {
    loop {
        let text = match number % 3 {
            0 => generate::workflow(rng, name),
            1 => generate::bold(rng, name),
            _ => scatter::workflow(rng, name),
        };
        if let Ok(plan) = compile(&text)
            // Of nodes in a row, the other generators make enough.
            && (number % 3 < 2 || plan.sites > 0)
        {
            return (text, plan);
        }
    }
}

#[test]
fn plans_agree_with_the_files() {
    let total = usize::try_from(number("TEA_RANDOM_PLANS").unwrap_or(400)).expect("a number that fits");
    let mut rng = Rng::with_seed(number("TEA_RANDOM_SEED").unwrap_or(0));
    let mut failed = 0;
    for number in 0..total {
        let (text, plan) = good(&mut rng, "flow", number);
        let compared = panic::catch_unwind(|| {
            let file = File::read(&text);
            let output: BTreeSet<_> = file.output().collect();
            let in_plan = plan.keys.iter().filter(|key| key.output).map(|key| key.name.value.as_str());
            assert_eq!(in_plan.collect::<BTreeSet<_>>(), output, "the keys of the plan's output, and the file's");
            let seen = |ended: Result<State, Failed>| {
                ended.map(|mut state| {
                    state.retain(|key, _| output.contains(key.as_str()) || key == FINALLY);
                    state
                })
            };
            for n in INPUTS {
                assert_eq!(seen(plan::run(&plan, n)), seen(file::run(&file, n)), "on {n}: the plan, and the file");
            }
            file::run(&file, 1).is_err()
        });
        failed += usize::from(compared.unwrap_or_else(|_| panic!("file {number}:\n{text}")));
    }
    assert!((total / 20..total / 2).contains(&failed), "{failed} of {total} runs fail");
}

#[test]
fn runs_agree_with_the_interpreter() {
    let total = usize::try_from(number("TEA_RANDOM").unwrap_or(300)).expect("a number that fits");
    let mut rng = Rng::with_seed(number("TEA_RANDOM_SEED").unwrap_or(0));
    let mut done = 0;
    while done < total {
        let count = BATCH.min(total - done);
        batch(&mut rng, count);
        done += count;
    }
}

/// Builds `count` workflows into one program, runs it, and compares line by line.
fn batch(rng: &mut Rng, count: usize) {
    let mut main = String::from(PRELUDE);
    writeln!(main, "const INPUTS: [u64; 3] = {INPUTS:?};\nconst MODES: [&str; 4] = {MODES:?};\nconst POOLS: [&str; 2] = {POOLS:?};{MAIN}{SHOW}")
        .expect("memory");
    let mut calls = String::new();
    let mut expected = Vec::new();
    let mut files = Vec::new();
    while files.len() < count {
        let name = format!("w{}", files.len());
        let (text, plan) = good(rng, &name, files.len());
        writeln!(main, "tea_runtime::include_workflow!(\"{name}.yaml\", main = false, warnings = false);")
            .expect("memory");
        writeln!(main, "runs!({name}, {name}_runs, {});", outcome::keys(&plan)).expect("memory");
        writeln!(calls, "    {name}_runs();").expect("memory");
        let file = File::read(&text);
        for n in INPUTS {
            expected.push((format!("{name} on {n}"), outcome::shown(&plan, &file::run(&file, n))));
        }
        files.push((format!("{name}.yaml"), text));
    }
    write!(main, "fn main() {{\n    tea_runtime::init();\n{calls}    at_last();\n}}\n").expect("memory");
    files.push(("main.rs".to_owned(), main));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::new("random_workflows", &files).with_remote();
    let started = Instant::now();
    let built = project.build();
    assert!(built.success, "{}", built.output);
    let building = started.elapsed();
    // It runs 1,800 workflows, which takes half a minute while all else is quiet.
    let ended = Program::new(project.program()).within(Duration::from_mins(10)).run();
    println!("{count} workflows: built in {building:.1?}, run in {:.1?}", ended.elapsed);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines = ended.stdout.lines();
    for (name, outcome) in expected {
        for _ in MODES {
            let line = lines.next().expect("a line for each run");
            let (run, said) = line.rsplit_once('|').expect("three parts");
            let text = || {
                let file = format!("{}.yaml", name.split(' ').next().expect("a name"));
                files.iter().find(|(name, _)| *name == file).expect("its file").1
            };
            assert!(run.starts_with(&name), "{run} in the place of {name}");
            assert_eq!(said, outcome, "{run}\n{}", text());
        }
    }
    let places: Vec<[u64; 2]> = MODES
        .map(|mode| {
            let line = lines.next().expect("a line for each mode");
            let numbers = line.strip_prefix(mode).and_then(|rest| rest.strip_prefix('|')).expect("the mode's line");
            let (own, workers) = numbers.split_once(' ').expect("two numbers");
            [own, workers].map(|number| number.parse().expect("a number"))
        })
        .to_vec();
    println!("attempts in its own process and in workers, by mode: {places:?}");
    let [as_written, one_worker, two_agents, on_threads] = [0, 1, 2, 3].map(|mode| places[mode]);
    assert!(
        count < 10 || [as_written, one_worker, two_agents].as_flattened().iter().all(|attempts| *attempts > 0),
        "{places:?}"
    );
    assert_eq!(on_threads[1], 0, "{places:?}");
}

/// The ways in which each workflow runs, as the program names them.
const MODES: [&str; 4] = ["as written", "one worker", "two agents", "on threads"];

/// The program that runs random workflows. It counts in which process attempts run, by the ids that they report.
const MAIN: &str = r#"
use std::{num::NonZero, sync::atomic::{AtomicU64, Ordering}};

static ATTEMPTS: [[AtomicU64; 2]; 4] = [const { [const { AtomicU64::new(0) }; 2] }; 4];

macro_rules! runs {
    ($name:ident, $runs:ident, $($key:ident)*) => {
        fn $runs() {
        for n in INPUTS {
            for mode in 0..4 {
                let builder = $name::builder().on_question(answer);
                // Nobody listens to the other runs.
                let builder = if n == 1 { builder.on_event(move |event| count(mode, event)) } else { builder };
                let builder = match mode {
                    0 => builder,
                    1 => builder.max_workers(NonZero::<usize>::MIN),
                    2 => builder.pool(POOLS[usize::from(n % 2 == 1)]),
                    _ => builder.all_on_threads(),
                };
                report(stringify!($name), n, mode, builder.run($name::Input::new(n)).ok().map(|output| {
                    [$(output.$key.show(stringify!($key))),*].join(" ")
                }));
            }
        }
        }
    };
}

fn count(mode: usize, event: &tea_runtime::event::Event<'_>) {
    if let tea_runtime::event::Event::AttemptFinished { pid, .. } = event {
        ATTEMPTS[mode][usize::from(*pid != std::process::id())].fetch_add(1, Ordering::Relaxed);
    }
}

fn report(name: &str, n: u64, mode: usize, output: Option<String>) {
    let told = LAST.swap(0, Ordering::Relaxed);
    let told = if told > 0 { format!(" finally={told}") } else { String::new() };
    println!("{name} on {n}|{}|{}{told}", MODES[mode], output.as_deref().unwrap_or("failed"));
}

fn at_last() {
    for (mode, attempts) in MODES.iter().zip(&ATTEMPTS) {
        println!("{mode}|{} {}", attempts[0].load(Ordering::Relaxed), attempts[1].load(Ordering::Relaxed));
    }
}
"#;
