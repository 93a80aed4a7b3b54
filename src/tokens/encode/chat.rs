//! Conversations to ids: rendered through the chat template, with the assistant's turns learnt.
//!
//! Where the template has `{% generation %}` blocks, these say what is learnt, as in `transformers`.
//! Otherwise a conversation is rendered a second time with marks (noncharacters) in its messages.
//! Where the marks come out shows where each message stands. A turn of the assistant is what lies
//! between the header that `add_generation_prompt` writes and the end-of-turn token, which belongs
//! to it; both are found out once by rendering a short conversation. Without its marks the second
//! rendering must be the first one to the byte, else the document is `failed(chat-mask)`.
//!
//! Rendering each prefix of a conversation, as some trainers do, would not find the turns of
//! templates that show the last turn otherwise than the ones before (Qwen3 and DeepSeek leave
//! reasoning out of these).

use std::ops::Range;

use super::pieces::{Ids, Special, Specials};
use super::template::{self, LEARN, LEARN_END, Template};
use super::{ChatForm, EncodeError};
use crate::config::tokens::LossOn;
use crate::conversation::{Arguments, Call, Content, Conversation, Json, Message, Role};
use crate::document::Reason;
use crate::tokens::tokenizer::{Tokenizer, TokenizerError};

/// The template refused the conversation (`raise_exception`), failed on it, or took too many steps.
pub const TEMPLATE: Reason = Reason::new("chat-template");
/// It cannot be told which tokens of the rendering are the assistant's.
pub const MASK: Reason = Reason::new("chat-mask");
/// The text holds noncharacters of Unicode (U+FDD0 to U+FDEF), which mark places in renderings.
pub const NONCHARACTERS: Reason = Reason::new("chat-noncharacters");

/// Begins and ends a mark; between them stands the number of a message.
const MARK: char = '\u{fdd3}';
const MARK_END: char = '\u{fdd4}';
/// Digits to base 8.
const DIGIT: u32 = 0xfdd8;

/// Turns conversations to ids.
pub(super) struct ChatEncoder {
    template: Template,
    specials: Specials,
    pub(super) loss: LossOn,
    /// How turns begin and end; `None` where the template marks them or all is learnt.
    turns: Option<Turns>,
}

/// How the assistant's turns begin and end in renderings.
struct Turns {
    /// What the generation prompt adds, whole and up to its last control token.
    headers: Vec<String>,
    /// What stands between a question or a tool's result and the answer, headers included: templates
    /// may have no header, or none there.
    before: Vec<String>,
    /// What follows the last turn's text, up to its first control token.
    end: String,
}

/// Where marks are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marking {
    /// At both ends of every text.
    Both,
    /// Only at the ends: some templates look at how texts begin.
    Ends,
    /// Only at the ends, and not in the names of tools.
    Contents,
}

/// A rendering without its marks, and where these stood.
#[derive(Default)]
struct Rendering {
    text: String,
    /// Byte and number of the message.
    marks: Vec<(usize, usize)>,
    /// Ranges of `{% generation %}`.
    learn: Vec<Range<usize>>,
}

impl ChatEncoder {
    pub(super) fn new(form: &ChatForm) -> Result<Self, EncodeError> {
        let wrong = |error: minijinja::Error| EncodeError::Template(chain(&error));
        let mut globals = vec![
            ("bos_token".to_owned(), minijinja::Value::from(form.bos_token.as_str())),
            ("eos_token".to_owned(), minijinja::Value::from(form.eos_token.as_str())),
        ];
        for (name, value) in &form.variables {
            let value = Json::parse(&value.to_string()).unwrap_or(Json::Null);
            globals.push((name.clone(), template::value(&value)));
        }
        let template = Template::compile(&form.template, globals).map_err(wrong)?;
        let specials = Specials::new(form.specials.clone())
            .map_err(|error| EncodeError::Template(error.to_string()))?;
        let mut encoder = Self { template, specials, loss: form.loss, turns: None };
        if encoder.loss == LossOn::Assistant && !encoder.template.marks {
            encoder.turns = Some(encoder.find_turns()?);
        }
        Ok(encoder)
    }

