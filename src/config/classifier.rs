//! The file of `tamis fit-classifier`: labelled texts, and how a classifier is fitted to them.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeTable;

use super::bytes::ByteSize;
use super::diagnostic::nearest;
use super::parse::{list, read, single, spans, take_keys};
use super::source::Source;
use super::stage::Located;
use super::{ConfigError, ConfigErrors, sole};
use crate::model::classifier::Preprocess;

/// A classifier as the user wants it.
pub struct Classifier {
    /// The keys at the top.
    pub head: Head,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<Located<LabelledSource>>,
    /// `[model]`.
    pub model: Model,
    /// `[card]`.
    pub card: Card,
}

/// The keys at the top of the file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Name of the model and of its files.
    pub name: String,
    /// Seed of the split, of the search and of the starting weights.
    #[serde(default)]
    pub seed: u64,
    /// What is done to a text before the model sees it.
    #[serde(default = "words")]
    pub preprocess: Preprocess,
    /// Languages of the texts, as ISO 639 codes; for the card and the file beside the model.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Share of the texts that chooses among trials, calibrates and sets thresholds.
    #[serde(default = "tenth")]
    pub validation: f64,
    /// Share of the texts that is only tested with. Not drawn where a source says `part = "test"`.
    #[serde(default = "tenth")]
    pub test: f64,
    /// The label that figures and plots are about; all of them where it is not given.
    pub positive: Option<String>,
    /// Labels come from a field that some records lack: leave those out, rather than stop.
    #[serde(default)]
    pub skip_unlabelled: bool,
}

/// Files of labelled texts: the keys of a pipeline's source, and what the labels are.
#[derive(Debug, Clone)]
pub struct LabelledSource {
    /// Where the texts stand.
    pub source: Source,
    /// What the labels are.
    pub labels: Labels,
}

/// The keys of a source that are about labels.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The label of all its texts.
    pub label: Option<String>,
    /// Field that holds the label: a text, a number, true or false, or a list of labels.
    pub label_field: Option<String>,
    /// Labels by what stands in `label_field`: `{ "1" = "toxic", "0" = "" }`; an empty one is no
    /// label. A value that is not listed is its own label, unless this is given.
    pub label_map: Option<BTreeMap<String, String>>,
    /// Fields that are each a label of their own, which holds where the field is true or a number
    /// of 0.5 or more. For `loss = "one-vs-all"`.
    pub flag_fields: Option<Vec<String>>,
    /// Field of what belongs together: texts that share it are not divided between parts.
    pub group_field: Option<String>,
    /// What its texts are for; drawn where it is not given.
    pub part: Option<PartChoice>,
    /// At most so many texts, drawn by `seed`.
    pub limit: Option<usize>,
    /// Only the first so many characters of each text, up to a line's end where there is one.
    pub max_chars: Option<usize>,
    /// Where the texts come from and under which licence, for the card.
    #[serde(default)]
    pub origin: String,
}

impl Labels {
    const NAMES: &'static [&'static str] = &[
        "label",
        "label_field",
        "label_map",
        "flag_fields",
        "group_field",
        "part",
        "limit",
        "max_chars",
        "origin",
    ];
}

/// What texts are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartChoice {
    /// Training.
    Train,
    /// Choosing, calibrating, thresholds.
    Validation,
    /// Figures.
    Test,
}

