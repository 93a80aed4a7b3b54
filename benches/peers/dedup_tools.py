"""Runs one fuzzy deduplication each on a file of documents: datatrove, text-dedup, rensa,
duplodocus, tamis. Part of `dedup.py`, which says what is compared.

All that is known of a tool's interface is in here. `python dedup_tools.py datatrove IN.jsonl DIR`
runs datatrove's four stages in a process of its own.
"""

import json
import os
import pickle
import re
import resource
import shutil
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

BANDS, ROWS = 14, 8
DUPLODOCUS_KEY = "minhash"

# datatrove's executor; one task and one worker a stage.
STAGES = ("signatures", "buckets", "clusters", "filter")

TEXT_DEDUP = """\
[input]
input_type = "local_files"
file_type = "json"
[input.read_arguments]
path = "json"
data_files = "{documents}"
split = "train"
cache_dir = "cache"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
num_proc = 1
num_perm = 240
ngram_size = 5
threshold = {threshold}
check_false_positive = {verify}
[output]
output_dir = "output"
skip_filtering = false
save_clusters = true
[debug]
enable_profiling = false
"""
TEXT_DEDUP_RUN = """\
from text_dedup.config import Config
from text_dedup.minhash import main
config = Config()
print(f"bands {config.algorithm.bands} rows {config.algorithm.rows}")
main(config)
"""

PIPELINE = """\
name = "dedup"
seed = 0

[[source]]
name = "docs"
path = {documents}
id_field = "id"

[[stage]]
op = "minhash-dedup"
{settings}
[documents]
"""


class Unavailable(Exception):
    """Why a tool cannot be run here."""


@dataclass
class Corpus:
    path: Path
    """JSON lines of `id` and `text`."""
    ids: list[str]
    texts: list[str]
    places: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {id_: i for i, id_ in enumerate(self.ids)}

    def megabytes(self) -> float:
        return sum(len(text.encode()) for text in self.texts) / 1e6


def write_corpus(path: Path, ids: list[str], texts: list[str]) -> Corpus:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for id_, text in zip(ids, texts, strict=True):
            file.write(json.dumps({"id": id_, "text": text}, ensure_ascii=False) + "\n")
    return Corpus(path, ids, texts)


@dataclass
class Outcome:
    """What a tool did. `anchors[i]` is the kept document that document i was removed for, or None
    for a kept one; a document alone has a cluster of its own."""

    clusters: list[int]
    anchors: list[int | None]
    cpu: float
    wall: float
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds of the tool's own steps."""
    note: str = ""


def from_clusters(
    clusters: list[int], kept: list[bool] | None = None
) -> tuple[list[int], list[int | None]]:
    """Clusters and anchors of a tool that names no anchor: the cluster's kept document, without
    `kept` its first."""
    survivors: dict[int, int] = {}
    for i, cluster in enumerate(clusters):
        if kept is None or kept[i]:
            survivors.setdefault(cluster, i)
    anchors = [survivors[cluster] for cluster in clusters]
    return clusters, [None if anchor == i else anchor for i, anchor in enumerate(anchors)]


def timed(command: list, folder: Path, **environment: str) -> tuple[float, float, str]:
    """CPU and wall seconds and the output of a command that must succeed."""
    folder.mkdir(parents=True, exist_ok=True)
    one = dict.fromkeys(("RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS"), "1")
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **one, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout


# datatrove


