use std::io::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

const GPT2: &[u8] = include_bytes!("../../../data-samples/tokenizers/gpt2.json");

/// Ids by the reference libraries: `benches/parity/token_golden.py`.
const GOLDEN: &str = include_str!("../../../tests/golden/token_ids.json");

#[derive(Deserialize)]
struct Golden {
    strings: Vec<String>,
    gpt2: Vec<Vec<u32>>,
    cl100k: GoldenRanks,
    o200k: GoldenRanks,
}

#[derive(Deserialize)]
struct GoldenRanks {
    pattern: String,
    ranks: String,
    ids: Vec<Vec<u32>>,
}

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).unwrap()
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let mut out = Vec::new();
    tokenizer.encode_into(text, &mut out).unwrap();
    PipelineToken::cast_slice(&out).to_vec()
}

fn files(files: &[(&str, &[u8])]) -> Result<Tokenizer, TokenizerError> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), Bytes::copy_from_slice(bytes)))
        .collect();
    Tokenizer::from_files(&files)
}

fn refused(given: &[(&str, &[u8])]) -> String {
    match files(given) {
        Ok(_) => panic!("{} was taken", given[0].0),
        Err(error) => error.to_string(),
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn pattern_file(pattern: &str) -> Vec<u8> {
    json!({ "pat_str": pattern, "special_tokens": { "<|endoftext|>": 3001 } })
        .to_string()
        .into_bytes()
}

#[test]
fn gpt2_has_the_ids_of_the_reference() {
    let golden = golden();
    let tokenizer = files(&[("gpt2.json", GPT2)]).unwrap();
    for (text, expected) in golden.strings.iter().zip(&golden.gpt2) {
        assert_eq!(ids(&tokenizer, text), *expected, "{text:?}");
    }
    // Once more, with the words known by now.
    for (text, expected) in golden.strings.iter().zip(&golden.gpt2) {
        assert_eq!(ids(&tokenizer, text), *expected, "{text:?}");
        assert_eq!(tokenizer.decode(expected).unwrap(), *text);
    }
}

#[test]
fn ranks_have_the_ids_of_tiktoken() {
    let golden = golden();
    for ranks in [&golden.cl100k, &golden.o200k] {
        let companion = pattern_file(&ranks.pattern);
        for packed in [false, true] {
            let (name, bytes) = if packed {
                ("some.tiktoken.gz", gzipped(ranks.ranks.as_bytes()))
            } else {
                ("some.tiktoken", ranks.ranks.clone().into_bytes())
            };
            let tokenizer = files(&[(name, &bytes), ("some.pattern.json", &companion)]).unwrap();
            assert_eq!(tokenizer.vocab_size(), 3002);
            assert_eq!(tokenizer.end_of_document(None).unwrap(), 3001);
            for (text, expected) in golden.strings.iter().zip(&ranks.ids) {
                assert_eq!(ids(&tokenizer, text), *expected, "{text:?}");
                assert_eq!(tokenizer.decode(expected).unwrap(), *text);
            }
            assert_eq!(tokenizer.decode(&[3001, 0, 3001]).unwrap(), "<|endoftext|>!<|endoftext|>");
            assert!(matches!(tokenizer.decode(&[3002]), Err(TokenizerError::NoId(3002))));
        }
    }
}

#[test]
fn vocabulary_and_merges_are_the_same_tokenizer() {
    let value: Value = serde_json::from_slice(GPT2).unwrap();
    let vocabulary = value["model"]["vocab"].to_string();
    let mut merges = String::from("#version: 0.2\n");
    for merge in value["model"]["merges"].as_array().unwrap() {
        match merge.as_str() {
            Some(line) => merges.push_str(line),
            None => merges.push_str(&format!(
                "{} {}",
                merge[0].as_str().unwrap(),
                merge[1].as_str().unwrap()
            )),
        }
        merges.push('\n');
    }
    let given: &[(&str, &[u8])] =
        &[("vocab.json", vocabulary.as_bytes()), ("merges.txt", merges.as_bytes())];
    let tokenizer = files(given).unwrap();
    let golden = golden();
    for (text, expected) in golden.strings.iter().zip(&golden.gpt2) {
        assert_eq!(ids(&tokenizer, text), *expected, "{text:?}");
    }
    assert_eq!(tokenizer.end_of_document(None).unwrap(), 50256);

    assert!(refused(&given[..1]).contains("needs `merges.txt`"));
    let half = &merges.as_bytes()[..merges.len() / 2];
    let cut = refused(&[given[0], ("merges.txt", &half[..half.len() - 3])]);
    assert!(cut.contains("merges.txt") && (cut.contains("line") || cut.contains("cut")), "{cut}");
    let config = br#"{"tokenizer_class": "Qwen2Tokenizer"}"#;
    let other = refused(&[given[0], given[1], ("tokenizer_config.json", config)]);
    assert!(other.contains("Qwen2Tokenizer") && other.contains("tokenizer.json"), "{other}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for share in [1, 10, 50, 90, 99] {
        let message = refused(&[("tokenizer.json", &GPT2[..GPT2.len() * share / 100])]);
        assert!(message.contains("line") && message.contains("column"), "{message}");
    }
    let packed = gzipped(GPT2);
    let message = refused(&[("tokenizer.json.gz", &packed[..packed.len() / 2])]);
    assert!(message.contains("cannot be unpacked"), "{message}");
    assert!(refused(&[("tokenizer.json", b"")]).contains("empty"));
    assert!(refused(&[("tokenizer.json.gz", &gzipped(b""))]).contains("empty"));
    assert!(refused(&[("cl100k_base.tiktoken", b"")]).contains("empty"));
    assert!(refused(&[("notes.txt", b"some text")]).contains("no tokenizer"));
    let model = b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02";
    assert!(refused(&[("tokenizer.model", model)]).contains("use the `tokenizer.json`"));
}

#[test]
fn damaged_ranks_are_told_by_line() {
    let golden = golden();
    let text = &golden.cl100k.ranks;
    let companion = pattern_file(&golden.cl100k.pattern);
    let with =
        |text: &str| refused(&[("x.tiktoken", text.as_bytes()), ("x.pattern.json", &companion)]);
    let line = |number: usize| text.lines().nth(number - 1).unwrap();
    let changed = |number: usize, to: &str| with(&text.replacen(line(number), to, 1));

    let message = changed(700, "%%%% 699");
    assert!(message.contains("line 700") && message.contains("base64"), "{message}");
    let message = changed(700, "IHRoZQ== six");
    assert!(message.contains("line 700") && message.contains("no rank"), "{message}");
    let message = changed(700, "IHRoZQ==");
    assert!(message.contains("line 700"), "{message}");
    let message = changed(700, line(701));
    assert!(message.contains("line 701") && message.contains("line 700 has the rank"), "{message}");
    let token = line(600).split(' ').next().unwrap();
    let message = changed(700, &format!("{token} 699"));
    assert!(message.contains("line 700") && message.contains("line 600"), "{message}");
    let message = with(&text.replacen(&format!("{}\n", line(700)), "", 1));
    assert!(message.contains("there is no rank 699"), "{message}");
    let message = with(&text.replacen(&format!("{}\n", line(3)), "", 1));
    assert!(message.contains("no token for the byte"), "{message}");
    let message = changed(700, &format!("{} 4000000000", line(700).split(' ').next().unwrap()));
    assert!(message.contains("line 700"), "{message}");

    // Without the pattern nobody knows how words are split; a known name has a known size.
    let alone = refused(&[("x.tiktoken", text.as_bytes())]);
    assert!(alone.contains("x.pattern.json") && alone.contains("3000 ranks"), "{alone}");
    let named = refused(&[("cl100k_base.tiktoken", text.as_bytes())]);
    assert!(named.contains("100256"), "{named}");
    let wrong = br#"{"pattern": "x"}"#;
    let message = refused(&[("x.tiktoken", text.as_bytes()), ("x.pattern.json", wrong)]);
    assert!(message.contains("x.pattern.json") && message.contains("line 1"), "{message}");
}

#[test]
fn a_tokenizer_json_that_cannot_be_is_refused() {
    let small = |change: &dyn Fn(&mut Value)| {
        let mut vocabulary = serde_json::Map::new();
        for byte in 0..=255u8 {
            vocabulary.insert(byte_level::spelled(&[byte]), byte.into());
        }
        vocabulary.insert("ab".to_owned(), 256.into());
        let mut value = json!({
            "version": "1.0",
            "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "use_regex": true },
            "post_processor": null,
            "decoder": null,
            "model": { "type": "BPE", "vocab": vocabulary, "merges": ["a b"] },
        });
        change(&mut value);
        files(&[("tokenizer.json", value.to_string().as_bytes())])
    };
    assert_eq!(ids(&small(&|_| ()).unwrap(), "ab a"), [256, 32, 97]);
    type Change = fn(&mut Value);
    let cases: &[(Change, &str)] = &[
        (|v| v["model"]["type"] = "Magic".into(), "a model of type `Magic`"),
        (|v| v["model"] = Value::Null, "no `model`"),
        (|v| v["model"]["vocab"] = json!({}), "`model.vocab` is empty"),
        (|v| v["model"]["vocab"]["ab"] = json!("x"), "the token `ab` has the id \"x\""),
        (|v| v["model"]["vocab"]["ab"] = json!(4_294_967_295u32), "the id 4294967295"),
        (|v| v["model"]["vocab"]["ab"] = json!(-1), "the id -1"),
        (|v| v["model"]["merges"] = json!(["a c"]), "needs the token `ac`"),
        (|v| v["model"]["merges"] = json!([["xyzzy", "b"]]), "needs the token `xyzzy`"),
        (|v| v["model"]["merges"] = json!(["a b c"]), "merge"),
        (|v| v["model"]["merges"] = json!([1]), "merge"),
        (|v| drop(v["model"]["vocab"].as_object_mut().unwrap().remove("a")), "needs the token `a`"),
        (|v| drop(v["model"]["vocab"].as_object_mut().unwrap().remove("z")), "0x7A"),
        (|v| v["pre_tokenizer"] = json!({ "type": "Magic" }), "Magic"),
        (|v| v["normalizer"] = json!({ "type": "Magic" }), "Magic"),
        (|v| v["added_tokens"] = json!([{ "id": 1 }]), "no `content`"),
    ];
    for (change, expected) in cases {
        let error = match small(change) {
            Ok(_) => panic!("taken: {expected}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected) && error.contains("tokenizer.json"), "{error}");
    }
    // Holes between ids are no damage: the greatest id counts.
    let holes = small(&|v| v["model"]["vocab"]["ab"] = json!(9000)).unwrap();
    assert_eq!(holes.vocab_size(), 9001);
    assert_eq!(ids(&holes, "ab"), [9000]);
}

#[test]
fn a_pattern_without_a_grammar_is_compiled() {
    let mut value: Value = serde_json::from_slice(GPT2).unwrap();
    let split = |behavior: &str, invert: bool| {
        json!({
            "type": "Sequence",
            "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": r"\w+|[^\w\s]" }, "behavior": behavior, "invert": invert },
                { "type": "ByteLevel", "add_prefix_space": false, "use_regex": false }
            ]
        })
    };
    value["pre_tokenizer"] = split("Isolated", false);
    let tokenizer = files(&[("tokenizer.json", value.to_string().as_bytes())]).unwrap();
    // As tokenizers 0.23 has it: the spaces are words of their own.
    assert_eq!(ids(&tokenizer, "hello wor'ld"), [31373, 220, 86, 273, 6, 335]);
    value["pre_tokenizer"] = split("Removed", true);
    let tokenizer = files(&[("tokenizer.json", value.to_string().as_bytes())]).unwrap();
    assert_eq!(ids(&tokenizer, "hello wor'ld"), [31373, 86, 273, 6, 335]);
    value["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(".into();
    let message = refused(&[("tokenizer.json", value.to_string().as_bytes())]);
    assert!(message.contains("tokenizer.json"), "{message}");
}

#[test]
fn a_long_text_is_cut_where_nothing_shows() {
    let tokenizer = files(&[("gpt2.json", GPT2)]).unwrap();
    let paragraph = "The quick brown fox, 3.14 times!\n\n  It's 'quoted'… 字 字\nand\tmore.   End ";
    let times = (5 << 19) / paragraph.len();
    let one = ids(&tokenizer, paragraph);
    let many = ids(&tokenizer, &paragraph.repeat(times));
    // The space at a paragraph's end is the first of the next one's words.
    let joined = ids(&tokenizer, &paragraph.repeat(2));
    let step = joined.len() - one.len();
    assert_eq!(many.len(), one.len() + (times - 1) * step);
    assert_eq!(many[many.len() + 1 - joined.len()..], joined[1..]);
    // A text that can be cut nowhere.
    let spaces = " ".repeat(3 << 20);
    assert_eq!(tokenizer.decode(&ids(&tokenizer, &spaces)).unwrap(), spaces);
}

#[test]
fn characters_newer_than_the_reference_keep_their_order() {
    let mut value: Value = serde_json::from_slice(GPT2).unwrap();
    value["normalizer"] = json!({ "type": "NFC" });
    let tokenizer = files(&[("tokenizer.json", value.to_string().as_bytes())]).unwrap();
    let normal = |text: &str| tokenizer.decode(&ids(&tokenizer, text)).unwrap();
    assert_eq!(normal("e\u{301} a\u{323}\u{302}"), "é ậ");
    assert_eq!(normal("a\u{302}\u{323}"), "ậ");
    // U+1DF7 is of Unicode 10: by newer tables it would move in front, as U+0325 does.
    assert_eq!(normal("\u{1de5}\u{1df7}\u{325}"), "\u{1de5}\u{1df7}\u{325}");
    assert_eq!(normal("e\u{301}\u{1df7}e\u{301}"), "é\u{1df7}é");
    assert_eq!(normal("\u{1de5}\u{325}"), "\u{325}\u{1de5}");
}

#[test]
fn contexts_are_kept_and_threads_agree() {
    let tokenizer = files(&[("gpt2.json", GPT2)]).unwrap();
    let golden = golden();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut context = tokenizer.context();
                let mut out = Vec::new();
                for (text, expected) in golden.strings.iter().zip(&golden.gpt2) {
                    out.clear();
                    context.encode_into(text, &mut out).unwrap();
                    assert_eq!(PipelineToken::cast_slice(&out), expected);
                }
            });
        }
    });
}
