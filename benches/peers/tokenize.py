"""Times tokenization: tamis beside the bare encoder it uses, tokenizers, tiktoken, datatrove and
gigatoken, on English, Chinese and code, with GPT-2's and o200k's vocabulary, in one run.

    python tokenize.py TOKENS TAMIS --data DIR [--megabytes 20] [--rounds 3] [--only bare tamis …]
        [--texts English …] [--vocabularies gpt2 …]

TOKENS is the program `benches/tokens.rs` (`cargo build --bench tokens`), TAMIS the command. DIR is
that of `../parity/token_ids.py`. Every tool runs as a process of its own on one thread, in turn,
round after round; CPU seconds count: the best of all rounds, and the median of what each round's are
of the bare encoder's speed in the same round. On a machine with neighbours only many rounds tell
anything.

* `bare`: `encode_into` of the library, all texts in memory; the mark that the others are put to.
* `encoder`: tamis's own loop around the library's parts, the same way.
* `tamis`: a `tamis run` without stages that writes documents and tokens (Megatron), less one that
  writes documents alone: encoding, shuffling and shards. `reading` is the latter.
* `tokenizers` (`encode_batch_fast`), `tiktoken` (`encode_ordinary`), `gigatoken` (`encode_batch`):
  all texts in memory; loading is not counted.
* `datatrove`: DocumentTokenizer without shuffling, from texts in memory.

Prints milliseconds a MB, what that is of the bare encoder's speed (1.0: as fast), and for tamis the
milliseconds a MB beside the encoder. Runs with `tokenizers==0.23.3 tiktoken==0.14.0
gigatoken==0.10.0 datatrove[io]==0.10.1 transformers`; a tool that is not there is left out.
"""

import sys

# This file has the name of a module of Python's own, which others import.
sys.path.pop(0)

import argparse
import gzip
import json
import os
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TEXTS = {
    "English": ["text-novels/eltec-en-half.jsonl.gz"],
    "Chinese": ["text-poetry-zh/*.jsonl.gz", "toxicity/cold-zh.jsonl.gz"],
    "code": ["code/*.jsonl.gz"],
}

PIPELINE = """\
name = "tokenize"
seed = 0

[[source]]
name = "texts"
path = "{path}"
keep_fields = []

[documents]
"""

# Files that hold the texts, for tamis.
COPIES = 4

TOKENS = """
[tokens]
tokenizer = "{tokenizer}"
"""


def texts(data: Path, patterns: list[str], megabytes: float) -> list[str]:
    """Texts of the files; from the start again until there are enough."""
    found: list[str] = []
    for pattern in patterns:
        for path in sorted(data.glob(pattern)):
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                found += [json.loads(line)["text"] for line in lines]
    taken, size = [], 0
    while size < megabytes * 1e6:
        for text in found:
            text = text.encode("utf-8", "replace").decode()
            taken.append(text)
            size += len(text.encode())
            if size >= megabytes * 1e6:
                break
    return taken


def o200k_json(ranks: Path, out: Path) -> None:
    """o200k as a tokenizer.json, as transformers converts it."""
    from transformers.convert_slow_tokenizer import TikTokenConverter

    plain = out.with_suffix(".tiktoken")
    plain.write_bytes(gzip.decompress(ranks.read_bytes()))
    import tiktoken_ext.openai_public as openai

    openai.load_tiktoken_bpe = lambda *_, **__: {}
    pattern = openai.o200k_base()["pat_str"]
    converted = TikTokenConverter(vocab_file=str(plain), pattern=pattern).converted()
    converted.add_special_tokens(["<|endoftext|>"])
    converted.save(str(out))


def gpt2_json(folder: Path, out: Path) -> None:
    import tokenizers

    model = tokenizers.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(out))


# What runs in a process of its own: `tokenize.py --tool NAME TOKENIZER FRAMES`.


def read_frames(path: str) -> list[str]:
    data, at, found = Path(path).read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return found


def by_tokenizers(path: str) -> Callable[[list[str]], object]:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(path)
    return lambda found: [tokenizer.encode_batch_fast([text])[0].ids for text in found]


def by_tiktoken(path: str) -> Callable[[list[str]], object]:
    sys.path.insert(0, str(Path(__file__).parent.parent / "parity"))
    import token_ids

    folder = Path(os.environ["TOKENIZERS"])
    if "gpt2" in path:
        encoding = token_ids.gpt2_tiktoken(folder / "gpt2")
    else:
        encoding = token_ids.openai_encoding("o200k_base", folder / "o200k_base.tiktoken.gz")
    return lambda found: [encoding.encode_ordinary(text) for text in found]


def by_gigatoken(path: str) -> Callable[[list[str]], object]:
    import gigatoken

    return gigatoken.Tokenizer(path).encode_batch


