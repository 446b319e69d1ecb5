//! No input makes the compiler panic or hang: what is not a workflow is an error, whatever it is.

mod support;

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};
use support::{Said, compile};

fn said(text: impl Into<Vec<u8>>) -> Said {
    let said = compile("hostile.yaml", text.into());
    assert!(said.text.len() < 200_000, "{} bytes of findings", said.text.len());
    said
}

fn with_run(run: &str) -> String {
    format!("name: n\nnodes:\n  - name: only\n    run: |\n      {run}\n")
}

/// `line` for each number.
fn lines(numbers: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect()
}

const VALID: &str = r#"name: read-qc
state_schema:
  reads: { type: PathBuf, input: true, description: "FASTQ file" }
  k: &number { type: usize, input: true, default: "21" }
  chunks: Vec<Chunk>
  profile: { type: Profile, optional: true, reduce: "|a, b| Profile::merge(a, b)" }
settings:
  parallel: { strategy: thread, max_workers: 4 }
nodes:
  - name: load
    run: load_chunks(reads)?
    output: chunks
  - name: count
    type: dynamic_parallel
    items: chunks
    run: >-
      count_kmers(item,
        k)
    output: profile
    goto: [{ if: k > 3, to: count }, { to: merge }]
  - name: merge
    run: |
      let slowest = parallel_results.iter().max_by_key(|r| r.elapsed);
      println!("{profile:?} {}", slowest);
edges:
  - from: load
    to: [count]
    parallel: true
    fan_in: merge
    parallel_strategy: process
    timeout: 30s
    retry: { max_retries: 2, base_delay: 100ms }
"#;

#[test]
fn the_valid_file_is_valid() {
    assert_eq!(said(VALID).text, "");
}

#[test]
fn yaml_nested_deeply_is_an_error() {
    for depth in [60, 70, 200, 300, 50_000] {
        for text in [
            format!("name: {}", "[".repeat(depth)),
            format!("name: {}{}", "[".repeat(depth), "]".repeat(depth)),
            format!("name: {}", "{a: ".repeat(depth)),
            format!("name:\n{}", lines(0..depth.min(2_000), |at| format!("{}a:\n", " ".repeat(at + 1)))),
            format!("name: {}x", "- ".repeat(depth)),
            format!("{}x", "? ".repeat(depth)),
        ] {
            assert!(!said(text).codes.is_empty());
        }
    }
}

#[test]
fn aliases_neither_explode_nor_nest_without_end() {
    let bomb = lines(1..40, |at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]\n", at - 1));
    assert!(said(format!("a0: &a0 x\n{bomb}")).codes.contains(&"TEA0009".to_owned()));
    let chain = lines(1..5_000, |at| format!("a{at}: &a{at} [[[[*a{}]]]]\n", at - 1));
    assert!(said(format!("a0: &a0 x\n{chain}")).codes.contains(&"TEA0012".to_owned()));
    let merges = lines(1..3_000, |at| format!("a{at}: &a{at} {{ <<: *a{}, k{at}: 1 }}\n", at - 1));
    said(format!("a0: &a0 {{ k: 1 }}\n{merges}"));
    let long = "x".repeat(1 << 20);
    let texts = lines(0..100, |at| format!("k{at}: *long\n"));
    assert!(said(format!("long: &long {long}\n{texts}")).codes.contains(&"TEA0009".to_owned()));
    said("a: &a\n  b: *a\n  <<: *a\n");
}

#[test]
fn rust_nested_deeply_is_an_error_or_fine() {
    for depth in [10, 45, 100, 1_400, 10_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{", "1", "}"),
            ("-", "1", ""),
            ("!", "a", ""),
            ("&", "a", ""),
            ("*", "a", ""),
            ("1 + ", "1", ""),
            ("a = ", "1", ""),
            ("|a| ", "1", ""),
            ("return ", "1", ""),
            ("if a {} else ", "{}", ""),
            ("a.b(", "1", ")"),
            ("f(|x| ", "x", ")"),
            ("x", "", ".y()"),
            ("x", "", "?"),
            ("x", "", "[0]"),
            ("x", "", "()"),
            ("x", "", " as u8"),
            ("", "let x: u8", ";"),
            ("m!{", "1", "}"),
            ("match a { b => ", "1", "}"),
            ("a < ", "1", ""),
            ("/*", "", "*/"),
            ("unsafe {", "1", "}"),
            ("println!(\"{}\", ", "1", ")"),
            ("while let Some(x) = ", "a", " {}"),
            ("let Some(x) = a else {", "return", "};"),
            ("fn f() {", "", "}"),
            ("async move {", "1", "}"),
            ("'a: {", "1", "}"),
        ] {
            let (first, last) = if open == "x" {
                ("x".to_owned(), close.repeat(depth))
            } else {
                (open.repeat(depth), close.repeat(depth))
            };
            said(with_run(&format!("{first}{middle}{last}")));
        }
        for (open, middle, close) in [
            ("Vec<", "u8", ">"),
            ("&", "u8", ""),
            ("(", "u8", ")"),
            ("fn() -> ", "u8", ""),
            ("[", "u8", "; 1]"),
            ("*const ", "u8", ""),
        ] {
            let ty = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            said(format!("name: n\nstate_schema:\n  k: \"{ty}\"\nnodes:\n  - name: only\n    run: k\n"));
        }
    }
}

