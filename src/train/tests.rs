//! The loop as a whole: exact resume, learning; `PyTorch`'s numbers in [`parity`].

use super::shards::tests::write_shard;
use super::*;
use crate::config::tokens::ShardFormat;
use crate::config::train::TrainConfig;
use crate::tokens::format::Width;

mod cached;
mod export;
mod formats;
mod parity;

/// An empty store, and libtorch on one thread: tests run side by side, and its threads wait for each
/// other by spinning.
fn store() -> (tempfile::TempDir, Store) {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    (folder, store)
}

/// A language in which each token decides the next but for some noise.
fn language(seed: u64, tokens: u64, vocab: u64) -> Vec<u32> {
    let mut id = 0;
    (0..tokens)
        .map(|at| {
            let noise = random::stream(seed, at);
            id = if noise.is_multiple_of(8) { noise >> 8 } else { id * 5 + 3 } % vocab;
            u32::try_from(id).unwrap()
        })
        .collect()
}

/// Tokens as documents of 20 to 59, of one to three windows and a tail.
fn documents(tokens: &[u32]) -> Vec<Vec<u32>> {
    documents_of(tokens, 20..60)
}

fn documents_of(tokens: &[u32], lengths: std::ops::Range<u64>) -> Vec<Vec<u32>> {
    let mut rest = tokens;
    let mut documents = Vec::new();
    while !rest.is_empty() {
        let more = random::stream(5, documents.len() as u64) % (lengths.end - lengths.start);
        let length = usize::try_from(lengths.start + more).unwrap();
        let (document, after) = rest.split_at(length.min(rest.len()));
        documents.push(document.to_vec());
        rest = after;
    }
    documents
}

/// Writes shards of such a language.
fn write_text(store: &Store, tokens: u64, vocab: u64) {
    write_shard(store, "train_00000", &documents(&language(3, tokens, vocab)));
    write_shard(store, "validation_00000", &documents(&language(4, 1_000, vocab)));
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
        validation_store: store,
        format: ShardFormat::Megatron,
        width: Width::U16,
        vocab_size: VOCAB,
        sequence_length: LENGTH,
        text_bytes: Some(&|ids| Some(ids.len() as u64)),
        tokenizer: None,
        initial: None,
        tasks: &[],
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

const FILES: [&str; 4] =
    ["model.safetensors", "optimizer.safetensors", "state.json", "config.json"];

/// The files of a checkpoint.
fn checkpoint_files(store: &Store, step: u64) -> [bytes::Bytes; 4] {
    FILES.map(|file| store.read(&format!("checkpoints/step-{step:08}/{file}")).unwrap())
}

#[track_caller]
fn assert_same_files(left: &[bytes::Bytes; 4], right: &[bytes::Bytes; 4]) {
    for ((file, left), right) in FILES.iter().zip(left).zip(right) {
        assert!(left == right, "{file} differs");
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_it_is_made() {
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let toml = "layers = 900\nwidth = 65536\nheads = 16\ndevice = \"cpu\"\nsteps = 1";
    let settings = toml::from_str::<TrainConfig>(toml).unwrap().resolve(LENGTH, VOCAB).unwrap();
    let error = train(&settings, &token_set(&store), &store, "digest", &mut |_| ()).unwrap_err();
    assert!(matches!(error, TrainError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("smaller model"), "{error}");
}

#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    // 500 tokens are 31 windows: 24 steps of 8 run through six epochs.
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 24\nbatch_tokens = 128\ncheckpoint_every = 12");
    let (straight, from) = run(&settings, &store, "digest");
    assert_eq!(from, None);
    assert!(straight.sample_chain.len() == 32 && straight.validation_bits_per_byte.is_some());
    let last = "checkpoints/step-00000024";
    let before = checkpoint_files(&store, 24);

    remove(&store, last);
    let (resumed, from) = run(&settings, &store, "digest");
    assert_eq!(from, Some(12));
    assert_same_files(&before, &checkpoint_files(&store, 24));
    assert_eq!(resumed, straight);

    // Ended trainings report without training.
    let (again, from) = run(&settings, &store, "digest");
    assert_eq!((from, again), (Some(24), straight));
}

/// Runs a training that dies at the first event that `at` picks; whether it did.
fn die(settings: &TrainSettings, store: &Store, at: impl Fn(&Event<'_>) -> bool) -> bool {
    let dies = std::panic::AssertUnwindSafe(|| {
        train(settings, &token_set(store), store, "digest", &mut |event| {
            if at(&event) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        })
        .unwrap()
    });
    std::panic::catch_unwind(dies).is_err()
}

#[test]
fn dying_at_any_step_changes_nothing_over_epochs_and_two_resumes() {
    let settings = small("steps = 20\nbatch_tokens = 128\ncheckpoint_every = 3\neval_every = 4");
    let straight = {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let (report, _) = run(&settings, &store, "digest");
        let steps = store.read("training/metrics.jsonl").unwrap();
        assert_eq!(std::str::from_utf8(&steps).unwrap().lines().count(), 20);
        (report, checkpoint_files(&store, 20))
    };
    for first in 1..20 {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let second = (first + 5).min(20);
        for dies in [first, second] {
            let killed =
                |event: &Event<'_>| matches!(event, Event::Step { step, .. } if *step == dies);
            assert!(die(&settings, &store, killed));
        }
        let (report, _) = run(&settings, &store, "digest");
        assert_eq!(report, straight.0, "died at {first} and {second}");
        assert_same_files(&straight.1, &checkpoint_files(&store, 20));
        let lines = store.read("training/metrics.jsonl").unwrap();
        let steps = std::str::from_utf8(&lines).unwrap().lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap()
        });
        assert!(steps.eq(1..=20), "each step stands in the metrics once");
    }
}

#[test]
fn damaged_and_foreign_checkpoints_are_passed_over() {
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 8\nbatch_tokens = 128\ncheckpoint_every = 2");
    let (straight, _) = run(&settings, &store, "ours");
    let folders = |store: &Store| {
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
    assert_eq!(folders(&store), kept, "the last two");
    let three = small("steps = 8\nbatch_tokens = 128\ncheckpoint_every = 2\nkeep_last = 3");
    {
        let (_folder, store) = self::store();
        write_text(&store, 500, u64::from(VOCAB));
        run(&three, &store, "ours");
        assert_eq!(folders(&store), ["checkpoints/step-00000004", kept[0], kept[1]]);
    }

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
    assert_eq!(folders(&store), [kept[0], kept[1], "checkpoints/step-00000009"]);
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
    for (spikes, rollbacks) in [("", 3), ("[spikes]\nenabled = false", 0)] {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let toml =
            format!("steps = 50\nbatch_tokens = 128\nclip = 0.0\nwarmup_tokens = 0\n{spikes}");
        let mut settings = small(&toml);
        settings.learning_rate = 1e30;
        let error = train(&settings, &token_set(&store), &store, "digest", &mut |_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("diverged at step"), "{error}");
        assert!(error.contains(&format!("going back {rollbacks} times")), "{error}");
        assert!(error.contains("train.learning_rate"), "{error}");
    }
}

mod spikes;
