use super::super::{FastText, Scratch};
use super::*;

const TOPICS: [(&str, &str); 3] = [
    ("sea", "the ship sailed over waves and the harbour was full of sailors"),
    ("garden", "roses and tulips grow in the garden where bees look for flowers"),
    ("kitchen", "boil the water and add salt before the pasta goes into the pot"),
];

fn labels() -> Vec<String> {
    TOPICS.iter().map(|(label, _)| (*label).to_owned()).collect()
}

/// 90 lines, each with five words of its topic, drawn.
fn lines() -> Vec<(String, Vec<u32>)> {
    let mut draw = Minstd::new(3);
    (0..90)
        .map(|line| {
            let topic = line % 3;
            let words: Vec<&str> = TOPICS[topic].1.split(' ').collect();
            let drawn: Vec<&str> = (0..5).map(|_| words[draw.below(words.len())]).collect();
            (drawn.join(" "), vec![u32::try_from(topic).unwrap()])
        })
        .collect()
}

fn examples(lines: &[(String, Vec<u32>)]) -> Vec<Example<'_>> {
    lines.iter().map(|(text, labels)| Example { text, labels }).collect()
}

fn small(loss: TrainLoss) -> TrainSettings {
    TrainSettings {
        learning_rate: 0.5,
        dimension: 8,
        epochs: 10,
        word_ngrams: 2,
        buckets: 1000,
        loss,
        ..TrainSettings::default()
    }
}

fn scores(bytes: &[u8], text: &str) -> Vec<(String, f32)> {
    let model = FastText::from_bytes(bytes).unwrap();
    let mut out = Vec::new();
    assert!(model.scores_into(text, &mut Scratch::default(), &mut out));
    model.labels().iter().cloned().zip(out).collect()
}

fn best(bytes: &[u8], text: &str) -> String {
    let scores = scores(bytes, text);
    scores.into_iter().max_by(|left, right| left.1.total_cmp(&right.1)).unwrap().0
}

#[test]
fn topics_are_told_apart_and_the_bytes_do_not_change() {
    let lines = lines();
    for (loss, dimension, max_chars) in
        [(TrainLoss::Softmax, 8, 0), (TrainLoss::OneVsAll, 10, 0), (TrainLoss::Softmax, 16, 4)]
    {
        let settings = TrainSettings { dimension, min_chars: 2, max_chars, ..small(loss) };
        let train = || train(&labels(), &examples(&lines), &settings).unwrap();
        let bytes = train().to_bytes();
        assert_eq!(bytes, train().to_bytes());
        for (label, text) in TOPICS {
            assert_eq!(best(&bytes, text), label, "{settings:?}");
        }
        let other = TrainSettings { seed: 1, ..settings };
        assert_ne!(bytes, super::train(&labels(), &examples(&lines), &other).unwrap().to_bytes());
    }
}

#[test]
fn a_text_may_have_several_labels_or_none() {
    let mut lines = lines();
    for (number, line) in lines.iter_mut().enumerate() {
        match number % 3 {
            0 => line.1 = vec![0, 2],
            1 => line.1 = Vec::new(),
            _ => {}
        }
    }
    let names = labels();
    let settings = TrainSettings { epochs: 30, ..small(TrainLoss::OneVsAll) };
    let bytes = train(&names, &examples(&lines), &settings).unwrap().to_bytes();
    let holds = |text| {
        let mut found: Vec<String> = scores(&bytes, text)
            .into_iter()
            .filter(|(_, score)| *score > 0.5)
            .map(|(label, _)| label)
            .collect();
        found.sort();
        found
    };
    assert_eq!(holds(TOPICS[0].1), ["kitchen", "sea"]);
    assert!(holds(TOPICS[1].1).is_empty());
    assert_eq!(holds(TOPICS[2].1), ["kitchen"]);
}

#[test]
fn a_quantised_model_fits_its_size_and_still_knows() {
    let lines = lines();
    let settings = small(TrainLoss::Softmax);
    let model = train(&labels(), &examples(&lines), &settings).unwrap();
    let whole = model.clone().into_quantised(1 << 20).unwrap().unwrap();
    let limit = whole.len() - 2000;
    let small = model.clone().into_quantised(limit).unwrap().unwrap();
    // As many rows as fit, none more.
    assert!((limit - 40..=limit).contains(&small.len()), "{} of {limit}", small.len());
    let again = model.clone().into_quantised(limit).unwrap().unwrap();
    assert_eq!(small, again);
    for (label, text) in TOPICS {
        assert_eq!(best(&whole, text), label);
        assert_eq!(best(&small, text), label);
        let (dense, coded) = (scores(&model.to_bytes(), text), scores(&whole, text));
        for (dense, coded) in dense.iter().zip(&coded) {
            assert!((dense.1 - coded.1).abs() < 0.05, "{dense:?} {coded:?}");
        }
    }
    let error = model.clone().into_quantised(1000).unwrap_err();
    assert!(error.to_string().contains("1000 bytes are too few"), "{error}");
    let few = TrainSettings { buckets: 100, ..settings };
    let few = train(&labels(), &examples(&lines), &few).unwrap();
    assert!(few.into_quantised(1 << 20).unwrap().is_none());
}

