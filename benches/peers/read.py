"""Times readers: tamis beside FastWARC, warcio, pyarrow, Python's json and datatrove, on the same
documents in one run, and the memory they take.

    python read.py WARC.gz… --tamis PATH/TO/tamis [--parts warc jsonl parquet] [--rounds 3]
        [--times 10] [--datatrove PATH/TO/python]

Every tool runs as a process of its own, on one file that holds the given ones once and on one that
holds them `--times` times; all run in turn, round after round, and the best round counts. A rate is
what the second file takes more than the first one, so that starting up counts for nobody; CPU
seconds, not wall time, so that other work on the machine counts for nobody either. Peak memory is
the resident set of the process (`ru_maxrss`) on each of the two files.

Each tool decompresses every record and parses its HTTP header, and has the body in memory. tamis
also checks and decodes the character set, hashes the text and keeps a row of the ledger: it runs a
pipeline whose one stage drops everything, on one thread, as there is no command that only reads.
FastWARC and warcio hand out bytes. For JSON lines and Parquet the pages of the WARC file are the
documents; pyarrow, json and datatrove then read `text` and `url`.

Runs in an environment with `fastwarc==2.0.1`, `warcio==1.8.1`, `pyarrow` and `zstandard`;
`--datatrove` is the Python of `setup.sh`. Pin it to a core: `taskset -c 0 python read.py …`.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PIPELINE = """\
name = "read"
seed = 0

[[source]]
name = "web"
path = "{path}"
keep_fields = ["url"]

[[stage]]
op = "where"
sql = "false"

