"""Times a condition over metadata that keeps one page in twenty, pushed down to the Parquet reader and
not, in one run.

    python pushdown.py TEXT.jsonl.gz… --tamis PATH/TO/tamis [--megabytes 500] [--rounds 5]

Makes files like FineWeb's of the given texts (cut into pages of 1 to 6 KB, again and again until there
are enough): `text, id, dump, url, date, file_path, language, language_score, token_count`. Twice:
row groups of 1,000 rows, Snappy, as datatrove writes them; and of 50,000 rows, zstd, as many do. Two
conditions keep 5 % each: `scattered` (every twentieth page, wherever it stands) and `clustered` (pages
of one crawl, which stand together).

Without push-down a stage that keeps every document (`sample` with `fraction = 1.0`) stands before the
`where`. `no audit` has `[audit] fraction = 0`: the audit sample of 1 % has its texts read whatever the
condition says, and is in nearly every page of the file. All run on one thread; user + system CPU seconds and wall time of the process, best of
`--rounds` in turn, and what a run of one record takes, which is starting up. `pyarrow` reads `text, id, url` through `pyarrow.dataset` with the same filter.

Runs in an environment with `pyarrow`.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet

CONDITIONS = {
    "scattered": "CAST(language_score AS DOUBLE) >= 0.95",
    "clustered": "dump = 'CC-MAIN-2024-10'",
}
FENCE = '[[stage]]\nop = "sample"\nname = "all"\nfraction = 1.0\n\n'
PIPELINE = """\
name = "pushdown"
seed = 0
audit.fraction = {audit}

[[source]]
name = "web"
path = "{path}"
keep_fields = ["url", "dump", "language", "language_score"]

{fence}[[stage]]
op = "where"
sql = "{sql}"

[documents]
"""


def pages(paths: list[str], megabytes: int):
    """Texts of 1 to 6 KB, no two alike."""
    rng = random.Random(0)
    texts = []
    for path in paths:
        stream = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
        with stream as lines:
            texts.extend(json.loads(line)["text"] for line in lines)
    made, number = 0, 0
    while made < megabytes << 20:
        for text in texts:
            at = rng.randrange(500)
            while at + 1000 < len(text):
                size = rng.randrange(1000, 6000)
                page = f"Page {number}\n{text[at : at + size]}"
                yield number, page
                number += 1
                made += len(page.encode())
                at += size
            if made >= megabytes << 20:
                return


def write(path: Path, rows: list[tuple[int, str]], group: int, compression: str) -> None:
    rng = random.Random(1)
    count = len(rows)
    columns = {
        "text": [page for _, page in rows],
        "id": [f"<urn:uuid:{rng.getrandbits(128):032x}>" for _ in rows],
        "dump": [f"CC-MAIN-2024-{10 + number * 20 // count}" for number in range(count)],
        "url": [f"https://www.site-{number % 977}.org/a/{number}.html" for number, _ in rows],
        "date": [f"2024-03-{1 + number % 28:02}T05:48:{number % 60:02}Z" for number, _ in rows],
        "file_path": [f"s3://commoncrawl/crawl-data/segments/{number // 500}.warc.gz" for number, _ in rows],
        "language": ["en"] * count,
        "language_score": [rng.random() for _ in rows],
        "token_count": [len(page) // 4 for _, page in rows],
    }
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, path, row_group_size=group, compression=compression)


def measure(command: list[str]) -> tuple[float, float]:
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            errors.seek(0)
            sys.exit(f"{command}: {errors.read()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def filtered(path: str, condition: str) -> None:
    import pyarrow.dataset as dataset

    pyarrow.set_cpu_count(1)
    keep = {
        "scattered": dataset.field("language_score") >= 0.95,
        "clustered": dataset.field("dump") == "CC-MAIN-2024-10",
    }
    columns = ["text", "id", "url"]
    table = dataset.dataset(path).to_table(columns=columns, filter=keep[condition], use_threads=False)
    print(table.num_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(pages(options.texts, options.megabytes))
        print(f"{len(rows)} pages, {sum(len(page.encode()) for _, page in rows) / 1e6:.0f} MB of text")
        files = {"1,000 rows, Snappy": (1000, "snappy"), "50,000 rows, zstd": (50_000, "zstd")}
        for name, (group, compression) in files.items():
            path = Path(folder) / f"{compression}.parquet"
            write(path, rows, group, compression)
            print(f"\nrow groups of {name}: {path.stat().st_size / 1e6:.0f} MB")
            for condition, sql in CONDITIONS.items():
                commands = {}
                ways = [("pushed", "", 0.01), ("pushed, no audit", "", 0), ("not pushed", FENCE, 0.01)]
                for how, fence, audit in ways:
                    pipeline = Path(folder) / f"{how.replace(' ', '-')}.toml"
                    pipeline.write_text(PIPELINE.format(path=path, fence=fence, sql=sql, audit=audit))
                    out = str(pipeline.with_suffix(""))
                    commands[how] = [options.tamis, "run", str(pipeline), "--out", out, "--fresh", "--threads", "1"]
                commands["one record"] = [*commands["not pushed"], "--limit", "1"]
                commands["one record"][4] += "-one"
                commands["pyarrow"] = [sys.executable, __file__, "--filter", str(path), condition]
                best = {how: (float("inf"), float("inf")) for how in commands}
                for _ in range(options.rounds):
                    for how, command in commands.items():
                        cost = measure(command)
                        best[how] = tuple(map(min, best[how], cost))
                kept = [
                    sum(pyarrow.parquet.read_metadata(file).num_rows for file in (Path(folder) / how / "documents").glob("*"))
                    for how in ["pushed", "pushed,-no-audit", "not-pushed"]
                ]
                assert len(set(kept)) == 1, kept
                for how, (cpu, wall) in best.items():
                    print(f"  {condition:9} {how:16} {cpu:6.2f} s CPU {wall:6.2f} s wall")
                print(f"  {condition:9} kept {kept[0]} pages ({100 * kept[0] / len(rows):.1f} %)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--filter"]:
        filtered(sys.argv[2], sys.argv[3])
    else:
        main()
