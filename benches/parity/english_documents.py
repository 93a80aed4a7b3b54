"""Collects English documents of every kind and quality, to compare filters on.

    python english_documents.py OUT.jsonl --data DIR [--truth TRUTH.jsonl] [--badwords LIST]

DIR is the folder of development data (see data-samples/README.md for what may be shipped; these
sets may not all be). Writes lines of `id`, `kind`, `text`: prose, news, reviews, chat, comments,
wiki text, code, instructions, pages with all their boilerplate, and damaged variants, so that
every reason of the four filters occurs often. Same input, same bytes: all choices are drawn from
`random.Random` seeded with the kind. With `--truth` it also writes datatrove's decisions and
prints how often each reason occurs; it fails if one occurs fewer than ten times.
"""

import argparse
import bz2
import gzip
import html
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

Texts = Iterator[str]

BLOCKS = set(
    "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 "
    "h3 h4 h5 h6 header hr li main nav ol option p pre section select table td th tr ul".split()
)
POLICY = [
    "By using this site you agree to our Terms of Use.",
    "Please read our Privacy Policy before you continue.",
    "See our cookie policy for more details.",
    "This website uses cookies to improve your experience.",
    "We explain the use of cookies on this page.",
    "We use cookies to personalise content and ads.",
    "Please enable JavaScript in your browser to view this page.",
]


