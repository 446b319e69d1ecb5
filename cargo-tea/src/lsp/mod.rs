//! `cargo tea lsp`: a language server for workflow files, over standard input and output.

mod actions;
mod callers;
mod colors;
mod completion;
mod context;
mod document;
mod hover;
mod navigation;
mod occurrences;
mod publish;

use std::{collections::HashMap, thread};

use crossbeam_channel::{Receiver, Sender};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::{
    CodeActionParams, CompletionParams, CompletionResponse, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams,
    DocumentSymbolResponse, GotoDefinitionParams, GotoDefinitionResponse, HoverParams, Position, PrepareRenameResponse,
    PublishDiagnosticsParams, Range, ReferenceParams, RenameParams, SemanticTokens, SemanticTokensParams,
    TextDocumentPositionParams, TextEdit, Uri,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::document::Document;
use crate::{Failure, check::rustc, fmt, project};

pub(crate) fn run() -> Result<(), Failure> {
    let (connection, threads) = Connection::stdio();
    serve(&connection).map_err(|error| Failure::Because(format!("the language server: {error}")))?;
    drop(connection);
    Ok(threads.join().map_err(|error| format!("the language server: {error}"))?)
}

/// What the server can do.
fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": 1, "save": true },
        "completionProvider": { "triggerCharacters": [" ", "[", "{"] },
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "renameProvider": { "prepareProvider": true },
        "documentSymbolProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        "documentFormattingProvider": true,
        "semanticTokensProvider": {
            "legend": { "tokenTypes": colors::TYPES, "tokenModifiers": [] },
            "full": true,
        },
    })
}

fn serve(connection: &Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (id, _) = connection.initialize_start()?;
    let server = json!({ "name": "cargo-tea", "version": env!("CARGO_PKG_VERSION") });
    connection.initialize_finish(id, json!({ "capabilities": capabilities(), "serverInfo": server }))?;
    let mut server =
        Server { documents: HashMap::new(), schema: tea_build::syntax::schema(), sender: connection.sender.clone() };
    let mut next = None;
    while let Some(message) = next.take().or_else(|| connection.receiver.recv().ok()) {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    break;
                }
                let response = server.request(request);
                connection.sender.send(response.into())?;
            }
            Message::Notification(notification) => {
                let (notification, other) = latest(notification, &connection.receiver);
                next = other;
                server.notification(notification);
            }
            Message::Response(_) => {}
        }
    }
    Ok(())
}

/// The last of several changes of one document that have arrived already, since each has the whole text; and the first
/// message after them, if there is one. This keeps up with typing even if compiling a long file takes longer than a keystroke.
fn latest(mut change: Notification, arrived: &Receiver<Message>) -> (Notification, Option<Message>) {
    let document = |change: &Notification| change.params["textDocument"]["uri"].clone();
    while change.method == CHANGE {
        match arrived.try_recv() {
            Ok(Message::Notification(later)) if later.method == CHANGE && document(&later) == document(&change) => {
                change = later;
            }
            other => return (change, other.ok()),
        }
    }
    (change, None)
}

/// The notification that a document has changed.
const CHANGE: &str = "textDocument/didChange";

struct Server {
    documents: HashMap<String, Document>,
    schema: Value,
    sender: Sender<Message>,
}

/// Why a request has no answer.
type Refusal = (ErrorCode, String);

