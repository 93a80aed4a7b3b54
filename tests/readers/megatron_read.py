#!/usr/bin/env python3
"""Opens Megatron shards with megatron-core's own IndexedDataset and prints what it finds.

    megatron_read.py [--digest] PREFIX...     one JSON object a line, a line for each prefix
    megatron_read.py --self-test              reads an index written here byte by byte

Fields: prefix, dtype, sequences, documents, lengths (tokens of each document) and tokens (of each
document), or with --digest, in place of tokens, digests: the SHA-256 over each document's tokens as
little-endian int64. A document of several sequences is their concatenation. Run it with the
environment that setup.sh makes. Only JSON goes to stdout; status 1 if a prefix cannot be read.
"""

import argparse
import contextlib
import hashlib
import json
import os
import struct
import sys
import tempfile
import warnings


def indexed_dataset():
    """megatron-core's class; whatever its import prints goes to stderr."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    with contextlib.redirect_stdout(sys.stderr):
        from megatron.core.datasets.indexed_dataset import IndexedDataset
    return IndexedDataset


def read(dataset_class, prefix, digest):
    empty = os.path.getsize(prefix + ".bin") == 0  # an empty file cannot be mapped
    dataset = dataset_class(prefix, mmap=not empty)
    bounds = dataset.document_indices.tolist()
    if not bounds or bounds[0] != 0 or bounds[-1] != len(dataset) or bounds != sorted(bounds):
        raise ValueError(f"document indices {bounds[:3]}..{bounds[-1:]} do not span {len(dataset)} sequences")
    if int(dataset.sequence_lengths.sum()) * dataset.index.dtype_size != os.path.getsize(prefix + ".bin"):
        raise ValueError("the index does not account for every byte of the .bin file")
    lengths, contents = [], []
    for start, end in zip(bounds, bounds[1:]):
        sequences = [dataset[i] for i in range(start, end)]
        lengths.append(sum(len(s) for s in sequences))
        if digest:
            sha = hashlib.sha256()
            for s in sequences:
                sha.update(s.astype("<i8").tobytes())
            contents.append(sha.hexdigest())
        else:
            contents.append([int(t) for s in sequences for t in s])
    return {
        "prefix": prefix,
        "dtype": dataset.index.dtype.__name__,
        "sequences": len(dataset),
        "documents": len(bounds) - 1,
        "lengths": lengths,
        "digests" if digest else "tokens": contents,
    }


def self_test(dataset_class):
    """Writes shards by hand, from the layout in the specification, and reads them back."""
    cases = [
        (8, "H", "uint16", [[1, 2, 3, 50256], [7, 50256], [9, 10, 11, 12, 13, 50256]]),
        (4, "i", "int32", [[100_000, 199_999], [5], [2_000_000_000]]),
        (8, "H", "uint16", [[]]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, (code, letter, dtype, documents) in enumerate(cases):
            prefix = os.path.join(folder, str(number))
            size, count, pointers, at = struct.calcsize(letter), len(documents), [], 0
            for document in documents:
                pointers.append(at)
                at += size * len(document)
            with open(prefix + ".bin", "wb") as out:
                for document in documents:
                    out.write(struct.pack(f"<{len(document)}{letter}", *document))
            with open(prefix + ".idx", "wb") as out:
                out.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, code, count, count + 1))
                out.write(struct.pack(f"<{count}i", *map(len, documents)))
                out.write(struct.pack(f"<{count}q", *pointers))
                out.write(struct.pack(f"<{count + 1}q", *range(count + 1)))
            assert number != 0 or os.path.getsize(prefix + ".idx") == 102
            plain, digest = read(dataset_class, prefix, False), read(dataset_class, prefix, True)
            assert plain["tokens"] == documents, plain
            assert (plain["dtype"], plain["sequences"], plain["documents"]) == (dtype, count, count), plain
            assert plain["lengths"] == digest["lengths"] == [len(d) for d in documents], plain
            assert digest["digests"] == [
                hashlib.sha256(struct.pack(f"<{len(d)}q", *d)).hexdigest() for d in documents
            ], digest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digest", action="store_true", help="SHA-256 of each document instead of its tokens")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("prefix", nargs="*", help="path without .bin and .idx")
    arguments = parser.parse_args()
    if not arguments.prefix and not arguments.self_test:
        parser.error("name at least one prefix")
    dataset_class = indexed_dataset()
    if arguments.self_test:
        self_test(dataset_class)
        print("megatron_read: self-test passed", file=sys.stderr)
    for prefix in arguments.prefix:
        try:
            print(json.dumps(read(dataset_class, prefix, arguments.digest)), flush=True)
        except Exception as error:
            print(f"megatron_read: {prefix}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
