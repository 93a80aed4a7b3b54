//! Items written for these tests, alone and among those of the samples.

#![expect(clippy::float_cmp, reason = "scores are rounded, counts are whole")]

use super::*;
use crate::document::SignalValue;
use crate::ops::testing::{Trial, refused, trial};

/// A benchmark of our own beside the samples.
const OWN: &str = r#"{"id": "ferry", "question": "The ferry to Hollow Island carries twelve bicycles and thirty passengers on each crossing. If it crosses five times on Saturday, how many passengers does it carry that day?", "answer": "It carries 30 * 5 = <<30*5=150>>150 passengers.\n150"}
{"id": "glacier", "question": "What is the longest glacier in Norway?", "answer": "Lomsegga"}
{"id": "rare", "question": "Which tendon crosses the navicular groove beneath sustentaculum tali?"}
{"id": "generic", "question": "Which of these is true?", "choices": ["Basalt cools slowly underground", "Gabbro has visible crystals", "Pumice sinks in fresh water", "Slate forms from marble"], "answer": 1}
{"id": "passage", "passage": "The lighthouse keeper of Brannock Head wrote every evening in a ledger bound with sailcloth. In the winter of the great storms he noted the names of forty ships that had passed within sight of his lamp.", "question": "What was the ledger of the lighthouse keeper bound with?", "answer": "sailcloth"}
{"id": "zh", "question": "小明的果园里有三百二十棵梨树和一百五十棵桃树，每棵梨树每年结果四十公斤，请问梨树一年一共结果多少公斤？", "answer": "12800"}
{"id": "ja", "question": "東京から京都まで新幹線で二時間十五分かかるとき、午前九時に出発した列車は何時に着きますか。", "answer": "十一時十五分"}
{"id": "code", "prompt": "def braid_lanterns(lanterns, ribbons):\n    \"\"\"Interleave lanterns with ribbons; leftovers of the longer list are dropped.\n    >>> braid_lanterns([1, 2], ['x'])\n    [1, 'x']\n    \"\"\"\n", "canonical_solution": "    woven = []\n    for lantern, ribbon in zip(lanterns, ribbons):\n        woven += [lantern, ribbon]\n    return woven\n"}
"#;

const FERRY: &str = "The ferry to Hollow Island carries twelve bicycles and thirty passengers on each crossing. If it crosses five times on Saturday, how many passengers does it carry that day?";

const BEFORE: &str = "We had planned the trip for weeks, and the weather was kind to us. My sister packed sandwiches, and the children argued about who should sit by the window.\n\n";
const AFTER: &str = "\n\nAfterwards we walked along the harbour until it was dark. None of us said much, and nobody wanted to go home before the lamps were lit.";

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    #[expect(clippy::disallowed_methods, reason = "tests write their own files")]
    fn new(file: &str, content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), content).unwrap();
        Self { folder }
    }

    /// Runs the op with this benchmark alone.
    fn alone(&self, settings: &str, text: &str) -> Trial {
        let path = self.folder.path().display();
        trial("decontaminate", &format!("benchmarks = [\"{path}/*\"]\n{settings}"), text)
    }

    /// Runs the op with this benchmark and the samples.
    fn among(&self, settings: &str, text: &str) -> Trial {
        let path = self.folder.path().display();
        let benchmarks =
            format!("benchmarks = [\"data-samples/benchmarks/*.jsonl.gz\", \"{path}/*\"]");
        trial("decontaminate", &format!("{benchmarks}\n{settings}"), text)
    }
}

fn own() -> Lab {
    Lab::new("own.jsonl", OWN)
}

fn text(trial: &Trial, signal: &str) -> String {
    match trial.signals.get(signal) {
        Some(SignalValue::OwnedText(text)) => text.clone(),
        None => String::new(),
        other => panic!("{signal} is {other:?}"),
    }
}

fn details(trial: &Trial) -> Vec<Detail> {
    found::read(&text(trial, "details")).unwrap_or_default()
}

/// The items found, in order of their places.
fn items(trial: &Trial) -> Vec<String> {
    details(trial).into_iter().map(|detail| detail.1).collect()
}

fn wrapped(item: &str) -> String {
    format!("{BEFORE}{item}{AFTER}")
}

