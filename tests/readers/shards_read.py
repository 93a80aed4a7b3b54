#!/usr/bin/env python3
"""Opens shards with the real readers of their formats and prints what they find.

    shards_read.py FORMAT PATH [LENGTH]    a JSON array of sequences: {tokens, ends, loss}, null where
                                           the format has none
    shards_read.py -                       the same for each line `FORMAT PATH [LENGTH]` of stdin
    shards_read.py --golden FOLDER         writes small shards with the real *writers*
    shards_read.py --self-test             reads what --golden writes

FORMAT and PATH: `megatron` PREFIX, `mds` FOLDER, `datatrove` FOLDER (LENGTH: tokens of a window),
`parquet` FILE, `npy` FILE (rows, NumPy's format), `raw-npy` FILE (documents, OLMo-core's), `nanogpt`
FILE, `llmc` FILE; add `:uint32` to the last three where ids have four bytes. Run it with the
environment that setup.sh makes. Only JSON goes to stdout.
"""

import contextlib
import gzip
import importlib.abc
import importlib.machinery
import json
import os
import sys
import tempfile
import types
import warnings

warnings.simplefilter("ignore")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import fsspec.compression  # noqa: E402, F401  (tries snappy, which must not find a stand-in)
import numpy as np  # noqa: E402
import torch  # noqa: E402, F401  (tries dill)

# What the readers import and never call for local files.
ABSENT = {
    "PIL", "azure", "boto3", "botocore", "brotli", "google", "huggingface_hub", "matplotlib", "oci",
    "paramiko", "snappy", "tokenizers", "torchvision", "transformers", "streaming.multimodal",
    "streaming.text", "streaming.vision",
}  # fmt: skip


class Absent(type):
    """The type of names in a module that is not installed; an attribute of one is one again."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *_, **__):
        raise RuntimeError("a reader called a module that tests/readers/setup.sh does not install")


class Nothing(metaclass=Absent):
    pass


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name in ABSENT or name.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__path__ = []

        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Nothing

        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, StandIns())


def numbers(array):
    return [int(number) for number in array]


def megatron(prefix, _):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    data = IndexedDataset(prefix)
    loss = IndexedDataset(prefix + ".loss") if os.path.exists(prefix + ".loss.idx") else None
    assert loss is None or loss.index.dtype == np.uint8, loss.index.dtype
    assert data.document_indices.tolist() == list(range(len(data) + 1))
    for place in range(len(data)):
        yield data[place], None, loss[place] if loss else None


def mds(folder, _):
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    data = StreamingDataset(local=folder, shuffle=False, batch_size=1, validate_hash="xxh3_64")
    for place in range(len(data)):
        sample = data[place]
        yield sample["tokens"], sample.get("doc_ends"), sample.get("loss_mask")


def datatrove(folder, length):
    from datatrove.utils.dataset import DatatroveFolderDataset

    with open(next(f.path for f in os.scandir(folder) if f.name.endswith(".metadata"))) as lines:
        size = int(lines.readline().split("|")[1])
    data = DatatroveFolderDataset(folder, length - 1, token_size=size, return_positions=True)
    losses = [
        np.fromfile(os.path.join(folder, f.file_path) + ".loss", np.uint8)
        if os.path.exists(os.path.join(folder, f.file_path) + ".loss")
        else None
        for f in data.files
    ]
    for file, loss in zip(data.files, losses):
        for place in range(len(file)):
            window = file[place]
            positions = window["positions"].tolist()
            # A document ends before each position 0; where the last one ends the reader does not say.
            ends = [at for at in range(1, length) if positions[at] == 0]
            span = slice(place * length, (place + 1) * length)
            yield window["input_ids"].tolist(), ends, None if loss is None else loss[span]


def parquet(path, _):
    import pyarrow.parquet

    for row in pyarrow.parquet.read_table(path).to_pylist():
        ends = None
        if "doc_ids" in row:
            ids, lengths = row["doc_ids"], row["seq_lengths"]
            ends = [n for n in range(1, len(ids) + 1) if ids[n - 1] >= 0 and (n == len(ids) or ids[n] != ids[n - 1])]
            padding = ids.count(-1)
            assert np.cumsum(lengths).tolist() == ends + [len(ids)] * (padding > 0), (ends, lengths)
        yield row["input_ids"], ends, row.get("loss_mask")


def npy(path, _):
    folder, file = os.path.split(path)
    rows = np.load(path, mmap_mode="r")
    ends = np.load(os.path.join(folder, "doc_ends_" + file))
    loss = os.path.join(folder, "loss_" + file)
    loss = np.load(loss) if os.path.exists(loss) else None
    assert loss is None or (loss.dtype == np.bool_ and loss.shape == rows.shape)
    for place, row in enumerate(rows):
        start = place * len(row)
        inside = ends[(ends > start) & (ends <= start + len(row))] - start
        yield row, inside, None if loss is None else loss[place]


def raw_npy(path, _, dtype):
    """As OLMo-core's iter_document_indices and load_array_slice read it."""
    folder, file = os.path.split(path)
    tokens = np.memmap(path, mode="r", dtype=dtype)
    loss = os.path.join(folder, "loss_" + file)
    loss = np.memmap(loss, mode="r", dtype=np.bool_) if os.path.exists(loss) else None
    assert loss is None or len(loss) == len(tokens)
    with gzip.open(path.replace(".npy", ".csv.gz"), "rt") as lines:
        for line in lines:
            start, end, *_ = line.split(",")
            span = slice(int(start), int(end))
            yield tokens[span], None, None if loss is None else loss[span]


