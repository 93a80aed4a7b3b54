use super::normalize::{Normalizer, Punctuation};
use crate::document::SignalValue;
use crate::model::Assets;
use crate::ops::testing::{refused, trial, trial_at};
use crate::ops::{SignalLookup, find};

const MODEL: &str = "model = \"tests/golden/kenlm/alice.trie\"";

fn normal(text: &str) -> String {
    let normalizer = Normalizer {
        lower_case: true,
        strip_accents: true,
        zero_digits: true,
        punctuation: Punctuation::Replace,
    };
    let mut out = String::new();
    normalizer.apply(text, &mut out);
    out
}

/// What `cc_net.text_normalizer.normalize` (86cbfb9) gives.
#[test]
fn text_is_normalised_as_in_ccnet() {
    for (text, expected) in [
        ("", ""),
        ("  Hello\tWorld 1984 \n", "helloworld 0000"),
        ("Crème Brûlée — “Ça va?” …", "creme brulee  -  \"ca va?\" ..."),
        ("ΣΑΣ, İstanbul", "σας, istanbul"),
        ("中文，第１２章。「你好」", "中文,第00章.\"你好\""),
        ("x\u{7f}\u{85}y", "xy"),
        ("한국어 ガ", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165} カ"),
    ] {
        assert_eq!(normal(text), expected, "{text}");
    }
}

#[test]
fn perplexity_is_that_of_its_lines() {
    let model =
        Assets::default().ngram_lm(std::path::Path::new("tests/golden/kenlm/alice.trie")).unwrap();
    let lines = ["the white rabbit", "alice was xyzzy"];
    let log10: f64 = lines.iter().map(|line| model.score(line.split(' ')).log10).sum();
    let expected = 10f64.powf(-log10 / 8.0);
    let scored = trial("perplexity", MODEL, "The WHITE rabbit\n\n \nAlice was xyzzy\r\n");
    assert!((scored.number("perplexity") - expected).abs() < 1e-9 * expected);
    assert_eq!(scored.int("words"), Some(6));
    assert!(scored.number("unknown") >= 1.0 / 6.0);
    assert_eq!(scored.signal("model"), Some(SignalValue::OwnedText("default".to_owned())));
    let whole = format!("{MODEL}\nunit = \"document\"");
    let scored = trial("perplexity", &whole, "The WHITE\n rabbit");
    let log10 = model.score(lines[0].split(' ')).log10;
    let expected = 10f64.powf(-log10 / 4.0);
    assert!((scored.number("perplexity") - expected).abs() < 1e-9 * expected);
}

#[test]
fn thresholds() {
    let text = "the white rabbit was xyzzy";
    let perplexity = trial("perplexity", MODEL, text).number("perplexity");
    let reason = |more: String| trial("perplexity", &format!("{MODEL}\n{more}"), text).reason();
    assert_eq!(reason(format!("max_perplexity = {perplexity:?}")), "");
    assert_eq!(reason(format!("max_perplexity = {:?}", perplexity - 1e-6)), "high-perplexity");
    assert_eq!(reason(format!("min_perplexity = {:?}", perplexity + 1e-6)), "low-perplexity");
    assert_eq!(reason("max_unknown = 0.1".to_owned()), "unknown-words");
    assert_eq!(reason("max_unknown = 0.2".to_owned()), "");
}

#[test]
fn the_language_chooses_the_model() {
    let toml =
        "models = { en = \"tests/golden/kenlm/alice.trie\" }\nlanguage = \"SUBSTR(url, 1, 2)\"";
    let of = |url| trial_at("perplexity", toml, "the rabbit", url);
    assert_eq!(of(Some("en")).signal("model"), Some(SignalValue::OwnedText("en".to_owned())));
    for url in [Some("de"), None] {
        assert!(of(url).signals.is_empty(), "{url:?}");
        assert_eq!(of(url).reason(), "");
    }
    let both = format!("{toml}\n{MODEL}");
    let other = trial_at("perplexity", &both, "the rabbit", Some("de"));
    assert_eq!(other.signal("model"), Some(SignalValue::OwnedText("default".to_owned())));
}

/// The tokens of a tokenizer are the words.
#[test]
fn tokens_as_words() {
    let toml = format!("{MODEL}\ntokenizer = \"data-samples/tokenizers/gpt2.json\"");
    let scored = trial("perplexity", &toml, "a1 the");
    // `a`, `0`, `Ġthe`, of which the model knows the first at most.
    assert_eq!(scored.int("words"), Some(3));
    assert!(scored.number("unknown") > 0.6);
}

#[test]
fn any_text_has_a_score_or_none() {
    let long = "x".repeat(1 << 20);
    let texts = [
        "",
        " ",
        "\n\n",
        "\0",
        "\u{300}",
        "🙂",
        "字",
        "สวัสดี",
        "fn main() {\n\t\n}",
        "Hello\tHallo",
        &long,
    ];
    for text in texts {
        for unit in ["line", "document"] {
            let scored = trial("perplexity", &format!("{MODEL}\nunit = \"{unit}\""), text);
            assert_eq!(scored.reason(), "");
            if let Some(perplexity) = SignalLookup::number(&scored, "perplexity") {
                assert!(perplexity >= 1.0 && perplexity.is_finite(), "{text:.9}: {perplexity}");
            } else {
                assert!(
                    text.chars().all(|c| c.is_whitespace() || c.is_control() || c == '\u{300}')
                );
            }
        }
    }
}

/// One stage with quantiles is two.
#[test]
fn quantiles_make_a_second_stage() {
    let settings = |toml: &str| {
        let op = find("perplexity").unwrap();
        (op.from_toml)(toml::de::Deserializer::parse(toml).unwrap()).unwrap()
    };
    assert!(settings(MODEL).behind("perplexity").is_none());
    let toml = format!("{MODEL}\nbuckets = [\"head\", \"tail\"]\ncuts = [0.25]\nkeep_bottom = 0.5");
    let (op, json) = settings(&toml).behind("ppl").unwrap();
    assert_eq!(op, "quantile");
    assert_eq!(json["value"], "\"ppl.perplexity\"");
    assert_eq!(json["by"][0], "\"ppl.model\"");
    assert_eq!(json["keep_bottom"], 0.5);
    assert_eq!(json["cuts"][0], 0.25);
}

#[test]
fn settings_that_cannot_work_say_what_would() {
    let message = |toml: &str| refused("perplexity", toml).to_string();
    assert!(message("").contains("give KenLM models"));
    assert!(
        message("models = { en = \"tests/golden/kenlm/alice.trie\" }")
            .contains("language: there is no column")
    );
    assert!(message(&format!("{MODEL}\nmax_perplexity = 0.5")).contains("1 or more"));
    assert!(message(&format!("{MODEL}\nmax_unknown = 2.0")).contains("give 0 to 1"));
    assert!(message("model = \"tests/golden/kenlm/none.bin\"").contains("none.bin"));
    assert!(message("model = \"Cargo.toml\"").contains("neither a KenLM binary file nor ARPA"));
}
