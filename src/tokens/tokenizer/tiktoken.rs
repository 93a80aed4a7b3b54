//! Rank files of tiktoken: each line a token in base64 and its rank, which is its id and the order
//! in which pairs are merged.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::encodings::{ENCODINGS, Encoding, Pattern};
use super::exact::{Exact, merged};
use super::files::File;
use super::splitter::Trailing;
use super::{MOST_IDS, Parts, TokenizerError, byte_level, huggingface};

/// `NAME.pattern.json` beside a rank file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Companion {
    pat_str: String,
    #[serde(default)]
    special_tokens: BTreeMap<String, u32>,
}

pub(super) fn load(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<Parts, TokenizerError> {
    let (ranks, pattern, special) = read(file, companion)?;
    let merges = ranks.merges();
    let mut parts = huggingface::from_canonical(file, &ranks.canonical(&pattern, &merges))?;
    if pattern.trailing {
        let trailing = Trailing::new(ranks.white_space(&merges));
        parts.engine.set_trailing(trailing.map_err(|error| file.unsupported(error.to_string()))?);
    }
    parts.ids.extend(special.iter().map(|(name, &id)| (name.clone(), id)));
    parts.apart = special.into_iter().map(|(name, id)| (id, name)).collect();
    Ok(parts)
}

/// The same as a `tokenizer.json` of version 1.0.
#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "written beside checkpoints"))]
pub(super) fn export(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<Value, TokenizerError> {
    let (ranks, pattern, special) = read(file, companion)?;
    let mut model = ranks.canonical(&pattern, &ranks.merges())["model"].take();
    // An added token takes the next free id, unless the vocabulary has it.
    for (name, id) in &special {
        model["vocab"][name] = (*id).into();
    }
    if let Some(model) = model.as_object_mut() {
        model.remove("byte_level");
    }
    // In the library's dialect `$` is the end of a line and `\z` that of the text.
    let regex = if pattern.trailing {
        pattern.regex.replace(r"|\s*[\r\n]+", r"|\s+\z|\s*[\r\n]+")
    } else {
        pattern.regex
    };
    let special = special.into_iter();
    Ok(super::export::byte_level(&super::export::words(&regex), &model, special))
}

/// Tokens, how texts are split, and special tokens.
fn read(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<(Ranks, Pattern, BTreeMap<String, u32>), TokenizerError> {
    let ranks = Ranks::read(file)?;
    let name = super::files::companions(&file.name).pop();
    let beside = name.as_deref().map(&companion).transpose()?.flatten();
    let known = encoding(file, ranks.tokens.len())?;
    let (pattern, special) = match (beside, known) {
        (Some(beside), _) => {
            let Companion { pat_str, special_tokens } = serde_json::from_slice(&beside.bytes)
                .map_err(|error| TokenizerError::Json {
                    file: beside.name.clone(),
                    line: error.line(),
                    column: error.column(),
                    reason: error.to_string(),
                })?;
            if let Some((name, id)) = special_tokens.iter().find(|&(_, &id)| id >= MOST_IDS) {
                return Err(
                    beside.wrong(format!("`{name}` has the id {id}; ids are below {MOST_IDS}"))
                );
            }
            (Pattern::of(&pat_str), special_tokens)
        }
        (None, Some(known)) => {
            let special = known.special.iter().map(|&(name, id)| (name.to_owned(), id));
            (Pattern::of(known.pattern), special.collect())
        }
        (None, None) => return Err(unknown(file, ranks.tokens.len(), name.as_deref())),
    };
    ranks.check_holes(file, &special)?;
    Ok((ranks, pattern, special))
}

/// The encoding of OpenAI's that a file is, by name or else by its number of ranks.
fn encoding(file: &File, ranks: usize) -> Result<Option<&'static Encoding>, TokenizerError> {
    let stem = file.name.split('.').next().unwrap_or_default();
    let Some(named) = ENCODINGS.iter().find(|encoding| encoding.name == stem) else {
        return Ok(ENCODINGS.iter().find(|encoding| encoding.ranks == ranks));
    };
    if named.ranks == ranks {
        return Ok(Some(named));
    }
    Err(file.wrong(format!(
        "{ranks} ranks, but {} has {}; the file is cut, or has another's name",
        named.name, named.ranks
    )))
}

fn unknown(file: &File, ranks: usize, companion: Option<&str>) -> TokenizerError {
    let names: Vec<_> = ENCODINGS.iter().map(|encoding| encoding.name).collect();
    let companion = companion.unwrap_or("NAME.pattern.json");
    file.wrong(format!(
        "{ranks} ranks, which is none of {}, and ranks do not say how text is split; put a file \
         `{companion}` beside it: {{\"pat_str\": \"…\", \"special_tokens\": {{\"<|endoftext|>\": \
         {ranks}}}}}",
        names.join(", ")
    ))
}

/// Tokens with their ranks.
struct Ranks {
    /// In the order of ranks.
    tokens: Vec<(Vec<u8>, u32)>,
    ids: HashMap<Vec<u8>, u32>,
}

impl Ranks {
    fn read(file: &File) -> Result<Self, TokenizerError> {
        let text = file.text()?;
        let mut tokens = Vec::new();
        let mut ids = HashMap::new();
        let mut lines = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() {
                continue;
            }
            let (token, rank) = line.split_once(' ').ok_or_else(|| {
                file.line(number, "it is not a token in base64, a space and a rank; is it cut?")
            })?;
            let token = base64(token).ok_or_else(|| {
                file.line(number, format!("`{token}` is no base64; copy or download the file anew"))
            })?;
            let rank =
                rank.parse().ok().filter(|&rank: &u32| rank < MOST_IDS).ok_or_else(|| {
                    file.line(
                        number,
                        format!("`{rank}` is no rank: a whole number below {MOST_IDS}"),
                    )
                })?;
            if let Some(other) = lines.insert(rank, number) {
                return Err(file.line(number, format!("line {other} has the rank {rank} too")));
            }
            if let Some(other) = ids.insert(token.clone(), rank) {
                let reason =
                    format!("its token has the rank {other} already (line {})", lines[&other]);
                return Err(file.line(number, reason));
            }
            tokens.push((token, rank));
        }
        tokens.sort_unstable_by_key(|&(_, rank)| rank);
        if let Some(byte) = (0..=255).find(|&byte| !ids.contains_key(&[byte][..])) {
            return Err(file.wrong(format!(
                "there is no token for the byte 0x{byte:02X}; the file is cut or none of tiktoken's"
            )));
        }
        Ok(Self { tokens, ids })
    }

    /// Ranks follow one another, but for those that special tokens take.
    fn check_holes(
        &self,
        file: &File,
        special: &BTreeMap<String, u32>,
    ) -> Result<(), TokenizerError> {
        let mut next = 0;
        for &(_, rank) in &self.tokens {
            while next < rank {
                if !special.values().any(|&id| id == next) {
                    let reason = format!("there is no rank {next}; a line is missing");
                    return Err(file.wrong(reason));
                }
                next += 1;
            }
            next = rank + 1;
        }
        let taken = |id: &u32| self.tokens.binary_search_by_key(id, |&(_, rank)| rank).is_ok();
        match special.iter().find(|(_, id)| taken(id)) {
            Some((name, id)) => Err(file.wrong(format!(
                "the special token `{name}` has the id {id}, which is a rank of the file"
            ))),
            None => Ok(()),
        }
    }

    /// The merges that the ranks stand for: left, right, result, by rank of the result.
    ///
    /// tiktoken merges any two neighbours that are a token together, the one of least rank first.
    /// Where a token's edges are edges of a word's state, what lies between has been merged as if
    /// it stood alone, by lower ranks only; so of all ways to halve a token just one ever comes up:
    /// what the lower ranks make of it. A token of which they leave more than two parts comes up
    /// only as a whole word, which is looked up before merging (`ignore_merges`).
    fn merges(&self) -> Vec<(u32, u32, u32)> {
        let mut merges = Vec::with_capacity(self.tokens.len());
        let mut joined = Vec::new();
        for (token, rank) in &self.tokens {
            if token.len() < 2 {
                continue;
            }
            let parts = self.halves(token, *rank, &mut joined);
            if let [left, right] = parts[..] {
                merges.push((left, right, *rank));
            }
        }
        merges
    }

    fn halves(&self, token: &[u8], below: u32, joined: &mut Vec<u8>) -> Vec<u32> {
        let bytes = token.iter().map(|byte| self.ids[std::slice::from_ref(byte)]).collect();
        // Ids do not say which bytes they are quickly enough, and tokens are short: the pair's
        // bytes are looked up by the tokens' own.
        let bytes_of = |id: u32| {
            let at = self.tokens.partition_point(|&(_, rank)| rank < id);
            &self.tokens[at].0
        };
        let joined = std::cell::RefCell::new(joined);
        merged(bytes, |left, right| {
            let mut joined = joined.borrow_mut();
            joined.clear();
            joined.extend_from_slice(bytes_of(left));
            joined.extend_from_slice(bytes_of(right));
            let id = self.ids.get(&joined[..]).copied().filter(|&id| id < below)?;
            Some((id, id))
        })
    }

    /// The tokenizer in the library's own form.
    fn canonical(&self, pattern: &Pattern, merges: &[(u32, u32, u32)]) -> Value {
        let names: HashMap<u32, String> =
            self.tokens.iter().map(|(token, rank)| (*rank, byte_level::spelled(token))).collect();
        let vocabulary: Map<String, Value> =
            names.iter().map(|(&rank, name)| (name.clone(), rank.into())).collect();
        let merges: Vec<Value> =
            merges.iter().map(|(left, right, _)| json!([names[left], names[right]])).collect();
        json!({
            "version": "2.0",
            "pre_tokenizer": split(&pattern.regex),
            "model": {
                "type": "BPE",
                "byte_level": true,
                "ignore_merges": true,
                "vocab": vocabulary,
                "merges": merges,
            },
        })
    }

    /// What encodes a word of white space.
    fn white_space(&self, merges: &[(u32, u32, u32)]) -> Exact {
        let mut known = [false; 256];
        for character in ('\0'..='\u{3000}').filter(|character| character.is_whitespace()) {
            for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
                known[usize::from(byte)] = true;
            }
        }
        let known = |token: &[u8]| token.iter().all(|&byte| known[usize::from(byte)]);
        let whole: HashMap<_, _> =
            self.tokens.iter().filter(|(token, _)| known(token)).cloned().collect();
        let ids: std::collections::HashSet<u32> = whole.values().copied().collect();
        let merges = merges.iter().copied().filter(|(_, _, result)| ids.contains(result));
        let bytes = std::array::from_fn(|byte| {
            u8::try_from(byte).ok().and_then(|byte| self.ids.get(&[byte][..]).copied())
        });
        Exact::new(&bytes, merges, Some(whole))
    }
}

/// A pre-tokenizer whose words are the matches of `regex`. tiktoken leaves out what no match
/// covers.
pub(super) fn split(regex: &str) -> Value {
    json!({
        "type": "Split",
        "pattern": { "Regex": regex },
        "behavior": "Removed",
        "invert": true
    })
}

/// Standard base64 with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let text = text.as_bytes();
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    if text.is_empty() || !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for &byte in group {
            bits = bits << 6 | u32::from(value(byte)?);
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_the_standard_one() {
        assert_eq!(base64("IQ==").unwrap(), b"!");
        assert_eq!(base64("IGE=").unwrap(), b" a");
        assert_eq!(base64("IHRoZQ==").unwrap(), b" the");
        assert_eq!(base64("/+8A").unwrap(), [0xff, 0xef, 0]);
        for wrong in ["", "IQ", "IQ=", "I===", "====", "I*==", "IQ==IQ==", "IQ= "] {
            assert_eq!(base64(wrong), None, "{wrong:?}");
        }
    }
}