[documents]
"""


class Cost(NamedTuple):
    """What a process took."""

    cpu: float
    megabytes: float


def fastwarc(path: str) -> int:
    from fastwarc.warc import ArchiveIterator

    records = 0
    with open(path, "rb") as file:
        for record in ArchiveIterator(file, parse_http=True):
            record.reader.read()
            records += 1
    return records


def warcio(path: str) -> int:
    from warcio.archiveiterator import ArchiveIterator

    records = 0
    with open(path, "rb") as file:
        for record in ArchiveIterator(file):
            record.content_stream().read()
            records += 1
    return records


def python_json(path: str) -> int:
    import zstandard

    stream = gzip.open if path.endswith(".gz") else zstandard.open
    records = 0
    with stream(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            records += (row["text"], row["url"]) is not None
    return records


def pyarrow_json(path: str) -> int:
    import pyarrow
    import pyarrow.json

    pyarrow.set_cpu_count(1)
    options = pyarrow.json.ReadOptions(use_threads=False, block_size=16 << 20)
    with pyarrow.input_stream(path, compression="detect") as stream:
        return pyarrow.json.read_json(stream, options).num_rows


def pyarrow_parquet(path: str) -> int:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        batches = file.iter_batches(columns=["text", "url"], use_threads=False)
        return sum(batch.num_rows for batch in batches)


def datatrove_jsonl(path: str) -> int:
    from datatrove.pipeline.readers import JsonlReader

    return datatrove(JsonlReader, path)


def datatrove_parquet(path: str) -> int:
    from datatrove.pipeline.readers import ParquetReader

    return datatrove(ParquetReader, path)


def datatrove(reader: Callable, path: str) -> int:
    from loguru import logger

    logger.remove()
    folder, name = os.path.split(path)
    return sum(1 for _ in reader(folder, glob_pattern=name)(None, 0, 1))


PEERS: dict[str, Callable[[str], int]] = {
    "FastWARC": fastwarc,
    "warcio": warcio,
    "json": python_json,
    "pyarrow, JSON": pyarrow_json,
    "pyarrow, Parquet": pyarrow_parquet,
    "datatrove, JSON": datatrove_jsonl,
    "datatrove, Parquet": datatrove_parquet,
}


def cost(command: list[str]) -> tuple[Cost, str]:
    """Runs a process to its end; what it took and what it printed."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, text=True)
        peak = 0.0
        while True:
            # Not `ru_maxrss`: a process begins with its parent's.
            peak = max(peak, high_water(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError((errors.read().strip().splitlines() or [str(status)])[-1])
        output.seek(0)
        return Cost(usage.ru_utime + usage.ru_stime, peak), output.read()


def high_water(pid: int) -> float:
    """The most memory that a process has had resident, in MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return next(sizes, 0) / 1024


def run_peer(python: str, name: str, path: Path) -> tuple[Cost, int]:
    taken, printed = cost([python, __file__, "--peer", name, str(path)])
    return taken, int(printed)


def run_tamis(tamis: Path, path: Path) -> tuple[Cost, int]:
    with tempfile.TemporaryDirectory() as folder:
        pipeline, out = Path(folder, "pipeline.toml"), Path(folder, "out")
        pipeline.write_text(PIPELINE.format(path=path))
        command = [tamis, "run", pipeline, "--out", out, "--threads", "1"]
        taken, _ = cost([str(part) for part in command])
        summary = json.loads((out / "summary.json").read_text())
        return taken, counted(summary)


def counted(summary: dict) -> int:
    """Records read, those of a WARC file that are only counted included."""
    return summary["input"] + sum(summary.get("passed_over", {}).values())


def documents(files: list[Path]) -> list[dict]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    rows = []
    for path in files:
        with open(path, "rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                text = record.reader.read().decode("utf-8", "replace")
                url = record.headers.get("WARC-Target-URI")
                rows.append({"id": record.record_id, "url": url, "text": text})
    return rows


def make_inputs(part: str, files: list[Path], times: int, folder: Path) -> dict[str, list[Path]]:
    """For each kind of file of a part: the input once, and `times` times."""
    if part == "warc":
        whole = b"".join(path.read_bytes() for path in files)
        made = []
        for count in (1, times):
            made.append(folder / f"{count}.warc.gz")
            with open(made[-1], "wb") as file:
                for _ in range(count):
                    file.write(whole)
        return {"warc.gz": made}
    rows = documents(files)
    if part == "jsonl":
        import zstandard

        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        packed = {
            "jsonl.gz": gzip.compress(lines, 6),
            "jsonl.zst": zstandard.ZstdCompressor(3).compress(lines),
        }
        inputs = {}
        for kind, data in packed.items():
            inputs[kind] = [folder / f"{count}.{kind}" for count in (1, times)]
            for path, count in zip(inputs[kind], (1, times)):
                path.write_bytes(data * count)
        return inputs
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(rows)
    made = []
    for count in (1, times):
        made.append(folder / f"{count}.parquet")
        with pyarrow.parquet.ParquetWriter(made[-1], table.schema, compression="zstd") as writer:
            for _ in range(count):
                writer.write_table(table, row_group_size=1000)
    return {"parquet": made}


def measure(
    tools: dict[str, Callable[[Path], tuple[Cost, int]]], inputs: list[Path], rounds: int
) -> None:
    costs: dict[str, list[list[Cost]]] = {name: [[], []] for name in tools}
    records: dict[str, list[int]] = {name: [0, 0] for name in tools}
    for _ in range(rounds):
        for name, tool in list(tools.items()):
            for size, path in enumerate(inputs):
                try:
                    taken, records[name][size] = tool(path)
                except (RuntimeError, OSError) as error:
                    print(f"  {name}: {error}")
                    del tools[name]
                    break
                costs[name][size].append(taken)
    rates = {}
    for name in tools:
        if records[name][1] == 0:
            print(f"  {name:20} reads nothing of it")
            continue
        once, often = (min(rounds_, key=lambda taken: taken.cpu) for rounds_ in costs[name])
        seconds = often.cpu - once.cpu
        rates[name] = (records[name][1] - records[name][0]) / seconds
        grown = (inputs[1].stat().st_size - inputs[0].stat().st_size) / seconds / 1e6
        peaks = [max(taken.megabytes for taken in rounds_) for rounds_ in costs[name]]
        print(
            f"  {name:20} {records[name][1]:9,} records  {rates[name]:9,.0f} records/s"
            f"  {grown:6.1f} MB/s stored  peak {peaks[0]:6.0f} MB once, {peaks[1]:6.0f} MB at the end"
        )
    if "tamis" in rates:
        for name, rate in rates.items():
            if name != "tamis" and rate > 0:
                print(f"  tamis / {name}: {rates['tamis'] / rate:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--tamis", type=Path, default=os.environ.get("TAMIS"))
    parser.add_argument("--reader", help="a program that reads a file and prints how many records")
    parser.add_argument("--parts", nargs="+", default=["warc", "jsonl", "parquet"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--datatrove", default=str(Path.home() / ".cache/tamis/peers/bin/python"))
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(PEERS[arguments.peer](str(arguments.files[0])))
        return

    peers = {
        "warc.gz": ["FastWARC", "warcio"],
        "jsonl.gz": ["json", "pyarrow, JSON", "datatrove, JSON"],
        "jsonl.zst": ["json", "pyarrow, JSON", "datatrove, JSON"],
        "parquet": ["pyarrow, Parquet", "datatrove, Parquet"],
    }
    for part in arguments.parts:
        with tempfile.TemporaryDirectory() as folder:
            inputs = make_inputs(part, arguments.files, arguments.times, Path(folder))
            for kind, paths in inputs.items():
                sizes = " and ".join(f"{path.stat().st_size / 1e6:.1f} MB" for path in paths)
                print(f"{kind}: {sizes}, CPU seconds of one process, best of {arguments.rounds}")
                tools: dict[str, Callable[[Path], tuple[Cost, int]]] = {}
                if arguments.tamis:
                    tools["tamis"] = lambda path: run_tamis(arguments.tamis, path)
                if arguments.reader and kind == "warc.gz":
                    tools["tamis, reader alone"] = lambda path: (
                        lambda done: (done[0], int(done[1]))
                    )(cost([arguments.reader, str(path)]))
                for name in peers[kind]:
                    python = arguments.datatrove if "datatrove" in name else sys.executable
                    tools[name] = lambda path, name=name, python=python: run_peer(python, name, path)
                measure(tools, paths, arguments.rounds)


main()
