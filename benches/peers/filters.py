"""Times the FineWeb filter chain: datatrove against tamis, one core each, on the same documents.

    python filters.py DOCUMENTS.jsonl --tamis PATH/TO/tamis [--rounds 3] [--megabytes 16]
    python filters.py DOCUMENTS.jsonl                        # datatrove alone

The chain is GopherRepetition, GopherQuality, C4Quality (without its rule on terminal punctuation)
and FineWebQuality, settings and order of FineWeb; no language identification. Figures are CPU
seconds, the best of the rounds, which alternate between the two.

datatrove's seconds are those of the filters alone, documents in memory and the tokenizer loaded.
For tamis there are two figures: those of its whole process, reading JSONL, writing the kept
documents and the ledger included, and those of the stages alone, as its summary has them. The last
lines time the same chain in tamis' own dialect, which decides otherwise.

No ratio is printed before every single decision, stage and reason has been found equal (the
identity gate). Runs in the environment of `setup.sh`; `../parity/english_documents.py` makes
documents.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from loguru import logger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parity"))
from datatrove_decide import FINEWEB, make_filters  # noqa: E402

Decision = tuple[str | None, str | None]
"""Stage and reason of a dropped document; (None, None) for a kept one."""

PIPELINE = """\
name = "filters"
seed = 0

[[source]]
name = "documents"
path = "{documents}"

[[stage]]
op = "gopher-repetition"
dialect = "datatrove"

[[stage]]
op = "gopher-quality"
dialect = "datatrove"

[[stage]]
op = "c4-quality"
dialect = "datatrove"
terminal_punctuation = false

[[stage]]
op = "fineweb-quality"
dialect = "datatrove"
"""


class Dropped:
    """Stands in for datatrove's exclusion writer: notes what a filter drops."""

    def __init__(self, stage: str, decisions: list[Decision]) -> None:
        self.stage = stage
        self.decisions = decisions

    def __enter__(self) -> "Dropped":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, document: Document, _rank: int) -> None:
        self.decisions[int(document.id)] = (self.stage, document.metadata["filter_reason"])


def run_datatrove(
    filters: dict[str, BaseFilter], texts: list[str]
) -> tuple[float, float, list[Decision]]:
    """CPU seconds, wall seconds and decisions of datatrove's own pipeline steps."""
    decisions: list[Decision] = [(None, None)] * len(texts)
    documents = [Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    flow = iter(documents)
    for stage in FINEWEB:
        filters[stage].exclusion_writer = Dropped(stage.partition("@")[0], decisions)
        flow = filters[stage].run(flow)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in flow:
        pass
    return time.process_time() - cpu, time.perf_counter() - wall, decisions


def run_tamis(
    tamis: Path, documents: Path, dialect: str
) -> tuple[float, float, float, list[Decision]]:
    """CPU seconds, wall seconds, seconds of the stages and decisions of a whole `tamis run`. All
    that is known of its command line and its files is in here."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(folder, "filters.toml")
        text = PIPELINE.format(documents=documents).replace('"datatrove"', f'"{dialect}"')
        pipeline.write_text(text, encoding="utf-8")
        out = Path(folder, "run")
        command = [tamis, "run", pipeline, "--out", out, "--threads", "1"]
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed\n{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        decisions: list[Decision] = []
        for part in sorted(out.glob("ledger/*.parquet")):
            table = pq.read_table(part, columns=["verdict", "stage", "reason"])
            for row in table.to_pylist():
                kept = row["verdict"] == "kept"
                decisions.append((None, None) if kept else (row["stage"], row["reason"]))
        summary = json.loads(Path(out, "summary.json").read_text(encoding="utf-8"))
        stages = sum(stage["seconds"] for stage in summary["stages"])
    return cpu, wall, stages, decisions


def identical(theirs: list[Decision], ours: list[Decision], texts: list[str]) -> bool:
    """The identity gate; says what differs."""
    if len(theirs) != len(ours):
        print(f"datatrove decided on {len(theirs):,} documents, tamis on {len(ours):,}")
        return False
    wrong = [i for i, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]]
    for i in wrong[:20]:
        print(f"  n={i}: datatrove {theirs[i]}, tamis {ours[i]}: {texts[i][:80]!r}")
    return not wrong


def read_texts(path: Path, most_chars: int, megabytes: float | None) -> list[str]:
    texts, size = [], 0
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            text = json.loads(line)["text"]
            if len(text) > most_chars:
                continue
            size += len(text.encode())
            if megabytes is not None and size > megabytes * 1e6:
                break
            texts.append(text)
    return texts


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("documents", type=Path)
    parser.add_argument("--tamis", type=Path, default=os.environ.get("TAMIS"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=float, help="stop after so much text")
    parser.add_argument("--max-chars", type=int, default=200_000, help="leave out longer documents")
    arguments = parser.parse_args()

    logger.remove()
    texts = read_texts(arguments.documents, arguments.max_chars, arguments.megabytes)
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {size:.2f} MB of UTF-8; {processor()}")
    print(f"datatrove {version('datatrove')}, spaCy {version('spacy')}, Python {sys.version[:6]}")
    filters = make_filters()

    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder, "documents.jsonl")
        with shared.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts)
        for round_ in range(arguments.rounds):
            cpu, wall, theirs = run_datatrove(filters, texts)
            report("datatrove", cpu, wall, size, len(texts))
            best["datatrove"] = min(best.get("datatrove", (cpu, wall)), (cpu, wall))
            if round_ == 0:
                show_decisions(theirs)
            if arguments.tamis is None:
                continue
            cpu, wall, stages, ours = run_tamis(arguments.tamis, shared, "datatrove")
            if not identical(theirs, ours, texts):
                sys.exit("the decisions are not identical: no comparison of speed")
            report("tamis", cpu, wall, size, len(texts))
            best["tamis"] = min(best.get("tamis", (cpu, wall)), (cpu, wall))
            best["its stages"] = min(best.get("its stages", (stages, stages)), (stages, stages))
            cpu, wall, stages, _ = run_tamis(arguments.tamis, shared, "tamis")
            best["own dialect"] = min(best.get("own dialect", (cpu, wall)), (cpu, wall))
            best["its stages "] = min(best.get("its stages ", (stages, stages)), (stages, stages))
    print("best of rounds")
    for name, (cpu, wall) in best.items():
        report(name, cpu, wall, size, len(texts))
    if "tamis" in best:
        print(f"all {len(texts):,} decisions, stages and reasons are identical")
        whole, stages = best["tamis"][0], best["its stages"][0]
        print(f"datatrove needs {best['datatrove'][0] / stages:.0f} times the CPU time of tamis' stages,")
        print(f"and {best['datatrove'][0] / whole:.0f} times that of its whole process")


def report(name: str, cpu: float, wall: float, size: float, count: int) -> None:
    print(
        f"{name:<12}{cpu:>9.2f} CPU s{wall:>9.2f} s{size / cpu:>9.2f} MB/s per core"
        f"{count / cpu:>10,.0f} documents/s",
        flush=True,
    )


def show_decisions(decisions: list[Decision]) -> None:
    for (stage, reason), count in Counter(decisions).most_common():
        print(f"  {stage or 'kept':<20}{reason or '':<32}{count:>7,}")


if __name__ == "__main__":
    main()
