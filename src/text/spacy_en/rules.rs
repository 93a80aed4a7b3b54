//! Reads `spacy_en.rules`: the pieces of the affix patterns, the exceptions, the character classes.
//!
//! The file comes from the published package by `benches/parity/spacy_rules.py`, which refuses
//! every pattern piece of another shape than [`Piece`].

use regex::Regex;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

const SOURCE: &str = include_str!("../spacy_en.rules");

/// Everything the data file holds, ready for use.
pub(super) struct Rules {
    pub(super) classes: Classes,
    pub(super) prefix: PieceIndex,
    pub(super) suffix: PieceIndex,
    pub(super) infix: PieceIndex,
    pub(super) url: UrlRules,
    pub(super) space: Class,
    pub(super) punct: Class,
    pub(super) sentence_end: Class,
    /// The chunks that have a split of their own.
    pub(super) exceptions: Table,
    /// For each of them, the lengths of its tokens in bytes.
    pub(super) exception_tokens: Vec<Box<[u8]>>,
}

#[derive(Deserialize)]
struct RawRules {
    prefix: Vec<RawPiece>,
    suffix: Vec<RawPiece>,
    infix: Vec<RawPiece>,
    url: RawUrl,
    space: u8,
    punct: u8,
    sentence_end: u8,
    exceptions: Vec<Vec<String>>,
    classes: Vec<String>,
}

#[derive(Deserialize)]
struct RawPiece {
    #[serde(default)]
    behind: Vec<u8>,
    #[serde(default)]
    literals: Vec<String>,
    set: Option<u8>,
    run: Option<char>,
    ahead: Option<u8>,
    not_ahead: Option<u8>,
}

#[derive(Deserialize)]
struct RawUrl {
    scheme: u8,
    scheme_min: usize,
    host: u8,
    inner: u8,
    label_max: usize,
    tld: u8,
    tld_min: usize,
    tld_max: usize,
    digit: u8,
    port_min: usize,
    port_max: usize,
    path: String,
    private: Vec<String>,
    address: String,
}

impl Rules {
    /// Reads the file that is compiled in.
    #[expect(clippy::expect_used, reason = "a constant file, read by every test of this module")]
    pub(super) fn load() -> Self {
        let json = SOURCE.find('{').map_or("", |at| &SOURCE[at..]);
        let raw: RawRules = serde_json::from_str(json).expect("the rules file is well-formed");
        let index = |pieces: Vec<RawPiece>| pieces.into_iter().flat_map(Piece::from_raw).collect();
        let classes = Classes::new(&raw.classes);
        let regex = |pattern: &String| Regex::new(pattern).expect("a pattern of the rules file");
        let url = UrlRules {
            scheme: Class::new(raw.url.scheme),
            scheme_min: raw.url.scheme_min,
            host: Class::new(raw.url.host),
            inner: Class::new(raw.url.inner),
            label_max: raw.url.label_max,
            tld: Class::new(raw.url.tld),
            tld_min: raw.url.tld_min,
            tld_max: raw.url.tld_max,
            digit: Class::new(raw.url.digit),
            port_min: raw.url.port_min,
            port_max: raw.url.port_max,
            path: raw.url.path.into_bytes(),
            private: raw.url.private.iter().map(regex).collect(),
            address: regex(&raw.url.address),
        };
        let lengths = |tokens: &Vec<String>| {
            let length = |token: &String| u8::try_from(token.len()).expect("a short token");
            tokens.iter().map(length).collect()
        };
        Self {
            prefix: PieceIndex::new(index(raw.prefix), &classes, Anchor::Start),
            suffix: PieceIndex::new(index(raw.suffix), &classes, Anchor::End),
            infix: PieceIndex::new(index(raw.infix), &classes, Anchor::Start),
            url,
            space: Class::new(raw.space),
            punct: Class::new(raw.punct),
            sentence_end: Class::new(raw.sentence_end),
            exception_tokens: raw.exceptions.iter().map(lengths).collect(),
            exceptions: Table::new(raw.exceptions.iter().map(|tokens| tokens.concat()).collect()),
            classes,
        }
    }

