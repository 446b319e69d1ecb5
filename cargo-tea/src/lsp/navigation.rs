//! Definition, references, rename and outline.

use std::{collections::HashMap, fs, path::Path};

use lsp_types::{DocumentSymbol, Location, SymbolKind, TextEdit, Uri, WorkspaceEdit};
use proc_macro2::{TokenStream, TokenTree};
use tea_build::{
    source::Span,
    syntax::{Callee, Rust, Work, Workflow},
};

use super::{
    document::{self, Document},
    occurrences::{self, Kind, Occurrence, Role},
};
use crate::project;

/// The declaration of the name at `offset`: a node, a key, or a function of the crate.
pub(super) fn definition(document: &Document, offset: usize) -> Option<Location> {
    let workflow = document.workflow.as_ref()?;
    if let Some(place) = called(document, workflow, offset) {
        return Some(place);
    }
    let all = occurrences::all(workflow);
    if let Some(name) = occurrences::at(&all, offset) {
        let declaration = all.iter().find(|other| same(name, other) && other.role == Role::Declares)?;
        return Some(Location { uri: document.uri.clone(), range: document.range(declaration.span) });
    }
    let word = word_in_rust(document, offset)?;
    item(&document::path(&document.uri)?, &word)
}

/// The file that a node calls, or the key of it that is named at `offset`.
fn called(document: &Document, workflow: &Workflow, offset: usize) -> Option<Location> {
    let here = |span: Span| span.start as usize <= offset && offset <= span.end as usize;
    let nodes = occurrences::workflows(workflow).into_iter().flat_map(|workflow| &workflow.nodes);
    let (call, file) = nodes.filter_map(|node| node.work.action().call()).find_map(|call| match &call.callee {
        Callee::File(file) => {
            let names = call.with.iter().map(|(name, _)| name).chain(&call.gives);
            let places = names.map(|name| name.span).chain([file.span]);
            places.into_iter().any(here).then_some((call, file))
        }
        Callee::Inline(_) => None,
    })?;
    let path = document::path(&document.uri)?.parent()?.join(&file.value);
    let file = Document::new(document::uri(&path)?, 0, fs::read_to_string(&path).ok()?);
    let called = file.workflow.as_ref()?;
    let name = call.with.iter().map(|(name, _)| name).chain(&call.gives).find(|name| here(name.span));
    let key = name.and_then(|name| called.keys.iter().find(|key| key.name.value == name.value));
    let place = key.map_or(called.name.span, |key| key.name.span);
    Some(Location { uri: file.uri.clone(), range: file.range(place) })
}

/// All places of the name at `offset`.
pub(super) fn references(document: &Document, offset: usize, with_declaration: bool) -> Vec<Location> {
    let places = places(document, offset).unwrap_or_default();
    let wanted = places.into_iter().filter(|(role, _)| with_declaration || *role != Role::Declares);
    wanted.map(|(_, span)| Location { uri: document.uri.clone(), range: document.range(span) }).collect()
}

/// The place of the name at `offset`, if it can be renamed.
pub(super) fn renamable(document: &Document, offset: usize) -> Option<Span> {
    let all = occurrences::all(document.workflow.as_ref()?);
    occurrences::at(&all, offset).filter(|name| !name.text.starts_with("__")).map(|name| name.span)
}

