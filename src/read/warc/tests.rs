use std::io::Write;
use std::ops::Range;

use super::super::decompress::Want;
use super::super::decompress::testing::{drain, fields};
use super::super::ranges::Ranges;
use super::super::{Part, Piece};
use super::*;
use crate::store::Store;

/// The one place that makes content out of bytes.
fn content(bytes: &[u8], start: usize, owned_until: u64, chunk: usize) -> Content {
    let store = Store::in_memory();
    store.put("file", bytes.to_vec().into()).unwrap();
    let piece = Piece { file: "file".to_owned(), size: bytes.len() as u64, part: Part::Whole };
    let is_plain = !bytes.starts_with(&[0x1f, 0x8b]);
    let until = if is_plain { u64::MAX } else { owned_until };
    let want = Want { is_entry, ..Want::owned(&piece, start as u64..until) };
    let mut content = Content::open(&store, &piece, want).unwrap();
    content.chunk = chunk;
    content
}

/// A record of a kind with some more header lines.
fn record(kind: &str, more: &str, block: &[u8]) -> Vec<u8> {
    let length = block.len();
    let head = format!("WARC/1.0\r\nWARC-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

const HTTP: &str = "Content-Type: application/http; msgtype=response\r\n";

/// A response record with these header lines (each with its line end) and body.
fn response(url: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let more = format!("WARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:uuid:{url}>\r\n{HTTP}");
    let block = [b"HTTP/1.1 200 OK\r\n", head.as_bytes(), b"\r\n", body].concat();
    record("response", &more, &block)
}

fn page(text: &str) -> Vec<u8> {
    response(text, "Content-Type: text/html\r\n", format!("<p>{text}</p>").as_bytes())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

type Row = (Position, Result<String, &'static str>);

fn read(bytes: &[u8], start: usize, owned_until: u64, chunk: usize, options: Options) -> Vec<Row> {
    let plain = !bytes.starts_with(&[0x1f, 0x8b]);
    let size = plain.then_some(bytes.len() as u64);
    let content = content(bytes, start, owned_until, chunk);
    let mut reader = WarcReader::new(content, owned_until, size, &fields("text", &[]), options);
    reader.records.set_max_block(1 << 20);
    drain(&mut reader, 0).into_iter().map(|row| (row.position, row.text)).collect()
}

/// All rows of a file, which are the same however few bytes come at a time.
fn rows(bytes: &[u8]) -> Vec<Row> {
    let all = read(bytes, 0, u64::MAX, usize::MAX, Options::default());
    for chunk in [1, 5, 300] {
        assert_eq!(read(bytes, 0, u64::MAX, chunk, Options::default()), all, "chunks of {chunk}");
    }
    all
}

fn texts(bytes: &[u8]) -> Vec<Result<String, &'static str>> {
    rows(bytes).into_iter().map(|(_, text)| text).collect()
}

fn strict(bytes: &[u8]) -> Vec<Result<String, &'static str>> {
    let options = Options { check_digests: true, ..Options::default() };
    read(bytes, 0, u64::MAX, usize::MAX, options).into_iter().map(|(_, text)| text).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with results")]
fn html(text: &str) -> Result<String, &'static str> {
    Ok(format!("<p>{text}</p>"))
}

fn counts(bytes: &[u8]) -> String {
    let mut reader = WarcReader::new(
        content(bytes, 0, u64::MAX, 99),
        u64::MAX,
        None,
        &fields("text", &[]),
        Options::default(),
    );
    drain(&mut reader, 0);
    let counts = reader.counts().filter(|(_, count)| *count > 0);
    counts.fold(String::new(), |all, (name, count)| format!("{all}{name} {count} "))
}

#[test]
fn records_by_kind() {
    let warcinfo = record("warcinfo", "Content-Type: application/warc-fields\r\n", b"a: b\r\n");
    let kinds = ["request", "metadata", "revisit", "continuation", "strange"];
    let others: Vec<u8> =
        kinds.iter().flat_map(|kind| record(kind, HTTP, b"GET / HTTP/1.1\r\n\r\n")).collect();
    let resource = record("Resource", "Content-Type: text/plain\r\n", b"a resource");
    let conversion = record("conversion", "Content-Type: text/plain\r\n", b"a conversion");
    let file = [warcinfo, page("one"), others, resource, conversion].concat();
    let expected = [html("one"), Ok("a resource".into()), Ok("a conversion".into())];
    assert_eq!(texts(&file), expected);
    assert_eq!(
        counts(&file),
        "response 1 resource 1 conversion 1 warcinfo 1 request 1 metadata 1 revisit 1 \
         continuation 1 unknown 1 "
    );
    assert_eq!(texts(&gzip(&file)), expected);
    assert_eq!(rows(b""), []);
    assert_eq!(rows(&gzip(b"")), []);
    assert_eq!(rows(b"\r\n\n\r\n"), []);
}

#[test]
fn positions_name_member_and_offset() {
    let (one, two) = (page("one"), page("two"));
    let plain = rows(&[&one[..], &two].concat());
    assert_eq!(plain[1].0, Position::plain(one.len() as u64));
    let (first, both) = (gzip(&one), gzip(&[&one[..], &two].concat()));
    let packed = rows(&[&first[..], &both].concat());
    let member = first.len() as u64;
    let positions: Vec<Position> = packed.iter().map(|row| row.0).collect();
    let at = |member, offset| Position { member, offset };
    assert_eq!(positions, [at(0, 0), at(member, 0), at(member, one.len() as u64)]);
}

#[test]
fn metadata_fields() {
    let more = "WARC-Target-URI: <http://example.cz/a>\r\nWARC-Record-ID: <urn:uuid:1>\r\n\
                WARC-Date: 2020-01-02T03:04:05Z\r\nWARC-IP-Address: 1.2.3.4\r\n";
    let block = b"HTTP/1.1 203 Fine\r\nContent-Type: Text/HTML; charset=windows-1250\r\n\
                  X-Thing: y\r\nContent-Language: cs\r\n\r\n<p>\x9eivot</p>";
    let file = record("response", &format!("{more}{HTTP}"), block);
    let names = [
        "url",
        "date",
        "content_type",
        "status",
        "charset",
        "language",
        "warc-ip-address",
        "http.X-Thing",
        "http.none",
        "none",
    ];
    let mut reader = WarcReader::new(
        content(&file, 0, u64::MAX, 99),
        u64::MAX,
        None,
        &fields("text", &names),
        Options::default(),
    );
    let row = &drain(&mut reader, names.len())[0];
    assert_eq!(row.text, Ok("<p>život</p>".to_owned()));
    assert_eq!(row.id.as_deref(), Some("<urn:uuid:1>"));
    let values: Vec<Option<&str>> = row.metadata.iter().map(Option::as_deref).collect();
    assert_eq!(
        values,
        [
            Some("http://example.cz/a"),
            Some("2020-01-02T03:04:05Z"),
            Some("text/html"),
            Some("203"),
            Some("windows-1250"),
            Some("cs"),
            Some("1.2.3.4"),
            Some("y"),
            None,
            None
        ]
    );
}

#[test]
fn headers_of_all_sorts() {
    let lenient = b"WARC/0.18\nwarc-type:response\nCONTENT-LENGTH:   5\nX-Folded: a\n b\nmangled\n\nplain\n\n";
    assert_eq!(texts(&[&lenient[..], &page("next")].concat()), [Ok("plain".into()), html("next")]);
    // Line ends with a CR too many, none behind the record, and a URL that is missing.
    let odd = b"WARC/1.1 \r\r\nWARC-Type: resource\r\r\nContent-Length: 4\r\r\n\r\r\ntext";
    assert_eq!(texts(&[&odd[..], &page("next")].concat()), [Ok("text".into()), html("next")]);
}

#[test]
fn files_in_no_order_without_addresses_or_packed_twice() {
    let others = [record("metadata", "", b"a: b"), record("warcinfo", "", b"a: b\r\n")];
    let request = record("request", HTTP, b"GET / HTTP/1.1\r\n\r\n");
    let file = [&others[0][..], &page("one"), &request, &others[1], &page("two")].concat();
    assert_eq!(texts(&file), [html("one"), html("two")]);
    let nowhere = record("response", HTTP, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx");
    let mut reader = WarcReader::new(
        content(&[nowhere, page("somewhere")].concat(), 0, u64::MAX, 99),
        u64::MAX,
        None,
        &fields("text", &["url"]),
        Options::default(),
    );
    let rows = drain(&mut reader, 1);
    assert_eq!((&rows[0].text, &rows[0].metadata[0]), (&Ok("x".to_owned()), &None));
    assert!(rows[1].metadata[0].is_some());
    // What is in the outer members is no record.
    let twice = [gzip(&gzip(&page("inside"))), gzip(&page("next"))].concat();
    assert_eq!(texts(&twice), [Err("bad-warc-header"), html("next")]);
}

#[test]
fn a_content_length_that_lies_fails_its_record_only() {
    let good = page("lies");
    let length = good.len() - 4 - good.windows(4).position(|w| w == b"\r\n\r\n").unwrap() - 4;
    let with = |length: &str| {
        let text = String::from_utf8(good.clone()).unwrap();
        let real = format!("Content-Length: {}", good.len() - text.find("HTTP/1.1").unwrap() - 4);
        assert!(text.contains(&real));
        text.replace(&real, length).into_bytes()
    };
    let (first, last) = (page("first"), page("last"));
    let lies = [
        "Content-Length: 3".to_owned(),
        format!("Content-Length: {}", length + 7),
        "Content-Length: 100000".to_owned(),
        "Content-Length: 99999999999".to_owned(),
        "Content-Length: 99999999999999999999999999".to_owned(),
        "Content-Length: -1".to_owned(),
        "Content-Length: many".to_owned(),
        "Content-Length:".to_owned(),
        "X: y".to_owned(),
    ];
    for lie in &lies {
        let bad = with(lie);
        let file = [&first[..], &bad, &last].concat();
        let expected = [html("first"), Err("wrong-content-length"), html("last")];
        let found = rows(&file);
        assert_eq!(found[1].0, Position::plain(first.len() as u64), "{lie}");
        assert_eq!(found.into_iter().map(|row| row.1).collect::<Vec<_>>(), expected, "{lie}");
        // In one member, a length beyond what is held swallows the rest.
        if lie != &lies[3] {
            assert_eq!(texts(&gzip(&file)), expected, "{lie}");
        }
        let members = [gzip(&first), gzip(&bad), gzip(&last)].concat();
        let found = texts(&members);
        let reason = if lie == &lies[3] { "too-large" } else { "wrong-content-length" };
        assert_eq!(found, [html("first"), Err(reason), html("last")], "{lie}");
    }
}

#[test]
fn files_that_are_cut_off() {
    let (one, two) = (page("one"), page("two"));
    let file = [&one[..], &two].concat();
    for end in one.len() + 1..file.len() {
        let found = rows(&file[..end]);
        // The line ends behind the last record are no part of it.
        let last = if end < file.len() - 4 { Err("truncated") } else { html("two") };
        assert_eq!(found[1], (Position::plain(one.len() as u64), last), "cut at {end}");
        assert_eq!(found.len(), 2);
    }
    let (first, second) = (gzip(&one), gzip(&two));
    let packed = [&first[..], &second].concat();
    for end in first.len() + 20..packed.len() {
        let found = texts(&packed[..end]);
        assert_eq!(found, [html("one"), Err("truncated")], "cut at {end}");
    }
}

#[test]
fn a_damaged_member_is_one_row() {
    let (one, three) = (gzip(&page("one")), gzip(&page("three")));
    let two = gzip(&page(&"two ".repeat(300)));
    for at in (10..two.len() - 8).chain([two.len() - 7]) {
        let mut bad = two.clone();
        bad[at] ^= 0x55;
        let found = texts(&[&one[..], &bad, &three].concat());
        assert_eq!(found.len(), 3, "byte {at}: {found:?}");
        assert_eq!((&found[0], &found[2]), (&html("one"), &html("three")));
        assert!(found[1].is_err(), "byte {at}");
    }
}

#[test]
fn garbage_between_records_is_one_row() {
    for garbage in [
        &b"garbage"[..],
        b"garbage\r\n\r\nWARC/1.0 is a format\r\n\r\n",
        b"WARC/1.0\r\nno header here\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: response\r\n",
        b"\0\0\0\0",
        b"WARC/one\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n",
    ] {
        let file = [&page("one")[..], garbage, b"\r\n", &page("two"), &page("three")].concat();
        let expected = [html("one"), html("two"), html("three")];
        let found: Vec<_> = texts(&file);
        let good: Vec<_> = found.iter().filter(|text| text.is_ok()).cloned().collect();
        // Directly behind a record, garbage makes its length a lie.
        let failed = found.len() - good.len();
        assert_eq!(failed, 1, "{garbage:?}: {found:?}");
        assert!(good == expected || good == expected[1..], "{garbage:?}: {found:?}");
        let members = [gzip(&page("one")), gzip(garbage), gzip(&page("two"))].concat();
        let found = texts(&members);
        assert_eq!(found.len(), 3, "{garbage:?}: {found:?}");
        assert_eq!((&found[0], &found[2]), (&html("one"), &html("two")));
        assert!(matches!(found[1], Err("bad-warc-header" | "wrong-content-length")), "{found:?}");
    }
    assert_eq!(texts(b"no archive at all"), [Err("bad-warc-header")]);
    assert_eq!(texts(&vec![b'x'; 3 << 20]), [Err("bad-warc-header")]);
}

#[test]
fn records_may_span_members_of_block_compressors() {
    let file: Vec<u8> = (0..20).flat_map(|n| page(&format!("page {n}"))).collect();
    let expected: Vec<_> = (0..20).map(|n| html(&format!("page {n}"))).collect();
    for size in [50, 333, 1000] {
        let packed: Vec<u8> = file.chunks(size).flat_map(gzip).collect();
        assert_eq!(texts(&packed), expected, "blocks of {size}");
    }
}

#[test]
fn a_record_in_countless_members_is_none() {
    let giant = response("giant", "Content-Type: text/html\r\n", &vec![b'x'; 70_000]);
    let mut file = Vec::new();
    for byte in &giant {
        // A stored block, which is made faster than any other member.
        let mut member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x01\0\xfe\xff".to_vec();
        let mut crc = flate2::Crc::new();
        crc.update(&[*byte]);
        member.push(*byte);
        member.extend_from_slice(&crc.sum().to_le_bytes());
        member.extend_from_slice(&[1, 0, 0, 0]);
        file.extend_from_slice(&member);
    }
    file.extend_from_slice(&gzip(&page("next")));
    let found = read(&file, 0, u64::MAX, 99, Options::default());
    let found: Vec<_> = found.into_iter().map(|row| row.1).collect();
    assert_eq!(found, [Err("wrong-content-length"), html("next")]);
}

#[test]
fn records_too_large_are_not_held() {
    let giant = response("giant", "Content-Type: text/html\r\n", &vec![b'x'; 2 << 20]);
    let file = [&page("one")[..], &giant, &page("two")].concat();
    let expected = [html("one"), Err("too-large"), html("two")];
    assert_eq!(texts(&file), expected);
    assert_eq!(texts(&gzip(&file)), expected);
    assert_eq!(texts(&[gzip(&page("one")), gzip(&giant), gzip(&page("two"))].concat()), expected);
}

#[test]
fn long_records_of_no_interest_are_not_held() {
    let length = 6 << 20;
    let image = response("image", "Content-Type: image/png\r\n", &vec![b'x'; length]);
    let request = record("request", HTTP, &vec![b'x'; length]);
    let file = [image, request, page("two")].concat();
    let mut reader = WarcReader::new(
        content(&gzip(&file), 0, u64::MAX, usize::MAX),
        u64::MAX,
        None,
        &fields("text", &[]),
        Options::default(),
    );
    let found: Vec<_> = drain(&mut reader, 0).into_iter().map(|row| row.text).collect();
    assert_eq!(found, [Err("not-text"), html("two")]);
    assert!(reader.records.held_bytes() < 2 << 20);
}

#[test]
fn what_is_no_document_fails_with_its_reason() {
    let status = |line: &str| {
        record("response", HTTP, format!("{line}\r\nContent-Type: text/html\r\n\r\nx").as_bytes())
    };
    assert_eq!(texts(&status("HTTP/1.1 404 Not Found")), [Err("http-error")]);
    assert_eq!(texts(&status("HTTP/1.1 301")), [Err("http-error")]);
    assert_eq!(texts(&status("HTTP/1.1")), [Ok("x".into())]);
    let all = Options { http_errors: true, ..Options::default() };
    let found = read(&status("HTTP/1.1 404 Not Found"), 0, u64::MAX, 99, all);
    assert_eq!(found[0].1, Ok("x".into()));

    let with =
        |content_type: &str, body: &[u8]| texts(&response("u", content_type, body)).remove(0);
    assert_eq!(with("Content-Type: image/png\r\n", b"text"), Err("not-text"));
    assert_eq!(with("Content-Type: text/html\r\n", b"%PDF-1.7"), Err("not-text"));
    assert_eq!(with("Content-Type: application/json\r\n", b"{}"), Ok("{}".into()));
    assert_eq!(with("", b"%PDF-1.7"), Err("not-text"));
    assert_eq!(with("", b"<html>"), Ok("<html>".into()));
    let nul = with("Content-Type: text/html\r\n", b"<p>a page with\0 one NUL</p>");
    assert_eq!(nul, Ok("<p>a page with\0 one NUL</p>".into()));
    let segment = format!("WARC-Segment-Number: 1\r\n{HTTP}");
    assert_eq!(
        texts(&record("response", &segment, b"HTTP/1.1 200 OK\r\n\r\nx")),
        [Err("segmented")]
    );
    assert_eq!(
        texts(&record("response", HTTP, b"<html>old</html>")),
        [Ok("<html>old</html>".into())]
    );
    assert_eq!(texts(&record("response", "", b"")), [Ok(String::new())]);
}

fn compressed(coding: &str, text: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => gzip(text),
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "raw deflate" => {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::stream::encode_all(text, 19).unwrap(),
        "zstd 1" => zstd::stream::encode_all(text, 1).unwrap(),
        other => panic!("{other}"),
    }
}

/// `<p>brotli</p>` as Brotli, uncompressed within.
const BROTLI: &[u8] = b"\x0b\x06\x80<p>brotli</p>\x03";

/// 64 MiB of spaces as Brotli: `brotli` 1.2.1 from PyPI, quality 11, window of 16 MiB, a MiB at a
/// time.
const BROTLI_BOMB: &[u8] = b"\xcf\xff\xff\x7f\xf8\x25\x40\xe2\xb1\x40\x20\xf7\xfe\x9f\xff\xff\
    \xff\xf0\x4b\x00\xc4\x61\x01\x80\xee\xfd\x3f\xff\xff\xff\xe1\x97\x00\x88\xc3\x22\x00\xdd\
    \xfb\x7f\xfe\xff\xff\xc3\x2f\x01\x10\x87\x05\x00\xba\xf7\xff\x03";

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(bytes).collect()
}

#[test]
fn compressed_bodies() {
    let page = b"<p>compressed</p>".as_slice();
    let read = |coding: &str, body: &[u8]| {
        let head = format!("Content-Type: text/html\r\nContent-Encoding: {coding}\r\n");
        texts(&response("u", &head, body)).remove(0)
    };
    for coding in ["gzip", "x-gzip", "deflate", "zstd"] {
        let body = compressed(coding, page);
        assert_eq!(read(coding, &body), html("compressed"), "{coding}");
        assert_eq!(read(coding, page), html("compressed"), "{coding}, not applied");
        let cut = read(coding, &body[..body.len() - 5]);
        assert_eq!(cut, Err("bad-http-body"), "{coding}, cut off");
    }
    assert_eq!(read("deflate", &compressed("raw deflate", page)), html("compressed"));
    assert_eq!(read("br", BROTLI), html("brotli"));
    assert_eq!(read("br", page), html("compressed"));
    assert_eq!(read("br", &BROTLI[..BROTLI.len() - 6]), Err("bad-http-body"));
    assert_eq!(read("Zstd , GZIP", &gzip(&compressed("zstd", page))), html("compressed"));
    assert_eq!(read("utf-8", page), html("compressed"));
    assert_eq!(read("gzip", &gzip(&gzip(&gzip(page)))), html("compressed"));
    assert_eq!(read("gzip", &[gzip(b"<p>comp"), gzip(b"ressed</p>")].concat()), html("compressed"));
    assert_eq!(read("gzip", &[&gzip(page)[..], b"behind"].concat()), html("compressed"));
    let unnamed = response("u", "Content-Type: text/html\r\n", &gzip(page));
    assert_eq!(texts(&unnamed), [html("compressed")]);
}

#[test]
fn chunks_and_compression() {
    let packed = gzip(b"<p>both</p>");
    let (first, second) = packed.split_at(9);
    let mut body = format!("{:x}\r\n", first.len()).into_bytes();
    body.extend_from_slice(first);
    body.extend_from_slice(format!("\r\n{:X}\r\n", second.len()).as_bytes());
    body.extend_from_slice(second);
    body.extend_from_slice(b"\r\n0\r\n\r\n");
    let head = "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n";
    let both = format!("{head}Content-Encoding: gzip\r\n");
    assert_eq!(texts(&response("u", &both, &body)), [html("both")]);
    assert_eq!(texts(&response("u", &both, &packed)), [html("both")]);
    assert_eq!(texts(&response("u", head, b"<p>none</p>")), [html("none")]);
    assert_eq!(texts(&response("u", head, b"3\r\n<p>\r\nlie\r\n")), [Err("bad-http-body")]);
    assert_eq!(texts(&response("u", head, b"0\r\n\r\n")), [Ok(String::new())]);
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![b' '; 64 << 20];
    let twice = |outer: &str, inner: &str| compressed(outer, &compressed(inner, &zeros));
    let bombs = [
        ("gzip", gzip(&zeros)),
        ("deflate", compressed("deflate", &zeros)),
        ("deflate", compressed("raw deflate", &zeros)),
        ("zstd", compressed("zstd", &zeros)),
        ("br", BROTLI_BOMB.to_vec()),
        ("gzip, gzip", twice("gzip", "gzip")),
        ("zstd, deflate", twice("deflate", "zstd")),
        ("br, gzip", gzip(BROTLI_BOMB)),
        ("br, zstd, gzip", gzip(&compressed("zstd", BROTLI_BOMB))),
        // Of its three codings one is named.
        ("gzip", gzip(&gzip(&gzip(&zeros)))),
    ];
    for (coding, bomb) in bombs {
        let head = format!("Content-Type: text/html\r\nContent-Encoding: {coding}\r\n");
        let file = [response("u", &head, &bomb), page("next")].concat();
        assert_eq!(texts(&file), [Err("decompression-bomb-1000x"), html("next")], "{coding}");
        let mut header = Header::default();
        http::parse_head(format!("HTTP/1.1 200\r\n{head}\r\n").as_bytes(), &mut header).unwrap();
        let mut decoder = coding::Decoder::default();
        assert_eq!(decoder.decode(&header, &bomb).err(), Some(reasons::BODY_BOMB));
        // Two buffers of what is allowed, which grow by doubling.
        let most = 4 * (bomb.len() * 1000).max(1 << 20) + (1 << 20);
        assert!(decoder.held() < most, "{coding}: {} bytes", decoder.held());
    }
    // Not dense, but more than a document may be.
    let large = [noise(300 << 10), compressed("zstd 1", &vec![b' '; 257 << 20])];
    let large = [compressed("zstd 1", &large[0]), large[1].clone()].concat();
    let head = "Content-Type: text/html\r\nContent-Encoding: zstd\r\n";
    let file = [response("u", head, &large), page("next")].concat();
    assert_eq!(texts(&file), [Err("decompression-bomb-256mib"), html("next")]);
    // What is small may be dense.
    let small = gzip(&vec![b' '; 1 << 20]);
    let head = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n";
    assert_eq!(texts(&response("u", head, &small))[0].as_ref().map(String::len), Ok(1 << 20));
}

#[test]
fn digests() {
    let block = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let hello = "sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N";
    let with =
        |digests: &str| strict(&record("response", &format!("{digests}{HTTP}"), block)).remove(0);
    let good = Ok("hello".to_owned());
    assert_eq!(with(""), good);
    assert_eq!(with(&format!("WARC-Payload-Digest: {hello}\r\n")), good);
    assert_eq!(with(&format!("WARC-Block-Digest: {hello}\r\n")), Err("wrong-digest"));
    assert_eq!(with("WARC-Payload-Digest: md5:x\r\n"), Err("wrong-digest"));
    assert_eq!(with("WARC-Payload-Digest: blake3:x\r\n"), good);
    let stored = "WARC-Payload-Digest: sha1:VJSVDLP5ZXVEE26MGY7TBFFVCLEUPFZR\r\n";
    assert_eq!(with(stored), Err("wrong-digest"));
    let wrong = record("response", &format!("WARC-Block-Digest: {hello}\r\n{HTTP}"), block);
    assert_eq!(texts(&wrong), [good]);
}

const ARC: &str = "filedesc://a.arc 0.0.0.0 20080430204825 text/plain 17\n1 0 InternetArc\n\n\n";

fn arc(url: &str, block: &str) -> String {
    format!("{url} 1.2.3.4 20080430204826 text/html {}\n{block}\n", block.len())
}

#[test]
fn arc_files() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>arc</p>";
    let (one, two) = (arc("http://a.b/c d", ok), arc("http://a.b/", "<html>bare</html>"));
    let dns = "dns:a.b 1.2.3.4 20080430204826 text/dns 8\na.b. 1 2\n";
    let file = format!("{ARC}{one}{two}{dns}");
    let expected = [html("arc"), Ok("<html>bare</html>".into()), Err("not-text")];
    assert_eq!(texts(file.as_bytes()), expected);
    assert_eq!(counts(file.as_bytes()), "response 3 arc_header 1 ");
    let members: Vec<u8> =
        [ARC, &one, &two, dns].iter().flat_map(|part| gzip(part.as_bytes())).collect();
    assert_eq!(texts(&members), expected);
    // Without the line ends between records, and with a length that lies.
    let lie = one.replace("text/html ", "text/html 1");
    let file = format!("{ARC}{}{lie}{two}", one.trim_end_matches('\n'));
    assert_eq!(
        texts(file.as_bytes()),
        [html("arc"), Err("wrong-content-length"), Ok("<html>bare</html>".into())]
    );
}

#[test]
fn entries_of_members() {
    for entry in [
        "WARC/1.0\r\nWARC",
        "WARC/0.18\n",
        "http://a.b/ 1.2.3.4 20080430204826 text/html 12\nx",
        ARC,
    ] {
        assert!(is_entry(entry.as_bytes()), "{entry}");
    }
    let long = format!("http://a.b/{} 1.2.3.4 20080430204826 text/html 12\n", "x".repeat(2000));
    assert!(is_entry(long.as_bytes()));
    for other in ["", "WARC/1.0", "WARC/1.0 says", "\r\nWARC/1.0\r\n", "<html>\n", "a b c d e\n"] {
        assert!(!is_entry(other.as_bytes()), "{other}");
    }
}

struct Memory<'a>(&'a [u8]);

