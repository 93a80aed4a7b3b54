//! Benchmark files: what their items are, by the names of their fields.

use std::path::Path;

use serde_json::{Map, Value};

use super::items::{ItemText, Part};
use crate::model::AssetError;
use crate::model::list::for_each_line_up_to;

/// The longest line of a benchmark file.
const MAX_LINE: u64 = 64 << 20;

/// Which fields hold what. A name may lead into an object: `raw.question`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) id: &'a [String],
    pub(super) passage: &'a [String],
    pub(super) question: &'a [String],
    pub(super) choices: &'a [String],
    pub(super) answer: &'a [String],
}

/// The name of a benchmark: that of its file, up to `.jsonl`, `.json` or `.txt`.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let end = [".jsonl", ".ndjson", ".json", ".txt"].iter().find_map(|ending| name.find(ending));
    let end = end.filter(|end| *end > 0).unwrap_or(name.len());
    name[..end].to_owned()
}

/// The items of a file: JSONL by its name, else plain text, with an item a paragraph where there
/// are blank lines and an item a line where there are none.
///
/// # Errors
/// When the file cannot be read or a line is no item.
pub(super) fn load(path: &Path, fields: Fields<'_>) -> Result<Vec<ItemText>, AssetError> {
    let file = path.to_string_lossy();
    let json = [".jsonl", ".ndjson", ".json"].iter().any(|ending| file.contains(ending));
    let mut items = Vec::new();
    let mut lines = Vec::new();
    for_each_line_up_to(path, MAX_LINE, |number, line| {
        let text = std::str::from_utf8(line)
            .map_err(|_| format!("line {number} is not UTF-8; convert the file"))?;
        if !json {
            lines.push(text.to_owned());
        } else if !text.is_empty() {
            items.push(item(text, number, fields)?);
        }
        Ok(())
    })?;
    if !json {
        items = paragraphs(&lines);
    }
    if items.is_empty() {
        let reason = "it holds no item; leave it out or fill it".to_owned();
        return Err(AssetError::List { path: path.to_owned(), reason });
    }
    Ok(items)
}

/// Items of plain text.
fn paragraphs(lines: &[String]) -> Vec<ItemText> {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let start = lines.iter().position(|line| !line.is_empty()).unwrap_or(0);
    let blank = lines[..end].iter().skip(start).any(String::is_empty);
    let mut items: Vec<ItemText> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(lines) {
        if line.is_empty() {
            open = false;
            continue;
        }
        if open && let Some(item) = items.last_mut() {
            let question = &mut item.parts[Part::Question as usize];
            question.push('\n');
            question.push_str(line);
            continue;
        }
        let mut item = ItemText { id: number.to_string(), ..ItemText::default() };
        item.parts[Part::Question as usize].clone_from(line);
        items.push(item);
        open = blank;
    }
    items
}

/// The item of one line.
fn item(line: &str, number: u64, fields: Fields<'_>) -> Result<ItemText, String> {
    let wrong = |reason: String| format!("line {number} {reason}");
    let value: Value =
        serde_json::from_str(line).map_err(|error| wrong(format!("is no JSON: {error}")))?;
    let Value::Object(object) = value else { return Err(wrong("is no JSON object".to_owned())) };
    let mut item = ItemText { id: number.to_string(), ..ItemText::default() };
    if let Some(id) = fields.id.iter().find_map(|name| field(&object, name)) {
        item.id = plain(id);
    }
    let mut choices = Choices::default();
    let question = fields.question.iter().find_map(|name| {
        let text = match field(&object, name)? {
            // AI2's own form of ARC.
            Value::Object(inner) if inner.contains_key("stem") => {
                inner.get("choices").into_iter().for_each(|value| choices.add(value));
                inner.get("stem").map_or(String::new(), plain)
            }
            value => plain(value),
        };
        (!text.trim().is_empty()).then_some((name, text))
    });
    let Some((asked, question)) = question else {
        return Err(wrong(format!(
            "has none of the fields {}; name yours in `question_fields`",
            fields.question.join(", ")
        )));
    };
    item.parts[Part::Question as usize] = question;
    let mut others = fields.passage.iter().filter(|name| *name != asked);
    if let Some(passage) = others.find_map(|name| field(&object, name)) {
        item.parts[Part::Passage as usize] = plain(passage);
    }
    for value in fields.choices.iter().filter_map(|name| field(&object, name)) {
        choices.add(value);
    }
    let mut answers = fields.answer.iter().filter(|name| *name != asked);
    if let Some(answer) = answers.find_map(|name| field(&object, name)) {
        item.parts[Part::Answer as usize] = choices.answer(answer);
    }
    item.parts[Part::Choices as usize] = choices.texts.join("\n");
    Ok(item)
}

