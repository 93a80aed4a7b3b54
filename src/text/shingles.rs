//! Shingles: hashes of the n-grams of a text, which stand for it when texts are compared.
//!
//! Files of one run, and an index that outlives it, hold what is computed here, so it is fixed: this
//! is version 1, and a test pins it. (What counts as a letter, a word, or the lower case of a
//! character follows Unicode, and may change with its versions for characters that are new.)
//!
//! * All arithmetic is modulo 2⁶⁴; `mix(a, b)` is the exclusive or of the halves of the 128-bit
//!   product of `a` and `b`; bytes are read little endian, zeros behind the last one.
//! * Words are those of [UAX #29](https://www.unicode.org/reports/tr29/), cut at the marks that it
//!   lets stand inside them (`don't`, `3.14`), and kana and Hangul a character each, as ideographs
//!   are.
//! * A *word* is brought to lower case, character by character ([`char::to_lowercase`], so that no
//!   letter depends on its neighbours). Its hash begins as `s = LENGTH · bytes`. While more than 16
//!   bytes are left, 16 are taken as two numbers l and h: `s = mix(l ^ LOW, h ^ HIGH ^ s)`. The rest,
//!   1 to 16 bytes, is taken in the same way and gives the hash.
//! * A *character* of code point c has the hash `mix(c ^ LOW, HIGH)`.
//! * The n-gram of hashes x₁ … xₙ is `p = x₁·BASEⁿ⁻¹ + … + xₙ`, and its shingle the upper 32 bits of
//!   `(p ^ p >> 32) · FINISH`.

use super::Word;

const LOW: u64 = 0xa076_1d64_78bd_642f;
const HIGH: u64 = 0xe703_7ed1_a0b4_28db;
const LENGTH: u64 = 0x9fb2_1c65_1e98_df25;
const BASE: u64 = 0xd134_2543_de82_ef95;
const FINISH: u64 = 0x9e37_79b9_7f4a_7c15;

/// Buffers that texts share one after the other.
#[derive(Debug, Default)]
pub struct Scratch {
    hashes: Vec<u64>,
    lower: String,
}

impl Scratch {
    /// Empties the buffers; one document of a whole book should not hold its memory for ever.
    fn clear(&mut self) {
        self.hashes.clear();
        self.hashes.shrink_to(1 << 20);
        self.lower.clear();
        self.lower.shrink_to(1 << 20);
    }
}

/// The shingles of all runs of `n` words, in the order of the text, repeats included, in place of
/// what `shingles` held. Letter case does not count. A text of fewer words has one shingle of all
/// its words; one without words has none. `n` is at least 1.
pub fn of_words(
    text: &str,
    words: &[Word],
    n: usize,
    scratch: &mut Scratch,
    shingles: &mut Vec<u32>,
) {
    scratch.clear();
    let Scratch { hashes, lower } = scratch;
    for word in words {
        if word.is_ascii() && !has_mark(text.as_bytes(), word.start as usize, word.end as usize) {
            hashes.push(hash_lower(text.as_bytes(), word.start as usize, word.end as usize));
        } else {
            pieces(word.of(text), |piece| hashes.push(piece_hash(piece, lower)));
        }
    }
    roll(hashes, n, shingles);
}

/// Whether an ASCII word holds one of the marks that UAX #29 lets stand inside words: `'`, `,`, `.`,
/// `:`, `;`.
#[inline]
fn has_mark(bytes: &[u8], start: usize, end: usize) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const ZEROS: u64 = 0x30 * ONES;
    let length = end - start;
    if let Some(chunk) = bytes[start..].first_chunk::<8>()
        && (1..=8).contains(&length)
    {
        // Zeros stand for what is behind the word. No byte is above 127, so that nothing carries.
        let behind = !(u64::MAX >> (64 - 8 * length));
        let word = u64::from_le_bytes(*chunk) & !behind | (ZEROS & behind);
        let from = |byte: u8| word + u64::from(0x80 - byte) * ONES;
        let mark = !from(b'0') | (from(b':') & !from(b'A'));
        return mark & (0x80 * ONES) != 0;
    }
    bytes[start..end].iter().any(|byte| matches!(byte, 0..b'0' | b':'..b'A'))
}