    /// Appends the ids of a conversation.
    pub(super) fn encode(
        &self,
        tokenizer: &Tokenizer,
        (transcript, outline): (&str, &str),
        out: &mut Ids,
    ) -> Result<Result<(), Reason>, TokenizerError> {
        let conversation = match self.prepare(transcript, outline) {
            Ok(conversation) => conversation,
            Err(reason) => return Ok(Err(reason)),
        };
        let found = self.render(&conversation, false).and_then(|rendering| {
            let learn = self.learn(&conversation, &rendering)?;
            Ok((rendering, learn))
        });
        let (rendering, learn) = match found {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        self.specials.encode(tokenizer, &rendering.text, &learn, out)?;
        Ok(Ok(()))
    }

    /// What a conversation is rendered to.
    #[cfg(test)]
    pub(super) fn text_of(&self, transcript: &str, outline: &str) -> Result<String, Reason> {
        let conversation = self.prepare(transcript, outline)?;
        Ok(self.render(&conversation, false)?.text.replace(super::pieces::BREAK, ""))
    }

    /// Whether what was rendered ends with a turn that no control token ends.
    pub(super) fn ends_open(&self, last: Option<u32>) -> bool {
        last.is_none_or(|id| !self.specials.has(id))
    }

    /// The conversation, with all that looks like a control token broken up.
    fn prepare(&self, transcript: &str, outline: &str) -> Result<Conversation, Reason> {
        if has_noncharacters(transcript) {
            return Err(NONCHARACTERS);
        }
        let mut conversation = Conversation::from_transcript(transcript, outline)?;
        let mut found = false;
        each_text(&mut conversation, &mut |text| {
            // Escapes in arguments may have been anything.
            found |= has_noncharacters(text);
            self.specials.shield(text);
        });
        if found { Err(NONCHARACTERS) } else { Ok(conversation) }
    }

    fn render(&self, conversation: &Conversation, prompt: bool) -> Result<Rendering, Reason> {
        let mut text = String::new();
        self.template.render(conversation, prompt, &mut text).map_err(|_| TEMPLATE)?;
        strip(&text).ok_or(MASK)
    }

    /// What is learnt of a rendering.
    fn learn(
        &self,
        conversation: &Conversation,
        rendering: &Rendering,
    ) -> Result<Vec<Range<usize>>, Reason> {
        if self.loss == LossOn::All {
            return Ok(std::iter::once(0..rendering.text.len()).collect());
        }
        let answers = |message: &&Message| message.role == Role::Assistant;
        let Some(turns) = &self.turns else {
            let learnt: Vec<bool> = conversation
                .messages
                .iter()
                .filter(answers)
                .map(|message| message.learnt)
                .collect();
            if learnt.iter().all(|learnt| *learnt) {
                return Ok(rendering.learn.clone());
            }
            if learnt.len() != rendering.learn.len() {
                return Err(MASK);
            }
            let ranges = rendering.learn.iter().zip(learnt).filter(|(_, learnt)| *learnt);
            return Ok(ranges.map(|(range, _)| range.clone()).collect());
        };
        if !conversation.messages.iter().any(|message| answers(&message) && message.learnt) {
            return Ok(Vec::new());
        }
        for marking in [Marking::Both, Marking::Ends, Marking::Contents] {
            let marked = mark(conversation, marking);
            let Ok(found) = self.render(&marked, false) else { continue };
            if found.text == rendering.text {
                return self.turns_of(conversation, &found, turns, marking);
            }
        }
        Err(MASK)
    }

    fn turns_of(
        &self,
        conversation: &Conversation,
        rendering: &Rendering,
        turns: &Turns,
        marking: Marking,
    ) -> Result<Vec<Range<usize>>, Reason> {
        let text = rendering.text.as_str();
        let marks = &rendering.marks;
        if !marks.is_sorted_by_key(|mark| mark.1) {
            // The template does not write messages in their order.
            return Err(MASK);
        }
        let mut learn = Vec::new();
        let mut end_before = 0;
        for (number, message) in conversation.messages.iter().enumerate() {
            if message.role != Role::Assistant || !message.learnt {
                continue;
            }
            // Marks stand in the order of messages, as checked above.
            let own = marks.partition_point(|mark| mark.1 < number)
                ..marks.partition_point(|mark| mark.1 <= number);
            let before = own.start.checked_sub(1).map_or(0, |mark| marks[mark].0).max(end_before);
            let behind = marks.get(own.end).map_or(text.len(), |mark| mark.0);
            let places = (marks[own.clone()].first(), marks[own].last());
            let (Some((first, _)), Some((last, _))) = places else {
                // An answer without any text: what its header and its end enclose.
                let window = &text[before..behind];
                let header = turns.headers.first().and_then(|header| {
                    window.find(header.as_str()).map(|at| before + at + header.len())
                });
                let start = header.ok_or(MASK)?;
                let end = (!turns.end.is_empty()).then(|| text[start..behind].find(&turns.end));
                let end = start + end.flatten().ok_or(MASK)? + turns.end.len();
                learn.push(start..end);
                end_before = end;
                continue;
            };
            let (first, last) = (*first, *last);
            if first < before {
                return Err(MASK);
            }
            let window = &text[before..first];
            let header = turns.headers.iter().find_map(|header| {
                window.rfind(header.as_str()).map(|at| before + at + header.len())
            });
            let header = header.or_else(|| {
                turns
                    .before
                    .iter()
                    .find_map(|tail| window.find(tail.as_str()).map(|at| before + at + tail.len()))
            });
            let start = match header {
                Some(start) => start,
                // No header: from where the text begins, with the white space before it.
                None if marking == Marking::Both => before + window.trim_end().len(),
                None => return Err(MASK),
            };
            let rest = &text[last..behind];
            let known = (!turns.end.is_empty()).then(|| rest.find(&turns.end)).flatten();
            let end = match (known, self.specials.find(rest)) {
                (Some(at), _) => last + at + turns.end.len(),
                (None, Some(special)) => last + special.end,
                (None, None) if turns.end.is_empty() => last,
                (None, None) => return Err(MASK),
            };
            learn.push(start..end);
            end_before = end;
        }
        Ok(learn)
    }

    /// Finds out how turns begin and end.
    fn find_turns(&self) -> Result<Turns, EncodeError> {
        let said = |role, text: &str| Message {
            role,
            content: Content::Text(text.to_owned()),
            reasoning: None,
            calls: Vec::new(),
            name: None,
            call_id: None,
            learnt: true,
        };
        let render = |messages: &[Message], prompt| {
            let conversation = Conversation { tools: Vec::new(), messages: messages.to_vec() };
            let mut text = String::new();
            self.template
                .render(&conversation, prompt, &mut text)
                .map_err(|error| EncodeError::Probe(chain(&error)))?;
            Ok::<_, EncodeError>(text)
        };
        let asked = [said(Role::User, "question")];
        let (without, with) = (render(&asked, false)?, render(&asked, true)?);
        let common: usize = without
            .chars()
            .zip(with.chars())
            .take_while(|(left, right)| left == right)
            .map(|(char, _)| char.len_utf8())
            .sum();
        let header = with[common..].to_owned();
        let short = self.specials.last(&header).map(|token| header[..token.end].to_owned());
        let headers = [Some(header), short].into_iter().flatten().filter(|text| !text.is_empty());
        // Templates without tools refuse the second one.
        let mut called = said(Role::Assistant, "");
        let name = "call".to_owned();
        called.calls.push(Call {
            id: None,
            name,
            arguments: Arguments::Json(Json::Object(vec![])),
        });
        let question = said(Role::User, "question\u{fdd5}");
        let result = said(Role::Tool, "result\u{fdd5}");
        let asked = [vec![question], vec![said(Role::User, "question"), called, result]];
        let mut before = Vec::new();
        for messages in asked {
            let text = render(&messages, true).unwrap_or_default();
            let Some((_, tail)) = text.rsplit_once('\u{fdd5}') else { continue };
            let short = self.specials.last(tail).map(|token| tail[..token.end].to_owned());
            before.extend([Some(tail.to_owned()), short].into_iter().flatten());
        }
        before.retain(|tail| !tail.is_empty());
        before.sort_by_key(|tail| std::cmp::Reverse(tail.len()));
        before.dedup();
        let answered = [said(Role::User, "question"), said(Role::Assistant, "answer\u{fdd5}")];
        let text = render(&answered, false)?;
        let unclear = || EncodeError::Probe("the answer is not in what it renders".to_owned());
        let (_, tail) = text.split_once('\u{fdd5}').ok_or_else(unclear)?;
        let end = match self.specials.find(tail) {
            Some(token) => &tail[..token.end],
            None => tail.trim_end(),
        };
        Ok(Turns { headers: headers.collect(), before, end: end.to_owned() })
    }
}

/// An error of the template engine with what caused it.
fn chain(error: &minijinja::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Whether there are characters from U+FDD0 to U+FDEF: the bytes EF B7 90 to EF B7 AF.
fn has_noncharacters(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), b"\xef\xb7")
        .any(|at| matches!(text.as_bytes().get(at + 2), Some(0x90..=0xaf)))
}