class TextLines(HTMLParser):
    """Text of a page as a naive extractor sees it: every block a line, boilerplate and all."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.hidden += 1
        elif tag in BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.hidden = max(0, self.hidden - 1)
        elif tag in BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))


def page_text(page: str, blank_lines: bool) -> str:
    parser = TextLines()
    parser.feed(page)
    parser.close()
    lines = [line.strip() for line in "".join(parser.pieces).split("\n")]
    if blank_lines:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return "\n".join(line for line in lines if line)


def rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)


def draw(rng: random.Random, items: Iterable, count: int) -> list:
    """`count` of the items, in their order."""
    items = list(items)
    chosen = sorted(rng.sample(range(len(items)), min(count, len(items))))
    return [items[i] for i in chosen]


def cut(rng: random.Random, text: str, shortest: int, longest: int) -> Texts:
    """Pieces of a long text, `shortest` to `longest` words, cut at white space."""
    starts = [match.start() for match in re.finditer(r"\S+", text)]
    at = 0
    while at < len(starts):
        # Short pieces are as frequent as long ones.
        length = round(shortest * (longest / shortest) ** rng.random())
        end = starts[at + length] if at + length < len(starts) else len(text)
        yield text[starts[at] : end].rstrip()
        at += length


def joined(rng: random.Random, texts: Iterable[str], most: int) -> Texts:
    """Consecutive short texts put together, 1 to `most` a document."""
    iterator = iter(texts)
    while some := list(islice(iterator, rng.randint(1, most))):
        yield rng.choice(["\n", "\n\n", " "]).join(some)


# What there is


def novels(data: Path, rng: random.Random) -> Texts:
    chapters = draw(rng, rows(data / "text-novels/eltec-en-half.jsonl.gz"), 90)
    pieces = [p for chapter in chapters for p in cut(rng, chapter["text"], 50, 2000)]
    yield from draw(rng, pieces, 450)


def news(data: Path, rng: random.Random) -> Texts:
    yield from (r["text"] for r in draw(rng, rows(data / "quality/bbc-news.jsonl.gz"), 350))
    lee = (data / "wikidump/lee_background.cor").read_text(encoding="utf-8").splitlines()
    yield from draw(rng, lee, 100)


def graded(data: Path, rng: random.Random) -> Texts:
    yield from (r["text"] for r in draw(rng, rows(data / "quality/onestopenglish.jsonl.gz"), 200))


def mixed(data: Path, rng: random.Random) -> Texts:
    genres: dict[str, list[str]] = {}
    for row in rows(data / "quality/nltk-mixed.jsonl.gz"):
        genres.setdefault(row["genre"].partition("/")[0], []).append(row["text"])
    for _, texts in sorted(genres.items()):
        pieces = [p for text in texts[:200] for p in islice(cut(rng, text, 50, 1500), 30)]
        yield from draw(rng, pieces, 70)


def comments(data: Path, rng: random.Random) -> Texts:
    for name, most in (("toxicspans-civilcomments-en", 12), ("wiki-talk-testset-en", 8)):
        texts = (row["text"] for row in rows(data / f"toxicity/{name}.jsonl.gz"))
        yield from islice(joined(rng, texts, most), 130)


def messages(data: Path, rng: random.Random) -> Texts:
    texts = [row["text"] for row in rows(data / "quality/sms-spam.jsonl.gz")]
    yield from islice(joined(rng, texts, 25), 150)


def wiki(data: Path, rng: random.Random) -> Texts:
    name = "wikidump/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    with bz2.open(data / name, "rt", encoding="utf-8") as file:
        dump = file.read()
    texts = [html.unescape(t) for t in re.findall(r"<text[^>]*>(.*?)</text>", dump, re.DOTALL)]
    for text in draw(rng, (t for t in texts if len(t) > 200), 200):
        text = text[:15_000]
        if rng.random() < 0.3:  # mark-up and all
            yield text
            continue
        for _ in range(4):
            text = re.sub(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}", "", text)
        text = re.sub(r"<ref[^>]*/>|<ref.*?</ref>|<!--.*?-->", "[1]", text, flags=re.DOTALL)
        text = re.sub(r"<[^>]+>", "", text)
        text = re.sub(r"\[\[(?:[^\]|]*\|)?([^\]]*)\]\]", r"\1", text)
        yield re.sub(r"'{2,}|={2,}", "", text).strip()


def code(data: Path, rng: random.Random) -> Texts:
    for row in draw(rng, rows(data / "code/linguist-samples.jsonl.gz"), 350):
        yield row["text"][:12_000]


def pages(data: Path, rng: random.Random) -> Texts:
    for path in sorted((data / "extract-gold-scrapinghub/html").glob("*.html.gz")):
        page = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        yield page_text(page, rng.random() < 0.3)[:60_000]
    for row in rows(data / "extract-gold-mozilla/pages.jsonl.gz"):
        page = row["html"]
        yield page_text(page, rng.random() < 0.3)[:60_000]


def help_pages(data: Path, rng: random.Random) -> Texts:
    path = data / "warc-libreoffice-help/libreoffice-help-en-us.warc.gz"
    archive = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    found = re.findall(r"<html.*?</html>", archive, re.DOTALL | re.IGNORECASE)
    for page in draw(rng, found, 300):
        yield page_text(page, rng.random() < 0.3)


def instructions(data: Path, rng: random.Random) -> Texts:
    for name, count in (("flan-cot", 150), ("superni-t0-sample", 150), ("self-instruct-seed", 40)):
        for row in draw(rng, rows(data / f"instruct/{name}.jsonl.gz"), count):
            yield "\n\n".join(str(m["content"]) for m in row["messages"])
    questions = (row["text"] for row in rows(data / "benchmarks/mmlu-dev.jsonl.gz"))
    yield from islice(joined(rng, questions, 5), 40)


def proposals(data: Path, rng: random.Random) -> Texts:
    docs = (r for r in rows(data / "neardup/docs.jsonl.gz") if r["group"].startswith("peps:"))
    for row in draw(rng, docs, 120):
        yield next(cut(rng, row["text"], 100, 3000))


# What is wrong with it


def clean_prose(data: Path, rng: random.Random, count: int, words: int) -> list[list[str]]:
    """Word lists of prose with neither line breaks nor anything else worth a rule."""
    chapters = draw(rng, rows(data / "text-novels/eltec-en-half.jsonl.gz"), 60)
    found = []
    for chapter in chapters:
        tokens = re.sub(r"[{}#•…]|\.\.+", "", chapter["text"]).split()
        found += [tokens[i : i + words] for i in range(0, len(tokens) - words, words)]
    return [list(piece) for piece in draw(rng, found, count)]


def chunks(items: list[str], size: int) -> list[str]:
    return [" ".join(items[i : i + size]) for i in range(0, len(items), size)]


def repeated_paragraphs(words: list[str], rng: random.Random) -> str:
    paragraphs = chunks(words, 25)
    if rng.random() < 0.5:  # many short ones
        paragraphs += ["Read more."] * rng.randint(len(paragraphs) // 4, len(paragraphs))
    else:
        paragraphs += paragraphs[: rng.randint(1, len(paragraphs) // 3)]
    rng.shuffle(paragraphs)
    return "\n\n".join(paragraphs)


def repeated_lines(words: list[str], rng: random.Random) -> str:
    return repeated_paragraphs(words, rng).replace("\n\n", "\n")


def long_paragraph_again(words: list[str], rng: random.Random) -> str:
    long = " ".join(words[: rng.randint(60, 120)])
    paragraphs = [long, *chunks(words[120:], 20), long]
    return "\n\n".join(paragraphs)


def spaced_out(words: list[str], rng: random.Random) -> str:
    """Whole sentences, each a line, with blank lines in between."""
    lines = [line.rstrip(".,;") + "." for line in chunks(words, rng.randint(6, 10))]
    return ("\n" * rng.randint(1, 4)).join(lines)


def repeated_top_gram(n: int) -> Callable[[list[str], random.Random], str]:
    share = {2: 0.2, 3: 0.18, 4: 0.16}[n]

    def damage(words: list[str], rng: random.Random) -> str:
        phrase = words[:n]
        length = len(" ".join(phrase))
        count = round(share * rng.uniform(0.9, 1.5) * len(" ".join(words)) / length)
        return spread(words[n:], [phrase] * count, rng)

    return damage


def repeated_gram(n: int) -> Callable[[list[str], random.Random], str]:
    share = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}[n]

    def damage(words: list[str], rng: random.Random) -> str:
        wanted = share * rng.uniform(1.0, 1.4) * len(" ".join(words)) / (1 - share)
        phrases: list[list[str]] = []
        at = 0
        while sum(len("".join(p)) for p in phrases) < wanted and at + n < len(words):
            phrases.append(words[at : at + n])
            at += 3 * n
        return spread(words, phrases, rng)

    return damage


def spread(words: list[str], phrases: list[list[str]], rng: random.Random) -> str:
    """The words with the phrases put in between, anywhere in the later half or all over."""
    gaps = Counter(rng.randrange(len(words)) for _ in phrases)
    waiting = iter(phrases)
    out = []
    for i, word in enumerate(words):
        out.append(word)
        for phrase in islice(waiting, gaps[i]):
            out += phrase
    return " ".join(out)


def some_lines(share: float, change: Callable[[str], str]) -> Callable:
    def damage(words: list[str], rng: random.Random) -> str:
        wanted = min(1.0, share * rng.uniform(0.85, 1.2))
        lines = chunks(words, rng.randint(8, 20))
        return "\n".join(change(line) if rng.random() < wanted else line for line in lines)

    return damage


def some_words(share: float, change: Callable[[str, random.Random], str]) -> Callable:
    def damage(words: list[str], rng: random.Random) -> str:
        wanted = min(1.0, share * rng.uniform(0.8, 1.4))
        return " ".join(change(word, rng) if rng.random() < wanted else word for word in words)

    return damage


def with_lines(extra: list[str], most: int) -> Callable:
    def damage(words: list[str], rng: random.Random) -> str:
        lines = chunks(words, 30)
        for _ in range(rng.randint(1, most)):
            lines.insert(rng.randint(0, len(lines)), rng.choice(extra))
        return "\n".join(lines)

    return damage


def as_list(words: list[str], rng: random.Random) -> str:
    size = rng.randint(1, 6)
    lines = chunks(words, size)
    return rng.choice(["\n", "\n\n", "\r\n"]).join(lines)


def without_stop_words(words: list[str], rng: random.Random) -> str:
    stops = {"the", "be", "to", "of", "and", "that", "have", "with"}
    kept = [word for word in words if word.lower().strip(",;.:'\"-") not in stops]
    return " ".join(kept + rng.choices(["the", "The", "to", "WITH"], k=1))


def few_sentences(words: list[str], rng: random.Random) -> str:
    lines = [re.sub(r"[.!?]", "", line) for line in chunks(words, 15)]
    for i in rng.sample(range(len(lines)), rng.randint(2, 7)):
        lines[i] += rng.choice([".", "!", '."', "?", ". [1]", ".[2]"])
    return " ".join(lines[:8]) if rng.random() < 0.4 else "\n".join(lines)


def short_of_words(words: list[str], rng: random.Random) -> str:
    return " ".join(words[: rng.randint(30, 70)])


def blank(_words: list[str], rng: random.Random) -> str:
    return rng.choice(["", "", "", " ", "\n", "\n \n", "\t", " \u00a0\n", "\u2028", "\r\n\r\n"])


def unusual_breaks(words: list[str], rng: random.Random) -> str:
    breaks = ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\r\n", "\r", "\n"]
    lines = chunks(words, rng.randint(5, 25))
    return "".join(line + rng.choice(breaks) for line in lines)


def long_line_word(words: list[str], rng: random.Random) -> str:
    lines = chunks(words, 40)
    at = rng.randrange(len(lines))
    lines[at] += " " + "x" * rng.choice([999, 1000, 1001, 5000]) + "."
    return "\n".join(lines)


def repeated_characters(words: list[str], rng: random.Random) -> str:
    """A little repetition: what FineWeb's own rule looks for."""
    lines = chunks(words, rng.randint(10, 20))
    extra = ["Share this."] * rng.randint(2, 5)
    for line in extra:
        lines.insert(rng.randint(0, len(lines)), line)
    return "\n".join(lines)


