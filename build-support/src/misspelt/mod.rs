//! Misspelt keys and functions in the Rust of a workflow whose errors rustc would report at the macro call, with a help that
//! rewrites it. What is certain without rustc is reported here, at its place in the workflow file.

mod functions;

use std::{cell::LazyCell, collections::HashSet};

use self::functions::Scope;
use crate::{
    codes,
    diagnostic::Diagnostic,
    graph::resolve,
    plan::{Arm, Block, Code, Map, Next, Plan, Work},
    suggest,
    syntax::Rust,
};

/// Functions of the prelude, which are in scope in every file.
const PRELUDE: [&str; 5] = ["align_of", "align_of_val", "drop", "size_of", "size_of_val"];

/// The names that can only be misspelt: they are near to a key or function, and nothing in the calling file has that name.
/// Keys that the others may be meant for are forgotten: rustc would offer to write them in place of the macro call. Without
/// the `caller`'s text, nothing is certain.
#[must_use]
pub fn find(plan: &mut Plan, caller: Option<&str>) -> Vec<Diagnostic> {
    let names = Names {
        words: caller.unwrap_or_default().split(|char| !is_word(char)).collect(),
        scope: LazyCell::new(|| Scope::of(caller.unwrap_or_default())),
    };
    let mut found = find_in(plan, &names);
    for called in plan.called.iter_mut().rev() {
        for finding in find_in(called, &names) {
            // A file that is called with other settings is another workflow.
            if found.iter().all(|known| known.span != finding.span) {
                found.push(finding);
            }
        }
    }
    found
}

/// The names of the calling file.
struct Names<'c, F> {
    words: HashSet<&'c str>,
    scope: LazyCell<Scope, F>,
}

