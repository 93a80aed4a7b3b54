//! Shards in the readers of the trainers they are for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tamis::model::Assets;
use tokenizers::pipeline::PipelineToken;

use crate::support::{Lab, root, sample, succeed, table, texts};

fn run(lab: &Lab) -> PathBuf {
    let pipeline = root().join("pipelines/quickstart.toml");
    let out = lab.text("out");
    let sets = ["--set", "tokens.shard_size=\"2MiB\""];
    succeed(&[
        "run",
        pipeline.to_str().unwrap(),
        "--out",
        &out,
        "--until",
        "tokens",
        sets[0],
        sets[1],
    ]);
    lab.path("out")
}

/// The ids of each document, by its id in the ledger, as `tokens/index` places them in the shards.
fn indexed(run: &Path) -> BTreeMap<String, Vec<u32>> {
    use arrow::array::AsArray;
    use arrow::datatypes::UInt64Type;
    let mut found = BTreeMap::new();
    for batch in table(&run.join("tokens/index")) {
        let column = |name: &str| batch.column_by_name(name).unwrap().clone();
        let (ids, shards) = (column("id"), column("shard"));
        let (offsets, lengths) = (column("offset"), column("length"));
        for row in 0..batch.num_rows() {
            let shard = shards.as_string::<i32>().value(row);
            let bin = std::fs::read(run.join(format!("tokens/{shard}.bin"))).unwrap();
            let from =
                2 * usize::try_from(offsets.as_primitive::<UInt64Type>().value(row)).unwrap();
            let to = from
                + 2 * usize::try_from(lengths.as_primitive::<UInt64Type>().value(row)).unwrap();
            let (pairs, _) = bin[from..to].as_chunks::<2>();
            let tokens = pairs.iter().map(|pair| u32::from(u16::from_le_bytes(*pair))).collect();
            found.insert(ids.as_string::<i32>().value(row).to_owned(), tokens);
        }
    }
    found
}

#[test]
fn every_kept_document_is_in_the_shards_once_with_its_own_tokens() {
    let lab = Lab::new();
    let run = run(&lab);
    let tokenizer =
        Assets::default().tokenizer(Path::new(&sample("tokenizers/gpt2.json"))).unwrap();
    let documents = table(&run.join("documents"));
    let (ids, bodies) = (texts(&documents, "id"), texts(&documents, "text"));
    let placed = indexed(&run);
    assert_eq!(placed.len(), ids.len());
    for (id, body) in ids.iter().flatten().zip(bodies.iter().flatten()) {
        let mut expected: Vec<PipelineToken> = Vec::new();
        tokenizer.encode_into(body, &mut expected).unwrap();
        let mut expected = PipelineToken::cast_slice(&expected).to_vec();
        assert_eq!(&tokenizer.decode(&expected).unwrap(), body, "GPT-2 tokens give the text back");
        expected.push(50_256);
        assert_eq!(placed[id], expected, "document {id}");
    }
    let train = std::fs::read_dir(run.join("tokens")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("train_")
    });
    assert_eq!(train.count(), 2 * 3, "three shards of two files");
    // Shuffled over the whole corpus: neighbours in a shard come from anywhere.
    let order: Vec<_> =
        texts(&table(&run.join("tokens/index")), "id").into_iter().flatten().collect();
    let place: BTreeMap<_, _> = ids.iter().flatten().zip(0i64..).collect();
    let jumps: Vec<i64> =
        order.windows(2).map(|pair| (place[&pair[1]] - place[&pair[0]]).abs()).collect();
    let mean = jumps.iter().sum::<i64>() / i64::try_from(jumps.len()).unwrap();
    assert!(mean > i64::try_from(ids.len()).unwrap() / 5, "mean distance of neighbours is {mean}");
}

#[test]
fn another_seed_is_another_order_of_the_same_documents() {
    let lab = Lab::new();
    let pipeline = root().join("pipelines/quickstart.toml");
    let order = |out: &str, seed: &str| -> Vec<String> {
        let out = lab.text(out);
        succeed(&[
            "run",
            pipeline.to_str().unwrap(),
            "--out",
            &out,
            "--until",
            "tokens",
            "--set",
            seed,
        ]);
        texts(&table(&Path::new(&out).join("tokens/index")), "id").into_iter().flatten().collect()
    };
    let (mut one, mut two) = (order("one", "seed=1"), order("two", "seed=2"));
    assert_ne!(one, two);
    one.sort();
    two.sort();
    assert_eq!(one, two);
}

#[test]
fn special_tokens_written_in_a_document_stay_text() {
    let lab = Lab::new();
    lab.write("in/a.txt", "before <|endoftext|> after");
    let text = format!(
        "name = \"x\"\n[[source]]\nname = \"a\"\npath = \"in/*.txt\"\n[tokens]\ntokenizer = {:?}\nvalidation_fraction = 0.0\n",
        sample("tokenizers/gpt2.json")
    );
    let pipeline = lab.write("p.toml", text);
    succeed(&["run", &pipeline, "--out", &lab.text("out")]);
    let tokens = indexed(&lab.path("out")).into_values().next().unwrap();
    assert_eq!(tokens.iter().filter(|&&id| id == 50_256).count(), 1, "{tokens:?}");
    assert_eq!(tokens.last(), Some(&50_256));
}

/// Python with the real readers, made by `tests/readers/setup.sh`; `None` where it was not.
pub(crate) fn python() -> Option<PathBuf> {
    let folder = std::env::var_os("TAMIS_READERS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/tamis/readers"),
        PathBuf::from,
    );
    let python = folder.join("bin/python");
    python.exists().then_some(python)
}

#[test]
fn megatron_core_reads_the_shards() {
    let Some(python) = python() else {
        eprintln!(
            "SKIPPED: megatron_core_reads_the_shards needs tests/readers/setup.sh to have run"
        );
        return;
    };
    let lab = Lab::new();
    let run = run(&lab);
    let mut expected: BTreeMap<String, Vec<Vec<u32>>> = BTreeMap::new();
    let tokens = indexed(&run);
    let index = table(&run.join("tokens/index"));
    for (id, shard) in
        texts(&index, "id").iter().flatten().zip(texts(&index, "shard").iter().flatten())
    {
        expected.entry(shard.clone()).or_default().push(tokens[id].clone());
    }
    assert_eq!(expected.len(), 4, "three training shards and a validation shard");
    for (shard, documents) in expected {
        let output = Command::new(&python)
            .arg(root().join("tests/readers/megatron_read.py"))
            .arg(run.join("tokens").join(&shard))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read["dtype"], "uint16");
        assert_eq!(read["documents"].as_u64().unwrap(), documents.len() as u64);
        let read: Vec<Vec<u32>> = serde_json::from_value(read["tokens"].clone()).unwrap();
        assert!(read == documents, "{shard}: megatron-core reads other tokens than were written");
    }
}
