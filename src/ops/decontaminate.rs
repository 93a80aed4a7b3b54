//! `decontaminate`: keeps benchmarks out of the training set.

mod align;
mod benchmark;
mod choose;
mod cut;
mod find;
mod fold;
pub(crate) mod found;
mod items;
mod ngram;
mod seeds;
#[cfg(test)]
mod tests;
mod weights;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::benchmark::Fields;
use self::find::Finder;
use self::found::{Detail, Match};
use self::items::Items;
use self::ngram::Ngrams;
use self::words::{Labels, Words};
use super::lines::check_ratio;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::model::AssetError;
use crate::plan::inputs;
use crate::store::resolved;

/// Finds benchmark items in documents, and drops the documents or cuts the items out.
///
/// `benchmarks` are JSONL files as they are published (plain, gzip or zstd), a file a benchmark: the
/// fields of GSM8K, MMLU, HellaSwag, ARC, HumanEval, MBPP, LAMBADA, SQuAD, PIQA and others are known,
/// and the `*_fields` name others. Any other file is plain text, with an item a paragraph, or a line
/// where no line is blank. Words are compared in lower case, without punctuation, accents and
/// differences of width; Chinese, Japanese, Thai, … by characters.
///
/// `method = "items"` looks for items as [decon](https://github.com/allenai/decon) does, which
/// made OLMo 3's training sets: runs of words of the questions stand in an inverted index; where one
/// is met, the item is followed to both sides over up to 8 words more, less or changed at a time.
/// Words count by what they tell: little where the benchmarks often have them, or have them behind
/// the word before. The score is
/// `covered × min(1, found / 50 bits)`: the share of the question (or of question, choices and answer
/// together) that stands there, of which 250 bits, some 40 words, are enough of a long one; and whether
/// what was found of question, choices, answer and passage is too much for chance. So a long question
/// may be changed or cut off, a short one has to be complete and rare, and one that is short and
/// common (`Which of these is true?`) counts only with its choices or its answer near it. A passage
/// alone counts nothing: it is most often a public text.
///
/// `method = "ngram"` is the rule of GPT-3
/// ([Brown et al. 2020](https://arxiv.org/abs/2005.14165), appendix C): any run of 13 words
/// that an item has, too; of a benchmark with short items as many words as the shortest twentieth has,
/// 8 at least. Runs of more than `max_ngram_items` items are passed over (GPT-3 counted the training
/// documents that have them). It finds no item that is shorter than that, nor one with a changed word every 12, and
/// takes quotations, lists and idioms of code for items. The score is the share of the item's runs found.
///
/// `remove = "matches"` cuts the places out in place of dropping the document, and `window` characters
/// on both sides of them; what is left are pieces, joined by a blank line, of which those shorter
/// than `min_piece` go as well. A document that falls into more than `max_pieces`, or of which
/// nothing is left, is dropped: GPT-3's way.
///
/// Every match stands in the table `contamination` of the run: document, benchmark, item, place,
/// score (`tamis query RUN "SELECT * FROM contamination"`), and the summary counts the items found of
/// each benchmark.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Decontaminate {
    /// Benchmark files or globs, relative to the pipeline file. A file's name up to `.jsonl` or `.txt`
    /// is the benchmark's name.
    pub benchmarks: Vec<PathBuf>,
    /// Other names, one for each file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// How items are looked for.
    pub method: Method,
    /// Least score that counts, 0.5 to 1; by default 0.65. For `ngram` 0 to 1; by default any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// What goes: the document, or only the places that match.
    pub remove: Remove,
    /// Characters cut out on both sides of a match.
    pub window: u64,
    /// Least characters of a piece that stays behind a cut.
    pub min_piece: u64,
    /// Most pieces that cuts may leave; a document of more is dropped.
    pub max_pieces: u64,
    /// Words of a run for `ngram`: most, for benchmarks whose items are long enough.
    pub max_ngram: u64,
    /// Words of a run for `ngram`: least, for benchmarks of short items.
    pub min_ngram: u64,
    /// For `ngram`: runs of more items than this are passed over.
    pub max_ngram_items: u64,
    /// Fields with the question, the first that is there; a name with dots leads into objects.
    pub question_fields: Vec<String>,
    /// Fields with the answer, as text or as the label, letter or number (from 0) of a choice.
    pub answer_fields: Vec<String>,
    /// Fields with choices: all that are there.
    pub choices_fields: Vec<String>,
    /// Fields with a passage that the question is about.
    pub passage_fields: Vec<String>,
    /// Fields with the item's name for reports; the line number where there is none.
    pub id_fields: Vec<String>,
}

/// How items are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    /// Question, choices, answer and passage, wholly or nearly.
    Items,
    /// Runs of words.
    Ngram,
}

/// What goes of a document with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Remove {
    /// All of it.
    Document,
    /// The places that match and what is around them.
    Matches,
}

