"""Compares token ids: tamis beside tiktoken and tokenizers, on texts of all scripts and on hard ones.

    python token_ids.py TOKENS --data DIR [--only gpt2 cl100k o200k qwen3 deepseek]
        [--parts text long random adversarial points] [--megabytes N] [--strings 1000000] [--seed 0]

TOKENS is the program `benches/tokens.rs`: `cargo build --bench tokens` says where it lies. DIR is
a folder with `tokenizers/` (see below) and texts as `*.jsonl.gz` with a key `text`; all of them are
read. References: tiktoken's `encode_ordinary` for the three rank encodings, and tokenizers (with
`encode_special_tokens`) for the others; gpt2 is compared with both.

* `text`: every text of every file, or `--megabytes` of them, from all files alike.
* `long`: the same texts joined to long ones, hard strings between them; tamis cuts these in many
  places.
* `random`: strings of random characters, by seed: of all of Unicode, of one block, of ASCII, of
  pieces of hard things; special tokens and half characters (U+FFFD) among them.
* `adversarial`: long runs of one character, of spaces, of digits, mixed line ends, up to 1 MB
  without a space.
* `points`: every code point alone, between letters, between digits, behind a space.

Where tiktoken cannot encode a text (it fails on very long words), tokenizers must have the same ids.
Prints a line a part and tokenizer, then each difference in its smallest form. Exits 1 if there is
one.

    tokenizers/gpt2/vocab.json, merges.txt    tokenizers/cl100k_base.tiktoken.gz
    tokenizers/o200k_base.tiktoken.gz         tokenizers/{qwen3,deepseek}/tokenizer.json.gz

Runs with `tiktoken==0.14.0` and `tokenizers==0.23.3`.
"""

import argparse
import gzip
import json
import random
import struct
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import tiktoken
import tiktoken_ext.openai_public as openai
import tokenizers

Encode = Callable[[list[str]], list[list[int] | None]]


def ranks(path: Path) -> dict[bytes, int]:
    with gzip.open(path) as lines:
        pairs = (line.split() for line in lines)
        return {b64decode(token): int(rank) for token, rank in pairs}


def openai_encoding(name: str, path: Path) -> tiktoken.Encoding:
    openai.load_tiktoken_bpe = lambda *_, **__: ranks(path)
    definition = openai.ENCODING_CONSTRUCTORS[name]()
    return tiktoken.Encoding(**definition)


def by_tiktoken(encoding: tiktoken.Encoding) -> Encode:
    def one(text: str) -> list[int] | None:
        try:
            return encoding.encode_ordinary(text)
        except BaseException as error:  # its panics are no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            return None

    return lambda texts: [one(text) for text in texts]


def by_tokenizers(tokenizer: tokenizers.Tokenizer) -> Encode:
    tokenizer.encode_special_tokens = True
    return lambda texts: [
        encoded.ids for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]


def gpt2_tokenizers(folder: Path) -> tokenizers.Tokenizer:
    model = tokenizers.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def gpt2_tiktoken(folder: Path) -> tiktoken.Encoding:
    decode = {chr(c): c for c in [*range(33, 127), *range(161, 173), *range(174, 256)]}
    rest = [c for c in range(256) if chr(c) not in decode]
    decode |= {chr(256 + n): c for n, c in enumerate(rest)}
    vocabulary = json.loads((folder / "vocab.json").read_text())
    special = vocabulary.pop("<|endoftext|>")
    table = {bytes(decode[c] for c in token): rank for token, rank in vocabulary.items()}
    return tiktoken.Encoding(
        "gpt2",
        pat_str=openai.r50k_pat_str,
        mergeable_ranks=table,
        special_tokens={"<|endoftext|>": special},
    )


def hugging_face(path: Path) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(gzip.decompress(path.read_bytes()).decode())


class Tamis:
    """The program, with texts going in and ids coming out."""

    def __init__(self, program: Path, tokenizer: Path) -> None:
        command = [program.resolve(), "ids", tokenizer]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, texts: list[str]) -> list[list[int]]:
        return [self.ids() for _ in self.feed(texts)]

    def feed(self, texts: list[str]) -> list[str]:
        def write() -> None:
            data = [text.encode() for text in texts]
            self.process.stdin.write(b"".join(struct.pack("<I", len(d)) + d for d in data))
            self.process.stdin.flush()

        Thread(target=write, daemon=True).start()
        return texts

    def ids(self) -> list[int]:
        (count,) = struct.unpack("<I", self.process.stdout.read(4))
        return list(struct.unpack(f"<{count}I", self.process.stdout.read(4 * count)))


