//! The inner loops, in bytes of text per second: `make bench`. Absolute figures depend on the
//! machine and its load; compare lines of one run.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may fail")]

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tamis::config::tokens::{Packing, ShardCompression, ShardFormat};
use tamis::exchange::{Cuts, ExchangeWriter};
use tamis::model::Assets;
use tamis::model::fasttext::Scratch;
use tamis::ops::{BuildContext, Columns, Op, find};
use tamis::read::{BatchBuilder, Fields, Format, Part, Piece};
use tamis::store::Store;
use tamis::text::{Analysis, WordKind, shingles};
use tamis::tokens::Encoder;
use tamis::tokens::encode::Form;
use tamis::tokens::format::{self, ShardLayout};
use tokenizers::pipeline::PipelineToken;

use self::bands::Bands;
use self::signature::Permutations;

// Inner parts of minhash-dedup, which the library does not show.
#[allow(dead_code, unused_imports, reason = "not all of it is measured")]
#[path = "../src/ops/minhash_dedup/bands.rs"]
mod bands;
#[allow(dead_code, unused_imports, reason = "not all of it is measured")]
#[path = "../src/ops/minhash_dedup/signature.rs"]
mod signature;

fn main() {
    divan::main();
}

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples");

/// All documents of a plain JSONL file in one batch: the web documents of data-samples, or what
/// `TAMIS_BENCH` names.
fn batch() -> tamis::document::Batch {
    let file = std::env::var("TAMIS_BENCH").unwrap_or(format!("{SAMPLES}/web/part-2.jsonl"));
    let (folder, file) = file.rsplit_once('/').unwrap();
    let store = Store::open_existing(folder).unwrap();
    let file = file.to_owned();
    let size = store.entry(&file).unwrap().size;
    let fields = Fields {
        conversation: None,
        text: "text".into(),
        id: "id".into(),
        keep_ids: false,
        metadata: vec!["url".into()],
        layout: tamis::read::Layout::default(),
    };
    let piece = Piece { file, size, part: Part::Whole };
    let mut builder = BatchBuilder::new("web", 1, usize::MAX, None);
    let mut reader = tamis::read::open(&store, Format::Jsonl, &fields, &piece).unwrap();
    while reader.fill(&mut builder).unwrap() {}
    builder.take()
}

fn bytes(batch: &tamis::document::Batch) -> BytesCount {
    BytesCount::new(batch.text_bytes())
}

#[divan::bench]
fn read_jsonl(bencher: Bencher) {
    bencher.counter(bytes(&batch())).bench(batch);
}

#[divan::bench]
fn xxh3_128(bencher: Bencher) {
    let batch = batch();
    bencher.counter(bytes(&batch)).bench(|| {
        (0..batch.len())
            .fold(0, |sum, row| sum ^ xxhash_rust::xxh3::xxh3_128(batch.text(row).as_bytes()))
    });
}

#[divan::bench(args = ["unicode", "whitespace", "dictionary", "spacy-en"])]
fn words(bencher: Bencher, kind: &str) {
    let batch = batch();
    let kind: WordKind = serde_json::from_value(kind.into()).unwrap();
    bencher.counter(bytes(&batch)).bench(|| {
        (0..batch.len())
            .map(|row| Analysis::default().words(batch.text(row), kind).len())
            .sum::<usize>()
    });
}

/// Shingles of words that are split already, or of characters.
#[divan::bench(args = ["words", "chars"])]
fn shingles_of(bencher: Bencher, unit: &str) {
    let batch = batch();
    let analyses: Vec<Analysis> = (0..batch.len()).map(|_| Analysis::default()).collect();
    let split = |row: usize| analyses[row].words(batch.text(row), WordKind::Unicode);
    (0..batch.len()).for_each(|row| _ = split(row));
    let (mut scratch, mut found) = (shingles::Scratch::default(), Vec::new());
    bencher.counter(bytes(&batch)).bench_local(|| {
        for row in 0..batch.len() {
            let text = batch.text(row);
            match unit {
                "words" => shingles::of_words(text, split(row), 5, &mut scratch, &mut found),
                _ => shingles::of_chars(text, 24, &mut scratch, &mut found),
            }
            black_box(&found);
        }
    });
}

