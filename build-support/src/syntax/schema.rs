//! The language's tables as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::language::{Entry, Shape, Table, WORKFLOW};

/// A JSON Schema (2020-12) of workflow files: entries, shapes and what they are for. It does not know what only the
/// whole file can tell.
#[must_use]
pub fn schema() -> Value {
    let mut tables = Map::new();
    let workflow = mapping(&WORKFLOW, &mut tables);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tea workflow",
    });
    if let (Some(schema), Value::Object(workflow)) = (schema.as_object_mut(), workflow) {
        schema.extend(workflow);
        schema.insert("$defs".to_owned(), Value::Object(tables));
    }
    schema
}

fn mapping(table: &'static Table, tables: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for entry in table.all() {
        let mut value = shape(entry.shape, tables);
        if let Some(value) = value.as_object_mut() {
            value.insert("description".to_owned(), entry.about.into());
        }
        properties.insert(entry.name.to_owned(), value);
    }
    let required: Vec<_> = table.all().filter(|entry| entry.required).map(|entry: &Entry| entry.name).collect();
    let mut value = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    if !table.one_of.is_empty() {
        value["oneOf"] = table.one_of.iter().map(|name| json!({ "required": [name] })).collect();
    }
    value
}

/// A reference to a mapping, which is put among the definitions.
fn reference(table: &'static Table, tables: &mut Map<String, Value>) -> Value {
    let words = table.what.trim_start_matches("a ").trim_start_matches("an ");
    let name: String = words.replace('`', "").replace([' ', '.'], "-");
    if !tables.contains_key(&name) {
        tables.insert(name.clone(), Value::Null);
        let definition = mapping(table, tables);
        tables.insert(name.clone(), definition);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A mapping from names to Rust.
fn values() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
}

fn shape(shape: Shape, tables: &mut Map<String, Value>) -> Value {
    let name = json!({ "type": "string" });
    match shape {
        Shape::Text | Shape::Name | Shape::Reference => name,
        Shape::Texts => json!({ "type": "array", "minItems": 1, "items": name }),
        Shape::References => json!({ "oneOf": [name, { "type": "array", "items": name }] }),
        Shape::Outputs => {
            let pairs = json!({ "type": "object", "additionalProperties": name });
            json!({ "oneOf": [name, { "type": "array", "items": name }, pairs] })
        }
        Shape::Passes => json!({ "oneOf": [{ "type": "array", "items": name }, values()] }),
        Shape::BoolOrValues => json!({ "oneOf": [{ "type": "boolean" }, values()] }),
        Shape::Items => {
            let rust = json!({ "type": ["string", "number", "boolean"] });
            let variables = json!({ "type": "object", "minProperties": 1, "additionalProperties": rust });
            json!({ "oneOf": [rust, variables] })
        }
        Shape::Branches => {
            let list = json!({ "type": "array", "items": name, "minItems": 1 });
            json!({ "oneOf": [name, { "type": "array", "items": { "oneOf": [name, list] } }] })
        }
        // `21` and `true` are Rust as well.
        Shape::Rust(_) => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Count(least) => json!({ "type": "integer", "minimum": least }),
        Shape::Factor => json!({ "type": "number", "minimum": 1 }),
        Shape::Duration { .. } => json!({ "type": "string", "examples": ["100ms", "30s", "1m30s"] }),
        Shape::Size => json!({ "type": "string", "examples": ["64KiB", "512MiB", "1GB"] }),
        Shape::WordOrCount(words) => json!({ "oneOf": [{ "enum": words }, { "type": "integer", "minimum": 1 }] }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Words(words) => json!({ "type": "array", "items": { "enum": words } }),
        Shape::Mapping(table) => reference(table, tables),
        Shape::BoolOrMapping(table) => json!({ "oneOf": [{ "type": "boolean" }, reference(table, tables)] }),
        Shape::Keys(table) => {
            let long = reference(table, tables);
            json!({ "type": "object", "additionalProperties": { "oneOf": [name, long] } })
        }
        Shape::Mappings(table) => json!({ "type": "array", "minItems": 1, "items": reference(table, tables) }),
        Shape::ReferenceOrMappings(table) => {
            let list = json!({ "type": "array", "minItems": 1, "items": reference(table, tables) });
            json!({ "oneOf": [name, list] })
        }
    }
}
