//! Workflows that are recorded, and the same that are not; and a run that is killed and resumed in other processes.

use std::{
    io::{BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use tea_runtime::include_workflow;

use super::{
    MANY, branches, listed, mapped, recorded_branches, recorded_listed, recorded_mapped, recorded_steps, steps,
};

include_workflow!("killed.yaml", main = false, warnings = false);

/// How a workflow is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How<'a> {
    /// Its file has no `checkpoint`.
    Without,
    /// Its file has `checkpoint`, and the run is not recorded.
    Unrecorded,
    /// It is recorded in this folder.
    Recorded(&'a Path),
}

/// Seconds a unit: gives the seconds of a run, divided by the number of its units.
pub(crate) type Measured = fn(How<'_>, u64) -> Result<f64>;

macro_rules! measured {
    ($name:ident, $plain:ident, $recorded:ident, $units:expr, |$count:ident| { $($field:ident: $value:expr),* }) => {
        /// Seconds a unit.
        pub(crate) fn $name(how: How<'_>, $count: u64) -> Result<f64> {
            let seconds = match how {
                How::Without => $plain::run($plain::Input { $($field: $value),* })?.seconds,
                How::Unrecorded => $recorded::run($recorded::Input { $($field: $value),* })?.seconds,
                How::Recorded(folder) => {
                    let builder = $recorded::builder().state_dir(folder).require_state();
                    builder.run($recorded::Input { $($field: $value),* })?.seconds
                }
            };
            #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            Ok(seconds / $units($count) as f64)
        }
    };
}

measured!(visits, steps, recorded_steps, |count: u64| 10 * count, |count| { rounds: count });
measured!(fan_outs, branches, recorded_branches, |count: u64| count * MANY as u64, |count| { turns: 0, rounds: count });
measured!(items, mapped, recorded_mapped, |count: u64| count, |count| { count: count });
measured!(listed_items, listed, recorded_listed, |count: u64| count, |count| { count: count });

const FLAG: &str = "--killed";

/// The items below this number are done, and the others never end.
static HANGS_FROM: AtomicU64 = AtomicU64::new(u64::MAX);

/// How many items this process did.
static ITEMS: AtomicU64 = AtomicU64::new(0);

/// An item of the map that is killed.
fn item(n: u64) -> u64 {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let hangs = n >= HANGS_FROM.load(Ordering::Relaxed);
    if (hangs || HANGS_FROM.load(Ordering::Relaxed) == u64::MAX) && !TOLD.swap(true, Ordering::Relaxed) {
        say("here");
    }
    if hangs {
        loop {
            std::thread::park();
        }
    }
    ITEMS.fetch_add(1, Ordering::Relaxed);
    n ^ 1
}

fn say(what: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{what}").and_then(|()| stdout.flush()).expect("somebody reads it");
}

/// Runs the map that is killed, if the arguments say so; `false` if they do not.
pub(crate) fn play() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, what, folder, count] = &arguments[..] else { return Ok(false) };
    if flag != FLAG {
        return Ok(false);
    }
    let count: u64 = count.parse()?;
    let (builder, input) = (killed::builder().state_dir(folder), killed::Input { count });
    match what.as_str() {
        "begin" => {
            HANGS_FROM.store(count / 2, Ordering::Relaxed);
            builder.run(input)?;
        }
        "resume" => {
            let output = builder.resume(None).run(input)?;
            say(ITEMS.load(Ordering::Relaxed));
            ensure!(output.results.len() as u64 == count && (0..).zip(&output.results).all(|(n, got)| *got == n ^ 1));
        }
        _ => say(builder.resume(None).outlook(input)?.nodes.iter().map(|node| &*node.why).collect::<String>()),
    }
    Ok(true)
}

/// What became of a map that was killed when half of its items were done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resumed {
    /// Seconds that it took to say what would run.
    pub(crate) outlook: f64,
    /// Seconds from the start of the process that resumes it to its first item.
    pub(crate) first: f64,
    /// Items that were done twice.
    pub(crate) twice: u64,
    /// Bytes on the disk when it was killed.
    pub(crate) bytes: u64,
}

/// Runs a map of so many items, kills it when half of them are done, and resumes it.
pub(crate) fn killed_at_half(count: u64, folder: &Path) -> Result<Resumed> {
    let (mut child, mut output) = start("begin", folder, count)?;
    line(&mut output)?;
    // The batch that was recorded last may not be on its way yet.
    std::thread::sleep(std::time::Duration::from_millis(50));
    child.kill()?;
    child.wait()?;
    let bytes = tests::program::recorded_bytes(folder);

    let begin = Instant::now();
    let (mut child, mut output) = start("outlook", folder, count)?;
    let outlook = line(&mut output)?;
    let elapsed = begin.elapsed();
    ensure!(child.wait()?.success() && outlook.contains("of its items are done"), "it says {outlook:?}");

    let begin = Instant::now();
    let (mut child, mut output) = start("resume", folder, count)?;
    line(&mut output)?;
    let first = begin.elapsed();
    let ran: u64 = line(&mut output)?.parse()?;
    output.read_to_end(&mut Vec::new())?;
    ensure!(child.wait()?.success(), "the resumed run failed");
    let twice = ran.checked_sub(count - count / 2).context("too few items ran")?;
    Ok(Resumed { outlook: elapsed.as_secs_f64(), first: first.as_secs_f64(), twice, bytes })
}

fn start(what: &str, folder: &Path, count: u64) -> Result<(Child, BufReader<ChildStdout>)> {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| std::env::current_exe().expect("this program"));
    let mut command = Command::new(program);
    command.args([FLAG, what]).arg(folder).arg(count.to_string()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().context("no stdout")?;
    Ok((child, BufReader::new(output)))
}

fn line(output: &mut impl std::io::BufRead) -> Result<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
