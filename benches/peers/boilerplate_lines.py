"""Scores the op boilerplate-lines on pages of which the main text is known, and on texts that must
survive.

    python boilerplate_lines.py --tamis PATH/TO/tamis [--data ../shared/data] [--half 1]

Pages are flattened as WET files are: all visible text (resiliparse, without main-content extraction),
a block a line. The score of a text is that of scrapinghub's article-extraction-benchmark: multisets
of 4-grams of words, mean precision and mean recall over pages, F1 of the two means. Beside the op
stand: nothing removed; the lines that truly are of the main text (what a filter of lines could reach
at best); tamis' c4-quality, which has the rules of C4 for lines (also without its rule on ends of
lines, as FineWeb runs it); rules like jusText's for text lines (length and stop words, then
neighbours), written down here from its documentation.

Sets: scrapinghub (English news and blogs), mozilla (Readability's test pages; five are Chinese and are
also scored alone), pages of the Chinese LibreOffice help. Weights were fitted on the pages with even
numbers (in order of their names) of the first two; `--half 1` is the others, `--half 0` those. A page
counts for the F1 of lines, too: a line is of the main text when half of its 4-grams are in the gold
text, or, of less than four words, when it is in it next to lines that are.

Texts that must survive: poems, plays, novels, code, documentation; what share of lines goes.

Runs in an environment with resiliparse, fastwarc and pyarrow.
"""

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")

PIPELINE = """\
name = "boilerplate-lines"
seed = 0

[[source]]
name = "documents"
path = "{documents}"

[[stage]]
{stage}
"""

OP = 'op = "boilerplate-lines"'
C4 = 'op = "c4-quality"\nmin_sentences = 0\ncurly_bracket = false\nlorem_ipsum = false'
C4_NO_ENDS = C4 + "\nterminal_punctuation = false"

SURVIVE = {
    "poems (zh)": "text-poetry-zh/poetry-zh.jsonl.gz",
    "plays (ru)": "text-russian/rusdracor.jsonl.gz",
    "novels (en)": "text-novels/eltec-en-half.jsonl.gz",
    "novels (de)": "text-novels/eltec-de-eighth.jsonl.gz",
    "books (ja)": "text-aozora-ja/aozora-ja-eighth.jsonl.gz",
    "code": "code/linguist-samples.jsonl.gz",
    "PEPs, docs": "neardup/docs.jsonl.gz",
    "BBC news": "quality/bbc-news.jsonl.gz",
    "UDHR (400 languages)": "lid-udhr/udhr.jsonl.gz",
    "Brown, chat, reviews": "quality/nltk-mixed.jsonl.gz",
}

STOP_WORDS = set(
    "the of and to a in is that it for on with as was by at be this are from or an not have has had"
    " but they he she we you his her their its which who will would can could there been were if"
    " about into than them so what when up out more some no do i my our your all one said".split()
)


class Page:
    def __init__(self, kind: str, lines: list[str], gold: str) -> None:
        self.kind, self.lines, self.gold = kind, lines, gold
        self.labels = label(lines, gold)


def flatten(html: str) -> list[str]:
    text = extract_plain_text(
        html, main_content=False, list_bullets=False, alt_texts=False, links=False,
        form_fields=False, noscript=False,
    )  # fmt: skip
    return [line for line in (" ".join(line.split()) for line in text.split("\n")) if line]


def label(lines: list[str], gold: str) -> list[bool]:
    words = WORD.findall(gold)
    grams = {tuple(words[i : i + 4]) for i in range(len(words) - 3)}
    whole = f" {' '.join(words)} "
    labels: list[bool | None] = []
    for line in lines:
        words = WORD.findall(line)
        if len(words) >= 4:
            found = [tuple(words[i : i + 4]) in grams for i in range(len(words) - 3)]
            labels.append(2 * sum(found) >= len(found))
        else:
            labels.append(None if words and f" {' '.join(words)} " in whole else False)

    def short(at: int) -> bool:
        near = [labels[i] for i in (at - 2, at - 1, at + 1, at + 2) if 0 <= i < len(labels)]
        behind = at + 1 < len(labels) and labels[at + 1] is True
        return behind or sum(one is True for one in near) >= 2

    return [short(at) if one is None else one for at, one in enumerate(labels)]


