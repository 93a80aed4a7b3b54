//! The loop as a whole: exact resume, learning; `PyTorch`'s numbers in [`parity`].

use super::shards::tests::write_shard;
use super::*;
use crate::config::train::TrainConfig;

mod export;
mod parity;

/// An empty store, and libtorch on one thread: tests run side by side, and its threads wait for each
/// other by spinning.
fn store() -> (tempfile::TempDir, Store) {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    (folder, store)
}

/// Writes shards of a language in which each token decides the next but for some noise.
fn write_text(store: &Store, tokens: u64, vocab: u64) {
    let mut id = 0;
    let mut text = |from: u64, count: u64| -> Vec<u16> {
        (from..from + count)
            .map(|at| {
                let noise = random::stream(3, at);
                id = if noise.is_multiple_of(8) { noise >> 8 } else { id * 5 + 3 } % vocab;
                u16::try_from(id).unwrap()
            })
            .collect()
    };
    write_shard(store, "tokens/train_00000", &[text(0, tokens)]);
    write_shard(store, "tokens/validation_00000", &[text(tokens, 1_000)]);
}

const VOCAB: u32 = 61;
const LENGTH: usize = 16;

fn small(toml: &str) -> TrainSettings {
    let toml = format!("layers = 2\nwidth = 16\nheads = 2\ndevice = \"cpu\"\n{toml}");
    toml::from_str::<TrainConfig>(&toml).unwrap().resolve(LENGTH, VOCAB).unwrap()
}

fn token_set(store: &Store) -> TokenSet<'_> {
    TokenSet {
        store,
        train: vec!["tokens/train_00000".to_owned()],
        blend: Blend::default(),
        validation: vec!["tokens/validation_00000".to_owned()],
        vocab_size: VOCAB,
        sequence_length: LENGTH,
    }
}

/// Trains and returns the report with the step it resumed from.
fn run(settings: &TrainSettings, store: &Store, digest: &str) -> (TrainReport, Option<u64>) {
    let mut from = None;
    let report = train(settings, &token_set(store), store, digest, &mut |event| {
        if let Event::Started { resumed_from, .. } = event {
            from = resumed_from;
        }
    })
    .unwrap();
    (report, from)
}

fn remove(store: &Store, folder: &str) {
    for entry in store.list(folder).unwrap() {
        store.delete(&entry.path).unwrap();
    }
}

#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    // 500 tokens are 31 windows: 24 steps of 8 run through six epochs.
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 24\nbatch_tokens = 128\ncheckpoint_every = 12");
    let (straight, from) = run(&settings, &store, "digest");
    assert_eq!(from, None);
    let files = ["model.safetensors", "optimizer.safetensors", "state.json", "config.json"];
    let last = "checkpoints/step-00000024";
    let read = || files.map(|file| store.read(&format!("{last}/{file}")).unwrap());
    let before = read();

    remove(&store, last);
    let (resumed, from) = run(&settings, &store, "digest");
    assert_eq!(from, Some(12));
    for ((file, before), after) in files.iter().zip(before).zip(read()) {
        assert!(before == after, "{file} differs after a resume");
    }
    assert_eq!(resumed, straight);

    // Ended trainings report without training.
    let (again, from) = run(&settings, &store, "digest");
    assert_eq!((from, again), (Some(24), straight));
}

#[test]
fn damaged_and_foreign_checkpoints_are_passed_over() {
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 8\nbatch_tokens = 128\ncheckpoint_every = 2");
    let (straight, _) = run(&settings, &store, "ours");
    let folders = || {
        let mut folders: Vec<String> = store
            .list("checkpoints")
            .unwrap()
            .into_iter()
            .filter_map(|entry| entry.path.strip_suffix("/state.json").map(str::to_owned))
            .collect();
        folders.sort();
        folders
    };
    let kept = ["checkpoints/step-00000006", "checkpoints/step-00000008"];
    assert_eq!(folders(), kept, "the last two");

    // A byte of the newest flips: the one before it takes over.
    let path = format!("{}/model.safetensors", kept[1]);
    let whole = store.read(&path).unwrap();
    let mut damaged = whole.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    store.put(&path, damaged.into()).unwrap();
    let (repaired, from) = run(&settings, &store, "ours");
    assert_eq!((from, &repaired), (Some(6), &straight));
    assert!(store.read(&path).unwrap() == whole);

    // An unfinished one is none.
    store.delete(&format!("{}/state.json", kept[1])).unwrap();
    assert_eq!(run(&settings, &store, "ours").1, Some(6));

    // Another training starts from the beginning and leaves what is not in its way.
    let longer = small("steps = 9\nbatch_tokens = 128\ncheckpoint_every = 0");
    assert_eq!(run(&longer, &store, "theirs").1, None);
    assert_eq!(folders(), [kept[0], kept[1], "checkpoints/step-00000009"]);
}

#[test]
fn it_learns_more_than_frequencies() {
    let (_folder, store) = store();
    write_text(&store, 20_000, u64::from(VOCAB));
    let settings = small("steps = 100\nbatch_tokens = 512\nlearning_rate = 0.01");
    let (report, _) = run(&settings, &store, "digest");
    // Frequencies alone leave about ln 61 nats; a model that knows the rule about 0.9.
    assert!((report.unigram_loss - 4.1).abs() < 0.1, "{report:?}");
    assert!(report.validation_loss < 1.2, "{report:?}");
}

#[test]
fn a_diverging_training_names_its_step() {
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let mut settings = small("steps = 50\nbatch_tokens = 128\nclip = 0.0\nwarmup_tokens = 0");
    settings.learning_rate = 1e30;
    let error = train(&settings, &token_set(&store), &store, "digest", &mut |_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("diverged at step"), "{error}");
    assert!(error.contains("train.learning_rate"), "{error}");
}