DAMAGES: dict[str, tuple[int, int, Callable[[list[str], random.Random], str]]] = {
    # name: documents, words of prose to start from, what to do to them
    "repeated-paragraphs": (50, 400, repeated_paragraphs),
    "repeated-lines": (50, 400, repeated_lines),
    **{f"top-{n}-gram": (40, 300, repeated_top_gram(n)) for n in (2, 3, 4)},
    **{f"dup-{n}-gram": (45, 700, repeated_gram(n)) for n in range(5, 11)},
    "long-paragraph-again": (30, 280, long_paragraph_again),
    "spaced-out": (40, 250, spaced_out),
    "bullets": (40, 400, some_lines(0.95, lambda line: "- " + line)),
    "round-bullets": (30, 400, some_lines(0.95, lambda line: "  • " + line)),
    "end-ellipsis": (40, 500, some_lines(0.33, lambda line: line.rstrip(".,") + "...")),
    "end-ellipsis-sign": (30, 500, some_lines(0.33, lambda line: line + "… ")),
    "ellipses": (40, 200, some_words(0.13, lambda word, rng: word + rng.choice(["...", "…"]))),
    "hashes": (40, 200, some_words(0.14, lambda word, rng: "#" + word)),
    "spaced-letters": (25, 200, some_words(0.7, lambda word, rng: " ".join(word))),
    "glued-words": (25, 1500, some_words(0.75, lambda word, rng: word * 2)),
    "numbers": (40, 200, some_words(0.2, lambda word, rng: str(rng.randrange(10_000)))),
    "no-stop-words": (40, 200, without_stop_words),
    "short": (40, 80, short_of_words),
    "blank": (40, 1, blank),
    "lists": (50, 250, as_list),
    "few-sentences": (60, 150, few_sentences),
    "boilerplate": (40, 300, with_lines(POLICY, 6)),
    "lorem": (25, 300, with_lines(["Lorem ipsum dolor sit amet.", "LOREM IPSUM", "lorem"], 2)),
    "braces": (25, 300, with_lines(["if (x) { return; }", "{", "a { b } c."], 2)),
    "breaks": (40, 200, unusual_breaks),
    "long-line-word": (20, 300, long_line_word),
    "repeated-characters": (40, 500, repeated_characters),
}