impl Ranges for Memory<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_range(&mut self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        Ok(self.0[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            .to_vec())
    }
}

/// The rows of a plain file whose pieces end at these places.
fn divided(file: &[u8], cuts: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut start = Some(0);
    for cut in cuts.iter().copied().chain([u64::MAX]) {
        let end = if cut == u64::MAX { None } else { find_entry(&mut Memory(file), cut).unwrap() };
        if let Some(start) = start
            && end.is_none_or(|end| end > start)
        {
            let start = usize::try_from(start).unwrap();
            rows.extend(read(file, start, end.unwrap_or(u64::MAX), 777, Options::default()));
        }
        start = end;
    }
    rows
}

#[test]
fn plain_files_may_be_cut_anywhere() {
    let shown =
        "<pre>\nWARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99\r\n\r\nno record</pre>";
    let warc = [
        record("warcinfo", "", b"a: b\r\n"),
        page("one"),
        page(shown),
        record("request", HTTP, b"GET / HTTP/1.1\r\n\r\n"),
        page("two"),
        page("three"),
    ]
    .concat();
    let ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>arc</p>";
    let arc: String = (0..5).map(|n| arc(&format!("http://a.b/{n}"), ok)).collect();
    for file in [warc, format!("{ARC}{arc}").into_bytes()] {
        let whole = rows(&file);
        for cut in 0..=file.len() as u64 {
            assert_eq!(divided(&file, &[cut]), whole, "cut at {cut}");
        }
        let every: Vec<u64> = (1..file.len() as u64).step_by(50).collect();
        assert_eq!(divided(&file, &every), whole);
    }
}

