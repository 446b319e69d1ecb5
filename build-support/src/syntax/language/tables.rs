//! The tables: what may be written in which mapping.

use super::{
    CODE_SCOPES, Entry, JOIN, NODE_TYPES, Piece, RESUME, RETRY_ON, STRATEGIES, Shape, Table, WORKS, entry, required,
};
use crate::{
    doubt::{self, Facts},
    syntax::settings,
};

/// The file.
pub(crate) static WORKFLOW: Table = Table {
    what: "a workflow",
    example: "name: sample",
    entries: &[
        required("name", Shape::Name, "The workflow's name; the generated module is named after it, with `_` for `-`."),
        entry("description", Shape::Text, "What the workflow does."),
        entry("state_schema", Shape::Keys(&KEY), "The state: each key with its Rust type."),
        entry("settings", Shape::Mapping(&SETTINGS), "Settings for the whole workflow."),
        required("nodes", Shape::Mappings(&NODE), "The work, in order."),
        entry("edges", Shape::Mappings(&EDGE), "Where the order is not that of the list: fan-outs and conditions."),
        entry("finally", Shape::Mappings(&FINALLY), "What runs when the run ends, however it ends."),
    ],
    more: &[],
    one_of: &[],
    says: Facts::ALL,
};

/// One entry of `finally`.
pub(crate) static FINALLY: Table = Table {
    what: "a node of `finally`",
    example: "- { name: clean_up, run: clean_up() }",
    entries: &[
        required("name", Shape::Name, "The node's name."),
        required(
            "run",
            Shape::Rust(Piece::Body),
            "A Rust expression, or statements below a `|`. Inputs are set, other keys are an `Option`, and `outcome` tells how the \
             run ended.",
        ),
    ],
    more: &[],
    one_of: &[],
    says: doubt::NODE,
};

/// A workflow that is written in a node.
pub(crate) static INLINE: Table = Table {
    what: "`workflow`",
    example: "{ nodes: [{ name: load, run: load()? }] }",
    entries: &[
        entry(
            "state_schema",
            Shape::Keys(&KEY),
            "Its own state: each key with its Rust type. It also reads the keys of the workflow that it is in.",
        ),
        entry("settings", Shape::Mapping(&INLINE_SETTINGS), "Settings for the nodes in it."),
        required("nodes", Shape::Mappings(&NODE), "The work, in order."),
        entry("edges", Shape::Mappings(&EDGE), "Where the order is not that of the list: fan-outs and conditions."),
    ],
    more: &[],
    one_of: &[],
    says: Facts::ALL,
};

static INLINE_SETTINGS: Table = Table {
    what: "`settings` of a `workflow`",
    example: "{ parallel: { strategy: process } }",
    entries: &[entry(
        "parallel",
        Shape::Mapping(&PARALLEL),
        "How everything that is parallel in it runs, unless it says so itself.",
    )],
    more: &[],
    one_of: &[],
    says: doubt::SETTING,
};

/// The long form of a state key.
pub(crate) static KEY: Table = Table {
    what: "a state key",
    example: "{ type: u32 }",
    entries: &[
        required("type", Shape::Rust(Piece::Type), "A Rust type, resolved in the module that calls the macro."),
        entry("input", Shape::Bool, "The caller supplies it."),
        entry("default", Shape::Rust(Piece::Expression), "A Rust expression: its value where the caller gives none."),
        entry("reduce", Shape::Rust(Piece::Function), "`fn(T, T) -> T`, associative: how several writes combine."),
        entry(
            "transient",
            Shape::Bool,
            "Never leaves this process: not in the output, not sent to a worker, not recorded; made again on resume.",
        ),
        entry("output", Shape::Bool, "`false` keeps it out of the output; it is sent and recorded all the same."),
        entry("optional", Shape::Bool, "Readers see an `Option`; it may be unset."),
        entry("description", Shape::Text, "What it holds; shown in the program's help."),
        entry("short", Shape::Text, "Of an input: the letter or digit of a short flag, such as `k` for `-k`."),
        entry("env", Shape::Text, "Of an input: the environment variable that gives it where no flag does."),
        entry("choices", Shape::Texts, "Of an input or an answer: the only texts that may be given."),
        entry("secret", Shape::Bool, "Of an input: shown nowhere and never recorded; it has no flag."),
        entry("positional", Shape::Bool, "Of an input: it is given on the command line without a flag."),
        entry("value_name", Shape::Text, "Of an input: what the program's help calls the value, such as `FILE`."),
    ],
    more: &[],
    one_of: &[],
    says: doubt::KEY,
};

