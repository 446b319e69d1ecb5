//! One mistake, one error: every workflow file of the repository, with one thing changed at a time as a hand would slip.
//! What is left of a file after the first mistake must not be blamed for it.
//!
//! `TEA_MUTATIONS=quote cargo test -p tea-build --test mutations -- --nocapture` prints the changes of one kind that
//! give more than one error.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tea_build::diagnostic::{Diagnostic, Severity};

/// A way to change a file.
struct Kind {
    name: &'static str,
    /// How many changes of a hundred may give more than one error.
    budget: usize,
    /// Every change of this kind.
    changes: fn(&str) -> Vec<Change>,
}

/// What is replaced, and by what.
type Change = (Range<usize>, String);

const KINDS: [Kind; 9] = [
    Kind { name: "bracket", budget: 5, changes: |text| each_char(text, |char| "[]{}".contains(char)) },
    Kind { name: "parenthesis", budget: 5, changes: |text| each_char(text, |char| "()".contains(char)) },
    Kind { name: "quote", budget: 5, changes: |text| each_char(text, |char| char == '"' || char == '\'') },
    Kind { name: "space", budget: 2, changes: spaces },
    Kind { name: "line", budget: 2, changes: lines },
    Kind { name: "misspelt name", budget: 2, changes: |text| words(text, misspelt) },
    Kind { name: "other name", budget: 2, changes: |text| words(text, |_| "zzz".to_owned()) },
    Kind { name: "less indentation", budget: 2, changes: |text| indentation(text, -1) },
    Kind { name: "more indentation", budget: 2, changes: |text| indentation(text, 1) },
];

/// Each of these characters removed.
fn each_char(text: &str, is_one: impl Fn(char) -> bool) -> Vec<Change> {
    let found = text.char_indices().filter(|(at, char)| is_one(*char) && !in_comment(text, *at));
    found.map(|(at, char)| (at..at + char.len_utf8(), String::new())).collect()
}

/// Each space between words removed.
fn spaces(text: &str) -> Vec<Change> {
    let is_inner =
        |at: usize| !text[line_start(text, at)..at].trim_matches([' ', '-']).is_empty() || text[..at].ends_with('-');
    let found = text.match_indices(' ').filter(|(at, _)| is_inner(*at) && !in_comment(text, *at));
    found.map(|(at, _)| (at..at + 1, String::new())).collect()
}

/// Each line removed.
fn lines(text: &str) -> Vec<Change> {
    line_ranges(text).map(|line| (line, String::new())).collect()
}

/// Each word replaced.
fn words(text: &str, other: impl Fn(&str) -> String) -> Vec<Change> {
    let is_word = |char: char| char == '_' || char.is_alphanumeric();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_word).map(|offset| at + offset) {
        let end = text[start..].find(|char| !is_word(char)).map_or(text.len(), |offset| start + offset);
        let word = &text[start..end];
        if word.len() > 2 && word.starts_with(char::is_alphabetic) && !in_comment(text, start) {
            found.push((start..end, other(word)));
        }
        at = end;
    }
    found
}

/// Two letters in the middle in the wrong order, or one twice where they are the same.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    if letters[middle - 1] == letters[middle] {
        letters.insert(middle, letters[middle]);
    } else {
        letters.swap(middle - 1, middle);
    }
    letters.into_iter().collect()
}

/// Each line one column further to the left or right.
fn indentation(text: &str, by: i32) -> Vec<Change> {
    let lines = line_ranges(text).filter(|line| by > 0 || text[line.clone()].starts_with(' '));
    lines
        .map(|line| {
            if by > 0 { (line.start..line.start, " ".to_owned()) } else { (line.start..line.start + 1, String::new()) }
        })
        .collect()
}

/// The lines that hold more than a comment.
fn line_ranges(text: &str) -> impl Iterator<Item = Range<usize>> {
    let lines = text.split_inclusive('\n').scan(0, |at, line| {
        let range = *at..*at + line.len();
        *at = range.end;
        Some((line, range))
    });
    lines.filter(|(line, _)| !line.trim().is_empty() && !line.trim_start().starts_with('#')).map(|(_, range)| range)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn in_comment(text: &str, at: usize) -> bool {
    let line = &text[line_start(text, at)..at];
    line.trim_start().starts_with('#') || line.contains(" # ")
}

/// The workflow files of the repository that have no mistake.
fn files() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    let files = paths.into_iter().filter_map(|path| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let text = String::from_utf8(fs::read(&path).unwrap()).ok()?;
        errors(&name, &text).is_empty().then_some((name, text))
    });
    files.collect()
}

