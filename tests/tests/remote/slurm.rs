//! Hosts that Slurm gives: two nodes on this machine, which `tests/slurm-local.sh` starts. The variable `TEA_TESTS_SLURM` names their
//! folder; without it, that is said, and nothing is tested.

use std::{os::unix::fs::symlink, process::Command};

use rustix::process::Signal;

use super::*;

/// The folder of the two nodes.
struct Slurm(PathBuf);

impl Slurm {
    fn here() -> Option<Self> {
        let folder = std::env::var_os("TEA_TESTS_SLURM");
        if folder.is_none() {
            eprintln!("not run: a test with Slurm, of which `TEA_TESTS_SLURM` names no cluster (tests/slurm-local.sh)");
        }
        folder.map(|folder| Self(folder.into()))
    }

    /// A pool of so many jobs, with programs on the search path that note each command of Slurm.
    fn stage(hosts: &str, rest: &str) -> Stage {
        let stage = Stage::new(1, 1);
        let options = format!("options = [\"--comment={}\"]", comment(&stage));
        // Nothing but the end of its lease proves the end of an agent there.
        let network = "[network]\nheartbeat = \"500ms\"\nlease = \"5s\"";
        let text = format!("engine = \"slurm\"\nhosts = {hosts}\nslots = 1\n{rest}\n{network}\n[slurm]\n{options}\n");
        fs::write(stage.path("pool.toml"), text).unwrap();
        fs::create_dir(stage.path("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\nname=${{0##*/}}\necho \"$name\" >> {}\nPATH=${{PATH#*:}}\nexec \"$name\" \"$@\"\n",
            stage.path("commands").display()
        );
        fs::write(stage.path("bin/noting"), script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(stage.path("bin/noting"), mode).unwrap();
        for name in ["srun", "scancel", "squeue", "scontrol", "sinfo", "sacct", "sbatch", "salloc"] {
            symlink("noting", stage.path("bin").join(name)).unwrap();
        }
        stage
    }

    fn with(&self, stage: &Stage, program: Program) -> Program {
        program.env("SLURM_CONF", self.0.join("slurm.conf")).env("PATH", search_path(stage))
    }

    fn items(&self, stage: &Stage, count: u64) -> Program {
        self.with(stage, stage.items(count))
    }

    fn ask(&self, name: &str, arguments: &[&str]) -> String {
        let said = Command::new(name).args(arguments).env("SLURM_CONF", self.0.join("slurm.conf")).output().unwrap();
        assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    }

    /// The jobs of a stage that have not ended.
    fn jobs(&self, stage: &Stage) -> Vec<String> {
        let listed = self.ask("squeue", &["--noheader", "--format=%i %k"]);
        let jobs = listed.lines().filter_map(|line| line.split_once(' '));
        jobs.filter(|(_, of)| *of == comment(stage)).map(|(job, _)| job.to_owned()).collect()
    }

    /// Waits until nothing of a stage is left: no job, and none of these processes.
    fn nothing_left(&self, stage: &Stage, notes: &[Note]) {
        wait_for("the end of all jobs", || self.jobs(stage).is_empty().then_some(()));
        wait_for("the end of everything on the hosts", || {
            notes.iter().all(|note| process::is_ended(note.agent) && process::is_ended(note.worker)).then_some(())
        });
    }
}

/// The commands of Slurm that were run so far, sorted.
fn commands(stage: &Stage) -> Vec<String> {
    let mut commands = trace::lines(&stage.path("commands"));
    commands.sort_unstable();
    commands
}

/// A search path on which commands of Slurm are noted.
fn search_path(stage: &Stage) -> String {
    format!("{}:{}", stage.path("bin").display(), std::env::var("PATH").unwrap())
}

fn comment(stage: &Stage) -> String {
    stage.path("").to_string_lossy().trim_matches('/').replace('/', "-")
}

/// Two items that wait for each other, on two hosts.
fn both(slurm: &Slurm, stage: &Stage, count: u64) -> (Running, Vec<Note>) {
    stage.hold(0);
    stage.hold(1);
    let running = slurm.items(stage, count).start();
    let notes = stage.begun(&running, &[0, 1]);
    assert_eq!(agents(&notes).len(), 2, "{notes:?}");
    (running, notes)
}

fn go_on(stage: &Stage) {
    stage.release(0);
    stage.release(1);
}

#[test]
fn jobs_of_their_own_give_the_same_with_few_commands_and_none_while_they_run() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("2", "");
    let (running, notes) = both(&slurm, &stage, 60);
    let before = commands(&stage);
    assert_eq!(before, ["squeue", "squeue", "srun", "srun"]);
    go_on(&stage);
    assert_eq!(running.finish().json()["out"], serde_json::json!(squares(60)));
    assert_eq!(commands(&stage), before, "none while they ran, and none to end them");
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn the_nodes_of_an_allocation_are_its_hosts() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("9", "");
    stage.hold(0);
    stage.hold(1);
    let program = Program::new("salloc").env("SLURM_CONF", slurm.0.join("slurm.conf"));
    let program = program.args("--nodes=2 --ntasks-per-node=1 --time=10 --quiet");
    // What would bind its steps to one processor, or be taken for their own.
    let program = program.arg(format!("--comment={}", comment(&stage))).arg("env").arg("SLURM_CPU_BIND=mask_cpu:0x1");
    let program = program.arg(format!("PATH={}", search_path(&stage))).arg("FLOW=items");
    let program = program.arg(REMOTE).arg("--pool").arg(stage.path("pool.toml"));
    let running = program.arg("--folder").arg(stage.path("")).arg("--count=40").start();
    let notes = stage.begun(&running, &[0, 1]);
    assert_eq!(agents(&notes).len(), 2, "{notes:?}");
    let variables = fs::read(format!("/proc/{}/environ", notes[0].agent)).unwrap();
    assert!(!variables.windows(12).any(|part| part == b"mask_cpu:0x1"), "it is not passed on");
    let before = commands(&stage);
    assert_eq!(before, ["scontrol", "squeue", "squeue", "srun", "srun"]);
    go_on(&stage);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(40)));
    assert_eq!(commands(&stage), before);
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn a_job_that_is_cancelled_takes_nothing_with_it() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("2", "");
    let (running, notes) = both(&slurm, &stage, 30);
    slurm.ask("scancel", &[&slurm.jobs(&stage)[0]]);
    wait_for("the end of one agent", || notes.iter().any(|note| process::is_ended(note.agent)).then_some(()));
    go_on(&stage);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(30)));
    assert!(finished.stderr.contains("is lost: "), "{}", finished.stderr);
    let mut ended = stage.noted("end");
    ended.sort_unstable();
    assert_eq!(ended, (0..30).collect::<Vec<_>>(), "each item ended once");
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn a_step_whose_guard_is_killed_takes_nothing_with_it() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("2", "");
    let (running, notes) = both(&slurm, &stage, 30);
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let above = std::iter::successors(Some(notes[0].agent), |pid| process::parent(*pid));
    let guard = above.into_iter().find(|pid| name(*pid).starts_with("slurmstepd")).expect("what guards the step");
    process::signal(guard, Signal::KILL).unwrap();
    wait_for("the end of its agent", || process::is_ended(notes[0].agent).then_some(()));
    go_on(&stage);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(30)), "{}", finished.stderr);
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn the_end_of_srun_is_not_taken_for_the_end_of_an_agent() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("2", "");
    stage.order("ticks");
    let (running, notes) = both(&slurm, &stage, 30);
    process::signal(notes[0].agent, Signal::STOP).unwrap();
    for command in process::children(running.pid()) {
        process::signal(command, Signal::KILL).unwrap();
    }
    for note in &notes {
        stage.begun_elsewhere(&running, note.item, note.agent);
        assert!(process::is_ended(note.agent) && process::is_ended(note.worker), "{note:?}");
    }
    go_on(&stage);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(30)), "{}", finished.stderr);
    assert!(stage.attempts(30)[..2].iter().all(|attempts| *attempts >= 2), "{}", finished.stderr);
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn a_program_that_is_killed_leaves_no_job() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("2", "");
    let (running, notes) = both(&slurm, &stage, 30);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn a_job_that_waits_in_the_queue_is_given_back_with_one_command() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("1", "");
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    // It will never start.
    let text = text.replace("options = [", "options = [\"--begin=now+1hour\", ");
    fs::write(stage.path("pool.toml"), text).unwrap();
    let running = slurm.items(&stage, 3).start();
    wait_for("the job", || (slurm.jobs(&stage).len() == 1).then_some(()));
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
    assert_eq!(commands(&stage), ["scancel", "srun"]);
    slurm.nothing_left(&stage, &[]);
}

