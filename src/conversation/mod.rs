//! Conversations: records of turns, as documents.
//!
//! A document is one text, since filters, language identification, redaction, deduplication and
//! decontamination work on text. So a conversation becomes a *transcript*, which holds everything
//! that can be learnt from it, and an *outline*, which says what each section of the transcript is
//! and holds no text of the record:
//!
//! ```text
//! ⟦system⟧ You are terse.                                    ["system",
//! ⟦user⟧ How warm is it in Paris?                              "user",
//! ⟦reasoning⟧ I have to look it up.                            "reasoning_content",
//! ⟦assistant⟧                                                  "assistant-",
//! ⟦call⟧ get_weather                                           "call",
//! ⟦arguments⟧ {"city": "Paris"}                                "arguments{",
//! ⟦tool⟧ 18 degrees                                            "tool",
//! ⟦assistant⟧ It is 18 degrees.                                "assistant"]
//! ```
//!
//! Stages see and edit the transcript. When tokens are made, the transcript, as edited, is read back
//! along the outline; there is no other copy of the text, so that what was redacted cannot come back.
//! An edit that took a marker away, added one or left arguments that are no JSON makes the document
//! `failed(conversation-edited)`. A `⟦` in the text is doubled, so that no text can pass for a marker.

pub mod json;
mod shapes;
#[cfg(test)]
mod tests;
mod transcript;

use serde::{Deserialize, Serialize};

pub use self::json::Json;
use crate::document::Reason;

/// The metadata column that holds outlines.
pub const COLUMN: &str = "conversation";

/// Reasons a conversation is `failed` with.
pub mod reasons {
    use super::Reason;

    /// What stands in the source's field is no list of messages of a known shape.
    pub const MALFORMED: Reason = Reason::new("conversation-malformed");
    /// There is no message, or no answer.
    pub const EMPTY: Reason = Reason::new("conversation-empty");
    /// A message has a role that is none of the known ones.
    pub const ROLE: Reason = Reason::new("conversation-role");
    /// A message holds an image, sound or another thing that is no text.
    pub const NOT_TEXT: Reason = Reason::new("conversation-not-text");
    /// A stage's edit took a turn's marker away, added one, or broke the JSON of arguments.
    pub const EDITED: Reason = Reason::new("conversation-edited");

    /// All of them.
    pub const ALL: &[Reason] = &[MALFORMED, EMPTY, ROLE, NOT_TEXT, EDITED];
}

/// Where the parts of a conversation stand in a record. Dots lead into nested objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The list of messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<String>,
    /// The tools that the assistant may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// A system message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What is asked, where there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What the prompt is about, put behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<String>,
}

/// A value of a record, as a reader hands it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<'a> {
    /// The text of a string.
    Text(&'a str),
    /// The JSON of anything else.
    Json(&'a str),
}

/// What is said in a conversation, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    /// Definitions of the tools.
    pub tools: Vec<Json>,
    /// The messages.
    pub messages: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Content,
    /// What was thought before.
    pub reasoning: Option<(ReasoningKey, String)>,
    /// Calls of tools.
    pub calls: Vec<Call>,
    /// Name of the speaker or of the tool.
    pub name: Option<String>,
    /// The call that this answers.
    pub call_id: Option<String>,
    /// Whether it is learnt, if it is the assistant's: OpenAI's `weight`.
    pub learnt: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The same, in newer OpenAI models.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a call.
    Tool,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The record has no such key.
    Absent,
    /// The record has null there.
    Null,
    /// A string.
    Text(String),
    /// A list of text parts.
    Parts(Vec<String>),
}

/// The key that reasoning stands under: templates know one or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningKey {
    /// DeepSeek, Qwen.
    ReasoningContent,
    /// OpenRouter, vLLM.
    Reasoning,
    /// gpt-oss.
    Thinking,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// What it is called with: a string, or a JSON value.
    pub arguments: Arguments,
}

/// Arguments of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// None are given.
    Absent,
    /// A string, which is JSON in most records.
    Text(String),
    /// Anything else.
    Json(Json),
}

impl Role {
    /// The name in `messages`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl ReasoningKey {
    /// The key in a message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning => "reasoning",
            Self::Thinking => "thinking",
        }
    }
}

impl Shape {
    /// The fields of a record that are wanted, in the order that [`Shape::read`] takes them in.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.places().into_iter().flatten().cloned().collect()
    }

    fn places(&self) -> [&Option<String>; 6] {
        [&self.messages, &self.tools, &self.system, &self.prompt, &self.input, &self.completion]
    }

    /// Makes a conversation of a record's fields, which come in the order of [`Shape::paths`].
    ///
    /// # Errors
    /// With the reason that the record is no conversation.
    pub fn read(&self, parts: &[Option<Given<'_>>]) -> Result<Conversation, Reason> {
        let mut parts = parts.iter().copied();
        let mut next = |place: &Option<String>| place.as_ref().and_then(|_| parts.next()).flatten();
        let fields = self.places().map(&mut next);
        shapes::read(fields)
    }
}

impl Conversation {
    /// Its transcript and its outline.
    #[must_use]
    pub fn write(&self) -> (String, String) {
        transcript::write(self)
    }

    /// Reads a transcript, which may have been edited, along its outline.
    ///
    /// # Errors
    /// With [`reasons::EDITED`] where it does not follow the outline any more.
    pub fn from_transcript(transcript: &str, outline: &str) -> Result<Self, Reason> {
        transcript::read(transcript, outline)
    }
}