impl Server {
    fn request(&self, Request { id, method, params }: Request) -> Response {
        let result = match &*method {
            "textDocument/completion" => with(params, |params: CompletionParams| {
                let (document, offset) = self.place(&params.text_document_position)?;
                Ok(CompletionResponse::Array(completion::complete(document, &self.schema, offset)))
            }),
            "textDocument/hover" => with(params, |params: HoverParams| {
                let (document, offset) = self.place(&params.text_document_position_params)?;
                Ok(hover::hover(document, &self.schema, offset))
            }),
            "textDocument/definition" => with(params, |params: GotoDefinitionParams| {
                let (document, offset) = self.place(&params.text_document_position_params)?;
                if document.is_rust() {
                    return Ok(Some(GotoDefinitionResponse::Array(callers::callers(document, offset))));
                }
                Ok(navigation::definition(document, offset).map(GotoDefinitionResponse::Scalar))
            }),
            "textDocument/references" => with(params, |params: ReferenceParams| {
                let (document, offset) = self.place(&params.text_document_position)?;
                if document.is_rust() {
                    return Ok(callers::callers(document, offset));
                }
                Ok(navigation::references(document, offset, params.context.include_declaration))
            }),
            "textDocument/prepareRename" => with(params, |params: TextDocumentPositionParams| {
                let (document, offset) = self.place(&params)?;
                Ok(navigation::renamable(document, offset)
                    .map(|span| PrepareRenameResponse::Range(document.range(span))))
            }),
            "textDocument/rename" => with(params, |params: RenameParams| {
                let (document, offset) = self.place(&params.text_document_position)?;
                navigation::rename(document, offset, &params.new_name, &self.documents)
                    .map_err(|error| (ErrorCode::InvalidRequest, error))
            }),
            "textDocument/documentSymbol" => with(params, |params: DocumentSymbolParams| {
                let document = self.document(&params.text_document.uri)?;
                Ok(DocumentSymbolResponse::Nested(navigation::outline(document)))
            }),
            "textDocument/codeAction" => with(params, |params: CodeActionParams| {
                let document = self.document(&params.text_document.uri)?;
                let (start, end) = (document.offset(params.range.start), document.offset(params.range.end));
                Ok(actions::actions(document, start, end))
            }),
            "textDocument/formatting" => with(params, |params: DocumentFormattingParams| {
                let document = self.document(&params.text_document.uri)?;
                let text = fmt::format_text(document.text()).map_err(|error| (ErrorCode::RequestFailed, error))?;
                let start = Position { line: 0, character: 0 };
                let end = document.position(u32::try_from(document.text().len()).unwrap_or(u32::MAX));
                let edit = TextEdit { range: Range { start, end }, new_text: text };
                Ok(if edit.new_text == document.text() { Vec::new() } else { vec![edit] })
            }),
            "textDocument/semanticTokens/full" => with(params, |params: SemanticTokensParams| {
                let data = colors::tokens(self.document(&params.text_document.uri)?);
                Ok(SemanticTokens { result_id: None, data })
            }),
            other => Err((ErrorCode::MethodNotFound, format!("`{other}` is not supported"))),
        };
        match result {
            Ok(value) => Response::new_ok(id, value),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        }
    }

    fn notification(&mut self, Notification { method, params, .. }: Notification) {
        match &*method {
            "textDocument/didOpen" => {
                if let Ok(DidOpenTextDocumentParams { text_document: open }) = serde_json::from_value(params) {
                    self.update(open.uri, open.version, open.text);
                }
            }
            CHANGE => {
                if let Ok(DidChangeTextDocumentParams { text_document, content_changes }) =
                    serde_json::from_value(params)
                    && let Some(change) = content_changes.into_iter().next_back()
                {
                    self.update(text_document.uri, text_document.version, change.text);
                }
            }
            "textDocument/didSave" => {
                if let Ok(DidSaveTextDocumentParams { text_document, .. }) = serde_json::from_value(params) {
                    self.saved(&text_document.uri);
                }
            }
            "textDocument/didClose" => {
                if let Ok(DidCloseTextDocumentParams { text_document }) = serde_json::from_value(params) {
                    self.documents.remove(text_document.uri.as_str());
                    send(&self.sender, text_document.uri, None, Vec::new());
                }
            }
            _ => {}
        }
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        let missing = || (ErrorCode::InvalidParams, format!("`{}` is not open", uri.as_str()));
        self.documents.get(uri.as_str()).ok_or_else(missing)
    }

