#!/usr/bin/env python3
"""Writes the data behind src/text/spacy_en/ from the published spaCy package.

    pip install spacy 'datatrove==0.10.*' regex
    python benches/parity/spacy_rules.py rules  > src/text/spacy_en.rules
    python benches/parity/spacy_rules.py golden > tests/golden/spacy_en.jsonl
    python benches/parity/spacy_rules.py nasty --count 200000 --seed 7 > nasty.jsonl
    python benches/parity/spacy_rules.py tokens < texts.jsonl > expected.jsonl

`rules` takes every fact from the package: exceptions, prefix, suffix and infix pieces, the URL
pattern, sentence ends and, from the running Python, the Unicode classes its `re` and `str` use.
Pieces are read with Python's own regex parser and written in the one shape the Rust side knows:

    [look-behind sets] (literals | set | run of one character) [one look-ahead set]

A piece of any other shape, or a URL pattern that is not the one mirrored in url.rs, stops the
program: then the Rust code has to be looked at, not only the data.
"""

import argparse
import json
import random
import re
import sys
import unicodedata
import warnings
from re import _constants as op
from re import _parser as sre

import spacy
from spacy.lang.char_classes import ALPHA_LOWER
from spacy.lang.tokenizer_exceptions import URL_PATTERN
from spacy.pipeline.sentencizer import Sentencizer
from spacy.symbols import ORTH

CODE_POINTS = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]


def fail(message):
    sys.exit(f"spacy_rules.py: {message}")


# --- character classes -------------------------------------------------------------------------


class Classes:
    """Sets of characters, each written once."""

    def __init__(self):
        self.sets = []

    def add(self, chars):
        chars = frozenset(chars)
        if not chars:
            fail("an empty character class")
        if chars not in self.sets:
            self.sets.append(chars)
        return self.sets.index(chars)

    def dump(self):
        return [" ".join(ranges(chars)) for chars in self.sets]


def ranges(chars):
    """Hexadecimal code point ranges: "61-7a 5f"."""
    out, run = [], []
    for c in sorted(chars):
        if run and c != run[1] + 1:
            out.append(run)
            run = []
        run = [run[0], c] if run else [c, c]
    out.append(run)
    return [f"{lo:x}" if lo == hi else f"{lo:x}-{hi:x}" for lo, hi in out]


def matching(pattern):
    compiled = re.compile(pattern)
    return {c for c in CODE_POINTS if compiled.fullmatch(chr(c))}


def set_of(items):
    """The characters of a parsed `[...]`, or None if it is not a plain set."""
    chars = set()
    for kind, value in items:
        if kind is op.LITERAL:
            chars.add(value)
        elif kind is op.RANGE:
            chars.update(range(value[0], value[1] + 1))
        else:
            return None
    return {c for c in chars if not 0xD800 <= c <= 0xDFFF}


# --- pattern pieces ----------------------------------------------------------------------------


def single_class(node):
    kind, value = node
    if kind is op.LITERAL:
        return {value}
    if kind is op.IN:
        return set_of(value)
    return None


def literals(nodes):
    """All strings of a sequence of literals, sets within an alternation and alternations."""
    out = [""]
    for kind, value in nodes:
        if kind is op.LITERAL:
            tails = [chr(value)]
        elif kind is op.IN:
            # The parser writes `a|b` as a set and keeps the order.
            if any(k is not op.LITERAL for k, _ in value):
                return None
            tails = [chr(v) for _, v in value]
        elif kind is op.SUBPATTERN and value[0] is None and value[1] == value[2] == 0:
            tails = literals(value[3])
        elif kind is op.BRANCH:
            tails = []
            for branch in value[1]:
                strings = literals(branch)
                if strings is None:
                    return None
                tails += strings
        else:
            return None
        if tails is None:
            return None
        out = [head + tail for head in out for tail in tails]
    return out


