//! Retry, timeouts, circuit breakers, cancellation and partial failure. The variable `FLOW` says which workflow runs.
#![forbid(unsafe_code)]

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use tea_runtime::{CancellationToken, ItemFailure, ParallelFlowResult, context::Context, policy::Strategy};
use tests::{
    behave::{Failure, behave, fail_after, meet},
    process::{is_ended, wait_for},
    trace::{lines, note},
    work,
};

macro_rules! flows {
    ($($name:ident),* $(,)?) => {
        fn main() -> ExitCode {
            tea_runtime::init();
            match std::env::var("FLOW").as_deref() {
                $(Ok(stringify!($name)) => $name::main(),)*
                Ok("from_builder") => from_builder(),
                Ok("cancelled") => cancelled(),
                other => panic!("no workflow {other:?}"),
            }
        }
    };
}

tea_runtime::include_workflow!("timeout.yaml", main = false);
tea_runtime::include_workflow!("retry.yaml", main = false);
tea_runtime::include_workflow!("retry_on.yaml", main = false);
tea_runtime::include_workflow!("circuit.yaml", main = false);
tea_runtime::include_workflow!("plain.yaml", main = false);
tea_runtime::include_workflow!("cancel.yaml", main = false);
tea_runtime::include_workflow!("half_open.yaml", main = false);
tea_runtime::include_workflow!("fail_fast.yaml", main = false);
tea_runtime::include_workflow!("allow_failure.yaml", main = false);
tea_runtime::include_workflow!("fallback.yaml", main = false);
tea_runtime::include_workflow!("first.yaml", main = false);
tea_runtime::include_workflow!("finally.yaml", main = false);
tea_runtime::include_workflow!("items.yaml", main = false);
tea_runtime::include_workflow!("workers.yaml", main = false);
tea_runtime::include_workflow!("memory.yaml", main = false);

flows!(
    plain,
    cancel,
    timeout,
    retry,
    retry_on,
    circuit,
    half_open,
    fail_fast,
    allow_failure,
    fallback,
    first,
    finally,
    items,
    workers,
    memory
);

/// `from_builder POLICY ORDER LOG`: runs `plain` with a policy that its file knows nothing of.
fn from_builder() -> ExitCode {
    let [policy, order, log] = [1, 2, 3].map(|at| std::env::args().nth(at).expect("three arguments"));
    let builder = plain::builder().configure(move |branch, config| {
        config.retry.base_delay = Duration::from_millis(1);
        match policy.as_str() {
            "retry" => config.retry.max_retries = 2,
            "timeout" if branch == "inner" => config.timeout = Some(Duration::from_secs(1)),
            "timeout" => {}
            "thread" => config.strategy = Strategy::Thread,
            "conflict" => {
                config.timeout = Some(Duration::from_secs(3));
                config.timeout_total = Some(Duration::from_secs(2));
            }
            _ => panic!("no policy `{policy}`"),
        }
    });
    tell(builder.run(plain::Input::new(log.into(), order)).map(|output| output.joined))
}

/// `cancelled LOG STRATEGY`: runs `cancel`, and cancels it once all of it is at work.
fn cancelled() -> ExitCode {
    let [log, strategy] = [1, 2].map(|at| std::env::args().nth(at).expect("two arguments"));
    let (token, path) = (CancellationToken::new(), PathBuf::from(&log));
    let from = token.clone();
    std::thread::spawn(move || {
        let started = |line: &String| line.ends_with(" starts") && !line.starts_with("outer");
        wait_for("all starts", || (lines(&path).iter().filter(|line| started(line)).count() == 4).then_some(()));
        from.cancel();
    });
    let builder = cancel::builder().max_workers(NonZero::new(5).expect("five")).cancellation(token);
    let builder = if strategy == "thread" { builder.all_on_threads() } else { builder };
    tell(builder.run(cancel::Input::new(log.into())).map(|output| output.sum.to_string()))
}

/// Notes that it starts, and, once it has been told to end, that.
fn until_told(log: &Path, name: &str, ctx: &Context) -> Result<u64, Failure> {
    note(log, &format!("{name} starts"))?;
    while !ctx.is_cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
    note(log, &format!("{name} is told"))?;
    ctx.check()?;
    Ok(1)
}

fn tell(outcome: Result<String, tea_runtime::Error>) -> ExitCode {
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(if error.is_input() { 2 } else { 1 })
        }
    }
}
