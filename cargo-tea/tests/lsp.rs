//! The language server: a session over standard input and output, and headless Neovim as a real client.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use support::command;

const WORKFLOW: &str = r#"name: sample
state_schema:
  text: { type: String, input: true }
  count: usize
  report: String
nodes:
  - { name: count_words, run: words(text), output: count }
  - { name: tell, run: 'format!("{count} words")', output: report }
edges:
  - { from: count_words, to: tell }
"#;

/// A client that waits for each answer.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
    uri: String,
}

impl Client {
    fn new(directory: &Path, workflow: &str) -> Self {
        let mut child = command(directory, &["lsp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let uri = format!("file://{}/src/flow.yaml", directory.display());
        let mut client = Self { child, input, output, next: 0, uri };
        let answer = client.request("initialize", &json!({ "capabilities": {} }));
        assert_eq!(answer["capabilities"]["hoverProvider"], true);
        client.notify("initialized", &json!({}));
        let document = json!({ "uri": client.uri, "languageId": "yaml", "version": 1, "text": workflow });
        client.notify("textDocument/didOpen", &json!({ "textDocument": document }));
        client
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{answer:#}");
        answer["result"].clone()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// The next findings that the server reports.
    fn findings(&mut self) -> Vec<Value> {
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics" {
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    fn change(&mut self, text: &str) {
        let params = json!({
            "textDocument": { "uri": self.uri, "version": 2 },
            "contentChanges": [{ "text": text }],
        });
        self.notify("textDocument/didChange", &params);
    }

    /// A request about the place of the first `word` in `text`, `behind` characters after its start.
    fn at(&mut self, method: &str, text: &str, word: &str, behind: usize, more: &Value) -> Value {
        let params = self.place(text, word, behind, more);
        self.request(method, &params)
    }

    fn place(&self, text: &str, word: &str, behind: usize, more: &Value) -> Value {
        let (line, character) = place(text, word);
        let mut params = more.clone();
        params["textDocument"] = json!({ "uri": self.uri });
        params["position"] = json!({ "line": line, "character": character + behind });
        params
    }

    fn end(mut self) {
        self.request("shutdown", &Value::Null);
        self.notify("exit", &Value::Null);
        assert!(self.child.wait().unwrap().success());
    }
}

/// The line and column, from 0, of the first `word`.
fn place(text: &str, word: &str) -> (usize, usize) {
    let before = &text[..text.find(word).unwrap_or_else(|| panic!("no {word}"))];
    (before.matches('\n').count(), before.rsplit('\n').next().unwrap().chars().count())
}

fn package(workflow: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("Cargo.toml"), "[package]\nname = \"sample\"\nedition = \"2024\"\n").unwrap();
    let main = "tea_runtime::include_workflow!(\"flow.yaml\");\n\nfn words(text: &str) -> usize {\n    text.len()\n}\n";
    fs::write(directory.path().join("src/main.rs"), main).unwrap();
    fs::write(directory.path().join("src/flow.yaml"), workflow).unwrap();
    directory
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The text after the edits of a workspace edit or a list of edits.
fn edited(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let line = number(&position["line"]);
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + number(&position["character"])
    };
    let mut edits: Vec<_> = edits.as_array().unwrap().iter().collect();
    edits.sort_by_key(|edit| offset(&edit["range"]["start"]));
    let mut text_after = text.to_owned();
    for edit in edits.into_iter().rev() {
        let range = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
        text_after.replace_range(range, edit["newText"].as_str().unwrap());
    }
    text_after
}

#[test]
fn findings_follow_what_is_typed_and_an_action_mends_one() {
    let package = package(WORKFLOW);
    let mut client = Client::new(package.path(), WORKFLOW);
    assert_eq!(client.findings(), [] as [Value; 0]);

    let misspelt = WORKFLOW.replace("to: tell", "to: tel");
    client.change(&misspelt);
    let findings = client.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["code"], "TEA0104");
    let range = &findings[0]["range"];
    assert_eq!((range["start"]["line"].as_u64(), range["start"]["character"].as_u64()), (Some(9), Some(29)));

    let params = json!({ "textDocument": { "uri": client.uri }, "range": range, "context": { "diagnostics": [] } });
    let actions = client.request("textDocument/codeAction", &params);
    assert_eq!(actions[0]["title"], "did you mean `tell`?");
    let uri = client.uri.clone();
    assert_eq!(edited(&misspelt, &actions[0]["edit"]["changes"][&uri]), WORKFLOW);

    // Text that is not even YAML is reported, too, and the server carries on.
    client.change("name: [\n");
    assert_eq!(client.findings()[0]["code"], "TEA0001");
    client.change(WORKFLOW);
    assert_eq!(client.findings(), [] as [Value; 0]);
    client.end();
}

#[test]
fn completion_knows_entries_words_and_names() {
    let package = package(WORKFLOW);
    let mut client = Client::new(package.path(), WORKFLOW);
    let labels = |answer: &Value| -> Vec<String> {
        answer.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    };
    for (typed, expected, not) in [
        ("edges:\n  - { from: count_words, ^", "fan_in", "run"),
        ("edges:\n  - { from: ^", "count_words", "count"),
        ("edges:\n  - { from: a, to: [^", "tell", "count"),
        ("edges:\n  - from: a\n    parallel_strategy: ^", "process", "tell"),
        ("edges:\n  - from: a\n    parallel: ^", "true", "tell"),
        ("  - name: more\n    ^", "max_visits", "fan_in"),
        ("  - name: more\n    run: ^", "report", "tell"),
        ("  - name: more\n    output: ^", "report", "tell"),
        ("settings:\n  parallel:\n    ^", "timeout", "run"),
        ("settings:\n  parallel:\n    retry: { ^", "max_retries", "run"),
    ] {
        let (nodes, _) = WORKFLOW.split_once("edges:").unwrap();
        let text = format!("{nodes}{typed}\n");
        let marked = text.clone();
        client.change(&text.replace('^', ""));
        let answer = client.at("textDocument/completion", &marked, "^", 0, &json!({}));
        let found = labels(&answer);
        assert!(found.contains(&expected.to_owned()), "{typed}: {found:?}");
        assert!(!found.contains(&not.to_owned()), "{typed}: {found:?}");
    }
    client.end();
}

#[test]
fn names_have_hovers_definitions_references_and_can_be_renamed() {
    let package = package(WORKFLOW);
    let mut client = Client::new(package.path(), WORKFLOW);
    let nothing = json!({});

    let hover = client.at("textDocument/hover", WORKFLOW, "{count}", 2, &nothing);
    let text = hover["contents"]["value"].as_str().unwrap();
    for part in ["count: usize", "written by `count_words`", "read by `tell`", "set on every path"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let hover = client.at("textDocument/hover", WORKFLOW, "tell }", 1, &nothing);
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(text.contains("reads `count`") && text.contains("writes `report`"), "{text}");
    let hover = client.at("textDocument/hover", WORKFLOW, "input", 1, &nothing);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("caller"), "{hover}");

    let definition = client.at("textDocument/definition", WORKFLOW, "tell }", 0, &nothing);
    assert_eq!(definition["range"]["start"], json!({ "line": 7, "character": 12 }));
    let definition = client.at("textDocument/definition", WORKFLOW, "words(text)", 2, &nothing);
    assert!(definition["uri"].as_str().unwrap().ends_with("/src/main.rs"), "{definition}");
    assert_eq!(definition["range"]["start"], json!({ "line": 2, "character": 3 }));

    let context = json!({ "context": { "includeDeclaration": true } });
    let references = client.at("textDocument/references", WORKFLOW, "count: usize", 0, &context);
    assert_eq!(references.as_array().unwrap().len(), 3, "{references}");

    let uri = client.uri.clone();
    let edit = client.at("textDocument/rename", WORKFLOW, "count: usize", 1, &json!({ "newName": "total" }));
    let renamed = edited(WORKFLOW, &edit["changes"][&uri]);
    let expected = WORKFLOW
        .replace("count: usize", "total: usize")
        .replace("output: count", "output: total")
        .replace("{count}", "{total}");
    assert_eq!(renamed, expected);
    for taken in ["text", "fn", "not a name"] {
        let params = client.place(WORKFLOW, "count: usize", 1, &json!({ "newName": taken }));
        let answer = client.answer("textDocument/rename", &params);
        assert!(answer["error"]["message"].as_str().unwrap().contains("cannot be the name"), "{answer}");
    }
    client.end();
}

const CALLS: &str = r"name: sample
state_schema:
  text: { type: String, input: true }
  scale: { type: usize, input: true }
  count: usize
  again: usize
nodes:
  - name: inner
    with: { line: text.clone() }
    workflow:
      state_schema: { line: { type: String, input: true }, count: usize }
      nodes:
        - { name: tell, run: line.len() * scale, output: count }
    output: { count: count }
  - { name: other, use: other.yaml, with: { size: count }, output: { twice: again } }
";

const OTHER: &str = "name: other
state_schema:
  size: { type: usize, input: true }
  twice: usize
nodes:
  - { name: double, run: 2 * size, output: twice }
";

/// A workflow in place has names of its own, and reads those around it.
#[test]
fn names_of_workflows_that_nodes_call_are_known() {
    let package = package(CALLS);
    fs::write(package.path().join("src/other.yaml"), OTHER).unwrap();
    let mut client = Client::new(package.path(), CALLS);
    let (nothing, uri) = (json!({}), client.uri.clone());
    assert_eq!(client.findings(), [] as [Value; 0]);

    let hover = client.at("textDocument/hover", CALLS, "line.len", 1, &nothing);
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(text.contains("line: String") && text.contains("read by `tell`"), "{text}");
    let edit = client.at("textDocument/rename", CALLS, "output: count }", 9, &json!({ "newName": "length" }));
    let expected = CALLS
        .replace("true }, count: usize }", "true }, length: usize }")
        .replace("scale, output: count }", "scale, output: length }")
        .replace("output: { count: count }", "output: { length: count }");
    assert_eq!(edited(CALLS, &edit["changes"][&uri]), expected);
    let edit = client.at("textDocument/rename", CALLS, "scale: {", 1, &json!({ "newName": "factor" }));
    assert_eq!(edited(CALLS, &edit["changes"][&uri]), CALLS.replace("scale", "factor"));
    let symbols = client.request("textDocument/documentSymbol", &json!({ "textDocument": { "uri": uri } }));
    let inner = symbols.as_array().unwrap().iter().find(|symbol| symbol["name"] == "inner").unwrap();
    let names: Vec<_> = inner["children"].as_array().unwrap().iter().map(|symbol| &symbol["name"]).collect();
    assert_eq!(names, ["line", "count", "tell"]);

    for (word, line) in [("other.yaml", 0), ("size: count", 2), ("twice: again", 3)] {
        let place = client.at("textDocument/definition", CALLS, word, 1, &nothing);
        assert!(place["uri"].as_str().unwrap().ends_with("/src/other.yaml"), "{word}: {place}");
        assert_eq!(place["range"]["start"]["line"], line, "{word}");
    }
    client.end();
}

/// A key of a file has its name also where other files call that one.
#[test]
fn a_key_is_renamed_in_the_files_that_call_its_own() {
    let package = package(OTHER);
    let path = package.path().join("src/caller.yaml");
    let called = CALLS.replace("other.yaml", "flow.yaml");
    fs::write(&path, &called).unwrap();
    let mut client = Client::new(package.path(), OTHER);
    let uri = client.uri.clone();
    let other = uri.replace("flow.yaml", "caller.yaml");
    let length = OTHER.replace("  size:", "  length:").replace("2 * size", "2 * length");
    for (word, new, renamed) in
        [("size: {", "length", length), ("twice: usize", "doubled", OTHER.replace("twice", "doubled"))]
    {
        let edit = client.at("textDocument/rename", OTHER, word, 1, &json!({ "newName": new }));
        let old = word.split(':').next().unwrap();
        assert_eq!(edited(OTHER, &edit["changes"][&uri]), renamed, "{edit}");
        let expected = called.replace(&format!("{old}: "), &format!("{new}: "));
        assert_eq!(edited(&called, &edit["changes"][&other]), expected, "{edit}");
    }
    // In a list, it is the name of the caller's key, too.
    fs::write(&path, called.replace("with: { size: count }", "with: [size]")).unwrap();
    let params = client.place(OTHER, "size: {", 1, &json!({ "newName": "length" }));
    let answer = client.answer("textDocument/rename", &params);
    assert!(answer["error"]["message"].as_str().unwrap().contains("`other` in"), "{answer}");
    client.end();
}

#[test]
fn a_function_of_the_rust_leads_to_the_nodes_that_call_it() {
    let package = package(WORKFLOW);
    let mut client = Client::new(package.path(), WORKFLOW);
    let path = package.path().join("src/main.rs");
    let (text, uri) = (fs::read_to_string(&path).unwrap(), format!("file://{}", path.display()));
    let document = json!({ "uri": uri, "languageId": "rust", "version": 1, "text": text });
    client.notify("textDocument/didOpen", &json!({ "textDocument": document }));
    let at = text.find("fn words").unwrap() + 4;
    let (line, start) = (text[..at].matches('\n').count(), text[..at].rfind('\n').map_or(0, |at| at + 1));
    let position = json!({ "line": line, "character": at - start });
    for method in ["textDocument/definition", "textDocument/references"] {
        let context = json!({ "includeDeclaration": true });
        let params = json!({ "textDocument": { "uri": uri }, "position": position, "context": context });
        let places = client.request(method, &params);
        assert_eq!(places.as_array().unwrap().len(), 1, "{places}");
        assert!(places[0]["uri"].as_str().unwrap().ends_with("/src/flow.yaml"), "{places}");
        assert_eq!(places[0]["range"]["start"], json!({ "line": 6, "character": 30 }), "{places}");
    }
    client.end();
}

#[test]
fn outline_formatting_and_colors() {
    let package = package(WORKFLOW);
    let text = WORKFLOW.replace("{ name: tell,", "{name: tell,");
    let mut client = Client::new(package.path(), &text);
    let document = json!({ "textDocument": { "uri": client.uri }, "options": { "tabSize": 2, "insertSpaces": true } });
    let outline = client.request("textDocument/documentSymbol", &document);
    let names: Vec<_> = outline.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["text", "count", "report", "count_words", "tell"]);

    let edits = client.request("textDocument/formatting", &document);
    assert_eq!(edited(&text, &edits), WORKFLOW);

    let tokens = client.request("textDocument/semanticTokens/full", &document);
    let data: Vec<usize> = tokens["data"].as_array().unwrap().iter().map(number).collect();
    let (mut line, mut column, mut found) = (0, 0, Vec::new());
    for token in data.chunks(5) {
        column = if token[0] == 0 { column + token[1] } else { token[1] };
        line += token[0];
        let word = text.lines().nth(line).unwrap().chars().skip(column).take(token[2]);
        found.push((word.collect::<String>(), token[3]));
    }
    // A function, a key in its call, a macro, and a key within a string.
    for (word, kind) in [("words", 1), ("text", 4), ("format", 7), ("count", 4), ("String", 2)] {
        assert!(found.contains(&(word.to_owned(), kind)), "{word}: {found:?}");
    }
    client.end();
}

/// Neovim, if it is installed: `apt-get install neovim`.
#[test]
fn neovim_shows_findings_hovers_goes_to_rust_renames_and_applies_an_action() {
    if Command::new("nvim").arg("--version").output().is_err() {
        eprintln!("skipped: Neovim is not installed");
        return;
    }
    let package = package(&WORKFLOW.replace("to: tell", "to: tel"));
    let script = package.path().join("session.lua");
    fs::write(&script, include_str!("session.lua")).unwrap();
    let output = Command::new("nvim")
        .args(["--headless", "--clean", "-n", "-S"])
        .arg(&script)
        .current_dir(package.path())
        .env("TEA", env!("CARGO_BIN_EXE_cargo-tea"))
        .env("XDG_STATE_HOME", package.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("session: done"), "{said}");
    let after = fs::read_to_string(package.path().join("src/flow.yaml")).unwrap();
    assert_eq!(after, WORKFLOW.replace("count_words", "counter"));
}
