use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::*;
use crate::model::Assets;
use crate::model::read_asset;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kenlm").join(name)
}

/// Sentences with what the Python module `kenlm` says: sum and unknown words.
fn scores() -> std::collections::BTreeMap<String, Vec<(String, f64, u64)>> {
    serde_json::from_slice(&read_asset(&golden("scores.json")).unwrap()).unwrap()
}

#[test]
fn scores_are_those_of_kenlm_for_every_kind_of_file() {
    let all = scores();
    assert_eq!(all.len(), 7);
    for (name, rows) in all {
        let model = Assets::default().ngram_lm(&golden(&name)).unwrap();
        assert!(rows.len() >= 5);
        for (sentence, log10, unknown) in rows {
            let score = model.score(sentence.split_ascii_whitespace());
            assert_eq!(score.unknown, unknown, "{name}: {sentence}");
            assert_eq!(score.words, sentence.split_ascii_whitespace().count() as u64);
            // Both add the same floats.
            assert!((score.log10 - log10).abs() < 1e-9, "{name}: {sentence}: {score:?} {log10}");
        }
    }
}

fn binary(name: &str) -> Vec<u8> {
    read_asset(&golden(name)).unwrap().to_vec()
}

/// Whatever is wrong with a file: an error, or some number.
#[test]
fn damaged_binary_files_do_not_panic() {
    for name in ["probing", "trie", "quantised-trie", "array-trie", "quantised-array-trie"] {
        let whole = binary(&format!("alice.{name}"));
        let words = ["the", "white", "rabbit", "xyzzy", "the", "the"];
        let mut cuts: Vec<usize> = (0..200).collect();
        cuts.extend((200..whole.len()).step_by(997));
        // The words themselves stand last and are not looked at.
        for cut in cuts.into_iter().filter(|&cut| cut < whole.len() * 3 / 4) {
            assert!(NgramLm::from_binary(&whole[..cut]).is_err(), "{name} cut at {cut}");
        }
        for at in (0..180).chain((180..whole.len()).step_by(211)) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(model) = NgramLm::from_binary(&bytes[..]) {
                    let score = model.score(words);
                    assert_eq!(score.words, 6);
                }
            }
        }
        // All behind the header is noise.
        let mut bytes = whole.clone();
        let mut noise = 1u64;
        for byte in &mut bytes[160..] {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = noise.to_be_bytes()[0];
        }
        if let Ok(model) = NgramLm::from_binary(&bytes[..]) {
            model.score(words);
        }
    }
}

#[test]
fn what_is_no_model_says_what_it_is() {
    let message = |bytes: &[u8]| NgramLm::from_binary(bytes).err().unwrap().to_string();
    let mut bytes = binary("alice.trie");
    assert!(message(&bytes[..5000]).contains("bytes and has 5000"));
    bytes[96] = 9;
    assert!(message(&bytes).contains("build_binary probing"), "{}", message(&bytes));
    bytes[96] = 2;
    bytes[49] = b'4';
    assert!(message(&bytes).contains("version 4"), "{}", message(&bytes));
    let arpa =
        |text: &str| NgramLm::<Vec<u8>>::from_arpa(text.as_bytes()).err().unwrap().to_string();
    assert!(arpa("hello\n").contains("begins with \"hello\""));
    assert!(arpa("").contains("begins with \"\""));
    let mut sri = String::new();
    std::io::Cursor::new(binary("sri.arpa")).read_to_string(&mut sri).unwrap();
    assert!(arpa(&sri.replace("ngram 2=7", "ngram 2=9")).contains("does not begin with"));
    assert!(arpa(&sri.replace("ngram 2=7", "ngram 2=6")).contains("`\\3-grams:` expected"));
    assert!(arpa(&sri.replace("ngram 2=7", "ngram 3=7")).contains("`ngram 2=…` expected"));
    assert!(arpa(&sri.replace("b a c", "b a d")).contains("`d` is not among the words"));
    assert!(arpa(&sri.replace("-0.1\tb a c", "-0.1\tb a")).contains("fewer than 3 words"));
    assert!(arpa(&sri.replace("-0.1\tb a c", "0.1\tb a c")).contains("logarithm"));
    assert!(arpa(&sri.replace("-0.9\t</s>", "-0.9\te")).contains("`</s>` is not among"));
    assert!(arpa(&sri.replace("\\end\\", "")).contains("`\\end\\` expected"));
    assert!(arpa(&sri[..sri.len() / 2]).contains("line "));
    for cut in 0..sri.len() - 6 {
        assert!(NgramLm::<Vec<u8>>::from_arpa(&sri.as_bytes()[..cut]).is_err(), "{cut}");
    }
    let mut text = String::new();
    let packed = binary("alice.arpa.gz");
    MultiGzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let model = NgramLm::<Vec<u8>>::from_arpa(text.as_bytes()).unwrap();
    assert_eq!(model.order(), 4);
}
