use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::decompress::testing::{self, Row, at, drain, fields, file, gzip, lz4, zstd};
use super::super::{Format, Part};
use super::*;

fn rows_of(bytes: &[u8], part: Part) -> Vec<Row> {
    testing::rows(Format::Jsonl, &fields("text", &["url", "meta.a"]), bytes, part)
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    rows_of(bytes, Part::Whole)
}

/// The result of a file's only record.
fn one(line: &str) -> Result<String, &'static str> {
    let mut rows = rows(line.as_bytes());
    assert_eq!(rows.len(), 1, "{line}");
    rows.remove(0).text
}

/// The positions and texts of a file.
fn short(bytes: &[u8]) -> Vec<(Position, Result<String, &'static str>)> {
    rows(bytes).into_iter().map(|row| (row.position, row.text)).collect()
}

fn metadata(line: &str, wanted: &[&str]) -> Vec<Option<String>> {
    let fields = fields("text", wanted);
    testing::rows(Format::Jsonl, &fields, line.as_bytes(), Part::Whole).remove(0).metadata
}

#[test]
fn lines_of_all_kinds() {
    let file = b"\xef\xbb\xbf{\"text\":\"a\"}\r\n \t\r\n\n{\"text\":\"b\"}";
    let plain = Position::plain;
    let expected = [(plain(0), Ok("a".to_owned())), (plain(22), Ok("b".to_owned()))];
    assert_eq!(short(file), expected);
    assert_eq!(short(b""), []);
    assert_eq!(short(&gzip(b"")), []);
    assert_eq!(short(b"\xef\xbb\xbf\n"), []);
}

