"""Which steps run again after an edit: 20 edits of one small pipeline, in Tea and in four tools for Python.

    pip install joblib redun snakemake sf-hamilton
    python benches/src/peers/edits.py            # prints the table; `--tool joblib` for one of them

Each tool runs the pipeline, the edit is made, and the tool runs it again. Steps note that they ran in a file. What has to run
is what the edit affects: the step whose code or input it changes, and those whose input changes because of that.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ALL = {"words", "longest", "weight", "rating", "report"}
WEIGHT, RATING = {"weight", "report"}, {"rating", "report"}

# The pipeline in Python. `@STEP` is what makes a function a step of the tool.
STEPS = '''
from log import ran
from weights import total as summed
from scores import rated

# Words of a text.
@STEP
def words(path: PATH) -> list:
    ran("words")
    return READ(path).split()

@STEP
def longest(words: list) -> int:
    ran("longest")
    return max(len(word) for word in words)

@STEP
def weight(words: list) -> int:
    ran("weight")
    return summed(words)

@STEP
def rating(words: list) -> int:
    ran("rating")
    return rated(words)

@STEP
def report(longest: int, weight: int, rating: int) -> str:
    ran("report")
    return f"{longest} {weight} {rating}"

def unrelated() -> int:
    return 1
'''

WEIGHTS = '''
FACTOR = 1
TABLE = [1, 2, 3]

def doubled(function):
    return lambda word: 2 * function(word)

def length(word):
    return len(word)

@doubled
def one(word):
    return length(word) * FACTOR + TABLE[0]

def total(words):
    return sum(one(word) for word in words)

def least(words):
    return min(one(word) for word in words)
'''

SCORES = '''
from dataclasses import dataclass
from functools import singledispatch
import dep

@dataclass
class Score:
    value: int = 0
    count: int = 0

    def __add__(self, other):
        return Score(value=self.value + other.value, count=self.count + other.count)

    def mean(self):
        return self.value // self.count

@singledispatch
def worth(thing):
    return 0

@worth.register
def _(thing: str):
    return len(thing)

def rated(words):
    sum = Score()
    for word in words:
        sum = sum + Score(value=worth(word) * 10, count=1)
    return dep.scale(sum.mean())
'''

DEP = '''
FAST = False

def scale(value):
    return value * 3 + (1 if FAST else 0)
'''

LOG = '''
def ran(step):
    with open("ran.log", "a") as file:
        file.write(step + "\\n")
'''

# The same in Rust.
RUST = '''use std::path::{Path, PathBuf};
mod scores;
mod weights;
use scores::rated;
use weights::total as summed;

tea_runtime::include_workflow!("flow.yaml");

pub fn ran(step: &str) {
    use std::io::Write;
    writeln!(std::fs::OpenOptions::new().append(true).create(true).open("ran.log").unwrap(), "{step}").unwrap();
}

// Words of a text.
fn words_of(path: &Path) -> Result<Vec<String>, std::io::Error> {
    ran("words");
    Ok(std::fs::read_to_string(path)?.split_whitespace().map(str::to_owned).collect())
}

fn longest_of(words: &[String]) -> usize {
    ran("longest");
    words.iter().map(|word| word.len()).max().unwrap_or(0)
}

fn weight_of(words: &[String]) -> u64 {
    ran("weight");
    summed(words)
}

fn rating_of(words: &[String]) -> u64 {
    ran("rating");
    rated(words)
}

fn report_of(longest: usize, weight: u64, rating: u64) -> String {
    ran("report");
    format!("{longest} {weight} {rating}")
}

pub fn unrelated() -> u64 {
    1
}
'''

RUST_WEIGHTS = '''const FACTOR: u64 = 1;
static TABLE: [u64; 3] = [1, 2, 3];

macro_rules! doubled {
    ($e:expr) => { 2 * ($e) };
}

fn length(word: &str) -> u64 {
    word.len() as u64
}

fn one(word: &str) -> u64 {
    doubled!(length(word) * FACTOR + TABLE[0])
}

pub fn total(words: &[String]) -> u64 {
    words.iter().map(|word| one(word)).sum()
}

pub fn least(words: &[String]) -> u64 {
    words.iter().map(|word| one(word)).min().unwrap_or(0)
}
'''

RUST_SCORES = '''#[derive(Default)]
struct Score {
    value: u64,
    count: u64,
}

impl std::ops::Add for Score {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, count: self.count + other.count }
    }
}

impl Score {
    fn mean(&self) -> u64 {
        self.value / self.count
    }
}

trait Worth {
    fn worth(&self) -> u64;
}

impl Worth for String {
    fn worth(&self) -> u64 {
        self.len() as u64
    }
}

pub fn rated(words: &[String]) -> u64 {
    let mut sum = Score::default();
    for word in words {
        sum = sum + Score { value: word.worth() * 10, count: 1 };
    }
    dep::scale(sum.mean())
}
'''

RUST_DEP = '''pub fn scale(value: u64) -> u64 {
    value * 3 + if cfg!(feature = "fast") { 1 } else { 0 }
}
'''

FLOW = '''name: edits
state_schema:
  path: { type: PathBuf, input: true }
  words: Vec<String>
  longest: usize
  weight: u64
  rating: u64
  report: String
settings: { parallel: { max_workers: 2 } }
nodes:
  - { name: words, run: "words_of(path)?", output: words, cache: true }
  - { name: longest, run: longest_of(words), output: longest, cache: true }
  - { name: weight, run: weight_of(words), output: weight, cache: true }
  - { name: rating, run: rating_of(words), output: rating, cache: true }
  - { name: report, run: "report_of(longest, weight, rating)", output: report, cache: true }
edges:
  - { from: words, to: [longest, weight, rating], parallel: true, fan_in: report }
'''

SNAKEFILE = '''
import json
from steps import words, longest, weight, rating, report

def load(path):
    return json.load(open(path))

def save(path, value):
    json.dump(value, open(path, "w"))

rule all:
    input: "report.json"

rule words_step:
    input: "text"
    output: "words.json"
    run: save(output[0], words(input[0]))

rule longest_step:
    input: "words.json"
    output: "longest.json"
    threads: 1
    run: save(output[0], longest(load(input[0])))

rule weight_step:
    input: "words.json"
    output: "weight.json"
    run: save(output[0], weight(load(input[0])))

rule rating_step:
    input: "words.json"
    output: "rating.json"
    run: save(output[0], rating(load(input[0])))

rule report_step:
    input: "longest.json", "weight.json", "rating.json"
    output: "report.json"
    run: save(output[0], report(*[load(path) for path in input]))
'''

REDUN = '''
from steps import words, longest, weight, rating, report
from redun import File, Scheduler, task
from redun.config import Config

redun_namespace = "edits"

@task()
def main(path: str):
    of = words(File(path))
    return report(longest(of), weight(of), rating(of))

scheduler = Scheduler(config=Config({"backend": {"db_uri": "sqlite:///redun.db"}}))
scheduler.load()
print(scheduler.run(main("text")))
'''

JOBLIB = '''
from steps import words, longest, weight, rating, report

of = words("text")
print(report(longest(of), weight(of), rating(of)))
'''

HAMILTON = '''
import steps
from hamilton import driver

run = driver.Builder().with_modules(steps).with_cache(path="cache").build()
print(run.execute(["report"], inputs={"path": "text"}))
'''

# What the edit is, what it affects, and how it is made: in Python, and in Rust. A file, and what is replaced in it.
EDITS = [
    ("a comment", set(),
     [("steps.py", "# Words of a text.", "# The words.\n\n")], [("src/main.rs", "// Words of a text.", "// The words.\n\n")]),
    ("layout", set(),
     [("weights.py", "sum(one(word) for word in words)", "sum(\n        one(word)\n        for word in words\n    )")],
     [("src/weights.rs", "words.iter().map(|word| one(word)).sum()", "words\n        .iter()\n        .map(|word| one(word))\n        .sum()")]),
    ("a function moved in its file", set(),
     [("weights.py", "def length(word):\n    return len(word)\n", ""), ("weights.py", "def least", "def length(word):\n    return len(word)\n\ndef least")],
     [("src/weights.rs", "fn length(word: &str) -> u64 {\n    word.len() as u64\n}\n", ""),
      ("src/weights.rs", "pub fn least", "fn length(word: &str) -> u64 {\n    word.len() as u64\n}\n\npub fn least")]),
    ("a helper", WEIGHT,
     [("weights.py", "sum(one(word) for", "1 + sum(one(word) for")],
     [("src/weights.rs", "words.iter().map(|word| one(word)).sum()", "1 + words.iter().map(|word| one(word)).sum::<u64>()")]),
    ("a helper of a helper", WEIGHT,
     [("weights.py", "return len(word)", "return len(word) + 1")], [("src/weights.rs", "word.len() as u64", "word.len() as u64 + 1")]),
    ("a method", RATING,
     [("scores.py", "self.value // self.count", "self.value // self.count + 1")],
     [("src/scores.rs", "self.value / self.count", "self.value / self.count + 1")]),
    ("a trait's implementation", RATING,
     [("scores.py", "return len(thing)", "return len(thing) + 1")], [("src/scores.rs", "self.len() as u64", "self.len() as u64 + 1")]),
    ("an operator", RATING,
     [("scores.py", "self.value + other.value", "self.value + other.value + 1")],
     [("src/scores.rs", "self.value + other.value", "self.value + other.value + 1")]),
    ("a constant", WEIGHT, [("weights.py", "FACTOR = 1", "FACTOR = 2")], [("src/weights.rs", "u64 = 1;", "u64 = 2;")]),
    ("a static", WEIGHT, [("weights.py", "TABLE = [1", "TABLE = [5")], [("src/weights.rs", "= [1,", "= [5,")]),
    ("the layout of a type", {"rating"},
     [("scores.py", "    value: int = 0\n    count: int = 0\n", "    count: int = 0\n    value: int = 0\n")],
     [("src/scores.rs", "    value: u64,\n    count: u64,\n", "    count: u64,\n    value: u64,\n")]),
    ("`use … as`", WEIGHT,
     [("steps.py", "import total as summed", "import least as summed")], [("src/main.rs", "weights::total as", "weights::least as")]),
    ("a macro (in Python, a decorator)", WEIGHT,
     [("weights.py", "2 * function(word)", "3 * function(word)")], [("src/weights.rs", "{ 2 * ($e) }", "{ 3 * ($e) }")]),
    ("a dependency", RATING,
     [("site/dep/__init__.py", "value * 3", "value * 4")], [("dep/src/lib.rs", "value * 3", "value * 4")]),
    ("a feature", RATING,
     [("site/dep/__init__.py", "FAST = False", "FAST = True")],
     [("Cargo.toml", "dep = { path = \"dep\" }", "dep = { path = \"dep\", features = [\"fast\"] }")]),
    ("an unrelated function", set(),
     [("steps.py", "def unrelated() -> int:\n    return 1", "def unrelated() -> int:\n    return 2")],
     [("src/main.rs", "unrelated() -> u64 {\n    1", "unrelated() -> u64 {\n    2")]),
    ("a renamed node", set(),
     [("*", r"\blongest\b", "most")], [("src/flow.yaml", "name: longest", "name: most"), ("src/flow.yaml", "to: [longest", "to: [most")]),
    ("a policy", set(), [("policy", "", "")], [("src/flow.yaml", "max_workers: 2", "max_workers: 1")]),
    ("the input file changed", ALL, [("text", "one", "three four")], [("text", "one", "three four")]),
    ("the input file touched", set(), [("touch", "", "")], [("touch", "", "")]),
]


class Tool:
    """A tool for Python: how its pipeline is written, and run."""

    def __init__(self, name, package, script, step, head="", path="str", read="(lambda path: open(path).read())"):
        self.name, self.package, self.script = name, package, script
        self.steps = f"{head}\n" + STEPS.replace("@STEP\n", step).replace("PATH", path).replace("READ", read)

    def version(self):
        return metadata.version(self.package)

    def write(self, folder):
        files = {"steps.py": self.steps, "weights.py": WEIGHTS, "scores.py": SCORES, "log.py": LOG, "text": "one two eleven",
                 "site/dep/__init__.py": DEP, self.file(): self.script}
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    def file(self):
        return "Snakefile" if self.name == "Snakemake" else "flow.py"

    def command(self):
        if self.name == "Snakemake":
            return [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet"]
        return [sys.executable, "flow.py"]

    def edit(self, folder, edits):
        for file, old, new in edits:
            if file == "policy":
                change(folder / self.file(), *{
                    "Snakemake": ("threads: 1", "threads: 2"),
                    "redun": ("scheduler.load()", "scheduler.load()  # with another executor\nscheduler.config"),
                    "joblib": ("of = words", "import joblib; joblib.parallel_config(n_jobs=2)\nof = words"),
                    "Hamilton": (".build()", ".with_adapters().build()"),
                }[self.name])
            elif file == "*":
                for path in [folder / "steps.py", folder / self.file()]:
                    path.write_text(re.sub(old, new, path.read_text()))
            else:
                edit(folder, file, old, new)

    def run(self, folder):
        path = os.pathsep.join([str(folder), str(folder / "site")])
        return run(self.command(), folder, {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"})


class Tea:
    """The same with Tea."""

    name = "Tea"

    def __init__(self):
        self.root = Path(__file__).resolve().parents[3]

    def version(self):
        return re.search(r'^version = "(.*)"', (self.root / "Cargo.toml").read_text(), re.M).group(1)

    def write(self, folder):
        runtime = self.root / "tea-runtime"
        files = {
            "Cargo.toml": f'[package]\nname = "edits-bench"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\ndep = {{ path = "dep" }}\n'
                          f'tea-runtime = {{ path = "{runtime}" }}\n\n[workspace]\n',
            "dep/Cargo.toml": '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2024"\n\n[features]\nfast = []\n',
            "dep/src/lib.rs": RUST_DEP, "src/main.rs": RUST, "src/weights.rs": RUST_WEIGHTS, "src/scores.rs": RUST_SCORES,
            "src/flow.yaml": FLOW, "text": "one two eleven",
        }
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        shutil.copy(self.root / "Cargo.lock", folder / "Cargo.lock")

    def edit(self, folder, edits):
        for file, old, new in edits:
            edit(folder, file, old, new)

    def run(self, folder):
        target = os.environ.get("CARGO_TARGET_DIR", str(self.root / "target"))
        environment = {"CARGO_TARGET_DIR": target}
        run(["cargo", "build", "--offline", "--quiet"], folder, environment)
        return run([f"{target}/debug/edits-bench", "--path", "text"], folder, {})


def edit(folder, file, old, new):
    if file == "touch":
        stamp = (folder / "text").stat()
        os.utime(folder / "text", (stamp.st_atime, stamp.st_mtime + 10))
    else:
        change(folder / file, old, new)


def change(path, old, new):
    text = path.read_text()
    assert old in text, f"`{old}` is not in {path}"
    path.write_text(text.replace(old, new, 1))


def run(command, folder, environment):
    """Runs a command. Returns the steps that ran."""
    log = folder / "ran.log"
    log.unlink(missing_ok=True)
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return {line.strip().replace("most", "longest") for line in log.read_text().splitlines()} if log.exists() else set()


TOOLS = [
    Tea(),
    Tool("Snakemake", "snakemake", SNAKEFILE, ""),
    Tool("redun", "redun", REDUN, "@task()\n", "from redun import File, task\nredun_namespace = \"edits\"", "File",
         "(lambda path: path.read())"),
    Tool("joblib", "joblib", JOBLIB, "@memory.cache\n", "from joblib import Memory\nmemory = Memory(\"cache\", verbose=0)"),
    Tool("Hamilton", "sf-hamilton", HAMILTON, ""),
]


def judged(ran, affected):
    """`exact`, the steps that ran needlessly, or the stale ones, which did not run."""
    stale, needless = affected - ran, ran - affected
    if stale:
        return "**stale**: " + ", ".join(sorted(stale))
    return f"{len(needless)} needless" if needless else "exact"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", action="append", help="only this tool")
    tools = [tool for tool in TOOLS if not parser.parse_args().tool or tool.name in parser.parse_args().tool]
    rows = {tool.name: [] for tool in tools}
    for tool in tools:
        for what, affected, of_python, of_rust in EDITS:
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                tool.write(folder)
                first = tool.run(folder)
                assert first == ALL, f"{tool.name}: {first}"
                again = tool.run(folder)
                assert not again, f"{tool.name}: {again} ran again without an edit"
                tool.edit(folder, of_rust if tool.name == "Tea" else of_python)
                rows[tool.name].append(judged(tool.run(folder), affected))
                print(f"{tool.name}, {what}: {rows[tool.name][-1]}", file=sys.stderr)
    print("| edit | has to run | " + " | ".join(f"{tool.name} {tool.version()}" for tool in tools) + " |")
    print("|---|---|" + "---|" * len(tools))
    for number, (what, affected, _, _) in enumerate(EDITS):
        needed = "all" if affected == ALL else ", ".join(f"`{step}`" for step in sorted(affected)) or "nothing"
        print(f"| {what} | {needed} | " + " | ".join(rows[tool.name][number] for tool in tools) + " |")
    exact = [sum(cell == "exact" for cell in rows[tool.name]) for tool in tools]
    stale = [sum("stale" in cell for cell in rows[tool.name]) for tool in tools]
    print("| **exact** | | " + " | ".join(f"{count} of {len(EDITS)}" for count in exact) + " |")
    print("| **stale results** | | " + " | ".join(str(count) for count in stale) + " |")


if __name__ == "__main__":
    main()
