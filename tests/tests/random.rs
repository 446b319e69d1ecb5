//! Random workflows: they compile or give an error, and what they compute is what a naive interpreter of their plan
//! computes, on threads, in processes and with one worker.
//!
//! `TEA_RANDOM=100000 cargo test -p tests --test random` runs so many; `TEA_RANDOM_SEED` starts elsewhere.

use std::{collections::HashSet, env, fmt::Write};

use fastrand::Rng;
use tea_build::{
    diagnostic::{Diagnostics, Severity},
    plan::Plan,
    source::Sources,
};
use tests::{
    program::Program,
    project::Project,
    random::{
        PRELUDE, generate,
        interpret::{self, Value},
    },
};

/// Workflows in one program.
const BATCH: usize = 30;
/// Values of the input.
const INPUTS: [u64; 3] = [1, 2, 77];

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().expect("a number"))
}

/// The plan, or the codes of the errors.
fn compile(text: &str) -> Result<Plan, Vec<String>> {
    let mut sources = Sources::default();
    let file = sources.add("flow.yaml", text.to_owned());
    let mut found = Diagnostics::default();
    let plan = tea_build::plan(&sources, file, &mut found);
    plan.ok_or_else(|| {
        let errors = found.into_sorted().into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|error| error.code.to_string()).collect()
    })
}

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
                failed += usize::from(interpret::run(&plan, 1).is_err());
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
fn runs_agree_with_the_interpreter() {
    let total = usize::try_from(number("TEA_RANDOM").unwrap_or(30)).expect("a number that fits");
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
    let mut main = String::from("use std::num::NonZero;\n");
    main.push_str(PRELUDE);
    let mut body = String::new();
    let mut expected = Vec::new();
    let mut files = Vec::new();
    while files.len() < count {
        let name = format!("w{}", files.len());
        let text = generate::workflow(rng, &name);
        let Ok(plan) = compile(&text) else { continue };
        writeln!(main, "tea_runtime::include_workflow!(\"{name}.yaml\", main = false);").expect("memory");
        for n in INPUTS {
            expected.push((format!("{name} on {n}"), outcome(&plan, n)));
            writeln!(body, "    let show = |output: {name}::Output| {};", show(&plan)).expect("memory");
            for builder in ["", ".max_workers(NonZero::new(1).unwrap())", ".all_on_threads()"] {
                writeln!(
                    body,
                    "    report(\"{name} on {n}\", \"{}\", \
                     {name}::builder(){builder}.run({name}::Input {{ n: {n}, all: vec![1] }}).map(show).ok());",
                    builder.replace('"', "")
                )
                .expect("memory");
            }
        }
        files.push((format!("{name}.yaml"), text));
    }
    write!(
        main,
        "fn report(name: &str, mode: &str, output: Option<String>) {{\n    \
         println!(\"{{name}}|{{mode}}|{{}}\", output.as_deref().unwrap_or(\"failed\"));\n}}\n\
         fn main() {{\n    tea_runtime::init();\n{body}}}\n"
    )
    .expect("memory");
    files.push(("main.rs".to_owned(), main));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::new("random_workflows", &files);
    let built = project.build();
    assert!(built.success, "{}", built.output);
    let ended = Program::new(project.program()).run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines = ended.stdout.lines();
    for (name, outcome) in expected {
        for _ in 0..3 {
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
}

/// What a run must print.
fn outcome(plan: &Plan, n: u64) -> String {
    let Ok(state) = interpret::run(plan, n) else { return "failed".to_owned() };
    let values = plan.keys.iter().zip(0..).map(|(key, id)| {
        let value = state.get(&tea_build::plan::KeyId(id)).map(|value| match value {
            Value::Number(number) => format!("{number}"),
            Value::List(list) => format!("{list:?}"),
            Value::Failures(count) => format!("{count}"),
            other => panic!("{other:?} in the state"),
        });
        assert!(value.is_some() || !key.always_set, "`{}` is unset", key.name.value);
        format!("{}={}", key.name.value, value.unwrap_or_else(|| "-".to_owned()))
    });
    values.collect::<Vec<_>>().join(" ")
}

/// Rust that prints an output in the same way.
fn show(plan: &Plan) -> String {
    let values = plan.keys.iter().map(|key| {
        let name = &key.name.value;
        let count = if key.ty.text.contains("ItemFailure") { ".len()" } else { "" };
        if key.always_set {
            format!("format!(\"{name}={{:?}}\", output.{name}{count})")
        } else {
            format!("output.{name}.map_or(\"{name}=-\".to_owned(), |value| format!(\"{name}={{:?}}\", value{count}))")
        }
    });
    format!("[{}].join(\" \")", values.collect::<Vec<_>>().join(", "))
}