/// The edits that give the name at `offset` another name, also in the files that call this one. `open` are the open files.
///
/// # Errors
/// If the name is taken, or no name.
#[allow(clippy::mutable_key_type, reason = "the type of the protocol")]
pub(super) fn rename(
    document: &Document,
    offset: usize,
    new: &str,
    open: &HashMap<String, Document>,
) -> Result<Option<WorkspaceEdit>, String> {
    let Some(places) = renamable(document, offset).and_then(|_| places(document, offset)) else { return Ok(None) };
    let mut text = document.text().to_owned();
    for (_, span) in places.iter().rev() {
        text.replace_range(span.start as usize..span.end as usize, new);
    }
    // The compiler knows best what a name may be: none of its findings may be new.
    let renamed = Document::new(document.uri.clone(), document.version, text);
    let known =
        |finding: &tea_build::diagnostic::Diagnostic| document.findings.iter().any(|old| old.code == finding.code);
    if let Some(finding) = renamed.findings.iter().find(|finding| !known(finding)) {
        return Err(format!("`{new}` cannot be the name: {}", finding.message));
    }
    let edit = |document: &Document, span| TextEdit { range: document.range(span), new_text: new.to_owned() };
    let edits = places.into_iter().map(|(_, span)| edit(document, span)).collect();
    let mut changes = HashMap::from([(document.uri.clone(), edits)]);
    let all = document.workflow.as_ref().map(occurrences::all).unwrap_or_default();
    if let Some(key) = occurrences::at(&all, offset).filter(|name| name.kind == Kind::Key && name.workflow == 0) {
        for (caller, places) in callers(document, key.text, open)? {
            changes.insert(caller.uri.clone(), places.into_iter().map(|span| edit(&caller, span)).collect());
        }
    }
    Ok(Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }))
}

/// The files of the package that call this one and name this key of it, and where they do.
///
/// # Errors
/// If one of them names it in a list, where the key has the same name on both sides.
fn callers(
    document: &Document,
    key: &str,
    open: &HashMap<String, Document>,
) -> Result<Vec<(Document, Vec<Span>)>, String> {
    let known = |path: &Path| path.canonicalize().ok();
    let path = document::path(&document.uri);
    let (Some(own), Some(Ok(root))) =
        (path.as_deref().and_then(known), path.as_ref().and_then(|path| path.parent()).map(project::root))
    else {
        return Ok(Vec::new());
    };
    let mut callers = Vec::new();
    for path in project::yaml_files(&root) {
        let Some(uri) = document::uri(&path) else { continue };
        let unsaved = open.get(uri.as_str()).map(|open| open.text().to_owned());
        let Some(text) = unsaved.or_else(|| fs::read_to_string(&path).ok()).filter(|text| text.contains("use")) else {
            continue;
        };
        let caller = Document::new(uri, 0, text);
        let Some(workflow) = &caller.workflow else { continue };
        let mut places = Vec::new();
        for node in occurrences::workflows(workflow).into_iter().flat_map(|workflow| &workflow.nodes) {
            let Some(call) = node.work.action().call() else { continue };
            let Callee::File(file) = &call.callee else { continue };
            if path.parent().and_then(|folder| known(&folder.join(&file.value))).as_ref() != Some(&own) {
                continue;
            }
            let with = call.with.iter().map(|(name, value)| (name, value.span));
            let gives = call.gives.iter().zip(node.output.keys()).map(|(name, ours)| (name, ours.span));
            for (name, ours) in with.chain(gives).filter(|(name, _)| name.value == key) {
                if name.span == ours {
                    let (shown, node) = (project::shown(&path), &node.name.value);
                    let message = "names it in a list, where it has the same name on both sides";
                    return Err(format!(
                        "`{node}` in `{}` {message}: write `{{ {key}: {key} }}` there first",
                        shown.display()
                    ));
                }
                places.push(name.span);
            }
        }
        if !places.is_empty() {
            callers.push((caller, places));
        }
    }
    Ok(callers)
}

/// The keys and nodes, as an outline.
pub(super) fn outline(document: &Document) -> Vec<DocumentSymbol> {
    let Some(workflow) = &document.workflow else { return Vec::new() };
    symbols(document, workflow)
}

