//! Encoding: from kept documents to ids and loss masks.
//!
//! A document is plain text, cut up for fill-in-the-middle, a conversation behind a chat template, or
//! a prompt with its target. What it is goes by its source: those with `conversation` give
//! conversations, others text.

mod chat;
mod fim;
mod form;
mod pieces;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::Array;
use serde::{Deserialize, Serialize};
use tokenizers::pipeline::PipelineToken;

use self::chat::ChatEncoder;
pub use self::fim::FimForm;
use self::fim::Order;
pub use self::form::{ChatForm, Form, FormError};
use self::pieces::Ids;
pub use self::pieces::Special;
use super::format::{ShardLayout, Width};
use super::tokenizer::{Tokenizer, TokenizerError};
use crate::config::tokens::{LossOn, Prompt};
use crate::conversation::{self, Content, Conversation, Role};
use crate::document::{Batch, Reason};

/// Reasons a document is `failed` with when it is encoded.
pub mod reasons {
    pub use super::chat::{MASK, NONCHARACTERS, TEMPLATE};
    use crate::document::Reason;

    /// All of them.
    pub const ALL: &[Reason] = &[TEMPLATE, MASK, NONCHARACTERS];
}

/// Why documents cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The chat template does not compile.
    #[error("the chat template cannot be used: {0}")]
    Template(String),
    /// The chat template does not show how turns begin and end.
    #[error(
        "the chat template does not render a question and an answer, by which the assistant's turns \
         are found: {0}; put {{% generation %}} and {{% endgeneration %}} around what is to be \
         learnt, or set `loss = \"all\"`"
    )]
    Probe(String),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// What was encoded, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Plain documents.
    pub text: u64,
    /// Conversations through a template.
    pub chat: u64,
    /// Prompts with targets.
    pub prompt: u64,
    /// Documents cut up in the order prefix, suffix, middle.
    pub fim_psm: u64,
    /// Documents cut up in the order suffix, prefix, middle.
    pub fim_spm: u64,
    /// Tokens, end-of-document tokens included.
    pub tokens: u64,
    /// Tokens among them that are not learnt.
    pub masked: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.text += other.text;
        self.chat += other.chat;
        self.prompt += other.prompt;
        self.fim_psm += other.fim_psm;
        self.fim_spm += other.fim_spm;
        self.tokens += other.tokens;
        self.masked += other.masked;
    }
}

/// Encodes documents; shared by all threads.
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    end_of_document: u32,
    width: Width,
    seed: u64,
    chat: Option<ChatEncoder>,
    prompt: Option<Prompt>,
    fim: Option<FimForm>,
    /// Sources whose documents may be cut up.
    cut: Vec<bool>,
    /// Column of the outlines among the metadata.
    outlines: Option<usize>,
}

impl Encoder {
    /// An encoder for documents with these metadata columns, of these sources, and for shards of this
    /// layout.
    ///
    /// # Errors
    /// When a template cannot be used.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        form: &Form,
        layout: &ShardLayout,
        metadata: &[String],
        sources: &[String],
        seed: u64,
    ) -> Result<Self, EncodeError> {
        let spoken = form.chat.is_some() || form.prompt.is_some();
        let column = || metadata.iter().position(|field| field == conversation::COLUMN);
        let cut = |source: &String| form.fim.as_ref().is_some_and(|fim| fim.applies(source));
        Ok(Self {
            width: layout.width,
            tokenizer,
            end_of_document: layout.end_of_document,
            seed,
            chat: form.chat.as_ref().map(ChatEncoder::new).transpose()?,
            prompt: form.prompt.clone(),
            fim: form.fim.clone(),
            cut: sources.iter().map(cut).collect(),
            outlines: if spoken { column() } else { None },
        })
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Encodes the kept documents of a batch of the source with this number, each with the
    /// end-of-document token behind it.
    ///
    /// # Errors
    /// When a text cannot be expressed in the tokenizer's vocabulary.
    pub fn encode(&self, source: u32, batch: &Batch) -> Result<TokenBatch, EncodeError> {
        let mut out = TokenBatch::new(batch, self.width);
        let mut ids = Ids::default();
        // One for the whole batch: it keeps the words it has met, and costs no lock a text.
        let mut context = self.tokenizer.context();
        let cut = self.cut.get(source as usize).copied().unwrap_or_default();
        let outlines = self.outlines.and_then(|column| batch.metadata.get(column));
        for row in 0..batch.len() {
            if !batch.verdicts[row].is_kept() {
                out.skip();
                continue;
            }
            ids.clear();
            let text = batch.text(row);
            if let Some(outlines) = outlines.filter(|outlines| outlines.is_valid(row)) {
                match self.conversation((text, outlines.value(row)), &mut ids, &mut out.figures)? {
                    Ok(()) => out.push(&ids.tokens, Some(&ids.loss)),
                    Err(reason) => out.fail(row, batch.len(), reason),
                }
                continue;
            }
            match &self.fim {
                Some(fim) if cut => {
                    let draw = (batch.ids[row], self.seed);
                    match fim.encode(&self.tokenizer, draw, text, &mut ids.tokens)? {
                        None => out.figures.text += 1,
                        Some(Order::Psm) => out.figures.fim_psm += 1,
                        Some(Order::Spm) => out.figures.fim_spm += 1,
                    }
                }
                _ => {
                    context.encode_into(text, &mut ids.tokens)?;
                    out.figures.text += 1;
                }
            }
            ids.tokens.push(self.end_of_document.into());
            out.push(&ids.tokens, None);
        }
        Ok(out)
    }

    fn conversation(
        &self,
        (text, outline): (&str, &str),
        ids: &mut Ids,
        figures: &mut Figures,
    ) -> Result<Result<(), Reason>, EncodeError> {
        let last = |ids: &Ids| ids.tokens.last().map(|&id| u32::from(id));
        if let Some(chat) = &self.chat {
            if let Err(reason) = chat.encode(&self.tokenizer, (text, outline), ids)? {
                return Ok(Err(reason));
            }
            figures.chat += 1;
            // Many templates end a turn with the token that ends documents.
            if last(ids) != Some(self.end_of_document) {
                // It is learnt only where it is all that ends the answer.
                let open = chat.ends_open(last(ids)) && ids.loss.last() == Some(&1);
                ids.push(self.end_of_document, open || chat.loss == LossOn::All);
            }
            return Ok(Ok(()));
        }
        let Some(prompt) = &self.prompt else { return Ok(Err(reasons::TEMPLATE)) };
        let (asked, answer) = match Conversation::from_transcript(text, outline) {
            Ok(conversation) => match prompt_of(&conversation, &prompt.separator) {
                Some(parts) => parts,
                None => return Ok(Err(conversation::reasons::EMPTY)),
            },
            Err(reason) => return Ok(Err(reason)),
        };
        ids.text(&self.tokenizer, &asked, prompt.loss == LossOn::All)?;
        ids.text(&self.tokenizer, &answer, true)?;
        ids.push(self.end_of_document, true);
        figures.prompt += 1;
        Ok(Ok(()))
    }
}

