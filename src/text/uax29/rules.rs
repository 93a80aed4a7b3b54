//! The rules of UAX #29 as tables: what class a scalar value has, and what a class does in a state.

use super::super::classes::NON_ASCII;
use super::tables::RUNS;

// An entry is a class and the three flags of `text::classes`.
pub(super) const CLASS: u8 = 0x1f;

// Classes: values of Word_Break, with those told apart that are pictographs as well, and those put
// together that all rules treat alike (CR, LF and Newline; Extend and Format).
const PICTOGRAPH: u8 = 1;
const PICTOGRAPH_LETTER: u8 = 2;
const LETTER: u8 = 3;
const HEBREW: u8 = 4;
const DIGIT: u8 = 5;
const KATAKANA: u8 = 6;
const CONNECTOR: u8 = 7;
const EXTEND: u8 = 8;
const ZWJ: u8 = 9;
const REGIONAL: u8 = 10;
const MID_LETTER: u8 = 11;
const MID_NUM: u8 = 12;
const MID_NUM_LET: u8 = 13;
const SINGLE_QUOTE: u8 = 14;
const DOUBLE_QUOTE: u8 = 15;
const NEWLINE: u8 = 16;
const SPACE: u8 = 17;

// A step is a state, with one of three bits if there is more to do first.
pub(super) const STATE: u8 = 0x1f;
/// A boundary in front.
pub(super) const BREAK: u8 = 0x20;
/// A boundary in front, and one at the fallback.
pub(super) const FALL_BACK: u8 = 0x40;
/// This is where the boundary is if what is waited for does not come.
pub(super) const WAIT: u8 = 0x80;

// States: what the segment so far ends with, marks that extend (Extend, Format, ZWJ) left aside.
/// Something that only marks can go on.
const CLOSED: u8 = 0;
const LETTER_STATE: u8 = 1;
const HEBREW_STATE: u8 = 2;
const NUMERIC_STATE: u8 = 3;
const KATAKANA_STATE: u8 = 4;
const CONNECTOR_STATE: u8 = 5;
/// Half a flag.
const REGIONAL_STATE: u8 = 6;
const SPACE_STATE: u8 = 7;
pub(super) const NEWLINE_STATE: u8 = 8;
/// A Hebrew letter and an apostrophe, which belongs to it.
const GERESH_STATE: u8 = 9;
/// A letter and a mark that joins two letters.
pub(super) const NEED_LETTER: u8 = 10;
/// A Hebrew letter and a double quote.
pub(super) const NEED_HEBREW: u8 = 11;
/// A digit and a mark that joins two digits.
pub(super) const NEED_NUMERIC: u8 = 12;
/// Added to a state if the last scalar value was a zero-width joiner.
pub(super) const ZWJ_BIT: u8 = 16;

/// The state behind the first scalar value of a segment, by class.
pub(super) static START: [u8; 32] = {
    let mut table = [0; 32];
    let mut class = 0;
    while class < 32 {
        table[class as usize] = start(class);
        class += 1;
    }
    table
};

/// What a class does in a state: a step at `state * 32 + class`.
pub(super) static STEPS: [u8; 1024] = {
    let mut table = [0; 1024];
    let mut index = 0u16;
    while index < 1024 {
        let [class, state] = (index << 3).to_le_bytes();
        table[index as usize] = step(state, class >> 3);
        index += 1;
    }
    table
};

const fn start(class: u8) -> u8 {
    match class {
        LETTER | PICTOGRAPH_LETTER => LETTER_STATE,
        HEBREW => HEBREW_STATE,
        DIGIT => NUMERIC_STATE,
        KATAKANA => KATAKANA_STATE,
        CONNECTOR => CONNECTOR_STATE,
        REGIONAL => REGIONAL_STATE,
        NEWLINE => NEWLINE_STATE,
        SPACE => SPACE_STATE,
        ZWJ => CLOSED | ZWJ_BIT,
        _ => CLOSED,
    }
}

