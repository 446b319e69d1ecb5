//! The distinct types of a workflow's keys: what each is asked for, and what to say of one that cannot give it.

use std::collections::HashMap;

use syn::{
    GenericArgument, ParenthesizedGenericArguments, PathArguments, Type, TypeFnPtr, TypeReference, visit::Visit,
};

use crate::{
    plan::{Key, KeyId, Plan},
    source::{Sources, Span},
};

/// A type that one or more keys have, compared by its words.
#[derive(Debug)]
pub(super) struct KeyType {
    /// The keys that have it, ascending.
    pub(super) keys: Vec<KeyId>,
    /// One of them is part of the output.
    pub(super) output: bool,
    /// One of them is an input.
    pub(super) input: bool,
    /// One of them crosses process edges.
    pub(super) crosses: bool,
    /// One of them is recorded.
    pub(super) recorded: bool,
    /// One of them is read or written by a node with `cache`, which is here.
    pub(super) cached: Option<Span>,
    /// Values of one of them are copied.
    pub(super) copied: bool,
    /// It holds a reference, which nothing that is read from text or bytes can be.
    pub(super) borrows: bool,
    /// It is made of well-known types of the standard library, which can do all that is asked for.
    pub(super) plain: bool,
}

/// The distinct types in the order of their first keys.
pub(super) fn distinct(workflow: &Plan) -> Vec<KeyType> {
    let mut types: Vec<KeyType> = Vec::new();
    let mut known = HashMap::new();
    for (key, id) in workflow.keys.iter().zip(0..) {
        let words: String = key.ty.text.split_whitespace().collect();
        let at = *known.entry(words).or_insert_with(|| {
            let ty = syn::parse_str::<Type>(&key.ty.text);
            let (plain, borrows) = ty.map_or((false, false), |ty| (is_plain(&ty), borrows(&ty)));
            let keys = Vec::new();
            types.push(KeyType {
                keys,
                output: false,
                input: false,
                crosses: false,
                recorded: false,
                cached: None,
                copied: false,
                borrows,
                plain,
            });
            types.len() - 1
        });
        let ty = &mut types[at];
        ty.keys.push(KeyId(id));
        ty.output |= key.output;
        ty.input |= key.input && workflow.number.is_none() || key.asked;
        ty.crosses |= !key.crosses.is_empty();
        ty.recorded |= key.recorded;
        ty.cached = ty.cached.or(key.cached);
        ty.copied |= !key.copied.is_empty();
    }
    types
}

/// Whether a type is known to be `Send + Sync`, `Serialize` and `Deserialize`, so that no check need be generated.
fn is_plain(ty: &Type) -> bool {
    const LEAVES: &[&str] = &[
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "bool",
        "char", "String", "PathBuf",
    ];
    const CONTAINERS: &[&str] = &["Vec", "Option", "Box", "VecDeque", "BTreeMap", "BTreeSet", "HashMap", "HashSet"];
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            let Some(last) = path.path.segments.last() else { return false };
            let name = last.ident.to_string();
            match &last.arguments {
                PathArguments::None => path.path.segments.len() == 1 && LEAVES.contains(&name.as_str()),
                PathArguments::AngleBracketed(arguments) => {
                    let plain = |argument: &_| matches!(argument, GenericArgument::Type(ty) if is_plain(ty));
                    // `hashbrown::HashMap` and `my::Vec` are other types.
                    let is_std = path.path.segments.len() == 1
                        || ["std", "alloc"].iter().any(|of| path.path.segments[0].ident == of);
                    is_std && CONTAINERS.contains(&name.as_str()) && arguments.args.iter().all(plain)
                }
                PathArguments::Parenthesized(_) => false,
            }
        }
        Type::Tuple(tuple) => tuple.elems.len() <= 8 && tuple.elems.iter().all(is_plain),
        Type::Paren(inner) => is_plain(&inner.elem),
        _ => false,
    }
}

/// Whether a type holds a reference. Those that functions take do not matter.
fn borrows(ty: &Type) -> bool {
    struct Borrows(bool);
    impl<'ast> Visit<'ast> for Borrows {
        fn visit_type_reference(&mut self, _: &'ast TypeReference) {
            self.0 = true;
        }
        fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'ast ParenthesizedGenericArguments) {}
    }
    let mut found = Borrows(false);
    found.visit_type(ty);
    found.0
}

/// What is to be said of a type that lacks something.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) notes: [String; 2],
}

impl KeyType {
    /// Whether its values are written as bytes, and read.
    pub(super) fn wired(&self) -> bool {
        self.crosses || self.recorded || self.cached.is_some()
    }

    /// For one that is not `Send + Sync`.
    pub(super) fn not_shared(&self, plan: &Plan, sources: &Sources) -> Complaint {
        let keys: Vec<&Key> = self.keys.iter().map(|key| &plan.keys[key.0 as usize]).collect();
        Complaint {
            message: format!("{} cannot be shared between threads", listed(&keys)),
            label: "is not `Send + Sync`",
            notes: [
                declared(&keys, sources),
                "the type of a state key must be `Send + Sync`, since branches read it from several threads; a `Mutex` \
                 around it makes a `Send` type so, as does an `Arc` in the place of an `Rc`"
                    .to_owned(),
            ],
        }
    }

