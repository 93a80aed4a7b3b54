use super::*;
use crate::config::tokens::Fields;
use crate::tokens::count::Count;
use crate::tokens::record::Group;
use proptest::prelude::*;

fn cell(name: &str, tokens: u64) -> Cell {
    Cell {
        name: CellName(name.split('/').map(str::to_owned).collect()),
        validation: false,
        group: Group::new(name, false),
        count: Count { tokens, documents: 1 },
    }
}

fn mixture(text: &str) -> (Mixture, Vec<CurriculumStage>) {
    #[derive(serde::Deserialize)]
    struct Both {
        mixture: Mixture,
        #[serde(default)]
        curriculum: Vec<CurriculumStage>,
    }
    let Both { mixture, curriculum } = toml::from_str(text).unwrap();
    (mixture, curriculum)
}

fn solve(text: &str, cells: &[(&str, u64)]) -> Result<Vec<Vec<u64>>, MixtureError> {
    let (mixture, curriculum) = mixture(text);
    let cells: Vec<Cell> = cells.iter().map(|(name, tokens)| cell(name, *tokens)).collect();
    let mix = Mix::solve(&mixture, &curriculum, &cells)?;
    Ok(mix.stages.into_iter().map(|stage| stage.tokens).collect())
}

const SOURCES: &[(&str, u64)] = &[("books", 1_000), ("web", 9_000)];

#[test]
fn weights_without_a_total_end_where_a_cell_runs_out() {
    let mixed = solve("[mixture]\nweights = { web = 0.7, books = 0.3 }", SOURCES).unwrap();
    assert_eq!(mixed, [[1_000, 2_333]]);
    let mixed =
        solve("[mixture]\nweights = { web = 7, books = 3 }\ntotal = \"20K\"", SOURCES).unwrap();
    assert_eq!(mixed, [[6_000, 14_000]]);
    let natural = solve("[mixture]", SOURCES).unwrap();
    assert_eq!(natural, [[1_000, 9_000]]);
}

#[test]
fn temperature_flattens() {
    let all_alike = solve("[mixture]\ntemperature = 0.0\ntotal = 4000", SOURCES).unwrap();
    assert_eq!(all_alike, [[2_000, 2_000]]);
    let root = solve("[mixture]\ntemperature = 0.5\ntotal = 4000", SOURCES).unwrap();
    assert_eq!(root, [[1_000, 3_000]]);
}

#[test]
fn budgets_and_epochs_are_taken_as_they_are() {
    let mixed = solve("[mixture]\nbudget = { web = 500, books = \"2.5K\" }", SOURCES).unwrap();
    assert_eq!(mixed, [[2_500, 500]]);
    let mixed = solve("[mixture]\nepochs = { \"*\" = 0.5, books = 2.25 }", SOURCES).unwrap();
    assert_eq!(mixed, [[2_250, 4_500]]);
}

#[test]
fn a_name_with_a_star_is_dealt_out_by_size() {
    let cells = &[("books/en", 100), ("web/de", 1_000), ("web/en", 3_000)];
    let text = "[mixture]\nby = [\"source\", \"language\"]\nweights = { \"web/*\" = 0.8, \"books/en\" = 0.2 }\ntotal = 1000";
    assert_eq!(solve(text, cells).unwrap(), [[200, 200, 600]]);
}

#[test]
fn a_curve_reads_good_buckets_more_often_within_each_amount() {
    let cells = &[("books/0", 1_000), ("web/0", 500), ("web/1", 500)];
    let text = "[mixture]\nby = [\"source\", \"bucket\"]\nweights = { \"web/*\" = 0.5, \"books/*\" = 0.5 }\n\
                total = 2000\n[mixture.curve]\nbucket = \"bucket\"\ndrop_below = 0.5\nmax = 10";
    assert_eq!(solve(text, cells).unwrap(), [[1_000, 0, 1_000]]);
    let error = solve(&text.replace("max = 10", "max = 1.5"), cells).unwrap_err();
    assert!(error.to_string().contains("books/0"), "{error}");
}

