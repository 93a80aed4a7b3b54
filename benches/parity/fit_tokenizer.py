"""Compares `tamis fit-tokenizer` with the trainer of tokenizers: the same vocabulary and merges?

    python fit_tokenizer.py FITTED.json TEXTS.jsonl… [--frames]

FITTED is what `tamis fit-tokenizer TEXTS… --sample 100GB` wrote; a tokenizer is trained on the same
texts with the pattern, size and special tokens that it has. tamis holds documents out, which
`--held-out IDS` would have to name; so compare on texts that it was all fitted to: `--frames` reads
them as `token_ids.py` sends them (a length of four bytes, little-endian, and the text).

Prints the first merge that differs, and how many tokens are in both. Runs with `tokenizers==0.23.3`.
"""

import argparse
import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import tokenizers


def texts(path: Path, frames: bool) -> Iterator[str]:
    if frames:
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            yield data[at + 4 : at + 4 + length].decode()
            at += 4 + length
        return
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with opened as lines:
        for line in lines:
            yield json.loads(line)["text"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("fitted", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--frames", action="store_true")
    arguments = parser.parse_args()
    fitted = json.loads(arguments.fitted.read_text())
    ours = tokenizers.Tokenizer.from_file(str(arguments.fitted))
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = ours.pre_tokenizer
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=len(fitted["model"]["vocab"]),
        min_frequency=2,
        show_progress=False,
        special_tokens=[token["content"] for token in fitted["added_tokens"]],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    every = (text for path in arguments.texts for text in texts(path, arguments.frames))
    trained.train_from_iterator(every, trainer)
    theirs = json.loads(trained.to_str())["model"]
    model = fitted["model"]
    print(f"vocabularies equal, ids and all: {theirs['vocab'] == model['vocab']}")
    both = theirs["vocab"].keys() & model["vocab"].keys()
    print(f"tokens in both: {len(both):,} of {len(model['vocab']):,}")
    pairs = enumerate(zip(map(tuple, theirs["merges"]), map(tuple, model["merges"]), strict=False))
    first = next(((n, a, b) for n, (a, b) in pairs if a != b), None)
    print(f"merges: {len(theirs['merges']):,} and {len(model['merges']):,}; first that differs: {first}")


if __name__ == "__main__":
    main()