/// Calls `each` with every text of a conversation, keys of objects included.
fn each_text(conversation: &mut Conversation, each: &mut dyn FnMut(&mut String)) {
    for tool in &mut conversation.tools {
        each_json(tool, true, each);
    }
    for message in &mut conversation.messages {
        each_text_of(message, each);
    }
}

fn each_text_of(message: &mut Message, each: &mut dyn FnMut(&mut String)) {
    match &mut message.content {
        Content::Text(text) => each(text),
        Content::Parts(parts) => parts.iter_mut().for_each(&mut *each),
        Content::Absent | Content::Null => {}
    }
    if let Some((_, text)) = &mut message.reasoning {
        each(text);
    }
    for call in &mut message.calls {
        each(&mut call.name);
        call.id.iter_mut().for_each(&mut *each);
        match &mut call.arguments {
            Arguments::Absent => {}
            Arguments::Text(text) => each(text),
            Arguments::Json(value) => each_json(value, true, each),
        }
    }
    message.name.iter_mut().for_each(&mut *each);
    message.call_id.iter_mut().for_each(&mut *each);
}

fn each_json(value: &mut Json, keys: bool, each: &mut dyn FnMut(&mut String)) {
    match value {
        Json::Text(text) => each(text),
        Json::List(values) => values.iter_mut().for_each(|value| each_json(value, keys, each)),
        Json::Object(fields) => {
            for (key, value) in fields {
                if keys {
                    each(key);
                }
                each_json(value, keys, each);
            }
        }
        _ => {}
    }
}