def nanogpt(path, _, dtype):
    yield np.memmap(path, dtype=dtype, mode="r"), None, None


def llmc(path, _, dtype):
    """As llm.c's dataloader.h checks and reads it."""
    header = np.fromfile(path, dtype="<i4", count=256)
    magic, version = (20240520, 1) if dtype == np.uint16 else (20240801, 7)
    assert (header[0], header[1]) == (magic, version), header[:3]
    assert not header[3:].any()
    tokens = np.memmap(path, dtype=dtype, mode="r", offset=1024)
    assert os.path.getsize(path) == 1024 + header[2] * dtype().itemsize
    yield tokens, None, None


def read(form, path, length):
    form, _, dtype = form.partition(":")
    if form in ("nanogpt", "llmc", "raw-npy"):
        reader = {"nanogpt": nanogpt, "llmc": llmc, "raw-npy": raw_npy}[form]
        return reader(path, length, getattr(np, dtype or "uint16"))
    return {"megatron": megatron, "mds": mds, "datatrove": datatrove, "parquet": parquet, "npy": npy}[form](path, length)


DOCUMENTS = [[1, 2, 3, 50256], [7, 50256], [50256], [9, 10, 11, 12, 13, 50256]]
MASKS = [[0, 0, 1, 1], [0, 1], [1], [0, 1, 0, 1, 0, 1]]


def golden(folder):
    """The documents above, by the real writers, in files named as tamis names them."""
    from datatrove.pipeline.tokens.tokenizer import TokenizedFile
    from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
    from streaming import MDSWriter

    os.makedirs(folder, exist_ok=True)
    for name, dtype, kind in [("megatron-u16", np.uint16, torch.int32), ("megatron-i32", np.int32, torch.int32)]:
        builder = IndexedDatasetBuilder(os.path.join(folder, name + ".bin"), dtype=dtype)
        for document in DOCUMENTS:
            builder.add_document(torch.tensor(document, dtype=kind), [len(document)])
        builder.finalize(os.path.join(folder, name + ".idx"))
    builder = IndexedDatasetBuilder(os.path.join(folder, "megatron-u16.loss.bin"), dtype=np.uint8)
    for mask in MASKS:
        builder.add_document(torch.tensor(mask, dtype=torch.uint8), [len(mask)])
    builder.finalize(os.path.join(folder, "megatron-u16.loss.idx"))

    hashes = {"hashes": ["xxh3_64"], "size_limit": None, "exist_ok": True}
    columns = {"tokens": "ndarray:uint16", "loss_mask": "ndarray:uint8"}
    with MDSWriter(out=os.path.join(folder, "mds"), columns=columns, **hashes) as out:
        for document, mask in zip(DOCUMENTS, MASKS):
            out.write({"tokens": np.array(document, np.uint16), "loss_mask": np.array(mask, np.uint8)})
    columns = {"tokens": "ndarray:int32:8", "doc_ends": "ndarray:uint32"}
    stream = [token for document in DOCUMENTS for token in document] + [50256] * 3
    with MDSWriter(out=os.path.join(folder, "mds-rows"), columns=columns, **hashes) as out:
        for row, ends in [(stream[:8], [4, 6, 7, 8]), (stream[8:], [5])]:
            out.write({"tokens": np.array(row, np.int32), "doc_ends": np.array(ends, np.uint32)})

    file = TokenizedFile(folder, "datatrove.ds", save_loss_metadata=True, tokenizer_name_or_path="unknown", save_final_metadata=True)
    for document, mask in zip(DOCUMENTS, MASKS):
        file.write(document, np.array(mask))
    file.close()
    np.save(os.path.join(folder, "npy-rows.npy"), np.array(stream, np.uint16).reshape(2, 8))
    np.save(os.path.join(folder, "npy-rows-ends.npy"), np.array([4, 6, 7, 8, 13], np.int64))


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        golden(folder)
        for form, path in [("megatron", "megatron-u16"), ("megatron", "megatron-i32"), ("mds", "mds")]:
            found = [numbers(tokens) for tokens, _, _ in read(form, os.path.join(folder, path), None)]
            assert found == DOCUMENTS, found
        rows = [(numbers(tokens), numbers(ends)) for tokens, ends, _ in mds(os.path.join(folder, "mds-rows"), None)]
        assert [ends for _, ends in rows] == [[4, 6, 7, 8], [5]], rows
        windows = [(tokens, ends) for tokens, ends, _ in datatrove(folder, 5)]
        assert windows == [([1, 2, 3, 50256, 7], [4]), ([50256, 50256, 9, 10, 11], [1, 2])], windows
    print("shards_read: self-test passed", file=sys.stderr)


def main():
    arguments = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        if arguments == ["--self-test"]:
            return self_test()
        if arguments[:1] == ["--golden"]:
            return golden(arguments[1])
        lines = [line.split() for line in sys.stdin] if arguments == ["-"] else [arguments]
        found = [
            [
                {
                    "tokens": numbers(tokens),
                    "ends": None if ends is None else numbers(ends),
                    "loss": None if loss is None else numbers(loss),
                }
                for tokens, ends, loss in read(form, path, int(length[0]) if length else None)
            ]
            for form, path, *length in lines
        ]
    for sequences in found:
        print(json.dumps(sequences))


if __name__ == "__main__":
    main()
