//! Inputs from flags and files, and what is said of bad ones.

use std::path::{Path, PathBuf};

use super::{BadInput, choices_are_no_values, default_is_no_choice, values};
use crate::{
    program::{
        args::{self, Action},
        flags,
        sample::READ_QC,
    },
    state::{FlagSpec, KeySpec, Value},
};

fn given(args: &[&str]) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
    let flags = flags::of(&READ_QC);
    let args: Vec<_> = ["read-qc"].iter().chain(args).map(Into::into).collect();
    let Ok(Action::Run(options)) = args::parse(&READ_QC, &flags, &args) else { panic!("bad flags") };
    values(&READ_QC, &flags, &options)
}

fn bad(args: &[&str]) -> Vec<String> {
    let show = |bad: &BadInput| {
        let parts =
            [Some(&bad.message), bad.expected.as_ref(), bad.found.as_ref(), bad.why.as_ref(), bad.help.as_ref()];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("; ")
    };
    given(args).unwrap_err().iter().map(show).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn flags_give_values_and_the_rest_has_defaults() {
    let values = given(&["--reads", "a.fq", "--k=-0", "--all-reads", "--input-output", "x"]);
    // `-0` is no usize: a negative number reaches the type's own parser.
    assert_eq!(values.unwrap_err()[0].found.as_deref(), Some("`-0` in `--k`"));
    let values = given(&["--reads", "a.fq", "--k", "31", "--all-reads", "--input-output", "x"]).unwrap();
    assert_eq!(values.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(values[0].1.downcast_ref::<PathBuf>().unwrap(), Path::new("a.fq"));
    assert_eq!(values[1].1.downcast_ref(), Some(&31_usize));
    assert_eq!(values[2].1.downcast_ref(), Some(&true));
    let values = given(&["--reads", "a.fq", "--all-reads=false"]).unwrap();
    assert_eq!(values.len(), 2);
    assert_eq!(values[1].1.downcast_ref(), Some(&false));
}

/// The compiler knows few types and literals.
#[test]
fn choices_and_defaults_that_mean_nothing_are_found_before_anything_runs() {
    let with = |choices: &'static [&'static str]| {
        let mut flag = flags::of(&READ_QC).swap_remove(1);
        let plain = flag.spec;
        flag.spec = Box::leak(Box::new(KeySpec { flag: FlagSpec { choices, ..plain.flag }, ..*plain }));
        flag
    };
    let found = |bad: &BadInput| bad.found.clone().unwrap();
    let wrong: Vec<_> = choices_are_no_values(&with(&["21", "many", "-1"])).iter().map(found).collect();
    assert_eq!(wrong, ["`many`, one of its `choices`", "`-1`, one of its `choices`"]);
    assert_eq!(default_is_no_choice(&with(&["31"])).as_ref().map(found).unwrap(), "`21`, its default");
    assert_eq!(default_is_no_choice(&with(&["31", "21"])), None);
}

#[test]
fn says_which_what_was_expected_and_what_was_found() {
    assert_eq!(
        bad(&["--k", "2x"]),
        [
            "input `k` has a bad value; a whole number, not below zero: length of a k-mer; `2x` in `--k`; invalid digit found in string",
            "input `reads` is missing; a path: FASTQ file; \
             give it as `--reads <PATH>`, or as `reads` in the object of `--input`",
        ]
    );
}

#[test]
fn flags_win_over_the_file() {
    let file = file(r#"{"reads": "a.fq", "k": "wrong, but not used", "output": null}"#);
    let values = given(&["--input", file.path().to_str().unwrap(), "--k", "5"]).unwrap();
    assert_eq!(values.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(values[1].1.downcast_ref(), Some(&5_usize));
}

#[test]
fn everything_wrong_in_the_file_is_told_at_once() {
    let file = file(r#"{"raeds": "a.fq", "k": "31", "report": "", "zebra": 1}"#);
    let path = file.path().display();
    assert_eq!(
        bad(&["--input", file.path().to_str().unwrap()]),
        [
            format!(
                "input `k` has a bad value; a whole number, not below zero: length of a k-mer; `\"31\"` in {path}; \
                 invalid type: string \"31\", expected usize at line 1 column 4; write the number without quotes: `31`"
            ),
            "input `reads` is missing; a path: FASTQ file; \
             give it as `--reads <PATH>`, or as `reads` in the object of `--input`"
                .to_owned(),
            format!("`raeds` in {path} is not an input of this workflow; did you mean `reads`?"),
            format!(
                "`report` in {path} is not an input: the workflow writes it itself; \
                 its inputs are `reads`, `k`, `all_reads`, `output`"
            ),
            format!(
                "`zebra` in {path} is not an input of this workflow; its inputs are `reads`, `k`, `all_reads`, `output`"
            ),
        ]
    );
}

#[test]
fn a_file_that_is_no_object_says_where() {
    for (text, why) in [
        ("[1]", "invalid type: sequence, expected a JSON object at line 1 column 0"),
        ("{\"k\": 1, \"k\": 2}", "`k` stands there twice at line 1 column 16"),
        ("{\"k\": 1} x", "trailing characters at line 1 column 10"),
        ("", "EOF while parsing a value at line 1 column 0"),
    ] {
        let file = file(text);
        let bad = given(&["--input", file.path().to_str().unwrap()]).unwrap_err();
        assert_eq!(bad[0].why.as_deref(), Some(why), "{text}");
    }
    assert!(bad(&["--input", "/nowhere"])[0].starts_with("cannot read /nowhere; "));
}