pub(super) static SETTINGS: Table = Table {
    what: "`settings`",
    example: "{ parallel: { strategy: process } }",
    entries: &[
        entry("parallel", Shape::Mapping(&PARALLEL), "How everything that is parallel runs, unless it says so itself."),
        entry(
            "checkpoint",
            Shape::BoolOrMapping(&CHECKPOINT),
            "Records each run, so that a run that was interrupted or failed can be resumed.",
        ),
    ],
    more: &[],
    one_of: &[],
    says: doubt::SETTING,
};

/// `settings.checkpoint`.
pub(crate) static CHECKPOINT: Table = Table {
    what: "`settings.checkpoint`",
    example: "{ keep: 10 }",
    entries: &[
        entry(
            "sync",
            Shape::Duration { zero: true },
            "The most time until a record survives a loss of power; `100ms` if not given.",
        ),
        entry("keep", Shape::Count(1), "How many runs that ended are kept; 5 if not given."),
        entry("max_size", Shape::Size, "The most that all records together may take; `20GiB` if not given."),
        entry(
            "code",
            Shape::Word(CODE_SCOPES),
            "What makes a node run again if it has changed: the source code that the node can reach (`source`, if not given), \
             all of the package (`crate`), or anything in the program (`build`).",
        ),
    ],
    more: &[],
    one_of: &[],
    says: doubt::SETTING,
};

/// `settings.parallel`.
pub(crate) static PARALLEL: Table = Table {
    what: "`settings.parallel`",
    example: "{ strategy: process }",
    entries: &[entry(
        "strategy",
        Shape::Word(STRATEGIES),
        "Where branches run: on threads, in worker processes, or on the hosts of a pool.",
    )],
    more: settings::ENTRIES,
    one_of: &[],
    says: doubt::SETTING,
};

/// One entry of `nodes`.
pub(crate) static NODE: Table = Table {
    what: "a node",
    example: "- name: load",
    entries: &[
        required("name", Shape::Name, "The node's name."),
        entry("type", Shape::Word(NODE_TYPES), "`dynamic_parallel` runs the node once for each item."),
        entry("run", Shape::Rust(Piece::Body), "A Rust expression, or statements below a `|`."),
        entry(
            "ask",
            Shape::Text,
            "In place of `run`: a question to a person, in which `{key}` shows a key; `output` gets the answer.",
        ),
        entry("use", Shape::Text, "In place of `run`: the file of a workflow that it calls, relative to this file."),
        entry("workflow", Shape::Mapping(&INLINE), "In place of `run`: a workflow, written here."),
        entry(
            "with",
            Shape::Passes,
            "The inputs of the called workflow: each with a Rust expression, or a list of names that are the same here and there.",
        ),
        entry(
            "output",
            Shape::Outputs,
            "The key that gets the value; a list takes a tuple apart. Of a called workflow: which of its keys go to which of \
             ours, or a list of names that are the same here and there.",
        ),
        entry("goto", Shape::ReferenceOrMappings(&ARM), "Where to continue: a node, or a list of conditions."),
        entry("needs", Shape::References, "Starts when these are done; makes the file a dataflow file."),
        entry(
            "max_visits",
            Shape::Count(1),
            "How often it may run in a loop before that is an error; 10,000 if not given.",
        ),
        entry("resume", Shape::Word(RESUME), "`rerun`: it runs again in every resume, also if it was done."),
        entry(
            "cache",
            Shape::Bool,
            "Its results are kept for all later runs: a run that reads the same takes them from there.",
        ),
        entry(
            "version",
            Shape::Text,
            "What counts as the node's code in place of its Rust and all that this can reach: change it when results change.",
        ),
        entry(
            "sources",
            Shape::Texts,
            "Files that the node reads while it runs: their content counts as its code, too.",
        ),
        entry("env", Shape::Texts, "Environment variables that the node reads: their values count as its code, too."),
        entry(
            "items",
            Shape::Items,
            "What `dynamic_parallel` runs over: a key or any `IntoIterator`; or a mapping from variables to such, of which each combination is run.",
        ),
        entry("item_var", Shape::Name, "The item's name in `run`; `item` if not given."),
        entry("index_var", Shape::Name, "The name of the item's index in `run`."),
        entry("failures", Shape::Reference, "The key that gets what failed, with `allow_failure`."),
        STRATEGY,
    ],
    more: settings::ENTRIES,
    one_of: WORKS,
    says: doubt::NODE,
};