#[test]
fn hosts_with_nothing_to_do_are_given_back() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("{ min = 0, max = 2 }", "idle = \"100ms\"");
    let (running, notes) = both(&slurm, &stage, 2);
    stage.release(0);
    wait_for("the end of one job", || (slurm.jobs(&stage).len() == 1).then_some(()));
    stage.release(1);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(2)));
    assert!(!finished.stderr.contains("lost"), "{}", finished.stderr);
    slurm.nothing_left(&stage, &notes);
}

#[test]
fn a_check_says_what_one_job_gives() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("8", "[host]\nfiles = \"shared\"");
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), format!("{text}walltime = \"30m\"\n")).unwrap();
    let program = slurm.with(&stage, Program::new(REMOTE).env("FLOW", "items").args("pool check"));
    let finished = program.arg(stage.path("pool.toml")).run();
    let lines: Vec<_> = finished.stdout.lines().collect();
    let [line] = lines[..] else { panic!("{lines:?}\n{}", finished.stderr) };
    assert!(line.starts_with("slurm 1: ready after ") && line.contains("; 1 at once; "), "{line}");
    assert!(line.contains(" of memory; ") && line.contains(" MB/s to it; "), "{line}");
    assert!(line.contains("; 29m ") && line.ends_with(" left; it sees the files here"), "{line}");
    assert_eq!(commands(&stage), ["squeue", "srun"]);
    slurm.nothing_left(&stage, &[]);
}

#[test]
fn what_slurm_refuses_is_an_error_with_its_own_words() {
    let Some(slurm) = Slurm::here() else { return };
    let stage = Slurm::stage("1", "");
    let text = fs::read_to_string(stage.path("pool.toml")).unwrap();
    fs::write(stage.path("pool.toml"), text.replace("options = [", "options = [\"--partition=none\", ")).unwrap();
    let finished = slurm.items(&stage, 3).run();
    let said = finished.failure(1);
    assert!(said.contains("`slurm 1`: ") && said.contains("invalid partition"), "{said}");
}