def piece_rule(piece, classes):
    """One piece of spaCy's affix patterns in the shape that affixes.rs mirrors."""
    outside = re.sub(r"\[(?:\\.|[^\]\\])*\]|\(\?:[^()]*\)|\\.", "", piece)
    if "|" in outside:
        fail(f"piece {piece!r} has an alternation that its ^ or $ would not cover")
    nodes = list(sre.parse(piece))
    rule = {}
    if nodes and nodes[0][0] is op.ASSERT and nodes[0][1][0] == -1:
        sets = [single_class(node) for node in nodes.pop(0)[1][1]]
        if any(s is None for s in sets):
            fail(f"look-behind of {piece!r}")
        rule["behind"] = [classes.add(s) for s in sets]
    if nodes and nodes[-1][0] in (op.ASSERT, op.ASSERT_NOT) and nodes[-1][1][0] == 1:
        kind, (_, inner) = nodes.pop()
        ahead = single_class(inner[0]) if len(inner) == 1 else None
        if ahead is None:
            fail(f"look-ahead of {piece!r}")
        rule["ahead" if kind is op.ASSERT else "not_ahead"] = classes.add(ahead)
    if len(nodes) == 1 and nodes[0][0] is op.IN and piece_is_set(piece):
        chars = single_class(nodes[0])
        if chars is None:
            fail(f"set of {piece!r}")
        rule["set"] = classes.add(chars)
    elif (
        len(nodes) == 2
        and nodes[0][0] is op.LITERAL
        and nodes[1][0] is op.MAX_REPEAT
        and nodes[1][1][:2] == (1, op.MAXREPEAT)
        and list(nodes[1][1][2]) == [nodes[0]]
    ):
        if len(rule) or nodes[0][1] > 0x7F:
            fail(f"a run with look-around in {piece!r}")
        rule["run"] = chr(nodes[0][1])
    else:
        strings = literals(nodes)
        if not strings or "" in strings:
            fail(f"piece {piece!r} has a shape that affixes.rs does not know")
        rule["literals"] = strings
    check_rule(piece, rule, classes)
    return rule


def piece_is_set(piece):
    return re.sub(r"\(\?<?[=!][^()]*(?:\([^()]*\)[^()]*)*\)", "", piece).startswith("[")


def check_rule(piece, rule, classes):
    """Tries the rule against Python's own match on a few thousand short strings."""
    compiled = re.compile(piece)
    rng = random.Random(0)
    bodies = list(rule.get("literals", []))
    if "set" in rule:
        bodies = [chr(c) for c in rng.sample(sorted(classes.sets[rule["set"]]), min(40, len(classes.sets[rule["set"]])))]
    if "run" in rule:
        bodies = [rule["run"], rule["run"] * 2, rule["run"] * 5]
    near = "".join(chr(rng.choice(sorted(classes.sets[i]))) for i in rule.get("behind", []))
    pool = [near, near[1:], "a", "A", "AA", "0", "9", "-", "%", "x9", "é", "Я", "中", ""]
    for body in bodies:
        for left in pool:
            for right in ["", "a", "B", "7", "-", ".", "中", "'"]:
                text = left + body + right
                at = len(left)
                found = compiled.match(text, at)
                ours = match_rule(rule, classes, text, at)
                if (found.end() if found else None) != ours:
                    fail(f"rule for {piece!r} differs on {text!r} at {at}: {found} {ours}")


def match_rule(rule, classes, text, at):
    behind = rule.get("behind", [])
    if at < len(behind):
        return None
    for offset, index in enumerate(reversed(behind), 1):
        if ord(text[at - offset]) not in classes.sets[index]:
            return None
    if "run" in rule:
        end = at
        while text[end : end + 1] == rule["run"]:
            end += 1
        return end if end - at >= 2 else None
    if "set" in rule:
        ends = [at + 1] if at < len(text) and ord(text[at]) in classes.sets[rule["set"]] else []
    else:
        ends = [at + len(s) for s in rule["literals"] if text.startswith(s, at)]
    for end in ends:
        following = ord(text[end]) if end < len(text) else None
        if "ahead" in rule and following not in classes.sets[rule["ahead"]]:
            continue
        if "not_ahead" in rule and following in classes.sets[rule["not_ahead"]]:
            continue
        return end
    return None


def rules_of(pieces, classes):
    """Rules of all pieces, in order; neighbours that are only literals become one."""
    out = []
    for piece in pieces:
        if not piece.strip():
            continue  # as spacy.util.compile_*_regex
        rule = piece_rule(piece, classes)
        if out and out[-1].keys() == rule.keys() == {"literals"}:
            out[-1]["literals"] += rule["literals"]
        else:
            out.append(rule)
    return out


