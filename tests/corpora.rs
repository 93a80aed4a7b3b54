//! Published corpora, one record or more of each in its documented form, read without glue; and the
//! keys of a source.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;

use crate::support::{Lab, fail, root, succeed, table, texts};

/// What is kept of a document: `source_id`, text and metadata, those that are not null.
type Kept = BTreeMap<String, String>;

/// Runs a pipeline of these sources; gives its documents in order.
fn run(lab: &Lab, sources: &str) -> Vec<Kept> {
    let pipeline = lab.write("pipeline.toml", format!("name = \"corpora\"\n{sources}"));
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out, "--fresh"]);
    documents(&lab.path("out/documents"))
}

fn documents(folder: &Path) -> Vec<Kept> {
    let batches = table(folder);
    let schema = batches[0].schema();
    let mut rows: Vec<Kept> = Vec::new();
    for field in schema.fields().iter().filter(|field| field.name() != "id") {
        for (row, value) in texts(&batches, field.name()).into_iter().enumerate() {
            rows.resize_with(rows.len().max(row + 1), Kept::new);
            if let Some(value) = value {
                rows[row].insert(field.name().clone(), value);
            }
        }
    }
    rows
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

fn text(value: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn number(value: f64) -> ArrayRef {
    Arc::new(Float64Array::from(vec![value]))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = batch(columns);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Reads one file as a corpus; gives its documents without the name of the source.
fn corpus(name: &str, file: &str, bytes: &[u8]) -> Vec<Kept> {
    let lab = Lab::new();
    lab.write(file, bytes);
    let source = format!("[[source]]\nname = \"s\"\npath = {file:?}\ncorpus = {name:?}\n");
    let mut documents = run(&lab, &source);
    for document in &mut documents {
        assert_eq!(document.remove("source").as_deref(), Some("s"));
    }
    documents
}

fn kept(pairs: &[(&str, &str)]) -> Kept {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn fineweb() {
    let bytes = parquet(vec![
        ("text", text("A page.")),
        ("id", text("<urn:uuid:0d8a309d-25c5-405d-a08a-c11239f0d717>")),
        ("dump", text("CC-MAIN-2013-20")),
        ("url", text("http://example.org/")),
        ("date", text("2013-05-18T05:48:54Z")),
        ("file_path", text("s3://commoncrawl/long-path.../file.gz")),
        ("language", text("en")),
        ("language_score", number(0.5)),
        ("token_count", Arc::new(Int64Array::from(vec![717]))),
    ]);
    let expected = kept(&[
        ("text", "A page."),
        ("source_id", "<urn:uuid:0d8a309d-25c5-405d-a08a-c11239f0d717>"),
        ("url", "http://example.org/"),
        ("date", "2013-05-18T05:48:54Z"),
        ("dump", "CC-MAIN-2013-20"),
        ("language", "en"),
        ("language_score", "0.5"),
    ]);
    assert_eq!(corpus("fineweb", "000_00000.parquet", &bytes), [expected]);
}

#[test]
fn dolma() {
    let line = r#"{"id": "7f3", "text": "A paper.", "source": "s2", "added": "2023-04-13T12:00:00.000Z",
        "created": "2001-02-03T00:00:00.000Z", "metadata": {"url": "http://a.b/c", "length": 7}}"#;
    let expected = kept(&[
        ("text", "A paper."),
        ("source_id", "7f3"),
        ("url", "http://a.b/c"),
        ("date", "2001-02-03T00:00:00.000Z"),
        ("subset", "s2"),
    ]);
    let bytes = gzip(&line.replace('\n', ""));
    assert_eq!(corpus("dolma", "c4-0000.json.gz", &bytes), [expected]);
}

#[test]
fn dclm() {
    let line = r#"{"bff_contained_ngram_count_before_dedupe": 18, "language_id_whole_page_fasttext": {"en": 0.9},
        "metadata": {"Content-Length": "95", "Content-Type": "application/http; msgtype=response",
        "WARC-Date": "2018-01-16T20:20:17Z", "WARC-Record-ID": "<urn:uuid:1>", "WARC-Target-URI": "http://a.b/"},
        "previous_word_count": 5, "text": "A page.", "url": "http://a.b/", "warcinfo": "robots: classic\r\n",
        "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": 0.018}"#;
    let expected = kept(&[
        ("text", "A page."),
        ("source_id", "<urn:uuid:1>"),
        ("url", "http://a.b/"),
        ("date", "2018-01-16T20:20:17Z"),
        ("language_score", "0.9"),
        ("quality", "0.018"),
    ]);
    let bytes = zstd(&line.replace('\n', ""));
    assert_eq!(corpus("dclm", "shard_00000000_processed.jsonl.zst", &bytes), [expected]);
}

#[test]
fn redpajama_v2() {
    let line = r#"{"url": "http://a.b/c", "date_download": "2023-01-30T22:35:30Z", "digest": "sha1:QQ",
        "length": 7, "nlines": 1, "source_domain": "a.b", "title": "T", "raw_content": "A page.",
        "cc_segment": "crawl-data/x", "original_nlines": 9, "original_length": 99, "line_ids": [3],
        "language": "en", "language_score": 0.9, "perplexity": 375.2, "bucket": "middle"}"#;
    let expected = kept(&[
        ("text", "A page."),
        ("source_id", "sha1:QQ"),
        ("url", "http://a.b/c"),
        ("date", "2023-01-30T22:35:30Z"),
        ("language", "en"),
        ("language_score", "0.9"),
        ("perplexity", "375.2"),
        ("title", "T"),
    ]);
    let bytes = gzip(&line.replace('\n', ""));
    assert_eq!(corpus("redpajama-v2", "en_middle.json.gz", &bytes), [expected]);
}

#[test]
fn oscar() {
    let line = r#"{"content": "Une page.", "warc_headers": {"warc-record-id": "<urn:uuid:2>",
        "warc-date": "2022-11-26T09:45:47Z", "content-type": "text/plain", "content-length": 9,
        "warc-type": "conversion", "warc-identified-content-language": "fra", "warc-refers-to": "<urn:uuid:3>",
        "warc-target-uri": "https://a.b/", "warc-block-digest": "sha1:X"},
        "metadata": {"identification": {"label": "fr", "prob": 0.8938}, "harmful_pp": 4063.1, "tlsh": "T1",
        "quality_warnings": ["short_sentences"], "categories": null, "sentence_identifications": [null]}}"#;
    let expected = kept(&[
        ("text", "Une page."),
        ("source_id", "<urn:uuid:2>"),
        ("url", "https://a.b/"),
        ("date", "2022-11-26T09:45:47Z"),
        ("language", "fr"),
        ("language_score", "0.8938"),
    ]);
    let bytes = zstd(&line.replace('\n', ""));
    assert_eq!(corpus("oscar", "fr_meta_part_1.jsonl.zst", &bytes), [expected]);
}