def by_datatrove(path: str) -> Callable[[list[str]], object]:
    from datatrove.data import Document
    from datatrove.pipeline.tokens import DocumentTokenizer

    def run(found: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            step = DocumentTokenizer(
                folder, local_working_dir=folder, tokenizer_name_or_path=path,
                eos_token="<|endoftext|>", shuffle_documents=False,
            )  # fmt: skip
            step(Document(text=text, id=str(n)) for n, text in enumerate(found))

    return run


TOOLS = {
    "tokenizers": by_tokenizers,
    "tiktoken": by_tiktoken,
    "gigatoken": by_gigatoken,
    "datatrove": by_datatrove,
}


def tool(name: str, tokenizer: str, frames: str) -> None:
    found = read_frames(frames)
    encode = TOOLS[name](tokenizer)
    encode(found[:1])
    start = time.process_time()
    encode(found)
    print(time.process_time() - start)


def child(command: list) -> float:
    """CPU seconds of a process and its children."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system


def main() -> None:
    if sys.argv[1:2] == ["--tool"]:
        tool(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("tokens", type=Path)
    parser.add_argument("tamis", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    kinds = ["bare", "encoder", "tamis", *TOOLS]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--texts", nargs="+", choices=list(TEXTS), default=list(TEXTS))
    parser.add_argument("--vocabularies", nargs="+", choices=["gpt2", "o200k"], default=["gpt2", "o200k"])
    arguments = parser.parse_args()
    arguments.tokens, arguments.tamis = arguments.tokens.resolve(), arguments.tamis.resolve()
    folder = arguments.data / "tokenizers"
    os.environ |= {
        "TOKENIZERS": str(folder), "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        vocabularies = {"gpt2": work / "gpt2.json", "o200k": work / "o200k.json"}
        gpt2_json(folder / "gpt2", vocabularies["gpt2"])
        o200k_json(folder / "o200k_base.tiktoken.gz", vocabularies["o200k"])
        for name in arguments.texts:
            found = texts(arguments.data, TEXTS[name], arguments.megabytes)
            megabytes = sum(len(text.encode()) for text in found) / 1e6
            frames, jsonl = work / "frames", work / f"{name}-0.jsonl"
            with frames.open("wb") as file:
                for text in found:
                    data = text.encode()
                    file.write(struct.pack("<I", len(data)) + data)
            with jsonl.open("w") as file:
                for number, text in enumerate(found):
                    print(json.dumps({"id": number, "text": text}, ensure_ascii=False), file=file)
            (work / "short.jsonl").write_text('{"id": 0, "text": "short"}\n')
            for copy in range(1, COPIES):
                os.link(jsonl, work / f"{name}-{copy}.jsonl")
            for vocabulary in arguments.vocabularies:
                path = vocabularies[vocabulary]
                measure(arguments, work, f"{name}, {vocabulary}", megabytes, path, frames, jsonl)


def measure(
    arguments: argparse.Namespace, work: Path, title: str, megabytes: float, path: Path, frames: Path, jsonl: Path
) -> None:
    seen: dict[str, list[float]] = {}

    def took(name: str, seconds: float) -> None:
        seen.setdefault(name, []).append(seconds)

    def tamis(name: str, more: str) -> None:
        for files, paths in (("start", jsonl.with_name("short.jsonl")), ("all", str(jsonl).replace("-0.jsonl", "-*.jsonl"))):
            pipeline = work / "pipeline.toml"
            pipeline.write_text(PIPELINE.format(path=paths) + more)
            command = [arguments.tamis, "run", pipeline, "--out", work / "out", "--fresh", "--threads", "1"]
            took(f"{name}, {files}", child(command))

    for _ in range(arguments.rounds):
        for kind in arguments.only:
            try:
                if kind in ("bare", "encoder"):
                    command = [arguments.tokens, "time" if kind == "encoder" else "bare", path, "2"]
                    with frames.open("rb") as stdin:
                        output = subprocess.run(command, stdin=stdin, check=True, stdout=subprocess.PIPE)
                    # Two rounds in the process: the words of the first are known in the second.
                    cold, warm = (float(line.split()[1]) for line in output.stdout.splitlines())
                    took(kind, cold)
                    took(f"{kind}, warm", warm)
                elif kind == "tamis":
                    tamis("reading", "")
                    tamis("tamis", TOKENS.format(tokenizer=path))
                else:
                    command = [sys.executable, __file__, "--tool", kind, path, frames]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    took(kind, float(done.stdout.split()[-1]))
            except subprocess.CalledProcessError as error:
                reason = (error.stderr or b"").decode().strip().splitlines()[-1:]
                print(f"{title}: {kind} failed {reason}", file=sys.stderr)
    per_round = {name: seconds for name, seconds in seen.items() if "," not in name or "warm" in name}
    best = {name: min(seconds) for name, seconds in per_round.items()}
    if "tamis, all" in seen:
        # Less what a single short text takes, so that starting and loading count for nobody.
        def a_file(parts: Callable[[list[float]], list[float]]) -> tuple[list[float], list[float]]:
            took = {name: parts(seconds) for name, seconds in seen.items()}
            both = zip(took["reading, all"], took["reading, start"], strict=True)
            reading = [(all_files - start) / COPIES for all_files, start in both]
            both = zip(took["tamis, all"], took["tamis, start"], reading, strict=True)
            return reading, [(all_files - start) / COPIES - less for all_files, start, less in both]

        per_round["reading"], per_round["tamis"] = a_file(list)
        (best["reading"],), (best["tamis"],) = a_file(lambda seconds: [min(seconds)])
    print(f"\n{title}: {megabytes:.1f} MB\n{'':16} ms/MB  of bare  median of rounds  beside bare, ms/MB")
    bare = best.get("bare")
    for name, seconds in best.items():
        line = f"{name:16} {1000 * seconds / megabytes:6.2f}"
        if bare and name != "reading":
            ratios = [b / s for b, s in zip(per_round["bare"], per_round[name], strict=True)]
            line += f"  {bare / seconds:6.3f}×  {statistics.median(ratios):15.3f}×"
            if name in ("tamis", "encoder"):
                line += f"  {1000 * (seconds - bare) / megabytes:18.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