def datatrove_stages(documents: Path, folder: Path) -> dict[str, float]:
    """Runs the four stages in this process, as its example does; CPU seconds of each."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from loguru import logger

    logger.remove()
    config = MinhashConfig(num_buckets=BANDS, hashes_per_bucket=ROWS)
    signatures, buckets, removed = (str(folder / name) for name in ("sig", "buckets", "removed"))
    reader = JsonlReader(str(documents.parent), glob_pattern=documents.name, compression=None)
    steps = (
        ([reader, MinhashDedupSignature(signatures, config=config)], 1),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], BANDS),
        ([MinhashDedupCluster(buckets, removed, config=config, save_cluster_id=True)], 1),
        ([reader, MinhashDedupFilter(removed), JsonlWriter(str(folder / "kept"))], 1),
    )
    seconds = {}
    for name, (pipeline, tasks) in zip(STAGES, steps, strict=True):
        start = time.process_time()
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=1, logging_dir=str(folder / "logs" / name)
        ).run()
        seconds[name] = time.process_time() - start
    return seconds


def datatrove(corpus: Corpus, folder: Path) -> Outcome:
    command = [sys.executable, Path(__file__).resolve(), "datatrove", corpus.path, folder]
    cpu, wall, output = timed(command, folder)
    # The reader passes over documents without text; the numbers in the files count what it gives.
    read = [i for i, text in enumerate(corpus.texts) if text]
    clusters, kept = [-1 - i for i in range(len(corpus.texts))], [True] * len(corpus.texts)
    for file, form in (("000000.clusters", "<2I"), ("000000.remove", "<I")):
        path = folder / "removed" / file
        for found in struct.iter_unpack(form, path.read_bytes() if path.exists() else b""):
            if len(found) == 2:
                clusters[read[found[0]]] = found[1]
            else:
                kept[read[found[0]]] = False
    seconds = json.loads(output.splitlines()[-1])
    return Outcome(*from_clusters(clusters, kept), cpu, wall, seconds, f"{BANDS} × {ROWS}")


def first_kept(done: Outcome) -> Outcome:
    """The same clusters with the first document of each as its survivor."""
    return Outcome(*from_clusters(done.clusters), done.cpu, done.wall, done.seconds, done.note)


def datatrove_signatures(texts: list[str], folder: Path) -> float:
    """CPU seconds of the signature stage alone, documents in memory, the tokenizer loaded."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from loguru import logger

    stage = MinhashDedupSignature(
        str(folder), config=MinhashConfig(num_buckets=BANDS, hashes_per_bucket=ROWS)
    )
    logger.remove()
    stage.get_shingles("The tokenizer is loaded when it is first asked for words.")
    documents = [Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    start = time.process_time()
    stage.run(iter(documents))
    return time.process_time() - start


# text-dedup


def text_dedup(python: Path, threshold: float, verify: bool) -> Callable[[Corpus, Path], Outcome]:
    def run(corpus: Corpus, folder: Path) -> Outcome:
        if not python.exists():
            raise Unavailable(f"no {python} (text_dedup_setup.sh makes it)")
        folder.mkdir(parents=True)
        config = TEXT_DEDUP.format(
            documents=corpus.path, threshold=threshold, verify=str(verify).lower()
        )
        (folder / "config.toml").write_text(config, encoding="utf-8")
        cpu, wall, output = timed(
            [python, "-c", TEXT_DEDUP_RUN], folder, HF_HOME=str(folder / "home"), HF_HUB_OFFLINE="1"
        )
        parents = pickle.loads((folder / "output/clusters.pickle").read_bytes())
        clusters = [parents.get(i, i) for i in range(len(corpus.texts))]
        note = re.sub(r"bands (\d+) rows (\d+)", r"\1 × \2", output.splitlines()[0])
        kept = [cluster == i for i, cluster in enumerate(clusters)]
        return Outcome(*from_clusters(clusters, kept), cpu, wall, {}, note)

    return run


# rensa

WORD = re.compile(r"\w+")


def five_grams(text: str) -> list[str]:
    words = WORD.findall(text.lower())
    return [" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))]


def rensa_sketches(texts: list[str]) -> list:
    from rensa import RMinHash

    return RMinHash.from_token_sets([five_grams(text) for text in texts], 128, 42)


def rensa_index(bands: int) -> Callable[[Corpus, Path], Outcome]:
    """Its LSH index: everything that shares a band is one cluster."""

    def run(corpus: Corpus, folder: Path) -> Outcome:
        del folder
        from rensa import RMinHashLSH

        cpu, wall = time.process_time(), time.perf_counter()
        sketches = rensa_sketches(corpus.texts)
        index = RMinHashLSH(0.8, 128, bands)
        index.insert_many(sketches)
        parents = list(range(len(sketches)))
        for i, found in enumerate(index.query_all(sketches)):
            for other in found:
                join(parents, i, other)
        clusters = [find(parents, i) for i in range(len(parents))]
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Outcome(*from_clusters(clusters), cpu, wall, {}, f"{bands} × {128 // bands}")

    return run


def rensa_deduplicator(corpus: Corpus, folder: Path) -> Outcome:
    """Its streaming deduplicator: a document that is .8 alike by its sketch to one before it and
    kept is removed. The anchor is the likest of those it names."""
    del folder
    from rensa import RMinHashDeduplicator

    cpu, wall = time.process_time(), time.perf_counter()
    sketches = rensa_sketches(corpus.texts)
    kept = RMinHashDeduplicator(0.8, 128, True)
    anchors: list[int | None] = []
    for i, sketch in enumerate(sketches):
        named = [int(key) for key in kept.get_duplicates(sketch)]
        added = kept.add(str(i), sketch)
        likest = max(named, key=lambda k: (sketches[k].jaccard(sketch), -k), default=None)
        if added is (likest is not None):
            raise RuntimeError(f"rensa names {likest} for document {i}, but added is {added}")
        anchors.append(None if added else likest)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    clusters = [i if anchor is None else anchor for i, anchor in enumerate(anchors)]
    return Outcome(clusters, anchors, cpu, wall, {}, "sketches compared")


def rensa_signatures(texts: list[str]) -> tuple[float, float]:
    """CPU seconds of all and of the sketches alone, once Python has made the 5-grams."""
    from rensa import RMinHash

    start = time.process_time()
    shingles = [five_grams(text) for text in texts]
    middle = time.process_time()
    RMinHash.digest_matrix_from_token_sets(shingles, BANDS * ROWS, 42)
    end = time.process_time()
    return end - start, end - middle


def find(parents: list[int], i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


def join(parents: list[int], a: int, b: int) -> None:
    a, b = find(parents, a), find(parents, b)
    parents[max(a, b)] = min(a, b)


# duplodocus


def duplodocus(binary: Path | None) -> Callable[[Corpus, Path], Outcome]:
    def run(corpus: Corpus, folder: Path) -> Outcome:
        if binary is None:
            raise Unavailable("no --duplodocus")
        for name in ("in", "storage", "out"):
            (folder / name).mkdir(parents=True)
        shutil.copy(corpus.path, folder / "in/documents.jsonl")
        options = f"--num-buckets {BANDS} --bucket-size {ROWS} --tokenizer uniseg --annotate true"
        options += f" --annotate-key {DUPLODOCUS_KEY} --remove-duplicates false"
        command = [binary, "minhash-memory", "--input-dir", "in", "--storage-dir", "storage"]
        cpu, wall, _ = timed([*command, "--output-dir", "out", *options.split()], folder)
        clusters, kept = [-1 - i for i in range(len(corpus.texts))], [True] * len(corpus.texts)
        for row in json_lines(folder / "out"):
            if found := row.get(DUPLODOCUS_KEY):
                i = corpus.places[row["id"]]
                clusters[i], kept[i] = found["cc_id"], found["cc_idx"] == 0
        return Outcome(*from_clusters(clusters, kept), cpu, wall, {}, f"{BANDS} × {ROWS}, uniseg")

    return run


def json_lines(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from map(json.loads, file)


def duplodocus_signatures(binary: Path, corpus: Corpus, folder: Path) -> float:
    """CPU seconds of `mh-hash-docs`, which reads JSON lines and writes signatures."""
    (folder / "in").mkdir(parents=True)
    shutil.copy(corpus.path, folder / "in/documents.jsonl")
    common = ["--storage-dir", "storage"]
    timed([binary, "mh-build-file-map", "--input-dir", "in", *common], folder)
    options = f"--num-buckets {BANDS} --bucket-size {ROWS} --tokenizer uniseg".split()
    chunk = ["--path-chunk", "0", "--num-path-chunks", "1"]
    command = [binary, "mh-hash-docs", "--local-input", "in", *common, *chunk, *options]
    return timed(command, folder)[0]


# tamis


def tamis_has_dedup(binary: Path) -> bool:
    """Whether this build knows the op. Asked of a run, for a plan is checked in parts."""
    ops = subprocess.run([binary, "ops"], capture_output=True, text=True, check=False)
    return "minhash-dedup" in ops.stdout


def tamis(binary: Path | None, settings: str) -> Callable[[Corpus, Path], Outcome]:
    def run(corpus: Corpus, folder: Path) -> Outcome:
        import pyarrow.parquet as parquet

        if binary is None:
            raise Unavailable("no --tamis")
        if not tamis_has_dedup(binary):
            raise Unavailable(f"{binary} HAS NO OP minhash-dedup")
        folder.mkdir(parents=True)
        plan = folder / "dedup.toml"
        text = PIPELINE.format(documents=json.dumps(str(corpus.path)), settings=settings)
        plan.write_text(text, encoding="utf-8")
        out = folder / "run"
        cpu, wall, _ = timed([binary, "run", plan, "--out", out, "--threads", "1"], folder)
        rows = [
            row
            for part in sorted((out / "ledger").glob("part-*.parquet"))
            for row in parquet.read_table(
                part, columns=["source_id", "verdict", "minhash-dedup.cluster"]
            ).to_pylist()
        ]
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        seconds = {stage["stage"]: stage["seconds"] for stage in summary["stages"]}
        clusters, kept = ledger_clusters(rows, corpus)
        return Outcome(*from_clusters(clusters, kept), cpu, wall, seconds, settings.replace("\n", ", "))

    return run


def ledger_clusters(rows: list[dict], corpus: Corpus) -> tuple[list[int], list[bool]]:
    clusters, kept = [-1 - i for i in range(len(corpus.ids))], [True] * len(corpus.ids)
    names: defaultdict[str, int] = defaultdict(lambda: len(names))
    if len(rows) != len(corpus.ids):
        raise RuntimeError(f"{len(rows):,} rows in the ledger for {len(corpus.ids):,} documents")
    for row in rows:
        i = corpus.places[row["source_id"]]
        kept[i] = row["verdict"] == "kept"
        if row["minhash-dedup.cluster"] is not None:
            clusters[i] = names[row["minhash-dedup.cluster"]]
    return clusters, kept


if __name__ == "__main__":
    print(json.dumps(datatrove_stages(Path(sys.argv[2]), Path(sys.argv[3]))))
