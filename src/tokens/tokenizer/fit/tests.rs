use std::collections::HashMap;

use super::super::Tokenizer;
use super::*;

fn counted(texts: &[&str], pattern: &WordPattern) -> Words {
    let mut counter = Words::counter(pattern).unwrap();
    texts.iter().for_each(|text| counter.add(text).unwrap());
    counter.finish()
}

fn settings(vocab_size: u32) -> Settings {
    Settings { vocab_size, min_frequency: 0, special: vec!["<|endoftext|>".to_owned()] }
}

/// What the definition says, with nothing remembered between steps.
fn slow(texts: &[&str], pattern: &WordPattern, size: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let words = counted(texts, pattern);
    let mut tokens: Vec<Vec<u8>> =
        byte_level::alphabet().into_iter().map(|byte| vec![byte]).collect();
    let mut words: Vec<(Vec<usize>, u64)> = words
        .sorted()
        .into_iter()
        .map(|(word, count)| {
            let id = |byte| tokens.iter().position(|token| token[..] == [byte]).unwrap();
            (word.bytes().map(id).collect(), count)
        })
        .collect();
    let mut merges = Vec::new();
    while tokens.len() < size {
        let mut counts: HashMap<(usize, usize), u64> = HashMap::new();
        for (word, count) in &words {
            for pair in word.windows(2) {
                *counts.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let best = counts.into_iter().max_by_key(|&(pair, count)| (count, std::cmp::Reverse(pair)));
        let Some((pair, _)) = best else { break };
        let token = [&tokens[pair.0][..], &tokens[pair.1]].concat();
        let id = tokens.iter().position(|known| *known == token).unwrap_or(tokens.len());
        if id == tokens.len() {
            tokens.push(token);
        }
        merges.push((tokens[pair.0].clone(), tokens[pair.1].clone()));
        for (word, _) in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if (word[at], word[at + 1]) == pair {
                    word[at] = id;
                    word.remove(at + 1);
                }
                at += 1;
            }
        }
    }
    merges
}

const TEXT: &str = include_str!("../../../../data-samples/plain/zen-en.txt");

#[test]
fn merges_are_those_of_the_definition() {
    let runs = "aaaa aaa aaaaaaa bbbb abab ababab ----- --- ------- 你好你好 你好 \n\n\n\n   x";
    let pattern = WordPattern::new("gpt2").unwrap();
    let fitted = fit(&counted(&[TEXT, runs], &pattern), &settings(500)).unwrap();
    let bytes = |id: u32| fitted.tokens[id as usize - 1].clone();
    let merges: Vec<_> =
        fitted.merges.iter().map(|&(left, right)| (bytes(left), bytes(right))).collect();
    assert_eq!(fitted.vocab_size(), 500);
    assert_eq!(merges, slow(&[TEXT, runs], &pattern, 499));
}

#[test]
fn the_order_of_texts_is_nothing() {
    let pattern = WordPattern::new("o200k").unwrap();
    let lines: Vec<&str> = TEXT.split_inclusive('\n').collect();
    let one = counted(&lines, &pattern);
    let mut halves = lines.clone();
    halves.reverse();
    let (left, right) = halves.split_at(7);
    let other = counted(left, &pattern).merge(counted(right, &pattern));
    let json = |words| fit(&words, &settings(400)).unwrap().to_json(&pattern);
    assert_eq!(json(one), json(other));
}

#[test]
fn what_is_fitted_loads_and_encodes() {
    for name in ["gpt2", "cl100k", "o200k", "qwen", r"\w+|\W"] {
        let pattern = WordPattern::new(name).unwrap();
        let fitted = fit(&counted(&[TEXT], &pattern), &settings(600)).unwrap();
        let tokenizer =
            Tokenizer::from_bytes("tokenizer.json", fitted.to_json(&pattern).as_bytes()).unwrap();
        assert_eq!(tokenizer.vocab_size(), 600, "{name}");
        assert_eq!(tokenizer.end_of_document(None).unwrap(), 0);
        let mut ids = Vec::new();
        tokenizer.encode_into(TEXT, &mut ids).unwrap();
        let ids = tokenizers::pipeline::PipelineToken::cast_slice(&ids);
        assert_eq!(tokenizer.decode(ids).unwrap(), TEXT, "{name}");
        assert!(ids.len() * 2 < TEXT.len(), "{name}: {} tokens", ids.len());
    }
}

#[test]
fn rare_pairs_are_left() {
    let pattern = WordPattern::new("gpt2").unwrap();
    let words = counted(&["ab ab ab cd cd"], &pattern);
    let mut settings = settings(1000);
    settings.min_frequency = 3;
    let fitted = fit(&words, &settings).unwrap();
    // " ab" comes twice only.
    assert_eq!(fitted.tokens[256..], [b"ab".to_vec()]);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let pattern = WordPattern::new("gpt2").unwrap();
    let words = counted(&["a"], &pattern);
    let refused = |settings: &Settings| fit(&words, settings).map(|_| ()).unwrap_err().to_string();
    assert!(refused(&settings(256)).contains("at least 257"));
    let mut twice = settings(1000);
    twice.special.push("<|endoftext|>".to_owned());
    assert!(refused(&twice).contains("twice"));
    let error = WordPattern::new("(").map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("none of gpt2"), "{error}");
}