def file_texts(path: Path) -> list[str]:
    texts = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line).get("text")
            if isinstance(text, str) and text:
                texts.append(text.encode("utf-8", "replace").decode())
    return texts


def all_texts(data: Path, megabytes: float) -> Iterator[str]:
    """The first texts of each file, as many of each as make `megabytes` together."""
    files = [file_texts(path) for path in sorted(data.rglob("*.jsonl.gz"))]
    sizes = [sum(len(text.encode()) for text in texts) / 1e6 for texts in files]
    share = low = 0.0
    high = max(sizes)
    for _ in range(40):
        share = (low + high) / 2
        low, high = (low, share) if sum(min(size, share) for size in sizes) > megabytes else (share, high)
    for texts in files:
        taken = 0.0
        for text in texts:
            if taken >= share:
                break
            taken += len(text.encode()) / 1e6
            yield text


HARD = [
    *" \t\n\r\v\f\x00\x1c\x1f\x7f\x85\xa0\u00ad\u1680\u2003\u2028\u2029\u200b\u200d\u202f\u3000\ufeff\ufffd",
    *"'’ſKkK.,;:!?/\\-_()[]{}<>|@#$%&*+=~^`\"",
    *"aAzZsStTdDmMlLrRvVeE019",
    *"éßıİŉǅǆʰªºñṩ字汉。、ーあアㇰㅎ한가ิ์าकि्ষّ،٣۴①Ⅷ½²²𝟏𝔸𐐀𒀀😀🏽\u0301\u0308\u20e3\ufe0f",
    "\r\n", "\n\n", "  ", "   ", "'s", "'S", "'ll", "'RE", "'ſ", "'ve", "don't", "<|endoftext|>",
    "<|im_start|>", "<think>", "<｜end▁of▁sentence｜>", "<|fim_prefix|>", "https://", "1,000", "e\u0301",
    "가", "\u1100\u1161", "👨\u200d👩\u200d👧", "🇩🇪",
]  # fmt: skip


def scalar(source: random.Random, top: int = 0x110000) -> str:
    while True:
        point = source.randrange(top)
        if not 0xD800 <= point < 0xE000:
            return chr(point)