def damaged(data: Path, rng: random.Random) -> Texts:
    for name, (count, words, damage) in DAMAGES.items():
        rng = random.Random(name)
        for piece in clean_prose(data, rng, count, words):
            yield damage(piece, rng)


def very_long(data: Path, rng: random.Random) -> Texts:
    """More than 100,000 words; cut short, since only their number matters."""
    chapters = rows(data / "text-novels/eltec-en-half.jsonl.gz")
    words = [word[:2] for chapter in islice(chapters, 500) for word in chapter["text"].split()]
    for _ in range(11):
        start = rng.randrange(len(words) - 110_000)
        yield " ".join(words[start : start + rng.randint(101_000, 104_000)])


KINDS: dict[str, Callable[[Path, random.Random], Texts]] = {
    "novel": novels,
    "news": news,
    "graded": graded,
    "mixed": mixed,
    "comments": comments,
    "messages": messages,
    "wiki": wiki,
    "code": code,
    "page": pages,
    "help": help_pages,
    "instructions": instructions,
    "proposals": proposals,
    "damaged": damaged,
    "very-long": very_long,
}

REASONS = {
    "gopher-quality": (
        "gopher_short_doc gopher_long_doc gopher_below_avg_threshold gopher_above_avg_threshold "
        "gopher_too_many_hashes gopher_too_many_ellipsis gopher_too_many_bullets "
        "gopher_too_many_end_ellipsis gopher_below_alpha_threshold gopher_enough_stop_words"
    ).split(),
    "gopher-repetition": (
        "empty dup_para_frac dup_para_char_frac dup_line_frac dup_line_char_frac "
        "top_2_gram top_3_gram top_4_gram"
    ).split()
    + [f"duplicated_{n}_n_grams" for n in range(5, 11)],
    "c4-quality": ["lorem_ipsum", "curly_bracket", "too_few_sentences"],
    "fineweb-quality": (
        "empty line_punct_ratio short_line_ratio char_dup_ratio list_ratio"
    ).split(),
}
LINE_RULES = ("too_long_word", "no_terminal_punc", "too_few_words", "javascript", "policy")


