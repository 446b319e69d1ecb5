//! The identities of code, as literals of the runtime's types.

use super::text::{join, option};
use crate::plan::{self, CodeId, Identities, Outside, Plan};

/// The identity of some code: its hash, and the parts that it consists of, as ranges.
pub(super) fn code_id(id: &CodeId) -> String {
    if *id == CodeId::default() {
        return "tea::CodeId::UNKNOWN".to_owned();
    }
    let outside = join(&id.outside, ", ", |outside| match outside {
        Outside::File(path) => format!("tea::Outside::File({path:?})"),
        Outside::Variable(name) => format!("tea::Outside::Variable({name:?})"),
    });
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for part in &id.parts {
        match ranges.last_mut() {
            Some((_, end)) if *end == *part => *end += 1,
            _ => ranges.push((*part, part + 1)),
        }
    }
    format!("tea::CodeId {{ hash: {:#034x}, parts: &{ranges:?}, outside: &[{outside}] }}", id.hash)
}

/// The identities of the workflow's code, if they are known.
pub(super) fn identities(plan: &Plan) -> String {
    option(plan.identities.as_ref().map(|Identities { shape, keys, parts, notice }| {
        let keys = join(keys, ", ", |hash| format!("{hash:#034x}"));
        let parts = join(parts, "", |part| {
            let plan::Part { file, line, name, hash } = part;
            format!("            tea::Part {{ name: {name:?}, file: {file:?}, line: {line}, hash: {hash:#018x} }},\n")
        });
        let notice = notice.as_ref().map_or_else(|| "tea::None".to_owned(), |notice| format!("tea::Some({notice:?})"));
        format!(
            "&tea::Identities {{ shape: {shape:#034x}, notice: {notice}, keys: &[{keys}], parts: &[\n{parts}        ] }}"
        )
    }))
}
