//! A planted spike: documents of noise where a model that knows the language reads them.

use std::collections::BTreeSet;

use super::super::shards::tests::{id, write_documents};
use super::*;
use crate::document::DocumentId;

const STEPS: u64 = 150;
/// What becomes of a document's tokens, by its number.
type Poison = fn(usize, &[u32]) -> Vec<u32>;

/// When a training dies.
type Death = fn(&Event<'_>) -> bool;

/// Steps whose documents are poisoned.
const POISONED: std::ops::RangeInclusive<u64> = 100..=107;

fn settings(checkpoint_every: u64) -> TrainSettings {
    small(&format!(
        "steps = {STEPS}\nbatch_tokens = 512\nlearning_rate = 0.01\n\
         checkpoint_every = {checkpoint_every}\n\
         [spikes]\nthreshold = 6.0\nwindow = 32\nrollback_steps = 4\nskip_steps = 16"
    ))
}

/// Documents shorter than a window: those that follow each other are read together.
fn short(tokens: &[u32]) -> Vec<Vec<u32>> {
    documents_of(tokens, 6..17)
}

/// The corpus as it should be, and the numbers of the documents that the poisoned steps read.
fn corpus() -> (Vec<Vec<u32>>, BTreeSet<usize>) {
    let texts = short(&language(3, 90_000, u64::from(VOCAB)));
    let store = Store::in_memory();
    write_shard(&store, "train_00000", &texts);
    let settings = settings(0);
    let mut loader = loader(&settings, &token_set(&store)).unwrap();
    let size = settings.batch_sequences;
    let samples = (POISONED.start() - 1) * size..POISONED.end() * size;
    let read = samples.flat_map(|sample| loader.pieces(sample));
    let numbers = read.map(|piece| piece.document as usize).collect();
    (texts, numbers)
}

/// Writes the corpus with some documents poisoned, or left out.
fn write(store: &Store, poison: Option<Poison>) -> BTreeSet<String> {
    let (texts, poisoned) = corpus();
    let mut ids: Vec<DocumentId> = Vec::new();
    let mut kept = Vec::new();
    for (number, text) in texts.into_iter().enumerate() {
        let text = match poison {
            Some(poison) if poisoned.contains(&number) => poison(number, &text),
            None if poisoned.contains(&number) => continue,
            _ => text,
        };
        kept.push(text);
        ids.push(id("train_00000", number));
    }
    write_documents(store, "train_00000", &kept, &ids);
    write_shard(store, "validation_00000", &short(&language(4, 4_000, u64::from(VOCAB))));
    poisoned.into_iter().map(|number| id("train_00000", number).to_string()).collect()
}

fn noise(number: usize, text: &[u32]) -> Vec<u32> {
    let token = |at| random::stream(number as u64 + 9_000, at) % u64::from(VOCAB);
    (0..text.len() as u64).map(|at| u32::try_from(token(at)).unwrap()).collect()
}

fn quarantined(store: &Store) -> Vec<quarantine::Quarantined> {
    let bytes = store.read(quarantine::PATH).unwrap();
    let lines = std::str::from_utf8(&bytes).unwrap().lines().skip(1);
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_poisoned_window_is_found_left_behind_and_reported_and_a_crash_changes_nothing() {
    let (_folder, clean) = store();
    write(&clean, None);
    let (expected, _) = run(&settings(25), &clean, "digest");
    assert_eq!(expected.rollbacks, 0, "a calm training does not go back");

    let (_folder, poisoned) = store();
    let ids = write(&poisoned, Some(noise));
    let (report, _) = run(&settings(25), &poisoned, "digest");
    assert_eq!(report.rollbacks, 1);
    assert_eq!(report.skipped_samples, 16 * 32);
    let far = (report.validation_loss / expected.validation_loss - 1.0).abs();
    assert!(far < 0.01, "{} for {}", report.validation_loss, expected.validation_loss);

    // The report names the poisoned documents, and few others as those that spiked.
    let documents = quarantined(&poisoned);
    let of = |pick: &dyn Fn(&quarantine::Quarantined) -> bool| -> BTreeSet<String> {
        documents.iter().filter(|it| pick(it)).map(|it| it.id.clone()).collect()
    };
    assert!(of(&|_| true).is_superset(&ids));
    let spiked = of(&|it| it.in_spike);
    assert!(spiked.len() > 20 && spiked.difference(&ids).count() <= 1, "{spiked:?}");

    // The result depends on the samples left out alone: not on checkpoints, nor on crashes.
    let straight = checkpoint_files(&poisoned, STEPS);
    let deaths: [(&str, Death); 4] = [
        ("a skipped step", |event| matches!(event, Event::Skipped { .. })),
        ("before the decision", |event| matches!(event, Event::Recovering { .. })),
        ("behind the decision", |event| matches!(event, Event::Recovered { .. })),
        ("on the way", |event| matches!(event, Event::Step { step: 110, .. })),
    ];
    for (number, (what, death)) in (0..).zip(deaths) {
        let (_folder, store) = store();
        write(&store, Some(noise));
        let settings = settings([25, 10, 40, 0][number]);
        assert!(die(&settings, &store, death), "{what}");
        let (again, _) = run(&settings, &store, "digest");
        assert_eq!(again, report, "{what}");
        assert_same_files(&straight, &checkpoint_files(&store, STEPS));
        assert_eq!(quarantined(&store), documents, "{what}");
    }
}

#[test]
fn trouble_that_lasts_halves_the_rate_and_then_stops() {
    let (_folder, store) = store();
    // All documents behind those of step 100 are noise: there is nothing to go on with.
    let (texts, _) = corpus();
    let mut loader = {
        let clean = Store::in_memory();
        write_shard(&clean, "train_00000", &texts);
        loader(&settings(0), &token_set(&clean)).unwrap()
    };
    let early: BTreeSet<usize> = (0..100 * 32)
        .flat_map(|sample| loader.pieces(sample))
        .map(|piece| piece.document as usize)
        .collect();
    let texts: Vec<Vec<u32>> = texts
        .iter()
        .enumerate()
        .map(
            |(number, text)| {
                if early.contains(&number) { text.clone() } else { noise(number, text) }
            },
        )
        .collect();
    write_shard(&store, "train_00000", &texts);
    write_shard(&store, "validation_00000", &short(&language(4, 4_000, u64::from(VOCAB))));
    let error = train(&settings(25), &token_set(&store), &store, "digest", &mut |_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("after going back 3 times"), "{error}");
    let interventions = interventions::Interventions::load(&store, "digest").unwrap();
    let attempts: Vec<(u32, f32)> = interventions
        .entries()
        .iter()
        .filter_map(|entry| match entry {
            interventions::Entry::Rollback { attempt, rate_factor, .. } => {
                Some((*attempt, *rate_factor))
            }
            interventions::Entry::SkippedStep { .. } => None,
        })
        .collect();
    assert_eq!(attempts, [(1, 1.0), (2, 0.5), (3, 0.5)]);
}

/// Trains in `size` threads as in so many processes; gives what the first one does.
fn run_in(size: u32, settings: &TrainSettings, store: &Store, at: Death) -> Option<TrainReport> {
    let limit = std::time::Duration::from_mins(1);
    let run = |seat: Seat| {
        let first = seat.is_first();
        let mut on_event = |event: Event<'_>| {
            assert!(first, "only the first process tells events");
            if at(&event) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        };
        let set = token_set(store);
        let trained = std::panic::AssertUnwindSafe(|| {
            train_at(seat, settings, &set, store, "digest", &mut on_event)
        });
        std::panic::catch_unwind(trained).ok()
    };
    std::thread::scope(|scope| {
        let seats = parallel::tests::seats(size, limit);
        let threads: Vec<_> = seats.into_iter().map(|seat| scope.spawn(|| run(seat))).collect();
        let mut found = threads.into_iter().map(|thread| thread.join().unwrap());
        let first = found.next().unwrap().map(Result::unwrap);
        for other in found {
            match (&first, other.unwrap()) {
                (Some(_), result) => drop(result.unwrap()),
                (None, result) => {
                    let error = result.unwrap_err().to_string();
                    assert!(error.starts_with("rank 0 is gone"), "{error}");
                }
            }
        }
        first
    })
}

#[test]
fn several_processes_go_back_together_and_any_number_may_go_on_behind_a_crash() {
    let settings = TrainSettings { ordered_sums: true, ..settings(25) };
    let (_folder, alone) = store();
    write(&alone, Some(noise));
    let (report, _) = run(&settings, &alone, "digest");
    assert_eq!(report.rollbacks, 1);
    let deaths: [Death; 2] = [
        |event| matches!(event, Event::Skipped { .. }),
        |event| matches!(event, Event::Recovered { .. }),
    ];
    for (sizes, death) in [[2, 3], [4, 1]].into_iter().zip(deaths) {
        let (_folder, store) = store();
        write(&store, Some(noise));
        assert_eq!(run_in(sizes[0], &settings, &store, death), None);
        let again = run_in(sizes[1], &settings, &store, |_| false).unwrap();
        assert_eq!(again.sample_chain, report.sample_chain);
        assert_eq!(again, report, "{sizes:?}");
        assert_same_files(&checkpoint_files(&alone, STEPS), &checkpoint_files(&store, STEPS));
        assert_eq!(quarantined(&store), quarantined(&alone));
    }
}
