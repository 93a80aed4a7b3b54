"""Times the scoring of fastText models: tamis beside the C++ library, in one run.

    python score.py SCORE --data DIR [--rounds 3] [--models NAME …]

SCORE is the program `benches/score.rs` (`cargo build --release --bench score`); DIR holds
`text-novels/eltec-en-half.jsonl.gz`. The C++ library is PyPI's `fasttext-wheel==0.9.2` with
`numpy<2`, called without the Python layer above it (`model.f.predict`). Models are trained here on
300,000 words: of words, of words and their bigrams, of character n-grams; of 16 and 100 numbers; as
`.bin` and quantised to 100,000 rows as `.ftz`. Texts have 12, 400 and 20,000 words. Each tool runs on
one thread, all texts in memory, in turn, round after round; CPU seconds count, and of the rounds the
best one. The sums of all scores must agree to 1e-4 a text.

Prints nanoseconds a byte, and how many times faster tamis is.
"""

import argparse
import gzip
import json
import resource
import struct
import subprocess
import tempfile
from pathlib import Path

import fasttext

KINDS = {
    "word": {"wordNgrams": 1},
    "bigram": {"wordNgrams": 2, "bucket": 2_000_000},
    "chars": {"wordNgrams": 1, "minn": 3, "maxn": 6, "bucket": 2_000_000},
}
MODELS = [
    "word.16.bin", "bigram.16.bin", "bigram.16.ftz", "chars.16.bin", "chars.16.ftz",
    "bigram.100.bin", "chars.100.bin",
]
LENGTHS = {"12": (12, 120_000), "400": (400, 400_000), "20,000": (20_000, 400_000)}


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def words(data: Path) -> list[str]:
    found: list[str] = []
    with gzip.open(data / "text-novels/eltec-en-half.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            found += json.loads(line)["text"].split()
            if len(found) > 420_000:
                break
    return found


def train(folder: Path, name: str, texts: list[str]) -> str:
    kind, dimension, form = name.split(".")
    path, examples = str(folder / name), folder / "train.txt"
    if not examples.exists():
        lines = [" ".join(texts[at : at + 60]) for at in range(0, 300_000, 60)]
        labelled = (f"__label__{'hq' if n // 40 % 2 else 'cc'} {line}\n" for n, line in enumerate(lines))
        examples.write_text("".join(labelled), encoding="utf-8")
    model = fasttext.train_supervised(
        str(examples), dim=int(dimension), epoch=1, lr=0.3, thread=1, verbose=0, **KINDS[kind]
    )
    if form == "ftz":
        model.quantize(input=str(examples), qnorm=True, cutoff=100_000)
    model.save_model(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("score")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=MODELS)
    options = parser.parse_args()
    fasttext.FastText.eprint = lambda *_: None
    texts = words(options.data)
    print("| model | words a text | C++ ns/byte | tamis ns/byte | times faster |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            path = train(Path(folder), name, texts)
            model = fasttext.load_model(path)
            for length, (count, total) in LENGTHS.items():
                lines = [" ".join(texts[at : at + count]) for at in range(0, total - count + 1, count)]
                encoded = [line.encode() for line in lines]
                frames = b"".join(struct.pack("<I", len(line)) + line for line in encoded)
                size = sum(map(len, encoded))
                best = [float("inf"), float("inf")]
                for _ in range(options.rounds):
                    start, total_score = cpu(), 0.0
                    for line in lines:
                        total_score += model.f.predict(line + "\n", 1, 0.0, "strict")[0][0]
                    best[0] = min(best[0], cpu() - start)
                    ours = subprocess.run(
                        [options.score, path, "1"], input=frames, capture_output=True, check=True
                    )
                    found, seconds = map(float, ours.stdout.split())
                    assert abs(found - total_score) < 1e-4 * len(lines), (name, found, total_score)
                    best[1] = min(best[1], seconds)
                theirs, own = (seconds * 1e9 / size for seconds in best)
                print(f"| {name} | {length} | {theirs:.1f} | {own:.1f} | {theirs / own:.2f} |", flush=True)


main()
