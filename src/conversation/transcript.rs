//! Transcripts: conversations as text with markers, and back.

use memchr::memmem;

use super::{Arguments, Call, Content, Conversation, Json, Message, ReasoningKey, Role, reasons};
use crate::document::Reason;

/// What a marker begins and ends with. Neither character is changed by any normal form, and neither
/// is white space, a control or punctuation that people type.
const OPEN: char = '⟦';
const CLOSE: char = '⟧';

/// What a section of a transcript is.
///
/// The role's section stands behind the reasoning and before all else that belongs to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Definition,
    Reasoning(ReasoningKey),
    /// A message begins; how its content stands in the record, and whether it is not to be learnt.
    Message(Role, Form, bool),
    Part,
    Call,
    CallId,
    Arguments(bool),
    Name,
    Answers,
}

/// How the content of a message stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Absent,
    Null,
    Parts,
}

const ROLES: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];
const KEYS: [ReasoningKey; 3] =
    [ReasoningKey::ReasoningContent, ReasoningKey::Reasoning, ReasoningKey::Thinking];
const FORMS: [(Form, &str); 4] =
    [(Form::Text, ""), (Form::Absent, "-"), (Form::Null, "0"), (Form::Parts, "[")];
const NOT_LEARNT: &str = "~";

impl Section {
    /// What the marker says.
    fn label(self) -> &'static str {
        match self {
            Self::Definition => "tool definition",
            Self::Reasoning(_) => "reasoning",
            Self::Message(role, ..) => role.name(),
            Self::Part => "part",
            Self::Call => "call",
            Self::CallId => "call id",
            Self::Arguments(_) => "arguments",
            Self::Name => "name",
            Self::Answers => "answers call",
        }
    }

    fn write(self, out: &mut String) {
        out.push_str(match self {
            Self::Reasoning(key) => key.name(),
            Self::Arguments(true) => "arguments{",
            section => section.label(),
        });
        if let Self::Message(_, form, skipped) = self {
            out.push_str(
                FORMS.iter().find(|(known, _)| *known == form).map_or("", |(_, sign)| sign),
            );
            out.push_str(if skipped { NOT_LEARNT } else { "" });
        }
    }

    fn read(name: &str) -> Option<Self> {
        let plain = [
            Self::Definition,
            Self::Part,
            Self::Call,
            Self::CallId,
            Self::Arguments(false),
            Self::Name,
            Self::Answers,
        ];
        if let Some(section) = plain.into_iter().find(|section| section.label() == name) {
            return Some(section);
        }
        if name == "arguments{" {
            return Some(Self::Arguments(true));
        }
        if let Some(key) = KEYS.into_iter().find(|key| key.name() == name) {
            return Some(Self::Reasoning(key));
        }
        let (name, skipped) =
            name.strip_suffix(NOT_LEARNT).map_or((name, false), |name| (name, true));
        let role = ROLES.into_iter().find(|role| name.starts_with(role.name()))?;
        let sign = &name[role.name().len()..];
        let (form, _) = FORMS.into_iter().find(|(_, known)| *known == sign)?;
        Some(Self::Message(role, form, skipped))
    }
}

/// Writes sections.
#[derive(Default)]
struct Writer {
    transcript: String,
    outline: String,
    json: String,
}

impl Writer {
    fn section(&mut self, section: Section, text: &str) {
        if !self.transcript.is_empty() {
            self.transcript.push('\n');
        }
        self.transcript.push(OPEN);
        self.transcript.push_str(section.label());
        self.transcript.push(CLOSE);
        if !text.is_empty() {
            self.transcript.push(' ');
        }
        let mut rest = text;
        while let Some(at) = memmem::find(rest.as_bytes(), OPEN.encode_utf8(&mut [0; 4]).as_bytes())
        {
            let (before, behind) = rest.split_at(at + OPEN.len_utf8());
            self.transcript.push_str(before);
            self.transcript.push(OPEN);
            rest = behind;
        }
        self.transcript.push_str(rest);
        self.outline.push_str(if self.outline.is_empty() { "[\"" } else { ",\"" });
        section.write(&mut self.outline);
        self.outline.push('"');
    }

    fn json(&mut self, section: Section, value: &Json) {
        let mut text = std::mem::take(&mut self.json);
        text.clear();
        value.write(&mut text);
        self.section(section, &text);
        self.json = text;
    }
}