#[test]
fn an_item_is_found_wherever_it_stands_and_however_it_is_written() {
    let lab = own();
    let variants = [
        FERRY.to_owned(),
        FERRY.to_uppercase(),
        FERRY.replace([',', '.', '?'], ""),
        FERRY.replace(' ', "\n"),
        FERRY.replace("crossing.", "crossing —").replace("Hollow Island", "“Hollow” Island"),
        // A word changed, added, left out; several of them.
        FERRY.replace("thirty", "forty"),
        FERRY.replace("carries twelve", "usually carries about twelve"),
        FERRY.replace("bicycles and ", ""),
        FERRY.replace("thirty", "forty").replace("Saturday", "Sunday").replace("five", "six"),
        // Cut off on either side.
        FERRY.replace(" how many passengers does it carry that day?", ""),
        FERRY.replace("The ferry to Hollow Island carries ", ""),
        // Its answer with it.
        format!("Q: {FERRY}\nA: It carries 30 * 5 = 150 passengers. The answer is 150."),
    ];
    for variant in &variants {
        for document in [
            variant.clone(),
            wrapped(variant),
            format!("{BEFORE}{variant}"),
            format!("{variant}{AFTER}"),
        ] {
            for found in [lab.among("", &document), lab.alone("", &document)] {
                assert_eq!(items(&found), ["ferry"], "{variant}");
                assert_eq!(found.reason(), "contaminated", "{variant}");
                assert!(found.number("score") >= 0.65, "{variant}");
            }
        }
    }
    assert_eq!(details(&lab.among("", &wrapped(&variants[0])))[0].4, 1.0);
    let answered = details(&lab.among("", &wrapped(&variants[11])));
    assert_eq!(answered[0].5, "question answer");
}

#[test]
fn places_are_characters_of_the_text() {
    let lab = own();
    let document = format!("Über Straßen — naïve 日本 {BEFORE}{FERRY}{AFTER}");
    let found = lab.among("", &document);
    let detail = details(&found).remove(0);
    let chars: Vec<char> = document.chars().collect();
    let (start, end) = (usize::try_from(detail.2).unwrap(), usize::try_from(detail.3).unwrap());
    let there: String = chars[start..end].iter().collect();
    assert_eq!(there, FERRY.trim_end_matches('?'));
    assert_eq!(text(&found, "spans"), format!("{start}-{end}"));
    assert_eq!((detail.0.as_str(), found.number("matches")), ("own", 1.0));
}

#[test]
fn all_matches_of_a_document_are_told() {
    let lab = own();
    let document = format!("{FERRY}\n\n{}\n\n{FERRY}", BEFORE.repeat(3));
    let document = format!(
        "{document}\n\nWhich tendon crosses the navicular groove beneath sustentaculum tali?"
    );
    let found = lab.among("", &document);
    assert_eq!(items(&found), ["ferry", "ferry", "rare"]);
    assert_eq!(found.number("matches"), 3.0);
    assert_eq!(text(&found, "spans").split(' ').count(), 3);
}

#[test]
fn short_questions_need_rare_words_or_their_answer() {
    let lab = own();
    let found = |item: &str| items(&lab.among("", &wrapped(item)));
    // Rare words are enough, if the question is complete.
    assert_eq!(
        found("Which tendon crosses the navicular groove beneath sustentaculum tali?"),
        ["rare"]
    );
    assert_eq!(found("Which tendon crosses the groove of the foot?"), [""; 0]);
    // Common ones with the answer near.
    assert_eq!(found("What is the longest glacier in Norway? Lomsegga, of course."), ["glacier"]);
    assert_eq!(
        found("Q: What is the longest glacier in Norway?\nThink before you look.\nA: Lomsegga"),
        ["glacier"]
    );
    assert_eq!(found("What is the deepest lake in Norway? Hornindalsvatnet."), [""; 0]);
    // A question that could be any other's, with its choices.
    assert_eq!(found("Which of these is true?"), [""; 0]);
    let choices = "Which of these is true?\nA. Basalt cools slowly underground\nB. Gabbro has visible crystals\nC. Pumice sinks in fresh water\nD. Slate forms from marble\nAnswer: B";
    assert_eq!(found(choices), ["generic"]);
    let unlabelled = choices.replace("A. ", "- ").replace("B. ", "- ").replace("Which", "which");
    assert_eq!(found(&unlabelled), ["generic"]);
}

