//! Items of a task: their prompts, continuations and answers.

use std::io::Read;
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use super::EvaluationError;
use crate::config::train::{EvaluateConfig, TaskKind};
use crate::model::read_asset;

/// A file of items unpacked may hold this much.
const LARGEST: u64 = 1 << 30;
/// Steps that a template may take for one item.
const FUEL: u64 = 1_000_000;

/// An item ready to be put to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its line in the file, from 1.
    pub(super) line: usize,
    /// Its own context, without examples.
    pub(super) context: String,
    /// The continuations to score, the delimiter not counted.
    pub(super) choices: Vec<String>,
    /// Which of them is right.
    pub(super) answer: usize,
    /// What [`EvaluateConfig::few_shot_by`] says of it.
    group: Option<Value>,
    /// What stands before everything.
    description: String,
}

/// Reads the items of a task with their whole contexts.
pub(super) fn read(config: &EvaluateConfig) -> Result<Vec<Item>, EvaluationError> {
    let reader = Reader::new(config)?;
    let mut items = reader.items(&config.path, config.limit)?;
    if items.is_empty() {
        return Err(reader.task(format!("`{}` has no items", config.path.display())));
    }
    let wanted = config.few_shot as usize;
    let examples = match &config.few_shot_path {
        _ if wanted == 0 => Vec::new(),
        Some(path) => reader.items(path, None)?,
        None => reader.items(&config.path, None)?,
    };
    let own = config.few_shot_path.is_none();
    let delimiter = config.delimiter.as_deref().unwrap_or(" ");
    for item in &mut items {
        let mut context = item.description.clone();
        let fitting = examples
            .iter()
            .filter(|example| example.group == item.group && !(own && example.line == item.line));
        let mut found = 0;
        for example in fitting.take(wanted) {
            found += 1;
            context.push_str(&example.context);
            context.push_str(delimiter);
            context.push_str(&example.choices[example.answer]);
            context.push_str("\n\n");
        }
        if found < wanted {
            let reason = format!("there are {found} examples for it, {wanted} are wanted");
            return Err(reader.item(&config.path, item.line, reason));
        }
        context.push_str(&item.context);
        item.context = context;
    }
    Ok(items)
}

struct Reader<'a> {
    config: &'a EvaluateConfig,
    templates: Environment<'a>,
}

impl<'a> Reader<'a> {
    fn new(config: &'a EvaluateConfig) -> Result<Self, EvaluationError> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        // The delimiters are the usual ones.
        templates.set_syntax(syntax.unwrap_or_default());
        templates.set_fuel(Some(FUEL));
        templates.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        for (name, source) in [("prompt", &config.prompt), ("description", &config.description)] {
            if let Some(source) = source {
                templates.add_template(name, source).map_err(|error| EvaluationError::Task {
                    task: config.name.clone(),
                    reason: format!("`{name}` is no template: {error}"),
                })?;
            }
        }
        Ok(Self { config, templates })
    }

    fn task(&self, reason: String) -> EvaluationError {
        EvaluationError::Task { task: self.config.name.clone(), reason }
    }

    fn item(&self, path: &Path, line: usize, reason: String) -> EvaluationError {
        let task = self.config.name.clone();
        EvaluationError::Item { task, path: path.to_owned(), line, reason }
    }

