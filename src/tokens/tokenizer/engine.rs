//! From text to ids by the library's parts.
//!
//! [`PipelineTokenizer::encode_into`](tokenizers::pipeline::PipelineTokenizer::encode_into) takes
//! the same steps. Here they stand one by one, since between them the ids are checked against the
//! text (see [`super::table`]), long texts are cut, patterns without a grammar of their own go
//! through a regex engine, and one thread keeps its buffers over many texts.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokenizers::models::bpe::PipelineBPE;
use tokenizers::pipeline::{
    Model, PipelineModel, PipelineModelScratch, PipelinePreTokenizer, PipelineToken,
    PipelineTokenizer, PreTokenizer, PreTokenizerScratch, Segment, Span, SpecialSegmentIterator,
    normalize_all,
};

use super::TokenizerError;
use super::byte_level;
use super::exact::Exact;
use super::forms;
use super::newer;
use super::splitter::{Splitter, Trailing};
use super::table::Table;

/// Written tokens that are special in a text are text.
const SPECIAL_IS_TEXT: bool = true;

/// Encodes text.
pub(super) struct Engine {
    inner: PipelineTokenizer,
    splitter: Splitter,
    /// Its normalizers are one of the normal forms.
    is_form: bool,
    /// Of byte-level models, whose tokens are bytes.
    table: Option<Table>,
    exact: OnceLock<Exact>,
    trailing: Option<Trailing>,
    idle: Mutex<Vec<Buffers>>,
}

/// What a thread needs besides.
#[derive(Default)]
struct Buffers {
    model: PipelineModelScratch,
    split: PreTokenizerScratch,
    spans: Vec<Span>,
    gathered: Vec<u8>,
}

/// Encodes for one thread at a time; see [`Tokenizer::context`](super::Tokenizer::context).
pub struct Context<'a> {
    engine: &'a Engine,
    buffers: Buffers,
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.buffers);
        self.engine.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }
}

impl Context<'_> {
    /// As [`Tokenizer::encode_into`](super::Tokenizer::encode_into).
    ///
    /// # Errors
    /// As there.
    pub fn encode_into(
        &mut self,
        text: &str,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        self.engine.encode(text, &mut self.buffers, out)
    }
}

fn encode_error(error: impl std::fmt::Display) -> TokenizerError {
    TokenizerError::Encode(error.to_string())
}

impl Engine {
    /// `table` is there for byte-level models, whose tokens are bytes.
    pub(super) fn new(inner: PipelineTokenizer, splitter: Splitter, table: Option<Table>) -> Self {
        let is_form = forms::is_form(inner.get_normalizers());
        let idle = Mutex::default();
        Self { inner, splitter, is_form, table, exact: OnceLock::new(), trailing: None, idle }
    }

    /// White space at the end of a text is one word from here on.
    pub(super) fn set_trailing(&mut self, trailing: Trailing) {
        self.trailing = Some(trailing);
    }

    pub(super) fn context(&self) -> Context<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffers = idle.unwrap_or_else(|| Buffers {
            model: self.inner.get_model().init_scratch(),
            ..Buffers::default()
        });
        Context { engine: self, buffers }
    }

    pub(super) fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(encode_error)
    }

    fn encode(
        &self,
        text: &str,
        buffers: &mut Buffers,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        let (mut text, tail) = match &self.trailing {
            Some(trailing) => trailing.split(text),
            None => (text, None),
        };
        while let Some(cut) = self.splitter.cut(text) {
            self.segments(&text[..cut], buffers, out)?;
            text = &text[cut..];
        }
        self.segments(text, buffers, out)?;
        if let (Some(trailing), Some(tail)) = (&self.trailing, tail) {
            trailing.encode(tail, out);
        }
        Ok(())
    }

    /// Takes added tokens out of the text, then out of the normalised text.
    fn segments(
        &self,
        text: &str,
        buffers: &mut Buffers,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        let added = self.inner.get_added_vocabulary();
        for segment in SpecialSegmentIterator::new(text, added, false, SPECIAL_IS_TEXT) {
            let (text, offset) = match segment {
                Segment::SpecialToken(id) => {
                    out.push(id.into());
                    continue;
                }
                Segment::Text { text, input_offset } => (text, input_offset),
            };
            let normalizers = self.inner.get_normalizers();
            let normal = if self.is_form {
                forms::normal(normalizers, text)
            } else {
                normalize_all(normalizers, text, offset)
            };
            let normal = normal.map_err(encode_error)?;
            for segment in SpecialSegmentIterator::new(&normal, added, true, SPECIAL_IS_TEXT) {
                match segment {
                    Segment::SpecialToken(id) => out.push(id.into()),
                    Segment::Text { text, .. } => self.words(text, buffers, out)?,
                }
            }
        }
        Ok(())
    }

    /// Encodes normalised text without added tokens.
    fn words(
        &self,
        text: &str,
        buffers: &mut Buffers,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        if u32::try_from(text.len()).is_err() {
            return Err(encode_error("it is longer than 4 GiB"));
        }
        let Buffers { model: scratch, split, spans, gathered } = buffers;
        let model = self.inner.get_model();
        spans.clear();
        let pre_tokenizer = self.splitter.own().unwrap_or(self.inner.get_pre_tokenizer());
        let masked = newer::masked(text);
        let seen = masked.as_deref().unwrap_or(text);
        let shown = self.splitter.shown(seen);
        let seen = shown.as_deref().unwrap_or(seen);
        pre_tokenizer.pre_tokenize(seen, split, spans).map_err(encode_error)?;
        let start = out.len();
        model.tokenize_spans(text, spans, scratch, out).map_err(encode_error)?;
        let Some(table) = &self.table else { return Ok(()) };
        let bytes = if self.splitter.covers() {
            text.as_bytes()
        } else {
            gathered.clear();
            for span in spans.iter() {
                gathered.extend(text[span.range()].as_bytes());
            }
            gathered
        };
        if !table.spells(PipelineToken::cast_slice(&out[start..]), bytes) {
            out.truncate(start);
            self.repair(text, spans, scratch, table, out)?;
        }
        Ok(())
    }

    /// Encodes word by word, and anew those of which the ids do not spell the text.
    #[cold]
    fn repair(
        &self,
        text: &str,
        spans: &[Span],
        scratch: &mut PipelineModelScratch,
        table: &Table,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        let mut ids = Vec::new();
        for span in spans {
            let word = &text[span.range()];
            let start = out.len();
            let model = self.inner.get_model();
            model.tokenize_pipeline(word, scratch, out).map_err(encode_error)?;
            if !table.spells(PipelineToken::cast_slice(&out[start..]), word.as_bytes()) {
                out.truncate(start);
                ids.clear();
                self.exact()?.encode(word.as_bytes(), &mut ids);
                out.extend(ids.iter().map(|&id| PipelineToken::from(id)));
            }
        }
        Ok(())
    }

    fn exact(&self) -> Result<&Exact, TokenizerError> {
        if let Some(exact) = self.exact.get() {
            return Ok(exact);
        }
        let PipelineModel::BPE(model) = self.inner.get_model() else {
            return Err(encode_error("only byte-level models are checked"));
        };
        let exact = exact(model).map_err(encode_error)?;
        Ok(self.exact.get_or_init(|| exact))
    }
}

