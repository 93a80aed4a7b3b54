//! Chat templates: Jinja as `transformers` renders it
//! ([chat templates](https://huggingface.co/docs/transformers/chat_templating)).
//!
//! The dialect is that of `jinja2` with `trim_blocks`, `lstrip_blocks`, loop controls, the methods of
//! Python's strings, lists and dicts, `tojson` as `json.dumps(ensure_ascii=False)` writes it,
//! `raise_exception` and `{% generation %}`. There is no `strftime_now`, since a rendering must not
//! depend on the day: templates that ask whether it is there take their fixed date. A rendering
//! reads no file, and takes a bounded number of steps and bytes.

use std::fmt::Write as _;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::conversation::json::{Style, float};
use crate::conversation::{Arguments, Content, Conversation, Json, Message};

/// Steps that one rendering may take: some hundreds for each message are usual.
const FUEL: u64 = 10_000_000;

/// Bytes that one rendering may give.
const MAX_BYTES: usize = 512 << 20;

/// Depth of macros and includes within each other.
const RECURSION: usize = 100;

/// Where a `{% generation %}` block begins and ends in what is rendered: noncharacters of Unicode,
/// which no conversation that gets here holds.
pub(super) const LEARN: char = '\u{fdd1}';
/// See [`LEARN`].
pub(super) const LEARN_END: char = '\u{fdd2}';

const NAME: &str = "chat_template";

/// A template made ready.
pub(super) struct Template {
    environment: Environment<'static>,
    /// Whether it marks what the assistant says.
    pub marks: bool,
}

impl Template {
    /// Compiles a template. `globals` are the variables that every rendering sees.
    pub(super) fn compile(source: &str, globals: Vec<(String, Value)>) -> Result<Self, Error> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_recursion_limit(RECURSION);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(method);
        environment.set_formatter(|out, _, value| {
            if !value.is_undefined() {
                let mut text = String::new();
                print(value, &mut text, false);
                out.write_str(&text)?;
            }
            Ok(())
        });
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_filter("tojson", tojson);
        environment.add_filter("string", |value: &Value| {
            let mut text = String::new();
            print(value, &mut text, false);
            text
        });
        for (name, value) in globals {
            environment.add_global(name, value);
        }
        let (source, marks) = mark_generation(source);
        environment.add_template_owned(NAME, source)?;
        Ok(Self { environment, marks })
    }

    /// Renders a conversation into `out`, in place of what it holds.
    pub(super) fn render(
        &self,
        conversation: &Conversation,
        prompt: bool,
        out: &mut String,
    ) -> Result<(), Error> {
        let messages: Value = conversation.messages.iter().map(message).collect();
        let tools = if conversation.tools.is_empty() {
            Value::from(())
        } else {
            conversation.tools.iter().map(value).collect()
        };
        let context = Value::from_pairs([
            ("messages", messages),
            ("tools", tools),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(prompt)),
        ]);
        let mut bytes = std::mem::take(out).into_bytes();
        bytes.clear();
        let mut capped = Capped(bytes);
        self.environment.get_template(NAME)?.render_captured_to(context, &mut capped)?;
        *out = String::from_utf8(capped.0)
            .map_err(|_| Error::new(ErrorKind::WriteFailure, "the output is no UTF-8"))?;
        Ok(())
    }
}

struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::Error::other("the rendering is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts expressions that write [`LEARN`] and [`LEARN_END`] in the place of `generation` tags, which
/// the engine does not know. White space around them is treated as around any tag.
fn mark_generation(source: &str) -> (String, bool) {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut marks = false;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let inner = &tag[2..end];
        let left = inner.chars().next().filter(|c| matches!(c, '-' | '+'));
        let inner = &inner[left.map_or(0, char::len_utf8)..];
        let right = inner.chars().next_back().filter(|c| matches!(c, '-' | '+'));
        let inner = &inner[..inner.len() - right.map_or(0, char::len_utf8)];
        let mark = match inner.trim() {
            "generation" => Some(LEARN),
            "endgeneration" => Some(LEARN_END),
            _ => None,
        };
        if let Some(mark) = mark {
            marks = true;
            let sign = |sign: Option<char>| sign.map(String::from).unwrap_or_default();
            let (left, right) = (sign(left), sign(right));
            let _ = write!(out, "{{%{left} if true %}}{mark}{{% endif {right}%}}");
        } else {
            out.push_str(&tag[..end + 2]);
        }
        rest = &tag[end + 2..];
    }
    out.push_str(rest);
    (out, marks)
}

/// Methods of Python's strings, lists and dicts.
fn method(
    state: &mut State<'_, '_>,
    on: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let (Some(text), "format" | "format_map") = (on.as_str(), name) {
        let message = format!("`{text}`.{name}() is not supported");
        return Err(Error::new(ErrorKind::UnknownMethod, message));
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, on, name, args)
}

