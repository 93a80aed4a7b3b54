#![expect(clippy::disallowed_methods, reason = "fixtures are local files")]

use super::super::decompress::testing::{drain, fields, file, gzip, rows, zstd};
use super::super::{Format, Part, RecordReader};
use super::*;

/// The header of a shard with these columns, and its samples behind it.
fn shard_of(config: &str, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut at = u32::try_from(4 + 4 * (samples.len() + 1) + config.len()).unwrap();
    let mut bytes = u32::try_from(samples.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(at.to_le_bytes());
    for sample in samples {
        at += u32::try_from(sample.len()).unwrap();
        bytes.extend(at.to_le_bytes());
    }
    bytes.extend(config.as_bytes());
    for sample in samples {
        bytes.extend(sample);
    }
    bytes
}

const CONFIG: &str = r#"{"column_encodings": ["bytes", "int", "json", "float32", "str", "ndarray"],
    "column_names": ["blob", "id", "meta", "score", "text", "tokens"],
    "column_sizes": [null, 8, null, 4, null, null], "compression": null, "format": "mds",
    "hashes": [], "size_limit": 67108864, "version": 2}"#;

fn sample(blob: &[u8], id: i64, meta: &str, score: f32, text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts = [blob, meta.as_bytes(), text, b"\x21\x02ab"];
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
    }
    bytes.extend(blob);
    bytes.extend(id.to_le_bytes());
    bytes.extend(meta.as_bytes());
    bytes.extend(score.to_le_bytes());
    bytes.extend(text);
    bytes.extend(parts[3]);
    bytes
}