#[test]
fn stages_go_on_where_the_one_before_stopped() {
    let text = "[mixture]\nweights = { web = 9, books = 1 }\ntotal = 5000\n\
                [[curriculum]]\nname = \"main\"\nshare = 0.8\n\
                [[curriculum]]\nname = \"anneal\"\nshare = 0.2\nweights = { web = 0.2, books = 0.8 }";
    assert_eq!(solve(text, SOURCES).unwrap(), [[400, 3_600], [800, 200]]);
    let (mixture, curriculum) = mixture(text);
    let cells = [cell("books", 1_000), cell("web", 9_000)];
    let mix = Mix::solve(&mixture, &curriculum, &cells).unwrap();
    let segments = mix.segments(0, 1_000);
    let plain: Vec<_> =
        segments.iter().map(|s| (s.stage, s.epoch, s.start, s.end, s.before)).collect();
    assert_eq!(plain, [(0, 0, 0, 400, 0), (1, 0, 400, 1_000, 0), (1, 1, 0, 200, 600)]);
    // Without a total: no cell twice over both stages. Books need 0.8·0.1 + 0.2·0.8 = 0.24.
    let mixed = solve(&text.replace("total = 5000\n", ""), SOURCES).unwrap();
    let books: u64 = mixed.iter().map(|stage| stage[0]).sum();
    assert_eq!(books, 1_000);
}

#[test]
fn what_does_not_fit_the_corpus_is_said() {
    let error = |text: &str| solve(text, SOURCES).unwrap_err().to_string();
    let unknown = error("[mixture]\nweights = { web = 1, book = 1 }");
    assert!(unknown.contains("`book`") && unknown.contains("books, web"), "{unknown}");
    let unnamed = error("[mixture]\nweights = { web = 1 }");
    assert!(unnamed.contains("nothing about books"), "{unnamed}");
    let often = error("[mixture]\nweights = { web = 1, books = 1 }\ntotal = 10000\nmax_epochs = 4");
    assert!(often.contains("5000 tokens of books") && often.contains("5.00 times"), "{often}");
    let once = error("[mixture]\nweights = { web = 1, books = 1 }\ntotal = 10000\nmax_epochs = 1");
    assert!(once.contains("at most 1 is allowed"), "{once}");
    let endless = error("[mixture]\nbudget = { web = 1, books = \"1B\" }");
    assert!(endless.contains("10000 times are"), "{endless}");
    assert_eq!(solve("[mixture]", &[]), Err(MixtureError::Empty));
}

proptest! {
    /// Segments are the stream: each stage has its tokens, each reading is in order and whole but
    /// for the last.
    #[test]
    fn segments_cover_each_stage(size in 1u64..50, stages in proptest::collection::vec(0u64..200, 1..4)) {
        let mix = Mix {
            stages: stages.iter().map(|&tokens| MixStage { name: String::new(), tokens: vec![tokens] }).collect(),
        };
        let mut at = 0;
        let mut covered = vec![0; stages.len()];
        for segment in mix.segments(0, size) {
            prop_assert_eq!((segment.epoch, segment.start), (at / size, at % size));
            prop_assert!(segment.start < segment.end && segment.end <= size);
            prop_assert_eq!(segment.before, covered[segment.stage]);
            covered[segment.stage] += segment.end - segment.start;
            at += segment.end - segment.start;
        }
        prop_assert_eq!(covered, stages);
    }

    #[test]
    fn shares_are_what_was_asked_for(sizes in proptest::collection::vec(1_000u64..1_000_000, 1..6), weights in proptest::collection::vec(0.01f64..1.0, 6)) {
        let cells: Vec<Cell> = sizes.iter().enumerate().map(|(index, &size)| cell(&format!("c{index}"), size)).collect();
        let weights: BTreeMap<String, f64> = (0..cells.len()).map(|index| (format!("c{index}"), weights[index])).collect();
        let sum: f64 = weights.values().sum();
        let mixture = Mixture { by: Fields::One("source".to_owned()), weights: weights.clone(), total: Some(Amount(1_000_000)), ..Mixture::default() };
        let mix = Mix::solve(&mixture, &[], &cells).unwrap();
        for (tokens, weight) in mix.stages[0].tokens.iter().zip(weights.values()) {
            prop_assert!((as_f64(*tokens) - 1e6 * weight / sum).abs() <= 0.5001);
        }
        // And without a total one cell is used up and none is read twice.
        let free = Mix::solve(&Mixture { total: None, ..mixture }, &[], &cells).unwrap();
        let tokens = &free.stages[0].tokens;
        prop_assert!(tokens.iter().zip(&sizes).all(|(tokens, size)| tokens <= size));
        prop_assert!(tokens.iter().zip(&sizes).any(|(tokens, size)| tokens == size));
    }
}