    fn items(&self, path: &Path, limit: Option<u64>) -> Result<Vec<Item>, EvaluationError> {
        let bytes = read_asset(path)
            .map_err(|source| EvaluationError::Read { task: self.config.name.clone(), source })?;
        let mut unpacked = Vec::new();
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            let read = MultiGzDecoder::new(&bytes[..]).take(LARGEST + 1).read_to_end(&mut unpacked);
            if let Err(error) = read {
                return Err(self.task(format!("`{}` does not unpack: {error}", path.display())));
            }
            if unpacked.len() as u64 > LARGEST {
                return Err(self.task(format!("`{}` holds more than 1 GiB", path.display())));
            }
            &unpacked
        } else {
            &bytes[..]
        };
        let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        lines
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .take(limit)
            .map(|(number, line)| {
                let value: Value = serde_json::from_slice(line)
                    .map_err(|error| self.item(path, number, format!("it is no JSON: {error}")))?;
                self.read(number, &value).map_err(|reason| self.item(path, number, reason))
            })
            .collect()
    }

    fn read(&self, line: usize, value: &Value) -> Result<Item, String> {
        let config = self.config;
        let cloze = config.kind == TaskKind::Cloze;
        let key = config.context.as_deref().unwrap_or(if cloze { "text" } else { "question" });
        let mut context = match config.prompt {
            Some(_) => self.render("prompt", value)?,
            None => text(value, key)?.to_owned(),
        };
        let (choices, answer) = if !cloze {
            self.choices(value)?
        } else if let Some(key) = &config.answer {
            (vec![text(value, key)?.to_owned()], 0)
        } else {
            let Some((before, word)) = context.rsplit_once(' ') else {
                return Err(format!("`{key}` has one word, so nothing stands before the last one"));
            };
            let word = word.to_owned();
            context = before.to_owned();
            (vec![word], 0)
        };
        if let Some(empty) = choices.iter().position(String::is_empty) {
            return Err(format!("choice {empty} is empty"));
        }
        let group = match &config.few_shot_by {
            Some(key) => Some(find(value, key)?.clone()),
            None => None,
        };
        let description = match config.description {
            Some(_) => self.render("description", value)?,
            None => String::new(),
        };
        Ok(Item { line, context, choices, answer, group, description })
    }

    fn render(&self, name: &str, value: &Value) -> Result<String, String> {
        let template = self.templates.get_template(name).map_err(|error| error.to_string())?;
        template.render(jinja(value)).map_err(|error| format!("`{name}`: {error:#}"))
    }

    /// The continuations of a multiple choice, and which is right.
    fn choices(&self, value: &Value) -> Result<(Vec<String>, usize), String> {
        let config = self.config;
        let key = config.choices.as_deref().unwrap_or("choices");
        let given = if config.letters.is_empty() || config.choices.is_some() {
            strings(value, key)?
        } else {
            config.letters.clone()
        };
        if given.len() < 2 {
            return Err(format!("`{key}` has {} choices; at least 2 are needed", given.len()));
        }
        let answer_key = config.answer.as_deref().unwrap_or("answer");
        let answer = find(value, answer_key)?;
        let answer = match &config.answer_labels {
            Some(labels) => {
                let found = strings(value, labels)?;
                let wanted = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
                found.iter().position(|label| *label == wanted).ok_or_else(|| {
                    format!("`{answer_key}` is {answer}, which is none of `{labels}`")
                })?
            }
            None => number(answer, &given).ok_or_else(|| {
                format!(
                    "`{answer_key}` is {answer}, which is no number, letter or text of a choice"
                )
            })?,
        };
        if answer >= given.len() {
            let count = given.len();
            return Err(format!(
                "`{answer_key}` is {answer}, and there are {count} choices from 0"
            ));
        }
        if config.letters.is_empty() {
            return Ok((given, answer));
        }
        let letters = config.letters.get(..given.len()).ok_or_else(|| {
            format!("there are {} choices and {} `letters`", given.len(), config.letters.len())
        })?;
        Ok((letters.to_vec(), answer))
    }
}

/// A value as templates see it.
fn jinja(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => ().into(),
        Value::Bool(value) => (*value).into(),
        Value::String(value) => value.as_str().into(),
        Value::Number(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => value.into(),
            (None, Some(value)) => value.into(),
            _ => value.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::Array(list) => list.iter().map(jinja).collect(),
        Value::Object(map) => minijinja::Value::from_pairs(
            map.iter().map(|(key, value)| (key.as_str(), jinja(value))),
        ),
    }
}

/// The value at a key with dots.
fn find<'a>(value: &'a Value, key: &str) -> Result<&'a Value, String> {
    let found = key.split('.').try_fold(value, |value, part| value.get(part));
    found.or_else(|| value.get(key)).ok_or_else(|| {
        let keys: Vec<&str> =
            value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        format!("there is no `{key}`; its keys are {}", keys.join(", "))
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    find(value, key)?.as_str().ok_or_else(|| format!("`{key}` is no text"))
}

fn strings(value: &Value, key: &str) -> Result<Vec<String>, String> {
    let list = find(value, key)?.as_array().ok_or_else(|| format!("`{key}` is no list"))?;
    let texts = list.iter().map(|it| it.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().ok_or_else(|| format!("`{key}` is no list of texts"))
}

/// The number of the choice that an answer names: by a number, digits, a letter, or its text.
fn number(answer: &Value, choices: &[String]) -> Option<usize> {
    if let Some(number) = answer.as_u64() {
        return usize::try_from(number).ok();
    }
    let text = answer.as_str()?;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let [letter @ b'A'..=b'Z'] = text.as_bytes() {
        return Some(usize::from(letter - b'A'));
    }
    choices.iter().position(|choice| choice == text)
}
