//! Mixtures: cells, blends, materialised streams, curricula, with tokens counted in the shards.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the samples are small"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use serde_json::Value;

use crate::support::{Lab, assert_same, fail, sample, succeed, table, texts};

/// Two sources of the samples as cells, small shards.
fn pipeline(tokens: &str) -> String {
    format!(
        r#"
name = "mixed"
seed = 5

[[source]]
name = "web"
path = {web:?}
format = "jsonl"

[[source]]
name = "books"
path = {books:?}

[[stage]]
op = "length"

[tokens]
tokenizer = {tokenizer:?}
validation_fraction = 0.05
shard_tokens = 20000
{tokens}
"#,
        web = sample("web/*.jsonl*"),
        books = sample("books/*.parquet"),
        tokenizer = sample("tokenizers/gpt2.json"),
    )
}

fn run(lab: &Lab, name: &str, tokens: &str, extra: &[&str]) -> PathBuf {
    let file = lab.write(&format!("{name}.toml"), pipeline(tokens));
    let out = lab.text(name);
    let mut arguments = vec!["run", &file, "--out", &out];
    arguments.extend_from_slice(extra);
    succeed(&arguments);
    lab.path(name)
}

fn dataset(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("tokens/dataset.json")).unwrap()).unwrap()
}

/// The column `length` of `tokens/index`.
fn lengths(index: &[RecordBatch]) -> Vec<u64> {
    let column = |batch: &RecordBatch| {
        batch.column_by_name("length").unwrap().as_primitive::<UInt64Type>().values().to_vec()
    };
    index.iter().flat_map(column).collect()
}

/// For each document: source, tokens in its training or validation shards all told, times it is
/// there, whether for validation.
struct Placed {
    source: String,
    length: u64,
    copies: u64,
    validation: bool,
}

fn placed(run: &Path) -> BTreeMap<String, Placed> {
    let ledger = table(&run.join("ledger"));
    let sources: BTreeMap<String, String> = texts(&ledger, "id")
        .into_iter()
        .flatten()
        .zip(texts(&ledger, "source").into_iter().flatten())
        .collect();
    let index = table(&run.join("tokens/index"));
    let mut found: BTreeMap<String, Placed> = BTreeMap::new();
    let lengths = lengths(&index);
    let rows =
        texts(&index, "id").into_iter().flatten().zip(texts(&index, "shard").into_iter().flatten());
    for ((id, shard), length) in rows.zip(lengths) {
        let validation = shard.rsplit('/').next().unwrap().starts_with("validation");
        let source = sources[&id].clone();
        let entry = found.entry(id).or_insert(Placed { source, length, copies: 0, validation });
        entry.copies += 1;
        assert_eq!((entry.length, entry.validation), (length, validation));
    }
    found
}

/// Tokens of training documents by source, copies counted, and the longest document of each.
fn by_source(placed: &BTreeMap<String, Placed>) -> BTreeMap<String, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for document in placed.values().filter(|document| !document.validation) {
        let (sum, longest) = sums.entry(document.source.clone()).or_insert((0, 0));
        *sum += document.length * document.copies;
        *longest = document.length.max(*longest);
    }
    sums
}

#[test]
fn cells_have_shards_of_their_own_and_new_weights_rewrite_only_the_blend() {
    let lab = Lab::new();
    let weights = |web: f64| format!("[tokens.mixture]\nweights = {{ web = {web}, books = 1 }}");
    let out = run(&lab, "blend", &weights(2.0), &[]);
    let placed = placed(&out);
    assert!(placed.values().all(|document| document.copies == 1), "a blend repeats nothing");
    let index = table(&out.join("tokens/index"));
    for (id, shard) in
        texts(&index, "id").iter().flatten().zip(texts(&index, "shard").iter().flatten())
    {
        let folder = shard.split('/').next().unwrap();
        assert_eq!(folder, placed[id].source, "{shard}");
    }
    let shards: Vec<PathBuf> = files(&out.join("tokens"))
        .into_iter()
        .filter(|path| {
            let name = path.to_string_lossy();
            (name.ends_with(".bin") || name.ends_with(".idx")) && !name.contains("tokens/blend/")
        })
        .collect();
    assert!(shards.len() > 12, "several shards a cell: {shards:?}");
    let before: Vec<_> = shards
        .iter()
        .map(|path| {
            (std::fs::metadata(path).unwrap().modified().unwrap(), std::fs::read(path).unwrap())
        })
        .collect();
    let blend = std::fs::read_to_string(out.join("tokens/blend/mixture.megatron.txt")).unwrap();
    let sums = |text: &str| -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            let (weight, name) = line.split_once(' ').unwrap();
            assert!(out.join("tokens").join(format!("{name}.bin")).exists(), "{name}");
            *sums.entry(name.split('/').next().unwrap().to_owned()).or_default() +=
                weight.parse::<f64>().unwrap();
        }
        sums
    };
    assert!((sums(&blend)["web"] - 2.0 / 3.0).abs() < 1e-4, "{blend}");

    let file = lab.write("blend.toml", pipeline(&weights(4.0)));
    succeed(&["run", &file, "--out", &lab.text("blend")]);
    let after: Vec<_> = shards
        .iter()
        .map(|path| {
            (std::fs::metadata(path).unwrap().modified().unwrap(), std::fs::read(path).unwrap())
        })
        .collect();
    assert!(before == after, "the shards were written again");
    let blend = std::fs::read_to_string(out.join("tokens/blend/mixture.megatron.txt")).unwrap();
    assert!((sums(&blend)["web"] - 0.8).abs() < 1e-4, "{blend}");
    // And all is as if it had been asked for at once.
    let fresh = run(&lab, "fresh", &weights(4.0), &[]);
    assert_same(&out, &fresh);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[test]