#[test]
fn corpora_of_few_fields() {
    let pile = r#"{"text": "A case.", "meta": {"pile_set_name": "FreeLaw"}}"#;
    let expected = kept(&[("text", "A case."), ("subset", "FreeLaw")]);
    assert_eq!(corpus("pile", "00.jsonl.zst", &zstd(pile)), [expected]);

    let slim = r#"{"text": "A book.", "meta": {"redpajama_set_name": "RedPajamaBook"}}"#;
    let expected = kept(&[("text", "A book."), ("subset", "RedPajamaBook")]);
    assert_eq!(corpus("slimpajama", "example_train_0.jsonl.zst", &zstd(slim)), [expected]);

    let c4 = r#"{"text": "A page.", "timestamp": "2019-04-25T12:57:54Z", "url": "https://a.b/"}"#;
    let page = [("text", "A page."), ("url", "https://a.b/"), ("date", "2019-04-25T12:57:54Z")];
    for file in ["c4-train.00000-of-01024.json.gz", "c4-af.tfrecord-00000.json.gz"] {
        assert_eq!(corpus("c4", file, &gzip(c4)), [kept(&page)]);
    }
    let columns = vec![
        ("text", text("A page.")),
        ("timestamp", text("2019-04-25T12:57:54Z")),
        ("url", text("https://a.b/")),
        ("source", text("mC4")),
    ];
    let mut expected = kept(&page);
    expected.insert("subset".to_owned(), "mC4".to_owned());
    assert_eq!(corpus("culturax", "vi_part_00000.parquet", &parquet(columns)), [expected]);

    let columns = vec![
        ("content", text("A page.")),
        ("url", text("https://a.b/")),
        ("timestamp", text("2019-04-25T12:57:54Z")),
        ("dump", text("CC-MAIN-2019-18")),
        ("segment", text("1")),
    ];
    let mut expected = kept(&page);
    expected.insert("dump".to_owned(), "CC-MAIN-2019-18".to_owned());
    assert_eq!(corpus("refinedweb", "train-00000.parquet", &parquet(columns)), [expected]);

    let columns = vec![
        ("id", text("12")),
        ("url", text("https://en.wikipedia.org/wiki/A")),
        ("title", text("A")),
        ("text", text("A is.")),
    ];
    let expected = kept(&[
        ("text", "A is."),
        ("source_id", "12"),
        ("url", "https://en.wikipedia.org/wiki/A"),
        ("title", "A"),
    ]);
    assert_eq!(corpus("wikipedia", "train-00000-of-00041.parquet", &parquet(columns)), [expected]);
}

