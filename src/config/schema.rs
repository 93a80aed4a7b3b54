//! The JSON schema (draft-07) of a pipeline file, for completion and checks in editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::bytes::ByteSize;
use super::outcome::{Audit, LedgerDetail, Order, Rejected, Test};
use super::source::{Documents, Source};
use super::stage::StageKeys;
use super::tokens::Tokens;
use super::train::TrainConfig;
use crate::ops::{OPS, OpEntry};

/// The whole schema, as written to `pipelines/schema.json`.
#[must_use]
pub fn pipeline_schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let stages: Vec<Value> = OPS.iter().map(|op| stage_schema(op, &mut generator)).collect();
    let of = |schema: schemars::Schema| schema.to_value();
    let properties = json!({
        "name": { "type": "string", "description": "Name of the pipeline; the default run directory is runs/<name>." },
        "seed": { "type": "integer", "minimum": 0, "default": 0, "description": "Seed of every random choice." },
        "memory_limit": of(generator.subschema_for::<ByteSize>()),
        "order": of(generator.subschema_for::<Order>()),
        "ledger": of(generator.subschema_for::<LedgerDetail>()),
        "rejected": of(generator.subschema_for::<Rejected>()),
        "audit": of(generator.subschema_for::<Audit>()),
        "test": {
            "type": "array",
            "description": "Documents and what becomes of them; `tamis test` runs them.",
            "items": of(generator.subschema_for::<Test>())
        },
        "source": {
            "type": "array", "minItems": 1,
            "description": "Where records come from. Document order is the order of the sources, then path, then record.",
            "items": of(generator.subschema_for::<Source>())
        },
        "stage": {
            "type": "array",
            "description": "What happens to the documents, in this order.",
            "items": { "oneOf": stages }
        },
        "documents": of(generator.subschema_for::<Documents>()),
        "tokens": of(generator.subschema_for::<Tokens>()),
        "train": of(generator.subschema_for::<TrainConfig>()),
    });
    let definitions: Map<String, Value> = generator.take_definitions(true);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "tamis pipeline",
        "description": "One pipeline of tamis: sources, stages and what is written.",
        "type": "object",
        "required": ["name", "source"],
        "additionalProperties": false,
        "properties": properties,
        "definitions": definitions,
    })
}

/// An op's own settings, without the keys that every stage has.
#[must_use]
pub fn op_schema(op: &OpEntry) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut schema = (op.schema)(&mut generator).to_value();
    let definitions = generator.take_definitions(true);
    if let (Some(object), false) = (schema.as_object_mut(), definitions.is_empty()) {
        object.insert("definitions".to_owned(), Value::Object(definitions));
    }
    schema
}

/// One alternative of `[[stage]]`: the op's settings and the keys of every stage in one object.
fn stage_schema(op: &OpEntry, generator: &mut SchemaGenerator) -> Value {
    let mut schema = (op.schema)(generator).to_value();
    let general = StageKeys::json_schema(generator).to_value();
    let Some(object) = schema.as_object_mut() else { return schema };
    object.insert("title".to_owned(), json!(op.name));
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        for (key, value) in general["properties"].as_object().into_iter().flatten() {
            if op.own_action && key == "action" {
                continue;
            }
            properties.insert(key.clone(), value.clone());
        }
        properties
            .insert("op".to_owned(), json!({ "const": op.name, "description": "The op to run." }));
    }
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        required.insert(0, json!("op"));
    }
    schema
}