/// Signatures of shingles that are there, by the bytes of their texts.
#[divan::bench(args = [96, 112, 286])]
fn signatures(bencher: Bencher, hashes: usize) {
    let batch = batch();
    let mut scratch = shingles::Scratch::default();
    let all: Vec<Vec<u32>> = (0..batch.len())
        .map(|row| {
            let (text, analysis, mut found) = (batch.text(row), Analysis::default(), Vec::new());
            let words = analysis.words(text, WordKind::Unicode);
            shingles::of_words(text, words, 5, &mut scratch, &mut found);
            found
        })
        .collect();
    let (permutations, mut signature) = (Permutations::new(hashes), Vec::new());
    bencher.counter(bytes(&batch)).bench_local(|| {
        for shingles in &all {
            permutations.sign(shingles, &mut signature);
            black_box(&signature);
        }
    });
}

/// From texts to the keys of all bands.
#[divan::bench(args = [(16, 6), (14, 8), (26, 11)])]
fn minhash_keys(bencher: Bencher, (bands, rows): (usize, usize)) {
    let batch = batch();
    let cut = Bands { bands, rows };
    let permutations = Permutations::new(cut.hashes());
    let (mut scratch, mut found) = (shingles::Scratch::default(), Vec::new());
    let mut signature = Vec::new();
    bencher.counter(bytes(&batch)).bench_local(|| {
        (0..batch.len()).fold(0, |keys, row| {
            let (text, analysis) = (batch.text(row), Analysis::default());
            let words = analysis.words(text, WordKind::Unicode);
            shingles::of_words(text, words, 5, &mut scratch, &mut found);
            permutations.sign(&found, &mut signature);
            cut.keys(&signature).fold(keys, |keys, key| keys ^ key)
        })
    });
}

/// An op as it is in a pipeline, words and all, alone or behind others.
fn chain(bencher: Bencher, ops: &[(&str, serde_json::Value)]) {
    let (assets, columns) = (Assets::default(), Columns::default());
    let ops: Vec<_> = ops
        .iter()
        .map(|(name, settings)| {
            let entry = find(name).unwrap();
            let settings = (entry.from_json)(settings.clone()).unwrap();
            let context =
                BuildContext { assets: &assets, columns: &columns, seed: 1, sources: &[] };
            let Op::Document(op) = settings.build(&context).unwrap() else {
                panic!("{name} is no document op")
            };
            (entry, op)
        })
        .collect();
    bencher.counter(bytes(&batch())).with_inputs(batch).bench_local_refs(|batch| {
        let rows: Vec<usize> = (0..batch.len()).collect();
        for (entry, op) in &ops {
            let mut signals: Vec<_> = entry
                .signals
                .iter()
                .map(|signal| tamis::document::SignalColumn::new(signal.kind, batch.len()))
                .collect();
            black_box(op.run(batch, &rows, Some(0), &mut signals));
        }
    });
}

#[divan::bench(args = ["tamis", "datatrove", "dclm"])]
fn gopher_repetition(bencher: Bencher, dialect: &str) {
    chain(bencher, &[("gopher-repetition", serde_json::json!({"dialect": dialect}))]);
}

#[divan::bench(args = ["tamis", "datatrove", "dclm"])]
fn gopher_quality(bencher: Bencher, dialect: &str) {
    chain(bencher, &[("gopher-quality", serde_json::json!({"dialect": dialect}))]);
}

#[divan::bench(args = ["tamis", "datatrove"])]
fn fineweb_quality(bencher: Bencher, dialect: &str) {
    chain(bencher, &[("fineweb-quality", serde_json::json!({"dialect": dialect}))]);
}