/// A field that is there and not null, by a name with dots.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = match (object.get(name), name.split_once('.')) {
        (Some(value), _) => Some(value),
        (None, Some((first, rest))) => {
            object.get(first).and_then(Value::as_object).and_then(|inner| field(inner, rest))
        }
        (None, None) => None,
    };
    found.filter(|value| !value.is_null())
}

/// A value as text: a list's entries a line each, of an object its `text` or `value`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join("\n"),
        Value::Object(object) => {
            object.get("text").or_else(|| object.get("value")).map_or(String::new(), plain)
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The choices of an item, and how they are called.
#[derive(Debug, Default)]
struct Choices {
    texts: Vec<String>,
    labels: Vec<String>,
}

impl Choices {
    /// Adds a list of texts, of `{text, label}`, or lists of both in an object as ARC has it; or one
    /// choice.
    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(values) => {
                for value in values {
                    self.texts.push(plain(value));
                    self.labels.extend(value.get("label").map(plain));
                }
            }
            Value::Object(object) => {
                object.get("text").into_iter().for_each(|value| self.add(value));
                if let Some(Value::Array(labels)) = object.get("label") {
                    self.labels.extend(labels.iter().map(plain));
                }
            }
            other => self.texts.push(plain(other)),
        }
    }

    /// The answer as text, which may be given as the label, the letter or the number of a choice.
    fn answer(&self, value: &Value) -> String {
        let text = plain(value);
        let by_label = self.labels.iter().position(|label| *label == text);
        let by_number = || text.parse().ok().filter(|number: &usize| *number < self.texts.len());
        let by_letter = || {
            let letter = text.chars().next().filter(|_| text.len() == 1)?;
            letter.is_ascii_uppercase().then(|| usize::from(text.as_bytes()[0] - b'A'))
        };
        let number = by_label.or_else(by_number).or_else(by_letter);
        match number.and_then(|number| self.texts.get(number)) {
            Some(choice) => choice.clone(),
            None => without_annotations(&text),
        }
    }
}