fn errors(name: &str, text: &str) -> Vec<Diagnostic> {
    let mut findings = support::compile(name, text.as_bytes().to_vec()).findings;
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

/// What came of the changes of one kind.
#[derive(Default)]
struct Tally {
    changes: usize,
    without: usize,
    several: usize,
    /// The errors that came together, each with how often.
    together: BTreeMap<String, usize>,
}

#[test]
fn one_mistake_is_one_error() {
    let files = files();
    assert!(files.len() > 80, "the workflow files are gone: {}", files.len());
    let shown = std::env::var("TEA_MUTATIONS").unwrap_or_default();
    let tallies = Mutex::new(BTreeMap::<usize, Tally>::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, text)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for (index, kind) in KINDS.iter().enumerate() {
                        let tally = mutate(name, text, kind, kind.name == shown);
                        let mut tallies = tallies.lock().unwrap();
                        let all = tallies.entry(index).or_default();
                        all.changes += tally.changes;
                        all.without += tally.without;
                        all.several += tally.several;
                        for (codes, count) in tally.together {
                            *all.together.entry(codes).or_default() += count;
                        }
                    }
                }
            });
        }
    });
    let mut table = String::new();
    let mut over = false;
    for (index, tally) in tallies.into_inner().unwrap() {
        let Kind { name, budget, .. } = KINDS[index];
        over |= tally.several * 100 > budget * tally.changes;
        let tenths = tally.several * 1_000 / tally.changes;
        let percent = format!("{}.{}", tenths / 10, tenths % 10);
        _ = writeln!(
            table,
            "{name:<17} {:>6} changes, {:>6} without an error, {:>5} with several: {percent:>4} % of at most {budget} %",
            tally.changes, tally.without, tally.several
        );
        let mut together: Vec<_> = tally.together.into_iter().collect();
        together.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (codes, count) in together.iter().take(12) {
            _ = writeln!(table, "    {count:>5} {codes}");
        }
    }
    println!("{table}");
    assert!(!over, "{table}");
}

/// Whether each error is about another word of what was removed: a line may declare several keys, or name several nodes.
fn are_several_mistakes(removed: &str, changed: &str, found: &[Diagnostic]) -> bool {
    let about: BTreeSet<_> =
        found.iter().map(|error| &changed[error.span.start as usize..error.span.end as usize]).collect();
    let is_word = |char: char| char == '_' || char.is_alphanumeric();
    about.len() == found.len() && about.iter().all(|word| removed.split(|char| !is_word(char)).any(|own| own == *word))
}

fn mutate(name: &str, text: &str, kind: &Kind, show: bool) -> Tally {
    /// Bytes to compile for one kind and file. Of the long files, which generators wrote, some changes tell all.
    const MOST: usize = 200_000;
    let mut tally = Tally::default();
    let all = (kind.changes)(text);
    let step = all.len().div_ceil(MOST / text.len() + 1).max(1);
    for (place, replacement) in all.into_iter().step_by(step) {
        let mut changed = text.to_owned();
        changed.replace_range(place.clone(), &replacement);
        let found = errors(name, &changed);
        tally.changes += 1;
        tally.without += usize::from(found.is_empty());
        if found.len() > 1 && !are_several_mistakes(&text[place.clone()], &changed, &found) {
            tally.several += 1;
            let codes: Vec<_> = found.iter().map(|error| error.code.to_string()).collect();
            let mut shown = codes.clone();
            shown.dedup();
            *tally.together.entry(shown.join(" ")).or_default() += 1;
            if show {
                let line = 1 + text[..place.start].matches('\n').count();
                let said = support::compile(name, changed.clone().into_bytes()).text;
                println!(
                    "==== {name}:{line}: `{}` to `{replacement}`: {}\n{said}",
                    text[place].trim_end(),
                    codes.join(" ")
                );
            }
        }
    }
    tally
}
