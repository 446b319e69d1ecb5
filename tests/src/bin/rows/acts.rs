//! What branches can be told to do.

use std::{
    error::Error,
    fs,
    hint::black_box,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};
use tea_runtime::context::Context;
use tests::process;

type Failure = Box<dyn Error + Send + Sync>;

/// Does what the branch's entry says.
pub(crate) fn act(acts: &[String], index: usize, ctx: &Context) -> Result<Vec<(usize, String)>, Failure> {
    let text = &acts[index];
    let (act, rest) = text.split_once(' ').unwrap_or((text, ""));
    let done = match act {
        "ok" => index.to_string(),
        "pid" => std::process::id().to_string(),
        "kill" => die(rest.parse()?),
        "kill-once" if ctx.attempt() == 1 => die(9),
        "kill-once" => format!("attempt {}", ctx.attempt()),
        "exit" => std::process::exit(rest.parse()?),
        "abort" => std::process::abort(),
        "panic-abort" => aborts(),
        "control-group" => match control_group() {
            Ok(()) => {
                let blocks: Vec<Vec<u8>> = (0..300).map(|_| vec![1; 1 << 20]).collect();
                format!("{} MiB did fit", black_box(&blocks).len())
            }
            Err(error) => format!("no control group: {error}"),
        },
        "freeze" => {
            fs::write(format!("{rest}/cgroup.procs"), std::process::id().to_string())?;
            fs::write(format!("{rest}/freezer.state"), "FROZEN")?;
            "thawed".to_owned()
        }
        "overflow" => recurse(0).to_string(),
        "allocate" => {
            let mebibytes: usize = rest.parse()?;
            let blocks: Vec<Vec<u8>> = (0..mebibytes).map(|_| vec![1; 1 << 20]).collect();
            black_box(&blocks).len().to_string()
        }
        "panic-string" => panic!("{rest}"),
        "panic-str" => panic!("a plain text"),
        "panic-any" => std::panic::panic_any(7),
        "panic-drop" => {
            let _bomb = Bomb;
            "unreachable".to_owned()
        }
        "spin" => {
            eprintln!("this one spins: {}", std::process::id());
            spin()
        }
        "ignore-term" => {
            // Taken by a handler that does nothing.
            signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::new(AtomicBool::new(false)))?;
            spin()
        }
        "sleep" => {
            thread::sleep(Duration::from_millis(rest.parse()?));
            "slept".to_owned()
        }
        "grandchild" => {
            // It holds stderr for longer than any test takes.
            let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn()?;
            child.id().to_string()
        }
        "orphan" => {
            // It outlives its parent, the shell.
            Command::new("sh").args(["-c", "sleep 1000 &"]).status()?;
            spin()
        }
        "leave-group" => {
            nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::getpgid(Some(nix::unistd::getppid()))?)?;
            spin()
        }
        "escape" => {
            let child = Command::new("setsid").args(["sleep", "3"]).stdin(Stdio::null()).spawn()?;
            let pid = nix::unistd::Pid::from_raw(child.id().try_into()?);
            // Until it has left the group, it would end with it.
            while nix::unistd::getsid(Some(pid))? != pid {
                thread::yield_now();
            }
            child.id().to_string()
        }
        "print" => {
            print!("said with");
            println!(" println");
            eprintln!("said with eprintln");
            let status = Command::new("sh").args(["-c", "printf 'said with %s\\n' printf; cat"]).status()?;
            format!("{status}")
        }
        "close" | "close-all" | "stdin" | "elsewhere" => meddle(act)?,
        "echo" => rest.to_owned(),
        "nested" => {
            let (depth, order) = rest.split_once(' ').ok_or("nested DEPTH ORDER")?;
            deeper(depth.parse()?, order, ctx)?
        }
        "large" => "x".repeat(rest.parse::<usize>()? << 20),
        "large-and-die" => {
            let (mebibytes, after) = rest.split_once(' ').ok_or("large-and-die MIB MICROSECONDS")?;
            let after = Duration::from_micros(after.parse()?);
            thread::spawn(move || {
                thread::sleep(after);
                die(9)
            });
            "x".repeat(mebibytes.parse::<usize>()? << 20)
        }
        "thread" => {
            let threads = std::env::var("RAYON_NUM_THREADS");
            threads?
        }
        "environment" => fs::read_to_string("/proc/self/environ")?,
        _ => return Err(format!("no act {act}").into()),
    };
    Ok(vec![(index, done)])
}