#[test]
fn what_cannot_be_trained_says_why() {
    let lines = lines();
    let all = examples(&lines);
    let told = |labels: &[String], examples: &[Example<'_>], settings: &TrainSettings| {
        train(labels, examples, settings).unwrap_err().to_string()
    };
    let settings = small(TrainLoss::Softmax);
    let one: Vec<Example<'_>> = all.iter().copied().step_by(3).collect();
    assert!(told(&labels(), &one, &settings).contains("have 1 label(s)"));
    assert!(told(&labels(), &[], &settings).contains("have 0 label(s)"));
    let rare = TrainSettings { min_count: 10_000, ..settings.clone() };
    assert!(told(&labels(), &all, &rare).contains("comes 10000 times"));
    let fast = TrainSettings { learning_rate: 1e30, ..settings.clone() };
    assert!(told(&labels(), &all, &fast).contains("diverged"));
    let none = TrainSettings { buckets: 0, ..settings };
    assert!(told(&labels(), &all, &none).contains("n-grams need buckets"));
}

#[test]
fn words_that_scoring_passes_over_are_not_learnt() {
    let lines = vec![
        ("good __label__bad text </s> behind".to_owned(), vec![0]),
        ("bad\ttext\u{b}\n".to_owned(), vec![1]),
        (String::new(), vec![1]),
    ];
    let names = ["good".to_owned(), "bad".to_owned()];
    let vocabulary = Vocabulary::count(&names, &examples(&lines), 1);
    let words: Vec<(&str, i64)> = vocabulary
        .words
        .iter()
        .map(|word| (std::str::from_utf8(&word.text).unwrap(), word.count))
        .collect();
    assert_eq!(words, [("</s>", 3), ("text", 2), ("good", 1), ("bad", 1)]);
    assert_eq!(vocabulary.lengths, [4, 4, 2]);
    assert_eq!(vocabulary.label_rows(), [1, 0]);
    assert_eq!(vocabulary.labels[0].text, b"__label__bad");
}

/// The fastText tool (PyPI fasttext-wheel 0.9.2) read these very bytes and scored so.
#[test]
fn the_cpp_library_reads_what_is_written_and_scores_alike() {
    let lines: Vec<(String, Vec<u32>)> = (0..90)
        .map(|line| (TOPICS[line % 3].1.to_owned(), vec![u32::try_from(line % 3).unwrap()]))
        .collect();
    let settings = TrainSettings {
        learning_rate: 0.5,
        dimension: 8,
        epochs: 20,
        word_ngrams: 2,
        buckets: 1000,
        min_chars: 2,
        max_chars: 3,
        ..TrainSettings::default()
    };
    let model = train(&labels(), &examples(&lines), &settings).unwrap();
    let dense = model.to_bytes();
    let coded = model.into_quantised(1_000_000).unwrap().unwrap();
    let hash = |bytes: &[u8]| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes));
    assert_eq!(hash(&dense), "1815e2d68366e55d");
    assert_eq!(hash(&coded), "634e0e28db4588d6");
    let texts = ["the ship in the harbour", "add water to the naïve roses", ""];
    let of_dense = [
        [0.649_989_7, 0.070_665_9, 0.279_374_4],
        [0.150_859, 0.184_724, 0.664_446_9],
        [0.476_919_2, 0.430_294_6, 0.092_816_2],
    ];
    let of_coded = [
        [0.650_088_5, 0.070_826_9, 0.279_114_6],
        [0.149_555_2, 0.186_519_6, 0.663_955_2],
        [0.470_919_1, 0.434_301_2, 0.094_809_8],
    ];
    for (bytes, expected) in [(dense, of_dense), (coded, of_coded)] {
        for (text, expected) in texts.into_iter().zip(expected) {
            for (label, score) in scores(&bytes, text) {
                let number = labels().iter().position(|known| *known == label).unwrap();
                let off: f32 = score - expected[number];
                assert!(off.abs() < 1e-6, "{text:?} {label}: {score}");
            }
        }
    }
}
