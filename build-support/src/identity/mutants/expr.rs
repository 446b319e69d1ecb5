//! What the items of generated crates compute.

use std::collections::BTreeSet;

use super::{NAMES, Random, TYPES, module, name};

/// What an item computes from `n`.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    N,
    Number(i64),
    Binary(char, Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Const(usize),
    Static(usize),
    /// A call of a function, by the way in which it is named.
    Call(usize, Way, Box<Expr>),
    /// `Type(n).get()`
    Method(usize, Box<Expr>),
    /// `Type(n).measure()` or `n.measure()`
    Trait(Option<usize>, Box<Expr>),
    /// `Type(n).doubled()`, which the trait provides.
    Provided(usize, Box<Expr>),
    /// `(Type(a) + Type(b)).0`
    Operator(usize, Box<Expr>, Box<Expr>),
    Macro(usize, Box<Expr>),
    /// `format!("{CONST}").len()`
    Shown(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    Path,
    /// By an import, so that only `use` says which function of this name it is.
    Import,
}

pub(super) fn binary(operator: char, a: i64, b: i64) -> i64 {
    match operator {
        '+' => a.wrapping_add(b),
        '-' => a.wrapping_sub(b),
        _ => a.wrapping_mul(b),
    }
}

/// What an expression may have.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Level {
    Plain,
    All,
}

/// An expression, whose calls are of functions with smaller numbers.
pub(super) fn expr(random: &mut Random, depth: usize, below: usize, level: Level) -> Expr {
    let kinds = if depth == 0 {
        5
    } else if level == Level::Plain {
        7
    } else {
        14
    };
    let inner = |random: &mut Random| Box::new(expr(random, depth.saturating_sub(1), below, level));
    match random.below(kinds) {
        0 => Expr::N,
        1 => Expr::Number(random.number()),
        2 => Expr::Const(random.below(4)),
        3 => Expr::Static(random.below(3)),
        4 => Expr::Shown(random.below(4)),
        5 => Expr::Binary(['+', '-', '*'][random.below(3)], inner(random), inner(random)),
        6 => Expr::If(inner(random), inner(random), inner(random)),
        7 => Expr::Method(random.below(TYPES), inner(random)),
        8 => Expr::Trait((random.below(2) == 0).then(|| random.below(TYPES)), inner(random)),
        9 => Expr::Provided(random.below(TYPES), inner(random)),
        10 => Expr::Operator(random.below(TYPES), inner(random), inner(random)),
        11 => Expr::Macro(random.below(3), inner(random)),
        _ if below == 0 => Expr::N,
        kind => Expr::Call(random.below(below), if kind == 12 { Way::Path } else { Way::Import }, inner(random)),
    }
}

/// Changes one thing in an expression.
pub(super) fn change(expr: &mut Expr, random: &mut Random) {
    // Sometimes deeper.
    let deeper = random.below(3) > 0;
    match expr {
        Expr::Binary(_, a, b) | Expr::Operator(_, a, b) if deeper => {
            return change(if random.below(2) == 0 { a } else { b }, random);
        }
        Expr::If(a, b, c) if deeper => return change([a, b, c][random.below(3)], random),
        Expr::Call(_, _, a) | Expr::Method(_, a) | Expr::Trait(_, a) | Expr::Provided(_, a) | Expr::Macro(_, a)
            if deeper =>
        {
            return change(a, random);
        }
        _ => {}
    }
    match expr {
        Expr::Number(number) => *number += 1,
        Expr::Const(number) | Expr::Shown(number) => *number = (*number + 1) % 4,
        Expr::Static(number) | Expr::Macro(number, _) | Expr::Method(number, _) | Expr::Provided(number, _) => {
            *number = (*number + 1) % 3;
        }
        Expr::Operator(ty, ..) => *ty = (*ty + 1) % TYPES,
        Expr::Trait(ty, _) => *ty = if ty.is_some() { None } else { Some(0) },
        Expr::Binary(operator, ..) => *operator = if *operator == '+' { '*' } else { '+' },
        // Another function of this name, where there is one: only a path or `use` says which.
        Expr::Call(function, ..) if *function >= NAMES => *function -= NAMES,
        Expr::If(a, ..) => *expr = (**a).clone(),
        _ => *expr = Expr::Binary('+', Box::new(expr.clone()), Box::new(Expr::Number(7))),
    }
}

/// An expression as Rust in a module, with the imports that it needs.
pub(super) fn rust(expr: &Expr, within: usize, imports: &mut BTreeSet<String>) -> String {
    let mut of = |expr: &Expr| rust(expr, within, imports);
    match expr {
        Expr::N => "n".to_owned(),
        Expr::Number(number) => format!("({number}_i64)"),
        Expr::Binary(operator, a, b) => {
            let method = match operator {
                '+' => "wrapping_add",
                '-' => "wrapping_sub",
                _ => "wrapping_mul",
            };
            format!("i64::{method}({}, {})", of(a), of(b))
        }
        Expr::If(a, b, c) => format!("(if {} > 3 {{ {} }} else {{ {} }})", of(a), of(b), of(c)),
        Expr::Const(number) => format!("C{number}"),
        Expr::Static(number) => format!("S{number}"),
        Expr::Shown(number) => format!("(format!(\"{{C{number}}}\").len() as i64)"),
        Expr::Call(function, way, a) => {
            let a = of(a);
            let (module, name) = (module(*function), name(*function));
            // One module imports one function of a name; others are named by their paths.
            let import = format!("use crate::m{module}::{name};");
            let other = |known: &String| known.ends_with(&format!("::{name};")) && *known != import;
            if *way == Way::Import && module != within && !imports.iter().any(other) {
                imports.insert(import);
                format!("{name}({a} % 100)")
            } else {
                format!("crate::m{module}::{name}({a} % 100)")
            }
        }
        Expr::Method(ty, a) => format!("T{ty}({}).get()", of(a)),
        Expr::Trait(Some(ty), a) => format!("T{ty}({}).measure()", of(a)),
        Expr::Trait(None, a) => format!("{}.measure()", of(a)),
        Expr::Provided(ty, a) => format!("T{ty}({}).doubled()", of(a)),
        Expr::Operator(ty, a, b) => format!("(T{ty}({}) + T{ty}({})).0", of(a), of(b)),
        Expr::Macro(number, a) => format!("m{number}!({})", of(a)),
    }
}
