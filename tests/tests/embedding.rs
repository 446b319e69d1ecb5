//! A library with a workflow, as other programs use it: from an async `main`, and from files of tests.

use serde_json::{Value, json};
use tests::{program::Program, project::Project};

const FLOW: &str = "
name: flow
state_schema:
  numbers: { type: Vec<u64>, input: true }
  count:   usize
  got:     Vec<u64>
nodes:
  - { name: size, run: numbers.len(), output: count }
  - { name: each, type: dynamic_parallel, parallel_strategy: process, items: numbers, run: \"double(*item)?\", output: got }
";

const LIB: &str = r#"
tea_runtime::include_workflow!("flow.yaml", main = false, visibility = pub);

/// A node that needs async code makes a runtime for itself.
fn double(number: u64) -> std::io::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        number * 2
    }))
}
"#;

/// `init` within the runtime that the attribute makes: workers may not serve there.
const MAIN: &str = r#"
use user_embeds_async::flow;

#[tokio::main]
async fn main() {
    tea_runtime::init();
    if std::env::args().count() > 1 {
        tea_runtime::init();
    }
    let got = tokio::task::spawn_blocking(|| flow::run(flow::Input::new(vec![1, 2, 3])).unwrap().got);
    println!("{:?}", got.await.unwrap());
}
"#;

const SAY: &str = "
name: say
state_schema:
  text:  { type: String, input: true }
  words: Vec<String>
  said:  Vec<usize>
nodes:
  - name: split
    run: |
      text.split(' ').map(str::to_owned).collect()
    output: words
  - { name: each, type: dynamic_parallel, parallel_strategy: process, items: words, run: item.len(), output: said }
";

/// Two workflows, of the library and of its own, as subcommands, and both in one process.
const MANY: &str = r#"
use std::{env, ffi::OsString, iter, process::ExitCode, sync::atomic::{AtomicUsize, Ordering}};

use user_embeds_async::flow;

tea_runtime::include_workflow!("say.yaml", main = false);

static MAPS: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    tea_runtime::init();
    let mut args = env::args_os().skip(1);
    let Some(first) = args.next() else { return ExitCode::FAILURE };
    let mut named = |name: &str| iter::once(name.into()).chain(args.by_ref()).collect::<Vec<OsString>>();
    match first.to_str() {
        Some("flow") => flow::main_from(named("many flow")),
        Some("say") => say::main_from(named("many say")),
        Some("both") => {
            let both = [say::main_from(named("many both")), flow::main_from(["many both", "--numbers", "1,2", "-q"])];
            if both == [ExitCode::SUCCESS; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            let code = say::cli(|builder| {
                builder.on_event(|event| {
                    if matches!(event, tea_runtime::event::Event::MapFinished { .. }) {
                        MAPS.fetch_add(1, Ordering::Relaxed);
                    }
                })
            });
            eprintln!("maps: {}", MAPS.load(Ordering::Relaxed));
            code
        }
    }
}
"#;

const WITH_WORKERS: &str = r"
tea_runtime::test_workers!();

use user_embeds_async::flow;

#[test]
fn one() {
    assert_eq!(flow::run(flow::Input::new(vec![1])).unwrap().got, [2]);
}

#[test]
fn another_at_the_same_time() {
    assert_eq!(flow::run(flow::Input::new((0..100).collect())).unwrap().got[99], 198);
}
";

const WITHOUT: &str = r#"
use user_embeds_async::flow;

#[test]
fn is_told_what_to_write() {
    let error = flow::run(flow::Input::new(vec![1])).unwrap_err();
    assert!(error.to_string().contains("write `tea_runtime::test_workers!();` in the file of a test"), "{error}");
    assert!(format!("{error:?}").len() < 500, "{error:?}");
    assert_eq!(error.state().unwrap().find(flow::key::NUMBERS), Some(&vec![1]));
    assert_eq!(error.state().unwrap().find(flow::key::GOT), None);
    assert!(error.finished().is_empty(), "it is refused before anything runs: {:?}", error.finished());
}

#[test]
#[should_panic(expected = "is called on another thread than the main thread")]
fn is_told_that_a_test_is_no_main() {
    tea_runtime::init();
}
"#;

