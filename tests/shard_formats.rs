//! Shards in the readers of the trainers they are for, from PyPI, and against the bytes that the
//! trainers' own writers write.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use tamis::config::tokens::{Packing, ShardCompression, ShardFormat};
use tamis::document::DocumentId;
use tamis::store::Store;
use tamis::tokens::format::{
    self, FinishedShard, Place, ShardLayout, ShardName, TokenDocument, check, create, folder_index,
};

use crate::shards::python;
use crate::support::{Lab, fail, root, sample, succeed};

const END: u32 = 50_256;
/// Tokens of a row.
const LENGTH: u32 = 64;

struct Document {
    tokens: Vec<u32>,
    loss: Option<Vec<u8>>,
}

fn document(tokens: &[u32], loss: Option<&[u8]>) -> Document {
    Document { tokens: tokens.to_vec(), loss: loss.map(<[u8]>::to_vec) }
}

fn layout(format: ShardFormat, packing: Packing, vocab_size: u32, masked: bool) -> ShardLayout {
    ShardLayout {
        format,
        width: format::width(format, vocab_size),
        vocab_size,
        end_of_document: END,
        sequence_length: LENGTH,
        packing,
        compression: ShardCompression::Auto,
        masked,
    }
}

fn write(
    folder: &Path,
    layout: &ShardLayout,
    documents: &[Document],
) -> (FinishedShard, Vec<Place>) {
    let store = Store::open(folder).unwrap();
    let name = ShardName { folder: "tokens".to_owned(), validation: false, number: 0 };
    let mut writer = create(&store, &name, layout).unwrap();
    for (number, document) in (0..).zip(documents) {
        let mut tokens = Vec::new();
        layout.width.append(&document.tokens, &mut tokens);
        let loss = document.loss.as_deref().filter(|_| layout.masked);
        writer.push(&TokenDocument { id: DocumentId(number), tokens: &tokens, loss }).unwrap();
    }
    let finished = writer.finish().unwrap();
    let mut places = Vec::new();
    writer.places(&mut places);
    for (path, bytes) in folder_index(layout, "tokens", false, &[(name, finished.clone())]) {
        store.put(&path, bytes.into()).unwrap();
    }
    (finished, places)
}

/// The documents of `shards_read.py --golden`.
fn golden_documents() -> Vec<Document> {
    vec![
        document(&[1, 2, 3, END], Some(&[0, 0, 1, 1])),
        document(&[7, END], Some(&[0, 1])),
        document(&[END], Some(&[1])),
        document(&[9, 10, 11, 12, 13, END], Some(&[0, 1, 0, 1, 0, 1])),
    ]
}

/// What the real writers wrote (`shards_read.py --golden tests/golden/shards`), byte for byte: this
/// proves the layouts where no Python is.
#[test]
fn files_are_those_of_the_trainers_own_writers() {
    use ShardFormat::{Datatrove, Mds, Megatron, Npy};
    let golden = root().join("tests/golden/shards");
    let (narrow, wide) = (50_257, 100_000);
    let cases: [(ShardLayout, &[(&str, &str)]); 6] = [
        (
            layout(Megatron, Packing::Documents, narrow, true),
            &[
                ("train_00000.bin", "megatron-u16.bin"),
                ("train_00000.idx", "megatron-u16.idx"),
                ("train_00000.loss.bin", "megatron-u16.loss.bin"),
                ("train_00000.loss.idx", "megatron-u16.loss.idx"),
            ],
        ),
        (
            layout(Megatron, Packing::Documents, wide, false),
            &[("train_00000.bin", "megatron-i32.bin"), ("train_00000.idx", "megatron-i32.idx")],
        ),
        (
            layout(Mds, Packing::Documents, narrow, true),
            &[
                ("train/shard.00000.mds", "mds/shard.00000.mds"),
                ("train/index.json", "mds/index.json"),
            ],
        ),
        (
            ShardLayout { sequence_length: 8, ..layout(Mds, Packing::Concatenate, wide, false) },
            &[
                ("train/shard.00000.mds", "mds-rows/shard.00000.mds"),
                ("train/index.json", "mds-rows/index.json"),
            ],
        ),
        (
            layout(Datatrove, Packing::Documents, narrow, true),
            &[
                ("train/train_00000.ds", "datatrove.ds"),
                ("train/train_00000.ds.index", "datatrove.ds.index"),
                ("train/train_00000.ds.loss", "datatrove.ds.loss"),
            ],
        ),
        (
            ShardLayout { sequence_length: 8, ..layout(Npy, Packing::Concatenate, narrow, false) },
            &[
                ("train_00000.npy", "npy-rows.npy"),
                ("doc_ends_train_00000.npy", "npy-rows-ends.npy"),
            ],
        ),
    ];
    for (layout, files) in cases {
        let lab = Lab::new();
        write(lab.folder.path(), &layout, &golden_documents());
        for (ours, theirs) in files {
            let ours = std::fs::read(lab.path("tokens").join(ours)).unwrap();
            let expected = std::fs::read(golden.join(theirs)).unwrap();
            assert!(ours == expected, "{theirs}:\n{ours:02x?}\n{expected:02x?}");
        }
    }
}

