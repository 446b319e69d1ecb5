//! Which names Rust inside YAML uses, and where they are in the file.

use tea_build::{
    diagnostic::Diagnostics,
    source::Sources,
    syntax::{self, Action, Rust, Work},
};

/// The `run` of the only node of a file, and the file.
fn run_of(yaml: String) -> (Sources, Rust) {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let file = sources.add("names.yaml", yaml);
    let workflow = syntax::parse(&sources, file, &mut diagnostics).expect("a workflow");
    let findings = diagnostics.into_sorted();
    assert!(findings.is_empty(), "{}", tea_build::render::render(&sources, &findings, false));
    match workflow.nodes.into_iter().next().expect("a node").work {
        Work::Run(Action::Rust(rust)) => (sources, rust),
        Work::Run(Action::Call(_) | Action::Ask(_)) | Work::Map(_) => {
            unreachable!("neither a map nor a call was written")
        }
    }
}

/// Checks that each name's place holds it, and gives the names.
fn names_of(yaml: String) -> Vec<String> {
    let (sources, rust) = run_of(yaml);
    let text = |span: tea_build::source::Span| &sources.get(span.file).text[span.start as usize..span.end as usize];
    for name in &rust.names {
        let written = text(name.span);
        assert_eq!(written.strip_prefix("r#").unwrap_or(written), name.value, "{:?}", rust.text);
    }
    rust.names.into_iter().map(|name| name.value).collect()
}

fn literal(rust: &str) -> Vec<String> {
    let indented = rust.replace('\n', "\n      ");
    names_of(format!("name: n\nnodes:\n  - name: only\n    run: |\n      {indented}\n"))
}

#[track_caller]
fn check(rust: &str, expected: &[&str]) {
    assert_eq!(literal(rust), expected, "{rust}");
}

#[test]
fn variables_are_read() {
    check("count(chunks, k)", &["chunks", "k"]);
    check("a + b[c] * -d", &["a", "b", "c", "d"]);
    check("a.b.c(d).e?", &["a", "d"]);
    check("a..b", &["a", "b"]);
    check("&a as *const u8", &["a"]);
    check("r#loop_ + r#k", &["loop_", "k"]);
    check("(a, [b, c], d)", &["a", "b", "c", "d"]);
    check("(f)(x)", &["f", "x"]);
    check("return Ok(a)", &["a"]);
    check("a[b] = c", &["a", "b", "c"]);
}

#[test]
fn what_is_assigned_stands_apart() {
    let (_, rust) =
        run_of("name: n\nnodes:\n  - { name: only, run: 'let mut d = 1; d = a; b = d; c += a' }\n".to_owned());
    let names =
        |names: Vec<tea_build::source::Spanned<String>>| names.into_iter().map(|name| name.value).collect::<Vec<_>>();
    assert_eq!(names(rust.names), ["a", "a"]);
    assert_eq!(names(rust.assigned), ["b", "c"]);
}

#[test]
fn fields_methods_paths_functions_and_types_are_not() {
    check("x.chunks", &["x"]);
    check("x.chunks()", &["x"]);
    check("x.0.chunks", &["x"]);
    check("chunks::load()", &[]);
    check("chunks::<u8>()", &[]);
    check("self::chunks", &[]);
    check("chunks(1)", &[]);
    check("chunks!()", &[]);
    check("Vec::<chunks>::new()", &[]);
    check("1 as chunks", &[]);
    check("<chunks as Trait>::CONST", &[]);
    check("x.collect::<chunks>()", &["x"]);
    check("'chunks: loop { break 'chunks; }", &[]);
    check("[0; chunks]", &[]);
    check("S { chunks: 1 }", &[]);
    check("\"{chunks}\".len()", &[]);
    check("f(\"{chunks}\")", &[]);
}

#[test]
fn shorthand_fields_are() {
    check("S { chunks, k: 1, ..rest }", &["chunks", "rest"]);
}

#[test]
fn bound_names_are_not_and_scopes_end() {
    check("let k = 1; k", &[]);
    check("let k = k; k", &["k"]);
    check("{ let k = 1; k }; k", &["k"]);
    check("|k| k + a", &["a"]);
    check("xs.iter().map(|chunks| chunks.len()); chunks", &["xs", "chunks"]);
    check("match x { Some(k) if k > a => k, None => b, _ => 0 }", &["x", "a", "b"]);
    check("match x { S { k, inner: Some(v) } => k + v, T(k @ 1..=3) | U(k) => k, [a, .., b] => a + b }", &["x"]);
    check("for k in ks { k; } k", &["ks", "k"]);
    check("if let Some(k) = k { k } else { k }", &["k", "k"]);
    check("if a && let Some(k) = x && k > b { k } else { 0 }", &["a", "x", "b"]);
    check("while let Some(k) = xs.next() { k; }", &["xs"]);
    check("let Some(k) = x else { return f(k); }; k", &["x", "k"]);
    check("let (a, ref b, mut c) = x; a + b + c", &["x"]);
    check("fn k() -> u8 { chunks } k", &[]);
    check("k; fn k() -> u8 { 1 }", &[]);
    check("use a::b::{k, l as m}; k + m + l", &["l"]);
    check("const k: u8 = 1; static s: u8 = chunks; k", &[]);
    check("let f = async move { k }; f", &["k"]);
    check("let f = |(a, b): (u8, u8), c| { let d = a; a + b + c + d + e }; d", &["e", "d"]);
}

