//! What each character counts as when words are compared: its letter without case, width, accent or
//! ligature, or nothing.

use std::sync::OnceLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::narrow;

/// What a character is for the comparison of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// It stands between words.
    Break,
    /// It is passed over, inside a word too: apostrophes, combining accents, joiners.
    Skip,
    /// A letter or digit of a word.
    Letter(u32),
    /// A word by itself: ideographs, kana, and letters of scripts written without spaces.
    Alone(u32),
    /// Several of these; the number is for [`Fold::expansion`].
    Several(u32),
}

/// The table of all characters of the basic plane.
pub(super) struct Fold {
    /// Kind in the top three bits.
    basic: Vec<u32>,
    expansions: Vec<Vec<Folded>>,
}

const SKIP: u32 = 1;
const LETTER: u32 = 2;
const ALONE: u32 = 3;
const SEVERAL: u32 = 4;
const SHIFT: u32 = 29;
const VALUE: u32 = (1 << SHIFT) - 1;

impl Fold {
    /// The table, made when first asked for.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Fold> = OnceLock::new();
        SHARED.get_or_init(|| {
            let mut fold = Self { basic: Vec::with_capacity(1 << 16), expansions: Vec::new() };
            for code in 0..1 << 16 {
                let entry = match char::from_u32(code).map_or(Vec::new(), pieces).as_slice() {
                    [] => 0,
                    [one] => pack(*one),
                    several => {
                        fold.expansions.push(several.to_vec());
                        pack(Folded::Several(narrow(fold.expansions.len() - 1)))
                    }
                };
                fold.basic.push(entry);
            }
            fold
        })
    }

    /// What `character` is.
    #[inline]
    pub(super) fn of(&self, character: char) -> Folded {
        match self.basic.get(character as usize) {
            Some(&entry) => {
                let value = entry & VALUE;
                match entry >> SHIFT {
                    SKIP => Folded::Skip,
                    LETTER => Folded::Letter(value),
                    ALONE => Folded::Alone(value),
                    SEVERAL => Folded::Several(value),
                    _ => Folded::Break,
                }
            }
            // Ideographs and letters of styles and old scripts, which all fold to one.
            None => pieces(character).first().copied().unwrap_or(Folded::Break),
        }
    }

    /// The pieces of a [`Folded::Several`].
    pub(super) fn expansion(&self, number: u32) -> &[Folded] {
        &self.expansions[number as usize]
    }
}

fn pack(folded: Folded) -> u32 {
    match folded {
        Folded::Break => 0,
        Folded::Skip => SKIP << SHIFT,
        Folded::Letter(letter) => LETTER << SHIFT | letter,
        Folded::Alone(letter) => ALONE << SHIFT | letter,
        Folded::Several(number) => SEVERAL << SHIFT | number,
    }
}

/// A character in its pieces, breaks at the ends left out; none for a break.
fn pieces(character: char) -> Vec<Folded> {
    if skipped(character) {
        return vec![Folded::Skip];
    }
    let mut buffer = [0; 4];
    let composed = ComposingNormalizerBorrowed::new_nfkc();
    let composed = composed.normalize(character.encode_utf8(&mut buffer)).into_owned();
    let mut pieces = Vec::new();
    for part in composed.chars() {
        // Latin, Greek and Cyrillic lose their accents, which people leave out.
        let accented = matches!(part as u32, 0xc0..=0x52f | 0x1e00..=0x1fff);
        let plain = if accented {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd();
            decomposed.normalize(part.encode_utf8(&mut buffer)).into_owned()
        } else {
            part.to_string()
        };
        for letter in plain.chars().flat_map(char::to_lowercase) {
            if skipped(letter) {
                continue;
            }
            pieces.push(if alone(letter) {
                Folded::Alone(letter as u32)
            } else if letter.is_alphanumeric() {
                Folded::Letter(letter as u32)
            } else {
                Folded::Break
            });
        }
    }
    while pieces.last() == Some(&Folded::Break) {
        pieces.pop();
    }
    let first = pieces.iter().position(|piece| *piece != Folded::Break).unwrap_or(0);
    pieces.split_off(first)
}

/// Apostrophes, accents and vowel points that stand as characters of their own, and what is not
/// seen at all.
fn skipped(character: char) -> bool {
    matches!(character as u32,
        0x27 | 0xad | 0x2b9..=0x2bc | 0x2018..=0x201b | 0xff07
        | 0x300..=0x36f | 0x591..=0x5bd | 0x5bf | 0x5c1..=0x5c2 | 0x5c4..=0x5c7
        | 0x640 | 0x64b..=0x65f | 0x670
        // Viramas join consonants.
        | 0x94d | 0x9cd | 0xa4d | 0xacd | 0xb4d | 0xbcd | 0xc4d | 0xccd | 0xd4d | 0xdca
        | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0xfe00..=0xfe0f | 0xfeff)
}

/// Whether a letter is a word by itself.
fn alone(letter: char) -> bool {
    let script = matches!(letter as u32,
        0x3005..=0x3007 | 0x3041..=0x309f | 0x30a1..=0x30fa | 0x30fc..=0x30ff | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff
        // Thai, Lao, Burmese, Khmer
        | 0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff);
    script && letter.is_alphanumeric()
}
