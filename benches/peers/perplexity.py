"""Times perplexity: tamis beside the official Python module `kenlm` in CCNet's loop, in one run.

    python perplexity.py TAMIS MODEL JSONL.gz [--rounds 3]

MODEL is a file of `build_binary`, JSONL.gz has texts under `text`. Every tool runs as a process of its
own on one thread, in turn, round after round; CPU seconds count, and of the rounds the best one.

* `kenlm`: `model.score(line)` and `len(line.split())` for each line, normalised before the clock starts.
* `ccnet`: the same, with `cc_net.text_normalizer.normalize` of each line within the time (as written in
  `../../data-samples/models/kenlm-en.py`).
* `tamis`: a `tamis run` with the stage `perplexity`, less one without stages.

Then says how far apart the perplexities of the documents are. Runs with `kenlm==0.3.0 pyarrow`.
"""

import argparse
import gzip
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

PUNCTUATION = {
    "，": ",", "、": ",", "。": ".", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"',
    "《": '"', "》": '"', "´": "'", "’": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")",
    "；": ";", "–": "-", "━": "-", "►": "-", "—": " - ", "．": ". ", "～": "~", "…": "...", "〈": "<", "〉": ">",
    "【": "[", "】": "]", "％": "%",
}  # fmt: skip
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
DIGIT = re.compile(r"\d")

PIPELINE = """\
name = "perplexity"
seed = 0
[[source]]
name = "texts"
path = "{path}"
keep_fields = []
{stage}
[documents]
"""
STAGE = """
[[stage]]
op = "perplexity"
model = "{model}"
pieces = "words"
"""


def normal(line):
    line = unicodedata.normalize("NFD", line.strip().lower())
    line = "".join(c for c in line if unicodedata.category(c) != "Mn")
    line = DIGIT.sub("0", line)
    return CONTROL.sub("", "".join(PUNCTUATION.get(c, c) for c in line))


def texts(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def tool(name, model, path):
    """One run of a Python tool; prints CPU seconds, then the perplexities."""
    import kenlm

    model = kenlm.Model(model)
    documents = [text.split("\n") for text in texts(path)]
    if name == "kenlm":
        documents = [[normal(line) for line in lines] for lines in documents]
    start = time.process_time()
    found = []
    for lines in documents:
        total, length = 0.0, 0
        for line in lines:
            if name == "ccnet":
                line = normal(line)
            words = len(line.split())
            if words:
                total += model.score(line)
                length += words + 1
        found.append(10.0 ** (-total / length) if length else None)
    print(json.dumps([time.process_time() - start, found]))


def tamis(program, model, path, folder, stage):
    pipeline = Path(folder) / "p.toml"
    stage = STAGE.format(model=Path(model).resolve()) if stage else ""
    pipeline.write_text(PIPELINE.format(path=Path(path).resolve(), stage=stage))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "run", str(pipeline), "--out", f"{folder}/out", "--threads", "1", "--fresh"]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tamis")
    parser.add_argument("model")
    parser.add_argument("path")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = sum(len(text.encode()) for text in texts(options.path)) / 1e6
    best, reference = {}, None
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for name in ("kenlm", "ccnet"):
                command = [sys.executable, __file__, "--tool", name, options.model, options.path]
                out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                seconds, reference = json.loads(out)
                best[name] = min(seconds, best.get(name, 1e9))
            for name, stage in (("reading", False), ("with", True)):
                seconds = tamis(options.tamis, options.model, options.path, folder, stage)
                best[name] = min(seconds, best.get(name, 1e9))
        import pyarrow.parquet as parquet

        files = sorted(Path(f"{folder}/out/ledger").glob("*.parquet"))
        mine = [
            value
            for file in files
            for value in parquet.read_table(file, columns=["perplexity.perplexity"])[0].to_pylist()
        ]
    best["tamis"] = best.pop("with") - best.pop("reading")
    for name, seconds in best.items():
        print(f"{name:8} {seconds:7.2f} s  {size / seconds:6.1f} MB/s  {best['kenlm'] / seconds:5.2f} of kenlm")
    pairs = [(a, b) for a, b in zip(mine, reference, strict=True) if a and b]
    worst = max(abs(a - b) / b for a, b in pairs)
    print(f"{len(pairs)} of {len(mine)} documents; largest relative difference {worst:.1e}")


if sys.argv[1:2] == ["--tool"]:
    tool(*sys.argv[2:])
else:
    main()
