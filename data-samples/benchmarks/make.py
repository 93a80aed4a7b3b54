"""Writes the two benchmark files here from their published JSONL: the first 300 items of GSM8K's test set and all of
HumanEval, without HumanEval's tests.

    python data-samples/benchmarks/make.py FOLDER   # with gsm8k-test.jsonl.gz and humaneval.jsonl.gz
"""

import gzip
import io
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
WANTED = {
    "gsm8k-test": (300, ["id", "question", "answer"]),
    "humaneval": (None, ["id", "prompt", "solution"]),
}

for name, (count, fields) in WANTED.items():
    with gzip.open(pathlib.Path(sys.argv[1]) / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines][:count]
    packed = io.BytesIO()
    # Neither time nor name may enter the bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as out:
        for item in items:
            line = json.dumps({field: item[field] for field in fields}, ensure_ascii=False)
            out.write(line.encode() + b"\n")
    (HERE / f"{name}.jsonl.gz").write_bytes(packed.getvalue())