#[test]
fn macros_and_format_strings_are_looked_into() {
    check("println!(\"{chunks}\")", &["chunks"]);
    check(
        "println!(\"{chunks:?} {k:>width$.prec$} {0} {} {{no}} {:1$}\", a, b)",
        &["chunks", "k", "width", "prec", "a", "b"],
    );
    check("println!(\"{x} {k}\", x = chunks)", &["k", "chunks"]);
    check("println!(r#\"{chunks} \\ {k}\"#)", &["chunks", "k"]);
    check("println!(\"\\u{1F600} \\\"{chunks}\\\" é{k}\")", &["chunks", "k"]);
    check("let k = 1; println!(\"{k} {chunks}\")", &["chunks"]);
    check("assert_eq!(a, b, \"{c}\")", &["a", "b", "c"]);
    check("vec![a; n]", &["a", "n"]);
    check("vec![a, b.c, \"{d}\"]", &["a", "b"]);
    check("matches!(x, Some(k) if k > a)", &["x", "a"]);
    check("stringify!(chunks)", &[]);
    check("json!({ \"chunks\": chunks, \"n\": a.b, \"f\": g(h) })", &["chunks", "a", "h"]);
    check("info!(target: \"t\", x = k, \"{chunks}\")", &["k", "chunks"]);
    check("select! { v = next => a::b(v!(0..c)), }", &["next", "c"]);
    check("outer!(format!(\"{chunks}\"), S { k })", &["chunks", "k"]);
    check("print!(b\"{chunks}\")", &[]);
}

#[test]
fn values_in_macros_of_unknown_grammar_are_read() {
    check("info!(count = count.len(), %path, \"done\")", &["count", "path"]);
    check("info!(count = count.len(), path = %path, \"{k}\")", &["count", "path", "k"]);
    check("info!(target: \"t\", name: \"n\", \"{k}\")", &["k"]);
    check("json!({ name: 1, other: value })", &["name", "other", "value"]);
    check("thread_local! { static chunks: u8 = k; }", &["k"]);
    check("macro_rules! plus { ($n:expr) => { $n + count } } plus!(a)", &["count", "a"]);
}

#[test]
fn only_the_format_string_of_a_macro_that_formats_is_one() {
    for text in [
        "format!(\"{}\", \"{total}\")",
        "format!(\"{{total}}\")",
        "println!(\"{}\", \"{total}\")",
        "sh!(\"{total}\")",
        "concat!(\"{total}\").len()",
        "format!(concat!(\"{total}\"))",
        "dbg!(\"{total}\")",
        "vec![\"{total}\"]",
        "thread_local! { static X: &str = \"{total}\"; }",
        "[(\"{total}\", 1)]",
    ] {
        check(text, &[]);
    }
    check("assert_eq!(a, \"{total}\")", &["a"]);
    check("assert_eq!(a, \"{total}\", \"{k}\")", &["a", "k"]);
    check("write!(s, \"{}\", \"{total}\")", &["s"]);
    check("write!(s, \"{k}\")", &["s", "k"]);
    check("assert!(a, \"{}\", \"{total}\")", &["a"]);
    check("format!(\"{:>width$}\", \"{total}\")", &["width"]);
    check("format_compact!(\"{k}\")", &["k"]);
    check("warn!(count = 3, \"{k} {}\", \"{total}\")", &["k"]);
}

#[test]
fn places_hold_in_every_style() {
    let file = |run: &str| names_of(format!("name: n\nnodes:\n  - name: only\n    run: {run}\n    max_visits: 3\n"));
    assert_eq!(file("f(alpha, beta)?"), ["alpha", "beta"]);
    assert_eq!(file("f(alpha,\n      beta,\n\n      gamma)"), ["alpha", "beta", "gamma"]);
    assert_eq!(file("'f(alpha, ''x'', beta)'"), ["alpha", "beta"]);
    assert_eq!(file("'f(\"''x''\",\n\n      beta)'"), ["beta"]);
    assert_eq!(file(r#""f(alpha, \"\u00e9\n\", '\x41', beta)""#), ["alpha", "beta"]);
    assert_eq!(
        file("\"f(alpha,\\\n      beta,\\t\\\n      gamma, 'é', \\\"ü\\\",\n      delta)\""),
        ["alpha", "beta", "gamma", "delta"]
    );
    assert_eq!(file("|\n\n      let x = 1;\n        f(alpha, x);\n\n      g(\"é\", beta)"), ["alpha", "beta"]);
    assert_eq!(file("|2\n        f(alpha,\n      beta)"), ["alpha", "beta"]);
    assert_eq!(
        file(">-\n      f(alpha,\n        beta,\n      gamma,\n\n      delta)"),
        ["alpha", "beta", "gamma", "delta"]
    );
    assert_eq!(file("| # comment\r\n      f(alpha,\r\n        \"é\", beta)\r"), ["alpha", "beta"]);
}
