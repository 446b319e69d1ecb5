//! The items of a source file: what they are called, and what brings them into the closure of a node.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::{
    attributes,
    head::{Kind, generics, has_implementation, shown, split_for, visibility},
    import::Import,
    words::{self, Name, Names, Place, Words, attribute, is_punct},
};

/// An item.
#[derive(Debug)]
pub(super) struct Item {
    /// What it is, for people: `fn score`.
    pub(super) label: String,
    /// Its line.
    pub(super) line: u32,
    /// The number of its module.
    pub(super) module: usize,
    /// What brings it in.
    pub(super) role: Role,
    /// What it says.
    pub(super) words: Words,
}

/// What brings an item into a closure.
#[derive(Debug)]
pub(super) enum Role {
    /// One of these names.
    Named(Vec<Name>),
    /// Its name, or one of its members.
    Trait(Name, Vec<Name>),
    /// A name in the type or in the arguments of the trait. If the type (`own`) has names that are not defined here, also the
    /// trait or a member.
    Impl { types: BTreeSet<Name>, own: BTreeSet<Name>, by: Vec<Name>, members: Vec<Name> },
    /// Its own name, if one of the types of its `impl` is in.
    Member { types: BTreeSet<Name>, name: Name },
    /// Nothing: it always counts.
    Always,
}

/// A workflow that a module includes.
#[derive(Debug, Clone)]
pub(super) struct Included {
    /// The number of the module.
    pub(super) module: usize,
    /// The path as it is written.
    pub(super) path: String,
    /// The name of what is generated, if it is given one.
    pub(super) named: Option<String>,
    /// The line.
    pub(super) line: u32,
}

/// The items of sources.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub(super) names: Names,
    pub(super) list: Vec<Item>,
    pub(super) imports: Vec<Import>,
    /// The paths of modules.
    pub(super) modules: Vec<String>,
    /// The workflows that modules include.
    pub(super) workflows: Vec<Included>,
    /// Other sources, by their paths relative to the file at hand.
    pub(super) sources: Vec<String>,
    /// Whether what is only compiled for tests counts.
    pub(super) tests: bool,
}

impl Items {
    /// Adds the items of a file.
    pub(super) fn add_file(&mut self, module: String, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let module = self.module(module);
        self.add(&tokens, module, None);
    }

    /// The number of a module.
    pub(super) fn module(&mut self, path: String) -> usize {
        let known = self.modules.iter().position(|known| *known == path);
        known.unwrap_or_else(|| {
            self.modules.push(path);
            self.modules.len() - 1
        })
    }

    /// Adds items; those of an `impl` with its head.
    fn add(&mut self, tokens: &[TokenTree], module: usize, owner: Option<&Owner>) {
        let mut at = 0;
        while at < tokens.len() {
            let end = self.one(&tokens[at..], module, owner);
            at += end.max(1);
        }
    }

