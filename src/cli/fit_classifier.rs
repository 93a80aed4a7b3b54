//! `tamis fit-classifier`.

mod examples;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{OutputFormat, Usage, note, print, show};
use crate::config::bytes::ByteSize;
use crate::config::classifier::{
    CalibrationChoice, Classifier, KindChoice, LossChoice, MetricChoice, Model,
};
use crate::exec::summary::grouped;
use crate::model::fasttext::train::TrainLoss;
use crate::model::fit::calibrate::Kind;
use crate::model::fit::{
    About, FitError, FitSettings, Fitted, Fixed, Labelled, Metric, Part, Shares, card, fit, plot,
    split,
};
use crate::store::Store;

const ABOUT: &str = "\
CONFIG names sources of labelled texts and how a fastText classifier is fitted to them; see
pipelines/CLASSIFIERS.md. Written are NAME.ftz (the model), NAME.json (calibration, thresholds,
preprocessing; both together make the scores of the ops `quality` and `toxicity`), NAME.md (the
model card) and NAME.svg (ROC, precision-recall and calibration curves).

The same texts and the same CONFIG give the same bytes, on any machine and any number of threads.";

#[derive(Args)]
#[command(after_help = ABOUT)]
pub(super) struct FitClassifier {
    /// The TOML file that says what to fit.
    config: PathBuf,
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Form of the summary on stdout.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl FitClassifier {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = Classifier::load(&self.config)?;
        let out = Store::open(&self.out)?;
        let base = self.config.parent().unwrap_or(Path::new(""));
        let mut read = examples::read(&config, base)?;
        if config.model.loss == LossChoice::Softmax {
            let before = read.texts.len();
            read.texts.retain(|(text, _)| !text.labels.is_empty());
            read.unlabelled += (before - read.texts.len()) as u64;
        }
        if read.labels.len() < 2 && config.model.loss == LossChoice::Softmax {
            let found = read.labels.first().map_or("none".to_owned(), |label| format!("`{label}`"));
            anyhow::bail!(Usage(format!(
                "a classifier needs texts of two labels, the sources have {found}; add one with \
                 other texts"
            )));
        }
        if let Some(positive) = &config.head.positive
            && !read.labels.contains(positive)
        {
            anyhow::bail!(Usage(format!(
                "positive = \"{positive}\": the labels are {}",
                read.labels.join(", ")
            )));
        }
        let given = config.sources.iter().any(|source| {
            source.value.labels.part == Some(crate::config::classifier::PartChoice::Test)
        });
        let shares = Shares {
            validation: config.head.validation,
            test: if given { 0.0 } else { config.head.test },
        };
        for (what, number) in [("without a text", read.empty), ("unreadable", read.failed)] {
            if number > 0 {
                note(&format!("{} records {what} were left out", grouped(number)));
            }
        }
        if read.unlabelled > 0 {
            note(&format!("{} records without a label were left out", grouped(read.unlabelled)));
        }
        let (texts, counts) = split(read.texts, shares, config.head.seed);
        if counts.copies + counts.straddling + counts.conflicting > 0 {
            note(&format!(
                "{} copies and {} texts that stand among those to test with were left out; {} \
                 texts stand there with different labels",
                counts.copies, counts.straddling, counts.conflicting
            ));
        }
        let settings = settings(&config);
        let tell = |text: String| note(&text);
        let mut fitted =
            fit(&read.labels, &texts, &settings, &tell).map_err(|error| match error {
                FitError::Load(_) => anyhow::Error::new(error),
                error => anyhow::Error::new(Usage(error.to_string())),
            })?;
        let sources = config.sources.iter().map(|source| {
            let labels = &source.value.labels;
            let flags =
                || labels.flag_fields.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            let field = || labels.label_field.as_ref().map(|field| format!("by field {field}"));
            let label = labels.label.clone().or_else(field).unwrap_or_else(flags);
            (source.value.source.name.clone(), label, labels.origin.clone())
        });
        let file = self.config.file_name().unwrap_or_default().to_string_lossy();
        let about = About {
            name: &config.head.name,
            description: &config.card.description,
            licence: &config.card.licence,
            limits: &config.card.limits,
            sources: sources.collect(),
            command: format!("tamis fit-classifier {file}"),
            counts,
        };
        facts(&about, &texts, &mut fitted);
        Self::write(&out, &about, &texts, &fitted)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&fitted.report)?),
            OutputFormat::Text => print(&text(&about, &texts, &fitted, &self.out)),
        }
    }

    fn write(
        out: &Store,
        about: &About<'_>,
        texts: &[Labelled],
        fitted: &Fitted,
    ) -> anyhow::Result<()> {
        let (name, kind) = (about.name, kind(fitted));
        let title = format!("{name}: curves on the test part");
        let sidecar = format!("{}\n", serde_json::to_string_pretty(&fitted.sidecar)?);
        let files = [
            (format!("{name}.{kind}"), fitted.model.clone()),
            (format!("{name}.json"), sidecar.into_bytes()),
            (format!("{name}.md"), card(about, texts, fitted).into_bytes()),
            (format!("{name}.svg"), plot(&title, &fitted.report).into_bytes()),
        ];
        for (path, bytes) in files {
            out.put(&path, bytes.into())?;
        }
        Ok(())
    }
}