fn symbols(document: &Document, workflow: &Workflow) -> Vec<DocumentSymbol> {
    let keys = workflow.keys.iter().map(|key| {
        let detail = Some(key.ty.text.trim().to_owned());
        symbol(document, &key.name.value, detail, SymbolKind::FIELD, key.name.span, key.name.span.to(key.ty.span))
    });
    let nodes = workflow.nodes.iter().map(|node| {
        let kind = match node.work {
            Work::Run(_) => SymbolKind::FUNCTION,
            Work::Map(_) => SymbolKind::ARRAY,
        };
        let whole = node.span.to(node.name.span);
        let children = node.work.action().inline().map(|workflow| symbols(document, workflow));
        let symbol = symbol(document, &node.name.value, None, kind, node.name.span, whole);
        DocumentSymbol { children, ..symbol }
    });
    keys.chain(nodes).collect()
}

#[allow(deprecated, reason = "the field has to be given a value")]
fn symbol(
    document: &Document,
    name: &str,
    detail: Option<String>,
    kind: SymbolKind,
    span: Span,
    whole: Span,
) -> DocumentSymbol {
    DocumentSymbol {
        name: name.to_owned(),
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: document.range(whole),
        selection_range: document.range(span),
        children: None,
    }
}

fn same(a: &Occurrence<'_>, b: &Occurrence<'_>) -> bool {
    (a.kind, a.text, a.workflow) == (b.kind, b.text, b.workflow)
}

/// All places of the name at `offset`; each once, since an alias makes one place count several times.
fn places(document: &Document, offset: usize) -> Option<Vec<(Role, Span)>> {
    let all = occurrences::all(document.workflow.as_ref()?);
    let name = occurrences::at(&all, offset)?;
    let mut places: Vec<_> = all.iter().filter(|other| same(name, other)).map(|name| (name.role, name.span)).collect();
    places.sort_by_key(|(_, span)| *span);
    places.dedup_by_key(|(_, span)| *span);
    Some(places)
}

/// The word at `offset` if it is in Rust.
fn word_in_rust(document: &Document, offset: usize) -> Option<String> {
    let mut inside = false;
    document.workflow.as_ref()?.visit_rust(&mut |_, rust: &Rust| {
        inside |= rust.span.start as usize <= offset && offset <= rust.span.end as usize;
    });
    document.word(offset).filter(|_| inside)
}

/// The item called `name` in the Rust of the package that `workflow` belongs to.
fn item(workflow: &Path, name: &str) -> Option<Location> {
    let root = project::root(workflow.parent()?).ok()?;
    project::rust_files(&root).into_iter().find_map(|file| {
        let text = fs::read_to_string(&file).ok().filter(|text| text.contains(name))?;
        let span = declaration(text.parse().ok()?, name)?;
        let uri: Uri = document::uri(&file)?;
        let line = u32::try_from(span.start().line).ok()? - 1;
        let written = text.lines().nth(line as usize)?;
        let before: usize = written.chars().take(span.start().column).map(char::len_utf16).sum();
        let start = lsp_types::Position { line, character: u32::try_from(before).ok()? };
        let end = lsp_types::Position {
            character: start.character + u32::try_from(name.encode_utf16().count()).ok()?,
            ..start
        };
        Some(Location { uri, range: lsp_types::Range { start, end } })
    })
}

/// Where `name` is declared.
fn declaration(tokens: TokenStream, name: &str) -> Option<proc_macro2::Span> {
    const KEYWORDS: [&str; 10] =
        ["fn", "struct", "enum", "type", "const", "static", "trait", "union", "mod", "macro_rules"];
    let mut declares = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                if declares && ident == name {
                    return Some(ident.span());
                }
                declares = KEYWORDS.iter().any(|keyword| ident == keyword);
            }
            TokenTree::Group(group) => {
                if let Some(span) = declaration(group.stream(), name) {
                    return Some(span);
                }
                declares = false;
            }
            // The `!` of `macro_rules!`.
            TokenTree::Punct(punct) => declares &= punct.as_char() == '!',
            TokenTree::Literal(_) => declares = false,
        }
    }
    None
}
