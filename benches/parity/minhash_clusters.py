"""Compares the clusters of datatrove's MinHash stages with those of tamis: the same partition?

    python minhash_clusters.py CLUSTERS.jsonl LEDGER [--show 20]

CLUSTERS has a line `{"id": …, "cluster": …}` a document, as `../peers/dedup.py --parts export`
writes it; `null` is a document alone. LEDGER is the folder of a run whose stage `minhash-dedup` had
`dialect = "datatrove"` and `verify = false` (`DIR/ledger`, or one of its files). Names of clusters
do not matter, nor which document was kept. Exits 1 if a document is missing or the partitions
differ. Needs pyarrow (the environment of `../peers/setup.sh` has it).
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as parquet

Partition = dict[str, frozenset[str]]
"""The cluster of every document, by its members."""


def partition(clusters: dict[str, object]) -> Partition:
    members = defaultdict(set)
    for id_, cluster in clusters.items():
        if cluster is not None:
            members[cluster].add(id_)
    groups = {cluster: frozenset(ids) for cluster, ids in members.items()}
    return {
        id_: frozenset((id_,)) if cluster is None else groups[cluster]
        for id_, cluster in clusters.items()
    }


def unique(pairs: list[tuple[str, object]], where: Path) -> dict[str, object]:
    clusters = dict(pairs)
    if len(clusters) != len(pairs):
        sys.exit(f"{where} has {len(pairs):,} documents but {len(clusters):,} ids")
    return clusters


def read_clusters(path: Path) -> dict[str, object]:
    with path.open(encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    return unique([(row["id"], row["cluster"]) for row in rows], path)


def read_ledger(path: Path, column: str) -> dict[str, object]:
    table = parquet.read_table(path, columns=["source_id", column])
    return unique([(row["source_id"], row[column]) for row in table.to_pylist()], path)


def describe(partition_: Partition) -> str:
    groups = set(partition_.values())
    alone = sum(len(group) == 1 for group in groups)
    largest = max(map(len, groups), default=0)
    return (
        f"{len(partition_):,} documents, {len(groups) - alone:,} clusters, {alone:,} alone, "
        f"largest {largest:,}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clusters", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--column", default="minhash-dedup.cluster")
    parser.add_argument("--show", type=int, default=20, help="differing documents to list")
    arguments = parser.parse_args()

    theirs = partition(read_clusters(arguments.clusters))
    ours = partition(read_ledger(arguments.ledger, arguments.column))
    print(f"datatrove: {describe(theirs)}\ntamis:     {describe(ours)}")
    if not theirs:
        sys.exit("there is nothing to compare")
    for name, missing in (("tamis", theirs.keys() - ours), ("datatrove", ours.keys() - theirs)):
        if missing:
            print(f"{len(missing):,} documents are not in {name}: {sorted(missing)[:3]}")
    differing = [id_ for id_ in theirs if id_ in ours and theirs[id_] != ours[id_]]
    for id_ in differing[: arguments.show]:
        extra, lost = sorted(ours[id_] - theirs[id_]), sorted(theirs[id_] - ours[id_])
        print(f"  {id_}: only with it in tamis {extra[:3]}, only in datatrove {lost[:3]}")
    if differing or theirs.keys() != ours.keys():
        sys.exit(f"{len(differing):,} documents have another cluster")
    print("the partitions are equal")


if __name__ == "__main__":
    main()
