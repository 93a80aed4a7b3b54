//! From the shapes that records have to messages: OpenAI's `messages`, ShareGPT's `conversations`,
//! prompts with completions, Alpaca's instructions.

use super::{
    Arguments, Call, Content, Conversation, Given, Json, Message, ReasoningKey, Role, reasons,
};
use crate::document::Reason;

type Slot<'a> = Option<Given<'a>>;

pub(super) fn read(fields: [Slot<'_>; 6]) -> Result<Conversation, Reason> {
    let [messages, tools, system, prompt, input, completion] = fields;
    let mut all = Vec::new();
    if let Some(text) = text(system)? {
        all.push(said(Role::System, text));
    }
    if let Some(list) = json(messages)? {
        let Json::List(list) = list else { return Err(reasons::MALFORMED) };
        for value in &list {
            all.push(message(value)?);
        }
    }
    let mut asked = text(prompt)?;
    if let Some(input) = text(input)?.filter(|input| !input.is_empty()) {
        asked = Some(asked.map_or(input.clone(), |prompt| format!("{prompt}\n\n{input}")));
    }
    all.extend(asked.map(|text| said(Role::User, text)));
    all.extend(text(completion)?.map(|text| said(Role::Assistant, text)));
    if !all.iter().any(|message| message.role == Role::Assistant) {
        return Err(reasons::EMPTY);
    }
    Ok(Conversation { tools: definitions(tools)?, messages: all })
}

fn said(role: Role, text: String) -> Message {
    Message {
        role,
        content: Content::Text(text),
        reasoning: None,
        calls: Vec::new(),
        name: None,
        call_id: None,
        learnt: true,
    }
}

fn text(field: Slot<'_>) -> Result<Option<String>, Reason> {
    match field {
        None | Some(Given::Json("null")) => Ok(None),
        Some(Given::Text(text)) => Ok(Some(text.to_owned())),
        Some(Given::Json(_)) => Err(reasons::MALFORMED),
    }
}

/// A value, or the JSON that a string holds: Parquet files often have it so.
fn json(field: Slot<'_>) -> Result<Option<Json>, Reason> {
    let Some(Given::Text(text) | Given::Json(text)) = field else { return Ok(None) };
    match Json::parse(text) {
        Some(Json::Null) => Ok(None),
        Some(value) => Ok(Some(value)),
        None => Err(reasons::MALFORMED),
    }
}

fn definitions(field: Slot<'_>) -> Result<Vec<Json>, Reason> {
    if matches!(field, Some(Given::Text(text)) if text.trim().is_empty()) {
        return Ok(Vec::new());
    }
    match json(field)? {
        None => Ok(Vec::new()),
        Some(Json::List(tools)) => {
            // A list of strings that hold a definition each, as Arrow tables keep them.
            let parsed = tools.into_iter().map(|tool| match tool {
                Json::Text(text) => Json::parse(&text).ok_or(reasons::MALFORMED),
                tool => Ok(tool),
            });
            parsed.collect()
        }
        Some(_) => Err(reasons::MALFORMED),
    }
}

fn role(name: &str) -> Option<Role> {
    Some(match name {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" | "human" => Role::User,
        "assistant" | "gpt" | "bot" | "model" | "chatgpt" | "function_call" => Role::Assistant,
        "tool" | "function" | "observation" | "ipython" | "function_response" | "tool_response" => {
            Role::Tool
        }
        _ => return None,
    })
}

fn message(value: &Json) -> Result<Message, Reason> {
    let speaker = value.get("role").or_else(|| value.get("from")).and_then(Json::as_str);
    let speaker = speaker.ok_or(reasons::MALFORMED)?;
    let role = role(speaker).ok_or(reasons::ROLE)?;
    let content = content(value.get("content").or_else(|| value.get("value")))?;
    let mut message = Message {
        role,
        content,
        reasoning: reasoning(value)?,
        calls: calls(value)?,
        name: string(value, "name")?,
        call_id: string(value, "tool_call_id")?,
        learnt: !matches!(value.get("weight"), Some(Json::Int(0) | Json::Float(0.0))),
    };
    if speaker == "function_call" {
        // ShareGPT with tools: the turn's text is the call.
        let Content::Text(text) = &message.content else { return Err(reasons::MALFORMED) };
        let made = match Json::parse(text).ok_or(reasons::MALFORMED)? {
            Json::List(made) => made,
            one => vec![one],
        };
        message.calls = made.iter().map(call).collect::<Result<_, _>>()?;
        message.content = Content::Absent;
    }
    Ok(message)
}

fn content(value: Option<&Json>) -> Result<Content, Reason> {
    let part = |part: &Json| match (part, part.get("type").and_then(Json::as_str)) {
        (Json::Text(text), _) => Ok(text.clone()),
        (_, None | Some("text" | "input_text" | "output_text")) => {
            let text = part.get("text").and_then(Json::as_str);
            Ok(text.ok_or(reasons::MALFORMED)?.to_owned())
        }
        (_, Some(_)) => Err(reasons::NOT_TEXT),
    };
    Ok(match value {
        None => Content::Absent,
        Some(Json::Null) => Content::Null,
        Some(Json::Text(text)) => Content::Text(text.clone()),
        Some(Json::List(parts)) => {
            Content::Parts(parts.iter().map(part).collect::<Result<_, _>>()?)
        }
        Some(_) => return Err(reasons::MALFORMED),
    })
}

fn reasoning(value: &Json) -> Result<Option<(ReasoningKey, String)>, Reason> {
    use ReasoningKey::{Reasoning, ReasoningContent, Thinking};
    for key in [ReasoningContent, Reasoning, Thinking] {
        if let Some(text) = string(value, key.name())? {
            return Ok(Some((key, text)));
        }
    }
    Ok(None)
}

fn string(value: &Json, key: &str) -> Result<Option<String>, Reason> {
    match value.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(reasons::MALFORMED),
    }
}

fn calls(value: &Json) -> Result<Vec<Call>, Reason> {
    let mut calls = match value.get("tool_calls") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::List(made)) => made.iter().map(call).collect::<Result<_, _>>()?,
        Some(_) => return Err(reasons::MALFORMED),
    };
    // OpenAI's older form, and one call without a list.
    for key in ["function_call", "tool_call"] {
        if let Some(made @ Json::Object(_)) = value.get(key) {
            calls.push(call(made)?);
        }
    }
    Ok(calls)
}

fn call(value: &Json) -> Result<Call, Reason> {
    let function = value.get("function").filter(|inner| matches!(inner, Json::Object(_)));
    let function = function.unwrap_or(value);
    let name = function.get("name").and_then(Json::as_str).ok_or(reasons::MALFORMED)?;
    Ok(Call {
        id: string(value, "id")?,
        name: name.to_owned(),
        arguments: match function.get("arguments").or_else(|| function.get("parameters")) {
            None | Some(Json::Null) => Arguments::Absent,
            Some(Json::Text(text)) => Arguments::Text(text.clone()),
            Some(other) => Arguments::Json(other.clone()),
        },
    })
}