def write_truth(documents: list[dict], path: Path, badwords: Path | None) -> bool:
    """Writes datatrove's decisions, prints the reasons; false if one is rare."""
    from datatrove_decide import decide, decide_chain, make_filters

    filters = make_filters("en", badwords)
    fired: Counter[tuple[str, str]] = Counter()
    with path.open("w", encoding="utf-8") as file:
        for n, document in enumerate(documents):
            text = document["text"]
            row = {op: decide(op, chosen, text) for op, chosen in filters.items()}
            row["fineweb"] = decide_chain(filters, text)
            file.write(json.dumps({"n": n, **row}) + "\n")
            for op, decision in row.items():
                fired[op, decision["reason"] or "kept"] += 1
                fired.update((op, f"line: {rule}") for rule in decision.get("lines", ()))
    wanted = {(op, reason) for op, reasons in REASONS.items() for reason in reasons}
    wanted |= {("c4-quality", f"line: filter-{rule}") for rule in LINE_RULES}
    for op, reason in sorted(set(fired) | wanted):
        rare = (op, reason) in wanted and fired[op, reason] < 10
        print(f"{op:<20}{reason:<32}{fired[op, reason]:>8,}{'  RARE' if rare else ''}")
    return all(fired[each] >= 10 for each in wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--badwords", type=Path)
    arguments = parser.parse_args()

    documents = []
    for kind, collect in KINDS.items():
        for i, text in enumerate(collect(arguments.data, random.Random(kind))):
            # No lone surrogates: JSON readers differ about them.
            text = text.encode("utf-8", "replace").decode("utf-8")
            documents.append({"id": f"{kind}/{i}", "kind": kind, "text": text})
    with arguments.output.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")

    size = Counter()
    for document in documents:
        size[document["kind"]] += len(document["text"].encode())
    for kind, count in Counter(document["kind"] for document in documents).items():
        print(f"{kind:<20}{count:>8,}{size[kind] / 1e6:>10.2f} MB")
    print(f"{'all':<20}{len(documents):>8,}{size.total() / 1e6:>10.2f} MB")
    if arguments.truth and not write_truth(documents, arguments.truth, arguments.badwords):
        sys.exit("some reasons are rare")


if __name__ == "__main__":
    main()
