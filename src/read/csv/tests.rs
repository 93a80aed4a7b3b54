use super::super::decompress::testing::{at, drain, fields, file, gzip, rows, zstd};
use super::super::{Format, Part, Quote};
use super::*;

type Found = Vec<(u64, Result<String, &'static str>)>;

fn read_with(bytes: &[u8], fields: &Fields) -> Found {
    let rows = rows(Format::Csv, fields, bytes, Part::Whole);
    rows.into_iter().map(|row| (row.position.offset, row.text)).collect()
}

fn read(bytes: &[u8]) -> Found {
    read_with(bytes, &fields("text", &[]))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside failures")]
fn good(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[test]
fn quotes_hold_delimiters_newlines_and_quotes() {
    let file = b"id,text,url\r\n\
        1,plain,u\r\n\
        2,\"a, \"\"b\"\"\r\nc\",\r\n\
        \r\n\
        3,\"\",\"\"\n\
        4,,x\n\
        5,in\"side,x\n\
        6,\xc3\xa9,\"u\"";
    let rows = rows(Format::Csv, &fields("text", &["url", "no", "text"]), file, Part::Whole);
    let texts: Vec<_> = rows.iter().map(|row| row.text.clone()).collect();
    let expected = [
        good("plain"),
        good("a, \"b\"\r\nc"),
        good(""),
        Err("missing-text"),
        good("in\"side"),
        good("é"),
    ];
    assert_eq!(texts, expected);
    let urls: Vec<_> = rows.iter().map(|row| row.metadata[0].as_deref()).collect();
    assert_eq!(urls, [Some("u"), None, Some(""), None, Some("x"), Some("u")]);
    assert_eq!(rows[1].id.as_deref(), Some("2"));
    assert_eq!(rows[1].metadata[1..], [None, Some("a, \"b\"\r\nc".to_owned())]);
    let starts: Vec<u64> = rows.iter().map(|row| row.position.offset).collect();
    assert_eq!(starts, [13, 24, 44, 52, 57, 69]);
}

#[test]
fn delimiters_are_found_given_or_named() {
    let expected = vec![(9, good("a"))];
    for file in
        [&b"text,url\na,u\n"[..], b"text;url\na;u\n", b"text\turl\na\tu\n", b"text|url\na|u"]
    {
        assert_eq!(read(file), expected);
    }
    // What stands in quotes does not count.
    assert_eq!(read(b"\"a,b,c,d\";text\n1;x,y\n"), [(15, good("x,y"))]);
    assert_eq!(read(b"text\none\n"), [(5, good("one"))]);
    let mut fields = fields("text", &[]);
    fields.layout.delimiter = Some(b';');
    assert_eq!(read_with(b"a,b;text\nx,y;z,w\n", &fields), [(9, good("z,w"))]);
    for (name, delimiter) in
        [("a.tsv", Some(b'\t')), ("b.TAB.gz", Some(b'\t')), ("a.tsv.csv", None), ("tsv", None)]
    {
        assert_eq!(delimiter_of_name(name), delimiter, "{name}");
    }
}

#[test]
fn quotes_and_columns_can_be_others() {
    let mut fields = fields("text", &[]);
    fields.layout.quote = Quote::None;
    assert_eq!(read_with(b"text\tn\n\"so it begins\t1\n", &fields), [(7, good("\"so it begins"))]);
    fields.layout.quote = Quote::Single;
    assert_eq!(read_with(b"text,n\n'a,''b'''\t,1\n", &fields)[0].1, Err("malformed-csv"));
    assert_eq!(read_with(b"text,n\n'a,''b''',1\n", &fields), [(7, good("a,'b'"))]);
    fields.layout.columns = vec!["url".to_owned(), "text".to_owned()];
    assert_eq!(read_with(b"u,a\nv,b\n", &fields), [(0, good("a")), (4, good("b"))]);
}

#[test]
fn bad_records_fail_alone() {
    let file = b"id,text\n1,a\n2\n3,c,d\n4,\"x\"y\n5,\"e\"\n6,\xff\n\"7\" ,g\n8,h\n";
    let expected = vec![
        (8, good("a")),
        (12, Err("ragged-row")),
        (14, Err("ragged-row")),
        (20, Err("malformed-csv")),
        (27, good("e")),
        (33, Err("invalid-utf8")),
        (37, Err("malformed-csv")),
        (44, good("h")),
    ];
    assert_eq!(read(file), expected);
    // A quote that nothing closes takes all behind it.
    let open = read(b"id,text\n1,a\n2,\"b\n3,c\n");
    assert_eq!(open, [(8, good("a")), (12, Err("malformed-csv"))]);
    assert_eq!(read(b"id,body\n1,a\n"), [(8, Err("missing-text"))]);
    assert_eq!(read(b"\"id\"x,text\n1,a\n"), [(0, Err("malformed-csv"))]);
    for empty in [&b""[..], b"\n\r\n", b"id,text", b"id,text\r\n", b"\xef\xbb\xbf"] {
        assert_eq!(read(empty), []);
    }
}

#[test]
fn byte_order_marks_and_doubled_names_are_seen_through() {
    assert_eq!(read(b"\xef\xbb\xbftext,text\na,b\n"), [(13, good("a"))]);
}

#[test]
fn records_may_cross_chunks_and_members() {
    let long = "x, \"\"y\"\"\n".repeat(100_000);
    let file = format!("id,text\n1,\"{long}\"\n2,b\n");
    let expected = vec![(8, good(&long.replace("\"\"", "\""))), (8 + 900_005, good("b"))];
    assert_eq!(read(file.as_bytes()), expected);
    for packed in [gzip(file.as_bytes()), zstd(file.as_bytes())] {
        assert_eq!(read(&packed), expected);
    }
    let first = gzip(b"id,text\n1,\"a");
    let halves = [&first[..], &gzip(b"b\"\n2,c\n")].concat();
    let rows = rows(Format::Csv, &fields("text", &[]), &halves, Part::Whole);
    assert_eq!((rows[0].position, rows[0].text.as_deref()), (at(0, 8), Ok("ab")));
    assert_eq!((rows[1].position, rows[1].text.as_deref()), (at(first.len() as u64, 3), Ok("c")));
}

#[test]
fn a_record_too_long_is_not_held() {
    let long = "z".repeat(2 << 20);
    let text = format!("id,text\n1,\"{long}\n\"\n2,b\n3,{long}");
    let (_folder, store, piece) = file(text.as_bytes(), Part::Whole);
    let mut reader = CsvReader::open(&store, &fields("text", &[]), &piece).unwrap();
    reader.records.as_mut().unwrap().limit(1000);
    let texts: Vec<_> = drain(&mut reader, 0).into_iter().map(|row| row.text).collect();
    assert_eq!(texts, [Err("too-large"), good("b"), Err("too-large")]);
}

#[test]
fn a_file_cut_off_or_damaged_keeps_its_whole_records() {
    let packed = gzip(b"id,text\n1,a\n2,b\n");
    let cut = read(&packed[..packed.len() - 4]);
    assert_eq!(cut, [(8, good("a")), (12, good("b")), (16, Err("truncated"))]);
    let mut damaged = zstd(b"id,text\n1,a\n2,b\n");
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert_eq!(read(&damaged).last(), Some(&(16, Err("corrupt"))));
}

#[test]
fn the_first_byte_owns_the_file() {
    let file = b"id,text\n1,a\n2,b\n";
    let read = |range| rows(Format::Csv, &fields("text", &[]), file, Part::Bytes(range)).len();
    assert_eq!((read(0..5), read(5..16)), (2, 0));
}
