//! JSON as Python writes it.

use serde_json::Value;

/// A value as `json.dumps(value, sort_keys=True)` has it.
pub(crate) fn python(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (place, (name, value)) in fields.into_iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                // Names and values are ASCII here, of which Python escapes what serde_json escapes.
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_what_python_writes() {
        let value = json!({ "b": [1, null, "x\"y"], "a": { "d": true, "c": [] }, "e": {} });
        let text = r#"{"a": {"c": [], "d": true}, "b": [1, null, "x\"y"], "e": {}}"#;
        assert_eq!(python(&value), text);
    }
}