    /// Adds the item at the start, and returns its length.
    fn one(&mut self, tokens: &[TokenTree], module: usize, owner: Option<&Owner>) -> usize {
        let mut start = 0;
        let mut attributes: Vec<&Group> = Vec::new();
        let mut inner = false;
        while is_punct(tokens.get(start), '#')
            && let Some(group) = attribute(tokens, start)
        {
            inner |= is_punct(tokens.get(start + 1), '!');
            attributes.push(group);
            start += if is_punct(tokens.get(start + 1), '!') { 3 } else { 2 };
            if inner {
                break;
            }
        }
        let mut head = Words::default();
        for group in attributes.iter().filter(|group| !words::is_cosmetic(group)) {
            head.read([TokenTree::Group((*group).clone())], Place::Attribute, &mut self.names);
        }
        if inner {
            // Of the file.
            if !head.text.is_empty() {
                self.push("#![…]".to_owned(), &tokens[0], module, Role::Always, head);
            }
            return start;
        }
        let visible = visibility(&tokens[start..]);
        start += visible;
        let Some(kind) = Kind::of(&tokens[start..]) else {
            return self.other(tokens, start, module, owner, head);
        };
        let length = start + kind.length(&tokens[start..]);
        let all = &tokens[start..length];
        if !self.tests && attributes.iter().any(|group| attributes::is_for_tests(group)) {
            return length;
        }
        let opaque = attributes.iter().any(|group| !attributes::is_known(group));
        if opaque {
            // Macros may read documentation too.
            for group in &attributes {
                head.text.extend_from_slice(group.stream().to_string().as_bytes());
            }
        }
        let name = kind.name.and_then(|at| all.get(at)).map(ToString::to_string).unwrap_or_default();
        let body = all.iter().rev().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
            _ => None,
        });
        let number = self.names.number(&name);
        let role = match kind.word {
            "use" => {
                self.import(&all[1..], module, visible > 0);
                return length;
            }
            "mod" => {
                self.sources.extend(attributes::paths_of(&attributes));
                if let Some(body) = body {
                    let inside = self.module(format!("{}::{name}", self.modules[module]));
                    let inner: Vec<TokenTree> = body.stream().into_iter().collect();
                    self.add(&inner, inside, None);
                }
                head.text.extend_from_slice(name.as_bytes());
                if opaque {
                    // What a macro makes of a module, it makes of all of it.
                    head.read_slice(all, Place::Macro, &mut self.names);
                }
                let role = if opaque { Role::Always } else { Role::Named(vec![number]) };
                self.push(format!("mod {name}"), &all[0], module, role, head);
                return length;
            }
            "impl" => return self.implementation(all, body, (module, head, opaque), length),
            _ if opaque || name == "_" => Role::Always,
            "trait" => Role::Trait(number, body.map(|body| self.members(body)).unwrap_or_default()),
            "enum" => {
                let variants = body.map(|body| self.variants(body)).unwrap_or_default();
                Role::Named([number].into_iter().chain(variants).collect())
            }
            "extern" => {
                let members = body.map(|body| self.members(body)).unwrap_or_default();
                Role::Named(if members.is_empty() { vec![number] } else { members })
            }
            _ => match owner {
                Some(owner) => Role::Member { types: owner.types.clone(), name: number },
                None => Role::Named(vec![number]),
            },
        };
        // What is exported to C is called from outside.
        let exported = attributes.iter().any(|group| {
            let text = group.stream().to_string();
            ["no_mangle", "export_name", "link_section"].iter().any(|name| text.contains(name))
        });
        let implements = kind.word == "fn" && body.is_some_and(|body| has_implementation(&body.stream()));
        let role = if exported || implements { Role::Always } else { role };
        let place = if kind.word == "macro_rules" { Place::Macro } else { Place::Code };
        let mut said = head;
        if let Some(owner) = owner {
            said.append(&owner.head);
        }
        said.read_slice(all, place, &mut self.names);
        let within = owner.map(|owner| format!("{}::", owner.label)).unwrap_or_default();
        let word = if kind.word == "macro_rules" { "macro" } else { kind.word };
        self.push(format!("{word} {within}{name}"), &all[kind.name.unwrap_or(0)], module, role, said);
        length
    }

    /// Adds what is no item that has a name: a macro call, or what is not understood.
    fn other(
        &mut self,
        tokens: &[TokenTree],
        start: usize,
        module: usize,
        owner: Option<&Owner>,
        head: Words,
    ) -> usize {
        let end = tokens[start..].iter().position(|token| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            token => is_punct(Some(token), ';'),
        });
        let length = end.map_or(tokens.len(), |end| start + end + 1);
        let all = &tokens[start..length];
        let bang = all.iter().position(|token| is_punct(Some(token), '!')).unwrap_or(0);
        let name = bang.checked_sub(1).and_then(|at| all.get(at)).map(ToString::to_string).unwrap_or_default();
        if name == "include_workflow" {
            if let Some(TokenTree::Group(group)) = all.get(bang + 1)
                && let arguments = group.stream().into_iter().collect::<Vec<_>>()
                && let Some(path) = arguments.first().and_then(|first| words::string(&first.to_string()))
            {
                let is_module = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "module");
                let option = arguments.iter().position(is_module);
                let named = option.and_then(|at| arguments.get(at + 2)).map(ToString::to_string);
                let line = u32::try_from(all[0].span().start().line).unwrap_or(u32::MAX);
                self.workflows.push(Included { module, path, named, line });
            }
            return length;
        }
        if all.is_empty() || is_punct(all.first(), ';') {
            return length;
        }
        if let Some(TokenTree::Group(group)) = all.get(bang + 1)
            && name == "thread_local"
        {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            self.add(&inner, module, None);
            return length;
        }
        let mut said = head;
        said.read_slice(all, Place::Macro, &mut self.names);
        if name == "include" {
            self.sources.extend(said.files.iter().cloned());
        }
        let role = match owner {
            // A macro among the members of a type counts with the type.
            Some(owner) => {
                said.append(&owner.head);
                Role::Impl { types: owner.types.clone(), own: owner.types.clone(), by: Vec::new(), members: Vec::new() }
            }
            None => Role::Always,
        };
        let label = if name.is_empty() { "item".to_owned() } else { format!("{name}!") };
        self.push(label, &all[0], module, role, said);
        length
    }

    fn implementation(
        &mut self,
        all: &[TokenTree],
        body: Option<&Group>,
        (module, head, opaque): (usize, Words, bool),
        length: usize,
    ) -> usize {
        let end = all.len().saturating_sub(1);
        let start =
            all.iter().position(|token| matches!(token, TokenTree::Ident(ident) if ident == "impl")).unwrap_or(0);
        let (own, after) = generics(&all[start + 1..end]);
        let parameters: BTreeSet<Name> = own.iter().map(|name| self.names.number(name)).collect();
        let bounds = after.iter().position(|token| matches!(token, TokenTree::Ident(ident) if ident == "where"));
        let after = &after[..bounds.unwrap_or(after.len())];
        let (of, ty) = split_for(after);
        let mut own = self.names_in(ty);
        own.retain(|name| !parameters.contains(name));
        let mut types = own.clone();
        let mut by = Vec::new();
        // Of the trait, its arguments; its own path is not what it is implemented for.
        if let Some(of) = of {
            let arguments = of.iter().position(|token| is_punct(Some(token), '<')).unwrap_or(of.len());
            types.extend(self.names_in(&of[arguments..]));
            by.extend(of[..arguments].iter().rev().find_map(|token| match token {
                TokenTree::Ident(ident) => Some(self.names.number(&ident.to_string())),
                _ => None,
            }));
        }
        types.retain(|name| !parameters.contains(name));
        // `<X as Y>::Z`, or a type that a macro makes, can be any type.
        let any = ty.first().is_some_and(|token| is_punct(Some(token), '<'))
            || ty.iter().any(|token| is_punct(Some(token), '!'));
        let label = shown(ty);
        match (of, body) {
            (None, Some(body)) if !opaque && !any => {
                let mut said = head;
                said.read_slice(&all[..end], Place::Code, &mut self.names);
                let owner = Owner { types, head: said, label };
                let inner: Vec<TokenTree> = body.stream().into_iter().collect();
                self.add(&inner, module, Some(&owner));
            }
            _ => {
                let members = body.map(|body| self.members(body)).unwrap_or_default();
                let mut said = head;
                said.read_slice(all, Place::Code, &mut self.names);
                let role = if opaque || any { Role::Always } else { Role::Impl { types, own, by, members } };
                let of = of.map(|of| format!("{} for ", shown(of))).unwrap_or_default();
                self.push(format!("impl {of}{label}"), &all[0], module, role, said);
            }
        }
        length
    }

    fn push(&mut self, label: String, token: &TokenTree, module: usize, role: Role, words: Words) {
        let line = u32::try_from(token.span().start().line).unwrap_or(0);
        self.list.push(Item { label, line, module, role, words });
    }

    /// All names in a type.
    fn names_in(&mut self, tokens: &[TokenTree]) -> BTreeSet<Name> {
        let mut said = Words::default();
        said.read_slice(tokens, Place::Macro, &mut self.names);
        said.names
    }

    /// The names of functions, constants and types in the body of a trait, an `impl` or an `extern` block.
    fn members(&mut self, body: &Group) -> Vec<Name> {
        let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
        let pairs = tokens.windows(2).filter_map(|pair| match pair {
            [TokenTree::Ident(kind), TokenTree::Ident(name)] => {
                ["fn", "const", "type", "static", "mut"].iter().any(|word| kind == word).then(|| name.to_string())
            }
            _ => None,
        });
        pairs.collect::<Vec<_>>().iter().map(|name| self.names.number(name)).collect()
    }

    /// The names of the variants of an enum.
    fn variants(&mut self, body: &Group) -> Vec<Name> {
        let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
        let mut found = Vec::new();
        for variant in tokens.split(|token| is_punct(Some(token), ',')) {
            let mut at = 0;
            while is_punct(variant.get(at), '#') {
                at += 2;
            }
            if let Some(TokenTree::Ident(name)) = variant.get(at) {
                found.push(self.names.number(&name.to_string()));
            }
        }
        found
    }
}

/// The head of an `impl` without a trait.
struct Owner {
    types: BTreeSet<Name>,
    head: Words,
    label: String,
}