#[test]
fn a_passage_counts_with_its_question_only() {
    let lab = own();
    let passage = "The lighthouse keeper of Brannock Head wrote every evening in a ledger bound with sailcloth. In the winter of the great storms he noted the names of forty ships that had passed within sight of his lamp.";
    let question = "What was the ledger of the lighthouse keeper bound with?";
    assert_eq!(items(&lab.among("", &wrapped(passage))), [""; 0]);
    let both = details(&lab.among("", &wrapped(&format!("{passage}\n\n{question} Sailcloth."))));
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].5, "passage question answer");
    let after = wrapped(&format!("{question}\n\n{BEFORE}\n{passage}"));
    assert_eq!(items(&lab.among("", &after)), ["passage"]);
}

#[test]
fn chinese_japanese_and_code() {
    let lab = own();
    let chinese = "小明的果园里有三百二十棵梨树和一百五十棵桃树，每棵梨树每年结果四十公斤，请问梨树一年一共结果多少公斤？";
    let japanese = "東京から京都まで新幹線で二時間十五分かかるとき、午前九時に出発した列車は何時に着きますか。";
    let code = "def braid_lanterns(lanterns, ribbons):\n    \"\"\"Interleave lanterns with ribbons; leftovers of the longer list are dropped.\n    >>> braid_lanterns([1, 2], ['x'])\n    [1, 'x']\n    \"\"\"\n    pass\n";
    for (item, id) in [(chinese, "zh"), (japanese, "ja"), (code, "code")] {
        assert_eq!(items(&lab.among("", &wrapped(item))), [id]);
    }
    let spaced = chinese.replace('，', ", ").replace('三', " 三 ").replace("四十", "五十");
    assert_eq!(items(&lab.among("", &format!("这是一个题目。{spaced}"))), ["zh"]);
    assert_eq!(items(&lab.among("", "小明家里有三棵梨树，每年结很多果子，他很高兴。")), [""; 0]);
    let idiom = "def read(paths):\n    found = []\n    for path, name in zip(paths, names):\n        found += [path, name]\n    return found\n";
    assert_eq!(items(&lab.among("", idiom)), [""; 0]);
}

#[test]
fn texts_of_any_kind_pass() {
    let lab = own();
    let long = "word".repeat(250_000);
    let lines = "for i in range(10):\n".repeat(2000);
    for text in [
        "",
        "x",
        "\u{301}",
        "🙂🙂",
        "สวัสดีครับ",
        "en sentence\tder Satz",
        &long,
        &lines,
        "\\n\\",
        "'",
    ] {
        for method in ["", "method = \"ngram\""] {
            let found = lab.among(method, text);
            assert_eq!((found.reason(), found.number("matches")), ("", 0.0));
        }
    }
}

#[test]
fn runs_of_words() {
    let lines: Vec<String> = (0..40)
        .map(|item| {
            let words: Vec<String> = (0..30).map(|word| format!("w{item}x{word}")).collect();
            format!("{} and so forth to the very end of all that can ever be said", words.join(" "))
        })
        .collect();
    let lab = Lab::new("runs.txt", &lines.join("\n"));
    let ngram =
        |settings: &str, text: &str| lab.alone(&format!("method = \"ngram\"\n{settings}"), text);
    let words: Vec<&str> = lines[6].split(' ').collect();
    // Thirteen words in a row, wherever; not twelve.
    let run =
        |from: usize, count: usize| wrapped(&words[from..from + count].join(", ").to_uppercase());
    for from in [0, 3, 17] {
        let found = ngram("", &run(from, 13));
        assert_eq!(items(&found), ["7"], "{from}");
        assert_eq!(found.reason(), "contaminated");
        assert_eq!(ngram("", &run(from, 12)).reason(), "");
    }
    // Twenty words are eight of the item's runs.
    let all = words.len() - 12;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let share = found::rounded(8.0 / all as f64);
    assert_eq!(ngram("", &run(0, 20)).number("score"), share);
    assert_eq!(ngram("min_score = 0.5", &run(0, 20)).reason(), "");
    assert_eq!(ngram("min_score = 0.5", &lines[6]).reason(), "contaminated");
    // What more than ten items end with is passed over.
    let common = wrapped("and so forth to the very end of all that can ever be said");
    assert_eq!(ngram("", &common).reason(), "");
    let found = ngram("max_ngram_items = 40", &common);
    assert_eq!(found.number("matches"), 40.0);
}

