//! Fill-in-the-middle ([Bavarian et al. 2022](https://arxiv.org/abs/2207.14255)).
//!
//! A document is cut at two characters drawn by its id; the middle goes to the end:
//!
//! * PSM: `<prefix>` prefix `<suffix>` suffix `<middle>` middle,
//! * SPM: `<prefix>` `<suffix>` suffix `<middle>` prefix middle, the paper's second variant, which
//!   StarCoder and Code Llama are trained with.

use serde::{Deserialize, Serialize};
use tokenizers::pipeline::PipelineToken;

use crate::config::tokens::Fim;
use crate::document::DocumentId;
use crate::tokens::tokenizer::{Tokenizer, TokenizerError};

/// Names of the tokens before prefix, middle and suffix: StarCoder, SantaCoder, Qwen, DeepSeek,
/// Code Llama, Codestral.
const NAMES: &[[&str; 3]] = &[
    ["<fim_prefix>", "<fim_middle>", "<fim_suffix>"],
    ["<fim-prefix>", "<fim-middle>", "<fim-suffix>"],
    ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
    ["<｜fim▁begin｜>", "<｜fim▁end｜>", "<｜fim▁hole｜>"],
    ["▁<PRE>", "▁<MID>", "▁<SUF>"],
    ["<PRE>", "<MID>", "<SUF>"],
    ["[PREFIX]", "[MIDDLE]", "[SUFFIX]"],
];

/// `[tokens.fim]` with its tokens found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FimForm {
    /// Share of the documents.
    pub rate: f64,
    /// Share of those in the order suffix, prefix, middle.
    pub spm_rate: f64,
    /// Sources it applies to.
    pub only: Option<Vec<String>>,
    /// Id of the token before the prefix.
    pub prefix: u32,
    /// Id of the token before the middle.
    pub middle: u32,
    /// Id of the token before the suffix.
    pub suffix: u32,
}

/// The order of a document's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Psm,
    Spm,
}

impl FimForm {
    /// Finds the tokens.
    ///
    /// # Errors
    /// With the key at fault and what is wrong.
    pub(super) fn new(config: &Fim, tokenizer: &Tokenizer) -> Result<Self, String> {
        let given = [&config.prefix, &config.middle, &config.suffix];
        let ids = if given.iter().any(|name| name.is_some()) {
            let find = |(key, name): (&str, &Option<String>)| {
                let name = name.as_deref().ok_or_else(|| {
                    format!(
                        "[tokens.fim]: give `{key}` too, or none of `prefix`, `middle`, `suffix`"
                    )
                })?;
                tokenizer.token_id(name).ok_or_else(|| {
                    format!("[tokens.fim] {key}: the tokenizer has no token `{name}`")
                })
            };
            let keys = ["prefix", "middle", "suffix"];
            keys.into_iter().zip(given).map(find).collect::<Result<Vec<_>, _>>()?
        } else {
            let known = |names: &[&str; 3]| {
                names.iter().map(|name| tokenizer.token_id(name)).collect::<Option<Vec<_>>>()
            };
            NAMES.iter().find_map(known).ok_or_else(|| {
                let names: Vec<String> = NAMES.iter().map(|names| names.join(" ")).collect();
                format!(
                    "[tokens.fim]: the tokenizer has none of the usual tokens ({}); name them with \
                     `prefix`, `middle` and `suffix`",
                    names.join(", ")
                )
            })?
        };
        let [prefix, middle, suffix] = ids[..] else {
            return Err("[tokens.fim]: three tokens are needed".to_owned());
        };
        if prefix == middle || middle == suffix || prefix == suffix {
            return Err("[tokens.fim]: `prefix`, `middle` and `suffix` are not three tokens".into());
        }
        Ok(Self {
            rate: config.rate,
            spm_rate: config.spm_rate,
            only: config.only.clone(),
            prefix,
            middle,
            suffix,
        })
    }

    /// Whether a source's documents may be cut.
    pub(super) fn applies(&self, source: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == source))
    }

    /// Appends the ids of a document, its parts moved if it is drawn; tells in which order.
    ///
    /// A text that holds one of the three tokens, as some tokenizers find them in any text, is left
    /// as it is: it could not be put together again.
    pub(super) fn encode(
        &self,
        tokenizer: &Tokenizer,
        (id, seed): (DocumentId, u64),
        text: &str,
        out: &mut Vec<PipelineToken>,
    ) -> Result<Option<Order>, TokenizerError> {
        if !id.chosen(seed, "fim", self.rate) || text.is_empty() {
            tokenizer.encode_into(text, out)?;
            return Ok(None);
        }
        let first = out.len();
        let chars = text.chars().count();
        let mut cuts = [cut(id, seed, "fim-cut-1", chars), cut(id, seed, "fim-cut-2", chars)];
        cuts.sort_unstable();
        let byte = |cut: usize| text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
        let (start, end) = (byte(cuts[0]), byte(cuts[1]));
        let (prefix, middle, suffix) = (&text[..start], &text[start..end], &text[end..]);
        let order = if id.chosen(seed, "fim-spm", self.spm_rate) { Order::Spm } else { Order::Psm };
        out.push(self.prefix.into());
        if order == Order::Psm {
            tokenizer.encode_into(prefix, out)?;
        }
        out.push(self.suffix.into());
        tokenizer.encode_into(suffix, out)?;
        out.push(self.middle.into());
        if order == Order::Spm {
            tokenizer.encode_into(prefix, out)?;
        }
        tokenizer.encode_into(middle, out)?;
        let ours = [self.prefix, self.middle, self.suffix];
        let found = PipelineToken::cast_slice(&out[first..]).iter().filter(|id| ours.contains(id));
        if found.count() != ours.len() {
            out.truncate(first);
            tokenizer.encode_into(text, out)?;
            return Ok(None);
        }
        Ok(Some(order))
    }
}

/// A character border of a text of `chars` characters, all alike likely.
fn cut(id: DocumentId, seed: u64, purpose: &str, chars: usize) -> usize {
    let wide = u128::from(id.random(seed, purpose)) * (chars as u128 + 1);
    // The product's upper half is at most `chars`.
    usize::try_from(wide >> 64).unwrap_or(chars)
}