/// `[model]`: hyper-parameters that are given are taken, the others searched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// What is fitted.
    pub kind: KindChoice,
    /// `softmax` where each text has one label, `one-vs-all` where it may have several or none.
    pub loss: LossChoice,
    /// How many settings to try; 1 takes the usual ones.
    pub trials: u32,
    /// What the best trial is best at on the validation part.
    pub metric: MetricChoice,
    /// How scores become probabilities.
    pub calibration: CalibrationChoice,
    /// Size of the model file at most; quantised, its least important words left out. `"0 B"` leaves
    /// the weights as they are.
    pub max_size: ByteSize,
    /// Learning rate at the start. `fasttext` only, as the next two.
    pub learning_rate: Option<f64>,
    /// Floats in a text's vector.
    pub dimension: Option<u32>,
    /// Visits to each text.
    pub epochs: Option<u32>,
    /// What an error costs, against the size of the weights. `linear` only, as the next one.
    pub cost: Option<f64>,
    /// How many times cheaper a weight of a word is than one of an n-gram.
    pub word_factor: Option<f64>,
    /// How often a word must come to count.
    pub min_count: Option<u32>,
    /// Longest n-gram of words.
    pub word_ngrams: Option<u32>,
    /// Rows that n-grams share.
    pub buckets: Option<u32>,
    /// Shortest and longest n-gram of characters within a word; `[0, 0]` for none.
    pub chars: Option<[u32; 2]>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            kind: KindChoice::Fasttext,
            loss: LossChoice::Softmax,
            trials: 8,
            metric: MetricChoice::RocAuc,
            calibration: CalibrationChoice::Auto,
            max_size: ByteSize(2 << 20),
            learning_rate: None,
            dimension: None,
            epochs: None,
            cost: None,
            word_factor: None,
            min_count: None,
            word_ngrams: None,
            buckets: None,
            chars: None,
        }
    }
}

/// `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindChoice {
    /// The network of `fasttext supervised`: the mean of the parts' vectors, then the labels.
    Fasttext,
    /// A logistic regression of two labels over the same words and n-grams. For short texts in which
    /// a few words decide.
    Linear,
}

/// `loss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LossChoice {
    /// One label a text.
    Softmax,
    /// Any number of labels a text.
    OneVsAll,
}

/// `metric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricChoice {
    /// Area under the ROC curve, averaged over labels.
    RocAuc,
    /// Average precision, averaged over labels.
    AveragePrecision,
    /// F1 at scores of 0.5, averaged over labels.
    F1,
    /// Log loss, least.
    LogLoss,
}

/// `calibration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationChoice {
    /// Platt's or isotonic, whichever has the lower log loss in a cross-validation.
    Auto,
    /// Platt's sigmoid.
    Platt,
    /// Isotonic regression.
    Isotonic,
    /// Scores stay as they are.
    None,
}

/// `[card]`: what the model card says beside figures.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Card {
    /// What the model is for.
    pub description: String,
    /// Its licence.
    pub licence: String,
    /// What it is not good for, a sentence each.
    pub limits: Vec<String>,
}

fn words() -> Preprocess {
    Preprocess::Words
}

fn tenth() -> f64 {
    0.1
}

const TABLES: &[&str] = &["source", "model", "card"];

impl Classifier {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Every mistake in the file at once, each at its place.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::parse(
            path,
            &sole::text(
                path,
                "give the path of a file for fit-classifier, as pipelines/CLASSIFIERS.md has",
            )?,
        )
    }

    /// Reads and checks a text; `path` is what messages show.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn parse(path: &Path, file: &str) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let sole::Sole { text, head, mut tables } = sole::parse(path, file, TABLES, &mut errors)?;
        let head_spans = spans(&head);
        let head: Option<Head> = read(head, "", &mut errors);
        if let Some(head) = &head {
            for (key, share) in [("validation", head.validation), ("test", head.test)] {
                if !(share > 0.0 && share < 1.0) {
                    let message = format!("{key} = {share} is not a share of the texts");
                    errors.push(
                        ConfigError::new(message, head_spans.of(key)).help("give one such as 0.1"),
                    );
                }
            }
            if head.name.is_empty() || head.name.contains(['/', '\\']) {
                let error = ConfigError::new("`name` cannot name a file", head_spans.of("name"));
                errors.push(error.help("use letters, digits, `-` and `_`"));
            }
        }
        if !tables.contains_key("source") {
            errors.push(
                ConfigError::new("there is no source", 0..0)
                    .help("add [[source]] with `name`, `path` and `label` or `label_field`"),
            );
        }
        let sources: Vec<_> = list(tables.remove("source"), "source", &mut errors)
            .into_iter()
            .filter_map(|table| source(table, &mut errors))
            .collect();
        let model = single::<Model>(tables.remove("model"), "model", &mut errors);
        let card = single::<Card>(tables.remove("card"), "card", &mut errors);
        if let Some(model) = &model {
            check_model(model, &mut errors);
        }
        let loss = model.as_ref().map_or(LossChoice::Softmax, |model| model.value.loss);
        for source in &sources {
            if source.value.labels.flag_fields.is_some() && loss == LossChoice::Softmax {
                let error = ConfigError::new(
                    "`flag_fields` gives texts several labels or none, softmax wants one",
                    source.spans.of("flag_fields"),
                );
                errors.push(error.help("add loss = \"one-vs-all\" to [model]"));
            }
        }
        let (Some(head), true) = (head, errors.is_empty()) else { return Err(text.errors(errors)) };
        Ok(Self {
            head,
            sources,
            model: model.map(|model| model.value).unwrap_or_default(),
            card: card.map(|card| card.value).unwrap_or_default(),
        })
    }
}

