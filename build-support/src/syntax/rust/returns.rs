//! `return` in a node's Rust: it leaves a function of Tea's, which gives a `Result`.

use std::ops::Range;

use syn::{
    Expr, ExprAsync, ExprClosure, ExprMacro, ExprReturn, Item, Macro, Stmt, spanned::Spanned as _, visit::Visit,
};

use super::Name;

/// A way out of a node that rustc would refuse.
pub(super) enum Wrong {
    /// `return value`, with the value's place, or `return`, at its own.
    Value(Range<usize>),
    /// A macro that returns an error as it is, such as `anyhow::bail!`.
    Macro(Range<usize>, String),
}

/// The ways out in statements that are certain to be wrong; `free` are their free names.
pub(super) fn wrong(body: &[Stmt], free: &[Name]) -> Vec<Wrong> {
    let mut returns = Returns { free, found: Vec::new() };
    for statement in body {
        returns.visit_stmt(statement);
    }
    returns.found
}

/// The same of an expression.
pub(super) fn wrong_in(expr: &Expr, free: &[Name]) -> Vec<Wrong> {
    let mut returns = Returns { free, found: Vec::new() };
    returns.visit_expr(expr);
    returns.found
}

struct Returns<'a> {
    free: &'a [Name],
    found: Vec<Wrong>,
}

impl Returns<'_> {
    /// Whether the value is certain to be no `Result`. Of calls and variables only rustc knows.
    fn is_plain(&self, value: &Expr) -> bool {
        match value {
            Expr::Lit(_)
            | Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Struct(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Repeat(_)
            | Expr::Reference(_)
            | Expr::Range(_)
            | Expr::Closure(_) => true,
            Expr::Paren(inner) => self.is_plain(&inner.expr),
            // A state key, or a constant.
            Expr::Path(path) => self.free.iter().any(|name| name.place == path.span().byte_range()),
            Expr::Macro(ExprMacro { mac, .. }) => ["format", "vec"].iter().any(|name| mac.path.is_ident(name)),
            _ => false,
        }
    }
}

impl<'ast> Visit<'ast> for Returns<'_> {
    fn visit_expr_return(&mut self, expr: &'ast ExprReturn) {
        match &expr.expr {
            None => self.found.push(Wrong::Value(expr.return_token.span.byte_range())),
            Some(value) if self.is_plain(value) => self.found.push(Wrong::Value(value.span().byte_range())),
            Some(value) => self.visit_expr(value),
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let segments: Vec<_> = mac.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [of, name] = &segments[..]
            && ["anyhow", "eyre", "color_eyre"].contains(&of.as_str())
            && ["bail", "ensure"].contains(&name.as_str())
        {
            self.found.push(Wrong::Macro(mac.path.span().byte_range(), format!("{of}::{name}")));
        }
    }

    // What returns from these does not return from the node.
    fn visit_expr_closure(&mut self, _: &'ast ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'ast ExprAsync) {}
    fn visit_item(&mut self, _: &'ast Item) {}
}