    /// Whether a word of ASCII letters that is no exception stays whole: no affix piece can match
    /// within it. True of every spaCy so far; were it not, the fast path would be off.
    pub(super) fn letters_stay_whole(&self) -> bool {
        let letters = || (b'A'..=b'Z').chain(b'a'..=b'z');
        let in_letters = |piece: &Piece| match &piece.body {
            Body::Literal(text) => {
                text.bytes().all(|byte| byte.is_ascii_alphabetic())
                    && piece.behind.iter().all(|class| {
                        letters().any(|letter| self.classes.has(char::from(letter), *class))
                    })
            }
            Body::Set(class) => {
                letters().any(|letter| self.classes.has(char::from(letter), *class))
            }
            Body::Run(byte) => byte.is_ascii_alphabetic(),
        };
        ![&self.prefix, &self.suffix, &self.infix]
            .iter()
            .any(|index| index.pieces.iter().any(in_letters))
    }
}

/// One alternative of an affix pattern: `(?<=[behind])body(?=[ahead])`.
pub(super) struct Piece {
    /// Classes of the characters before the body, nearest last.
    pub(super) behind: Box<[Class]>,
    pub(super) body: Body,
    pub(super) ahead: Ahead,
}

pub(super) enum Body {
    Literal(Box<str>),
    Set(Class),
    /// Two or more of one ASCII character.
    Run(u8),
}

#[derive(Clone, Copy)]
pub(super) enum Ahead {
    Anything,
    In(Class),
    NotIn(Class),
}

impl Piece {
    /// Alternatives within a piece become pieces of their own; the order, which decides, stays.
    fn from_raw(raw: RawPiece) -> Vec<Self> {
        let behind: Box<[Class]> = raw.behind.iter().copied().map(Class::new).collect();
        let ahead = match (raw.ahead, raw.not_ahead) {
            (Some(class), _) => Ahead::In(Class::new(class)),
            (None, Some(class)) => Ahead::NotIn(Class::new(class)),
            (None, None) => Ahead::Anything,
        };
        let literals = raw.literals.into_iter().map(|text| Body::Literal(text.into()));
        let set = raw.set.map(|class| Body::Set(Class::new(class)));
        let run = raw.run.and_then(|ch| u8::try_from(ch).ok()).map(Body::Run);
        literals
            .chain(set)
            .chain(run)
            .map(|body| Self { behind: behind.clone(), body, ahead })
            .collect()
    }
}

/// Which end of a piece's body the index goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Start,
    End,
}

/// Pieces in order, and for each byte those whose body can start (or end) with it.
pub(super) struct PieceIndex {
    pieces: Vec<Piece>,
    by_byte: Vec<Box<[u16]>>,
}

impl PieceIndex {
    fn new(pieces: Vec<Piece>, classes: &Classes, anchor: Anchor) -> Self {
        let edge = |text: &str| match anchor {
            Anchor::Start => text.bytes().next(),
            Anchor::End => text.bytes().next_back(),
        };
        let mut by_byte = vec![Vec::new(); 256];
        for (number, piece) in (0_u16..).zip(&pieces) {
            let mut add = |byte: u8| {
                let list: &mut Vec<u16> = &mut by_byte[usize::from(byte)];
                if list.last() != Some(&number) {
                    list.push(number);
                }
            };
            match &piece.body {
                Body::Literal(text) => edge(text).into_iter().for_each(add),
                Body::Run(byte) => add(*byte),
                Body::Set(class) => {
                    for ch in classes.members(*class) {
                        edge(ch.encode_utf8(&mut [0; 4])).into_iter().for_each(&mut add);
                    }
                }
            }
        }
        Self { pieces, by_byte: by_byte.into_iter().map(Into::into).collect() }
    }

    /// The pieces whose body can have `byte` at the anchored edge, in order.
    pub(super) fn at(&self, byte: u8) -> impl Iterator<Item = &Piece> {
        self.by_byte[usize::from(byte)].iter().map(|number| &self.pieces[usize::from(*number)])
    }

    /// Whether any piece can have `byte` at the anchored edge.
    pub(super) fn may_match(&self, byte: u8) -> bool {
        !self.by_byte[usize::from(byte)].is_empty()
    }

    /// The literal bodies.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match &piece.body {
            Body::Literal(text) => Some(&**text),
            Body::Set(_) | Body::Run(_) => None,
        })
    }
}

/// The parts of spaCy's URL pattern; `url.rs` says how they go together.
pub(super) struct UrlRules {
    pub(super) scheme: Class,
    pub(super) scheme_min: usize,
    pub(super) host: Class,
    pub(super) inner: Class,
    pub(super) label_max: usize,
    pub(super) tld: Class,
    pub(super) tld_min: usize,
    pub(super) tld_max: usize,
    pub(super) digit: Class,
    pub(super) port_min: usize,
    pub(super) port_max: usize,
    pub(super) path: Vec<u8>,
    pub(super) private: Vec<Regex>,
    pub(super) address: Regex,
}