/// Reads one `[[source]]`: the keys about labels apart.
fn source(
    table: Spanned<DeTable<'_>>,
    errors: &mut Vec<ConfigError>,
) -> Option<Located<LabelledSource>> {
    let spans = spans(&table);
    let span = table.span();
    let mut rest = table.into_inner();
    let keys = take_keys(&mut rest, Labels::NAMES);
    // A key that neither knows is looked for in both lists.
    for (key, _) in &rest {
        let near = nearest(key.get_ref(), Labels::NAMES).filter(|near| {
            strsim::jaro_winkler(near, key.get_ref()) > 0.9 && *near != key.get_ref().as_ref()
        });
        if let Some(near) = near {
            let message = format!("unknown key `{}`", key.get_ref());
            errors.push(
                ConfigError::new(message, key.span()).help(format!("did you mean `{near}`?")),
            );
            return None;
        }
    }
    let labels: Option<Labels> = read(Spanned::new(span.clone(), keys), "[[source]]: ", errors);
    let source: Option<Source> = read(Spanned::new(span, rest), "[[source]]: ", errors);
    let (labels, source) = (labels?, source?);
    let given =
        [labels.label.is_some(), labels.label_field.is_some(), labels.flag_fields.is_some()];
    let name = &source.name;
    if given.iter().filter(|&&given| given).count() != 1 {
        errors.push(
            ConfigError::new(
                format!("source `{name}` does not say what the label of a text is"),
                spans.table.clone(),
            )
            .help("give one of `label`, `label_field` and `flag_fields`"),
        );
    }
    if labels.label_map.is_some() && labels.label_field.is_none() {
        let error = ConfigError::new("`label_map` goes with `label_field`", spans.of("label_map"));
        errors.push(error.help("give the field whose values it lists"));
    }
    let named = labels.label.iter().chain(labels.label_map.iter().flat_map(BTreeMap::values));
    for label in named.chain(labels.flag_fields.iter().flatten()) {
        if label.chars().any(char::is_whitespace) || label.contains('\0') {
            let error = ConfigError::new(
                format!("`{label}` cannot be a label: spaces part words"),
                spans.table.clone(),
            );
            errors.push(error.help("use `-` or `_`"));
        }
    }
    source.check(&spans, errors);
    Some(Located { value: LabelledSource { source, labels }, spans })
}

