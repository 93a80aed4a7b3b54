"""Holds `language` against the C++ fastText library: labels, scores and CPU time of both, in one run.

    python language.py [--data ../../../shared/data] [--tamis BINARY] [--repeat 10]

Texts are those of the collections lid-lingua (1 to 8 sentences in each of 75 languages) and lid-udhr (whole
documents in about 450). tamis runs them through a pipeline and is read in the ledger; the library is the one
behind the Python package (`fasttext-wheel` or `fasttext`), called without its Python wrapper. Needs pyarrow.
Exits with 1 if a label or a score differs.
"""

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fasttext
import pyarrow.parquet as parquet

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "data-samples/models/lid.176.ftz"
TOP = 3


def texts(data):
    """About 2,500 `(language, text)`: short and long, line breaks inside."""
    random.seed(7)
    by_language = {}
    with gzip.open(data / "lid-lingua/lingua-testdata.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["kind"] == "sentences":
                by_language.setdefault(line["lang"], []).append(line["text"])
    for language, sentences in sorted(by_language.items()):
        for _ in range(27):
            yield language, "\n".join(random.sample(sentences, random.randint(1, 8)))
    with gzip.open(data / "lid-udhr/udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            yield line["lang"], line["text"]


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tamis(binary, folder, lines, repeat):
    """Rows of the ledger, and CPU seconds for `repeat` copies of the texts: with the stage and without."""
    with open(folder / "in.jsonl", "w", encoding="utf-8") as out:
        for _ in range(repeat):
            out.writelines(lines)
    source = 'name = "language"\n[[source]]\nname = "t"\npath = "in.jsonl"\nid_field = "id"\n'
    stage = f'[[stage]]\nop = "language"\ntop = {TOP}\nmodel = "{MODEL}"\n'
    seconds = []
    for name, pipeline in (("with", source + stage), ("without", source)):
        (folder / f"{name}.toml").write_text(pipeline)
        before = children()
        command = [binary, "run", folder / f"{name}.toml", "--out", folder / name, "--threads", "1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(children() - before)
    ledger = parquet.read_table(folder / "with/ledger").to_pylist()
    return {row["source_id"]: row for row in ledger}, *seconds


def library(documents, repeat):
    """The same of the library; line breaks become spaces, as its documentation asks for."""
    model = fasttext.FastText._FastText(str(MODEL)).f
    found = [model.predict(text.replace("\n", " ") + "\n", TOP, 0.0, "strict") for _, text in documents]
    start = time.process_time()
    for _ in range(repeat):
        for _, text in documents:
            model.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")
    return found, time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parents[1] / "shared/data")
    target = os.environ.get("CARGO_TARGET_DIR", str(Path.home() / ".cache/tamis/target"))
    parser.add_argument("--tamis", default=f"{target}/debug/tamis")
    parser.add_argument("--repeat", type=int, default=10)
    arguments = parser.parse_args()

    documents = list(texts(arguments.data))
    lines = [json.dumps({"id": str(n), "text": text}) + "\n" for n, (_, text) in enumerate(documents)]
    with tempfile.TemporaryDirectory() as folder:
        ours, process, without = tamis(arguments.tamis, Path(folder), lines, arguments.repeat)
    theirs, seconds = library(documents, arguments.repeat)

    labels = lists = 0
    worst = 0.0
    for number, predictions in enumerate(theirs):
        row = ours[str(number)]
        score, label = predictions[0]
        labels += row["language.language"] != label.removeprefix("__label__")
        worst = max(worst, abs(row["language.score"] - score))
        top = [(name, float(share)) for name, share in (item.split(":") for item in row["language.top"].split(" "))]
        same = all(
            name == other.removeprefix("__label__") and abs(share - likely) < 6e-4
            for (name, share), (likely, other) in zip(top, predictions, strict=True)
        )
        # Labels of equal score may change places.
        lists += not same and [share for _, share in top] != [round(likely, 3) for likely, _ in predictions]

    size = sum(len(text.encode()) for _, text in documents) * arguments.repeat / 1e6
    print(f"{len(documents)} texts, {len({language for language, _ in documents})} languages, "
          f"{size / arguments.repeat:.2f} MB, {arguments.repeat} times over")
    print(f"labels that differ: {labels}; greatest difference of a score: {worst:.1e}; "
          f"lists of the best {TOP} that differ: {lists}")
    print(f"{'':34} CPU s   s/MB   MB/s")
    for name, value in (("C++ library, predictions alone", seconds), ("tamis, the stage", process - without),
                        ("tamis, the whole process", process)):
        print(f"{name:34} {value:5.2f}  {value / size:5.3f}  {size / value:5.1f}")
    return 1 if labels or lists or worst > 1e-4 else 0


if __name__ == "__main__":
    sys.exit(main())