fn three() -> Vec<u8> {
    shard_of(
        CONFIG,
        &[
            sample(b"b", -7, r#"{"url": "u", "tags": [1, 2]}"#, 0.1, "é".as_bytes()),
            sample(b"\xff", 8, "null", -2.5, b"\xff"),
            sample(b"", 9, r#""only""#, 1e9, b""),
        ],
    )
}

fn texts(bytes: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
    let rows = rows(Format::Mds, &fields("text", &[]), bytes, Part::Whole);
    rows.into_iter().map(|row| (row.position.offset, row.text)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside failures")]
fn good(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[test]
fn samples_are_records() {
    let expected = vec![(0, good("é")), (1, Err("invalid-utf8")), (2, good(""))];
    for bytes in [three(), gzip(&three()), zstd(&three())] {
        assert_eq!(texts(&bytes), expected);
    }
    assert_eq!(texts(&shard_of(CONFIG, &[])), []);
    let wanted =
        fields("text", &["id", "meta.url", "meta.tags", "meta", "score", "blob", "tokens"]);
    let rows = rows(Format::Mds, &wanted, &three(), Part::Whole);
    let shown: Vec<_> =
        rows[0].metadata.iter().map(|value| value.as_deref().unwrap_or("-")).collect();
    let meta = r#"{"tags":[1,2],"url":"u"}"#;
    assert_eq!(shown, ["-7", "u", "[1,2]", meta, "0.1", "b", "-"]);
    assert_eq!(rows[0].id.as_deref(), Some("-7"));
    assert_eq!(rows[2].metadata[1..4], [None, None, Some("only".to_owned())]);
}

#[test]
fn texts_may_be_bytes_or_json_but_no_numbers() {
    let read = |field: &str| {
        let rows = rows(Format::Mds, &fields(field, &[]), &three(), Part::Whole);
        rows.into_iter().map(|row| row.text).collect::<Vec<_>>()
    };
    assert_eq!(read("blob"), [good("b"), Err("invalid-utf8"), good("")]);
    assert_eq!(read("meta"), [Err("text-not-a-string"), Err("missing-text"), good("only")]);
    assert_eq!(read("meta.url"), [good("u"), Err("missing-text"), Err("missing-text")]);
    assert_eq!(read("id"), vec![Err("text-not-a-string"); 3]);
    assert_eq!(read("tokens"), vec![Err("text-not-a-string"); 3]);
    assert_eq!(read("no"), vec![Err("missing-text"); 3]);
}

#[test]
fn a_sample_that_does_not_add_up_fails_alone() {
    let mut bytes = three();
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    bytes[first] = 200;
    assert_eq!(texts(&bytes)[0], (0, Err("corrupt")));
    assert_eq!(texts(&bytes)[2], (2, good("")));
}

#[test]
fn what_is_cut_off_is_one_failed_row() {
    let whole = three();
    let mut seen = Vec::new();
    for cut in 0..whole.len() {
        let rows = texts(&whole[..cut]);
        let (at, last) = rows.last().unwrap();
        assert_eq!((*at + 1, last), (rows.len() as u64, &Err("truncated")), "cut at {cut}");
        seen.push(rows.len());
    }
    assert!(seen.is_sorted() && seen.last() == Some(&3));
    let packed = gzip(&whole);
    assert_eq!(texts(&packed[..packed.len() - 2]).last(), Some(&(3, Err("truncated"))));
    let longer = [&whole[..], b"more"].concat();
    assert_eq!(texts(&longer).last(), Some(&(3, Err("corrupt"))));
}

#[test]
fn headers_that_contradict_themselves_are_one_failed_row() {
    let whole = three();
    let mut unordered = whole.clone();
    unordered[8..12].fill(0);
    let mut many = whole.clone();
    many[..4].fill(0xff);
    let config = CONFIG.replace("null, 8", "8");
    for bytes in [unordered, many, shard_of(&config, &[]), shard_of("{}", &[])] {
        assert_eq!(texts(&bytes), [(0, Err("corrupt"))]);
    }
    assert_eq!(texts(b""), [(0, Err("truncated"))]);
}

#[test]
fn no_flipped_byte_panics_or_makes_up_rows() {
    let whole = three();
    for index in 0..whole.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[index] ^= mask;
            assert!((1..=4).contains(&texts(&bytes).len()), "byte {index}");
        }
    }
}

#[test]
fn a_sample_too_long_is_not_held() {
    let long = "x".repeat(2 << 20);
    let samples = [long.as_str(), "b"].map(|text| sample(b"", 0, "1", 0.0, text.as_bytes()));
    let (_folder, store, piece) = file(&shard_of(CONFIG, &samples), Part::Whole);
    let mut reader = MdsReader::open(&store, &fields("text", &[]), &piece).unwrap();
    reader.max_bytes = 1000;
    let texts: Vec<_> = drain(&mut reader, 0).into_iter().map(|row| row.text).collect();
    assert_eq!(texts, [Err("too-large"), good("b")]);
}

/// Rows of a shard beside an index with these facts.
fn beside_index(shard: &[u8], facts: &str) -> Vec<(u64, Result<String, &'static str>)> {
    let (folder, store, piece) = file(shard, Part::Whole);
    let index = format!(r#"{{"version": 2, "shards": [{{"format": "mds", {facts}}}]}}"#);
    std::fs::write(folder.path().join("index.json"), index).unwrap();
    let mut reader = MdsReader::open(&store, &fields("text", &[]), &piece).unwrap();
    assert_eq!(reader.records(), 0);
    drain(&mut reader, 0).into_iter().map(|row| (row.position.offset, row.text)).collect()
}

#[test]
fn a_shard_must_be_as_its_index_says() {
    let bytes = three();
    let size = bytes.len();
    let sha1 = {
        use sha1::{Digest, Sha1};
        format!("{:x}", Sha1::digest(&bytes))
    };
    let xxh64 = format!("{:016x}", xxhash_rust::xxh64::xxh64(&bytes, 0));
    let raw = |bytes: usize, samples: u64, hashes: &str| {
        format!(
            r#""samples": {samples}, "zip_data": null,
            "raw_data": {{"basename": "file", "bytes": {bytes}, "hashes": {{{hashes}}}}}"#
        )
    };
    let both = format!(r#""sha1": "{sha1}", "xxh64": "{xxh64}", "sha3_512": "unknown here""#);
    for good in [raw(size, 3, ""), raw(size, 3, &both)] {
        assert_eq!(beside_index(&bytes, &good), texts(&bytes));
    }
    let other = format!(r#""sha1": "{}""#, sha1.replace(&sha1[..1], "g"));
    for wrong in [raw(size + 1, 3, ""), raw(size, 4, ""), raw(size, 3, &other)] {
        assert_eq!(beside_index(&bytes, &wrong), [(0, Err("corrupt"))]);
    }
    // Of a compressed shard the stored bytes are checked.
    let packed = zstd(&bytes);
    let zip = |bytes: usize| {
        format!(
            r#""samples": 3, "raw_data": {{"basename": "raw", "bytes": {size}, "hashes": {{}}}},
            "zip_data": {{"basename": "file", "bytes": {bytes}, "hashes": {{}}}}"#
        )
    };
    assert_eq!(beside_index(&packed, &zip(packed.len())), texts(&bytes));
    assert_eq!(beside_index(&packed, &zip(1)), [(0, Err("corrupt"))]);
}

#[test]
fn an_index_stands_for_its_shards() {
    let (folder, store, _) = file(b"", Part::Whole);
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let index = r#"{"shards": [
        {"format": "mds", "samples": 1, "raw_data": {"basename": "a.mds", "bytes": 1}, "zip_data": null},
        {"format": "mds", "samples": 1, "raw_data": {"basename": "b.mds", "bytes": 1},
         "zip_data": {"basename": "b.mds.zstd", "bytes": 1, "hashes": {}}}]}"#;
    write("x/index.json", index.as_bytes());
    write("x/a.mds", b"1");
    write("index.json", br#"{"text": "a document"}"#);
    let entry = |path: &str| store.entry(path).unwrap();
    let error = shards(&store, &entry("x/index.json")).unwrap_err();
    assert_eq!(error.to_string(), "its shard `b.mds` does not exist");
    write("x/b.mds.zstd", b"1");
    let found = shards(&store, &entry("x/index.json")).unwrap().unwrap();
    let paths: Vec<_> = found.into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, ["x/a.mds", "x/b.mds.zstd"]);
    assert!(shards(&store, &entry("index.json")).unwrap().is_none());
    assert!(shards(&store, &entry("x/a.mds")).unwrap().is_none());
}