/// Formats whose writers are scripts of a few lines: their headers by hand.
#[test]
fn headers_of_plain_formats() {
    let lab = Lab::new();
    for (vocab_size, magic, version) in [(50_257, 20_240_520u32, 1u32), (128_256, 20_240_801, 7)] {
        let layout = layout(ShardFormat::Llmc, Packing::Documents, vocab_size, false);
        write(lab.folder.path(), &layout, &golden_documents());
        let bytes = std::fs::read(lab.path("tokens/train_00000.bin")).unwrap();
        let mut expected: Vec<u8> =
            [magic, version, 13].into_iter().flat_map(u32::to_le_bytes).collect();
        expected.resize(1024, 0);
        let ids = [END, 1, 2, 3, END, 7, END, END, 9, 10, 11, 12, 13];
        layout.width.append(&ids, &mut expected);
        assert_eq!(bytes, expected);
    }
    let layout = layout(ShardFormat::Nanogpt, Packing::Documents, 50_257, false);
    write(lab.folder.path(), &layout, &golden_documents());
    let mut expected = Vec::new();
    let ids = [1, 2, 3, END, 7, END, END, 9, 10, 11, 12, 13, END];
    layout.width.append(&ids, &mut expected);
    assert_eq!(std::fs::read(lab.path("tokens/train_00000.bin")).unwrap(), expected);
}

/// Empty, one token, some, and one far larger than a row or what readers buffer.
fn documents(vocab_size: u32) -> Vec<Document> {
    let lengths = [0, 1, 5, 0, 63, 64, 65, 200_000, 1, 0, 30, 300, 2].into_iter().chain(10..50);
    let mut next = 1u32;
    lengths
        .map(|length| {
            let mut tokens: Vec<u32> = (0..length)
                .map(|_| {
                    next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Never the end-of-document token.
                    let id = next % (vocab_size - 1);
                    if id >= END { id + 1 } else { id }
                })
                .collect();
            tokens.push(END);
            let loss = (length % 3 != 1)
                .then(|| (0..=length).map(|at| u8::from(at % 5 > 1 || at == length)).collect());
            Document { tokens, loss }
        })
        .collect()
}

#[derive(Deserialize)]
struct Sequence {
    tokens: Vec<u32>,
    ends: Option<Vec<u32>>,
    loss: Option<Vec<u8>>,
}

struct Case {
    layout: ShardLayout,
    lab: Lab,
    places: Vec<Place>,
    /// `FORMAT PATH LENGTH` of `shards_read.py`.
    line: String,
}

fn case(layout: ShardLayout) -> Case {
    let lab = Lab::new();
    let (_, places) = write(lab.folder.path(), &layout, &documents(layout.vocab_size));
    let rows = layout.packing != Packing::Documents;
    let wide = if layout.width.bytes() == 4 { ":uint32" } else { "" };
    let (form, path) = match layout.format {
        ShardFormat::Megatron => ("megatron".to_owned(), "train_00000"),
        ShardFormat::Mds => ("mds".to_owned(), "train"),
        ShardFormat::Nanogpt => (format!("nanogpt{wide}"), "train_00000.bin"),
        ShardFormat::Llmc => (format!("llmc{wide}"), "train_00000.bin"),
        ShardFormat::Datatrove => ("datatrove".to_owned(), "train"),
        ShardFormat::Parquet => ("parquet".to_owned(), "train_00000.parquet"),
        ShardFormat::Npy if rows => ("npy".to_owned(), "train_00000.npy"),
        ShardFormat::Npy => (format!("raw-npy{wide}"), "train_00000.npy"),
    };
    let line = format!("{form} {} {LENGTH}", lab.path("tokens").join(path).display());
    Case { layout, lab, places, line }
}