/// Words are split once for all three.
#[divan::bench(args = ["tamis", "datatrove"])]
fn gopher_and_fineweb(bencher: Bencher, dialect: &str) {
    let settings = serde_json::json!({"dialect": dialect});
    let ops = ["gopher-repetition", "gopher-quality", "fineweb-quality"];
    chain(bencher, &ops.map(|op| (op, settings.clone())));
}

#[divan::bench(args = ["tamis", "datatrove", "dclm"])]
fn c4_quality(bencher: Bencher, dialect: &str) {
    chain(bencher, &[("c4-quality", serde_json::json!({"dialect": dialect}))]);
}

#[divan::bench(args = ["tamis", "dclm"])]
fn line_modify(bencher: Bencher, dialect: &str) {
    chain(bencher, &[("line-modify", serde_json::json!({"dialect": dialect}))]);
}

#[divan::bench]
fn line_filter(bencher: Bencher) {
    let settings = serde_json::json!({"min_words": 3, "phrases": ["read more", "sign in"]});
    chain(bencher, &[("line-filter", settings)]);
}

#[divan::bench(args = ["c4-paragraph", "c4-badwords", "ngram-repetition", "normalize", "boilerplate-lines"])]
fn op(bencher: Bencher, op: &str) {
    chain(bencher, &[(op, serde_json::json!({}))]);
}

/// Ops that need no words, and those of which words are split for them alone.
#[divan::bench(args = ["length", "stop-words", "symbol-ratio", "compression-ratio", "fix-text"])]
fn character_op(bencher: Bencher, op: &str) {
    let settings = match op {
        "symbol-ratio" => serde_json::json!({"per": "chars", "max_digits": 0.3}),
        _ => serde_json::json!({}),
    };
    chain(bencher, &[(op, settings)]);
}

/// Signals by SQL, a column an expression; polars runs once a batch.
#[divan::bench]
fn set_two_columns(bencher: Bencher) {
    let (assets, columns) =
        (Assets::default(), Columns { metadata: vec!["url".into()], signals: Vec::new() });
    let settings = serde_json::json!({"columns": {"a": "LENGTH(url) / 2", "b": "url LIKE '%x%'"}});
    let settings = (find("set").unwrap().from_json)(settings).unwrap();
    let context = BuildContext { assets: &assets, columns: &columns, seed: 1, sources: &[] };
    let Op::Partition(op) = settings.build(&context).unwrap() else { panic!("set has columns") };
    let kinds = settings.signals(&columns).unwrap();
    let batch = batch();
    let rows: Vec<usize> = (0..batch.len()).collect();
    bencher.counter(ItemsCount::new(batch.len())).bench_local(|| {
        let mut signals: Vec<_> = kinds
            .iter()
            .map(|(_, kind)| tamis::document::SignalColumn::new(*kind, batch.len()))
            .collect();
        op.partition(&batch, &rows, &mut signals).unwrap().len()
    });
}

/// Addresses against a million domains and all kinds of word lists.
#[divan::bench]
#[expect(clippy::disallowed_methods, reason = "the list is made here")]
fn url_filter(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let domains = folder.path().join("domains");
    let lines: Vec<String> = (0..1_000_000).map(|n| format!("host-{n}.example\n")).collect();
    std::fs::write(&domains, lines.concat()).unwrap();
    let list = |name: &str| format!("{SAMPLES}/lists/{name}");
    let settings = serde_json::json!({
        "domains": [domains],
        "urls": [list("ut1/urls")],
        "words": [list("words.txt")],
        "soft_words": [list("soft-words.txt")],
        "substrings": [list("substrings.txt")],
    });
    let batch = batch();
    let (assets, columns) = (Assets::default(), Columns::default());
    let settings = (find("url-filter").unwrap().from_json)(settings).unwrap();
    let context = BuildContext { assets: &assets, columns: &columns, seed: 1, sources: &[] };
    let Op::Document(op) = settings.build(&context).unwrap() else { panic!("a document op") };
    let kinds = settings.signals(&columns).unwrap();
    let rows: Vec<usize> = (0..batch.len()).collect();
    bencher.counter(ItemsCount::new(batch.len())).bench_local(|| {
        let mut signals: Vec<_> = kinds
            .iter()
            .map(|(_, kind)| tamis::document::SignalColumn::new(*kind, batch.len()))
            .collect();
        op.run(&batch, &rows, Some(0), &mut signals).decisions.len()
    });
}

