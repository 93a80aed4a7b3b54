"""Writes documents that lie just below, at and just above every threshold of datatrove's filters.

    python threshold_documents.py OUT.jsonl [--truth TRUTH.jsonl] [--badwords LIST]

Each line is {"id", "text", "op", "note": "op/rule/where", "reason"}: `reason` is what that op must
say (null: it keeps the document). The texts are built to pass every rule before the one in
question, so a wrong comparison, a wrong count or a wrong order of rules shows. The reasons are
written down by construction, not computed; the script asks datatrove about every document and fails
if any answer differs, so table and reference vouch for each other.

Most texts are made of pseudo-words (`bagudi`) that spaCy never splits; the tables of characters
are where tokens, Unicode classes and code points matter.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datatrove.utils.text import TERMINAL_PUNCTUATION
from datatrove_decide import EDITS_TEXT, decide, decide_chain, make_filters

CONSONANTS = "bdfgklmnprtvz"
VOWELS = "aeiou"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class Case(NamedTuple):
    op: str
    rule: str
    where: str
    text: str
    reason: str | None

    @property
    def note(self) -> str:
        return f"{self.op}/{self.rule}/{self.where}"


Cases = Iterator[Case]


def word(i: int, length: int) -> str:
    """The `i`-th pseudo-word of this length: consonants and vowels in turn. Distinct for distinct
    `i` from 6 letters on."""
    i += 7
    letters = []
    for place in range(length):
        alphabet = VOWELS if place % 2 else CONSONANTS
        i, digit = divmod(i, len(alphabet))
        letters.append(alphabet[(digit + place) % len(alphabet)])
    made = "".join(letters)
    return made if made not in STOP_WORDS else "vu"


def words(count: int, length: int = 6, start: int = 0) -> list[str]:
    return [word(start + i, length) for i in range(count)]


def text_of_length(length: int, start: int = 0) -> str:
    """Distinct words with single spaces, `length` characters in all."""
    out = []
    while length > 15:
        out.append(word(start + len(out), 7))
        length -= 8
    if length > 7:
        out.append(word(start + len(out), length - 7))
        length = 6
    if length:
        out.append(word(start + len(out), length))
    return " ".join(out)


def around(
    limit: int, below: str | None, above: str | None
) -> Iterator[tuple[str, int, str | None]]:
    """(where, value, reason) for limit − 1, limit (which always passes) and limit + 1."""
    yield "below", limit - 1, below
    yield "at", limit, None
    yield "above", limit + 1, above


# gopher-quality


def gopher_quality() -> Cases:
    yield from gopher_words()
    yield from gopher_symbols()
    yield from gopher_lines()
    yield from gopher_alpha()
    yield from gopher_stop_words()


def running(count: int, length: int = 6) -> list[str]:
    """`count` words, two of them stop words."""
    return ["and", "that", *words(count - 2, length)]


def gopher_words() -> Cases:
    op = "gopher-quality"
    for text in ("", " ", "\n", "\u2028", "...", "and that"):
        yield Case(op, "min_words", repr(text), text, "gopher_short_doc")
    for where, count, reason in around(50, "gopher_short_doc", None):
        yield Case(op, "min_words", where, " ".join(running(count)), reason)
        yield Case(op, "min_words", f"{where}/lines", "\n".join(running(count)), reason)
        commas = " ".join([*running(count), *[","] * 8])
        yield Case(op, "min_words", f"{where}/commas", commas, reason)
        glued = ", ".join(running(count)[:9]) + ". " + " ".join(running(count)[9:])
        yield Case(op, "min_words", f"{where}/glued-punctuation", glued, reason)
        digits = " ".join([*running(count - 5), "1", "22", "333", "4444", "55555"])
        yield Case(op, "min_words", f"{where}/digits-are-words", digits, reason)
        wide = " ".join([*running(count), "１", "１", "１"])
        yield Case(op, "min_words", f"{where}/fullwidth-one-is-punctuation", wide, reason)
        two = " ".join([*running(count - 1), "２"])
        yield Case(op, "min_words", f"{where}/fullwidth-two-is-no-punctuation", two, reason)
        bullet = " ".join([*running(count - 2), "•", "·"])
        yield Case(op, "min_words", f"{where}/bullets-are-words", bullet, reason)
        split = " ".join([*running(count - 4), "don't", "cannot"])
        yield Case(op, "min_words", f"{where}/contractions-are-two", split, reason)
        spaces = "  ".join(running(count)) + "   "
        yield Case(op, "min_words", f"{where}/double-spaces", spaces, reason)
        hard = "\u00a0".join(running(count))
        yield Case(op, "min_words", f"{where}/no-break-spaces", hard, reason)
    for where, count, reason in around(100_000, None, "gopher_long_doc"):
        yield Case(op, "max_words", where, " ".join(running(count, 3)), reason)
    commas = " ".join([*running(100_000, 3), *[","] * 1000])
    yield Case(op, "max_words", "at/commas", commas, None)

    for where, total, reason in around(300, "gopher_below_avg_threshold", None):
        # 2 stop words of 7 letters in all, 49 of 3, 48 of 3, and one that makes up the sum.
        rest = total - len("andthat") - 97 * 3
        text = " ".join(["and", "that", *words(97, 3), word(0, rest)])
        yield Case(op, "min_mean_word_length", where, text, reason)
        commas = text.replace(" ", ", ", 20)
        yield Case(op, "min_mean_word_length", f"{where}/commas", commas, reason)
    for where, total, reason in around(3000, "gopher_below_avg_threshold", None):
        rest = total - len("andthat") - 997 * 3
        text = " ".join(["and", "that", *words(997, 3), word(0, rest)])
        yield Case(op, "min_mean_word_length", f"{where}/thousand", text, reason)
    for where, total, reason in around(1000, None, "gopher_above_avg_threshold"):
        rest = total - len("andthat") - 97 * 10
        text = " ".join(["and", "that", *words(97, 10), word(0, rest)])
        yield Case(op, "max_mean_word_length", where, text, reason)
        accents = text.translate(str.maketrans("eou", "éöű"))
        yield Case(op, "max_mean_word_length", f"{where}/accents", accents, reason)
        commas = text.replace(" ", ", ", 20)
        yield Case(op, "max_mean_word_length", f"{where}/commas", commas, reason)


def gopher_symbols() -> Cases:
    op, many = "gopher-quality", "gopher_too_many_hashes"
    for where, count, reason in around(10, None, many):
        text = " ".join([*running(100 - count), *["#"] * count])
        yield Case(op, "max_hash_ratio", where, text, reason)
        inside = running(100)
        inside[50 : 50 + count] = [f"{w[:3]}#{w[3:]}" for w in inside[50 : 50 + count]]
        yield Case(op, "max_hash_ratio", f"{where}/inside-words", " ".join(inside), reason)
        wide = " ".join([*running(100 - count), *["＃"] * count])
        yield Case(op, "max_hash_ratio", f"{where}/fullwidth-hash", wide, None)
    # 100 words and n hashes as tokens: 11 of 111 pass, 12 of 112 do not.
    for count, reason in ((11, None), (12, many)):
        text = " ".join([*running(100), *["#"] * count])
        yield Case(op, "max_hash_ratio", f"{count}-hashes-are-tokens", text, reason)
    commas = " ".join([*running(80), *[","] * 10, *["#"] * 10])
    yield Case(op, "max_hash_ratio", "at/commas-are-tokens", commas, None)

    many = "gopher_too_many_ellipsis"
    for where, count, reason in around(10, None, many):
        for name, sign in (("dots", "..."), ("sign", "…"), ("four-dots", "....")):
            text = " ".join(["and", *[sign] * count, "that", *words(98 - count)])
            yield Case(op, "max_ellipsis_ratio", f"{where}/{name}", text, reason)
        mixed = " ".join(["and", *["...", "…"] * 5, "that", *words(88)])
        extra = {"below": mixed.replace("…", "–", 1), "at": mixed}
        text = extra.get(where) or " ".join(["and", *["...", "…"] * 5, "…", "that", *words(87)])
        yield Case(op, "max_ellipsis_ratio", f"{where}/mixed", text, reason)
        spaced = " ".join(["and", *[". . ."] * (count // 3), "that", *words(80)])
        yield Case(op, "max_ellipsis_ratio", f"{where}/spaced-dots", spaced, None)
    for count, reason in ((5, None), (6, many)):
        text = " ".join(["and", *["......"] * count, "that", *words(98 - count)])
        yield Case(op, "max_ellipsis_ratio", f"{count}-six-dots-count-twice", text, reason)


def gopher_lines() -> Cases:
    op, many = "gopher-quality", "gopher_too_many_bullets"

    def lines(count: int, marked: int, before: str = "", after: str = "", sep: str = "\n") -> str:
        plain = [" ".join(["and that", *words(8, start=8 * i)]) for i in range(count)]
        return sep.join(
            before + line + after if i < marked else line for i, line in enumerate(plain)
        )

    for total in (10, 20, 30, 100):
        limit = total * 9 // 10
        for where, count, reason in around(limit, None, many):
            text = lines(total, count, "- ")
            yield Case(op, "max_bullet_lines", f"{where}/{total}-lines", text, reason)
    marks = {
        "round": ("• ", True),
        "indented": ("  \t- ", True),
        "no-break-indent": ("\u00a0• ", True),
        "unit-separator-indent": ("\x1f- ", True),
        "no-space": ("-", True),
        "two-dashes": ("-- ", True),
        "zero-width-indent": ("\u200b- ", False),
        "star": ("* ", False),
        "en-dash": ("– ", False),
        "em-dash": ("— ", False),
        "minus-sign": ("− ", False),
        "hyphen": ("‐ ", False),
        "middle-dot": ("· ", False),
        "black-circle": ("● ", False),
        "triangle": ("‣ ", False),
        "square": ("▪ ", False),
        "white-circle": ("◦ ", False),
    }
    for name, (mark, counts) in marks.items():
        text = lines(10, 10, mark)
        yield Case(op, "max_bullet_lines", f"above/{name}", text, many if counts else None)
    blank = lines(10, 10, "- ")
    yield Case(op, "max_bullet_lines", "at/blank-line", blank.replace("\n", "\n\n", 1) + "\n", many)
    yield Case(op, "max_bullet_lines", "below/blank-lines", blank.replace("\n", "\n\n", 2), None)
    for name, sep in LINE_BREAKS.items():
        # 10 lines in 10 pieces; where the character breaks no line there is one line, a bullet.
        yield Case(op, "max_bullet_lines", f"at/break-{name}", lines(10, 9, "- ", sep=sep), None)
        text = lines(10, 10, "- ", sep=sep)
        yield Case(op, "max_bullet_lines", f"above/break-{name}", text, many)
    yield Case(op, "max_bullet_lines", "no-break", lines(10, 9, "- ", sep="\x1f"), many)

    many = "gopher_too_many_end_ellipsis"
    for total in (10, 20, 30):
        for where, count, reason in around(total * 3 // 10, None, many):
            text = lines(total, count, after="...")
            yield Case(op, "max_ellipsis_lines", f"{where}/{total}-lines", text, reason)
    ends = {
        "sign": ("…", True),
        "spaces": ("... ", True),
        "tab": ("…\t", True),
        "no-break-space": ("...\u00a0", True),
        "four-dots": ("....", True),
        "quote": ('..."', False),
        "two-dots": ("..", False),
        "spaced-dots": (" . . .", False),
        "zero-width": ("...\u200b", False),
        "full-stops": ("。。。", False),
        "midline": ("⋯", False),
        "two-dot-leader": ("‥", False),
    }
    for name, (end, counts) in ends.items():
        text = lines(10, 4, after=end)
        yield Case(op, "max_ellipsis_lines", f"above/{name}", text, many if counts else None)
    for name, sep in LINE_BREAKS.items():
        text = lines(10, 4, after="...", sep=sep)
        yield Case(op, "max_ellipsis_lines", f"above/break-{name}", text, many)
        text = lines(10, 3, after="...", sep=sep)
        yield Case(op, "max_ellipsis_lines", f"at/break-{name}", text, None)
    blank = lines(10, 4, after="...")
    text = blank.replace("\n", "\n\n", 4)
    yield Case(op, "max_ellipsis_lines", "below/blank-lines", text, None)


LINE_BREAKS = {
    "lf": "\n",
    "cr": "\r",
    "crlf": "\r\n",
    "vt": "\x0b",
    "ff": "\x0c",
    "fs": "\x1c",
    "gs": "\x1d",
    "rs": "\x1e",
    "nel": "\x85",
    "ls": "\u2028",
    "ps": "\u2029",
}


def gopher_alpha() -> Cases:
    op, few = "gopher-quality", "gopher_below_alpha_threshold"
    for where, count, reason in around(20, None, few):
        for name, token in {
            "digits": "123",
            "commas": ",",
            "roman-numeral": "Ⅷ",  # Nl: alphabetic to Unicode, no letter to Python
            "circled-letter": "ⓐ",  # So, but Other_Alphabetic
            "vowel-sign": "ि",  # Mc, Other_Alphabetic
            "superscript": "²",
            "fraction": "½",
            "emoji": "🙂",
            "money": "5",
        }.items():
            text = " ".join([*running(100 - count), *[token] * count])
            yield Case(op, "min_alpha_words", f"{where}/{name}", text, reason)
        for name, token in {"ordinal": "ª", "modifier": "ʰ", "han": "字", "mixed": "4g"}.items():
            text = " ".join([*running(100 - count), *[token] * count])
            yield Case(op, "min_alpha_words", f"{where}/{name}-is-alphabetic", text, None)
    for where, count, reason in around(50, None, few):
        text = " ".join([*running(250 - count), *["99"] * count])
        yield Case(op, "min_alpha_words", f"{where}/250", text, reason)


def gopher_stop_words() -> Cases:
    op, few = "gopher-quality", "gopher_enough_stop_words"
    for count in range(5):
        text = " ".join([*STOP_WORDS[:count], *words(60)])
        yield Case(op, "min_stop_words", f"{count}-words", text, few if count < 2 else None)
    for i, stop in enumerate(STOP_WORDS):
        yield Case(op, "min_stop_words", f"below/{stop}", " ".join([stop, *words(60)]), few)
        twice = " ".join([stop, *words(60), stop, stop])
        yield Case(op, "min_stop_words", f"below/{stop}-thrice", twice, few)
        other = STOP_WORDS[i - 1]
        both = " ".join([stop, *words(60), other])
        yield Case(op, "min_stop_words", f"at/{other}-{stop}", both, None)
        capital = " ".join([stop.capitalize(), *words(60), other, stop.upper()])
        yield Case(op, "min_stop_words", f"below/capital-{stop}", capital, few)
    for name, stops, reason in (
        ("comma", "the, to.", None),
        ("quoted", '"the" (to)', None),
        ("hyphen", "the-to", None),
        ("slash", "the/to", None),
        ("underscore", "the_to", few),
        ("other-words", "a in is it for", few),
    ):
        text = " ".join([*words(60), stops])
        yield Case(op, "min_stop_words", name, text, reason)


# gopher-repetition


def gopher_repetition() -> Cases:
    op = "gopher-repetition"
    yield Case(op, "empty", "empty", "", "empty")
    for name, text, reason in (
        ("space", " ", None),
        ("newline", "\n", "dup_line_frac"),
        ("newlines", "\n\n\n", "dup_line_frac"),
        ("one-word", "bagudi", None),
        ("one-word-newline", "bagudi\n", None),
        ("one-word-newlines-around", "\nbagudi\n", "dup_line_frac"),
        ("two-words", "bagudi fagudi", "top_2_gram"),
        ("carriage-returns", "\r\r\r", None),
    ):
        yield Case(op, "tiny", name, text, reason)
    yield from repetition_blocks()
    for n, share, unit in ((2, 200, "ab cd"), (3, 180, "abc de fg"), (4, 160, "abc def gab degu")):
        yield from top_grams(n, share, unit)
    for n in range(5, 11):
        yield from dup_grams(n, 200 - 10 * n)


def repetition_blocks() -> Cases:
    op = "gopher-repetition"
    for rule, sep, reason in (
        ("dup_para_frac", "\n\n", "dup_para_frac"),
        ("dup_line_frac", "\n", "dup_line_frac"),
    ):
        for total in (10, 20, 30):
            for where, count, outcome in around(total * 3 // 10, None, reason):
                blocks = [text_of_length(60, 20 * i) for i in range(total - count - 1)]
                blocks[2:2] = ["za"] * (count + 1)
                yield Case(op, rule, f"{where}/{total}", sep.join(blocks), outcome)
                # The copies spread out instead of side by side.
                rest = [block for block in blocks if block != "za"]
                for i in range(count + 1):
                    rest.insert(2 * i + 1, "za")
                yield Case(op, rule, f"{where}/{total}-spread", sep.join(rest), outcome)
        # What is a separator and what is stripped.
        blocks = [*(text_of_length(60, 20 * i) for i in range(5)), "za", "za", "za", "za"]
        for name, text, outcome in (
            ("above/plain", sep.join(blocks), reason),
            ("above/more-newlines", (sep + "\n").join(blocks), None),
            ("above/leading", sep + sep.join(blocks), None),
            ("above/trailing", sep.join(blocks) + sep, None),
            ("above/around", sep + sep.join(blocks) + sep, None),
            ("crlf", sep.replace("\n", "\r\n").join(blocks), None),
            ("space-between", "\n \n".join(blocks), None),
            ("nel", sep.replace("\n", "\x85").join(blocks), None),
            (
                "trailing-space-differs",
                sep.join(b + " " * (i % 2) for i, b in enumerate(blocks)),
                None,
            ),
            ("case-differs", sep.join([*blocks[:-2], "Za", "ZA"]), None),
        ):
            yield Case(op, rule, name, text, OUTCOMES.get((rule, name), outcome))

    # Blocks of spaces have characters but no words, so the n-gram rules stay silent.
    for rule, sep in (("dup_para_char_frac", "\n\n"), ("dup_line_char_frac", "\n")):
        for name, filler, long in (("spaces", " ", 1000), ("no-break-spaces", "\u00a0", 2000)):
            size = long // 5
            for where, length, outcome in (
                ("below", long + 1, None),
                ("at", long, None),
                ("above", long - 1, rule),
            ):
                block = filler * size
                rest = length - 2 * size - 4 * len(sep)
                parts = [rest // 3, rest // 3, rest - 2 * (rest // 3)]
                texts = [text_of_length(p, 100 * i) for i, p in enumerate(parts)]
                text = sep.join([texts[0], block, texts[1], block, texts[2]])
                assert len(text) == length
                yield Case(op, rule, f"{where}/{name}", text, outcome)
    for where, length, outcome in (("at", 1000, None), ("above", 999, "dup_line_char_frac")):
        lines = [
            line for i in range(5) for line in (" " * 50, word(i, 6), word(i + 9, 6), word(i, 7))
        ]
        text = "\n".join(lines) + "\n"
        text += text_of_length(length - len(text), 200)
        yield Case(op, "dup_line_char_frac", f"{where}/five-blocks", text, outcome)


# Reasons that differ from what the name of the case suggests: the other block rule fires, or a
# separator that is none glues everything into one block.
OUTCOMES: dict[tuple[str, str], str | None] = {
    ("dup_para_frac", "above/more-newlines"): "dup_para_frac",
    ("dup_para_frac", "above/leading"): "dup_para_frac",
    ("dup_para_frac", "above/trailing"): "dup_para_frac",
    ("dup_para_frac", "above/around"): "dup_para_frac",
    ("dup_para_frac", "space-between"): "dup_line_frac",
    ("dup_line_frac", "above/more-newlines"): "dup_para_frac",
    ("dup_line_frac", "above/leading"): None,
    ("dup_line_frac", "above/trailing"): None,
    ("dup_line_frac", "above/around"): "dup_line_frac",
    ("dup_line_frac", "space-between"): "dup_line_frac",
    ("dup_para_frac", "crlf"): "dup_line_frac",
}


def top_grams(n: int, share: int, unit: str) -> Cases:
    """`unit` (n words) so often that it is `share` of 1000 characters, other words in between."""
    op, rule = "gopher-repetition", f"top_{n}_gram"
    count = share // len(unit)

    def text(length: int, count: int) -> str:
        out = []
        for i in range(count):
            out += [unit, word(i, 6)]
        body = " ".join(out) + " "
        return body + text_of_length(length - len(body), 500)

    for where, length, reason in (("below", 1001, None), ("at", 1000, None), ("above", 999, rule)):
        yield Case(op, rule, f"{where}/length", text(length, count), reason)
        accents = text(length, count).replace("u", "ü")
        yield Case(op, rule, f"{where}/length-accents", accents, reason)
    yield Case(op, rule, "below/count", text(1000, count - 1), None)
    yield Case(op, rule, "above/count", text(1000, count + 1), rule)
    yield Case(op, rule, "above/newlines", "\n".join(text(999, count).rsplit(" ", 9)), rule)
    yield Case(op, rule, "above/double-spaces", "  ".join(text(999, count).rsplit(" ", 9)), None)
    # A text of few words: its first n-gram, however rare, is too much of it.
    for length in (share // 10, share):
        words_before = [word(i, 3) for i in range(n - 1)]
        used = len(" ".join(words_before)) + 1
        gram = " ".join([*words_before, word(50, max(length - used, 2))])
        for where, total, reason in (
            ("at", 1000 * len(gram) // share, {2: "top_3_gram", 3: "top_4_gram"}.get(n)),
            ("above", 1000 * len(gram) // share - 1, rule),
        ):
            whole = gram + " " + text_of_length(total - len(gram) - 1, 700)
            if 1000 * len(gram) % share == 0 and len(gram) > 30:
                yield Case(op, rule, f"{where}/single", whole, reason)
    # Two n-grams equally often: the one that came first counts.
    short, long = unit, " ".join(w * 2 for w in unit.split())
    times = 12 if n == 2 else 8
    for first, second, reason in ((short, long, None), (long, short, rule)):
        out = []
        for i in range(times):
            out += [first, word(2 * i, 6), second, word(2 * i + 1, 6)]
        body = " ".join(out)
        total = times * len(long) * 1000 // share - 5
        if total < len(body) + 20:
            continue
        whole = body + " " + text_of_length(total - len(body) - 1, 500)
        yield Case(op, rule, f"tie/{'long' if reason else 'short'}-first", whole, reason)


def dup_grams(n: int, share: int) -> Cases:
    """Sequences of n words that come twice, `share` of 1000 characters in all."""
    op, rule = "gopher-repetition", f"duplicated_{n}_n_grams"
    sizes = {5: 6, 6: 7, 7: 5, 8: 5, 9: 5, 10: 5}
    size = sizes[n]

    def text(length: int, repeated: int, sep: str = " ") -> str:
        """`repeated` characters of repetition in sequences of n words."""
        sequences = []
        left = repeated
        at = 0
        while left:
            here = min(left, n * size)
            if 0 < left - here < n * 2:  # leave no rest too short for n words
                here = left - n * 3
            lengths = [here // n + (i < here % n) for i in range(n)]
            sequences.append([word(900 + at + i, size_) for i, size_ in enumerate(lengths)])
            at += n
            left -= here
        out = []
        for i, sequence in enumerate(sequences + sequences):
            out += [*sequence, word(i, 6)]
        body = sep.join(out) + sep
        return body + text_of_length(length - len(body), 300)

    for where, length, reason in (("below", 1001, None), ("at", 1000, None), ("above", 999, rule)):
        yield Case(op, rule, f"{where}/length", text(length, share), reason)
    yield Case(op, rule, "below/repeated", text(1000, share - 1), None)
    yield Case(op, rule, "above/repeated", text(1000, share + 1), rule)
    yield Case(op, rule, "above/newlines", text(999, share).replace(" ", "\n", 7), rule)
    accents = str.maketrans("aeiou", "áéíóú")
    yield Case(op, rule, "at/accents", text(1000, share).translate(accents), None)
    yield Case(op, rule, "above/accents", text(999, share).translate(accents), rule)
    # The second time the letters are the same but the words are not: still a repetition.
    collision = text(999, share).split(" ")
    half = next(i for i in range(1, len(collision)) if collision[i] == collision[0])
    first, second = collision[half], collision[half + 1]
    collision[half], collision[half + 1] = first + second[:1], second[1:]
    yield Case(op, rule, "above/other-words-same-letters", " ".join(collision), rule)


# c4-quality


GOOD_LINES = [
    "The first of the lines is here.",
    "And then there was a second one.",
    "Nobody asked for the third line!",
    "Was the fourth one any better?",
]


def c4_quality() -> Cases:
    yield from c4_sentences()
    yield from c4_lines()


def probe(op: str, rule: str, where: str, line: str, kept: bool | str) -> Case:
    """Four good lines and the line in question: the document stays if that line does."""
    reason = kept if isinstance(kept, str) else None if kept else "too_few_sentences"
    lines = [*GOOD_LINES[:2], line, *GOOD_LINES[2:]]
    return Case(op, rule, where, "\n".join(lines), reason)


def c4_sentences() -> Cases:
    few = "too_few_sentences"
    for op in EDITS_TEXT:
        for text in ("", " ", "\n\n"):
            yield Case(op, "min_sentences", repr(text), text, few)
        for where, count, reason in around(5, few, None):
            sentence = "This is a sentence of six words."
            lines = [f"{sentence[:-1]} {word(i, 6)}." for i in range(count)]
            for name, sep in {**LINE_BREAKS, "space": " "}.items():
                yield Case(op, "min_sentences", f"{where}/{name}", sep.join(lines), reason)
            two = "\n".join([" ".join(lines[:2]), *lines[2:]])
            yield Case(op, "min_sentences", f"{where}/two-on-a-line", two, reason)
        for name, line, sentences in (
            ("question-exclamation", "Is that so?! It is not so.", 2),
            ("ellipsis-inside", "It is... not a sentence end.", 1),
            ("four-dots", "It is.... perhaps a sentence end.", 1),
            ("abbreviations", "Mr. Smith and Dr. Jones met e.g. in the U.S. yesterday.", 1),
            ("initials", "J. R. R. Tolkien wrote it.", 1),
            ("number", "It costs 3.50 dollars or 4.20 euros.", 1),
            ("no-space", "It ends here.And goes on there.", 2),
            ("no-space-lower", "It ends here.and goes on there.", 1),
            ("quotes", '"It ends here." And it goes on.', 2),
            ("closing-bracket", "(It ends here.) And it goes on.", 2),
            ("semicolon", "It ends here; and it goes on.", 1),
            ("devanagari", "It ends here। And it goes on.", 2),
            ("fullwidth-stop", "It ends here。 And it goes on.", 2),
            ("fullwidth-question", "It ends here？ And it goes on.", 2),
            ("ellipsis-sign", "It ends here… And it goes on.", 1),
            ("interrobang", "It ends here‽ And it goes on.", 1),
            ("interrobang-apart", "It ends here ‽ And it goes on.", 2),
            ("double-space", "It ends here.  And it goes on.", 2),
            ("dash", "It ends here. – And it goes on.", 2),
            ("dash-only", "It ends here. – .", 1),
            ("dollar", "It ends here. $ .", 2),
            ("spaced-dots", "It ends here . . . and goes on.", 2),
            ("digit", "It ends here. 5 is next.", 2),
            ("emoji", "It ends here. 🙂 And so on.", 2),
            ("citation", "It ends here.[1] And it goes on.", 2),
            ("citation-spaces", "And it goes on. [1] [2] .", 2),
            ("unit-separator", "It ends here.\x1fAnd it goes on.", 2),
            ("tab", "It ends here.\tAnd it goes on.", 2),
        ):
            for extra in (4 - sentences, 5 - sentences):
                where = "below" if extra + sentences < 5 else "at"
                lines = [*GOOD_LINES[:extra], line]
                reason = few if where == "below" else None
                yield Case(op, "sentences", f"{where}/{name}", "\n".join(lines), reason)


def c4_lines() -> Cases:
    for op in EDITS_TEXT:
        default = op == "c4-quality"
        for where, count in (("below", 2), ("at", 3), ("above", 4)):
            for name, sep in (
                ("space", " "),
                ("tab", "\t"),
                ("no-break", "\u00a0"),
                ("us", "\x1f"),
            ):
                line = sep.join(words(count)) + "."
                yield probe(op, "min_line_words", f"{where}/{name}", line, count >= 3)
            zero = "\u200b".join(words(count)) + "."
            yield probe(op, "min_line_words", f"{where}/zero-width", zero, False)
            cited = " ".join([*words(count - 1), "[1]."])
            yield probe(op, "min_line_words", f"{where}/citation-is-a-word", cited, count >= 3)
        yield probe(op, "min_line_words", "punctuation-is-a-word", "Yes - no.", True)
        yield probe(op, "min_line_words", "blank", "   ", False)
        for where, length in (("below", 999), ("at", 1000), ("above", 1001)):
            for name, letter in (("ascii", "x"), ("accents", "é"), ("emoji", "🙂")):
                line = f"One {letter * length} word."
                yield probe(op, "max_word_length", f"{where}/{name}", line, length <= 1000)
            line = f"One two {'x' * (length - 1)}."
            yield probe(op, "max_word_length", f"{where}/stop-counts", line, length <= 1000)
            line = f"One two {'x' * (length - 3)}[1]."
            expected = length <= 999
            yield probe(op, "max_word_length", f"{where}/citation-counts", line, expected)

        ends = {c: True for c in ".?!\"'"}
        ends |= {c: False for c in ",:;)]}>”’»…。！？।*-~a1"}
        ends |= {"..": True, "...": False, "....": False, '..."': True, "?...": False, "...?": True}
        ends |= {". ": True, ".\t": True, ".\u00a0": True, ".\x1f": True, ".\u200b": False}
        ends |= {".)": False, '."': True, ".'": True, ".”": False, "!!!": True, " .": True}
        ends |= {"[1]": False, ".[1]": True, ". [1]": False, "[1].": True, ".[1][2]": True}
        ends |= {".[edit]": True, ".[Edit]": False, ".[citation needed]": True, ".[a]": False}
        ends |= {".[]": True, ".[12345]": True, ".[١٢]": True, ".[²]": False, ".[ 1]": False}
        ends |= {".[1,2]": False, "..[1].": False, "...[1]": False, ".[[1]]": False, ".[1": False}
        for end, kept in ends.items():
            line = f"This line has its own end{end}"
            yield probe(op, "terminal_punctuation", repr(end), line, kept or not default)

        lorem = {
            "lower": ("Some lorem ipsum is here.", True),
            "upper": ("LOREM IPSUM dolor sit amet.", True),
            "inside": ("Xlorem ipsums are here.", True),
            "two-spaces": ("Some lorem  ipsum is here.", False),
            "hyphen": ("Some lorem-ipsum is here.", False),
            "no-break": ("Some lorem\u00a0ipsum is here.", False),
            "javascript-too": ("Some lorem ipsum javascript is here.", True),
            "brace-too": ("Some lorem ipsum { is here.", True),
            "cited": ("Some lorem[1] ipsum is here.", True),
        }
        for name, (line, fires) in lorem.items():
            yield probe(op, "lorem_ipsum", name, line, "lorem_ipsum" if fires else True)
        line = "Some lorem ipsum without an end"
        yield probe(op, "lorem_ipsum", "no-end", line, False if default else "lorem_ipsum")
        yield probe(op, "lorem_ipsum", "two-words", "Lorem ipsum.", False)
        line = f"Some lorem ipsum {'x' * 1001}."
        yield probe(op, "lorem_ipsum", "long-word", line, False)

        brace = {
            "alone": ("Some { is here.", "curly_bracket"),
            "word": ("Some {word} is here.", "curly_bracket"),
            "closing": ("Some } is here.", True),
            "fullwidth": ("Some ｛ is here.", True),
            "policy-too": ("Our privacy policy { is here.", "curly_bracket"),
            "javascript-too": ("Some javascript { is here.", False),
            "two-words": ("Some {.", False),
            "long-word": (f"Some {{ {'x' * 1001}.", False),
            "no-end": ("Some { is here", False if default else "curly_bracket"),
        }
        for name, (line, kept) in brace.items():
            yield probe(op, "curly_bracket", name, line, kept)
        both = [*GOOD_LINES, "One { is here.", "Some lorem ipsum is here."]
        yield Case(op, "curly_bracket", "first-wins", "\n".join(both), "curly_bracket")
        yield Case(op, "lorem_ipsum", "first-wins", "\n".join(reversed(both)), "lorem_ipsum")

        for name, line, kept in (
            ("lower", "Some javascript is here.", False),
            ("mixed", "Some JavaScript is here.", False),
            ("inside", "Some notjavascripting is here.", False),
            ("two-words", "Some java script is here.", True),
            ("dotted-i", "Some JAVASCRİPT is here.", True),
            ("dotless-i", "Some javascrıpt is here.", True),
            ("long-s", "Some javaſcript is here.", True),
        ):
            yield probe(op, "javascript", name, line, kept)
        for phrase in c4_policies():
            yield probe(op, "policy", phrase, f"Here {phrase} is named.", False)
            yield probe(op, "policy", f"{phrase}/capitals", f"Here {phrase.title()} is.", False)
            line = f"Here {phrase.replace(' ', '  ', 1)} is named."
            yield probe(op, "policy", f"{phrase}/two-spaces", line, True)
        for name, line, kept in (
            ("kelvin-sign", "We use coo\u212aies here.", False),
            ("singular", "We use a cookie here.", True),
            ("between-lines", "We had to use", not default),
            ("used-cookies", "We used cookies here.", True),
            ("abuse-cookies", "Do not abuse cookies here.", False),
        ):
            yield probe(op, "policy", name, line, kept)


def c4_policies() -> tuple[str, ...]:
    return (
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    )


# fineweb-quality


def fineweb_quality() -> Cases:
    op = "fineweb-quality"
    for text in ("", " ", "\n", "\n \n\t\n", "\u2028", "\u00a0\n\x1f"):
        yield Case(op, "empty", repr(text), text, "empty")

    def line(i: int, length: int = 45, end: str = "") -> str:
        return text_of_length(length - len(end), 20 * i) + end

    few = "line_punct_ratio"
    for total in (25, 50, 100):
        for where, count, reason in around(total * 12 // 100, few, None):
            lines = [line(i, end="." if i < count else "") for i in range(total)]
            yield Case(op, "line_punct", f"{where}/{total}-lines", "\n".join(lines), reason)
            blank = "\n\n".join(lines[:10]) + "\n \n" + "\n".join(lines[10:])
            yield Case(op, "line_punct", f"{where}/{total}-blank-lines", blank, reason)
    for char in sorted(TERMINAL_PUNCTUATION):
        lines = [line(i, end=char if i == 3 else "") for i in range(8)]
        yield Case(op, "line_punct", f"terminal-U+{ord(char):04X}", "\n".join(lines), None)
    for end in (*"…,:;\"'”’)»-a1।", ". ", ".\r", ".\u200b", ".\u2028", '."', ".[1]", "?)"):
        passes = end in TERMINAL_PUNCTUATION
        lines = [line(i, end=end if i == 3 else "") for i in range(8)]
        text = "\n".join(lines)
        yield Case(op, "line_punct", f"end-{end!r}", text, None if passes else few)
    for name, sep in LINE_BREAKS.items():
        lines = [line(i, end=".") for i in range(8)]
        # Only \n separates: the others leave one line that ends in a full stop, or `.\r`.
        yield Case(op, "line_punct", f"break-{name}", sep.join(lines), None)

    many = "short_line_ratio"
    for where, count, reason in around(67, None, many):
        lines = [line(i, 30 if i < count else 31, ".") for i in range(100)]
        yield Case(op, "short_lines", f"{where}/100-lines", "\n".join(lines), reason)
    for where, count, reason in (("below", 2, None), ("above", 3, many)):
        lines = [line(i, 30 if i < count else 31, ".") for i in range(4)]
        yield Case(op, "short_lines", f"{where}/4-lines", "\n".join(lines), reason)
    for length in (29, 30, 31):
        lines = [line(i, length, ".") for i in range(10)]
        reason = many if length <= 30 else None
        yield Case(op, "short_lines", f"{length}-characters", "\n".join(lines), reason)
        accents = "\n".join(lines).translate(str.maketrans("aeiou", "áéíóú"))
        yield Case(op, "short_lines", f"{length}-accents", accents, reason)
        spaces = "\n".join(" " * 5 + line(i, length - 5, ".") for i in range(10))
        yield Case(op, "short_lines", f"{length}-with-indent", spaces, reason)

    dup = "char_dup_ratio"
    for where, length, reason in (("below", 1001, None), ("at", 1000, None), ("above", 999, dup)):
        for name, short in (("ascii", "bagudi fo."), ("accents", "bágúdi fő.")):
            rest = length - 2 * len(short)
            lines = [line(i, rest // 10, ".") for i in range(9)]
            lines.append(line(9, rest - 9 * (rest // 10), "."))
            for sep in ("\n", "\n\n"):
                mixed = [*lines[:4], short, *lines[4:8], short, *lines[8:]]
                label = f"{where}/{name}/{'line' if sep == chr(10) else 'paragraph'}s"
                yield Case(op, "char_dup", label, sep.join(mixed), reason)
            mixed = [*lines[:4], short, *lines[4:8], short + " ", *lines[8:]]
            yield Case(op, "char_dup", f"{where}/{name}/space-differs", "\n".join(mixed), None)
    lines = [line(i, 50, ".") for i in range(10)]
    for name, text, reason in (
        ("blank-lines-are-none", "\n   \n".join(lines), None),
        ("whole-line", "\n".join([*lines, lines[4]]), dup),
        ("thrice", "\n".join(["bagu.", *lines[:5], "bagu.", *lines[5:], "bagu."]), dup),
    ):
        yield Case(op, "char_dup", name, text, reason)

    many = "list_ratio"
    for where, count, reason in around(30, None, many):
        for name, extra in (("words", 0), ("commas", 10)):
            # `count` newlines, 100 tokens.
            lines = count + 1
            tokens = 100 - lines - extra  # every line has a full stop of its own
            share, rest = divmod(tokens, lines)
            sizes = [share + (i < rest) for i in range(lines)]
            at = 0
            out = []
            for i, size in enumerate(sizes):
                made = words(size, 16, at)
                at += size
                out.append(" ".join(made) + (" ,." if i < extra else "."))
            yield Case(op, "new_lines", f"{where}/{name}", "\n".join(out), reason)
        blank = [" ".join([*words(9, 6, 9 * i)]) + "." for i in range(10)]
        text = "\n".join(blank) + "\n" * (count - 9)
        yield Case(op, "new_lines", f"{where}/trailing-blank-lines", text, reason)
        text = "\n" * (count - 9) + "\n".join(blank)
        yield Case(op, "new_lines", f"{where}/leading-blank-lines", text, reason)
    crlf = "\r\n".join(blank) + "\r\n" * 21
    yield Case(op, "new_lines", "above/crlf", crlf, "line_punct_ratio")


# c4-paragraph, c4-badwords


def c4_paragraph() -> Cases:
    op, reason = "c4-paragraph", "< 3 paragraphs"
    for where, length, outcome in around(200, reason, None):
        for name, letter in (("ascii", "u"), ("accents", "ű")):
            lines = [text_of_length(size).replace("u", letter) for size in (300, length, 250, 10)]
            yield Case(op, "min_length", f"{where}/{name}", "\n".join(lines), outcome)
        blank = "\n\n".join([" " * length, " " * 500, " " * 500])
        yield Case(op, "min_length", f"{where}/blank", blank, outcome)
    for count in (0, 1, 2, 3, 4):
        text = "\n".join(text_of_length(220, 30 * i) for i in range(count))
        yield Case(op, "min_lines", str(count), text, reason if count < 3 else None)
        text = "\u2028".join(text_of_length(220, 30 * i) for i in range(count))
        yield Case(op, "min_lines", f"{count}/line-separators", text, reason)


def c4_badwords() -> Cases:
    op, reason = "c4-badwords", "document_removed_with_badwords"
    for name, text, found in (
        ("alone", "sex", True),
        ("end", "about sex", True),
        ("newline", "about sex\n", True),
        ("lines", "about\nsex\nand", True),
        ("capitals", "About SEX and", True),
        ("comma", "about sex, and", True),
        ("hyphen", "same-sex pairs", True),
        ("prefix", "the sexton", False),
        ("suffix", "in middlesex", False),
        ("underscore", "a _sex_ b", False),
        ("digit", "sex5", False),
        ("superscript", "sex²", False),
        ("letter-after", "sexé", False),
        ("combining-after", "sex\u0301", True),
        ("two-words", "the g-spot", True),
        ("phrase", "a blow job", True),
        ("phrase-two-spaces", "a blow  job", False),
        ("phrase-newline", "a blow\njob", False),
        ("none", "Nothing of the kind.", False),
        ("empty", "", False),
    ):
        yield Case(op, "words", name, text, reason if found else None)


def all_cases() -> Cases:
    for family in (
        gopher_quality,
        gopher_repetition,
        c4_quality,
        fineweb_quality,
        c4_paragraph,
        c4_badwords,
    ):
        yield from family()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--truth", type=Path, help="write datatrove's decisions about all of them")
    parser.add_argument("--badwords", type=Path)
    arguments = parser.parse_args()

    cases = list(all_cases())
    repeated = [note for note, count in Counter(case.note for case in cases).items() if count > 1]
    assert not repeated, repeated
    with arguments.output.open("w", encoding="utf-8", newline="\n") as file:
        for i, case in enumerate(cases):
            row = {"id": str(i), "op": case.op, "note": case.note, "reason": case.reason}
            file.write(json.dumps({**row, "text": case.text}, ensure_ascii=False) + "\n")

    filters = make_filters("en", arguments.badwords)
    tally: dict[tuple[str, str], Counter] = {}
    wrong = 0
    for case in cases:
        if case.op not in filters:
            continue
        answer = decide(case.op, filters[case.op], case.text)["reason"]
        counter = tally.setdefault((case.op, case.rule), Counter())
        counter["kept" if answer is None else "dropped"] += 1
        if answer != case.reason:
            wrong += 1
            print(f"{case.note}: datatrove says {answer}, not {case.reason}", file=sys.stderr)
    print(f"{'op':<20}{'rule':<26}{'documents':>10}{'kept':>7}{'dropped':>9}")
    for (op, rule), counter in tally.items():
        columns = f"{counter.total():>10}{counter['kept']:>7}{counter['dropped']:>9}"
        print(f"{op:<20}{rule:<26}{columns}")
    size = sum(len(case.text.encode()) for case in cases)
    print(f"{len(cases):,} documents, {size / 1e6:.2f} MB, {wrong} unexpected answers")

    if arguments.truth:
        with arguments.truth.open("w", encoding="utf-8") as file:
            for n, case in enumerate(cases):
                row = {op: decide(op, f, case.text, texts=True) for op, f in filters.items()}
                row["fineweb"] = decide_chain(filters, case.text)
                file.write(json.dumps({"n": n, **row}) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
