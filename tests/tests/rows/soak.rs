//! Many items, of which one in fifty crashes, hangs or panics.
//!
//! `TEA_SOAK=100000 cargo test -p tests --test rows soak -- --nocapture` runs so many and shows the figures.

use std::env;

use super::*;

#[test]
fn soak() {
    let asked: Option<u64> = env::var("TEA_SOAK").ok().map(|items| items.parse().expect("a number"));
    let items = asked.unwrap_or(2_000);
    // A millisecond an item, with room for a busy machine.
    let deadline = Duration::from_millis(60_000 + 20 * items);
    let run = finished(Program::new(ROWS).arg("soak").arg(items.to_string()).within(deadline).run());
    // Each is in one of the two lists, once.
    let done: Vec<_> = run.output["done"].as_array().unwrap().iter().map(|done| done[0].as_u64().unwrap()).collect();
    let failed = run.output["failed"].as_array().unwrap();
    let lost: Vec<_> = failed.iter().map(|failure| failure["index"].as_u64().unwrap()).collect();
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for item in 0..items {
        if item % 200 == 199 { bad.push(item) } else { good.push(item) }
    }
    assert_eq!((done, lost), (good, bad));
    for failure in failed {
        assert_eq!((&failure["attempts"], &failure["kind"]), (&3.into(), &"crash".into()), "{failure}");
    }
    let again = run.output["done"].as_array().unwrap().iter().filter(|done| done[0].as_u64().unwrap() % 50 == 49);
    assert!(again.into_iter().all(|done| done[1].as_u64().unwrap() > 1), "each of these needs a second attempt");
    // What a pool of four workers holds, and no more of it in the end than in the beginning.
    let samples = run.output["samples"].as_array().unwrap();
    for sample in samples {
        println!("{sample}");
        let [descriptors, threads, children] =
            ["descriptors", "threads", "children"].map(|name| sample[name].as_u64().unwrap());
        assert!(descriptors < 60 && threads < 20 && children <= 8, "{sample}");
    }
    let resident = |sample: &Value| sample["resident"].as_u64().unwrap();
    let (early, late) = (resident(&samples[samples.len() / 5]), resident(samples.last().unwrap()));
    let results = 2_000 * items;
    assert!(late < early + results + (16 << 20), "{early} bytes, then {late}");
}