/// A class of characters: one bit of [`Classes`].
#[derive(Clone, Copy)]
pub(super) struct Class(u32);

impl Class {
    fn new(number: u8) -> Self {
        Self(1_u32.checked_shl(number.into()).unwrap_or(0))
    }
}

/// For every character the set of classes it is in, as a table of two steps.
pub(super) struct Classes {
    /// Page of each run of 256 code points.
    pages: Vec<u16>,
    /// The distinct pages, one behind another.
    sets: Vec<u32>,
}

const PAGE: usize = 256;

impl Classes {
    /// `sources[n]` holds the hexadecimal ranges of class `n`: `"61-7a 5f"`.
    fn new(sources: &[String]) -> Self {
        let mut flat = vec![0_u32; 0x11_0000];
        for (number, source) in (0_u8..).zip(sources) {
            for range in source.split(' ') {
                let (low, high) = range.split_once('-').unwrap_or((range, range));
                let parse = |hex| usize::from_str_radix(hex, 16).unwrap_or(0);
                for set in &mut flat[parse(low)..=parse(high)] {
                    *set |= Class::new(number).0;
                }
            }
        }
        let (mut pages, mut sets): (Vec<u16>, Vec<u32>) = (Vec::new(), Vec::new());
        for page in flat.chunks_exact(PAGE) {
            let known = sets.chunks_exact(PAGE).position(|other| other == page);
            let number = known.unwrap_or(sets.len() / PAGE);
            if known.is_none() {
                sets.extend_from_slice(page);
            }
            // At most 0x1100 pages.
            pages.push(u16::try_from(number).unwrap_or(0));
        }
        Self { pages, sets }
    }

    pub(super) fn has(&self, ch: char, class: Class) -> bool {
        let point = ch as usize;
        self.sets[usize::from(self.pages[point / PAGE]) * PAGE + point % PAGE] & class.0 != 0
    }

    /// All characters of a class.
    pub(super) fn members(&self, class: Class) -> impl Iterator<Item = char> {
        ('\0'..=char::MAX).filter(move |ch| self.has(*ch, class))
    }
}

/// A fixed set of strings, numbered; made for a quick "no".
pub(super) struct Table {
    keys: Vec<Box<str>>,
    /// One more than the number of a key, or 0; linear probing.
    slots: Vec<u16>,
    /// Bits of (length, first byte, last byte).
    filter: Box<[u64; Self::FILTER / 64]>,
    longest: usize,
}

impl Table {
    const FILTER: usize = 32_768;

    pub(super) fn new(keys: Vec<String>) -> Self {
        let mut table = Self {
            slots: vec![0; (keys.len() * 4).next_power_of_two()],
            filter: Box::new([0; Self::FILTER / 64]),
            longest: keys.iter().map(String::len).max().unwrap_or(0),
            keys: keys.into_iter().map(Into::into).collect(),
        };
        for (number, key) in (1_u16..).zip(&table.keys) {
            let bit = Self::filter_bit(key.as_bytes());
            table.filter[bit / 64] |= 1 << (bit % 64);
            let mut slot = table.home(key.as_bytes());
            while table.slots[slot] != 0 {
                slot = (slot + 1) % table.slots.len();
            }
            table.slots[slot] = number;
        }
        table
    }

    fn filter_bit(key: &[u8]) -> usize {
        let byte = |byte: Option<&u8>| usize::from(*byte.unwrap_or(&0));
        (byte(key.first()) * 127 + byte(key.last()) * 2011 + key.len() * 4999) % Self::FILTER
    }

    #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
    fn home(&self, key: &[u8]) -> usize {
        xxh3_64(key) as usize & (self.slots.len() - 1)
    }

    /// False only if `key` is not in the table.
    #[inline]
    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        let bit = Self::filter_bit(key);
        key.len() <= self.longest && self.filter[bit / 64] >> (bit % 64) & 1 != 0
    }

    /// The number of `key`.
    #[inline]
    pub(super) fn get(&self, key: &[u8]) -> Option<usize> {
        if !self.may_have(key) {
            return None;
        }
        let mut slot = self.home(key);
        while let Some(number) = usize::from(self.slots[slot]).checked_sub(1) {
            if self.keys[number].as_bytes() == key {
                return Some(number);
            }
            slot = (slot + 1) % self.slots.len();
        }
        None
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| &**key)
    }
}