/// Those of one workflow, without those that it calls.
fn find_in<F: FnOnce() -> Scope>(plan: &mut Plan, Names { words, scope }: &Names<'_, F>) -> Vec<Diagnostic> {
    let keys: Vec<String> = plan.keys.iter().map(|key| key.name.value.clone()).collect();
    let mut found = Vec::new();
    let blocks = std::iter::once(&mut plan.root).chain(&mut plan.finally);
    let mut see = |code: &mut Code, hidden: &[&str]| {
        let near_a_key = !std::mem::take(&mut code.near).is_empty();
        let is_unknown = |word: &str| {
            let is_known = words.contains(word) || PRELUDE.contains(&word) || hidden.contains(&word);
            !is_known && word.starts_with(|char: char| char == '_' || char.is_lowercase())
        };
        let calls_unknown = calls_some(&code.rust.text, is_unknown);
        if !(near_a_key || calls_unknown) || may_define_names(&code.rust) || scope.is_open {
            return;
        }
        if calls_unknown {
            for (word, place) in functions::called(&code.rust.text).into_iter().filter(|(word, _)| is_unknown(word)) {
                if let Some(function) = suggest::nearest(&word, scope.names.iter().map(String::as_str)) {
                    let message = format!("there is no function `{word}`, and nothing else has this name");
                    let place = code.rust.locate(place.start, place.end);
                    let error = Diagnostic::error(codes::UNKNOWN_FUNCTION, place, message);
                    let error = error.label("not in the file that calls the macro");
                    found.push(error.help(format!("did you mean `{function}`?")));
                }
            }
        }
        let mut seen = HashSet::new();
        for name in code.rust.names.iter().filter(|_| near_a_key) {
            let word = name.value.as_str();
            let is_given = resolve::is_given(word) || (code.at_end && word == resolve::OUTCOME);
            if !is_unknown(word) || is_given || !seen.insert(word) {
                continue;
            }
            if let Some(key) = suggest::nearest(word, keys.iter().map(String::as_str)).filter(|key| *key != word) {
                let message = format!("there is no state key `{word}`, and nothing else has this name");
                let error = Diagnostic::error(codes::UNKNOWN_KEY, name.span, message).label("not in `state_schema`");
                found.push(error.help(format!("did you mean `{key}`?")));
            }
        }
    };
    blocks.for_each(|block| each_code(block, &mut see));
    found
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

/// Whether a word that `is_unknown` is called by its name alone.
fn calls_some(text: &str, is_unknown: impl Fn(&str) -> bool) -> bool {
    text.match_indices('(').any(|(at, _)| {
        let before = text[..at].trim_end();
        let path = before.trim_end_matches(is_word);
        let word = &before[path.len()..];
        !word.is_empty() && !path.trim_end().ends_with(['.', ':']) && is_unknown(word)
    })
}

/// Whether it calls a macro whose arguments may not be what they look like.
fn may_define_names(rust: &Rust) -> bool {
    const KNOWN: [&str; 18] = [
        "assert",
        "assert_eq",
        "assert_ne",
        "bail",
        "dbg",
        "debug_assert",
        "eprint",
        "eprintln",
        "format",
        "matches",
        "panic",
        "print",
        "println",
        "todo",
        "unreachable",
        "vec",
        "write",
        "writeln",
    ];
    rust.text.match_indices('!').any(|(at, _)| {
        let name = rust.text[..at].rsplit(|char| !is_word(char)).next().unwrap_or_default();
        !name.is_empty() && !rust.text[at..].starts_with("!=") && !KNOWN.contains(&name)
    })
}

/// Every piece of Rust that reads the state, with the names that mean something else in it.
fn each_code(block: &mut Block, see: &mut impl FnMut(&mut Code, &[&str])) {
    next(&mut block.entry, see);
    for step in &mut block.steps {
        match &mut step.work {
            Work::Run(run) => run.action.code_mut().for_each(|code| see(code, &[])),
            Work::Map(map) => {
                map.variables.iter_mut().for_each(|variable| see(&mut variable.items, &[]));
                let Map { variables, index_var, body, .. } = &mut **map;
                let names = variables.iter().map(|variable| variable.name.as_str());
                let hidden: Vec<_> = names.chain(index_var.as_deref()).collect();
                body.code_mut().for_each(|code| see(code, &hidden));
            }
            Work::FanOut(region) => {
                for task in &mut region.tasks {
                    task.when.iter_mut().for_each(|when| see(when, &[]));
                    task.fallback.iter_mut().for_each(|(_, value)| see(value, &[]));
                    each_code(&mut task.block, see);
                }
            }
        }
        next(&mut step.next, see);
    }
}

fn next(next: &mut Next, see: &mut impl FnMut(&mut Code, &[&str])) {
    if let Next::Choose(arms) = next {
        arms.iter_mut().filter_map(|Arm { when, .. }| when.as_mut()).for_each(|when| see(when, &[]));
    }
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::{diagnostic::Diagnostics, source::Sources};

    fn messages(run: &str, caller: &str) -> Vec<String> {
        let text = format!(
            "name: n\nstate_schema:\n  lines: {{ type: Vec<String>, input: true }}\n  count: usize\nnodes:\n  - name: one\n    \
             run: |\n      {run}\n    output: count\n"
        );
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let file = sources.add("flow.yaml", text);
        let mut plan = crate::plan(&mut sources, file, &mut found).expect("a plan");
        let caller = format!("{caller}\ninclude_workflow!(\"flow.yaml\");");
        find(&mut plan, Some(&caller))
            .into_iter()
            .map(|error| format!("{}; {}", error.message, error.helps.join(" ")))
            .collect()
    }

    #[test]
    fn what_can_only_be_a_misspelt_key_is_reported() {
        let expected = ["there is no state key `linez`, and nothing else has this name; did you mean `lines`?"];
        assert_eq!(messages("linez.len() + linez.len()", "fn other() {}"), expected);
        assert_eq!(messages("format!(\"{linez:?}\").len()", "fn other() {}"), expected);
        assert_eq!(messages("if linez != other { 1 } else { 2 }", "fn other() {}"), expected);
    }

    #[test]
    fn what_can_only_be_a_misspelt_function_is_reported() {
        let expected = ["there is no function `mesaure`, and nothing else has this name; did you mean `measure`?"];
        let caller = "fn measure() {}\nmod tests { use super::*; }";
        assert_eq!(messages("mesaure(lines)", caller), expected);
        assert_eq!(messages("lines.iter().map(|line| mesaure(line) + mesaure(line)).sum()", caller), expected);
        assert_eq!(messages("mesaure (lines)", "use counts::measure;"), expected);
    }

    #[test]
    fn names_are_looked_for_in_workflows_that_nodes_call_too() {
        let node = "  - name: inner\n    workflow:\n      state_schema: { total: usize }\n      nodes:\n        - { name: sum, run: \
                    totel + linez.len(), output: total }\n    output: { total: count }\n";
        let text = format!(
            "name: n\nstate_schema:\n  lines: {{ type: Vec<String>, input: true }}\n  count: usize\nnodes:\n{node}"
        );
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let file = sources.add("flow.yaml", text);
        let mut plan = crate::plan(&mut sources, file, &mut found).expect("a plan");
        let found = find(&mut plan, Some("include_workflow!(\"flow.yaml\");"));
        let found: Vec<_> = found.iter().map(|error| (&*error.message, error.helps.join(" "))).collect();
        let message = "there is no state key `totel`, and nothing else has this name";
        assert_eq!(found, [(message, "did you mean `total`?".to_owned())]);
    }

    #[test]
    fn what_may_be_something_else_is_left_to_rustc() {
        let calls = "fn measure() {}";
        for run in [
            "measure(lines)",
            "other::mesaure(lines)",
            "lines.mesaure()",
            "let mesaure = measure; mesaure(lines)",
            "object!(mesaure(1))",
        ] {
            assert!(messages(run, calls).is_empty(), "{run}");
        }
        assert!(messages("mesaure(lines)", &format!("use all::*;\n{calls}")).is_empty());
        assert!(messages("mesaure(lines)", &format!("macro_rules! mesaure {{ () => {{}} }}\n{calls}")).is_empty());
        for (run, caller) in [
            ("lines.len()", ""),
            ("let linez = 1; linez", ""),
            ("linez(lines)", ""),
            ("linez.len()", "static linez: &str = \"\";"),
            ("linez.len()", "use other::*;"),
            ("object!(linez: 1).len()", ""),
            ("nothing_near.len()", ""),
            ("LINEZ.len()", ""),
        ] {
            assert!(messages(run, caller).is_empty(), "{run} {caller}");
        }
    }
}