#[test]
fn runs_are_shorter_for_benchmarks_of_short_items() {
    let short: Vec<String> =
        (0..40).map(|n| format!("a{n} b{n} c{n} d{n} e{n} f{n} g{n} h{n} i{n}")).collect();
    let lab = Lab::new("short.txt", &short.join("\n"));
    let found = |text: &str| lab.alone("method = \"ngram\"", text).number("matches");
    // Items of nine words have runs of nine.
    assert_eq!(found(&wrapped(&short[3])), 1.0);
    assert_eq!(found(&wrapped(&short[3].replace(" i3", ""))), 0.0);
    let least = |text: &str| lab.alone("method = \"ngram\"\nmax_ngram = 8", text).number("matches");
    assert_eq!(least(&wrapped(&short[3].replace(" i3", ""))), 1.0);
}

#[test]
fn matches_are_cut_out_with_what_is_around_them() {
    let lab = own();
    let cut =
        |settings: &str, text: &str| lab.among(&format!("remove = \"matches\"\n{settings}"), text);
    let around = |words: &str| words.repeat(20);
    let document = format!("{}\n\n{FERRY}\n\n{}", around("before it "), around("behind it "));
    let found = cut("window = 0\nmin_piece = 10", &document);
    assert_eq!(found.reason(), "");
    let left = found.text.unwrap();
    assert_eq!(
        left,
        format!("{}\n\n?\n\n{}", around("before it ").trim(), around("behind it ").trim())
    );
    // The window takes words whole; what is short goes.
    let found = cut("window = 20\nmin_piece = 10", &document);
    let left = found.text.unwrap();
    assert!(left.starts_with("before it before it") && left.ends_with("behind it behind it"));
    assert!(!left.contains("ferry") && left.contains("\n\n") && left.len() < 380, "{left}");
    assert_eq!(cut("min_piece = 200", &document).reason(), "contaminated-nothing-left");
    // A document that falls into many pieces goes.
    let many = [document.as_str(); 4].join("\n");
    assert_eq!(cut("window = 10\nmin_piece = 10", &many).reason(), "");
    let few = "window = 10\nmin_piece = 10\nmax_pieces = 4";
    assert_eq!(cut(few, &many).reason(), "contaminated-in-many-places");
    // A clean one stays as it is.
    let clean = cut("", BEFORE);
    assert_eq!((clean.reason(), clean.text), ("", None));
}

#[test]
fn scores_below_the_threshold_are_told_for_whatif() {
    let lab = own();
    let changed = FERRY
        .replace("thirty", "forty")
        .replace("Saturday", "Sunday")
        .replace("five", "six")
        .replace("bicycles", "horses");
    let found = lab.among("min_score = 0.95", &wrapped(&changed));
    assert_eq!((found.reason(), found.number("matches")), ("", 0.0));
    let score = found.number("score");
    assert!((0.5..0.95).contains(&score), "{score}");
    assert_eq!(text(&found, "details"), "");
}

#[test]
fn what_cannot_work_is_refused_at_its_key() {
    let samples = "benchmarks = [\"data-samples/benchmarks/*.jsonl.gz\"]\n";
    for (toml, key, said) in [
        (String::new(), "benchmarks", "name files"),
        ("benchmarks = [\"nowhere/*.jsonl\"]".to_owned(), "benchmarks", "matches no file"),
        (format!("{samples}min_score = 0.3"), "min_score", "give 0.5 to 1"),
        (format!("{samples}names = [\"one\"]"), "names", "1 names for 2 files"),
        (format!("{samples}names = [\"a\", \"a\"]"), "names", "two files are called `a`"),
        (format!("{samples}method = \"ngram\"\nmin_ngram = 20"), "min_ngram", "20 to 13"),
        (format!("{samples}question_fields = [\"body\"]"), "benchmarks", "line 1 has none of"),
    ] {
        match refused("decontaminate", &toml) {
            OpError::Setting { key: at, reason } => {
                assert_eq!(at, key, "{toml}");
                assert!(reason.contains(said), "{reason}");
            }
            other => panic!("{toml}: {other}"),
        }
    }
}
