//! Pages, clients and errors in an access log: a fan-out on threads, compiled by a build script.
//!
//! This takes nothing more than `build.rs`. A type error is then reported at `…/flow.yaml.rs:17:22`, say, and 17:22 is
//! its position in `flow.yaml`. Without a build script, the error names the node and its line, but no column.
#![forbid(unsafe_code)]

mod request;

use std::{collections::HashMap, fs, path::PathBuf};

use request::Request;
use serde::Serialize;

tea_runtime::include_workflow!("flow.yaml");

/// How often a page was requested, or a client made requests.
#[derive(Debug, Serialize, PartialEq)]
struct Ranked {
    name: String,
    requests: usize,
}

/// The most frequent of `names`, with equally frequent ones in alphabetical order.
fn rank<'a>(names: impl Iterator<Item = &'a String>, top: usize) -> Vec<Ranked> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut ranked: Vec<_> =
        counts.into_iter().map(|(name, requests)| Ranked { name: name.to_owned(), requests }).collect();
    ranked.sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.name.cmp(&other.name)));
    ranked.truncate(top);
    ranked
}

fn list(title: &str, ranked: &[Ranked]) -> String {
    let lines = ranked.iter().map(|Ranked { name, requests }| format!("{requests:8} {name}\n"));
    std::iter::once(format!("{title}:\n")).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_log() {
        let mut input = weblog::Input::new(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/access.log")));
        input.top = 2;
        let output = weblog::run(input).unwrap();
        let ranked = |name: &str, requests| Ranked { name: name.to_owned(), requests };
        assert_eq!(output.pages, [ranked("/", 4), ranked("/search?q=tea", 3)]);
        assert_eq!(output.clients, [ranked("192.0.2.7", 5), ranked("2001:db8::1", 3)]);
        assert_eq!(output.failed, 2);
        assert!(output.report.starts_with("10 requests, 2 of them failed\npages:\n       4 /\n"), "{}", output.report);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let log = std::env::temp_dir().join(format!("weblog-{}.log", std::process::id()));
        fs::write(&log, "192.0.2.7 - - [27/Nov/2026:08:00:00 +0000] \"GET / HTTP/1.1\" ok 5\n").unwrap();
        let error = weblog::run(weblog::Input::new(log.clone())).unwrap_err();
        fs::remove_file(log).unwrap();
        assert!(error.to_string().contains("no status in `192.0.2.7"), "{error}");
    }
}
