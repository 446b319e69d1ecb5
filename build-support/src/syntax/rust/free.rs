//! Free names of Rust: identifiers that are used as variables and bound nowhere in the text. Fields, methods, paths,
//! called functions, types and nested items do not count.

use proc_macro2::TokenStream;
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprAssign, ExprBinary, ExprCall, ExprClosure, ExprForLoop, ExprIf, ExprLet,
    ExprLit, ExprMatch, ExprPath, ExprRepeat, ExprWhile, GenericArgument, Item, Lit, Local, Macro, Member, Pat, Path,
    Stmt, Token, Type, UseTree,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    visit::{self, Visit},
};

use super::{
    Name,
    format::{self, Format},
    tokens,
};

/// The free names of an expression that is part of `text`.
pub(super) fn names_of(expr: &Expr, text: &str) -> Vec<Name> {
    let mut free = Free::new(text);
    free.visit_expr(expr);
    free.finish()
}

/// The free names of a block's inside.
pub(super) fn names_of_body(body: &[Stmt], text: &str) -> Vec<Name> {
    let mut free = Free::new(text);
    free.statements(body);
    free.finish()
}

struct Free<'t> {
    text: &'t str,
    bound: Vec<String>,
    found: Vec<Name>,
}

impl<'t> Free<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, bound: Vec::new(), found: Vec::new() }
    }

    fn finish(mut self) -> Vec<Name> {
        self.found.sort_by_key(|name| name.place.start);
        self.found
    }

    /// What is bound inside is free again outside.
    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let outside = self.bound.len();
        inside(self);
        self.bound.truncate(outside);
    }

    fn read(&mut self, name: Name) {
        if !self.bound.contains(&name.word) {
            self.found.push(name);
        }
    }

    /// The left side of `=`.
    fn assign(&mut self, place: &Expr) {
        match place {
            Expr::Path(ExprPath { qself: None, path, .. }) => {
                if let Some(ident) = path.get_ident() {
                    self.read(Name { assigned: true, ..tokens::name(ident) });
                }
            }
            place => self.visit_expr(place),
        }
    }

    fn bind(&mut self, pat: &Pat) {
        match pat {
            Pat::Ident(pat) => {
                self.bound.push(tokens::name(&pat.ident).word);
                if let Some((_, inner)) = &pat.subpat {
                    self.bind(inner);
                }
            }
            Pat::Guard(pat) => {
                self.bind(&pat.pat);
                self.visit_expr(&pat.guard);
            }
            Pat::Or(pat) => pat.cases.iter().for_each(|case| self.bind(case)),
            Pat::Paren(pat) => self.bind(&pat.pat),
            Pat::Reference(pat) => self.bind(&pat.pat),
            Pat::Slice(pat) => pat.elems.iter().for_each(|elem| self.bind(elem)),
            Pat::Struct(pat) => pat.fields.iter().for_each(|field| self.bind(&field.pat)),
            Pat::Tuple(pat) => pat.elems.iter().for_each(|elem| self.bind(elem)),
            Pat::TupleStruct(pat) => pat.elems.iter().for_each(|elem| self.bind(elem)),
            Pat::Type(pat) => self.bind(&pat.pat),
            _ => {}
        }
    }

    /// Items name their things for the whole block, even before they are written.
    fn bind_item(&mut self, item: &Item) {
        let ident = match item {
            Item::Const(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Use(item) => return self.bind_use(&item.tree),
            _ => return,
        };
        self.bound.push(tokens::name(ident).word);
    }

    fn bind_use(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(tree) => self.bind_use(&tree.tree),
            UseTree::Name(tree) => self.bound.push(tokens::name(&tree.ident).word),
            UseTree::Rename(tree) => self.bound.push(tokens::name(&tree.rename).word),
            UseTree::Group(tree) => tree.items.iter().for_each(|tree| self.bind_use(tree)),
            UseTree::Glob(_) => {}
        }
    }

    fn statements(&mut self, statements: &[Stmt]) {
        self.scope(|free| {
            for statement in statements {
                if let Stmt::Item(item) = statement {
                    free.bind_item(item);
                }
            }
            for statement in statements {
                free.visit_stmt(statement);
            }
        });
    }

    /// Arguments of a macro that takes expressions, as most do.
    fn arguments(&mut self, arguments: &Punctuated<Expr, Token![,]>, format: Format) {
        let mut named = Vec::new();
        let mut in_strings = Vec::new();
        let mut before = false;
        for (number, argument) in arguments.iter().enumerate() {
            match argument {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    if format.is_at(number, before) {
                        let place = text.span().byte_range();
                        in_strings.extend(format::names(&self.text[place.clone()], place.start));
                    }
                    before = true;
                }
                Expr::Assign(assign) => {
                    if let Expr::Path(ExprPath { path, .. }) = &*assign.left
                        && let Some(ident) = path.get_ident()
                    {
                        named.push(tokens::name(ident).word);
                    }
                    self.visit_expr(&assign.right);
                }
                argument => self.visit_expr(argument),
            }
        }
        for name in in_strings {
            if !named.contains(&name.word) {
                self.read(name);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Free<'_> {
    fn visit_expr_path(&mut self, expr: &'ast ExprPath) {
        if let (None, Some(ident)) = (&expr.qself, expr.path.get_ident()) {
            self.read(tokens::name(ident));
        }
    }

    fn visit_expr_assign(&mut self, expr: &'ast ExprAssign) {
        self.assign(&expr.left);
        self.visit_expr(&expr.right);
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        use BinOp::{
            AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign, ShlAssign, ShrAssign,
            SubAssign,
        };
        match expr.op {
            AddAssign(_) | SubAssign(_) | MulAssign(_) | DivAssign(_) | RemAssign(_) | BitXorAssign(_)
            | BitAndAssign(_) | BitOrAssign(_) | ShlAssign(_) | ShrAssign(_) => self.assign(&expr.left),
            _ => self.visit_expr(&expr.left),
        }
        self.visit_expr(&expr.right);
    }

    /// A plain name that is called is a function; `(name)(…)` calls what a variable holds.
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if !matches!(&*call.func, Expr::Path(_)) {
            self.visit_expr(&call.func);
        }
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.statements(&block.stmts);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        self.bind(&local.pat);
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.scope(|free| {
            closure.inputs.iter().for_each(|input| free.bind(input));
            free.visit_expr(&closure.body);
        });
    }

    fn visit_expr_let(&mut self, expr: &'ast ExprLet) {
        self.visit_expr(&expr.expr);
        self.bind(&expr.pat);
    }

    fn visit_expr_if(&mut self, expr: &'ast ExprIf) {
        self.scope(|free| {
            free.visit_expr(&expr.cond);
            free.visit_block(&expr.then_branch);
        });
        if let Some((_, otherwise)) = &expr.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, expr: &'ast ExprWhile) {
        self.scope(|free| {
            free.visit_expr(&expr.cond);
            free.visit_block(&expr.body);
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast ExprForLoop) {
        self.visit_expr(&expr.expr);
        self.scope(|free| {
            free.bind(&expr.pat);
            free.visit_block(&expr.body);
        });
    }

    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        self.visit_expr(&expr.expr);
        expr.arms.iter().for_each(|arm| self.visit_arm(arm));
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.scope(|free| {
            free.bind(&arm.pat);
            free.visit_expr(&arm.body);
        });
    }

    /// A length is a constant.
    fn visit_expr_repeat(&mut self, expr: &'ast ExprRepeat) {
        self.visit_expr(&expr.expr);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let name = mac.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "stringify" => {}
            "matches" => match Matches::parse(mac.tokens.clone()) {
                Some(matches) => {
                    self.visit_expr(&matches.value);
                    self.scope(|free| {
                        free.bind(&matches.pat);
                        matches.guard.iter().for_each(|guard| free.visit_expr(guard));
                    });
                }
                None => self.visit_tokens(mac.tokens.clone(), Format::Nowhere),
            },
            _ => match Punctuated::parse_terminated.parse2(mac.tokens.clone()) {
                Ok(arguments) => self.arguments(&arguments, Format::of(&name)),
                Err(_) => match repeat.parse2(mac.tokens.clone()) {
                    Ok((value, length)) => {
                        self.visit_expr(&value);
                        self.visit_expr(&length);
                    }
                    Err(_) => self.visit_tokens(mac.tokens.clone(), Format::of(&name)),
                },
            },
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Verbatim(tokens) => self.visit_tokens(tokens.clone(), Format::Nowhere),
            expr => visit::visit_expr(self, expr),
        }
    }

    /// Nothing in an item is a variable of the text, but for a macro's: it is replaced by what it expands to where it is called.
    fn visit_item(&mut self, item: &'ast Item) {
        if let Item::Macro(item) = item {
            self.visit_tokens(item.mac.tokens.clone(), Format::Nowhere);
        }
    }

    // Nothing in these is a variable of the text.
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_path(&mut self, _: &'ast Path) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_member(&mut self, _: &'ast Member) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_generic_argument(&mut self, _: &'ast GenericArgument) {}
}

impl Free<'_> {
    fn visit_tokens(&mut self, tokens: TokenStream, format: Format) {
        let mut names = Vec::new();
        tokens::collect(tokens, self.text, format, &mut names);
        for name in names {
            self.read(name);
        }
    }
}

/// Arguments of `matches!`.
struct Matches {
    value: Expr,
    pat: Pat,
    guard: Option<Expr>,
}

impl Matches {
    fn parse(tokens: TokenStream) -> Option<Self> {
        let parser = |input: ParseStream| {
            let value = input.parse()?;
            input.parse::<Token![,]>()?;
            let pat = Pat::parse_multi_with_leading_vert(input)?;
            let guard = match input.parse::<Option<Token![if]>>()? {
                Some(_) => Some(input.parse()?),
                None => None,
            };
            input.parse::<Option<Token![,]>>()?;
            Ok(Self { value, pat, guard })
        };
        parser.parse2(tokens).ok()
    }
}

/// `value; length`, as `vec!` takes it.
fn repeat(input: ParseStream) -> syn::Result<(Expr, Expr)> {
    let value = input.parse()?;
    input.parse::<Token![;]>()?;
    Ok((value, input.parse()?))
}
