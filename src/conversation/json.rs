//! JSON as Python reads and writes it: the order of keys kept, integers apart from floats.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; of a key that stands twice, the last value.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a JSON text; `None` where it is none, or nested deeper than 128 levels.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a key of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Appends the value as `json.dumps(value, ensure_ascii=False)` writes it.
    pub fn write(&self, out: &mut String) {
        Style::default().write(self, 0, out);
    }
}

/// How JSON is written: the arguments of Python's `json.dumps`.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether characters outside of ASCII are escaped.
    pub ascii: bool,
    /// Spaces of a level, each value on a line of its own; one line where `None`.
    pub indent: Option<usize>,
    /// Between values, and between a key and its value.
    pub separators: (String, String),
    /// Whether keys are sorted.
    pub sorted: bool,
}

impl Default for Style {
    fn default() -> Self {
        let separators = (", ".to_owned(), ": ".to_owned());
        Self { ascii: false, indent: None, separators, sorted: false }
    }
}

impl Style {
    /// Appends a value that stands `level` levels deep.
    pub fn write(&self, value: &Json, level: usize, out: &mut String) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Int(number) => out.push_str(&number.to_string()),
            Json::Float(number) => out.push_str(&float(*number)),
            Json::Text(text) => self.string(text, out),
            Json::List(values) if values.is_empty() => out.push_str("[]"),
            Json::Object(fields) if fields.is_empty() => out.push_str("{}"),
            Json::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    self.between(index, level + 1, out);
                    self.write(value, level + 1, out);
                }
                self.line(level, out);
                out.push(']');
            }
            Json::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                if self.sorted {
                    fields.sort_by(|left, right| left.0.cmp(&right.0));
                }
                out.push('{');
                for (index, (key, value)) in fields.into_iter().enumerate() {
                    self.between(index, level + 1, out);
                    self.string(key, out);
                    out.push_str(&self.separators.1);
                    self.write(value, level + 1, out);
                }
                self.line(level, out);
                out.push('}');
            }
        }
    }

    fn between(&self, index: usize, level: usize, out: &mut String) {
        if index > 0 {
            // Python leaves the space out at the end of a line.
            let separator = self.separators.0.as_str();
            let default = self.indent.is_some() && separator == ", ";
            out.push_str(if default { "," } else { separator });
        }
        self.line(level, out);
    }

    fn line(&self, level: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * level));
        }
    }

    fn string(&self, text: &str, out: &mut String) {
        out.push('"');
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                char if char < ' ' || (self.ascii && !char.is_ascii()) => {
                    let mut units = [0; 2];
                    for unit in char.encode_utf16(&mut units) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                char => out.push(char),
            }
        }
        out.push('"');
    }
}

/// A float as Python's `repr` writes it: the shortest digits that lead back to it, with an exponent
/// below 1e-4 and from 1e16 on.
#[must_use]
pub fn float(number: f64) -> String {
    if !number.is_finite() {
        let name = if number.is_nan() { "NaN" } else { "Infinity" };
        return format!("{}{name}", if number < 0.0 { "-" } else { "" });
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..16).contains(&exponent) {
        return format!("{number:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        while let Some((key, value)) = items.next_entry::<String, Json>()? {
            if let Some(&place) = places.get(&key) {
                let (_, known): &mut (String, Json) = &mut fields[place];
                *known = value;
            } else {
                places.insert(key.clone(), fields.len());
                fields.push((key, value));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_python_does() {
        let cases = [
            // What CPython 3.11's `json.dumps(json.loads(text), ensure_ascii=False)` prints.
            (
                r#"{"b":1,"a":[1.0,2,-0.5,1e5,1e16,1.5e-7,123456789012345680.0]}"#,
                r#"{"b": 1, "a": [1.0, 2, -0.5, 100000.0, 1e+16, 1.5e-07, 1.2345678901234568e+17]}"#,
            ),
            (
                r#"["\u5317\n\u0001\u007f\"\\/",true,null,{},[]]"#,
                "[\"北\\n\\u0001\u{7f}\\\"\\\\/\", true, null, {}, []]",
            ),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e22", "1e+22"),
            ("5e-324", "5e-324"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("-0.0", "-0.0"),
            ("18446744073709551615", "18446744073709551615"),
        ];
        for (text, expected) in cases {
            let mut written = String::new();
            Json::parse(text).unwrap().write(&mut written);
            assert_eq!(written, expected);
        }
        assert_eq!(Json::parse("{\"a\":1,\"a\":2}"), Json::parse("{\"a\":2}"));
        assert_eq!(Json::parse("{"), None);
        assert_eq!(Json::parse(&"[".repeat(100_000)), None);
    }

    #[test]
    fn indent_and_escapes() {
        let value = Json::parse(r#"{"b":[1,{}],"a":"é😀"}"#).unwrap();
        let mut out = String::new();
        let style = Style { ascii: true, indent: Some(2), sorted: true, ..Style::default() };
        style.write(&value, 0, &mut out);
        assert_eq!(
            out,
            "{\n  \"a\": \"\\u00e9\\ud83d\\ude00\",\n  \"b\": [\n    1,\n    {}\n  ]\n}"
        );
    }
}
