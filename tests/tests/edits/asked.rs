//! Edits of questions: a person is asked again when the question is another one, and only then.

use super::{Edited, units};

const FLOW: &str = r#"name: asked
settings: { checkpoint: true }
state_schema:
  pages: { type: u32, input: true, default: "3" }
  drafted: u32
  approved: bool
nodes:
  - { name: draft, run: draft(pages), output: drafted }
  - { name: approve, ask: "Publish {drafted} pages?", output: approved }
  - { name: last, run: last(approved)? }
"#;

const MAIN: &str = r#"
tea_runtime::include_workflow!("flow.yaml");

fn draft(pages: u32) -> u32 {
    eprintln!("draft runs");
    pages
}

fn last(approved: bool) -> Result<(), String> {
    eprintln!("last runs");
    if approved { Err("not yet".to_owned()) } else { Ok(()) }
}
"#;

#[test]
fn a_question_that_is_edited_is_asked_as_it_is_now() {
    let mut edited = Edited::new("user-asked", &[("main.rs", MAIN), ("flow.yaml", FLOW)], &[]);
    edited.build();
    let asks = |edited: &Edited, question: &str| {
        let finished = edited.run("--resume");
        assert!(finished.failure(75).contains(question), "{}", finished.stderr);
        assert!(!finished.stderr.contains(" runs\n"), "{}", finished.stderr);
    };
    assert!(edited.run("").failure(75).contains("Publish 3 pages?"));
    edited.edit("flow.yaml", "Publish {drafted}", "Print {drafted}");
    asks(&edited, "Print 3 pages?");
    assert_eq!(units(&edited.run("--resume --answer approve=yes")), ["last"]);
    assert_eq!(edited.resumed(), ["last"], "the answer is kept");
    edited.edit("main.rs", "    pages\n", "    pages + 0\n");
    assert_eq!(edited.resumed(), ["draft", "last"], "it shows the same");
    edited.edit("flow.yaml", "Print {drafted}", "Send {drafted}");
    asks(&edited, "Send 3 pages?");
    assert_eq!(units(&edited.run("--resume --answer approve=yes")), ["last"]);
    edited.edit("main.rs", "pages + 0", "pages + 1");
    let changed = edited.run("--resume");
    assert!(changed.failure(75).contains("Send 4 pages?"), "{}", changed.stderr);
}
