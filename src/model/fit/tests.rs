use super::*;

/// Texts of two kinds whose words overlap, so that no classifier is perfect.
fn texts(seed: u64) -> (Vec<Labelled>, Counts) {
    let words = [
        ["river", "stone", "cloud", "meadow", "harvest", "lantern"],
        ["discount", "click", "login", "cart", "coupon", "newsletter"],
    ];
    let texts = (0..600u32)
        .map(|n| {
            let label = n % 2;
            let drawn: Vec<&str> = (0..6u64)
                .map(|at| {
                    let bits = usize::from(
                        xxhash_rust::xxh3::xxh3_64_with_seed(&n.to_le_bytes(), at).to_le_bytes()[0],
                    );
                    // One word of four is of the other kind.
                    words[(label as usize + usize::from(bits.is_multiple_of(4))) % 2][bits / 8 % 6]
                })
                .collect();
            let text = drawn.join(" ");
            let group = Labelled::group_of(&text);
            (Labelled { text, labels: vec![label], source: 0, group, part: Part::Train }, None)
        })
        .collect();
    split(texts, Shares { validation: 0.25, test: 0.25 }, seed)
}

fn settings() -> FitSettings {
    FitSettings {
        seed: 3,
        loss: TrainLoss::Softmax,
        linear: false,
        fixed: Fixed { buckets: Some(5000), epochs: Some(5), ..Fixed::default() },
        trials: 6,
        metric: Metric::RocAuc,
        calibration: None,
        calibrate: true,
        max_bytes: Some(1 << 20),
        positive: Some("prose".to_owned()),
        preprocess: Preprocess::Words,
        languages: vec!["en".to_owned()],
    }
}

fn labels() -> [String; 2] {
    ["prose".to_owned(), "shop".to_owned()]
}

#[test]
fn a_fitted_classifier_is_good_calibrated_and_the_same_on_any_number_of_threads() {
    let (texts, counts) = texts(1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&labels(), &texts, &settings(), &|_| {}).unwrap())
    };
    let (one, two) = (run(1), run(3));
    assert_eq!(one.model, two.model);
    let json = |fitted: &Fitted| serde_json::to_string(&fitted.sidecar).unwrap();
    assert_eq!(json(&one), json(&two));
    assert!(one.quantised && one.model.len() <= 1 << 20);
    let label = &one.report.labels[0];
    assert_eq!((label.label.as_str(), one.report.labels.len()), ("prose", 1));
    assert!(label.roc_auc > 0.9, "{label:?}");
    assert!(label.brier.1 < label.brier.0 + 0.01, "{:?}", label.brier);
    assert_eq!(one.report.trials.len(), 6);
    assert!(one.report.trials.iter().all(|trial| trial.shown.contains("epochs = 5")));

    let model = std::sync::Arc::new(FastText::from_bytes(&one.model).unwrap());
    let classifier =
        crate::model::classifier::Classifier::new(model, Some(one.sidecar.clone())).unwrap();
    let mut scratch = crate::model::classifier::Scratch::default();
    let prose = classifier.label("__label__prose").unwrap();
    let score = |text, scratch: &mut _| classifier.score(text, scratch).unwrap()[prose];
    let good = score("River, stone!\nMeadow cloud.", &mut scratch);
    assert!(good > 0.9, "{good}");
    assert!(score("click login coupon", &mut scratch) < 0.1);

    let svg = plot("a <b>", &one.report);
    assert!(svg.starts_with("<svg") && svg.contains("a &lt;b&gt;") && !svg.contains("NaN"));
    let about = About {
        name: "demo",
        description: "",
        licence: "",
        limits: &[],
        sources: vec![("all".to_owned(), "a|b".to_owned(), String::new())],
        command: "tamis".to_owned(),
        counts,
    };
    let card = card(&about, &texts, &one);
    assert!(
        card.contains("| prose |") && card.contains("a\\|b") && !card.contains("NaN"),
        "{card}"
    );
}

#[test]
fn parts_that_lack_a_label_are_told_of() {
    let (mut texts, _) = texts(1);
    let told = |texts: &[Labelled]| match fit(&labels(), texts, &settings(), &|_| {}) {
        Ok(_) => panic!("fitted"),
        Err(error) => error.to_string(),
    };
    for text in &mut texts {
        if text.labels == [1] && text.part == Part::Test {
            text.part = Part::Train;
        }
    }
    assert!(told(&texts).contains("to test with has the label `shop`"));
    texts.retain(|text| text.part != Part::Validation);
    assert!(told(&texts).contains("no text is left for validate"));
}