#[test]
fn code() {
    let columns = vec![
        ("max_stars_repo_path", text("src/a.rs")),
        ("max_stars_repo_name", text("o/r")),
        ("max_stars_count", Arc::new(Int64Array::from(vec![3])) as ArrayRef),
        ("id", text("77")),
        ("content", text("fn main() {}\n")),
    ];
    let file = [("text", "fn main() {}\n"), ("repository", "o/r"), ("path", "src/a.rs")];
    let mut expected = kept(&file);
    expected.insert("source_id".to_owned(), "77".to_owned());
    assert_eq!(corpus("starcoder", "train-00000.parquet", &parquet(columns)), [expected]);

    let licences = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let columns = vec![
        ("hexsha", text("ab12")),
        ("size", number(13.0)),
        ("ext", text("rs")),
        ("lang", text("Rust")),
        ("max_stars_repo_path", text("src/a.rs")),
        ("max_stars_repo_name", text("o/r")),
        ("max_stars_repo_licenses", Arc::new(licences)),
        ("content", text("fn main() {}\n")),
    ];
    let mut expected = kept(&file);
    expected.extend(kept(&[("source_id", "ab12"), ("language", "Rust"), ("license", "[1]")]));
    assert_eq!(corpus("stack", "data-00000.parquet", &parquet(columns)), [expected]);
}