# --- URL ---------------------------------------------------------------------------------------

HOST = r"A-Za-z0-9\u00a1-\uffff"
PRIVATE = [
    r"(?!(?:10|127)(?:\.\d{1,3}){3})",
    r"(?!(?:169\.254|192\.168)(?:\.\d{1,3}){2})",
    r"(?!172\.(?:1[6-9]|2\d|3[0-1])(?:\.\d{1,3}){2})",
]
OCTETS = [
    r"(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])",
    r"(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}",
    r"(?:\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4]))",
]
# What url.rs mirrors, in the order of spacy/lang/tokenizer_exceptions.py.
MIRRORED_URL = (
    [r"^", r"(?:(?:[\w\+\-\.]{2,})://)?", r"(?:\S+(?::\S*)?@)?", r"(?:"]
    + PRIVATE
    + OCTETS
    + [r"|", r"(?:", r"(?:", rf"[{HOST}]", rf"[{HOST}_-]{{0,62}}", r")?", rf"[{HOST}]\.", r")+"]
    + [rf"(?:[{ALPHA_LOWER}]{{2,63}})", r")", r"(?::\d{2,5})?", r"(?:[/?#]\S*)?", r"$"]
)


def url_rule(tokenizer, classes):
    mirrored = "".join(MIRRORED_URL)
    if URL_PATTERN != mirrored or tokenizer.url_match.__self__.pattern != "(?u)" + mirrored:
        fail("the URL pattern is not the one that url.rs mirrors")
    host, tld = matching(f"[{HOST}]"), matching(f"[{ALPHA_LOWER}]")
    if tld & set(map(ord, "./?#:@")) or host & set(map(ord, "./?#:@_-")):
        fail("url.rs needs host and TLD classes without delimiters")
    digit = "[" + "".join(rf"\x{{{r.replace('-', '}-' + chr(92) + 'x{')}}}" for r in ranges(matching(r"\d"))) + "]"

    def portable(pattern):
        return pattern.replace(r"\d", digit)

    return {
        "scheme": classes.add(matching(r"[\w\+\-\.]")),
        "scheme_min": 2,
        "host": classes.add(host),
        "inner": classes.add(host | set(map(ord, "_-"))),
        "label_max": 64,
        "tld": classes.add(tld),
        "tld_min": 2,
        "tld_max": 63,
        "digit": classes.add(matching(r"\d")),
        "port_min": 2,
        "port_max": 5,
        "path": "/?#",
        "private": [portable("^" + p[3:-1]) for p in PRIVATE],
        "address": portable("^" + "".join(OCTETS) + r"(?::\d{2,5})?(?:[/?#]|$)"),
    }


# --- the file ----------------------------------------------------------------------------------


def rules(command):
    warnings.simplefilter("ignore", FutureWarning)
    nlp = spacy.blank("en")
    tokenizer = nlp.tokenizer
    defaults = nlp.Defaults
    if tokenizer.token_match is not None or not tokenizer.faster_heuristics:
        fail("the tokenizer has a token_match or slow heuristics, which affixes.rs does not mirror")
    for compiled, pieces, compile_pieces in [
        (tokenizer.prefix_search, defaults.prefixes, spacy.util.compile_prefix_regex),
        (tokenizer.suffix_search, defaults.suffixes, spacy.util.compile_suffix_regex),
        (tokenizer.infix_finditer, defaults.infixes, spacy.util.compile_infix_regex),
    ]:
        if compiled.__self__.pattern != compile_pieces(pieces).pattern or compiled.__self__.flags != 32:
            fail("an affix pattern is not made of the language's pieces")
    classes = Classes()
    space = {c for c in CODE_POINTS if chr(c).isspace()}
    if space != matching(r"\s") or any(chr(c).strip() for c in space):
        fail("str.isspace, str.strip and \\s disagree")
    data = {
        "prefix": rules_of(defaults.prefixes, classes),
        "suffix": rules_of(defaults.suffixes, classes),
        "infix": rules_of(defaults.infixes, classes),
        "url": url_rule(tokenizer, classes),
        "space": classes.add(space),
        "punct": classes.add(c for c in CODE_POINTS if unicodedata.category(chr(c))[0] == "P"),
        "sentence_end": classes.add(map(ord, Sentencizer.default_punct_chars)),
    }
    if any("ahead" in rule or "not_ahead" in rule for rule in data["suffix"]):
        fail("a suffix with look-ahead")
    if any("behind" in rule for rule in data["prefix"]):
        fail("a prefix with look-behind")
    data["exceptions"] = exceptions(nlp)
    data["classes"] = classes.dump()
    print("# The rules of spaCy's English tokenizer and sentencizer, read by src/text/spacy_en/.")
    print(f"# Generated from spaCy {spacy.__version__} (https://spacy.io, MIT licence, © ExplosionAI GmbH)")
    print(f"# under Python {sys.version.split()[0]} (Unicode {unicodedata.unidata_version}) by:")
    print(f"#   python benches/parity/spacy_rules.py {command}")
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            items = ",\n".join(json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in value)
            lines.append(f"{json.dumps(key)}:[\n{items}]")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}")
    print("{" + ",\n".join(lines) + "}")