    fn place(&self, params: &TextDocumentPositionParams) -> Result<(&Document, usize), Refusal> {
        let document = self.document(&params.text_document.uri)?;
        Ok((document, document.offset(params.position)))
    }

    /// The file has this text now.
    fn update(&mut self, uri: Uri, version: i32, text: String) {
        let name = uri.as_str().to_owned();
        let document = Document::new(uri, version, text);
        // Rust is for rust-analyzer to judge.
        if !document.is_rust() {
            send(&self.sender, document.uri.clone(), Some(version), findings(&document));
        }
        self.documents.insert(name, document);
    }

    /// Asks rustc, too, unless the compiler's findings come first.
    fn saved(&self, uri: &Uri) {
        let Some(document) = self.documents.get(uri.as_str()).filter(|document| document.plan.is_some()) else {
            return;
        };
        let (uri, version, text) = (uri.clone(), document.version, document.text().to_owned());
        let sender = self.sender.clone();
        thread::spawn(move || {
            let Some(path) = document::path(&uri) else { return };
            let Ok(root) = path.parent().map_or(Ok(path.clone()), project::root) else { return };
            let Ok(said) = rustc::check(&root, &[]) else { return };
            let document = Document::new(uri.clone(), version, text);
            let is_here = |finding: &&crate::message::Finding| {
                let shown = &finding.sources.get(finding.labels[0].span.file).path;
                std::path::absolute(shown).ok() == std::path::absolute(&path).ok()
            };
            let rust = said.findings.iter().filter(is_here).map(|finding| publish::of_rustc(&document, finding));
            let all = findings(&document).into_iter().chain(rust).collect();
            // Clients leave out what is about an older version.
            send(&sender, uri, Some(version), all);
        });
    }
}

fn findings(document: &Document) -> Vec<lsp_types::Diagnostic> {
    document.findings.iter().map(|finding| publish::diagnostic(document, finding)).collect()
}

fn send(sender: &Sender<Message>, uri: Uri, version: Option<i32>, diagnostics: Vec<lsp_types::Diagnostic>) {
    let params = PublishDiagnosticsParams { uri, diagnostics, version };
    // If nobody listens any more, the server is about to end.
    _ = sender.send(Notification::new("textDocument/publishDiagnostics".to_owned(), params).into());
}

/// Answers a request with these parameters.
fn with<P: DeserializeOwned, R: Serialize>(
    params: Value,
    answer: impl FnOnce(P) -> Result<R, Refusal>,
) -> Result<Value, Refusal> {
    let params = serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))?;
    let result = answer(params)?;
    serde_json::to_value(result).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(uri: &str, version: i32) -> Notification {
        Notification::new(CHANGE.to_owned(), json!({ "textDocument": { "uri": uri, "version": version } }))
    }

    #[test]
    fn of_changes_that_have_arrived_the_last_one_of_the_document_counts() {
        let (sender, receiver) = crossbeam_channel::unbounded();
        for message in [change("a", 2), change("a", 3), change("b", 1), change("a", 4)] {
            sender.send(Message::Notification(message)).unwrap();
        }
        let (last, next) = latest(change("a", 1), &receiver);
        assert_eq!(last.params["textDocument"]["version"], 3);
        let Some(Message::Notification(next)) = next else { panic!("a message comes after the changes") };
        assert_eq!(next.params, change("b", 1).params);
        let (last, next) = latest(next, &receiver);
        assert_eq!((last.params, next.is_some()), (change("b", 1).params, true));
        assert!(receiver.is_empty());
        // Nothing else is put together.
        sender.send(Message::Notification(change("a", 5))).unwrap();
        let (saved, next) = latest(Notification::new("textDocument/didSave".to_owned(), json!({})), &receiver);
        assert!(saved.method.ends_with("didSave") && next.is_none() && receiver.len() == 1);
    }
}