#[test]
fn each_bad_record_has_its_reason() {
    let deep = "[".repeat(100_000);
    for (line, reason) in [
        (r#"{"id":1}"#, "missing-text"),
        (r#"{"text":null}"#, "missing-text"),
        (r#"{"text":["a"]}"#, "text-not-a-string"),
        (r#"{"text":1e999}"#, "text-not-a-string"),
        (r#"["text"]"#, "malformed-json"),
        (r#"{"text":"a"} {}"#, "malformed-json"),
        (r#"{"text":"a",}"#, "malformed-json"),
        (r#"{"text":"a"#, "malformed-json"),
        (r#"{"text":"\ud800"}"#, "malformed-json"),
        (r#"{"text":"a","b":NaN}"#, "malformed-json"),
        (&deep, "malformed-json"),
        (&format!(r#"{{"text":"a","b":{deep}"#), "malformed-json"),
    ] {
        assert_eq!(one(line), Err(reason), "{}", &line[..line.len().min(40)]);
    }
    assert_eq!(short(b"{\"text\":\"a\",\"b\":\"\xe9\"}")[0].1, Err("invalid-utf8"));
}

#[test]
fn nesting_that_is_passed_over_has_no_limit() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(one(&format!(r#"{{"x":{deep},"text":"a"}}"#)), Ok("a".to_owned()));
    let kept = metadata(&format!(r#"{{"x":{deep},"text":"a"}}"#), &["x", "x.y"]);
    assert_eq!(kept, [Some(deep), None]);
}

#[test]
fn texts_are_unescaped() {
    assert_eq!(one(r#"{"te\u0078t":"a\n\u00e9\ud83d\ude00\"\\"}"#), Ok("a\né😀\"\\".to_owned()));
    assert_eq!(one(r#"{"text":"first","text":"last"}"#), Ok("last".to_owned()));
    assert_eq!(one(r#"{"text":""}"#), Ok(String::new()));
    let nested = testing::rows(
        Format::Jsonl,
        &fields("content.text", &["content"]),
        br#"{"content": {"text": "a b", "n": [1, "\" ]"]}}"#,
        Part::Whole,
    );
    assert_eq!(nested[0].text, Ok("a b".to_owned()));
    let compact = r#"{"text":"a b","n":[1,"\" ]"]}"#;
    assert_eq!(nested[0].metadata, [Some(compact.to_owned())]);
}

#[test]
fn ids_are_strings_or_numbers() {
    for (json, id) in [
        ("\"a\\tb\"", Some("a\tb")),
        ("-7", Some("-7")),
        ("1.50", Some("1.50")),
        ("true", None),
        ("null", None),
        ("[1]", None),
    ] {
        let row = rows(format!(r#"{{"id":{json},"text":""}}"#).as_bytes()).remove(0);
        assert_eq!(row.id.as_deref(), id, "{json}");
    }
    let both = testing::rows(
        Format::Jsonl,
        &fields("text", &["id", "text"]),
        br#"{"id":7,"text":"x"}"#,
        Part::Whole,
    );
    assert_eq!(both[0].id.as_deref(), Some("7"));
    assert_eq!(both[0].metadata, [Some("7".to_owned()), Some("x".to_owned())]);
}

#[test]
fn fields_with_dots() {
    let some = |text: &str| vec![Some(text.to_owned())];
    for (json, value) in [
        (r#""m":{"u":"in"}"#, some("in")),
        (r#""m.u":"exact","m":{"u":"in"}"#, some("exact")),
        (r#""m":{"u":"in"},"m.u":"exact""#, some("exact")),
        (r#""m":{"u":"in"},"m.u":null"#, vec![None]),
        (r#""m":{"u":"in"},"m":{}"#, vec![None]),
        (r#""m":{"u":"in"},"m":3"#, vec![None]),
        (r#""m":[{"u":"in"}]"#, vec![None]),
        (r#""m":{"u":true}"#, some("true")),
        (r#""m":{"u":1.0}"#, some("1.0")),
    ] {
        assert_eq!(metadata(&format!(r#"{{{json},"text":""}}"#), &["m.u"]), value, "{json}");
    }
    let deep = r#"{"a":{"b":{"c":1}},"text":""}"#;
    assert_eq!(
        metadata(deep, &["a.b.c", "a.b"]),
        [Some("1".to_owned()), Some(r#"{"c":1}"#.to_owned())]
    );
    assert_eq!(metadata(r#"{"a":{"b.c":2},"text":""}"#, &["a.b.c"]), some("2"));
}

#[test]
fn a_line_too_long_is_skipped_and_not_held() {
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(9 << 20));
    let content = format!("{{\"text\":\"a\"}}\n{long}\n{{\"text\":\"b\"}}\n{long}");
    let starts = [0, 13, 13 + long.len() as u64 + 1, 26 + long.len() as u64 + 1];
    for (bytes, member) in
        [(content.clone().into_bytes(), Position::PLAIN), (gzip(content.as_bytes()), 0)]
    {
        let (_folder, store, piece) = file(&bytes, Part::Whole);
        let mut reader = JsonlReader::open(&store, &fields("text", &[]), &piece).unwrap();
        reader.lines.as_mut().unwrap().max_line = 12;
        let rows = drain(&mut reader, 0);
        let texts: Vec<_> = rows.iter().map(|row| row.text.clone()).collect();
        assert_eq!(
            texts,
            [Ok("a".to_owned()), Err("too-large"), Ok("b".to_owned()), Err("too-large")]
        );
        assert!(rows.iter().zip(starts).all(|(row, start)| row.position == at(member, start)));
        assert!(reader.lines.unwrap().held() <= 4 * CHUNK_BYTES);
    }
}

#[test]
fn a_cut_or_damaged_stream_ends_in_one_failed_row() {
    let lines = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}";
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd, lz4] {
        let (whole, first) = (pack(lines.as_bytes()), pack(b"{\"text\":\"a\"}\n{\"te"));
        let good = |text: &str, offset| (at(0, offset), Ok(text.to_owned()));
        // Without its checksum, the member's last line is not known to be whole.
        let mut expected = vec![good("a", 0), good("b", 13), (at(0, 26), Err("truncated"))];
        assert_eq!(short(&whole[..whole.len() - 1]), expected);
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        expected[2].1 = Err("corrupt");
        assert_eq!(short(&damaged), expected);
        expected[2] = good("c", 26);
        expected.push((at(whole.len() as u64, 0), Err("corrupt")));
        assert_eq!(short(&[&whole[..], b"garbage"].concat()), expected);
        // The lost line began in the member before.
        let second = pack(b"xt\":\"b\"}\n");
        let cut = [&first[..], &second[..12]].concat();
        assert_eq!(short(&cut), [good("a", 0), (at(0, 13), Err("truncated"))]);
        assert_eq!(short(&[first, second].concat()), [good("a", 0), good("b", 13)]);
    }
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let content = "{\"text\":\"some words\"}\n".repeat(9);
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd, lz4] {
        let file = [pack(content.as_bytes()), pack(b"{\"text\":\"end\"}")].concat();
        let good = rows(&file);
        for index in 0..file.len() {
            let mut file = file.clone();
            file[index] ^= 0x11;
            let rows = rows(&file);
            assert!(rows == good || rows.iter().any(|row| row.text.is_err()), "byte {index}");
        }
    }
}

fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "\n",
        "\r\n",
        " ",
        "\u{feff}",
        "{\"text\":\"a\"}",
        "{\"text\":\"b\\n\"}\n",
        "x",
        "{",
        "é",
        "\n\n",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

fn cuts(content: &[u8], cuts: &[usize]) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (content.len() + 1)).collect();
    cuts.extend([0, content.len()]);
    cuts.sort_unstable();
    cuts
}

proptest! {
    #[test]
    fn byte_ranges_divide_a_file(content in any_content(), at in vec(0_usize..1000, 0..8)) {
        let mut divided = Vec::new();
        for range in cuts(&content, &at).windows(2) {
            divided.extend(rows_of(&content, Part::Bytes(range[0] as u64..range[1] as u64)));
        }
        prop_assert_eq!(divided, rows(&content));
    }

    #[test]
    fn positions_lead_to_the_lines(
        texts in vec("[a-z \\\\\"é\u{1}]{0,30}", 0..30),
        at in vec(0_usize..5000, 0..8),
        packer in 0..3_usize,
    ) {
        let mut content = String::new();
        for text in &texts {
            content += &serde_json::json!({"text": text}).to_string();
            content += "\n";
        }
        let cuts = cuts(content.as_bytes(), &at);
        let members: Vec<&[u8]> =
            cuts.windows(2).map(|cut| &content.as_bytes()[cut[0]..cut[1]]).collect();
        let pack = [gzip, zstd, lz4][packer];
        let mut file = Vec::new();
        let mut starts = Vec::new();
        for member in &members {
            starts.push(file.len() as u64);
            file.extend(pack(member));
        }
        let read = rows(&file);
        let mut divided = Vec::new();
        for range in self::cuts(&file, &at).windows(2) {
            divided.extend(rows_of(&file, Part::Bytes(range[0] as u64..range[1] as u64)));
        }
        prop_assert_eq!(&divided, &read);
        prop_assert_eq!(read.len(), texts.len());
        for (row, text) in read.iter().zip(&texts) {
            prop_assert_eq!(row.text.as_ref(), Ok(text));
            let member = starts.iter().position(|&start| start == row.position.member).unwrap();
            let offset = usize::try_from(row.position.offset).unwrap();
            prop_assert!(offset < members[member].len());
            let line = content[cuts[member] + offset..].lines().next().unwrap();
            prop_assert_eq!(line, serde_json::json!({"text": text}).to_string());
        }
    }

    #[test]
    fn what_is_damaged_is_the_same_in_all_divisions(
        texts in vec("[a-z]{0,30}", 9..40),
        member_lines in 1..6_usize,
        splits_lines in any::<bool>(),
        damage in vec((0_usize..5000, 1..=255_u8), 1..4),
        cut in 0_usize..5000,
        at in vec(0_usize..5000, 0..6),
        packer in 0..3_usize,
    ) {
        let pack = [gzip, zstd, lz4][packer];
        let line = |text: &String| serde_json::json!({"text": text}).to_string() + "\n";
        let mut members: Vec<String> =
            texts.chunks(member_lines).map(|texts| texts.iter().map(line).collect()).collect();
        if splits_lines {
            // As bgzip does: members end wherever they are full.
            let content: Vec<char> = members.concat().chars().collect();
            members = content.chunks(17 * member_lines).map(|part| part.iter().collect()).collect();
        }
        let mut file: Vec<u8> = members.iter().flat_map(|text| pack(text.as_bytes())).collect();
        for (place, flip) in damage {
            // The first bytes tell how the file is compressed.
            let place = 4 + place % (file.len() - 4);
            file[place] ^= flip;
        }
        file.truncate(file.len() - cut % 40);
        let mut divided = Vec::new();
        for range in cuts(&file, &at).windows(2) {
            divided.extend(rows_of(&file, Part::Bytes(range[0] as u64..range[1] as u64)));
        }
        prop_assert_eq!(divided, rows(&file));
    }
}
