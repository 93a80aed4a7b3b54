"""Says which MinHash signatures datatrove's own first step gives each document of a JSONL file.

    python minhash_signatures.py IN.jsonl[.gz] OUT.jsonl
    python minhash_signatures.py --golden /work/shared/data/neardup/docs.jsonl.gz \\
        ../../tests/golden/datatrove_minhash.jsonl

Reads `text` of every line and writes one line a document,

    {"text": "…", "simplified": "f00d…", "xxhash-64": "f00d…", "sha1-64": null, …}

with hexadecimal xxh3-64 hashes: of the simplified text, and of each signature, all its values 64 bits
wide, little endian; `null` for a document without one. `--golden` takes pieces of documents in
some thirty languages, and what is hard besides. The unit tests of `src/ops/minhash_dedup/datatrove`
compare with the golden file, or with the one that `TAMIS_DATATROVE_MINHASH` names.

Runs in the environment of `benches/peers/setup.sh`.
"""

import argparse
import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy
import xxhash
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import simplify_text

CONFIGS = {
    "xxhash-64": MinhashConfig(),
    "xxhash-32": MinhashConfig(hash_config=HashConfig(precision=32)),
    "sha1-64": MinhashConfig(hash_config=HashConfig(hash_fc="sha1")),
    "sha1-32": MinhashConfig(hash_config=HashConfig(precision=32, hash_fc="sha1")),
    "13-grams": MinhashConfig(n_grams=13, num_buckets=9, hashes_per_bucket=13, seed=2_000_000_017),
}

HARD = [
    "",
    " \n",
    "one two three four",
    "one two three four five",
    "1|2|3 1.2.3 1,000,000.50 ٣٫١٤ १२३,४५ 1. 2 .3 ４．５ 1⎖2⎗3⎘4 𝟏𝟐,𝟑 ①②③ ½ x²",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ. ΑΣ' Σ ΑΣΣ ΆΣ\u0301Α ΑΣ\u00adΑ İstanbul I ı ǅ ẞ ﬃ ŉ ΐ",
    "A\u030a ñ \u1e9b\u0323 \u0344 각 가\u11a8 か\u3099 \u0958 \u0f77 \u0301 \u0301 ́a \u0340\u0341 \u212b \u2126 \u037e \u1fef",
    "Unicode 15 and on: \ua7cb \ua7da \U00010d50 \U0001e4f0\U0001e4f1 \U00011f02 Σ\U0001e4ec \U00016d40 \U00011bf0",
    "a\u001cb\u001fc\u0085d\u2028e\u2029f\u3000g\u200bh\ufeffi\u00adj\tk\x00l\x7fm\x9fn\u180eo",
    "can't won't I'll've U.S.A. e.g. 10km http://example.com/a?b=c#d user@example.com :-) ¯\\_(ツ)_/¯ IS_ALPHA IS_ALPHA",
    "– — … „quoted“ «quoted» ‹quoted› ‘quoted’ 「quoted」 《quoted》 ¿quoted? ¡quoted! । ॥ ። ؟ ۔ ‼ ⁇ ⸮ ~ ` ^ _ + = $ £ € % ‰ § ¶",
]


def digest(data: bytes) -> str:
    return f"{xxhash.xxh3_64_intdigest(data):016x}"


def texts(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from map(json.loads, lines)


def golden(path: Path) -> Iterator[str]:
    """Pieces of two open source guides (CC BY 4.0) a folder, that is, a language; the hard ones."""
    seen = Counter()
    for document in texts(path):
        source, _, name = document["group"].partition(":")
        language = name.rpartition("/")[0]
        if source == "opensource.guide" and len(document["text"]) > 4000 and seen[language] < 2:
            start = 1000 + 700 * seen[language]
            seen[language] += 1
            yield document["text"][start : start + 500]
    yield from HARD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--golden", action="store_true")
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp()
    steps = {name: MinhashDedupSignature(folder, config) for name, config in CONFIGS.items()}
    if arguments.golden:
        source = golden(arguments.input)
    else:
        source = (document["text"] for document in texts(arguments.input))
    with arguments.output.open("w") as output:
        for text in source:
            row = {"text": text, "simplified": digest(simplify_text(text).encode())}
            for name, step in steps.items():
                shingles = step.get_shingles(text)
                values = numpy.array(step.get_signature(shingles) if shingles.size else [], "<u8")
                row[name] = digest(values.tobytes()) if values.size else None
            print(json.dumps(row, ensure_ascii=False), file=output)


if __name__ == "__main__":
    main()
