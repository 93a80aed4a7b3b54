//! Fitting a byte-level BPE vocabulary to texts.
//!
//! What [BPE](https://arxiv.org/abs/1508.07909) asks for is the pair of neighbours that is most
//! frequent, again and again; ties go to the pair with the smaller ids, as in
//! [`BpeTrainer`](https://huggingface.co/docs/tokenizers/api/trainers) of tokenizers, so that a
//! vocabulary does not depend on the order of texts or the number of threads, and is that library's.

mod file;
mod pairs;
mod words;

pub use self::words::Words;
use super::encodings::Pattern;
use super::{TokenizerError, byte_level};

/// What a vocabulary is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Number of tokens: special ones, the 256 bytes, and what merges make.
    pub vocab_size: u32,
    /// Pairs that come less often are not merged.
    pub min_frequency: u64,
    /// Special tokens; they get the first ids, in this order.
    pub special: Vec<String>,
}

/// How texts become words, which merges never cross.
#[derive(Debug, Clone)]
pub struct WordPattern(Pattern);

impl WordPattern {
    /// `gpt2`, `cl100k`, `o200k` or `qwen`, or a regular expression whose matches are the words.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn new(name: &str) -> Result<Self, TokenizerError> {
        let pattern = Pattern::named(name).unwrap_or_else(|| Pattern::of(name));
        // Compiled once here, for the message.
        words::splitter(&pattern)?;
        Ok(Self(pattern))
    }
}

/// A fitted vocabulary.
pub struct Fitted {
    special: Vec<String>,
    /// Bytes of each token behind the special ones, by id.
    tokens: Vec<Vec<u8>>,
    /// Pairs of ids, in the order of merging.
    merges: Vec<(u32, u32)>,
}

impl Fitted {
    /// The number of tokens, special ones included.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.special.len() + self.tokens.len()
    }

    /// The number of merges.
    #[must_use]
    pub fn merges(&self) -> usize {
        self.merges.len()
    }

    /// The vocabulary as a `tokenizer.json`.
    #[must_use]
    pub fn to_json(&self, pattern: &WordPattern) -> String {
        file::written(self, &pattern.0)
    }
}

/// Whether a vocabulary can be so.
///
/// # Errors
/// When the size leaves no room for the bytes, or special tokens repeat.
pub fn check(settings: &Settings) -> Result<(), TokenizerError> {
    let wrong = |reason: String| TokenizerError::File { file: "the settings".to_owned(), reason };
    let mut seen = std::collections::BTreeSet::new();
    let mut special = settings.special.iter();
    if let Some(twice) = special.find(|name| name.is_empty() || !seen.insert(name.as_str())) {
        return Err(wrong(format!("the special token `{twice}` is empty or given twice")));
    }
    let (least, most) = (first(settings).saturating_add(256), super::MOST_IDS);
    if (least..most).contains(&settings.vocab_size) {
        return Ok(());
    }
    Err(wrong(format!(
        "a vocabulary of {} tokens: it must have at least {least} (256 bytes and {} special tokens) \
         and fewer than {most}",
        settings.vocab_size,
        settings.special.len(),
    )))
}

/// The id of the first token behind the special ones.
fn first(settings: &Settings) -> u32 {
    u32::try_from(settings.special.len()).unwrap_or(u32::MAX)
}

/// Fits a vocabulary to counted words.
///
/// # Errors
/// Those of [`check`].
pub fn fit(words: &Words, settings: &Settings) -> Result<Fitted, TokenizerError> {
    check(settings)?;
    let mut tokens: Vec<Vec<u8>> =
        byte_level::alphabet().into_iter().map(|byte| vec![byte]).collect();
    let merges = pairs::merges(words, settings, first(settings), &mut tokens);
    Ok(Fitted { special: settings.special.clone(), tokens, merges })
}

#[cfg(test)]
mod tests;
