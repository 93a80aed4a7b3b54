//! `minhash-dedup` against a plain program that compares all with all.

use super::corpus::{common, mutated, ngrams, words};
use super::{Row, dedup};
use crate::support::Lab;

const BANDS: &str = "bands = 64\nrows = 2\n";

/// What of the settings decides who survives, nominations apart.
struct Choice {
    threshold: f64,
    n: usize,
    chars: bool,
    containment: bool,
    last: bool,
}

/// The sets of n-grams.
fn sets(texts: &[String], choice: &Choice) -> Vec<Vec<String>> {
    let units = |text: &String| -> Vec<String> {
        if choice.chars {
            let lower: String = text.chars().flat_map(char::to_lowercase).collect();
            let spaced = lower.split_whitespace().collect::<Vec<_>>().join(" ");
            spaced.chars().map(String::from).collect()
        } else {
            words(text)
        }
    };
    texts.iter().map(|text| ngrams(&units(text), choice.n)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn similarity(left: &[String], right: &[String], choice: &Choice) -> f64 {
    let common = common(left, right);
    let whole = if choice.containment {
        left.len().min(right.len())
    } else {
        left.len() + right.len() - common
    };
    common as f64 / whole.max(1) as f64
}

/// Which texts survive: each that is like none that survived before it.
fn survivors(sets: &[Vec<String>], choice: &Choice) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sets.len()).collect();
    if choice.last {
        order.reverse();
    }
    let mut anchors: Vec<usize> = Vec::new();
    for at in order {
        let like =
            |anchor: &usize| similarity(&sets[*anchor], &sets[at], choice) >= choice.threshold;
        if sets[at].is_empty() || !anchors.iter().any(like) {
            anchors.push(at);
        }
    }
    anchors.sort_unstable();
    anchors
}

fn check(seed: u64, stage: &str, choice: &Choice) {
    let lab = Lab::new();
    let mut texts = mutated(70, seed);
    if choice.chars {
        // Punctuation counts here, and differs wherever words do not.
        for text in &mut texts {
            *text = words(text).join(" \t");
        }
    }
    let sets = sets(&texts, choice);
    let expected = survivors(&sets, choice);
    let stage = format!(
        "op = \"minhash-dedup\"\nthreshold = {:?}\nngram = {}\nmax_comparisons = 1000000\n{stage}",
        choice.threshold, choice.n
    );
    let (rows, _) = dedup(&lab, &texts, &stage);
    let found: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].kept).collect();
    assert_eq!(found, expected, "seed {seed}: {stage}");
    assert!((1..texts.len() - 20).contains(&found.len()), "{} of {}", found.len(), texts.len());
    check_clusters(&texts, &sets, &rows, choice);
}

/// Each cluster has the text of its survivor as id, its size as copies, and what was dropped its
/// similarity to the survivor.
fn check_clusters(texts: &[String], sets: &[Vec<String>], rows: &[Row], choice: &Choice) {
    let id = |at: usize| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(texts[at].as_bytes()));
    for (at, row) in rows.iter().enumerate() {
        let Some(cluster) = &row.cluster else {
            assert!(row.kept && row.copies == Some(1.0) && row.similarity.is_none());
            continue;
        };
        let members: Vec<usize> = (0..rows.len())
            .filter(|other| rows[*other].cluster.as_ref() == Some(cluster))
            .collect();
        assert_eq!(row.copies, u32::try_from(members.len()).ok().map(f64::from));
        let kept: Vec<usize> = members.into_iter().filter(|member| rows[*member].kept).collect();
        assert_eq!(kept.len(), 1, "{cluster}");
        assert_eq!(*cluster, id(kept[0]));
        let expected = (!row.kept).then(|| similarity(&sets[kept[0]], &sets[at], choice));
        assert_eq!(row.similarity, expected);
    }
}

#[test]
fn with_plenty_of_bands_survivors_are_those_of_comparing_all() {
    let plain = Choice { threshold: 0.8, n: 5, chars: false, containment: false, last: false };
    for seed in 0..5 {
        check(seed, BANDS, &plain);
    }
    check(5, &format!("{BANDS}keep = \"last\""), &Choice { last: true, ..plain });
    check(6, BANDS, &Choice { threshold: 0.6, ..plain });
    check(7, BANDS, &Choice { threshold: 1.0, ..plain });
    check(8, BANDS, &Choice { n: 1, ..plain });
    check(9, BANDS, &Choice { n: 3, threshold: 0.7, ..plain });
    // At this threshold bands of one row leave nothing out.
    check(10, "bands = 512\nrows = 1", &Choice { threshold: 0.2, ..plain });
    check(11, &format!("{BANDS}unit = \"char\""), &Choice { chars: true, n: 12, ..plain });
    check(12, &format!("{BANDS}unit = \"char\""), &Choice { chars: true, threshold: 0.9, ..plain });
    // A short text may be all in a long one that shares little with it.
    let contained = Choice { containment: true, ..plain };
    check(13, "bands = 2048\nrows = 1\nmeasure = \"containment\"", &contained);
    check(
        14,
        "bands = 2048\nrows = 1\nmeasure = \"containment\"\nkeep = \"last\"",
        &Choice { last: true, ..contained },
    );
}