impl Default for Decontaminate {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            benchmarks: Vec::new(),
            names: Vec::new(),
            method: Method::Items,
            min_score: None,
            remove: Remove::Document,
            window: 200,
            min_piece: 200,
            max_pieces: 10,
            max_ngram: 13,
            min_ngram: 8,
            max_ngram_items: 10,
            question_fields: names(&[
                "question",
                "question_stem",
                "prompt",
                "ctx",
                "query",
                "problem",
                "goal",
                "sentence",
                "instruction",
                "text",
                "content",
            ]),
            answer_fields: names(&[
                "answer",
                "answerKey",
                "canonical_solution",
                "solution",
                "code",
                "answers",
                "correct_answer",
                "label",
                "gold",
                "target",
                "output",
                "response",
            ]),
            choices_fields: names(&[
                "choices",
                "options",
                "endings",
                "sol1",
                "sol2",
                "option1",
                "option2",
                "distractor1",
                "distractor2",
                "distractor3",
            ]),
            passage_fields: names(&[
                "passage",
                "context",
                "article",
                "story",
                "support",
                "paragraph",
                "background",
            ]),
            id_fields: names(&["id", "task_id", "question_id", "ind", "idx"]),
        }
    }
}

const CONTAMINATED: Reason = Reason::new("contaminated");
const MANY_PIECES: Reason = Reason::new("contaminated-in-many-places");
const NOTHING_LEFT: Reason = Reason::new("contaminated-nothing-left");

/// Least score of `items` that is written down, so that `whatif` knows of what is below `min_score`.
const LEAST: f64 = 0.5;

/// The bytes of benchmarks that can be numbered in 32 bits.
const MAX_BYTES: usize = 1 << 30;

/// A place in a text or an item.
#[expect(
    clippy::cast_possible_truncation,
    reason = "documents have at most 256 MiB, all benchmarks together 1 GiB"
)]
fn narrow(place: usize) -> u32 {
    place as u32
}

impl Settings for Decontaminate {
    const NAME: &'static str = "decontaminate";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal { name: "score", kind: SignalType::Float, about: "greatest score of an item" },
        Signal { name: "benchmark", kind: SignalType::Text, about: "the benchmark of that item" },
        Signal { name: "item", kind: SignalType::Text, about: "its id, or the line of its file" },
        Signal { name: "matches", kind: SignalType::Int, about: "places where items stand" },
        Signal {
            name: "spans",
            kind: SignalType::Text,
            about: "these places, in characters: `12-80 95-130`",
        },
        Signal {
            name: "details",
            kind: SignalType::Text,
            about: "all matches, for the table `contamination`",
        },
    ];
    const REASONS: &'static [Reason] = &[CONTAMINATED, MANY_PIECES, NOTHING_LEFT];
    const EDITS: bool = true;
    const COST: u32 = 5_000;
    const THRESHOLDS: &'static [&'static str] = &["min_score"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.benchmarks.iter().map(|path| ("benchmarks", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        let mut files = Vec::new();
        for path in std::mem::take(&mut self.benchmarks) {
            match expanded(base, &path) {
                Ok(found) => files.extend(found),
                // `build` looks again, and tells.
                Err(_) => files.push(resolved(base, path)),
            }
        }
        self.benchmarks = files;
        if self.names.is_empty() {
            self.names = self.benchmarks.iter().map(|path| benchmark::name(path)).collect();
        }
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        signals.int("matches")?;
        if self.remove == Remove::Matches {
            return None;
        }
        let score = signals.number("score");
        Some(match score.filter(|score| *score >= self.least()) {
            Some(_) => Decision::Drop(CONTAMINATED),
            None => Decision::Keep,
        })
    }

    fn benchmarks(&self) -> Result<Vec<(String, u64)>, OpError> {
        let names = self.names.iter().cloned();
        names
            .zip(&self.benchmarks)
            .map(|(name, path)| Ok((name, benchmark::load(path, self.fields())?.len() as u64)))
            .collect()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let setting = |key, reason: String| OpError::Setting { key, reason };
        self.check()?;
        // The index depends on all settings and files; a file is not loaded twice for equal ones.
        let key = serde_json::to_string(self).map_err(|error| setting("op", error.to_string()))?;
        let index = context.assets.cached(Path::new(&key), |_| self.index());
        let index = index.map_err(|error| match error {
            AssetError::List { .. } => setting("benchmarks", error.to_string()),
            other => OpError::Asset(other),
        })?;
        Ok(Op::Document(Box::new(Decontaminator { settings: self.clone(), index })))
    }
}

/// The files that a path with or without wildcards stands for.
fn expanded(base: &Path, path: &Path) -> Result<Vec<PathBuf>, inputs::InputError> {
    let text = path.to_string_lossy().into_owned();
    if !text.contains(['*', '?', '[']) {
        return Ok(vec![resolved(base, path)]);
    }
    let found = inputs::find(base, &[text])?;
    let root = found.store.root();
    let file = |name: &str| match root.folder() {
        Some(folder) => folder.join(name),
        None => PathBuf::from(format!("{}/{name}", root.to_string().trim_end_matches('/'))),
    };
    Ok(found.files.iter().map(|entry| file(&entry.path)).collect())
}

impl Decontaminate {
    fn fields(&self) -> Fields<'_> {
        Fields {
            id: &self.id_fields,
            passage: &self.passage_fields,
            question: &self.question_fields,
            choices: &self.choices_fields,
            answer: &self.answer_fields,
        }
    }

    /// The least score that counts.
    fn least(&self) -> f64 {
        self.min_score.unwrap_or(match self.method {
            Method::Items => 0.65,
            Method::Ngram => 0.0,
        })
    }

    fn check(&self) -> Result<(), OpError> {
        let setting = |key, reason: String| Err(OpError::Setting { key, reason });
        if self.benchmarks.is_empty() {
            let reason =
                "name files with the items to look for, such as `../benchmarks/*.jsonl.gz`";
            return setting("benchmarks", reason.to_owned());
        }
        for path in &self.benchmarks {
            if let Err(error) = expanded(Path::new(""), path) {
                return setting("benchmarks", error.to_string());
            }
        }
        if self.names.len() != self.benchmarks.len() {
            let (names, files) = (self.names.len(), self.benchmarks.len());
            return setting("names", format!("there are {names} names for {files} files"));
        }
        let mut sorted: Vec<&String> = self.names.iter().collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).and_then(|pair| pair.first());
        if let Some(name) = twice {
            let reason = format!("two files are called `{name}`; give each a name of its own");
            return setting("names", reason);
        }
        check_ratio("min_score", self.least())?;
        if self.method == Method::Items && self.least() < LEAST {
            let reason = format!("{} finds chance; give {LEAST} to 1", self.least());
            return setting("min_score", reason);
        }
        if !(2..=self.max_ngram).contains(&self.min_ngram) || self.max_ngram > 1000 {
            let reason = format!(
                "{} to {} words are no runs; give 2 or more, and 1000 at most",
                self.min_ngram, self.max_ngram
            );
            return setting("min_ngram", reason);
        }
        Ok(())
    }

    /// Loads the benchmarks and makes the index.
    fn index(&self) -> Result<Index, AssetError> {
        let mut benchmarks = Vec::new();
        let mut bytes = 0;
        for (name, path) in self.names.iter().zip(&self.benchmarks) {
            let items = benchmark::load(path, self.fields())?;
            bytes += items.iter().flat_map(|item| &item.parts).map(String::len).sum::<usize>();
            if bytes > MAX_BYTES {
                let reason = "all benchmarks together hold more than 1 GiB of text".to_owned();
                return Err(AssetError::List { path: path.clone(), reason });
            }
            benchmarks.push((name.clone(), items));
        }
        Ok(match self.method {
            Method::Items => Index::Items(Finder::new(Items::new(benchmarks, Labels::LeftOut))),
            Method::Ngram => {
                let size = |words: u64| usize::try_from(words).unwrap_or(usize::MAX);
                let sizes = size(self.min_ngram)..=size(self.max_ngram);
                let items = Items::new(benchmarks, Labels::Words);
                Index::Ngrams(Ngrams::new(items, sizes, self.max_ngram_items))
            }
        })
    }
}