/// GSM8K's answers hold calculations in `<<…>>`, which no text repeats.
fn without_annotations(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("<<") {
        left.push_str(before);
        if let Some((_, behind)) = behind.split_once(">>") {
            rest = behind;
        } else {
            left.push_str("<<");
            rest = behind;
        }
    }
    left.push_str(rest);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::decontaminate::Decontaminate;

    fn parse(line: &str) -> ItemText {
        let settings = Decontaminate::default();
        item(line, 7, settings.fields()).unwrap()
    }

    fn parts(line: &str) -> [String; 4] {
        parse(line).parts
    }

    #[test]
    fn the_shapes_of_known_benchmarks() {
        for (line, expected) in [
            // GSM8K
            (
                r#"{"question": "How many?", "answer": "2+2 = <<2+2=4>>4\n#### 4"}"#,
                ["", "How many?", "", "2+2 = 4\n#### 4"],
            ),
            // MMLU as Hugging Face has it, and with a letter
            (
                r#"{"question": "Which?", "subject": "s", "choices": ["a b", "c d"], "answer": 1}"#,
                ["", "Which?", "a b\nc d", "c d"],
            ),
            (
                r#"{"question": "Which?", "choices": ["a b", "c d"], "answer": "A"}"#,
                ["", "Which?", "a b\nc d", "a b"],
            ),
            // HellaSwag
            (
                r#"{"ind": 3, "ctx": "A man is. he", "endings": ["sits.", "runs."], "label": "1"}"#,
                ["", "A man is. he", "sits.\nruns.", "runs."],
            ),
            // ARC, in both forms
            (
                r#"{"question": "Why?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}"#,
                ["", "Why?", "x\ny", "y"],
            ),
            (
                r#"{"question": {"stem": "Why?", "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]}, "answerKey": "B"}"#,
                ["", "Why?", "x\ny", "y"],
            ),
            // HumanEval, MBPP
            (
                r#"{"task_id": "H/0", "prompt": "def f():", "canonical_solution": "  return 1", "test": "t"}"#,
                ["", "def f():", "", "  return 1"],
            ),
            (
                r#"{"task_id": 2, "text": "Write a function.", "code": "def f(): pass"}"#,
                ["", "Write a function.", "", "def f(): pass"],
            ),
            // LAMBADA
            (r#"{"text": "Give me a minute"}"#, ["", "Give me a minute", "", ""]),
            // SQuAD, BoolQ, TriviaQA
            (
                r#"{"context": "He was born.", "question": "When?", "answers": {"text": ["1900", "in 1900"], "answer_start": [1, 2]}}"#,
                ["He was born.", "When?", "", "1900\nin 1900"],
            ),
            (
                r#"{"passage": "P.", "question": "is it", "answer": true}"#,
                ["P.", "is it", "", "true"],
            ),
            (
                r#"{"question": "Who?", "answer": {"value": "Sunset", "aliases": ["x"]}}"#,
                ["", "Who?", "", "Sunset"],
            ),
            // PIQA, Winogrande, SciQ
            (
                r#"{"goal": "To open", "sol1": "pull", "sol2": "push", "label": 1}"#,
                ["", "To open", "pull\npush", "push"],
            ),
            (
                r#"{"sentence": "It _ fell.", "option1": "cup", "option2": "jug", "answer": "2"}"#,
                ["", "It _ fell.", "cup\njug", "2"],
            ),
        ] {
            assert_eq!(parts(line), expected, "{line}");
        }
        assert_eq!(parse(r#"{"task_id": "H/0", "prompt": "x"}"#).id, "H/0");
        assert_eq!(parse(r#"{"prompt": "x"}"#).id, "7");
    }

    #[test]
    fn lines_that_are_no_items_are_told_by_their_number() {
        let settings = Decontaminate::default();
        for (line, expected) in [
            ("{", "line 7 is no JSON"),
            ("[1]", "line 7 is no JSON object"),
            (r#"{"body": "x"}"#, "line 7 has none of the fields question,"),
            (r#"{"question": ""}"#, "name yours in `question_fields`"),
        ] {
            let message = item(line, 7, settings.fields()).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let named = Decontaminate {
            question_fields: vec!["raw.body".to_owned()],
            ..Decontaminate::default()
        };
        let found = item(r#"{"raw": {"body": "x y"}}"#, 7, named.fields()).unwrap();
        assert_eq!(found.parts[1], "x y");
    }

    #[test]
    fn plain_text_has_an_item_a_paragraph_or_a_line() {
        let texts = |text: &str| {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let items = paragraphs(&lines);
            items.into_iter().map(|item| (item.id, item.parts[1].clone())).collect::<Vec<_>>()
        };
        let owned = |id: &str, text: &str| (id.to_owned(), text.to_owned());
        assert_eq!(texts("a\nb\n"), [owned("1", "a"), owned("2", "b")]);
        assert_eq!(texts("\na\nb\n\n\nc\n\n"), [owned("2", "a\nb"), owned("6", "c")]);
        assert_eq!(texts("\n\n"), []);
    }

    #[test]
    fn names_come_from_files() {
        for (path, expected) in [
            ("x/gsm8k-test.jsonl.gz", "gsm8k-test"),
            ("mmlu.v2.jsonl", "mmlu.v2"),
            ("a.json.zst", "a"),
            ("quotes.txt", "quotes"),
            ("plain", "plain"),
            (".jsonl", ".jsonl"),
        ] {
            assert_eq!(name(Path::new(path)), expected, "{path}");
        }
    }
}