#[test]
fn long_lines_are_fine() {
    let long = "x".repeat(1 << 20);
    said(long.clone());
    said(format!("name: {long}\nnodes:\n  - name: only\n    run: work()\n"));
    said(format!("{long}: 1\nnodes:\n  - name: only\n    run: work()\n"));
    said(with_run(&long));
    said(with_run(&format!("work({long} {long})")));
    said(with_run(&format!("\"{long}\".len()")));
    said(with_run(&format!("println!(\"{{{long}}}\")")));
    said(with_run(&"a + ".repeat(1 << 16)));
    said(with_run(&"work(a, b); ".repeat(1 << 14)));
    said(with_run(&format!("vec![{}]", "1, ".repeat(1 << 16))));
    said(format!("name: n\nnodes: [{}]", "{}, ".repeat(1 << 12)));
    said(format!("name: \"{}\"", "\\x41".repeat(1 << 18)));
    said(format!("name: '{}", "''".repeat(1 << 19)));
    said(format!("name: n{}", "\n".repeat(1 << 20)));
    said(" ".repeat(1 << 20));
    said(format!("# {long}"));
}

#[test]
fn bytes_that_are_no_text_are_one_error() {
    for bytes in [&b"name: \xff"[..], b"\xff\xfen\0", b"\xfe\xff\0n", b"\xc3", b"name: n\nnodes: [\xf0\x9f]"] {
        assert_eq!(said(bytes).codes, ["TEA0001"]);
    }
    said(b"\0".to_vec());
    said("name: \u{0}\u{1b}[31m\u{202e}".as_bytes());
}

#[test]
fn many_errors_are_found_and_shown_in_time() {
    let nodes = lines(0..3_000, |at| format!("  - colour{at}: x\n    run: work((\n    timeout: 3\n"));
    let said = said(format!("name: n\nnodes:\n{nodes}"));
    assert_eq!(said.codes.len(), 3 * 3_000);
}

/// Checks that what the macro gives for a file is Rust.
fn expand(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    let rust = tea_build::expand(&format!("{name:?}"), &tea_build::Caller::at(path));
    assert!(syn::parse_file(&rust).is_ok(), "{text}\n{rust}");
}

#[test]
fn types_nested_deeply_do_not_reach_the_stack_of_later_stages() {
    for depth in [20, 40, 60, 1_000, 5_000] {
        for (open, close) in [("Vec<", ">"), ("(", ",)"), ("[", "; 1]"), ("fn() -> ", ""), ("&'static ", "")] {
            let ty = format!("{}u8{}", open.repeat(depth), close.repeat(depth));
            let key = format!("{{ type: \"{ty}\", input: true }}");
            expand(
                "deep.yaml",
                &format!("name: n\nstate_schema:\n  k: {key}\nnodes:\n  - name: a\n    run: work(k)\n"),
            );
        }
    }
}

/// Pieces that YAML and Rust are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "name",
            "nodes",
            "edges",
            "run",
            "output",
            "state_schema",
            "settings",
            "parallel",
            "strategy",
            "thread",
            "type",
            "dynamic_parallel",
            "items",
            "to",
            "from",
            "goto",
            "if",
            "retry",
            "timeout",
            "30s",
            "needs",
            "when",
            "true",
            "~",
        ])
        .prop_map(str::to_owned),
        select(vec![
            ": ",
            ":\n",
            "\n",
            "\n  ",
            "\n    ",
            "\n  - ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "|\n      ",
            ">-\n      ",
            "\"",
            "'",
            "&a ",
            "*a",
            "<<: ",
            "!t ",
            "# c\n",
            "---\n",
            "...\n",
            "? ",
            "\t",
            "\r\n",
            "\u{feff}",
            "%YAML 1.2\n",
            "\\",
            "é",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        select(vec![
            "f(x)",
            "let a = 1;",
            "|x| x",
            "println!(\"{x}\")",
            "\"{",
            "r#\"",
            "'a",
            "b'",
            "//",
            "/*",
            "::",
            "<",
            ">",
            "match",
            "else",
            "for",
            "fn f() {",
            ";",
            "?",
            "=>",
            "if let",
            "r#type",
            "0x",
            "1e",
            "$",
            "vec![",
            "matches!(a, b if c)",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        said(bytes);
    }

    #[test]
    fn any_text(text in "\\PC{0,100}") {
        said(text);
    }

    #[test]
    fn text_of_known_pieces(pieces in vec(piece(), 0..60)) {
        said(pieces.concat());
    }

    #[test]
    fn rust_of_known_pieces(pieces in vec(piece(), 0..20)) {
        said(with_run(&pieces.concat()));
        said(format!("name: n\nnodes:\n  - name: only\n    run: {}\n", pieces.concat()));
    }

    /// Here much still compiles: what is generated has to be Rust then, and otherwise what replaces it.
    #[test]
    fn valid_files_with_changes(changes in vec((0..VALID.len(), 0..6_usize, piece()), 1..5)) {
        let mut text = VALID.to_owned();
        for (at, cut, piece) in changes {
            let start = text.floor_char_boundary(at.min(text.len()));
            let end = text.floor_char_boundary((start + cut).min(text.len())).max(start);
            text.replace_range(start..end, &piece);
        }
        expand("changed.yaml", &text);
    }

    #[test]
    fn valid_files_with_changed_bytes(at in 0..VALID.len(), byte in any::<u8>()) {
        let mut bytes = VALID.as_bytes().to_vec();
        bytes[at] = byte;
        said(bytes);
    }
}