/// A conversation with marks in its messages.
fn mark(conversation: &Conversation, marking: Marking) -> Conversation {
    let mut marked = conversation.clone();
    for (number, message) in marked.messages.iter_mut().enumerate() {
        let mut mark = String::from(MARK);
        mark.extend(
            format!("{number:o}")
                .chars()
                .filter_map(|digit| char::from_u32(DIGIT + digit.to_digit(8)?)),
        );
        mark.push(MARK_END);
        let mut put = |text: &mut String| {
            let end = text.trim_end().len();
            if end == 0 {
                return;
            }
            text.insert_str(end, &mark);
            if marking == Marking::Both {
                text.insert_str(text.len() - text.trim_start().len(), &mark);
            }
        };
        match &mut message.content {
            Content::Text(text) => put(text),
            Content::Parts(parts) => parts.iter_mut().for_each(&mut put),
            Content::Absent | Content::Null => {}
        }
        if let Some((_, text)) = &mut message.reasoning {
            put(text);
        }
        for call in &mut message.calls {
            if marking != Marking::Contents {
                put(&mut call.name);
            }
            match &mut call.arguments {
                Arguments::Absent => {}
                Arguments::Text(text) => put(text),
                Arguments::Json(value) => each_json(value, false, &mut put),
            }
        }
    }
    marked
}

/// Takes marks out of what was rendered; `None` where they are not whole.
fn strip(rendered: &str) -> Option<Rendering> {
    let mut found = Rendering { text: String::with_capacity(rendered.len()), ..Default::default() };
    if !has_noncharacters(rendered) {
        found.text.push_str(rendered);
        return Some(found);
    }
    let mut open = None;
    let mut chars = rendered.chars();
    while let Some(char) = chars.next() {
        match char {
            LEARN => open = Some(found.text.len()),
            LEARN_END => found.learn.push(open.take()?..found.text.len()),
            MARK => {
                let mut number = 0_usize;
                loop {
                    match chars.next()? {
                        MARK_END => break,
                        digit => {
                            let digit = u32::from(digit).checked_sub(DIGIT).filter(|d| *d < 8)?;
                            number = number.checked_mul(8)?.checked_add(digit as usize)?;
                        }
                    }
                }
                found.marks.push((found.text.len(), number));
            }
            char => found.text.push(char),
        }
    }
    open.is_none().then_some(found)
}

/// The control tokens of a `tokenizer.json`.
pub(super) fn specials_of(tokenizer_json: &Json) -> Vec<Special> {
    let Some(Json::List(tokens)) = tokenizer_json.get("added_tokens") else { return Vec::new() };
    let flag = |token: &Json, key: &str| token.get(key) == Some(&Json::Bool(true));
    let special = |token: &Json| {
        let Some(Json::Int(id)) = token.get("id") else { return None };
        Some(Special {
            content: token.get("content")?.as_str().filter(|text| !text.is_empty())?.to_owned(),
            id: u32::try_from(*id).ok()?,
            lstrip: flag(token, "lstrip"),
            rstrip: flag(token, "rstrip"),
        })
    };
    tokens.iter().filter(|token| flag(token, "special")).filter_map(special).collect()
}