def score(pages: list[Page], texts: list[str]) -> tuple[float, float, float]:
    def grams(text: str) -> Counter:
        words = WORD.findall(text)
        size = min(4, max(1, len(words)))
        return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

    precision = recall = 0.0
    for page, text in zip(pages, texts, strict=True):
        found, gold = grams(text), grams(page.gold)
        common = (found & gold).total()
        precision += common / found.total() if found else 0.0
        recall += common / gold.total() if gold else 1.0
    precision, recall = precision / len(pages), recall / len(pages)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def run_tamis(tamis: Path, stage: str, texts: list[str]) -> tuple[list[str], list[int], float]:
    """Texts kept (empty where dropped), lines removed where the op counts them, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents.jsonl")
        with documents.open("w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                out.write(json.dumps({"id": str(number), "text": text or "\n"}) + "\n")
        pipeline = Path(folder, "pipeline.toml")
        pipeline.write_text(PIPELINE.format(documents=documents, stage=stage), encoding="utf-8")
        command = [tamis, "run", pipeline, "--out", Path(folder, "run"), "--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed\n{done.stderr}")
        new, removed = [""] * len(texts), [0] * len(texts)
        for part in sorted(Path(folder, "run").glob("documents/*.parquet")):
            for row in pq.read_table(part, columns=["source_id", "text"]).to_pylist():
                new[int(row["source_id"])] = row["text"]
        if stage.startswith(OP):
            columns = ["source_id", "boilerplate-lines.removed_lines"]
            for part in sorted(Path(folder, "run").glob("ledger/*.parquet")):
                for row in pq.read_table(part, columns=columns).to_pylist():
                    removed[int(row["source_id"])] = row[columns[1]]
        summary = json.loads(Path(folder, "run", "summary.json").read_text(encoding="utf-8"))
        return new, removed, sum(stage["seconds"] for stage in summary["stages"])


def justext_like(page: Page) -> str:
    """Classes by length in characters and share of stop words, then neighbours; jusText's defaults."""
    classes = []
    for line in page.lines:
        words = line.lower().split()
        share = sum(word.strip(".,") in STOP_WORDS for word in words) / max(len(words), 1)
        if re.search(r"[\u3400-\u9fff]", line):
            share = 1.0 if re.search("[，。；！？]", line) else 0.0
        if "©" in line or "|" in line:
            classes.append("bad")
        elif len(line) < 70:
            classes.append("short")
        elif share >= 0.32:
            classes.append("good" if len(line) > 200 else "near")
        else:
            classes.append("near" if share >= 0.30 else "bad")

    def around(at: int, step: int, near_counts: bool) -> str:
        at += step
        while 0 <= at < len(classes):
            if classes[at] in ("good", "bad") or near_counts and classes[at] == "near":
                return classes[at]
            at += step
        return "bad"

    final = list(classes)
    for at, one in enumerate(classes):
        if one == "short":
            sides = {around(at, -1, False), around(at, 1, False)}
            near = "near" in (around(at, -1, True), around(at, 1, True))
            final[at] = "good" if sides == {"good"} or len(sides) == 2 and near else "bad"
        elif one == "near":
            sides = {around(at, -1, False), around(at, 1, False)}
            final[at] = "bad" if sides == {"bad"} else "good"
    return "\n".join(line for line, one in zip(page.lines, final) if one == "good")


