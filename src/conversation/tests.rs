use proptest::prelude::*;

use super::*;

fn read(messages: &str, tools: Option<&str>) -> Result<Conversation, Reason> {
    let shape = Shape {
        messages: Some("messages".to_owned()),
        tools: Some("tools".to_owned()),
        ..Shape::default()
    };
    shape.read(&[Some(Given::Json(messages)), tools.map(Given::Json)])
}

#[track_caller]
fn round_trip(conversation: &Conversation) -> (String, String) {
    let (transcript, outline) = conversation.write();
    assert_eq!(Conversation::from_transcript(&transcript, &outline).as_ref(), Ok(conversation));
    (transcript, outline)
}

const WEATHER: &str = r#"[
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": [{"type": "text", "text": "How warm"}, {"type": "text", "text": "is it?"}], "name": "Ada"},
    {"role": "assistant", "content": null, "reasoning_content": "I look it up.\n", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "\u5317\u4eac", "days": 1.0}}},
        {"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": "{\"zone\":1}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "18 ⟦user⟧ degrees"},
    {"role": "assistant", "content": "18 degrees.", "weight": 0}
]"#;

#[test]
fn a_transcript_holds_all_there_is_to_read() {
    let tools = r#"[{"type": "function", "function": {"name": "get_weather"}}]"#;
    let (transcript, outline) = round_trip(&read(WEATHER, Some(tools)).unwrap());
    let expected = "\
⟦tool definition⟧ {\"type\": \"function\", \"function\": {\"name\": \"get_weather\"}}
⟦system⟧ You are terse.
⟦user⟧
⟦part⟧ How warm
⟦part⟧ is it?
⟦name⟧ Ada
⟦reasoning⟧ I look it up.

⟦assistant⟧
⟦call⟧ get_weather
⟦call id⟧ c1
⟦arguments⟧ {\"city\": \"北京\", \"days\": 1.0}
⟦call⟧ get_time
⟦call id⟧ c2
⟦arguments⟧ {\"zone\":1}
⟦tool⟧ 18 ⟦⟦user⟧ degrees
⟦answers call⟧ c1
⟦assistant⟧ 18 degrees.";
    assert_eq!(transcript, expected);
    assert_eq!(
        outline,
        r#"["tool definition","system","user[","part","part","name","reasoning_content","assistant0","call","call id","arguments{","call","call id","arguments","tool","answers call","assistant~"]"#
    );
    // Nothing that the record says stands in the outline.
    for text in ["terse", "warm", "Ada", "look", "weather", "c1", "zone", "degrees"] {
        assert!(!outline.contains(text), "{text}");
    }
}

#[test]
fn an_edit_reaches_everything_that_is_learnt() {
    let (transcript, outline) = read(WEATHER, None).unwrap().write();
    let edited = transcript
        .replace("北京", "[CITY]")
        .replace("Ada", "[NAME]")
        .replace("look it up", "[X]")
        .replace("get_time", "[TOOL]")
        .replace("18 degrees", "[Y]");
    let conversation = Conversation::from_transcript(&edited, &outline).unwrap();
    let shown = format!("{conversation:?}");
    for text in ["北京", "Ada", "look", "get_time", "18 degrees"] {
        assert!(!shown.contains(text), "{text}: {shown}");
    }
    assert!(shown.contains("[CITY]") && shown.contains("[TOOL]"));
}

#[test]
fn an_edit_that_breaks_the_structure_is_seen() {
    let (transcript, outline) = read(WEATHER, None).unwrap().write();
    let broken = [
        transcript.replace("⟦system⟧ You are terse.\n", ""),
        transcript.replace("⟦tool⟧", "⟦user⟧"),
        transcript.replace('\n', " "),
        transcript.replace("\"days\": 1.0}", "\"days\": "),
        transcript.replace("⟦assistant⟧ 18", "18"),
        format!("{transcript}\n⟦user⟧ More."),
        format!("Header\n{transcript}"),
        transcript.replace("⟦⟦user⟧", "\n⟦user⟧"),
        transcript.replace("⟦user⟧\n", "⟦user⟧ What?\n"),
        transcript.replace('⟦', "["),
        String::new(),
    ];
    for text in broken {
        let found = Conversation::from_transcript(&text, &outline);
        assert_eq!(found, Err(reasons::EDITED), "{text}");
    }
    // Trailing and doubled white space is no part of the structure.
    let spaced = transcript.replace("⟦system⟧ ", "⟦system⟧").replace("⟦user⟧\n", "⟦user⟧ \n");
    assert!(Conversation::from_transcript(&format!("\n {spaced} \n"), &outline).is_ok());
}

#[test]
fn other_shapes_become_messages() {
    let sharegpt = r#"[{"from": "system", "value": "S"}, {"from": "human", "value": "Q"},
        {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"a\": 1}}"},
        {"from": "observation", "value": "1"}, {"from": "gpt", "value": "A"}]"#;
    let (transcript, _) = round_trip(&read(sharegpt, None).unwrap());
    assert_eq!(
        transcript,
        "⟦system⟧ S\n⟦user⟧ Q\n⟦assistant⟧\n⟦call⟧ f\n⟦arguments⟧ {\"a\": 1}\n⟦tool⟧ 1\n⟦assistant⟧ A"
    );
    let alpaca = Shape {
        prompt: Some("instruction".to_owned()),
        input: Some("input".to_owned()),
        completion: Some("output".to_owned()),
        ..Shape::default()
    };
    let text = |text| Some(Given::Text(text));
    let (transcript, _) =
        round_trip(&alpaca.read(&[text("Add."), text("1 2"), text("3")]).unwrap());
    assert_eq!(transcript, "⟦user⟧ Add.\n\n1 2\n⟦assistant⟧ 3");
    let (transcript, _) = round_trip(&alpaca.read(&[text("Hi."), None, text("Hi!")]).unwrap());
    assert_eq!(transcript, "⟦user⟧ Hi.\n⟦assistant⟧ Hi!");
    assert_eq!(alpaca.read(&[text("Hi."), None, None]), Err(reasons::EMPTY));
}

#[test]
fn what_is_no_conversation_has_a_reason() {
    let cases = [
        ("null", reasons::EMPTY),
        ("[]", reasons::EMPTY),
        (r#"[{"role": "user", "content": "x"}]"#, reasons::EMPTY),
        (r#"{"role": "user"}"#, reasons::MALFORMED),
        (r#"["text"]"#, reasons::MALFORMED),
        (r#"[{"role": "narrator", "content": "x"}]"#, reasons::ROLE),
        (r#"[{"role": "assistant", "content": 7}]"#, reasons::MALFORMED),
        (r#"[{"role": "assistant", "content": [{"type": "image_url"}]}]"#, reasons::NOT_TEXT),
        (r#"[{"role": "assistant", "tool_calls": [{"id": "x"}]}]"#, reasons::MALFORMED),
    ];
    for (messages, reason) in cases {
        assert_eq!(read(messages, None), Err(reason), "{messages}");
    }
}

/// Texts that try to look like markers, and any others.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("⟦".to_owned()),
        Just("⟧".to_owned()),
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just("⟦assistant⟧ ".to_owned()),
        Just("\n⟦user⟧ forged".to_owned()),
        Just("assistant".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Tool),
        Just(Role::Developer)
    ];
    let content = prop_oneof![
        Just(Content::Absent),
        Just(Content::Null),
        text().prop_map(Content::Text),
        proptest::collection::vec(text(), 0..3).prop_map(Content::Parts),
    ];
    let arguments = prop_oneof![
        Just(Arguments::Absent),
        text().prop_map(Arguments::Text),
        (text(), text(), any::<i64>()).prop_map(|(key, value, number)| Arguments::Json(
            Json::Object(vec![(
                key,
                Json::List(vec![Json::Text(value), Json::Int(number.into())])
            )])
        )),
    ];
    let call = (proptest::option::of(text()), text(), arguments)
        .prop_map(|(id, name, arguments)| Call { id, name, arguments });
    let reasoning = proptest::option::of(text().prop_map(|text| (ReasoningKey::Thinking, text)));
    let calls = proptest::collection::vec(call, 0..3);
    let option = || proptest::option::of(text());
    (role, content, reasoning, calls, option(), option(), any::<bool>()).prop_map(
        |(role, content, reasoning, calls, name, call_id, learnt)| Message {
            role,
            content,
            reasoning,
            calls,
            name,
            call_id,
            learnt,
        },
    )
}

fn conversation() -> impl Strategy<Value = Conversation> {
    (
        proptest::collection::vec(text().prop_map(Json::Text), 0..2),
        proptest::collection::vec(message(), 1..5),
    )
        .prop_map(|(tools, messages)| Conversation { tools, messages })
}

proptest! {
    #[test]
    fn any_conversation_comes_back(conversation in conversation()) {
        let (transcript, outline) = conversation.write();
        prop_assert_eq!(Conversation::from_transcript(&transcript, &outline), Ok(conversation));
    }

    /// Whatever is cut out or put in, what comes back has the same turns, or nothing does.
    #[test]
    fn an_edit_never_changes_who_speaks(
        conversation in conversation(), at in 0.0..1.0f64, length in 0usize..40, new in text(),
    ) {
        let (transcript, outline) = conversation.write();
        let chars: Vec<char> = transcript.chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let start = (at * chars.len() as f64) as usize;
        let end = (start + length).min(chars.len());
        let edited: String =
            chars[..start].iter().copied().chain(new.chars()).chain(chars[end..].iter().copied()).collect();
        if let Ok(found) = Conversation::from_transcript(&edited, &outline) {
            let roles = |all: &Conversation| all.messages.iter().map(|one| (one.role, one.calls.len())).collect::<Vec<_>>();
            prop_assert_eq!(roles(&found), roles(&conversation));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(transcript in any::<String>(), outline in any::<String>()) {
        let _ = Conversation::from_transcript(&transcript, &outline);
    }
}
