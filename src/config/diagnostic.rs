//! What is wrong with a pipeline file, each mistake at its line and column.

use std::ops::Range;
use std::path::Path;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::store::masked;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
    label: String,
    span: Range<usize>,
    help: Option<String>,
}

impl ConfigError {
    /// A mistake at the bytes `span` of the file.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), label: "here".to_owned(), span, help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The bytes of the file it is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A mistake that serde found, with its list of expected names turned into a suggestion.
    #[must_use]
    pub fn from_toml(error: &toml::de::Error, context: &str, fallback: Range<usize>) -> Self {
        let span = error.span().unwrap_or(fallback);
        let message = error.message().trim();
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        let names = quoted(expected);
        let wrong = quoted(what).into_iter().next();
        let listed = what.starts_with("unknown field") || what.starts_with("unknown variant");
        let plain = what
            .replace("unknown field", "unknown key")
            .replace("unknown variant", "unknown value")
            .replace("missing field", "missing key");
        if let (true, Some(wrong)) = (listed, wrong) {
            let error = Self::new(format!("{context}{plain}"), span);
            let all = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return match nearest(wrong, &names) {
                Some(near) => error.help(format!("did you mean `{near}`? Known: {all}")),
                None if all.is_empty() => error.help("this table takes no keys"),
                None => error.help(format!("known: {all}")),
            };
        }
        let expected = match expected {
            "u64" | "u32" => "a whole number, 0 or more",
            "i64" | "i32" => "a whole number",
            "f64" | "f32" => "a number",
            other => other,
        };
        let message = if expected.is_empty() {
            format!("{context}{plain}")
        } else {
            format!("{context}{plain}, expected {expected}")
        };
        Self::new(message, span)
    }
}

/// The names in backquotes of a message.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The candidate that `wrong` most looks like, if any does.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(wrong, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// All mistakes of one file.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {summary}")]
pub struct ConfigErrors {
    path: String,
    summary: String,
    errors: Vec<Located>,
}

impl ConfigErrors {
    /// Mistakes in the file `path` with the content `text`, in the order of the file.
    #[must_use]
    pub fn new(path: &Path, text: &str, mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| (error.span.start, error.span.end));
        errors.dedup();
        let path = path.display().to_string();
        // Reports show lines of the file; a credential in one must not get there.
        let text = masked(text);
        let summary = match errors.as_slice() {
            [one] => one.message.clone(),
            many => format!("{} mistakes", many.len()),
        };
        let errors = errors
            .into_iter()
            .map(|error| Located {
                source: (!text.is_empty()).then(|| NamedSource::new(&path, text.clone())),
                error,
            })
            .collect();
        Self { path, summary, errors }
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter().map(|located| &located.error)
    }

    /// All mistakes as text for people, in colour where asked for.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width);
        let mut text = String::new();
        for error in &self.errors {
            if handler.render_report(&mut text, error).is_err() {
                // Writing to a string fails only if the report cannot be drawn: say it plainly.
                text.extend([&self.path, ": ", &error.error.message, "\n"]);
            }
            if error.source.is_none() {
                text.extend(["  in ", &self.path, "\n"]);
            }
        }
        text
    }
}

#[derive(Debug)]
struct Located {
    source: Option<NamedSource<String>>,
    error: ConfigError,
}

impl std::fmt::Display for Located {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.error.message)
    }
}

impl std::error::Error for Located {}

impl Diagnostic for Located {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.error.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let Range { start, end } = self.error.span.clone();
        let label = LabeledSpan::new(Some(self.error.label.clone()), start, end - start);
        Some(Box::new(std::iter::once(label)))
    }
}