fn check_model(model: &Located<Model>, errors: &mut Vec<ConfigError>) {
    let Located { value, spans } = model;
    let mut wrong = |key: &str, message: String, help: &str| {
        errors.push(ConfigError::new(message, spans.of(key)).help(help));
    };
    if !(1..=1000).contains(&value.trials) {
        wrong("trials", format!("trials = {}", value.trials), "give 1 to 1000");
    }
    let of_fasttext = [
        ("learning_rate", value.learning_rate.is_some()),
        ("dimension", value.dimension.is_some()),
        ("epochs", value.epochs.is_some()),
    ];
    let of_linear = [("cost", value.cost.is_some()), ("word_factor", value.word_factor.is_some())];
    let (other, foreign) = match value.kind {
        KindChoice::Linear => ("fasttext", &of_fasttext[..]),
        KindChoice::Fasttext => ("linear", &of_linear[..]),
    };
    for (key, _) in foreign.iter().filter(|(_, given)| *given) {
        wrong(key, format!("`{key}` goes with kind = \"{other}\""), "leave it out");
    }
    if value.kind == KindChoice::Linear {
        if value.loss == LossChoice::OneVsAll {
            let message = "a linear model tells two labels apart".to_owned();
            wrong("loss", message, "leave `loss` out, or take kind = \"fasttext\"");
        }
        if value.calibration == CalibrationChoice::None {
            let message = "a linear model has its bias in the calibration".to_owned();
            wrong("calibration", message, "leave `calibration` out");
        }
    }
    for (key, given) in [("cost", value.cost), ("word_factor", value.word_factor)] {
        if let Some(given) = given
            && !(given > 0.0 && given.is_finite())
        {
            wrong(key, format!("{key} = {given}"), "give one above 0, such as 1.0");
        }
    }
    if let Some(rate) = value.learning_rate
        && !(rate > 0.0 && rate <= 100.0)
    {
        wrong("learning_rate", format!("learning_rate = {rate}"), "give one such as 0.5");
    }
    if let Some([least, most]) = value.chars
        && (least > most || most > 32 || (least == 0 && most > 0))
    {
        wrong("chars", format!("chars = [{least}, {most}]"), "give two lengths such as [3, 6]");
    }
    let ranges = [
        ("dimension", value.dimension, 1, 1024),
        ("epochs", value.epochs, 1, 1000),
        ("min_count", value.min_count, 1, u32::MAX),
        ("word_ngrams", value.word_ngrams, 1, 32),
        ("buckets", value.buckets, 1, 1 << 28),
    ];
    for (key, given, least, most) in ranges {
        if let Some(given) = given
            && !(least..=most).contains(&given)
        {
            wrong(key, format!("{key} = {given}"), &format!("give {least} to {most}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(toml: &str) -> Vec<String> {
        match Classifier::parse(Path::new("c.toml"), toml) {
            Ok(_) => Vec::new(),
            Err(errors) => vec![errors.render(false, 120)],
        }
    }

    #[test]
    fn mistakes_are_told_at_their_place_with_what_was_meant() {
        let good = "name = \"n\"\n[[source]]\nname = \"a\"\npath = \"a.jsonl\"\nlabel = \"x\"\n";
        assert!(messages(good).is_empty(), "{:?}", messages(good));
        let told = |toml: String, wanted: &str| {
            let all = messages(&toml).concat();
            assert!(all.contains(wanted), "{wanted} not in {all}");
        };
        told(format!("{good}lable_field = \"y\"\n"), "did you mean `label_field`?");
        told(format!("{good}text_feild = \"y\"\n"), "did you mean `text_field`?");
        told(format!("{good}label_field = \"y\"\n"), "give one of `label`");
        told(good.replace("label = \"x\"\n", ""), "does not say what the label");
        told(good.replace("\"x\"", "\"two words\""), "spaces part words");
        told(format!("{good}[modle]\n"), "did you mean `model`?");
        told(format!("{good}[model]\nchars = [6, 3]\n"), "such as [3, 6]");
        told(format!("{good}[model]\nloss = \"ova\"\n"), "one-vs-all");
        told(format!("{good}[model]\ntrials = 0\n"), "give 1 to 1000");
        told(format!("{good}[model]\ncost = 1.0\n"), "goes with kind = \"linear\"");
        let linear = format!("{good}[model]\nkind = \"linear\"\n");
        assert!(messages(&linear).is_empty(), "{:?}", messages(&linear));
        told(format!("{linear}epochs = 3\n"), "goes with kind = \"fasttext\"");
        told(format!("{linear}cost = 0.0\n"), "above 0");
        told(format!("{linear}loss = \"one-vs-all\"\n"), "two labels apart");
        told(format!("{linear}calibration = \"none\"\n"), "bias in the calibration");
        told(format!("test = 1.5\n{good}"), "not a share");
        told("name = \"n\"\n".to_owned(), "there is no source");
        told(good.replace("label = \"x\"", "flag_fields = [\"x\"]"), "one-vs-all");
        told(format!("{good}label_map = {{ a = \"b\" }}\n"), "goes with `label_field`");
    }
}