fn kind(fitted: &Fitted) -> &'static str {
    if fitted.quantised { "ftz" } else { "bin" }
}

/// What the file beside the model says for people.
fn facts(about: &About<'_>, texts: &[Labelled], fitted: &mut Fitted) {
    let report = &fitted.report;
    let data = about.sources.iter().enumerate().map(|(number, (name, label, origin))| {
        let texts = texts.iter().filter(|text| text.source == number).count();
        json!({ "source": name, "label": label, "texts": texts, "origin": origin })
    });
    fitted.sidecar.data = data.collect();
    let labels = report.labels.iter().map(|label| {
        let figures = json!({
            "roc_auc": label.roc_auc,
            "average_precision": label.average_precision,
            "f1": label.f1,
            "brier": label.brier.1,
            "calibration_error": label.calibration_error.1,
        });
        (label.label.clone(), figures)
    });
    fitted.sidecar.metrics = serde_json::Value::Object(labels.collect());
}

fn settings(config: &Classifier) -> FitSettings {
    let Model { loss, trials, metric, calibration, max_size, chars, .. } = &config.model;
    FitSettings {
        seed: config.head.seed,
        loss: match loss {
            LossChoice::Softmax => TrainLoss::Softmax,
            LossChoice::OneVsAll => TrainLoss::OneVsAll,
        },
        linear: config.model.kind == KindChoice::Linear,
        fixed: Fixed {
            learning_rate: config.model.learning_rate,
            dimension: config.model.dimension,
            epochs: config.model.epochs,
            min_count: config.model.min_count,
            word_ngrams: config.model.word_ngrams,
            buckets: config.model.buckets,
            chars: chars.map(|[least, most]| (least, most)),
            cost: config.model.cost,
            word_factor: config.model.word_factor,
        },
        trials: *trials,
        metric: match metric {
            MetricChoice::RocAuc => Metric::RocAuc,
            MetricChoice::AveragePrecision => Metric::AveragePrecision,
            MetricChoice::F1 => Metric::F1,
            MetricChoice::LogLoss => Metric::LogLoss,
        },
        calibration: match calibration {
            CalibrationChoice::Platt => Some(Kind::Platt),
            CalibrationChoice::Isotonic => Some(Kind::Isotonic),
            CalibrationChoice::Auto | CalibrationChoice::None => None,
        },
        calibrate: *calibration != CalibrationChoice::None,
        max_bytes: usize::try_from(max_size.0).ok().filter(|&bytes| bytes > 0),
        positive: config.head.positive.clone(),
        preprocess: config.head.preprocess,
        languages: config.head.languages.clone(),
    }
}

fn text(about: &About<'_>, texts: &[Labelled], fitted: &Fitted, out: &Path) -> String {
    let report = &fitted.report;
    let count = |part| grouped(texts.iter().filter(|text| text.part == part).count() as u64);
    let mut text = format!(
        "texts      {} to train, {} to choose, {} to test\n\
         best       {} (trial {} of {})\n\
         model      {} of {} → {}\n",
        count(Part::Train),
        count(Part::Validation),
        count(Part::Test),
        report.trials[report.best].shown,
        report.best + 1,
        report.trials.len(),
        format_args!("{}.{}", about.name, kind(fitted)),
        ByteSize(report.bytes as u64),
        out.display()
    );
    for label in &report.labels {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<10} ROC-AUC {:.4}, average precision {:.4}; F1 {:.4} at {:.2}; Brier {:.4} → {:.4}, \
             calibration error {:.4} → {:.4}",
            label.label,
            label.roc_auc,
            label.average_precision,
            label.f1,
            label.threshold,
            label.brier.0,
            label.brier.1,
            label.calibration_error.0,
            label.calibration_error.1
        );
    }
    text
}
