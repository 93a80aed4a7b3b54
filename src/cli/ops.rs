//! `tamis ops`.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{OutputFormat, Usage, print};
use crate::config::diagnostic::nearest;
use crate::config::schema::op_schema;
use crate::ops::{OPS, OpEntry, find};

#[derive(Args)]
pub(super) struct Ops {
    /// One op, to show with its settings.
    name: Option<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Ops {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let chosen: Vec<&OpEntry> = match &self.name {
            Some(name) => vec![find(name).ok_or_else(|| unknown(name))?],
            None => OPS.iter().collect(),
        };
        if self.format == OutputFormat::Json {
            let list: Vec<Value> = chosen.into_iter().map(as_json).collect();
            return print(&format!("{}\n", serde_json::to_string_pretty(&list)?));
        }
        match chosen.as_slice() {
            [op] if self.name.is_some() => print(&page(op)),
            list => print(&list.iter().map(|op| line(op)).collect::<String>()),
        }
    }
}

fn unknown(name: &str) -> Usage {
    let names: Vec<&str> = OPS.iter().map(|op| op.name).collect();
    match nearest(name, &names) {
        Some(near) => Usage(format!("there is no op `{name}`; did you mean `{near}`?")),
        None => Usage(format!("there is no op `{name}`; there are: {}", names.join(", "))),
    }
}

fn as_json(op: &OpEntry) -> Value {
    json!({
        "name": op.name,
        "kind": op.kind,
        "version": op.version,
        "signals": op.signals.iter().map(|signal| json!({
            "name": signal.name, "type": signal.kind, "about": signal.about,
        })).collect::<Vec<_>>(),
        "reasons": op.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(),
        "settings": op_schema(op),
    })
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn line(op: &OpEntry) -> String {
    let schema = op_schema(op);
    let about = description(&schema).lines().next().unwrap_or_default().to_owned();
    format!("{:<16} {about}\n", op.name)
}

fn page(op: &OpEntry) -> String {
    let schema = op_schema(op);
    let mut page = format!("{}\n\n{}\n", op.name, description(&schema));
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\nsettings");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, setting) in schema["properties"].as_object().into_iter().flatten() {
        let default = match &setting["default"] {
            Value::Null if required.contains(&key.as_str()) => " (required)".to_owned(),
            Value::Null => String::new(),
            value => format!(" = {value}"),
        };
        let _ = writeln!(page, "  {key}{default}");
        for line in description(setting).lines() {
            let _ = writeln!(page, "      {line}");
        }
    }
    if !op.signals.is_empty() {
        let _ = writeln!(page, "\nsignals");
        for signal in op.signals {
            let _ = writeln!(page, "  {:<18} {}", signal.name, signal.about);
        }
    }
    let reasons: Vec<&str> = op.reasons.iter().map(|reason| reason.as_str()).collect();
    let _ = writeln!(page, "\nreasons\n  {}", reasons.join(", "));
    page
}