fn message(message: &Message) -> Value {
    let mut fields = vec![("role", Value::from(message.role.name()))];
    match &message.content {
        Content::Absent => {}
        Content::Null => fields.push(("content", Value::from(()))),
        Content::Text(text) => fields.push(("content", Value::from(text.as_str()))),
        Content::Parts(parts) => {
            let part = |text: &String| -> Value {
                let fields = [("type", "text"), ("text", text.as_str())];
                Value::from_pairs(fields.map(|(key, value)| (key, Value::from(value))))
            };
            fields.push(("content", parts.iter().map(part).collect()));
        }
    }
    if let Some((key, text)) = &message.reasoning {
        fields.push((key.name(), Value::from(text.as_str())));
    }
    if !message.calls.is_empty() {
        let call = |call: &crate::conversation::Call| -> Value {
            let mut function = vec![("name", Value::from(call.name.as_str()))];
            match &call.arguments {
                Arguments::Absent => {}
                Arguments::Text(text) => function.push(("arguments", Value::from(text.as_str()))),
                Arguments::Json(json) => function.push(("arguments", value(json))),
            }
            let mut fields = Vec::new();
            if let Some(id) = &call.id {
                fields.push(("id", Value::from(id.as_str())));
            }
            fields.push(("type", Value::from("function")));
            fields.push(("function", Value::from_pairs(function)));
            Value::from_pairs(fields)
        };
        fields.push(("tool_calls", message.calls.iter().map(call).collect()));
    }
    if let Some(id) = &message.call_id {
        fields.push(("tool_call_id", Value::from(id.as_str())));
    }
    if let Some(name) = &message.name {
        fields.push(("name", Value::from(name.as_str())));
    }
    Value::from_pairs(fields)
}

/// A JSON value as templates see it.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Int(value) => i64::try_from(*value).map_or_else(|_| Value::from(*value), Value::from),
        Json::Float(value) => Value::from(*value),
        Json::Text(text) => Value::from(text.as_str()),
        Json::List(values) => values.iter().map(value).collect(),
        Json::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(key, inner)| (key.as_str(), value(inner))))
        }
    }
}

/// What `json.dumps` would take a value for.
fn json(from: &Value) -> Result<Json, Error> {
    Ok(match from.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(from.is_true()),
        ValueKind::Number => number(from),
        ValueKind::String => Json::Text(from.as_str().unwrap_or_default().to_owned()),
        ValueKind::Map => {
            let field = |key: Value| -> Result<(String, Json), Error> {
                let inner = json(&from.get_item(&key)?)?;
                let mut name = String::new();
                print(&key, &mut name, false);
                Ok((name, inner))
            };
            Json::Object(from.try_iter()?.map(field).collect::<Result<_, _>>()?)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Json::List(from.try_iter()?.map(|inner| json(&inner)).collect::<Result<_, _>>()?)
        }
        kind => {
            let message = format!("`tojson` of a value of type {kind}");
            return Err(Error::new(ErrorKind::BadSerialization, message));
        }
    })
}

fn number(value: &Value) -> Json {
    if value.is_integer()
        && let Ok(number) = i128::try_from(value.clone())
    {
        return Json::Int(number);
    }
    Json::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN))
}

/// `tojson(indent, ensure_ascii, separators, sort_keys)`, as `transformers` defines it.
#[expect(clippy::needless_pass_by_value, reason = "what filters are called with")]
fn tojson(value: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    let indent: Option<usize> = kwargs.get("indent")?;
    let style = Style {
        ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        indent,
        sorted: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        separators: match separators.as_deref() {
            Some([between, behind]) => (between.clone(), behind.clone()),
            _ => Style::default().separators,
        },
    };
    kwargs.assert_all_used()?;
    let mut out = String::new();
    style.write(&json(value)?, 0, &mut out);
    Ok(Value::from(out))
}

/// Writes a value as Python's `str` does, or, within another one, `repr`.
fn print(value: &Value, out: &mut String, inner: bool) {
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => match number(value) {
            Json::Float(number) => out.push_str(&float(number)),
            _ => {
                let _ = write!(out, "{value}");
            }
        },
        ValueKind::String if inner => {
            let text = value.as_str().unwrap_or_default();
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for char in text.chars() {
                match char {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    char if char == quote => out.extend(['\\', quote]),
                    char => out.push(char),
                }
            }
            out.push(quote);
        }
        ValueKind::String => out.push_str(value.as_str().unwrap_or_default()),
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                print(&key, out, true);
                out.push_str(": ");
                print(&value.get_item(&key).unwrap_or_default(), out, true);
            }
            out.push('}');
        }
        ValueKind::Seq => {
            out.push('[');
            for (index, item) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                print(&item, out, true);
            }
            out.push(']');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
}