/// The model's vocabulary and merges as they were read.
fn exact(model: &PipelineBPE) -> Result<Exact, tokenizers::Error> {
    let config = model.to_config()?;
    let id = |token: &str| config.vocab.get(token).copied();
    let mut bytes = [None; 256];
    for value in 0..=255 {
        bytes[usize::from(value)] = id(&byte_level::spelled(&[value]));
    }
    let mut merges = Vec::with_capacity(config.merges.len());
    for (left, right) in &config.merges {
        let product = format!("{left}{right}");
        if let (Some(left), Some(right), Some(product)) = (id(left), id(right), id(&product)) {
            merges.push((left, right, product));
        }
    }
    let whole = config.ignore_merges.then(|| {
        let spelled = |(token, &id): (&String, &u32)| (byte_level::bytes(token), id);
        config.vocab.iter().map(spelled).collect::<HashMap<_, _>>()
    });
    Ok(Exact::new(&bytes, merges, whole))
}

/// Whether a pre-tokenizer makes words of all of a text.
pub(super) fn covers(pre_tokenizer: &PipelinePreTokenizer) -> bool {
    use tokenizers::SplitDelimiterBehavior::Removed;
    match pre_tokenizer {
        PipelinePreTokenizer::Split(split) => split.behavior != Removed,
        PipelinePreTokenizer::Sequence(sequence) => sequence.pre_tokenizers().iter().all(covers),
        PipelinePreTokenizer::None
        | PipelinePreTokenizer::Digits(_)
        | PipelinePreTokenizer::FixedLength(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: &str = include_str!("../../../data-samples/tokenizers/gpt2.json");
    const TEXT: &str = include_str!("../../../data-samples/plain/zen-en.txt");

    fn engine(table: Option<Table>) -> Engine {
        let canonical = tokenizers::canonicalize_str(GPT2).unwrap();
        let inner = tokenizers::from_json(&canonical).unwrap();
        let splitter = Splitter::new(&inner).unwrap();
        Engine::new(inner, splitter, table)
    }

    fn ids(engine: &Engine, text: &str) -> Vec<PipelineToken> {
        let mut out = Vec::new();
        engine.context().encode_into(text, &mut out).unwrap();
        out
    }

    #[test]
    fn ids_that_do_not_spell_the_text_are_made_anew() {
        let plain = engine(None);
        let texts = [TEXT, "aaaaaaaaaaaaaaaaaa 字漢字 \u{301}\u{301} 12345678 .,.,.,.,\n\n\n  x"];
        // A table in which no token spells anything: each word is encoded by the book.
        let nothing = engine(Some(Table::new(50257, std::iter::empty())));
        // And one in which ` is` is something else, so that some words are.
        let tokens: Vec<_> = (0..50257u32)
            .map(|id| {
                let token = plain.inner.decode_tokens(&[id], false).concat();
                (id, if id == 318 { b"xx".to_vec() } else { byte_level::bytes(&token) })
            })
            .collect();
        let tokens = tokens.iter().map(|(id, bytes)| (*id, &bytes[..]));
        let some = engine(Some(Table::new(50257, tokens)));
        assert!(ids(&plain, TEXT).contains(&PipelineToken::from(318)));
        for text in texts {
            assert_eq!(ids(&plain, text), ids(&nothing, text), "{text:?}");
            assert_eq!(ids(&plain, text), ids(&some, text), "{text:?}");
        }
        assert!(plain.exact.get().is_none());
        assert!(some.exact.get().is_some());
    }
}
