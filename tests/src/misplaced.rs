//! A workflow with errors in its Rust, for tests of where they are reported.

/// Errors in every kind of place. Each is marked by the line and column where its Rust begins.
pub const WORKFLOW: &str = r#"name: places
state_schema:
  words:   { type: "Vec<String>", input: true }
  count:   { type: usize, input: true, default: "missing_default()" }
  total:   { type: usize, reduce: "usize::merge" }
  lengths: Vec<usize>
  more:    Vec<usize>
  odd:     Vec<Missing>
  text:    String
nodes:
  - name: literal
    run: |
      let first = words.first();
      let last = words.last();
      // A comment, and a literal over two lines.
      let text = "one
        two";
      let longest = words.iter().max_by_kee(|word| word.len());
      format!("{text} {first:?} {last:?} {longest:?}")
    output: text
  - { name: flow, run: "count.pow_er(2)", output: total, goto: [{ if: "total.is_bad()", to: folded }, { to: items }] }
  - name: folded
    run: >
      words.iter().map(
      |word| word.lenght()
      ).sum::<usize>()
    output: total
  - name: items
    type: dynamic_parallel
    run: "'ä'.len_utf8() \u002b item.lenn()"
    items: words.clone()
    output: lengths
  - name: more
    type: dynamic_parallel
    run: item.len()
    items: words.iter().cloneed().collect::<Vec<String>>()
    output: more
  - { name: close, type: dynamic_parallel, items: "words.into_itr()", run: item.lennn(), output: more }
  - name: odd
    run: Vec::new()
    output: odd
"#;