/// A shard of one column of text, as `MDSWriter` lays it out.
fn mds(texts: &[&str]) -> Vec<u8> {
    let config = r#"{"column_encodings": ["str"], "column_names": ["text"], "column_sizes": [null], "compression": null, "format": "mds", "hashes": [], "size_limit": 67108864, "version": 2}"#;
    let wide = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut at = 4 + 4 * (texts.len() + 1) + config.len();
    let mut bytes = wide(texts.len()).to_vec();
    bytes.extend(wide(at));
    for text in texts {
        at += 4 + text.len();
        bytes.extend(wide(at));
    }
    bytes.extend(config.as_bytes());
    for text in texts {
        bytes.extend(wide(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

#[test]
fn formats_are_told_by_names_and_contents() {
    let lab = Lab::new();
    let one = batch(vec![("text", text("arrow"))]);
    let mut writer = StreamWriter::try_new(Vec::new(), &one.schema()).unwrap();
    writer.write(&one).unwrap();
    let stream = writer.into_inner().unwrap();
    lab.write("in/a/dataset.arrow", &stream);
    lab.write("in/a/nameless", gzip("{\"text\": \"jsonl\"}\n"));
    lab.write("in/b/page.html.gz", gzip("<p>html"));
    lab.write("in/b/table.tsv", "n\ttext\n1\ttsv, \n");
    let shard = mds(&["mds one", "mds two"]);
    let size = shard.len();
    lab.write("in/c/shard.00000.mds", &shard);
    let index = format!(
        r#"{{"shards": [{{"column_encodings": ["str"], "column_names": ["text"], "column_sizes": [null],
        "compression": null, "format": "mds", "hashes": [], "raw_data": {{"basename": "shard.00000.mds",
        "bytes": {size}, "hashes": {{}}}}, "samples": 2, "size_limit": 67108864, "version": 2,
        "zip_data": null}}], "version": 2}}"#
    );
    lab.write("in/c/index.json", index);
    lab.write("in/d/plain.txt", "text");
    let found = run(&lab, "[[source]]\nname = \"all\"\npath = \"in/**/*\"\n");
    let found: Vec<_> = found.iter().map(|document| document["text"].as_str()).collect();
    // The index stands for its shard, which is read once.
    assert_eq!(found, ["arrow", "jsonl", "<p>html", "tsv, ", "mds one", "mds two", "text"]);
}

/// `datasets.arrow`: a data set of Hugging Face `datasets` 5.2.0 as `save_to_disk` leaves it;
/// `pyarrow-lz4.arrow`: a file of pyarrow 26.0.1 with views, a dictionary and lz4 buffers, its second
/// batch rows 1 and 2 again; `shard.00000.mds.zstd` and `index.json`: `MDSWriter` of
/// mosaicml-streaming 0.13.0 with three kinds of hashes.
#[test]
fn files_of_other_writers() {
    let lab = Lab::new();
    let source = |name: &str, file: &str| {
        let path = root().join("tests/golden/formats").join(file);
        format!(
            "[[source]]\nname = {name:?}\npath = {path:?}\n\
             keep_fields = [{{ name = \"url\", from = \"meta.url\" }}, \"label\", \"score\"]\n"
        )
    };
    let sources = source("hf", "datasets.arrow")
        + &source("lz4", "pyarrow-lz4.arrow")
        + &source("mds", "index.json");
    let found = run(&lab, &sources);
    assert_eq!(found.len(), 5 + 7 + 8);
    let labels = [Some("en"), Some("fr"), Some("en"), None, Some("en"), Some("fr"), Some("en")];
    for (number, document) in found.iter().enumerate() {
        let (within, text) = match number {
            0..5 => (number, format!("text {number} é")),
            5..10 => (number - 5, format!("text {} é, longer than a view holds", number - 5)),
            10..12 => (number - 9, format!("text {} é, longer than a view holds", number - 9)),
            _ => (number - 12, format!("text {} é", number - 12).repeat(number - 11)),
        };
        assert_eq!(document["text"], text);
        assert_eq!(document["url"], format!("http://a.b/{within}"));
        let label = document.get("label").map(String::as_str);
        if number < 12 {
            assert_eq!(label, labels[if number < 5 { number } else { number - 5 }]);
        } else {
            assert_eq!(document["source_id"], within.to_string());
            assert_eq!(
                document["score"],
                ["0", "0.25", "0.5", "0.75", "1", "1.25", "1.5", "1.75"][within]
            );
        }
    }
}