/// Every format, packing and width, with masks and without, in its real reader.
#[test]
fn real_readers_find_the_documents_their_borders_and_masks() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: the real readers of shards need tests/readers/setup.sh to have run");
        return;
    };
    let mut cases = Vec::new();
    for format in [
        ShardFormat::Megatron,
        ShardFormat::Mds,
        ShardFormat::Nanogpt,
        ShardFormat::Llmc,
        ShardFormat::Datatrove,
        ShardFormat::Parquet,
        ShardFormat::Npy,
    ] {
        for packing in [Packing::Documents, Packing::Concatenate, Packing::BestFit] {
            for (vocab_size, masked) in [(50_257, false), (200_000, true), (200_000, false)] {
                let mut layout = layout(format, packing, vocab_size, masked);
                if check(&layout, 1 << 20).is_err() {
                    continue;
                }
                if format == ShardFormat::Mds && masked {
                    layout.compression = ShardCompression::Zstd;
                }
                cases.push(case(layout));
            }
        }
    }
    let lines = cases.iter().fold(String::new(), |mut text, case| {
        let _ = writeln!(text, "{}", case.line);
        text
    });
    for (case, sequences) in cases.iter().zip(real(&python, &lines)) {
        compare(case, &sequences);
    }
}

/// What the real readers say of each line.
fn real(python: &Path, lines: &str) -> Vec<Vec<Sequence>> {
    let mut child = Command::new(python)
        .arg(root().join("tests/readers/shards_read.py"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let found: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), lines.lines().count());
    found
}

fn compare(case: &Case, sequences: &[Sequence]) {
    let Case { layout, places, line, lab } = case;
    assert!(lab.folder.path().exists());
    let documents = documents(layout.vocab_size);
    let mut expected: Vec<Vec<u32>> =
        documents.iter().map(|document| document.tokens.clone()).collect();
    if layout.format == ShardFormat::Llmc {
        for tokens in &mut expected {
            tokens.rotate_right(1);
        }
    }
    let rows = layout.packing != Packing::Documents;
    let whole = [ShardFormat::Megatron, ShardFormat::Mds, ShardFormat::Parquet, ShardFormat::Npy]
        .contains(&layout.format);
    if !rows && whole {
        assert_eq!(sequences.len(), documents.len(), "{line}");
        for (sequence, document) in sequences.iter().zip(&documents) {
            assert!(sequence.tokens == document.tokens, "{line}");
            let all = vec![1; document.tokens.len()];
            let loss = layout.masked.then(|| document.loss.clone().unwrap_or(all));
            assert!(sequence.loss == loss, "{line}");
        }
        return;
    }
    let mut tokens = Vec::new();
    let mut loss = layout.has_masks().then(Vec::new);
    let mut ends = Vec::new();
    for sequence in sequences {
        if rows {
            assert_eq!(sequence.tokens.len(), LENGTH as usize, "{line}");
        }
        let start = tokens.len() as u64;
        ends.extend(sequence.ends.iter().flatten().map(|&end| start + u64::from(end)));
        tokens.extend_from_slice(&sequence.tokens);
        match (&mut loss, &sequence.loss) {
            (Some(loss), Some(mask)) => loss.extend_from_slice(mask),
            (None, None) => {}
            _ => panic!("{line}: masks are there or not"),
        }
    }
    let mut found: BTreeMap<u128, (Vec<u32>, Vec<u8>)> = BTreeMap::new();
    let mut padding = vec![true; tokens.len()];
    // datatrove's reader leaves out what does not fill a window.
    let readable = tokens.len() as u64;
    for place in places.iter().filter(|place| place.offset + place.length <= readable) {
        let range = usize::try_from(place.offset).unwrap()
            ..usize::try_from(place.offset + place.length).unwrap();
        let entry = found.entry(place.id.0).or_default();
        entry.0.extend_from_slice(&tokens[range.clone()]);
        if let Some(loss) = &loss {
            entry.1.extend_from_slice(&loss[range.clone()]);
        }
        padding[range].fill(false);
        let end = place.offset + place.length;
        let borders = rows && layout.format != ShardFormat::Megatron
            || layout.format == ShardFormat::Datatrove;
        // datatrove's reader does not tell whether a document ends where its window does.
        let told =
            layout.format != ShardFormat::Datatrove || !end.is_multiple_of(u64::from(LENGTH));
        if borders && told && end < readable {
            assert!(ends.contains(&end), "{line}: no border at {end}");
        }
    }
    let left_out = places.iter().any(|place| place.offset + place.length > readable);
    assert!(!left_out || layout.format == ShardFormat::Datatrove, "{line}");
    for (number, (document, expected)) in documents.iter().zip(&expected).enumerate() {
        let Some((tokens, mask)) = found.get(&(number as u128)) else {
            assert!(left_out, "{line}: document {number}");
            continue;
        };
        assert!(tokens == expected, "{line}: document {number}");
        if loss.is_some() {
            let all = vec![1; expected.len()];
            let given = document.loss.as_ref().filter(|_| layout.masked).unwrap_or(&all);
            assert!(mask == given, "{line}: mask of document {number}");
        }
    }
    if !left_out {
        for (at, _) in padding.iter().enumerate().filter(|(_, padding)| **padding) {
            assert_eq!(tokens[at], END, "{line}");
            assert!(loss.as_ref().is_none_or(|loss| loss[at] == 0), "{line}: padding is learnt");
        }
    }
}