def exceptions(nlp):
    """Every special case as the list of its tokens."""
    tokenizer = nlp.tokenizer
    out = []
    for chunk, tokens in sorted(tokenizer.rules.items()):
        words = [token[ORTH] for token in tokens]
        if "".join(words) != chunk or "" in words:
            fail(f"exception {chunk!r} is not the sum of its tokens")
        if any(c.isspace() for c in chunk) and (chunk.strip() or words != [chunk]):
            fail(f"exception {chunk!r} mixes space and text")
        if chunk.strip():  # White space tokens are dropped anyway.
            out.append(words)
    return out


# --- texts and expected results ----------------------------------------------------------------

FRAGMENTS = (
    """' '' " “ ” ‘ ’ ` ´ „ « » ( ) [ ] { } < > , . .. ... …… … ; : ! ? ¿ ¡ - -- --- – — —— ~ / \\ * & # @ % + = _ ^ | $ £ €
    US$ C$ A$ ₽ § ° °C. °F. °k. ² ³ · • © ® ™ 😀 👩‍👩‍👧 🇫🇷 ☃ → 中 文 字 。 ， 、 「 」 （ ） ひらがな カタカナー 한국어 русский Москва. слово, café naïve
    ÉCOLE ß ſ İ ı Ǆ ǅ ΑΒΓ αβγ. עברית العربية، हिन्दी। ไทย ሰላም። ʼn ŉ a b I A AA U.S. U.S U.K., a.m. p.m. 10a.m. 9p.m 10am 10km 5kg 3m² 7% 8°C 90°F. 100€ $5 5$ 1,000.50 3.14
    1/2 2+2 2-3 -5 +7 + 10^6 9*9 x=y a:b a>b foo/bar and/or w/o I'm I’m I'd've can't can’t cannot Cannot gonna won't don't he's He's it's Let's ma'am o'clock O'Brien
    y'all 'em ’em 'cause 'Cause 's ’s 'S rock'n'roll dogs' Mr. Mrs. Dr. Ph.D. e.g. i.e. E.g. vs. Inc. St. Jan. Id. Im id :) :-) :( ;) ;-D :D :P :/ :'( ): (: (-: =) =D 8) 8-D xD XDD <3 </3 <33 >.<
    ^_^ -_- o.O O.o 0.0 ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*> ಠ_ಠ (ಠ_ಠ) (¬_¬) \\") <space> C++ c++ C# F# .NET node.js http://example.com https://a.b/c?d=e#f www.example.com example.com, example.com/path)
    ftp://u:p@h.org:8080/ mailto:x@y.zz user@example.com user.name+tag@ex-ample.co.uk 192.168.0.1 8.8.8.8 8.8.8.8:53/x 10.0.0.1 1.2.3 lower.Upper foo.Bar. end.Start word-word well-known 3-day twenty-one
    ABC-DEF a--b a—b x–y café-bar a,b 1,2 α,β А,б a.b A.b AB. Ab. A. Z. z. ä. Ü. 5. %. ). ”. '. +. foo+ 5+ 5'6" \\n \\t ‼ ⁇ ！ ？ ।
    the and word Hello World x y1 R2D2 iPhone McX HTML5 foo_bar __init__ snake_case() a[0] {x} <b> </b> &amp; #tag @user $x ~/.bash -Wall --flag=1 IS_PUNCT ORTH"""
).split()
SPACES = [" ", " ", " ", " ", "  ", "\n", "\n\n", "\t", " \n", "\r\n", "\xa0", "\u2009", "\u3000", "\x1c", "\x85", "\u2028", "\x0b"]
JOINERS = ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u0301", "\u0308", "\ufe0f", "\u2060", "\u200b" * 20, "\u0301" * 15, "\U000e0001", "\U00020000", "\U0010fffd", "\ufffd", "\uffff", "\x00", "\x7f"]


