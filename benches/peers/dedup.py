"""Compares fuzzy deduplication: datatrove, text-dedup, rensa, duplodocus and tamis, one core, on
the same documents in one run.

    python dedup.py --data DIR [--tamis PATH/TO/tamis] [--duplodocus PATH/TO/duplodocus]
        [--parts quality templates speed export] [--rounds 3] [--megabytes 16] [--clusters FILE]

DIR is the folder of development data, with `neardup` in it. The parts:

quality    The near-duplicate set, in file order, against all its pairs with a Jaccard similarity
           (J, words, 5-grams) of .3 or more. *recall*: of the documents with an earlier one of
           J >= .8, how many are removed. *precision*: of the removed documents, how many have
           J >= .8 to the document they were removed for: their anchor, or the kept document of
           the cluster (two tools that may keep any have a second row). *pairs*, *ARI*: clusters
           against those that all pairs of J >= .8 make. Two rows say what the gold itself gives:
           its clusters, and every document removed that has J >= .8 to an earlier one that was
           kept, which no anchored deduplication can surpass in recall.
templates  2,000 documents of five templates that differ in names, dates, numbers, places
           (`templated_documents.py`): how many are kept. None should be removed.
speed      Signatures alone and everything from JSON lines to kept documents, in CPU seconds, the
           best of rounds that go from tool to tool, on as much of the near-duplicate set and of
           English sets as `--megabytes` says of each.
export     datatrove's clusters of the near-duplicate set, for `../parity/minhash_clusters.py`.

Runs in the environment of `setup.sh`, text-dedup in that of `text_dedup_setup.sh`, which also says
how to build duplodocus. Pin it to a core: `taskset -c 0 python dedup.py …`.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"

import dedup_tools as tools  # noqa: E402
from dedup_tools import Corpus, Outcome, Unavailable, write_corpus  # noqa: E402
from templated_documents import make, show_similarities  # noqa: E402

Pairs = dict[tuple[int, int], float]
Tool = Callable[[Corpus, Path], Outcome]

DUPLICATE, ALMOST = 0.8, 0.7
ENGLISH = (
    "text-novels/eltec-en-half",
    "quality/bbc-news",
    "quality/onestopenglish",
    "quality/nltk-mixed",
)
TAMIS = {
    "tamis": "",
    "tamis, unverified": "verify = false\n",
    "tamis, dialect datatrove": 'dialect = "datatrove"\n',
    "tamis, dialect datatrove, unverified": 'dialect = "datatrove"\nverify = false\n',
}
BARE_TAMIS = ("tamis", "tamis, dialect datatrove, unverified")


def rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


def near_duplicates(data: Path, folder: Path) -> tuple[Corpus, Pairs]:
    documents = list(rows(data / "neardup/docs.jsonl.gz"))
    corpus = write_corpus(
        folder / "neardup.jsonl", [d["id"] for d in documents], [d["text"] for d in documents]
    )
    pairs = {}
    for pair in rows(data / "neardup/gold_pairs_j030.jsonl.gz"):
        a, b = sorted((corpus.places[pair["a"]], corpus.places[pair["b"]]))
        pairs[a, b] = pair["jaccard5"]
    return corpus, pairs


def similarity(pairs: Pairs, a: int, b: int) -> float:
    """Pairs that the gold does not have are below .3."""
    return pairs.get((min(a, b), max(a, b)), 0.0)


def gold_clusters(pairs: Pairs, count: int) -> list[int]:
    parents = list(range(count))
    for (a, b), value in pairs.items():
        if value >= DUPLICATE:
            tools.join(parents, a, b)
    return [tools.find(parents, i) for i in range(count)]


def gold_anchors(pairs: Pairs, count: int) -> tuple[list[int], list[int | None]]:
    earlier: list[list[int]] = [[] for _ in range(count)]
    for (a, b), value in pairs.items():
        if value >= DUPLICATE:
            earlier[b].append(a)
    anchors: list[int | None] = []
    for found in earlier:
        kept = [a for a in found if anchors[a] is None]
        anchors.append(min(kept, default=None))
    return [i if anchor is None else anchor for i, anchor in enumerate(anchors)], anchors


def pair_agreement(ours: list[int], gold: list[int]) -> tuple[float, float, float, float]:
    """Precision, recall and F1 of the pairs in a cluster, and the adjusted Rand index."""

    def together(labels: list) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(labels).values())

    both, found = together(list(zip(ours, gold, strict=True))), together(ours)
    true, everything = together(gold), len(gold) * (len(gold) - 1) // 2
    precision, recall = both / max(found, 1), both / max(true, 1)
    chance = found * true / everything
    rand = (both - chance) / ((found + true) / 2 - chance) if found + true else 1.0
    return precision, recall, 2 * both / max(found + true, 1), rand


def show_quality(name: str, outcome: Outcome, pairs: Pairs, gold: list[int]) -> None:
    due = {b for (_, b), value in pairs.items() if value >= DUPLICATE}
    scored = [
        similarity(pairs, i, anchor)
        for i, anchor in enumerate(outcome.anchors)
        if anchor is not None
    ]
    removed = {i for i, anchor in enumerate(outcome.anchors) if anchor is not None}
    recall = len(due & removed) / len(due)
    precision, almost = (
        sum(value >= least for value in scored) / max(len(scored), 1)
        for least in (DUPLICATE, ALMOST)
    )
    groups = sum(size > 1 for size in Counter(outcome.clusters).values())
    agreement = "".join(f"{value:>8.4f}" for value in pair_agreement(outcome.clusters, gold))
    print(
        f"{name:<38}{len(removed):>8,}{groups:>9,}{recall:>8.4f}{precision:>10.4f}{almost:>8.4f}"
        f"{agreement}{outcome.cpu:>9.1f}  {outcome.note}",
        flush=True,
    )


def all_tools(arguments: argparse.Namespace) -> dict[str, Tool]:
    found: dict[str, Tool] = {"datatrove": tools.datatrove}
    for threshold in (0.8, 0.7):
        for verify in (False, True):
            name = f"text-dedup .{threshold * 10:.0f}{', checked' if verify else ''}"
            found[name] = tools.text_dedup(arguments.text_dedup, threshold, verify)
    found["rensa deduplicator .8"] = tools.rensa_deduplicator
    found["rensa index, 8 bands"] = tools.rensa_index(8)
    found["rensa index, 16 bands"] = tools.rensa_index(16)
    found["duplodocus"] = tools.duplodocus(arguments.duplodocus)
    for name, settings in TAMIS.items():
        found[name] = tools.tamis(arguments.tamis, settings)
    return found


def run_all(arguments: argparse.Namespace, corpus: Corpus) -> Iterator[tuple[str, Outcome]]:
    for name, tool in all_tools(arguments).items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome = tool(corpus, Path(folder, "run"))
            except Unavailable as why:
                print(f"{name:<38}  NOT RUN: {why}", flush=True)
                continue
        yield name, outcome
        if name in ("datatrove", "duplodocus"):
            yield f"{name}, first document kept", tools.first_kept(outcome)


def quality(arguments: argparse.Namespace, corpus: Corpus, pairs: Pairs) -> None:
    count = len(corpus.ids)
    gold = gold_clusters(pairs, count)
    print(f"\nnear-duplicates: {count:,} documents, {corpus.megabytes():.1f} MB, ", end="")
    print(f"{len(pairs):,} pairs of J >= .3, {len(set(gold)):,} clusters")
    print(
        f"{'':<38}{'removed':>8}{'clusters':>9}{'recall':>8}{'precision':>10}{'at .7':>8}"
        f"{'pairs P':>8}{'R':>8}{'F1':>8}{'ARI':>8}{'CPU s':>9}"
    )
    show_quality("gold, its clusters", Outcome(*tools.from_clusters(gold), 0, 0), pairs, gold)
    show_quality("gold, its anchors", Outcome(*gold_anchors(pairs, count), 0, 0), pairs, gold)
    for name, outcome in run_all(arguments, corpus):
        show_quality(name, outcome, pairs, gold)


def templates(arguments: argparse.Namespace, folder: Path) -> None:
    documents = make(2000, seed=1)
    corpus = write_corpus(
        folder / "templated.jsonl", [d["id"] for d in documents], [d["text"] for d in documents]
    )
    print(f"\ntemplates: {len(documents):,} documents, {corpus.megabytes():.1f} MB")
    show_similarities(documents)
    print(f"{'':<38}{'kept':>8}{'share':>9}{'CPU s':>9}")
    for name, outcome in run_all(arguments, corpus):
        kept = sum(anchor is None for anchor in outcome.anchors)
        share = kept / len(documents)
        print(f"{name:<38}{kept:>8,}{share:>9.2%}{outcome.cpu:>9.1f}  {outcome.note}", flush=True)


def speed_corpus(data: Path, folder: Path, megabytes: float, near: Corpus) -> Corpus:
    """So much of the near-duplicates, every so manieth of them, and as much English."""
    step = max(round(near.megabytes() / megabytes), 1)
    texts = near.texts[::step]
    english = list(chain.from_iterable(
        ([row["text"] for row in rows(data / f"{name}.jsonl.gz")]) for name in ENGLISH
    ))  # fmt: skip
    step = max(round(sum(len(text) for text in english) / (megabytes * 1e6)), 1)
    texts += english[::step]
    return write_corpus(folder / "speed.jsonl", [str(i) for i in range(len(texts))], texts)


def speed(arguments: argparse.Namespace, folder: Path, near: Corpus) -> None:
    corpus = speed_corpus(arguments.data, folder, arguments.megabytes, near)
    size = corpus.megabytes()
    print(f"\nspeed: {len(corpus.ids):,} documents, {size:.1f} MB, {processor()}")
    best: dict[str, float] = {}
    missing = set()

    def note(name: str, seconds: float) -> None:
        best[name] = min(best.get(name, seconds), seconds)

    for round_ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            here = Path(scratch)
            note("signatures: datatrove", tools.datatrove_signatures(corpus.texts, here / "sig"))
            whole, sketches = tools.rensa_signatures(corpus.texts)
            note("signatures: rensa with its 5-grams in Python", whole)
            note("signatures: rensa, sketches of given 5-grams", sketches)
            if arguments.duplodocus:
                seconds = tools.duplodocus_signatures(arguments.duplodocus, corpus, here / "hash")
                note("signatures: duplodocus mh-hash-docs, process", seconds)
            outcome = tools.datatrove(corpus, here / "datatrove")
            note("whole: datatrove's process", outcome.cpu)
            note("whole: datatrove's four stages", sum(outcome.seconds.values()))
            note("whole: datatrove without its signatures",
                 sum(outcome.seconds.values()) - outcome.seconds["signatures"])  # fmt: skip
            for number, name in enumerate(BARE_TAMIS):
                try:
                    tool = tools.tamis(arguments.tamis, TAMIS[name])
                    outcome = tool(corpus, here / f"tamis{number}")
                except Unavailable as why:
                    missing.add(str(why))
                    continue
                note(f"whole: {name}, process", outcome.cpu)
                note(f"stages: {name}", sum(outcome.seconds.values()))
        print(f"  round {round_ + 1} done", flush=True)
    for why in sorted(missing):
        print(f"tamis NOT RUN: {why}")
    signature, whole = best["signatures: datatrove"], best["whole: datatrove's four stages"]
    print(f"{'best of rounds':<58}{'CPU s':>9}{'MB/s':>9}{'datatrove / this':>18}")
    for name, seconds in best.items():
        theirs = whole if name.startswith("whole") else signature
        print(f"{name:<58}{seconds:>9.2f}{size / seconds:>9.2f}{theirs / seconds:>18.2f}")


def export(path: Path, corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = tools.datatrove(corpus, Path(folder, "run"))
    with path.open("w", encoding="utf-8") as file:
        for id_, cluster in zip(corpus.ids, outcome.clusters, strict=True):
            file.write(json.dumps({"id": id_, "cluster": cluster if cluster >= 0 else None}) + "\n")
    alone = sum(cluster < 0 for cluster in outcome.clusters)
    print(f"\n{path}: {len(set(outcome.clusters)) - alone:,} clusters, {alone:,} documents alone")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    every = ("quality", "templates", "speed", "export")
    peers = Path.home() / ".cache/tamis/peers-text-dedup/bin/python"
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tamis", type=Path, default=os.environ.get("TAMIS"))
    parser.add_argument("--text-dedup", type=Path, default=peers, help="the Python that has it")
    parser.add_argument("--duplodocus", type=Path, help="its binary")
    parser.add_argument("--parts", nargs="+", choices=every, default=every[:3])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=float, default=16, help="of each half, for speed")
    parser.add_argument("--clusters", type=Path, help="where `export` writes to")
    arguments = parser.parse_args()
    if arguments.tamis is not None:
        arguments.tamis = Path(arguments.tamis).resolve()
    if "export" in arguments.parts and arguments.clusters is None:
        sys.exit("export needs --clusters FILE")

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        near, pairs = near_duplicates(arguments.data, folder)
        if "quality" in arguments.parts:
            quality(arguments, near, pairs)
        if "templates" in arguments.parts:
            templates(arguments, folder)
        if "speed" in arguments.parts:
            speed(arguments, folder, near)
        if "export" in arguments.parts:
            export(arguments.clusters, near)


if __name__ == "__main__":
    main()