/// Its `main` lacks the call of `init`, and its workflow's module has no test that could be an entry, since there is no harness.
const BENCHMARK: &str = r#"
tea_runtime::include_workflow!("../src/flow.yaml", main = false);

fn double(number: u64) -> std::io::Result<u64> {
    Ok(number * 2)
}

fn main() {
    eprintln!("set up");
    let run = flow::builder().max_workers(std::num::NonZero::<usize>::MIN);
    println!("{}", run.run(flow::Input::new(vec![1, 2])).unwrap_err());
}
"#;

#[test]
fn a_library_runs_in_an_async_program_and_in_files_of_tests() {
    let files = [
        ("lib.rs", LIB),
        ("main.rs", MAIN),
        ("flow.yaml", FLOW),
        ("bin/user_many.rs", MANY),
        ("bin/say.yaml", SAY),
        ("../tests/with_workers.rs", WITH_WORKERS),
        ("../tests/without.rs", WITHOUT),
    ];
    let project = Project::new("user-embeds-async", &files);
    project.depend("tokio = { version = \"1\", features = [\"macros\", \"rt-multi-thread\", \"time\"] }");
    let built = project.build();
    assert_eq!((built.success, built.output.as_str()), (true, ""), "no warnings");
    let program = || Program::new(project.program());
    let finished = program().run();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "[2, 4, 6]\n"), "{}", finished.stderr);
    let twice = program().arg("twice").run();
    assert!(twice.code == Some(101) && twice.stderr.contains("is called a second time"), "{}", twice.stderr);
    subcommands(&project);
    let tested = project.test(&["test", "--tests"]);
    assert!(tested.success, "{}", tested.output);
    assert_eq!(tested.output.matches("test result: ok. 3 passed").count(), 1, "{}", tested.output);
    assert_eq!(tested.output.matches("test result: ok. 2 passed").count(), 1, "{}", tested.output);
    // It is refused before any worker starts: none of them would serve.
    project.benchmark("plain", BENCHMARK);
    let measured = project.test(&["test", "--bench", "plain"]);
    assert!(measured.output.contains("call `tea_runtime::init()` first thing in `main`"), "{}", measured.output);
    assert_eq!(measured.output.matches("set up").count(), 1, "{}", measured.output);
}

/// Several workflows as subcommands of one program, with arguments that a shell takes only in quotes.
fn subcommands(project: &Project) {
    let many = |args: &[&str]| {
        let program = Program::new(project.program().with_file_name("user_many"));
        args.iter().fold(program, Program::arg).run()
    };
    let text = "a 'b' \"c d\" $HOME \\ *\n--q ü;";
    let said = many(&["say", "--text", text]).json();
    assert_eq!((said["text"].as_str(), &said["said"]), (Some(text), &json!([1, 3, 2, 2, 5, 1, 5, 3])));
    assert_eq!(many(&["flow", "--numbers", "2"]).json()["got"], json!([4]));
    let help = many(&["flow", "--help"]).stdout;
    assert!(help.contains("Usage: many flow --numbers <NUMBER,…> [OPTIONS]"), "{help}");
    let wrong = many(&["say", "--txt", "a"]);
    assert!(wrong.failure(2).contains("--text"), "{}", wrong.stderr);

    let both = many(&["both", "--text", text, "-q"]);
    let outputs: Vec<Value> =
        serde_json::Deserializer::from_str(&both.stdout).into_iter().map(Result::unwrap).collect();
    assert_eq!((both.code, both.stderr.as_str()), (Some(0), ""));
    assert_eq!((&outputs[0]["text"], &outputs[1]["got"], outputs.len()), (&text.into(), &json!([2, 4]), 2));
    let failed = many(&["both", "--text", text, "--max-workers", "0"]);
    assert!(failed.code == Some(1) && failed.stdout.contains("\"got\""), "{} {}", failed.stdout, failed.stderr);

    let listened = many(&["--text", text]);
    assert_eq!(listened.json()["text"], text);
    assert!(listened.stderr.ends_with("maps: 1\n"), "{}", listened.stderr);
}