fn a_materialised_mixture_has_the_shares_to_one_document() {
    let lab = Lab::new();
    // Books are read two times and a bit, of web pages a part is left out.
    let plain = run(&lab, "plain", "[tokens.mixture]", &[]);
    let sizes = by_source(&placed(&plain));
    let (books, web) = (sizes["books"].0, sizes["web"].0);
    let (want_books, want_web) = (books * 23 / 10, web * 2 / 5);
    let mixture = format!(
        "[tokens.mixture]\nmaterialize = true\nbudget = {{ books = {want_books}, web = {want_web} }}"
    );
    let out = run(&lab, "mixed", &mixture, &[]);
    let documents = placed(&out);
    let got = by_source(&documents);
    for (source, wanted) in [("books", want_books), ("web", want_web)] {
        let (tokens, _) = got[source];
        let longest = sizes[source].1;
        assert!(tokens.abs_diff(wanted) < longest, "{source}: {tokens} for {wanted}, ±{longest}");
    }
    let copies = |source: &str| -> Vec<u64> {
        let train = documents.values().filter(|d| !d.validation && d.source == source);
        let mut copies: Vec<u64> = train.map(|d| d.copies).collect();
        copies.sort_unstable();
        copies.dedup();
        copies
    };
    assert_eq!(copies("books"), [2, 3], "each twice, some once more");
    assert_eq!(copies("web"), [1]);
    let validation = |placed: &BTreeMap<String, Placed>| {
        placed.iter().filter(|(_, d)| d.validation).map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(validation(&documents), validation(&self::placed(&plain)));

    // The table says what the shards hold, and every shard holds the mixture.
    let dataset = dataset(&out);
    let cells = dataset["stages"][0]["cells"].as_array().unwrap();
    for cell in cells {
        let source = cell["cell"].as_str().unwrap();
        assert_eq!(cell["obtained"].as_u64().unwrap(), got[source].0);
        assert_eq!(
            cell["asked"].as_u64().unwrap(),
            if source == "web" { want_web } else { want_books }
        );
    }
    let index = table(&out.join("tokens/index"));
    let mut shards: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for ((id, shard), length) in texts(&index, "id")
        .iter()
        .flatten()
        .zip(texts(&index, "shard").iter().flatten())
        .zip(lengths(&index))
    {
        if shard.starts_with("train") {
            let (all, web) = shards.entry(shard.clone()).or_default();
            *all += length;
            *web += if documents[id].source == "web" { length } else { 0 };
        }
    }
    assert!(shards.len() > 4, "{shards:?}");
    let wanted = want_web as f64 / (want_web + want_books) as f64;
    let longest = documents.values().map(|d| d.length).max().unwrap() as f64;
    for (shard, (all, web)) in &shards {
        // To a document at each end.
        let difference = (*web as f64 - wanted * *all as f64).abs();
        assert!(difference < 2.0 * longest, "{shard}: {web} of {all} for {wanted:.3}");
    }
}

#[test]
fn more_of_a_cell_holds_what_less_of_it_held() {
    let lab = Lab::new();
    let kept = |name: &str, share: f64| -> Vec<String> {
        let mixture = format!(
            "[tokens.mixture]\nmaterialize = true\nepochs = {{ books = {share}, web = 0.1 }}"
        );
        let placed = placed(&run(&lab, name, &mixture, &[]));
        placed
            .into_iter()
            .filter(|(_, d)| d.source == "books" && !d.validation)
            .map(|(id, _)| id)
            .collect()
    };
    let (less, more) = (kept("less", 0.3), kept("more", 0.6));
    assert!(less.len() < more.len() && !less.is_empty());
    assert!(less.iter().all(|id| more.contains(id)));
}

#[test]
fn stages_of_a_curriculum_follow_each_other() {
    let lab = Lab::new();
    let tokens = "[tokens.mixture]\nmaterialize = true\nweights = { web = 9, books = 1 }\n\
                  [[tokens.curriculum]]\nname = \"main\"\nshare = 0.7\n\
                  [[tokens.curriculum]]\nname = \"anneal\"\nshare = 0.3\nweights = { web = 1, books = 9 }";
    let out = run(&lab, "staged", tokens, &[]);
    let documents = placed(&out);
    let dataset = dataset(&out);
    assert_eq!(dataset["stages"].as_array().unwrap().len(), 2);
    let stage: BTreeMap<String, u64> = dataset["shards"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|shard| !shard["validation"].as_bool().unwrap())
        .map(|shard| (shard["name"].as_str().unwrap().to_owned(), shard["stage"].as_u64().unwrap()))
        .collect();
    let order: Vec<u64> = stage.values().copied().collect();
    assert!(order.is_sorted() && order.contains(&1), "shards are numbered through the stages");
    let index = table(&out.join("tokens/index"));
    let mut sums = [[0_u64; 2]; 2];
    for ((id, shard), length) in texts(&index, "id")
        .iter()
        .flatten()
        .zip(texts(&index, "shard").iter().flatten())
        .zip(lengths(&index))
    {
        if let Some(stage) = stage.get(shard) {
            sums[*stage as usize][usize::from(documents[id].source == "books")] += length;
        }
    }
    for (number, stage) in dataset["stages"].as_array().unwrap().iter().enumerate() {
        for cell in stage["cells"].as_array().unwrap() {
            let books = usize::from(cell["cell"] == "books");
            assert_eq!(cell["obtained"].as_u64().unwrap(), sums[number][books]);
            let longest = documents.values().map(|d| d.length).max().unwrap();
            assert!(cell["asked"].as_u64().unwrap().abs_diff(sums[number][books]) < longest);
        }
    }
}

#[test]
fn the_same_bytes_whatever_ran_and_was_cut_off() {
    let lab = Lab::new();
    let tokens = "[tokens.mixture]\nby = [\"source\", \"size\"]\nmaterialize = true\ntemperature = 0.5\ntotal = 150000";
    let buckets = "op = \"length\"\n\n[[stage]]\nop = \"set\"\ncolumns = { size = \"CASE WHEN chars < 3000 THEN 'short' ELSE 'long' END\" }\n";
    let text = pipeline(tokens).replace("op = \"length\"\n", buckets);
    let file = lab.write("p.toml", &text);
    let go = |name: &str, extra: &[&str]| {
        let out = lab.text(name);
        let mut arguments = vec!["run", &file, "--out", &out];
        arguments.extend_from_slice(extra);
        succeed(&arguments);
        lab.path(name)
    };
    let reference = go("one", &["--threads", "1"]);
    for (name, extra) in [
        ("three", &["--threads", "3"][..]),
        ("processes", &["--on", "processes", "--threads", "2"]),
        ("small", &["--set", "memory_limit=\"64MB\""]),
    ] {
        assert_same(&reference, &go(name, extra));
    }
    // A shard and the manifest of its task are lost, then the data set's: both come back.
    let out = go("cut", &["--keep-work"]);
    for phase in ["shard", "dataset", "deal", "count"] {
        let folder = std::fs::read_dir(out.join("manifests"))
            .unwrap()
            .map(Result::unwrap)
            .find(|entry| entry.file_name().to_string_lossy().contains(phase))
            .unwrap();
        std::fs::remove_dir_all(folder.path()).unwrap();
        go("cut", &["--keep-work"]);
        assert_same(&reference, &out);
    }
}

#[test]
fn what_cannot_be_mixed_is_said_before_any_work() {
    let lab = Lab::new();
    for (tokens, wanted) in [
        ("[tokens.mixture]\nweights = { web = 0, books = 1 }", "`web` = 0"),
        ("[tokens.mixture]\nweights = { webb = 1, books = 1 }", "did you mean `web`?"),
        ("[tokens.mixture]\nweights = { web = 1 }", "nothing is said about the source `books`"),
        (
            "[tokens.mixture]\nweights = { web = 1, books = 1 }\ntemperature = 0.5",
            "keep one of them",
        ),
        ("[tokens.mixture]\nby = \"colour\"", "colour"),
        ("[tokens.mixture]\nbudget = { web = \"many\", books = 1 }", "not a number of tokens"),
        ("[tokens.mixture]\nepochs = { web = 1, books = 2 }\ntotal = 5", "remove `total`"),
        ("[[tokens.curriculum]]\nname = \"a\"\nshare = 1.0", "no mixture to take from"),
        ("[tokens.mixture]\n[[tokens.curriculum]]\nname = \"a\"\nshare = 0.5", "sum to 0.5"),
        (
            "[tokens.mixture]\n[[tokens.curriculum]]\nname = \"a/b\"\nshare = 1.0",
            "cannot be a stage's name",
        ),
        ("[tokens.mixture.curve]\nbucket = \"q\"", "is not one of `by`"),
        ("shard_size = \"1MB\"", "both say how large"),
    ] {
        let file = lab.write("p.toml", pipeline(tokens));
        let message = fail(2, &["run", &file, "--out", &lab.text("out")]);
        assert!(message.contains(wanted), "{tokens}: {message}");
        assert!(!lab.path("out/documents").exists(), "{tokens}: work was done");
    }
    let often =
        "[tokens.mixture]\nweights = { web = 1, books = 1 }\ntotal = \"100M\"\nmax_epochs = 4";
    let file = lab.write("p.toml", pipeline(often));
    let message = fail(65, &["run", &file, "--out", &lab.text("out")]);
    assert!(message.contains("at most 4 times are allowed"), "{message}");
}

/// Tokens of each document in order of their ids, wherever its pieces lie.
fn sorted_tokens(run: &Path) -> BTreeMap<String, Vec<u16>> {
    let index = table(&run.join("tokens/index"));
    let column = |name: &str| -> Vec<u64> {
        let values = |batch: &RecordBatch| {
            batch.column_by_name(name).unwrap().as_primitive::<UInt64Type>().values().to_vec()
        };
        index.iter().flat_map(values).collect()
    };
    let (offsets, lengths) = (column("offset"), column("length"));
    let mut found: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let rows =
        texts(&index, "id").into_iter().flatten().zip(texts(&index, "shard").into_iter().flatten());
    for ((id, shard), (offset, length)) in rows.zip(offsets.into_iter().zip(lengths)) {
        let bytes = files
            .entry(shard.clone())
            .or_insert_with(|| std::fs::read(run.join(format!("tokens/{shard}.bin"))).unwrap());
        let piece = &bytes[2 * offset as usize..2 * (offset + length) as usize];
        found
            .entry(id)
            .or_default()
            .extend(piece.as_chunks::<2>().0.iter().map(|id| u16::from_le_bytes(*id)));
    }
    for tokens in found.values_mut() {
        tokens.sort_unstable();
    }
    found
}

#[test]
fn rows_are_shuffled_and_nothing_is_lost() {
    let lab = Lab::new();
    let plain = sorted_tokens(&run(&lab, "plain", "[tokens.mixture]", &[]));
    for packing in ["concatenate", "best-fit"] {
        let keys = |shuffle: &str| {
            format!(
                "sequence_length = 256\npacking = \"{packing}\"\nshuffle = \"{shuffle}\"\n[tokens.mixture]"
            )
        };
        let rows = run(&lab, &format!("rows-{packing}"), &keys("sequence"), &[]);
        let threads =
            run(&lab, &format!("threads-{packing}"), &keys("sequence"), &["--threads", "3"]);
        assert_same(&rows, &threads);
        assert_eq!(sorted_tokens(&rows), plain, "{packing}");
        succeed(&["verify", rows.to_str().unwrap()]);
        let documents = dataset(&rows)["train"]["documents"].clone();
        let unshuffled = run(&lab, &format!("packed-{packing}"), &keys("document"), &[]);
        assert_eq!(dataset(&unshuffled)["train"]["documents"], documents);
        // Pieces of a long document no longer follow each other.
        let neighbours = |run: &Path| {
            let ids: Vec<String> =
                texts(&table(&run.join("tokens/index")), "id").into_iter().flatten().collect();
            ids.windows(2).filter(|pair| pair[0] == pair[1]).count()
        };
        assert!(
            neighbours(&rows) * 10
                < table(&rows.join("tokens/index")).iter().map(RecordBatch::num_rows).sum()
        );
    }
}

#[test]
fn every_format_takes_cells_and_is_verified() {
    let lab = Lab::new();
    for (format, keys) in [
        ("megatron", ""),
        ("mds", "packing = \"concatenate\"\n"),
        ("nanogpt", ""),
        ("llmc", ""),
        ("datatrove", ""),
        ("parquet", "packing = \"best-fit\"\n"),
        ("npy", "packing = \"concatenate\"\nshuffle = \"sequence\"\n"),
    ] {
        let tokens = format!(
            "format = \"{format}\"\nsequence_length = 512\n{keys}[tokens.mixture]\nweights = {{ web = 2, books = 1 }}"
        );
        let out = run(&lab, format, &tokens, &[]);
        let report = succeed(&["verify", out.to_str().unwrap()]);
        assert!(!report.is_empty());
        for folder in ["web", "books"] {
            assert!(!files(&out.join("tokens").join(folder)).is_empty(), "{format}/{folder}");
        }
        assert!(out.join("tokens/blend/mixture.json").exists());
    }
}
