//! `[[train.evaluate]]`: tasks that a model is scored by.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::resolved;

/// A task scored by likelihood: multiple choice (the forms of HellaSwag, ARC, MMLU) or cloze (that of
/// LAMBADA), from any JSONL file.
///
/// Prompts, tokens and scores are those of lm-evaluation-harness
/// (<https://github.com/EleutherAI/lm-evaluation-harness>, `multiple_choice` and `loglikelihood`):
/// context and continuation are encoded together, white space at the end of the context counts to the
/// continuation, and what is too long is cut off from the left.
///
/// Reported are: of multiple choice `acc` (the choice with the greatest likelihood is right),
/// `acc_norm` (the greatest likelihood by characters of the choice) and `acc_bytes` (by bytes); of
/// cloze `acc` (each token of the answer is the likeliest one) and `perplexity` (of the answer); of
/// both `bits_per_byte` of the right answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Its name in reports.
    pub name: String,
    /// JSONL file of items, plain or gzip'd; relative to this file.
    pub path: PathBuf,
    /// Its form.
    pub kind: TaskKind,
    /// Key of the context. Keys may have dots: `choices.text` is `text` in `choices`. Default:
    /// `question`, for cloze `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Jinja template that makes the context of an item (`doc_to_text` of lm-evaluation-harness), in
    /// place of `context`: `"Question: {{question}}\nAnswer:"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Key of the list of choices. Default: `choices`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<String>,
    /// What is scored in place of the choices, in their order: `["A", "B", "C", "D"]` for MMLU's form,
    /// whose prompt lists the choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<String>,
    /// Key of the right answer: of multiple choice the number of the choice from 0, its letter, or
    /// its text; of cloze the text. Default: `answer`; a cloze without `answer` asks for the last word
    /// of its context, as LAMBADA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Key of a list in which the answer stands where the right choice does: `choices.label` for
    /// ARC's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_labels: Option<String>,
    /// What stands between context and continuation. Default: a space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Solved examples before each item: the first ones of their file that are not the item itself.
    /// Default: 0.
    #[serde(default)]
    pub few_shot: u32,
    /// File of examples. Default: `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few_shot_path: Option<PathBuf>,
    /// Key by which examples are chosen: those that have what the item has there, such as `subject` for
    /// MMLU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few_shot_by: Option<String>,
    /// Jinja template of what stands before the first example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Items scored at most: the first ones of the file. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Steps between two evaluations; 0 evaluates at the end alone. Default: `train.eval_every`. Has no
    /// influence on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
}

/// How an item is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// The likelihoods of given continuations are compared.
    MultipleChoice,
    /// One continuation is to be the likeliest of all.
    Cloze,
}

impl EvaluateConfig {
    /// Makes paths relative to the folder `base` of their file ones from here.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.path = resolved(base, &self.path);
        self.few_shot_path = self.few_shot_path.as_ref().map(|path| resolved(base, path));
    }
}