def random_strings(count: int, seed: int) -> Iterator[str]:
    source = random.Random(seed)
    for number in range(count):
        length = source.choice((1, 2, 3, 5, 8, 13, 21, 34))
        kind = number % 5
        if kind == 0:
            yield "".join(source.choice(HARD) for _ in range(length))
        elif kind == 1:
            yield "".join(chr(source.randrange(128)) for _ in range(length))
        elif kind == 2:
            block = source.randrange(0x3100 // 64) * 64
            points = (block + source.randrange(64) for _ in range(length))
            yield "".join(chr(point) for point in points)
        elif kind == 3:
            yield "".join(scalar(source, 0x3000) for _ in range(length))
        else:
            yield "".join(scalar(source) for _ in range(length))


def long_texts(texts: Iterator[str], seed: int) -> Iterator[str]:
    source = random.Random(seed)
    joined, length = [], 0
    for text in texts:
        hard = "".join(source.choice(HARD) for _ in range(source.choice((0, 0, 1, 2, 5))))
        joined.append(text + hard + source.choice((" ", "\n", "\n\n", "  ", "a ", "字\n", "'s ", "")))
        length += len(joined[-1].encode())
        if length > 300_000:
            yield "".join(joined)
            joined, length = [], 0
    yield "".join(joined)


def adversarial() -> Iterator[str]:
    for unit in [*HARD, "ab", "aA", "a ", " a", "a\n", "\n ", " \n", "\r\n ", "1 ", "1a", ".,", ". ", "字 "]:
        for length in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 257, 1023):
            yield unit * length
            yield "x" + unit * length + "y"
            yield "!" + unit * length
    for unit in (" ", "a", "ab", "1", "字", "\n", "\t", "=", "é", "a1", ".", " \n", "A", "aB", "0123456789abcdef"):
        for size in (10_000, 100_000):
            yield unit * (size // len(unit))
    source = random.Random(1)
    for letters in ("abcdefghijklmnopqrstuvwxyz", "0123456789", "ACGT", "字汉语你好世界", "aäoöuü"):
        yield "".join(source.choice(letters) for _ in range(100_000))
    word = "".join(source.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(1_000_000))
    yield word
    for ends in ("\n ", " \n ", "!\n ", "a\n \n\t", "\n\u3000", "字。\n　", "\r\n\t", "1\n ", "\u0301\n "):
        yield "end" + ends
        yield ends
    # Long enough that tamis cuts it.
    text = "The quick brown fox, 3.14 times!\n\n  It's 'quoted'… 字 and\tmore. "
    yield text * 60_000
    yield (text + "字 \n汉\n") * 20_000


def points() -> Iterator[str]:
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000:
            continue
        c = chr(point)
        yield c
        yield f"a{c}b {c}1{c}2 x\n{c}"


def smallest(text: str, differ: Callable[[str], bool]) -> str:
    """A shorter text on which the ids still differ: parts are left out while they do."""
    step = max(1, len(text) // 2)
    while True:
        at = 0
        while at < len(text):
            shorter = text[:at] + text[at + step :]
            if shorter and differ(shorter):
                text = shorter
            else:
                at += step
        if step == 1:
            return text
        step = max(1, step // 2)


def batches(texts: Iterator[str], size: int = 2_000_000) -> Iterator[list[str]]:
    batch, length = [], 0
    for text in texts:
        batch.append(text)
        length += len(text)
        if length >= size or len(batch) >= 50_000:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def compare(name: str, part: str, texts: Iterator[str], tamis: Tamis, references: dict[str, Encode]) -> list:
    start = time.time()
    strings = megabytes = tokens = failed = 0
    differences = []
    for batch in batches(texts):
        ours = tamis(batch)
        theirs = {tool: encode(batch) for tool, encode in references.items()}
        for number, text in enumerate(batch):
            strings += 1
            megabytes += len(text.encode()) / 1e6
            tokens += len(ours[number])
            for tool, ids in theirs.items():
                if ids[number] is None:
                    failed += 1
                elif ids[number] != ours[number]:
                    differences.append((tool, text))
    print(
        f"{name:9} {part:12} {strings:9,} strings {megabytes:8.1f} MB {tokens:12,} tokens "
        f"{len(differences):6} differences, {failed} that a reference cannot encode "
        f"({time.time() - start:.0f} s)",
        flush=True,
    )
    return differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    names = ["gpt2", "cl100k", "o200k", "qwen3", "deepseek"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    kinds = ["text", "long", "random", "adversarial", "points"]
    parser.add_argument("--parts", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--strings", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=float, default=1e6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.data / "tokenizers"
    tools: dict[str, tuple[Path, Callable[[], dict[str, Encode]]]] = {
        "gpt2": (
            folder / "gpt2",
            lambda: {
                "tokenizers": by_tokenizers(gpt2_tokenizers(folder / "gpt2")),
                "tiktoken": by_tiktoken(gpt2_tiktoken(folder / "gpt2")),
            },
        )
    }
    for name in ("cl100k", "o200k"):
        path = folder / f"{name}_base.tiktoken.gz"
        tools[name] = (
            path,
            lambda name=name, path=path: {
                "tiktoken": by_tiktoken(openai_encoding(f"{name}_base", path))
            },
        )
    for name in ("qwen3", "deepseek"):
        path = folder / name / "tokenizer.json.gz"
        tools[name] = (path, lambda path=path: {"tokenizers": by_tokenizers(hugging_face(path))})
    sources = {
        "text": lambda: all_texts(arguments.data, arguments.megabytes),
        "long": lambda: long_texts(
            all_texts(arguments.data, arguments.megabytes), arguments.seed
        ),
        "random": lambda: random_strings(arguments.strings, arguments.seed),
        "adversarial": adversarial,
        "points": points,
    }
    found = 0
    for name in arguments.only:
        path, make = tools[name]
        tamis, references = Tamis(arguments.program, path), make()
        for part in arguments.parts:
            differences = compare(name, part, sources[part](), tamis, references)
            shown = set()
            for tool, text in differences:
                def differ(text: str, tool: str = tool) -> bool:
                    (ids,) = references[tool]([text])
                    return ids is not None and ids != tamis([text])[0]

                if len(shown) >= 40:
                    break
                small = smallest(text, differ) if differ(text) else text
                if small not in shown:
                    shown.add(small)
                    found += 1
                    (theirs,) = references[tool]([small])
                    print(f"  {tool}: {small!r} {theirs} {tool}, {tamis([small])[0]} tamis", flush=True)
        tamis.process.stdin.close()
        tamis.process.wait()
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