    /// For one whose values are copied, and that is not `Clone`.
    pub(super) fn not_copied(&self, plan: &Plan, sources: &Sources) -> Complaint {
        let keys = self.keys.iter().map(|key| &plan.keys[key.0 as usize]);
        let keys: Vec<&Key> = keys.filter(|key| !key.copied.is_empty()).collect();
        Complaint {
            message: format!("{} cannot be kept for when a branch fails", listed(&keys)),
            label: "is not `Clone`",
            notes: [
                format!(
                    "{}; a branch reads it and combines it by `reduce`, and what it read is needed again because of \
                     the setting at {}",
                    declared(&keys, sources),
                    place(keys[0].copied[0], sources)
                ),
                "derive `Clone` for the type, or remove that setting, or let the branch write the key without reading \
                 it"
                .to_owned(),
            ],
        }
    }

    /// For one that crosses, and is not `Serialize` and `Deserialize`.
    pub(super) fn not_crossing(&self, plan: &Plan, sources: &Sources) -> Complaint {
        let keys = self.keys.iter().map(|key| &plan.keys[key.0 as usize]);
        let keys: Vec<&Key> = keys.filter(|key| !key.crosses.is_empty()).collect();
        let edge = place(keys[0].crosses[0], sources);
        let more = match keys.iter().map(|key| key.crosses.len()).max() {
            Some(edges) if edges > 1 => format!(", and by {} more", edges - 1),
            _ => String::new(),
        };
        Complaint {
            message: format!("{} cannot cross to a worker process", listed(&keys)),
            label: "is not `Serialize` and `Deserialize`",
            notes: [
                format!(
                    "{}; it is sent to worker processes by the `{}` at {edge}{more}",
                    declared(&keys, sources),
                    sources.get(keys[0].crosses[0].file).at(keys[0].crosses[0]),
                ),
                "derive `serde::Serialize` and `serde::Deserialize` for the type, or run that edge with \
                 `parallel_strategy: thread`, or make the key `transient: true` and keep it out of process branches"
                    .to_owned(),
            ],
        }
    }

    /// For one that is recorded, and is not `Serialize` and `Deserialize`.
    pub(super) fn not_recorded(&self, checkpoint: Span, plan: &Plan, sources: &Sources) -> Complaint {
        let keys = self.keys.iter().map(|key| &plan.keys[key.0 as usize]);
        let keys: Vec<&Key> = keys.filter(|key| key.recorded).collect();
        Complaint {
            message: format!("{} cannot be recorded", listed(&keys)),
            label: "is not `Serialize` and `Deserialize`",
            notes: [
                format!(
                    "{}; runs are recorded because of the `checkpoint` at {}",
                    declared(&keys, sources),
                    place(checkpoint, sources)
                ),
                "derive `serde::Serialize` and `serde::Deserialize` for the type, or make the key `transient: true`: it is \
                 then made again on resume, by the node that writes it"
                    .to_owned(),
            ],
        }
    }

    /// For one that a node with `cache` reads or writes, and is not `Serialize` and `Deserialize`.
    pub(super) fn not_cached(&self, cache: Span, plan: &Plan, sources: &Sources) -> Complaint {
        let keys = self.keys.iter().map(|key| &plan.keys[key.0 as usize]);
        let keys: Vec<&Key> = keys.filter(|key| key.cached.is_some()).collect();
        Complaint {
            message: format!("{} cannot be cached", listed(&keys)),
            label: "is not `Serialize` and `Deserialize`",
            notes: [
                format!(
                    "{}; the `cache` at {} compares what the node reads, and keeps what it writes",
                    declared(&keys, sources),
                    place(cache, sources)
                ),
                "derive `serde::Serialize` and `serde::Deserialize` for the type, or remove `cache`".to_owned(),
            ],
        }
    }

    /// For one that is not `Serialize`, and of which a key would be part of the output.
    pub(super) fn left_out(&self, plan: &Plan, sources: &Sources) -> String {
        let keys = self.keys.iter().map(|key| &plan.keys[key.0 as usize]);
        let keys: Vec<&Key> = keys.filter(|key| key.output).collect();
        format!(
            "{} cannot be in the program's output: its type is not `Serialize`\n  = note: {}\n  = help: derive \
             `serde::Serialize` for the type, or make the key `output: false`, which keeps it out",
            listed(&keys),
            declared(&keys, sources)
        )
    }
}

fn listed(keys: &[&Key]) -> String {
    let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name.value)).collect();
    match &names[..] {
        [one] => format!("state key {one}"),
        [before @ .., last] if names.len() < 5 => format!("state keys {} and {last}", before.join(", ")),
        _ => format!("state keys {}, {} and {} more", names[0], names[1], names.len() - 2),
    }
}

fn declared(keys: &[&Key], sources: &Sources) -> String {
    format!("`{}: {}` is declared at {}", keys[0].name.value, keys[0].ty.text.trim(), place(keys[0].ty.span, sources))
}

/// `flow.yaml:7:3`.
pub(super) fn place(span: Span, sources: &Sources) -> String {
    let at = sources.locate(span);
    format!("{}:{}:{}", sources.get(span.file).path.display(), at.line, at.column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_fine_goes_unchecked() {
        let plain = |text: &str| is_plain(&syn::parse_str(text).unwrap());
        for text in [
            "u8",
            "Vec<String>",
            "BTreeMap<String, Vec<(u8, f64)>>",
            "Option<std::collections::HashMap<u8, char>>",
            "()",
        ] {
            assert!(plain(text), "{text}");
        }
        for text in [
            "Chunk",
            "Vec<Chunk>",
            "my::String",
            "Rc<u8>",
            "&'static str",
            "Box<dyn Fn()>",
            "[u8; 64]",
            "fn()",
            "Result<u8>",
            "io::Result<u8>",
            "hashbrown::HashMap<u8, u8>",
            "my::Vec<u8>",
        ] {
            assert!(!plain(text), "{text}");
        }
    }
}