/// A run, finished.
fn run(lab: &Lab) -> PathBuf {
    let text = format!(
        "name = \"x\"\n[[source]]\nname = \"a\"\npath = [{:?}]\n[tokens]\ntokenizer = {:?}\nvalidation_fraction = 0.1\n",
        sample("web/part-2.jsonl"),
        sample("tokenizers/gpt2.json")
    );
    let pipeline = lab.write("p.toml", text);
    succeed(&["run", &pipeline, "--out", &lab.text("out")]);
    lab.path("out")
}

#[test]
fn verify_finds_what_was_changed_and_what_is_missing() {
    let lab = Lab::new();
    let run = run(&lab);
    let path = run.display().to_string();
    let verified = || -> serde_json::Value {
        serde_json::from_str(&succeed(&["verify", &path, "--format", "json"])).unwrap()
    };
    let good = verified();
    assert_eq!(good["problems"].as_array().unwrap().len(), 0, "{good}");
    assert!(good["sampled"].as_u64().unwrap() > 10, "{good}");
    assert!(good["shards"].as_u64().unwrap() == 2 && good["pending"] == 0, "{good}");
    assert!(good["tokens"].as_u64().unwrap() > 10_000 && good["padding"] == 0, "{good}");

    let shard = run.join("tokens/train_00000.bin");
    let bytes = std::fs::read(&shard).unwrap();
    let mut bad = bytes.clone();
    bad[100] ^= 1;
    std::fs::write(&shard, &bad).unwrap();
    let told = fail(65, &["verify", &path]);
    assert!(told.contains("1 things are wrong"), "{told}");
    std::fs::write(&shard, &bytes[..bytes.len() - 2]).unwrap();
    fail(65, &["verify", &path]);
    std::fs::remove_file(&shard).unwrap();
    fail(65, &["verify", &path]);
    std::fs::write(&shard, &bytes).unwrap();
    assert_eq!(verified(), good);

    // A tokenizer that is another one now: the files are whole, the tokens are not of the texts.
    let manifest = std::fs::read_dir(run.join("manifests")).unwrap().count();
    assert!(manifest > 0);
    fail(65, &["verify", &lab.text("nothing")]);
}

#[test]
fn shards_are_looked_into() {
    let lab = Lab::new();
    let run = run(&lab);
    let path = run.display().to_string();
    let stat = succeed(&["shards", "stat", &path, "--format", "json"]);
    let stat: Vec<serde_json::Value> =
        stat.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stat.len(), 2, "{stat:?}");
    assert_eq!((&stat[0]["format"], &stat[0]["dtype"]), (&"megatron".into(), &"uint16".into()));
    let shard = run.join("tokens/train_00000").display().to_string();
    let text = succeed(&["shards", "decode", &shard, "-n", "1"]);
    assert!(text.trim_end().ends_with("<|endoftext|>"), "{text}");
    let ids = succeed(&["shards", "cat", &format!("{shard}.idx"), "-n", "2"]);
    assert!(ids.lines().count() == 2 && ids.lines().all(|line| line.ends_with(" 50256")), "{ids}");

    // Outside a run nothing is known but what the file says.
    let copy = lab.write("copy/a.bin", std::fs::read(format!("{shard}.bin")).unwrap());
    let stat =
        succeed(&["shards", "stat", &copy, "--end-of-document", "50256", "--format", "json"]);
    let stat: serde_json::Value = serde_json::from_str(&stat).unwrap();
    assert_eq!(stat["format"], "nanogpt");
    assert!(fail(2, &["shards", "decode", &copy]).contains("--tokenizer"));
    let broken = lab.write("copy/b.idx", b"MMIDIDX\0\0");
    assert!(fail(65, &["shards", "cat", &broken]).contains("b.idx"));
    fail(65, &["shards", "cat", &lab.text("nothing.bin")]);
}
