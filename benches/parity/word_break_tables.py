"""Write src/text/uax29/tables.rs: word-break classes, alphabetic and numeric flags.

    python3 -m venv venv && venv/bin/pip install regex==2025.11.3
    venv/bin/python benches/parity/word_break_tables.py | rustfmt > src/text/uax29/tables.rs

That release of `regex` carries Unicode 17.0.0, as do `unicode-segmentation` 1.13 and the standard
library of Rust 1.95. The tests of src/text/uax29.rs compare every scalar value with both, so a
release with another Unicode version cannot slip in.
"""

import regex

# Class numbers; src/text/uax29.rs names the same ones. Classes that no rule tells apart share one.
CLASSES = {
    "Other": 0, "ALetter": 3, "Hebrew_Letter": 4, "Numeric": 5, "Katakana": 6, "ExtendNumLet": 7,
    "Extend": 8, "Format": 8, "ZWJ": 9, "Regional_Indicator": 10, "MidLetter": 11, "MidNum": 12,
    "MidNumLet": 13, "Single_Quote": 14, "Double_Quote": 15, "CR": 16, "LF": 16, "Newline": 16,
    "WSegSpace": 17,
}  # fmt: skip
PICTOGRAPHS = {"Other": 1, "ALetter": 2}  # Extended_Pictographic=Yes
ALPHABETIC, NUMERIC = 0x20, 0x40

everything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
text = "".join(everything)


def having(prop):
    return set(regex.findall(r"\p{%s}" % prop, text))


def main():
    breaks = {c: name for name in CLASSES for c in having(f"Word_Break={name}")}
    assert len(breaks) == len(everything)
    pictographs, alphabetic, numeric = map(having, ("Extended_Pictographic", "Alphabetic", "N"))
    runs, last = [], None
    for c in everything:
        value = PICTOGRAPHS[breaks[c]] if c in pictographs else CLASSES[breaks[c]]
        value |= ALPHABETIC * (c in alphabetic) | NUMERIC * (c in numeric)
        if value != last:
            runs.append((ord(c), value))
            last = value
    print(f"""//! Unicode 17.0.0 properties that word splitting needs; written by
//! benches/parity/word_break_tables.py, which says how.

/// Runs of scalar values alike: the first of each times 256, plus its class in the low five bits and
/// the flags 0x20 (Alphabetic) and 0x40 (General_Category=Number). A run ends where the next begins.
#[rustfmt::skip]
#[expect(clippy::unreadable_literal, reason = "generated")]
pub(super) const RUNS: [u32; {len(runs)}] = [""")
    line = "   "
    for start, value in runs:
        item = f" 0x{start * 256 + value:x},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")


main()