#[test]
fn keys_of_a_source() {
    let lab = Lab::new();
    lab.write("lines.txt", "one\n\ntwo\n");
    lab.write("parts.txt", "three\nfour<|end|>\nfive");
    lab.write("bare.csv", "u1;'a;b'\nu2;c\n");
    lab.write("a.jsonl", r#"{"text": "six", "meta": {"url": "u3", "n": 1}, "lang": "en"}"#);
    let found = run(
        &lab,
        r#"
[[source]]
name = "lines"
path = "lines.txt"
documents = "line"

[[source]]
name = "parts"
path = "parts.txt"
documents = { separator = "<|end|>" }

[[source]]
name = "bare"
path = "bare.csv"
delimiter = ";"
quote = "single"
columns = ["url", "text"]

[[source]]
name = "renamed"
path = "a.jsonl"
keep_fields = [{ name = "url", from = "meta.url" }, "lang", "meta.n"]
"#,
    );
    let all = [
        kept(&[("source", "lines"), ("text", "one")]),
        kept(&[("source", "lines"), ("text", "two")]),
        kept(&[("source", "parts"), ("text", "three\nfour")]),
        kept(&[("source", "parts"), ("text", "\nfive")]),
        kept(&[("source", "bare"), ("url", "u1"), ("text", "a;b")]),
        kept(&[("source", "bare"), ("url", "u2"), ("text", "c")]),
        kept(&[
            ("source", "renamed"),
            ("url", "u3"),
            ("lang", "en"),
            ("meta.n", "1"),
            ("text", "six"),
        ]),
    ];
    assert_eq!(found, all);
}

#[test]
fn a_corpus_is_where_keep_fields_begin() {
    let lab = Lab::new();
    lab.write(
        "a.jsonl",
        r#"{"id": "1", "text": "t", "source": "s2", "metadata": {"url": "u"}, "n": 2}"#,
    );
    let found = run(
        &lab,
        "[[source]]\nname = \"d\"\npath = \"a.jsonl\"\ncorpus = \"dolma\"\nkeep_fields = [\"url\", \"n\"]\nid_field = \"n\"\n",
    );
    let expected =
        kept(&[("source", "d"), ("source_id", "2"), ("url", "u"), ("n", "2"), ("text", "t")]);
    assert_eq!(found, [expected]);
}

#[test]
fn keys_that_do_not_fit_are_reported_at_their_place() {
    let lab = Lab::new();
    lab.write("a.jsonl", r#"{"text": "t"}"#);
    lab.write("b.csv", "text\nt\n");
    lab.write("c.bin", [0, 1, 2, 3]);
    let cases = [
        ("a.jsonl", "format = \"jsonl\"\ndelimiter = \";\"", "`delimiter` is for CSV"),
        ("a.jsonl", "delimiter = \";\"", "`delimiter` is for CSV, and none of the files is"),
        ("a.jsonl", "documents = \"line\"", "`documents` is for text, and none of the files is"),
        ("b.csv", "delimiter = \"ab\"", "`delimiter` is not one character"),
        ("b.csv", "delimiter = \"'\"\nquote = \"single\"", "`delimiter` is not one character"),
        ("b.csv", "columns = []", "`columns` names none"),
        ("b.csv", "documents = \"word\"", "documents"),
        ("b.csv", "documents = { separator = \"\" }", "the separator is empty"),
        ("a.jsonl", "format = \"text\"\ntext_field = \"body\"", "`text_field` is for records"),
        ("a.jsonl", "format = \"html\"\ncorpus = \"c4\"", "`corpus` is for records"),
        ("a.jsonl", "corpus = \"dolmas\"", "did you mean `dolma`"),
        (
            "a.jsonl",
            "keep_fields = [\"url\", { name = \"url\", from = \"u\" }]",
            "two fields as `url`",
        ),
        (
            "a.jsonl",
            "keep_fields = [{ name = \"url\", form = \"u\" }]",
            "expected a field, or a table",
        ),
        ("c.bin", "", "neither from its name nor from its content"),
    ];
    for (path, keys, expected) in cases {
        let file = format!("name = \"x\"\n[[source]]\nname = \"s\"\npath = {path:?}\n{keys}\n");
        let pipeline = lab.write("bad.toml", file);
        let said = fail(2, &["run", &pipeline, "--out", &lab.text("bad")]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(said.contains(expected), "{keys}: {said}");
        assert!(said.contains("bad.toml:"), "{keys}: {said}");
    }
}