URL_PARTS = """a b.c com .com co.uk . .. - _ -a a- @ : / // :// http:// HTTPS:// ftp:// mailto: 80 :80 :8 :123456 ? # ?q=1 /p é ö.de 中文 。 .рф 例.jp
    \U00020000 x²y 1 9 10 127 172.16 192.168 255 254 223 224 0 1.1.1.1 .٣ ٣٤ .1 A.B B Ab.cD %20 & + ~ ( ) ' \u0301 \u200b \uffff \u00a1""".split()
SECOND_PASS_PARTS = """( ) : - = ; ' ’ 8 D P p x X o O 0 3 < > . _ ^ * / | [ ] } \\ " ° C . F. Mr . Mr. He he 's ’s ’ ll d re em a . m . p.m 9 10 w/ o and / or vs .
    \u3000 ~ — a b— see) that it It ' ol ¯ (ツ) ಠ _ > < ( * I. e. g. U.S. Ph. D.""".split()


def nasty_text(rng, longest=24):
    dice = rng.random()
    if dice < 0.15:
        chunks = ["".join(rng.choices(URL_PARTS, k=rng.randint(1, 9))) for _ in range(rng.randint(1, longest // 4))]
        if rng.random() < 0.05:
            chunks.append("a" * rng.randint(60, 67) + "." + "b" * rng.randint(1, 66) + rng.choice(URL_PARTS))
        return rng.choice([" ", " ", "\n", " (", "), "]).join(chunks)
    if dice < 0.35:
        parts = rng.choices(SECOND_PASS_PARTS, k=rng.randint(1, longest))
        return "".join(part + rng.choice(["", "", "", " ", " ", "  "]) for part in parts)
    parts = []
    for _ in range(rng.randint(1, longest)):
        dice = rng.random()
        if dice < 0.74:
            parts.append(rng.choice(FRAGMENTS))
        elif dice < 0.80:
            parts.append(rng.choice(JOINERS))
        elif dice < 0.84:
            parts.append(chr(rng.choice(CODE_POINTS)))
        elif dice < 0.88:
            parts.append("".join(rng.choice("abcXYZ019.,:;-'/@()!?+*") for _ in range(rng.randint(1, 8))))
        elif dice < 0.90:
            fragment = rng.choice(FRAGMENTS)
            parts.append(fragment[: rng.randint(0, len(fragment))])
        if rng.random() < 0.45:
            parts.append(rng.choice(SPACES))
    return "".join(parts)


def exception_texts(rng):
    """Every exception in a few surroundings."""
    for chunk in sorted(spacy.blank("en").tokenizer.rules):
        for shape in ["{}", "({})", '"{}",', "x{}", "{}y", "see—{}", "a-{}.", "{}'s", "{} {}", "{}{}", "{}:", "1{}", "see) {}"]:
            yield shape.format(chunk, chunk)


def nasty(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        yield nasty_text(rng)


def expected(texts):
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    tokenizer = load_word_tokenizer("en")
    for text in texts:
        yield {"text": text, "words": tokenizer.word_tokenize(text), "sentences": tokenizer.sent_tokenize(text)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rules", "golden", "nasty", "exceptions", "tokens"])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.what == "rules":
        return rules("rules")
    if args.what == "nasty":
        rows = ({"text": text} for text in nasty(args.count, args.seed))
    elif args.what == "exceptions":
        rows = ({"text": text} for text in exception_texts(random.Random(args.seed)))
    elif args.what == "golden":
        rng = random.Random(args.seed)
        rows = expected(nasty_text(rng, 12) for _ in range(args.count))
    else:
        rows = expected(json.loads(line)["text"] for line in sys.stdin)
    for row in rows:
        print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