/// What items are looked for with.
#[derive(Debug)]
enum Index {
    Items(Finder),
    Ngrams(Ngrams),
}

struct Decontaminator {
    settings: Decontaminate,
    index: Arc<Index>,
}

/// Buffers kept from document to document.
#[derive(Debug, Default)]
struct Scratch {
    words: Words,
    items: find::Scratch,
    ngrams: ngram::Scratch,
    matches: Vec<Match>,
}

impl DocumentOp for Decontaminator {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let Scratch { words, items, ngrams, matches } = scratch;
        matches.clear();
        let held = match &*self.index {
            Index::Items(finder) => {
                words.split(text, Labels::LeftOut);
                finder.find(text, words, items, matches);
                &finder.items
            }
            Index::Ngrams(index) => {
                words.split(text, Labels::Words);
                index.find(text, words, ngrams, matches);
                &index.items
            }
        };
        // The first of the greatest.
        let best = matches.iter().rev().max_by(|a, b| a.score.total_cmp(&b.score)).copied();
        let Some(best) = best else {
            row.count(3, 0);
            return Decision::Keep;
        };
        row.float(0, best.score);
        row.text(1, held.benchmark(best.item));
        row.text(2, held.id(best.item));
        matches.retain(|found| found.score >= self.settings.least());
        row.count(3, matches.len());
        if matches.is_empty() {
            return Decision::Keep;
        }
        let details: Vec<Detail> = found::details(text, held, matches);
        row.owned_text(4, found::spans(&details));
        row.owned_text(5, found::write(&details));
        if self.settings.remove == Remove::Document {
            return Decision::Drop(CONTAMINATED);
        }
        let settings = &self.settings;
        let pieces = cut::pieces(text, matches, settings.window);
        if pieces.len() as u64 > settings.max_pieces {
            return Decision::Drop(MANY_PIECES);
        }
        let long = |piece: &&str| piece.chars().count() as u64 >= settings.min_piece;
        let mut left = pieces.into_iter().filter(long);
        let Some(first) = left.next() else { return Decision::Drop(NOTHING_LEFT) };
        row.push_text(first);
        for piece in left {
            row.push_text("\n\n");
            row.push_text(piece);
        }
        Decision::Keep
    }
}
