//! Stubs for a workflow that does not compile, so that the caller's own code does not cause further errors.

use crate::{
    generate::{Surface, join, module_name, variable, within},
    syntax::{Key, Workflow, is_identifier},
};

/// Items with the names that the caller may use; `workflow` is what could be read of the file.
pub(crate) fn write(workflow: Option<&Workflow>, surface: &Surface) -> String {
    let module = workflow.map_or_else(String::new, |workflow| module(workflow, surface));
    let main = "fn main() -> ::std::process::ExitCode { ::std::process::ExitCode::FAILURE }\n";
    module + if surface.main { main } else { "" }
}

fn module(workflow: &Workflow, surface: &Surface) -> String {
    let Surface { runtime, visibility, module, .. } = surface;
    let inner = within(visibility, 1);
    // A newline, because the type may end with a line comment.
    let typed = |name: &str, key: &Key| format!("{name}: {}\n, ", key.ty.text);
    let field = |key: &Key| format!("#[doc(hidden)] {inner} {}", typed(&variable(&key.name.value), key));
    let may_be_left_out = |key: &Key| key.optional.is_some() && key.default.is_none();
    let input = |key: &Key| {
        let field = field(key);
        let Some((name, ty)) = field.split_once(": ").filter(|_| may_be_left_out(key)) else { return field };
        format!("{name}: ::core::option::Option<{}>, ", ty.trim_end().trim_end_matches(','))
    };
    // A key whose name or type is wrong has none to show.
    let is_rust = |key: &&Key| is_identifier(&key.name.value) && syn::parse_str::<syn::Type>(&key.ty.text).is_ok();
    let inputs = || workflow.keys.iter().filter(is_rust).filter(|key| key.input.is_some());
    let outputs = workflow.keys.iter().filter(is_rust).filter(|key| key.in_output());
    let states = workflow.keys.iter().filter(is_rust);
    format!(
        "/// Stands in for a workflow that does not compile.\n{visibility} mod {name} {{\nuse super::*;\n\
         /// Stand-in.\n{inner} struct Input {{ {input} }}\n\
         impl Input {{\n/// Stand-in.\n{inner} fn new({parameters}) -> Self {{ ::core::panic!() }}\n}}\n\
         impl ::core::default::Default for Input {{ fn default() -> Self {{ ::core::panic!() }} }}\n\
         /// Stand-in.\n{inner} struct Output {{ {output} }}\n\
         /// Stand-in.\n{inner} struct State {{ {state} }}\n\
         {runtime}::__private::stub! {{ ({inner}) }}\n}}\n",
        name = module.clone().unwrap_or_else(|| module_name(&workflow.name.value)),
        input = join(inputs(), "", input),
        parameters =
            join(inputs().filter(|key| key.default.is_none() && !may_be_left_out(key)), "", |key| typed("_", key)),
        output = join(outputs, "", field),
        state = join(states, "", |key| {
            format!("#[doc(hidden)] {inner} {}: ::std::sync::Arc<{}\n>, ", variable(&key.name.value), key.ty.text)
        }),
    )
}
