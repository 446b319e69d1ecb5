//! Workflows in files of their own, which a node and the items of a map call, and one of which calls the other.

use super::path;

/// The functions that give inputs (of the node, the map's items and the inner call), and those of the nodes.
pub(super) type Files = [usize; 8];

/// The keys of the caller.
pub(super) const KEYS: &str = "  alone: { type: i64 }\n  every: { type: Vec<i64> }\n";

/// The nodes that call, and the files.
pub(super) fn texts(files: &Files) -> (String, [(&'static str, String); 2]) {
    let [given, item, head, more, deep, least, tail, passed] = files.map(path);
    let calling = format!(
        "  - {{ name: alone, use: inner.yaml, with: {{ m: {given}(n) }}, output: {{ c: alone }} }}\n  \
         - name: each\n    type: dynamic_parallel\n    items: vec![n, {item}(n)]\n    use: inner.yaml\n    \
         with: {{ m: {passed}(*item % 100) }}\n    output: {{ c: every }}\n"
    );
    let inner = format!(
        "name: inner\nstate_schema:\n  m: {{ type: i64, input: true }}\n  a: i64\n  b: i64\n  c: i64\nnodes:\n  \
         - {{ name: head, run: {head}(m % 100), output: a }}\n  \
         - {{ name: more, use: deep.yaml, with: {{ k: {more}(a % 100) }}, output: {{ z: b }} }}\n  \
         - {{ name: tail, run: {tail}(b % 100), output: c }}\n"
    );
    let deep = format!(
        "name: deep\nstate_schema:\n  k: {{ type: i64, input: true }}\n  \
         least: {{ type: i64, input: true, default: {least}(3) }}\n  z: i64\nnodes:\n  \
         - {{ name: deep, run: {deep}(k.wrapping_add(least) % 100), output: z }}\n"
    );
    (calling, [("src/inner.yaml", inner), ("src/deep.yaml", deep)])
}

/// What gives something, and what it gives for a few inputs.
pub(super) fn outputs(files: &Files, mut of: impl FnMut(usize, i64) -> i64) -> Vec<(String, Vec<i64>)> {
    let [given, item, head, more, deep, least, tail, passed] = *files;
    let mut outputs = Vec::new();
    let each =
        [("alone.m", given), ("each.m", passed), ("head", head), ("more.k", more), ("deep", deep), ("tail", tail)];
    for (name, function) in each {
        outputs.push((name.to_owned(), (-3..12).map(|n| of(function, n)).collect()));
    }
    outputs.push(("more.least".to_owned(), vec![of(least, 3)]));
    let within = |of: &mut dyn FnMut(usize, i64) -> i64, a: i64| {
        let k = of(more, a % 100);
        let extra = of(least, 3);
        of(deep, k.wrapping_add(extra) % 100)
    };
    outputs.push(("more".to_owned(), (-3..12).map(|a| within(&mut of, a)).collect()));
    let inner = |of: &mut dyn FnMut(usize, i64) -> i64, m: i64| {
        let a = of(head, m % 100);
        let b = within(of, a);
        of(tail, b % 100)
    };
    let alone = |n| {
        let m = of(given, n);
        inner(&mut of, m)
    };
    outputs.push(("alone".to_owned(), (-3..12).map(alone).collect()));
    let mut every = Vec::new();
    for n in -3..12 {
        for item in [n, of(item, n)] {
            let m = of(passed, item % 100);
            every.push(inner(&mut of, m));
        }
    }
    outputs.push(("each".to_owned(), every));
    outputs
}