pub(super) fn write(conversation: &Conversation) -> (String, String) {
    let mut writer = Writer::default();
    for tool in &conversation.tools {
        writer.json(Section::Definition, tool);
    }
    for message in &conversation.messages {
        if let Some((key, text)) = &message.reasoning {
            writer.section(Section::Reasoning(*key), text);
        }
        let (form, text) = match &message.content {
            Content::Absent => (Form::Absent, ""),
            Content::Null => (Form::Null, ""),
            Content::Text(text) => (Form::Text, text.as_str()),
            Content::Parts(_) => (Form::Parts, ""),
        };
        writer.section(Section::Message(message.role, form, !message.learnt), text);
        if let Content::Parts(parts) = &message.content {
            for part in parts {
                writer.section(Section::Part, part);
            }
        }
        if let Some(name) = &message.name {
            writer.section(Section::Name, name);
        }
        if let Some(id) = &message.call_id {
            writer.section(Section::Answers, id);
        }
        for call in &message.calls {
            writer.section(Section::Call, &call.name);
            if let Some(id) = &call.id {
                writer.section(Section::CallId, id);
            }
            match &call.arguments {
                Arguments::Absent => {}
                Arguments::Text(text) => writer.section(Section::Arguments(false), text),
                Arguments::Json(value) => writer.json(Section::Arguments(true), value),
            }
        }
    }
    writer.outline.push_str(if writer.outline.is_empty() { "[]" } else { "]" });
    (writer.transcript, writer.outline)
}

pub(super) fn read(transcript: &str, outline: &str) -> Result<Conversation, Reason> {
    let names: Vec<&str> = serde_json::from_str(outline).map_err(|_| reasons::EDITED)?;
    let mut sections = Sections { rest: Some(transcript), started: false };
    let mut conversation = Conversation::default();
    let mut reasoning = None;
    for name in names {
        let section = Section::read(name).ok_or(reasons::EDITED)?;
        let text = sections.next(section.label())?;
        if let Section::Message(role, form, skipped) = section {
            conversation.messages.push(Message {
                role,
                content: match form {
                    Form::Text => Content::Text(text),
                    // What an edit put where nothing was would be lost.
                    _ if !text.trim().is_empty() => return Err(reasons::EDITED),
                    Form::Absent => Content::Absent,
                    Form::Null => Content::Null,
                    Form::Parts => Content::Parts(Vec::new()),
                },
                reasoning: reasoning.take(),
                calls: Vec::new(),
                name: None,
                call_id: None,
                learnt: !skipped,
            });
            continue;
        }
        let json = || Json::parse(&text).ok_or(reasons::EDITED);
        match section {
            Section::Definition => {
                conversation.tools.push(json()?);
                continue;
            }
            Section::Reasoning(key) => {
                reasoning = Some((key, text));
                continue;
            }
            _ => {}
        }
        let message = conversation.messages.last_mut().ok_or(reasons::EDITED)?;
        let call = message.calls.last_mut();
        match section {
            Section::Part => match &mut message.content {
                Content::Parts(parts) => parts.push(text),
                _ => return Err(reasons::EDITED),
            },
            Section::Name => message.name = Some(text),
            Section::Answers => message.call_id = Some(text),
            Section::Call => {
                message.calls.push(Call { id: None, name: text, arguments: Arguments::Absent });
            }
            Section::CallId => call.ok_or(reasons::EDITED)?.id = Some(text),
            Section::Arguments(is_json) => {
                let arguments =
                    if is_json { Arguments::Json(json()?) } else { Arguments::Text(text) };
                call.ok_or(reasons::EDITED)?.arguments = arguments;
            }
            Section::Definition | Section::Reasoning(_) | Section::Message(..) => {}
        }
    }
    sections.end()?;
    Ok(conversation)
}

/// The sections of a transcript.
struct Sections<'a> {
    /// What stands behind the marker found last, or all; `None` at the end.
    rest: Option<&'a str>,
    /// Whether a marker was found.
    started: bool,
}

impl Sections<'_> {
    /// The text of the next section, which must have this label.
    fn next(&mut self, label: &str) -> Result<String, Reason> {
        if !self.started {
            // White space may come before the first marker.
            let rest = self.rest.unwrap_or_default().trim_start();
            self.rest = Some(rest.strip_prefix(OPEN).ok_or(reasons::EDITED)?);
            self.started = true;
        }
        let rest = self.rest.take().ok_or(reasons::EDITED)?;
        let rest = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix(CLOSE));
        let rest = rest.ok_or(reasons::EDITED)?;
        let body = rest.strip_prefix(' ').unwrap_or(rest);
        let mut text = String::new();
        let mut from = 0;
        let mut buffer = [0; 4];
        let open = OPEN.encode_utf8(&mut buffer);
        while let Some(found) = memmem::find(&body.as_bytes()[from..], open.as_bytes()) {
            let at = from + found;
            let behind = &body[at + open.len()..];
            if let Some(behind) = behind.strip_prefix(OPEN) {
                text.push_str(&body[from..at + open.len()]);
                from = body.len() - behind.len();
                continue;
            }
            // A marker: at the start of a line, or it is none of ours.
            let before = body[from..at].strip_suffix('\n');
            // A section without text has its line break right behind its marker.
            let before = before.ok_or(reasons::EDITED)?;
            text.push_str(before);
            self.rest = Some(behind);
            return Ok(text);
        }
        text.push_str(&body[from..]);
        Ok(text)
    }

    /// Whether all sections were read.
    fn end(&self) -> Result<(), Reason> {
        if self.rest.is_none() { Ok(()) } else { Err(reasons::EDITED) }
    }
}
