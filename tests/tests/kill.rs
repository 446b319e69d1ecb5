//! Random workflows that are recorded, killed with SIGKILL at random moments, and resumed until they end: what they compute is
//! what an interpreter of the file computes, and nothing that was recorded runs again.
//!
//! `TEA_KILLS=2000 cargo test -p tests --test kill -- --nocapture` kills so many times; `TEA_RANDOM_SEED` starts elsewhere.

use std::{fmt::Write, fs, path::Path, time::Instant};

use fastrand::Rng;
use rustix::process::Signal;
use tests::{
    process,
    program::{Finished, Program},
    project::Project,
    random::{
        compile,
        file::{self, File},
        generate, number,
        outcome::{self, SHOW},
        rust::PRELUDE,
    },
};

/// Workflows in the program.
const WORKFLOWS: usize = 24;

/// The ways in which they run.
const MODES: [&str; 3] = ["as written", "one worker", "on threads"];

/// The most calls of node functions that a kill may cause to run again, on average over all kills: those of the units in
/// flight, of which branches with loops and fan-outs in workers are the largest.
const IN_FLIGHT: u64 = 8;

#[test]
fn a_killed_run_resumes_to_the_same_end() {
    let kills = number("TEA_KILLS").unwrap_or(40);
    let mut rng = Rng::with_seed(number("TEA_RANDOM_SEED").unwrap_or(16));
    let (project, expected) = program(&mut rng);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let started = Instant::now();
    let (mut killed, mut once, mut calls, mut runs, mut round) = (0, 0, 0, 0, 0);
    while killed < kills {
        for (workflow, expected) in expected.iter().enumerate() {
            if killed >= kills {
                break;
            }
            let mode = MODES[(round + workflow) % MODES.len()];
            let run = Run { program: &project.program(), workflow, mode, directory: directory.path(), runs };
            let whole = run.start("whole", 1).finish();
            check(&whole, &expected[0], &format!("w{workflow}, {mode}, not killed"));
            let calls_of = |store: &str| fs::metadata(run.path(store, "calls")).map_or(0, |calls| calls.len());
            let (mut lives, other_inputs) = (0, rng.bool());
            let (ended, input) = loop {
                let input = if other_inputs { rng.usize(1..=2) } else { 1 };
                let life = run.start("killed", input);
                if lives < 20 {
                    lives += 1;
                    std::thread::sleep(whole.elapsed.mul_f64(rng.f64()));
                    // It may have ended by now.
                    let _ = process::signal(life.pid(), Signal::KILL);
                }
                let ended = life.finish();
                if ended.signal != Some(9) {
                    break (ended, input);
                }
                killed += 1;
            };
            check(&ended, &expected[input - 1], &format!("w{workflow}, {mode}, in {lives} lives, with input {input}"));
            if !other_inputs {
                (once, calls) = (once + calls_of("whole"), calls + calls_of("killed"));
            }
            runs += 1;
        }
        round += 1;
    }
    let (again, elapsed) = (calls.saturating_sub(once), started.elapsed());
    println!("{killed} kills of {runs} runs in {elapsed:.0?}: {once} calls, and {again} again");
    assert!(again <= killed * IN_FLIGHT, "{again} calls ran again after {killed} kills");
}

fn check(ended: &Finished, expected: &str, what: &str) {
    assert_eq!((ended.code, ended.stdout.trim_end()), (Some(0), expected), "{what}\n{}", ended.stderr);
}

/// A run of a workflow.
struct Run<'a> {
    program: &'a Path,
    workflow: usize,
    mode: &'a str,
    directory: &'a Path,
    runs: usize,
}

impl Run<'_> {
    fn path(&self, store: &str, what: &str) -> std::path::PathBuf {
        self.directory.join(format!("{}-{store}-{what}", self.runs))
    }

    fn start(&self, store: &str, input: usize) -> tests::program::Running {
        Program::new(self.program)
            .arg(format!("w{}", self.workflow))
            .arg(self.mode)
            .arg(self.path(store, "state"))
            .arg(input.to_string())
            .env("CALLS", self.path(store, "calls"))
            .start()
    }
}

/// A program of random workflows, and what each of them must print with either input.
fn program(rng: &mut Rng) -> (Project, Vec<[String; 2]>) {
    // Each call leaves a byte, and takes long enough to be interrupted.
    let prelude = PRELUDE.replacen("fn mix(seed: u64, values: &[u64]) -> u64 {\n", CALL, 1);
    let mut main = format!("{prelude}{MAIN}{SHOW}");
    let mut arms = String::new();
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    while files.len() < WORKFLOWS {
        let name = format!("w{}", files.len());
        let text = generate::workflow(rng, &name);
        let text = text.replacen("settings: {", "settings: { checkpoint: { sync: 5ms },", 1);
        let Ok(plan) = compile(&text) else { continue };
        assert!(plan.checkpoint.is_some());
        writeln!(main, "tea_runtime::include_workflow!(\"{name}.yaml\", main = false);").expect("memory");
        writeln!(arms, "        \"{name}\" => run!({name}, {}),", outcome::keys(&plan)).expect("memory");
        let file = File::read(&text);
        expected.push([1, 2].map(|input| outcome::shown(&plan, &file::run(&file, input))));
        files.push((format!("{name}.yaml"), text));
    }
    write!(
        main,
        "fn main() {{\n    tea_runtime::init();\n    match &*argument(1) {{\n{arms}        _ => panic!(),\n    }}\n}}\n"
    )
    .expect("memory");
    files.push(("main.rs".to_owned(), main));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::new("killed_workflows", &files).with_remote();
    let built = project.build();
    assert!(built.success, "{}", built.output);
    (project, expected)
}

const CALL: &str = r#"fn mix(seed: u64, values: &[u64]) -> u64 {
    use std::io::Write;
    let file = std::env::var_os("CALLS").map(|path| std::fs::OpenOptions::new().append(true).create(true).open(path));
    if let Some(Ok(mut file)) = file {
        std::thread::sleep(std::time::Duration::from_micros(500));
        file.write_all(b".").expect("a disk that is not full");
    }
"#;

const MAIN: &str = r#"
use std::num::NonZero;

fn argument(at: usize) -> String {
    std::env::args().nth(at).expect("four arguments")
}

/// Resumes what is there, or starts.
macro_rules! run {
    ($name:ident, $($key:ident)*) => {{
        let run = |resume: bool| {
            let builder = $name::builder().state_dir(argument(3)).on_question(answer);
            let builder = match &*argument(2) {
                "one worker" => builder.max_workers(NonZero::<usize>::MIN),
                "on threads" => builder.all_on_threads(),
                _ => builder,
            };
            let builder = if resume { builder.resume(None) } else { builder };
            builder.run($name::Input::new(argument(4).parse().expect("a number")))
        };
        // A run that was killed before it began has nothing to resume.
        let outcome = match run(true) {
            Err(error) if error.is_input() => run(false),
            outcome => outcome,
        };
        let told = LAST.swap(0, std::sync::atomic::Ordering::Relaxed);
        let told = if told > 0 { format!(" finally={told}") } else { String::new() };
        match outcome {
            Ok(output) => println!("{}{told}", [$(output.$key.show(stringify!($key))),*].join(" ")),
            Err(error) if error.is_input() => panic!("{error}"),
            Err(_) => println!("failed{told}"),
        }
    }};
}
"#;