#[test]
fn members_belong_to_the_piece_they_begin_in() {
    let parts: Vec<Vec<u8>> = (0..6).map(|n| gzip(&page(&format!("page {n}")))).collect();
    let file = parts.concat();
    let mut starts = vec![0];
    for part in &parts {
        starts.push(starts[starts.len() - 1] + part.len());
    }
    let whole = rows(&file);
    for cut in 0..file.len() {
        let mut found = read(&file, 0, cut.max(1) as u64, 777, Options::default());
        let next = *starts.iter().find(|&&start| start >= cut.max(1)).unwrap();
        found.extend(read(&file, next, u64::MAX, 777, Options::default()));
        assert_eq!(found, whole, "cut at {cut}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    /// However bytes are changed, taken out or put in: reading ends, no place has two rows, and a
    /// file in pieces has the rows of the whole.
    #[test]
    fn damage_is_survived(
        edits in proptest::collection::vec((0usize..4000, 0u8..4, proptest::prelude::any::<u8>()), 0..12),
        cuts in proptest::collection::vec(0u64..4000, 0..4),
        packed in proptest::prelude::any::<bool>(),
    ) {
        let parts: Vec<Vec<u8>> = (0..8)
            .map(|n| page(&format!("page {n} {}", "text ".repeat(n * 7))))
            .collect();
        let mut file = if packed { parts.iter().flat_map(|part| gzip(part)).collect() } else { parts.concat() };
        for (at, what, byte) in edits {
            let at = at % file.len();
            match what {
                0 => file[at] = byte,
                1 => { file.remove(at); }
                2 => file.insert(at, byte),
                _ => { file.drain(at..(at + usize::from(byte)).min(file.len())); }
            }
            if file.is_empty() { file.push(byte); }
        }
        let all = rows(&file);
        let mut places: Vec<Position> = all.iter().map(|row| row.0).collect();
        places.dedup();
        proptest::prop_assert_eq!(places.len(), all.len());
        if !packed {
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(file.len() as u64)).collect();
            cuts.sort_unstable();
            proptest::prop_assert_eq!(divided(&file, &cuts), all);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let head = "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\nContent-Encoding: deflate, br\r\n";
        rows(&bytes);
        rows(&response("u", head, &bytes));
        rows(&record("response", HTTP, &bytes));
    }
}