def read_pages(data: Path, half: int) -> list[Page]:
    pages = []
    folder = data / "extract-gold-scrapinghub"
    with gzip.open(folder / "ground-truth.json.gz", "rt", encoding="utf-8") as file:
        gold = json.load(file)
    for number, key in enumerate(sorted(gold)):
        if number % 2 == half:
            html = gzip.open(folder / "html" / f"{key}.html.gz").read().decode("utf-8", "replace")
            pages.append(Page("scrapinghub", flatten(html), gold[key]["articleBody"]))
    with gzip.open(data / "extract-gold-mozilla/pages.jsonl.gz", "rt", encoding="utf-8") as file:
        for number, record in enumerate(file):
            page = json.loads(record)
            chinese = page["id"] in ("gmw", "pixnet", "qq", "yahoo-4", "youth")
            if number % 2 == half or chinese:
                gold_text = "\n".join(flatten(page["expected_html"]))
                lines = flatten(page["html"])
                if number % 2 == half:
                    pages.append(Page("mozilla", lines, gold_text))
                if chinese:
                    pages.append(Page("mozilla, Chinese", lines, gold_text))
    chosen = random.Random(3)
    warc = data / "warc-libreoffice-help/libreoffice-help-zh-cn.warc.gz"
    for record in ArchiveIterator(warc.open("rb")):
        if chosen.random() > 0.05 or "html" not in str(record.http_content_type):
            continue
        html = record.reader.read().decode("utf-8", "replace")
        main = HTMLTree.parse(html).document.get_element_by_id("DisplayArea")
        gold_text = "\n".join(flatten(f"<html><body>{main.html}</body></html>")) if main else ""
        if len(re.findall(r"[\u3400-\u9fff]", gold_text)) >= 100:
            pages.append(Page("LibreOffice, Chinese", flatten(html), gold_text))
    return pages


def line_scores(pages: list[Page], texts: list[str]) -> str:
    right = kept = wanted = 0
    for page, text in zip(pages, texts, strict=True):
        left = Counter(text.split("\n"))
        for line, good in zip(page.lines, page.labels, strict=True):
            stays = left[line] > 0
            left[line] -= stays
            right += stays and good
            kept += stays
            wanted += good
    precision, recall = right / max(kept, 1), right / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"{precision:.3f} {recall:.3f} {f1:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tamis", type=Path, required=True)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="lines removed from texts to survive")
    arguments = parser.parse_args()
    pages = read_pages(arguments.data, arguments.half)
    whole = ["\n".join(page.lines) for page in pages]

    def kept(page: Page) -> str:
        return "\n".join(line for line, good in zip(page.lines, page.labels) if good)

    tools: dict[str, Callable[[], list[str]]] = {
        "nothing removed": lambda: whole,
        "boilerplate-lines": lambda: run_tamis(arguments.tamis, OP, whole)[0],
        "jusText-like": lambda: [justext_like(page) for page in pages],
        "c4-quality": lambda: run_tamis(arguments.tamis, C4, whole)[0],
        "c4-quality, any end": lambda: run_tamis(arguments.tamis, C4_NO_ENDS, whole)[0],
        "the right lines": lambda: [kept(page) for page in pages],
    }
    results = {tool: run() for tool, run in tools.items()}
    for kind in dict.fromkeys(page.kind for page in pages):
        places = [at for at, page in enumerate(pages) if page.kind == kind]
        some = [pages[at] for at in places]
        print(f"\n{kind}, {len(some)} pages      4-grams P / R / F1     lines P / R / F1")
        for tool, texts in results.items():
            chosen = [texts[at] for at in places]
            precision, recall, f1 = score(some, chosen)
            lines = line_scores(some, chosen)
            print(f"  {tool:22} {precision:.3f} {recall:.3f} {f1:.3f}      {lines}")
    print("\ntexts that must survive   documents changed   lines removed      share   MB/s")
    for name, path in SURVIVE.items():
        with gzip.open(arguments.data / path, "rt", encoding="utf-8") as file:
            texts = [json.loads(record)["text"] for record in file]
        new, removed, seconds = run_tamis(arguments.tamis, OP, texts)
        lines = sum(sum(bool(line.strip()) for line in text.split("\n")) for text in texts)
        changed = sum(count > 0 for count in removed)
        size = sum(len(text.encode()) for text in texts) / 1e6
        print(
            f"{name:24} {changed:6} of {len(texts):6}   {sum(removed):6} of {lines:7}"
            f"  {sum(removed) / lines:.5f}  {size / max(seconds, 1e-9):5.0f}"
        )
        lost = [
            line
            for old, text in zip(texts, new)
            if old != text
            for line in (Counter(old.split("\n")) - Counter(text.split("\n")))
        ]
        for line in lost[: arguments.show]:
            print(f"      {line[:100]!r}")


if __name__ == "__main__":
    main()