/// What is said before the last answer, and that answer.
fn prompt_of(conversation: &Conversation, separator: &str) -> Option<(String, String)> {
    let messages = &conversation.messages;
    let last = messages.iter().rposition(|message| message.role == Role::Assistant)?;
    let said = |content: &Content| match content {
        Content::Text(text) => text.clone(),
        Content::Parts(parts) => parts.concat(),
        Content::Absent | Content::Null => String::new(),
    };
    let mut asked = String::new();
    for message in &messages[..last] {
        asked.push_str(&said(&message.content));
        asked.push_str(separator);
    }
    Some((asked, said(&messages[last].content)))
}

/// The tokens of a batch's kept documents, as the bytes that shards hold.
pub struct TokenBatch {
    bytes: Vec<u8>,
    /// End of each row's bytes.
    ends: Vec<usize>,
    /// One byte for each token of the rows that have masks, behind each other.
    loss: Vec<u8>,
    /// End of each row's loss; empty where no row has a mask.
    loss_ends: Vec<usize>,
    /// By row; empty where none failed.
    failures: Vec<Option<Reason>>,
    width: Width,
    /// What was encoded.
    pub figures: Figures,
}

impl TokenBatch {
    fn new(batch: &Batch, width: Width) -> Self {
        Self {
            // A token is of some four bytes of text.
            bytes: Vec::with_capacity(batch.text_bytes() / 4 * width.bytes()),
            ends: Vec::with_capacity(batch.len()),
            loss: Vec::new(),
            loss_ends: Vec::new(),
            failures: Vec::new(),
            width,
            figures: Figures::default(),
        }
    }

    fn push(&mut self, ids: &[PipelineToken], loss: Option<&[u8]>) {
        self.width.append(PipelineToken::cast_slice(ids), &mut self.bytes);
        self.figures.tokens += ids.len() as u64;
        if let Some(loss) = loss {
            let learnt: u64 = loss.iter().map(|&learnt| u64::from(learnt)).sum();
            self.figures.masked += loss.len() as u64 - learnt;
            self.loss.extend_from_slice(loss);
            self.loss_ends.resize(self.ends.len(), self.loss_ends.last().copied().unwrap_or(0));
            self.loss_ends.push(self.loss.len());
        }
        self.ends.push(self.bytes.len());
    }

    fn skip(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn fail(&mut self, row: usize, rows: usize, reason: Reason) {
        self.failures.resize(rows, None);
        self.failures[row] = Some(reason);
        self.skip();
    }

    /// The bytes of a row's tokens.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// The number of a row's tokens, its end-of-document token included.
    #[must_use]
    pub fn count(&self, row: usize) -> u32 {
        u32::try_from(self.bytes(row).len() / self.width.bytes()).unwrap_or(u32::MAX)
    }

    /// For each of a row's tokens, 1 where it is learnt and 0 where not; all are where `None`.
    #[must_use]
    pub fn loss(&self, row: usize) -> Option<&[u8]> {
        let end = *self.loss_ends.get(row)?;
        let start = if row == 0 { 0 } else { self.loss_ends[row - 1] };
        (end > start).then(|| &self.loss[start..end])
    }

    /// Why a row that was kept could not be encoded: it is to be `failed`.
    #[must_use]
    pub fn failure(&self, row: usize) -> Option<Reason> {
        self.failures.get(row).copied().flatten()
    }
}