/// One arm of a `goto` list.
pub(crate) static ARM: Table = Table {
    what: "an arm of `goto`",
    example: "{ to: __end__ }",
    entries: &[
        entry("if", Shape::Rust(Piece::Expression), "A Rust condition; the last arm has none."),
        required("to", Shape::Reference, "Where to continue."),
    ],
    more: &[],
    one_of: &[],
    says: doubt::EDGE,
};

/// One entry of `edges`.
pub(crate) static EDGE: Table = Table {
    what: "an edge",
    example: "- from: load",
    entries: &[
        required("from", Shape::Reference, "Where it starts: a node or `__start__`."),
        required(
            "to",
            Shape::Branches,
            "Where it leads: a node or `__end__`, or a list of branches, each a node or a list of nodes.",
        ),
        entry("when", Shape::Rust(Piece::Expression), "A Rust condition: the edge is taken if it holds."),
        entry("parallel", Shape::Bool, "What it leads to are branches, which run at the same time."),
        entry("fan_in", Shape::Reference, "The node where the branches meet."),
        entry(
            "join",
            Shape::WordOrCount(JOIN),
            "How many branches have to succeed: the others are cancelled then, and the result may depend on timing. `first` is 1.",
        ),
        entry("failures", Shape::Reference, "The key that gets what failed, with `allow_failure` or `join`."),
        STRATEGY,
    ],
    more: settings::ENTRIES,
    one_of: &[],
    says: doubt::EDGE,
};

const STRATEGY: Entry = entry(
    "parallel_strategy",
    Shape::Word(STRATEGIES),
    "Where branches run: on threads, in worker processes, or on the hosts of a pool.",
);

/// `retry`.
pub(crate) static RETRY: Table = Table {
    what: "`retry`",
    example: "{ max_retries: 3 }",
    entries: &[
        entry("max_retries", Shape::Count(0), "How often a failed attempt is tried again; 0 if not given."),
        entry("base_delay", Shape::Duration { zero: true }, "The wait before the first retry; `1s` if not given."),
        entry("max_delay", Shape::Duration { zero: true }, "The longest wait; `60s` if not given."),
        entry("backoff_multiplier", Shape::Factor, "Growth of the wait from one retry to the next; 2 if not given."),
        entry("jitter", Shape::Bool, "Whether waits are varied at random; `true` if not given."),
        entry(
            "retry_on",
            Shape::Words(RETRY_ON),
            "The kinds of failure that are tried again; all but `lost` if not given.",
        ),
    ],
    more: &[],
    one_of: &[],
    says: doubt::SETTING,
};

/// `circuit_breaker`.
pub(crate) static CIRCUIT_BREAKER: Table = Table {
    what: "`circuit_breaker`",
    example: "{ failure_threshold: 5 }",
    entries: &[
        entry("failure_threshold", Shape::Count(1), "Failures in a row that open the circuit; 5 if not given."),
        entry("reset_timeout", Shape::Duration { zero: false }, "How long it stays open; `30s` if not given."),
        entry("half_open_max_calls", Shape::Count(1), "Trial calls let through when half open; 1 if not given."),
    ],
    more: &[],
    one_of: &[],
    says: doubt::SETTING,
};