/// The pieces of a word: without the marks that UAX #29 lets stand inside, and kana and Hangul
/// character by character.
fn pieces(word: &str, mut piece: impl FnMut(&str)) {
    let mut start = None;
    for (at, c) in word.char_indices() {
        let alone = matches!(c, '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}');
        if alone || is_mark(c) {
            if let Some(start) = start.take() {
                piece(&word[start..at]);
            }
            if alone {
                piece(&word[at..at + c.len_utf8()]);
            }
        } else {
            start.get_or_insert(at);
        }
    }
    if let Some(start) = start {
        piece(&word[start..]);
    }
}

/// The characters of the classes MidLetter, MidNum, MidNumLet, Single_Quote and Double_Quote of
/// [UAX #29](https://www.unicode.org/reports/tr29/#Table_Word_Break_Property_Values).
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | ','
            | '.'
            | ':'
            | ';'
            | '\u{b7}'
            | '\u{37e}'
            | '\u{387}'
            | '\u{55f}'
            | '\u{589}'
            | '\u{5f4}'
            | '\u{60c}'
            | '\u{60d}'
            | '\u{66c}'
            | '\u{7f8}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{2044}'
            | '\u{fe10}'
            | '\u{fe13}'
            | '\u{fe14}'
            | '\u{fe50}'
            | '\u{fe52}'
            | '\u{fe54}'
            | '\u{fe55}'
            | '\u{ff07}'
            | '\u{ff0c}'
            | '\u{ff0e}'
            | '\u{ff1a}'
            | '\u{ff1b}'
    )
}

/// The shingles of all runs of `n` characters, as [`of_words`] gives those of words. Letter case does
/// not count, a run of white space counts as one space, and none at the ends of the text.
pub fn of_chars(text: &str, n: usize, scratch: &mut Scratch, shingles: &mut Vec<u32>) {
    scratch.clear();
    let hashes = &mut scratch.hashes;
    let mut space = false;
    for c in text.trim().chars() {
        if c.is_whitespace() {
            if !std::mem::replace(&mut space, true) {
                hashes.push(char_hash(' '));
            }
            continue;
        }
        space = false;
        if let Some(hash) = ASCII_HASHES.get(c as usize) {
            hashes.push(*hash);
        } else if has_no_case(c) {
            hashes.push(char_hash(c));
        } else {
            hashes.extend(c.to_lowercase().map(char_hash));
        }
    }
    roll(hashes, n, shingles);
}

/// Makes a set of shingles: sorted, each once.
pub fn make_set(shingles: &mut Vec<u32>) {
    if shingles.len() < RADIX_FROM {
        shingles.sort_unstable();
    } else {
        radix_sort(shingles);
    }
    shingles.dedup();
}

/// From so many hashes on, sorting by their bytes is quicker than by comparing them.
const RADIX_FROM: usize = 256;

/// Sorts byte by byte, the lowest first.
fn radix_sort(values: &mut Vec<u32>) {
    let mut counts = [[0usize; 256]; 4];
    for value in values.iter() {
        for (count, byte) in counts.iter_mut().zip(value.to_le_bytes()) {
            count[usize::from(byte)] += 1;
        }
    }
    let mut sorted = vec![0; values.len()];
    for (at, count) in counts.iter_mut().enumerate() {
        let mut start = 0;
        for place in count.iter_mut() {
            start += std::mem::replace(place, start);
        }
        for value in values.iter() {
            let place = &mut count[usize::from(value.to_le_bytes()[at])];
            sorted[*place] = *value;
            *place += 1;
        }
        std::mem::swap(values, &mut sorted);
    }
}

