"""Main text of web pages: tamis (all modes) beside trafilatura and Resiliparse, on gold sets.

    python extract.py ../shared/data --tamis PATH/TO/tamis [--rounds 3]
    python extract.py ../shared/data                    # the peers alone

Quality is that of scrapinghub's article-extraction-benchmark: per page, true and false positives
over multisets of 4-grams of words; mean precision and mean recall over the pages; F1 of the two
means. Gold of `extract-gold-scrapinghub` is text that people marked (no title, no captions); gold
of `extract-gold-mozilla` is the text of the HTML that Readability's maintainers expect of it, so a
page's blocks are lines there. Each set is also shown in three parts, told apart by a hash of the
page's name: rules were made looking at part a first, then at b, then at c.

Speed is megabytes of HTML per CPU second on one core, the best of the rounds. Peers are called with
decoded pages in memory. tamis reads the same pages as JSONL; its figures are those of the stage
alone, as the summary of the run has them, and of the whole process, documents and ledger written.

Needs trafilatura, lxml_html_clean, Resiliparse and pyarrow (`extract_requirements.txt`).
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import lxml.html

WORD = re.compile(r"\w+")

PIPELINE = """\
name = "extract"
seed = 0

[[source]]
name = "pages"
path = "{pages}"
id_field = "id"

[[stage]]
name = "extract"
op = "extract-html"
input = "html"
min_chars = 0
mode = "{mode}"
"""

INLINE = set(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark math mi mn mo "
    "mrow msup msub mfrac msqrt mtext mtable mtr mtd nobr q ruby rb rt rp s samp semantics small span "
    "strike strong sub sup time tt u var wbr".split()
)
SILENT = {"script", "style", "template", "noscript", "svg"}


class Page(NamedTuple):
    name: str
    html: str
    gold: str


def scrapinghub(folder: Path) -> Iterator[Page]:
    with gzip.open(folder / "ground-truth.json.gz", "rt", encoding="utf-8") as file:
        gold = json.load(file)
    for name in sorted(gold):
        with gzip.open(folder / "html" / f"{name}.html.gz") as file:
            html = file.read().decode("utf-8", "replace")
        yield Page(name, html, gold[name]["articleBody"])


def mozilla(folder: Path) -> Iterator[Page]:
    with gzip.open(folder / "pages.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            page = json.loads(line)
            pieces: list[str] = []
            write_text(lxml.html.fromstring(page["expected_html"] or "<p></p>"), pieces)
            yield Page(page["id"], page["html"], "".join(pieces))


def write_text(element: lxml.html.HtmlElement, out: list[str]) -> None:
    """The text of an element, blocks on lines of their own."""
    if isinstance(element.tag, str):
        ends = "" if element.tag in INLINE else "\n"
        out.append(ends)
        if element.tag not in SILENT:
            out.append(element.text or "")
            for child in element:
                write_text(child, out)
        out.append(ends)
    out.append(element.tail or "")


SETS = {"extract-gold-scrapinghub": scrapinghub, "extract-gold-mozilla": mozilla}


def part(name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return "a" if digest[0] % 2 == 0 else "bc"[digest[1] % 2]


def grams(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text)
    if not words:
        return Counter()
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)))


def score(gold: str, found: str) -> tuple[float, float]:
    """Precision and recall of one page."""
    theirs, ours = grams(gold), grams(found)
    true = (theirs & ours).total()
    if true == theirs.total() == ours.total():
        return 1.0, 1.0
    share = lambda whole: true / whole if whole else 0.0  # noqa: E731
    return share(ours.total()), share(theirs.total())


def mean(scores: list[tuple[float, float]]) -> str:
    precision = sum(p for p, _ in scores) / len(scores)
    recall = sum(r for _, r in scores) / len(scores)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return f"{f1:.4f}  {precision:.4f}  {recall:.4f}"


class Run(NamedTuple):
    texts: dict[str, str]
    seconds: float
    """CPU seconds of the extraction."""
    whole: float | None
    """CPU seconds of the whole process, where there is one."""


def run_peer(extract: Callable[[str], str | None], pages: list[Page]) -> Run:
    start = time.process_time()
    texts = {page.name: extract(page.html) or "" for page in pages}
    return Run(texts, time.process_time() - start, None)


def run_tamis(tamis: Path, jsonl: Path, mode: str) -> Run:
    """All that is known of tamis' command line and files is in here."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(folder, "extract.toml")
        pipeline.write_text(PIPELINE.format(pages=jsonl, mode=mode), encoding="utf-8")
        out = Path(folder, "run")
        command = [tamis, "run", pipeline, "--out", out, "--threads", "1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed\n{done.stderr}")
        whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        texts: dict[str, str] = {}
        for file in sorted(out.glob("documents/*.parquet")):
            for row in pq.read_table(file, columns=["source_id", "text"]).to_pylist():
                texts[row["source_id"]] = row["text"]
        summary = json.loads(Path(out, "summary.json").read_text(encoding="utf-8"))
        seconds = sum(stage["seconds"] for stage in summary["stages"])
    return Run(texts, seconds, whole)


def peers() -> dict[str, Callable[[str], str | None]]:
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    return {
        f"trafilatura {version('trafilatura')}": trafilatura.extract,
        "  without comments": lambda html: trafilatura.extract(html, include_comments=False),
        f"Resiliparse {version('resiliparse')}": lambda html: extract_plain_text(
            html, main_content=True
        ),
        "  without image texts": lambda html: extract_plain_text(
            html, main_content=True, alt_texts=False
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the gold sets")
    parser.add_argument("--tamis", type=Path, default=os.environ.get("TAMIS"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    for name, read in SETS.items():
        pages = list(read(arguments.data / name))
        size = sum(len(page.html.encode()) for page in pages) / 1e6
        print(f"\n{name}: {len(pages)} pages, {size:.1f} MB of HTML")
        print("                            F1  precision  recall   MB/s  (whole)   F1 of parts a, b, c")
        with tempfile.TemporaryDirectory() as folder:
            jsonl = Path(folder, "pages.jsonl")
            with jsonl.open("w", encoding="utf-8", newline="\n") as file:
                for page in pages:
                    row = {"id": page.name, "text": page.html}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            runs: dict[str, Callable[[], Run]] = {}
            for peer, extract in peers().items():
                runs[peer] = lambda extract=extract: run_peer(extract, pages)
            if arguments.tamis is not None:
                for mode in ("precision", "balanced", "recall"):
                    runs[f"tamis {mode}"] = lambda mode=mode: run_tamis(
                        arguments.tamis, jsonl, mode
                    )
            done: dict[str, list[Run]] = {}
            # Rounds alternate, so that another load on the machine meets all alike.
            for _ in range(arguments.rounds):
                for who, run in runs.items():
                    done.setdefault(who, []).append(run())
        for who, rounds in done.items():
            texts = rounds[0].texts
            scores = {page.name: score(page.gold, texts.get(page.name, "")) for page in pages}
            speed = f"{size / min(run.seconds for run in rounds):6.1f}"
            wholes = [run.whole for run in rounds if run.whole is not None]
            whole = f"({size / min(wholes):5.1f})" if wholes else " " * 7
            parts = [
                mean([pair for name, pair in scores.items() if part(name) == which])[:6]
                for which in "abc"
            ]
            print(f"{who:22}  {mean(list(scores.values()))}  {speed}  {whole}   {' '.join(parts)}")


if __name__ == "__main__":
    main()
