//! What a workflow costs to build: generated workflows of 10 to 2,000 nodes in crates of their own, debug and release.
//!
//! What counts is user CPU of the user's crate alone (expansion, rustc, linker), its dependencies warm, over that of
//! the smallest workflow.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Effort,
    report::{Report, time, times},
    workflow,
};

/// Runs the suite.
pub(crate) fn run(effort: Effort) -> Result<Report> {
    let mut report = Report::default();
    let sizes: &[u32] = if effort.quick { &[10, 100] } else { &[10, 100, 500, 2_000] };
    for (profile, limit) in [("debug", 0.010), ("release", 0.015)] {
        let site = Site::new(profile)?;
        let rounds = if effort.quick { 1 } else { 3 };
        let bare = site.krate("bare", None)?.clean_build(rounds)?;
        let one = site.krate("nodes-1", Some(&workflow::chain(1)))?.clean_build(rounds)?;
        let mut rows = vec![row("no workflow", bare, None, None), row("1", one, None, None)];
        for &nodes in sizes {
            let krate = site.krate(&format!("nodes-{nodes}"), Some(&workflow::mixed(nodes)))?;
            let clean = krate.clean_build(if nodes > 500 { 1 } else { rounds })?;
            let incremental = krate.incremental_build()?;
            let a_node = (clean.user - one.user) / f64::from(nodes);
            rows.push(row(&nodes.to_string(), clean, Some(incremental), Some(a_node)));
            if nodes >= 100 {
                report.at_most(format!("user CPU a node, {nodes} nodes, {profile}"), a_node, limit, time);
            }
        }
        if profile == "debug" {
            called(&site, rounds, one, &mut report)?;
            report.at_most("a one-node workflow in a warm debug build", one.wall - bare.wall, 2.0, time);
        }
        let columns = ["nodes", "user CPU, clean", "a node", "user CPU, one node changed", "elapsed, clean", "binary"];
        report.table(format!("Building the user's crate, {profile}"), &columns, rows);
    }
    report.note(format!("Packages that a user's crate builds besides itself: {}.", dependencies()?));
    Ok(report)
}

/// A workflow of 20 nodes, called once and 50 times, and its nodes written out as often.
fn called(site: &Site, rounds: usize, one_node: Cost, report: &mut Report) -> Result<()> {
    let build = |name: &str, workflow: &str| {
        let krate = site.krate(name, Some(workflow))?;
        fs::write(krate.folder.join("src/mixed.yaml"), workflow::mixed(20))?;
        krate.clean_build(rounds)
    };
    let once = build("called-once", &workflow::calls(1))?;
    let often = build("called-often", &workflow::calls(50))?;
    let written = build("written-often", &workflow::mixed(1_000))?;
    let rows = [("called once", once), ("called 50 times", often), ("written out 50 times", written)];
    let row = |(name, cost): (&str, Cost)| vec![name.to_owned(), time(cost.user), time(cost.wall)];
    let columns = ["", "user CPU, clean", "elapsed, clean"];
    report.table("Building a workflow of 20 nodes that another one calls, debug", &columns, rows.map(row).to_vec());
    let a_call = (often.user - once.user) / 49.0;
    let a_node = (written.user - one_node.user) / 1_000.0;
    report.at_most("user CPU of a call of 20 nodes, against one node written out, debug", a_call / a_node, 2.0, times);
    Ok(())
}

fn row(name: &str, clean: Cost, incremental: Option<Cost>, a_node: Option<f64>) -> Vec<String> {
    let or_dash = |seconds: Option<f64>| seconds.map_or_else(|| "–".into(), time);
    let size = f64::from(u32::try_from(clean.binary).unwrap_or(u32::MAX)) / 1e6;
    vec![
        name.to_owned(),
        time(clean.user),
        or_dash(a_node),
        or_dash(incremental.map(|cost| cost.user)),
        time(clean.wall),
        format!("{size:.1} MB"),
    ]
}

/// What a build took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    user: f64,
    wall: f64,
    binary: u64,
}

/// Where generated crates are built, with one target folder, so that what they depend on is built once.
struct Site {
    folder: PathBuf,
    profile: &'static str,
}

impl Site {
    fn new(profile: &'static str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tea-bench");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder: folder.canonicalize()?, profile })
    }

    /// A crate with this workflow, or without any.
    fn krate(&self, name: &str, workflow: Option<&str>) -> Result<Krate<'_>> {
        let folder = self.folder.join(name);
        fs::create_dir_all(folder.join("src"))?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\ntea-runtime = {{ path = \"{}\" }}\n",
            root.join("tea-runtime").display()
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        // The same versions as the workspace's: a figure does not move because some dependency did.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        let main = match workflow {
            Some(workflow) => {
                fs::write(folder.join("src/flow.yaml"), workflow)?;
                "tea_runtime::include_workflow!(\"flow.yaml\");\n"
            }
            None => "fn main() {}\n",
        };
        fs::write(folder.join("src/main.rs"), main)?;
        Ok(Krate { site: self, folder, name: name.to_owned() })
    }
}

struct Krate<'a> {
    site: &'a Site,
    folder: PathBuf,
    name: String,
}

impl Krate<'_> {
    /// The median of some builds with nothing of this crate there, after one that builds what it depends on.
    fn clean_build(&self, rounds: usize) -> Result<Cost> {
        self.cargo(&["build"])?;
        let build = |_| {
            self.cargo(&["clean", "-p", &self.name])?;
            self.cargo(&["build"])
        };
        let mut costs = (0..rounds).map(build).collect::<Result<Vec<_>>>()?;
        costs.sort_by(|one, other| one.user.total_cmp(&other.user));
        Ok(costs[costs.len() / 2])
    }

    /// A build after one node's Rust changed.
    fn incremental_build(&self) -> Result<Cost> {
        let file = self.folder.join("src/flow.yaml");
        let text = fs::read_to_string(&file)?;
        ensure!(text.contains(workflow::CHANGING), "the workflow has no node to change");
        fs::write(&file, text.replacen(workflow::CHANGING, workflow::CHANGED, 1))?;
        self.cargo(&["build"])
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Cost> {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).arg("--quiet").current_dir(&self.folder);
        command.env("CARGO_TARGET_DIR", self.site.folder.join("target"));
        if self.site.profile == "release" {
            command.arg("--release");
        }
        let (user, start) = (user_cpu_of_children()?, Instant::now());
        let output = command.output()?;
        let wall = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        let binary = self.site.folder.join("target").join(self.site.profile).join(&self.name);
        let binary = fs::metadata(binary).map_or(0, |file| file.len());
        Ok(Cost { user: user_cpu_of_children()? - user, wall, binary })
    }
}

/// User CPU, in seconds, of all processes that this one, or those that it waited for, waited for.
fn user_cpu_of_children() -> Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold anything; `cutime` is the 14th field after it.
    let fields = stat.rsplit_once(')').context("an odd /proc/self/stat")?.1;
    let ticks = fields.split_whitespace().nth(13).context("a short /proc/self/stat")?;
    Ok(ticks.parse::<f64>()? / TICKS_PER_SECOND)
}

/// How many packages a user's crate brings in.
fn dependencies() -> Result<usize> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tea-runtime");
    let arguments = ["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe", "--format", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(folder).output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter(|line| !line.is_empty()).collect::<std::collections::BTreeSet<_>>().len())
}