/// The shingles of all runs of `n` hashes.
fn roll(hashes: &[u64], n: usize, shingles: &mut Vec<u32>) {
    shingles.clear();
    let n = n.max(1);
    let first = &hashes[..n.min(hashes.len())];
    if first.is_empty() {
        return;
    }
    let mut sum = first.iter().fold(0u64, |sum, hash| sum.wrapping_mul(BASE).wrapping_add(*hash));
    // BASE to the power of n: what the first hash of a run has got when it leaves.
    let leaving = first.iter().fold(1u64, |power, _| power.wrapping_mul(BASE));
    shingles.push(finish(sum));
    shingles.extend(hashes[first.len()..].iter().zip(hashes).map(|(new, old)| {
        sum = sum.wrapping_mul(BASE).wrapping_add(new.wrapping_sub(old.wrapping_mul(leaving)));
        finish(sum)
    }));
}

#[inline]
fn finish(sum: u64) -> u32 {
    ((sum ^ sum >> 32).wrapping_mul(FINISH) >> 32) as u32
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
const fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline]
const fn char_hash(c: char) -> u64 {
    mix(c as u64 ^ LOW, HIGH)
}

/// The hashes of ASCII characters in lower case.
static ASCII_HASHES: [u64; 128] = {
    let mut hashes = [0; 128];
    let mut byte = 0u8;
    while byte < 128 {
        hashes[byte as usize] = char_hash(byte.to_ascii_lowercase() as char);
        byte += 1;
    }
    hashes
};

/// The hash of a piece of a word in lower case. `lower` is scratch.
fn piece_hash(piece: &str, lower: &mut String) -> u64 {
    if piece.is_ascii() || piece.chars().all(has_no_case) {
        return hash_lower(piece.as_bytes(), 0, piece.len());
    }
    lower.clear();
    lower.extend(piece.chars().flat_map(char::to_lowercase));
    hash_lower(lower.as_bytes(), 0, lower.len())
}

/// Whether a character is of a script without upper and lower case, for most of those that there
/// are. The search for the lower case of a character takes much longer.
#[inline]
fn has_no_case(c: char) -> bool {
    // Hebrew to Burmese; Chinese, Japanese, Yi; Korean, and compatible ideographs.
    matches!(c, '\u{590}'..='\u{109f}' | '\u{2e80}'..='\u{a63f}' | '\u{ac00}'..='\u{faff}')
}

/// Hashes the bytes from `start` to `end`, ASCII capitals as small letters.
#[inline]
fn hash_lower(bytes: &[u8], mut start: usize, end: usize) -> u64 {
    let mut state = ((end - start) as u64).wrapping_mul(LENGTH);
    while end - start > 16 {
        if let Some(block) = bytes[start..].first_chunk() {
            state = absorb(state, block, u128::MAX);
        }
        start += 16;
    }
    let length = end - start;
    if let Some(block) = bytes[start..].first_chunk() {
        return absorb(state, block, MASKS[length & 0xf]);
    }
    // At the end of the text.
    let mut block = [0; 16];
    block[..length].copy_from_slice(&bytes[start..end]);
    absorb(state, &block, u128::MAX)
}

/// By a number of bytes, what leaves the first so many of 16; 0 for 16 of them.
static MASKS: [u128; 16] = {
    let mut masks = [u128::MAX; 16];
    let mut length = 1;
    while length < 16 {
        masks[length] = u128::MAX >> (128 - 8 * length);
        length += 1;
    }
    masks
};

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
fn absorb(state: u64, block: &[u8; 16], mask: u128) -> u64 {
    let both = u128::from_le_bytes(*block) & mask;
    mix(to_lower(both as u64) ^ LOW, to_lower((both >> 64) as u64) ^ HIGH ^ state)
}