/// Words are split once for all three.
#[divan::bench]
fn language_lid176(bencher: Bencher) {
    let model =
        Assets::default().fasttext(format!("{SAMPLES}/models/lid.176.ftz").as_ref()).unwrap();
    let batch = batch();
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    bencher.counter(bytes(&batch)).bench_local(|| {
        for row in 0..batch.len() {
            found.clear();
            model.predict_into(black_box(batch.text(row)), 1, 0.0, &mut scratch, &mut found);
        }
        found.len()
    });
}

/// The encoder alone, to hold the next one against.
#[divan::bench]
fn encode_gpt2_bare(bencher: Bencher) {
    let tokenizer =
        Assets::default().tokenizer(format!("{SAMPLES}/tokenizers/gpt2.json").as_ref()).unwrap();
    let batch = batch();
    let mut ids: Vec<PipelineToken> = Vec::new();
    bencher.counter(bytes(&batch)).bench_local(|| {
        for row in 0..batch.len() {
            ids.clear();
            tokenizer.encode_into(black_box(batch.text(row)), &mut ids).unwrap();
        }
        ids.len()
    });
}

#[divan::bench]
fn encode_gpt2_to_shard_bytes(bencher: Bencher) {
    let tokenizer =
        Assets::default().tokenizer(format!("{SAMPLES}/tokenizers/gpt2.json").as_ref()).unwrap();
    let batch = batch();
    let layout = ShardLayout {
        format: ShardFormat::Megatron,
        width: format::width(ShardFormat::Megatron, tokenizer.vocab_size()),
        vocab_size: tokenizer.vocab_size(),
        end_of_document: 50_256,
        sequence_length: 1024,
        packing: Packing::Documents,
        compression: ShardCompression::Auto,
        masked: false,
    };
    let encoder = Encoder::new(tokenizer, &Form::default(), &layout, &[], &[], 17).unwrap();
    bencher.counter(bytes(&batch)).bench(|| encoder.encode(0, &batch).unwrap());
}

/// A page of a newspaper with some of everything, 200 times its text.
fn page() -> String {
    let page = include_str!("../src/ops/extract_html/page.html");
    let (head, tail) = page.split_once("<div class=\"story-body\">").unwrap();
    let (story, tail) = tail.split_once("<section").unwrap();
    format!("{head}<div class=\"story-body\">{}<section{tail}", story.repeat(200))
}

#[divan::bench]
fn html_to_tree(bencher: Bencher) {
    let page = page();
    let parse = || tamis::extract::dom::parse(black_box(&page), tamis::extract::Budget::default());
    bencher.counter(BytesCount::of_str(page.as_str())).bench(parse);
}

#[divan::bench]
fn html_to_main_text(bencher: Bencher) {
    let page = page();
    let options = tamis::extract::Options::default();
    let mut text = String::new();
    bencher.counter(BytesCount::of_str(page.as_str())).bench_local(|| {
        text.clear();
        tamis::extract::extract(black_box(&page), None, &options, &mut text)
    });
}

/// A million dedup keys through the exchange: sort, write, in memory and in runs.
#[divan::bench(args = [64 << 20, 4 << 20], sample_count = 5)]
fn exchange_keys(bencher: Bencher, budget: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    bencher.counter(BytesCount::new(24usize << 20)).bench(|| {
        let mut writer =
            ExchangeWriter::new(&store, "keys".to_owned(), Cuts::Even { parts: 8 }, budget);
        for number in 0u128..1 << 20 {
            let mut key = [0; 24];
            key[..16]
                .copy_from_slice(&xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes()).to_be_bytes());
            key[16..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
            writer.push(key, &[]).unwrap();
        }
        writer.finish().unwrap()
    });
}