/// The rules; their numbers are those of the standard.
#[expect(clippy::match_same_arms, reason = "the order is that of the standard")]
const fn step(state: u8, class: u8) -> u8 {
    let behind_zwj = state & ZWJ_BIT != 0;
    let state = state & !ZWJ_BIT;
    match (state, class) {
        // WB3a.
        (NEWLINE_STATE, _) => BREAK | start(class),
        // WB3c, ahead of all that follow. As in the crate, the segment is closed by it.
        (_, PICTOGRAPH | PICTOGRAPH_LETTER) if behind_zwj => CLOSED,
        // WB4. Spaces join each other only without marks between (WB3d).
        (SPACE_STATE, EXTEND) => CLOSED,
        (SPACE_STATE, ZWJ) => CLOSED | ZWJ_BIT,
        (_, EXTEND) => state,
        (_, ZWJ) => state | ZWJ_BIT,
        (SPACE_STATE, SPACE) if !behind_zwj => SPACE_STATE,
        // WB5, WB9, WB13a; WB8, WB10; WB13; WB13b.
        (
            LETTER_STATE | HEBREW_STATE | NUMERIC_STATE,
            LETTER | PICTOGRAPH_LETTER | HEBREW | DIGIT,
        )
        | (KATAKANA_STATE, KATAKANA)
        | (CONNECTOR_STATE, LETTER | PICTOGRAPH_LETTER | HEBREW | DIGIT | KATAKANA)
        | (
            LETTER_STATE | HEBREW_STATE | NUMERIC_STATE | KATAKANA_STATE | CONNECTOR_STATE,
            CONNECTOR,
        ) => start(class),
        // WB7a; the apostrophe may still join letters (WB6).
        (HEBREW_STATE, SINGLE_QUOTE) => GERESH_STATE,
        // WB6, WB7.
        (LETTER_STATE | HEBREW_STATE, MID_LETTER | MID_NUM_LET | SINGLE_QUOTE) => {
            WAIT | NEED_LETTER
        }
        (GERESH_STATE | NEED_LETTER, LETTER | PICTOGRAPH_LETTER | HEBREW) => start(class),
        // WB7b, WB7c.
        (HEBREW_STATE, DOUBLE_QUOTE) => WAIT | NEED_HEBREW,
        (NEED_HEBREW, HEBREW) => HEBREW_STATE,
        // WB11, WB12.
        (NUMERIC_STATE, MID_NUM | MID_NUM_LET | SINGLE_QUOTE) => WAIT | NEED_NUMERIC,
        (NEED_NUMERIC, DIGIT) => NUMERIC_STATE,
        (NEED_LETTER | NEED_HEBREW | NEED_NUMERIC, _) => FALL_BACK | start(class),
        // WB15, WB16: flags are two halves each.
        (REGIONAL_STATE, REGIONAL) => CLOSED,
        // WB999.
        _ => BREAK | start(class),
    }
}

/// Entries of the bytes below 0x80. The other half is the entry of nothing.
pub(super) static ASCII: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x80 {
        table[byte] = ENTRIES[(BLOCK_OF[byte >> 6] as usize) << 6 | byte & 0x3f];
        byte += 1;
    }
    table
};

/// Entries by block of 64 scalar values. Blocks of one entry throughout are there once.
pub(super) static ENTRIES: [u8; BLOCKS * 64] = unfold().1;
/// Where in [`ENTRIES`] the block of a scalar value is.
pub(super) static BLOCK_OF: [u16; 0x11_0000 / 64] = unfold().0;
/// How many blocks differ; compilation fails if the table asks for another number.
const BLOCKS: usize = 405;

#[expect(clippy::large_stack_arrays, reason = "at compile time")]
const fn unfold() -> ([u16; 0x11_0000 / 64], [u8; BLOCKS * 64]) {
    let mut block_of = [0; 0x11_0000 / 64];
    let mut entries = [0; BLOCKS * 64];
    let mut uniform = [u16::MAX; 256];
    let mut blocks = 0u16;
    let mut run = 0;
    let mut first = 0;
    while first < 0x11_0000 {
        while run_end(run) <= first {
            run += 1;
        }
        let here = entry_of_run(run, first);
        let is_uniform = run_end(run) >= first + 64;
        if is_uniform && uniform[here as usize] != u16::MAX {
            block_of[first as usize / 64] = uniform[here as usize];
        } else {
            if is_uniform {
                uniform[here as usize] = blocks;
            }
            let mut within = 0;
            while within < 64 {
                while run_end(run) <= first + within {
                    run += 1;
                }
                entries[blocks as usize * 64 + within as usize] = entry_of_run(run, first);
                within += 1;
            }
            block_of[first as usize / 64] = blocks;
            blocks += 1;
        }
        first += 64;
    }
    assert!(blocks as usize == BLOCKS);
    (block_of, entries)
}

const fn run_end(run: usize) -> u32 {
    if run + 1 < RUNS.len() { RUNS[run + 1] >> 8 } else { 0x11_0000 }
}

const fn entry_of_run(run: usize, block: u32) -> u8 {
    (RUNS[run] & 0xff) as u8 | if block < 0x80 { 0 } else { NON_ASCII }
}