/// Eight bytes, ASCII capitals among them as small letters.
#[inline]
fn to_lower(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // In each byte the top bit tells; the seven below it cannot carry into the next byte.
    let low = bytes & !HIGH;
    let from_a = low + (0x80 - u64::from(b'A')) * ONES;
    let behind_z = low + (0x7f - u64::from(b'Z')) * ONES;
    bytes | (from_a & !behind_z & !bytes & HIGH) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Analysis, WordKind};

    fn words(text: &str, n: usize) -> Vec<u32> {
        let (analysis, mut shingles) = (Analysis::default(), vec![7]);
        let words = analysis.words(text, WordKind::Unicode);
        of_words(text, words, n, &mut Scratch::default(), &mut shingles);
        shingles
    }

    fn chars(text: &str, n: usize) -> Vec<u32> {
        let mut shingles = vec![7];
        of_chars(text, n, &mut Scratch::default(), &mut shingles);
        shingles
    }

    /// The definition, word for word.
    fn slow_word_hash(word: &str) -> u64 {
        let lower: String = word.chars().flat_map(char::to_lowercase).collect();
        let mut rest = lower.as_bytes();
        let mut s = LENGTH.wrapping_mul(rest.len() as u64);
        loop {
            let mut block = [0; 16];
            let taken = rest.len().min(16);
            block[..taken].copy_from_slice(&rest[..taken]);
            let low = u64::from_le_bytes(block[..8].try_into().unwrap());
            let high = u64::from_le_bytes(block[8..].try_into().unwrap());
            s = mix(low ^ LOW, high ^ HIGH ^ s);
            rest = &rest[taken..];
            if rest.is_empty() {
                return s;
            }
        }
    }

    fn slow_pieces(word: &str) -> Vec<String> {
        let mut spaced = String::new();
        for c in word.chars() {
            match c {
                '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}' => spaced.extend([' ', c, ' ']),
                _ if is_mark(c) => spaced.push(' '),
                _ => spaced.push(c),
            }
        }
        spaced.split(' ').filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    }

    fn slow(hashes: &[u64], n: usize) -> Vec<u32> {
        hashes
            .windows(n.min(hashes.len().max(1)))
            .map(|run| {
                let sum = run.iter().fold(0u64, |p, x| p.wrapping_mul(BASE).wrapping_add(*x));
                u32::try_from((sum ^ sum >> 32).wrapping_mul(FINISH) >> 32).unwrap()
            })
            .collect()
    }

    const TEXTS: [&str; 9] = [
        "",
        " \n—…",
        "One",
        "The quick brown fox jumps over the LAZY dog, and the quick brown fox jumps again.",
        "Donaudampfschifffahrtsgesellschaftskapitän incomprehensibilities 1234567890123456 \
         12345678901234567 honorificabilitudinitatibus",
        "ΟΔΥΣΣΕΥΣ İstanbul ǅ ẞ Straße \u{212a}elvin Привет, Мир",
        "四月の晴れた朝、我輩は猫である。名前はまだ無い 한국어 텍스트",
        "हिन्दी में लिखा हुआ पाठ، النص العربي ภาษาไทย",
        "a\0b \u{200b}\u{200b}\u{301}x 𝐀𝐁 👩‍👩‍👧 𐐀𐐁",
    ];

    #[test]
    fn shingles_are_as_defined() {
        let mut texts: Vec<String> = TEXTS.map(str::to_owned).into();
        // Words of every length, at the end of the text and before it.
        texts.extend((1..70).map(|length| "aB1xYz_Q".repeat(9)[..length].to_owned()));
        texts.push(TEXTS.concat().repeat(20));
        for text in texts {
            let analysis = Analysis::default();
            let words_of_it = analysis.words(&text, WordKind::Unicode);
            let hashes: Vec<u64> = words_of_it
                .iter()
                .flat_map(|word| slow_pieces(word.of(&text)))
                .map(|piece| slow_word_hash(&piece))
                .collect();
            let lower: String = text.chars().flat_map(char::to_lowercase).collect();
            let lower = lower.split_whitespace().collect::<Vec<_>>().join(" ");
            let char_hashes: Vec<u64> =
                lower.chars().map(|c| mix(u64::from(c) ^ LOW, HIGH)).collect();
            for n in [1, 2, 5, 13, 100] {
                assert_eq!(words(&text, n), slow(&hashes, n), "{text}");
                assert_eq!(chars(&text, n), slow(&char_hashes, n), "{text}");
            }
        }
    }

    #[test]
    fn version_1_stays_as_it_is() {
        assert_eq!(words("The quick brown fox jumps over", 5), [4_177_580_644, 4_251_553_382]);
        assert_eq!(chars("Naïve", 4), [4_221_502_751, 939_292_346]);
        assert_eq!(
            words(TEXTS[4], 2),
            [2_948_522_546, 1_621_961_671, 2_145_171_031, 1_853_647_153]
        );
    }

    #[test]
    fn case_spaces_and_punctuation_do_not_count_but_order_does() {
        assert_eq!(words("One TWO three, four Ünder", 3), words("one two\tThree four-üNDER!", 3));
        assert_ne!(words("one two three", 3), words("two one three", 3));
        assert_eq!(words("one two three", 3).len(), 1);
        // Too short for a run of three: another text, not the end or the start of one.
        assert_eq!(words("one two", 3), words("ONE two", 2));
        assert!(
            words("", 5).is_empty() && words("— …", 5).is_empty() && chars(" \n", 3).is_empty()
        );
        assert_eq!(words("a b", 0), words("a b", 1));
        assert_eq!(chars(" A  b\n\u{3000}C ", 2), chars("a b c", 2));
        assert_eq!(chars("abc", 24).len(), 1);
        // The same lower case, by whatever way.
        assert_eq!(words("\u{212a}elvin", 1), words("kelvin", 1));
        assert_eq!(words("ΣΑΣ", 1), words("σασ", 1));
        // An ideograph is a word.
        assert_eq!(words("我輩は猫である", 2).len(), words("a b c d e f g", 2).len());
    }

    #[test]
    fn words_are_cut_at_marks_and_kana_and_hangul_by_character() {
        for (text, pieces) in [
            ("Don't", "don t"),
            ("3.14 1,000;5 a:b", "3 14 1 000 5 a b"),
            ("l’été", "l été"),
            ("snake_case_'", "snake_case_"),
            ("カタカナ ひら", "カ タ カ ナ ひ ら"),
            ("한국어", "한 국 어"),
            (
                "incomprehensibilities'incomprehensibilities",
                "incomprehensibilities incomprehensibilities",
            ),
        ] {
            assert_eq!(words(text, 1), words(pieces, 1), "{text}");
        }
        // Every place of every ASCII character a word can hold, short and long.
        for byte in
            (0..0x80u8).filter(|byte| byte.is_ascii_alphanumeric() || b"'.,:;_".contains(byte))
        {
            for length in 1..20 {
                for at in 0..length {
                    let mut word = vec![b'z'; length];
                    word[at] = byte;
                    let mark = b"'.,:;".contains(&byte);
                    assert_eq!(has_mark(&word, 0, length), mark, "{byte} at {at} of {length}");
                    word.extend_from_slice(b"';:,.");
                    word.extend_from_slice(&[b';'; 8]);
                    assert_eq!(has_mark(&word, 0, length), mark, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn sets_are_sorted_whatever_their_size() {
        for length in [0, 1, 255, 256, 257, 5000] {
            let mut state = 1u32;
            let mut values: Vec<u32> = (0..length)
                .map(|at| {
                    state = state.wrapping_mul(0x915f_77f5).wrapping_add(at);
                    if at % 3 == 0 { state % 100 } else { state }
                })
                .collect();
            let expected: std::collections::BTreeSet<u32> = values.iter().copied().collect();
            make_set(&mut values);
            assert!(values.iter().eq(expected.iter()));
        }
    }

    #[test]
    fn scripts_said_to_have_no_case_have_none() {
        for c in (char::MIN..=char::MAX).filter(|c| has_no_case(*c)) {
            assert!(c.to_lowercase().eq([c]), "{c}");
        }
    }

    #[test]
    fn shingles_are_spread_evenly() {
        // Numbers differ in a few bits only. Of n random 32-bit values n²/2³³ pairs collide.
        let text =
            (0..400_000).map(|number| format!("item {number} ")).collect::<Vec<_>>().concat();
        let mut shingles = words(&text, 5);
        let many = shingles.len();
        for bit in 0..32 {
            let ones = shingles.iter().filter(|shingle| *shingle >> bit & 1 == 1).count();
            assert!(ones.abs_diff(many / 2) < 4 * 450, "{bit}: {ones}");
        }
        make_set(&mut shingles);
        let collisions = many - shingles.len();
        assert!((75 - 40..75 + 40).contains(&collisions), "{collisions}");
    }
}