/// The same, with something large to receive.
pub(crate) fn act_with(
    load: &[u8],
    acts: &[String],
    index: usize,
    ctx: &Context,
) -> Result<Vec<(usize, String)>, Failure> {
    black_box(load);
    act(acts, index, ctx)
}

/// Appends a line with the item and the attempt to `log`. Of 500 items one is killed at each attempt, another at its
/// first.
pub(crate) fn noted(log: &Path, item: usize, ctx: &Context) -> Result<usize, Failure> {
    let mut log = fs::OpenOptions::new().append(true).create(true).open(log)?;
    // At once, or two workers would write into each other's lines.
    log.write_all(format!("{item} {}\n", ctx.attempt()).as_bytes())?;
    match (item % 500, ctx.attempt()) {
        (499, _) | (250, 1) => die(9),
        _ => Ok(item),
    }
}

/// Does what it says so many fan-outs further down.
pub(crate) fn deeper(depth: u32, order: &str, ctx: &Context) -> Result<String, Failure> {
    if depth > 0 {
        return Ok(crate::nested::run(crate::nested::Input::new(depth - 1, order.to_owned()))?.out);
    }
    Ok(act(&[order.to_owned()], 0, ctx)?.remove(0).1)
}

/// What the program does to its workers while they have nothing to do. Gives what they get next.
pub(crate) fn between(order: &str) -> Result<Vec<u8>, Failure> {
    let workers = process::children(std::process::id());
    let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
    match word {
        "kill" => {
            for worker in &workers {
                process::signal(*worker, Signal::KILL)?;
            }
            // Not until they are reaped: this may be the thread that has to do it.
            let ended = || workers.iter().all(|worker| process::is_ended(*worker));
            process::wait_for("the workers' end", || ended().then_some(()));
            Ok(Vec::new())
        }
        "kill-receiving" => {
            // Stopped, they take no more than what the socket holds.
            for worker in &workers {
                process::signal(*worker, Signal::STOP)?;
            }
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(300));
                workers.into_iter().try_for_each(|worker| process::signal(worker, Signal::KILL))
            });
            Ok(vec![7; rest.parse::<usize>()? << 20])
        }
        "wait" => {
            eprintln!("between");
            process::wait_for(rest, || Path::new(rest).exists().then_some(()));
            Ok(Vec::new())
        }
        _ => Err(format!("no order {order}").into()),
    }
}

/// Meddles with what belongs to the process.
fn meddle(act: &str) -> Result<String, Failure> {
    Ok(match act {
        "close" | "close-all" => {
            for descriptor in 0..if act == "close" { 64 } else { 1024 } {
                // Most are not open.
                let _ = nix::unistd::close(descriptor);
            }
            "closed".to_owned()
        }
        "stdin" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            format!("read {} bytes", text.len())
        }
        "elsewhere" => {
            std::env::set_current_dir("/")?;
            std::env::current_dir()?.display().to_string()
        }
        _ => unreachable!("{act}"),
    })
}

fn die(signal: i32) -> ! {
    let signal = Signal::from_named_raw(signal).expect("a signal");
    loop {
        // Again: the standard library takes the first SIGSEGV for itself, and gives up its place.
        kill_process(getpid(), signal).expect("it is there");
    }
}

/// A panic that cannot unwind ends the process.
extern "C" fn aborts() -> ! {
    panic!("no way back")
}

/// Puts this process into a control group with 64 MiB.
fn control_group() -> std::io::Result<()> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let own = groups.lines().find_map(|line| line.split_once(":memory:")).ok_or(std::io::ErrorKind::NotFound)?.1;
    let group = format!("/sys/fs/cgroup/memory{own}/tea-rows-{}", std::process::id());
    let group = if fs::create_dir(&group).is_ok() { group } else { "/sys/fs/cgroup/memory/tea-rows".to_owned() };
    fs::create_dir_all(&group)?;
    fs::write(format!("{group}/memory.limit_in_bytes"), "67108864")?;
    // Where there is swap, it is not to be used instead.
    let _ = fs::write(format!("{group}/memory.memsw.limit_in_bytes"), "67108864");
    fs::write(format!("{group}/cgroup.procs"), std::process::id().to_string())
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

#[expect(unconditional_recursion, reason = "it is what it is for")]
fn recurse(depth: u64) -> u64 {
    let deep = [depth; 64];
    recurse(black_box(deep)[0] + 1) + deep[1]
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

/// How many items this process has served, with this one.
pub(crate) fn served() -> u32 {
    static SERVED: AtomicU32 = AtomicU32::new(0);
    SERVED.fetch_add(1, Ordering::Relaxed) + 1
}
