"""Times training: tamis beside PyTorch, on the same shards, shapes, batches and threads, in one run.

    python train.py --tamis TAMIS [--data ../../../shared/data] [--presets 100k 1m 10m] [--steps 30]
        [--rounds 3] [--threads 1] [--sequence 256] [--batch 4096] [--precision fp32] [--tokenizer FILE]

Tokens are those of ELTeC's English novels in GPT-2's vocabulary, or FILE's, written by
`tamis run --until tokens`.
The peer is a Llama in plain PyTorch, eager: `F.rms_norm`, `F.scaled_dot_product_attention`, SwiGLU,
`F.cross_entropy` on all logits, `clip_grad_norm_`, `AdamW(fused=True)`, the micro-batches of tamis or
the whole batch at once, whichever is faster; batches lie in memory. tamis reads its shards, keeps its
ledger and metrics and judges every step. Each tool is a process of its own, in turn, round after
round; a step's time is the median of a process's steps behind the first five, and of the rounds the
best one counts. Losses of the first step must be near the logarithm of the vocabulary in both.

Prints tokens a second, tamis's as a multiple of PyTorch's, and the share of its steps in which it
reads batches. Needs `torch==2.13.0 numpy`.
"""

import sys

# Beside this file lies a module with the name of one of Python's own, which torch imports.
sys.path.pop(0)

import argparse
import json
import math
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Layers, width, heads, as `tamis train --list-presets` has them.
SHAPES = {"30k": (2, 32, 2), "100k": (2, 64, 2), "300k": (3, 96, 3), "1m": (5, 128, 4),
          "3m": (7, 192, 6), "10m": (6, 384, 6), "30m": (10, 512, 8)}
SKIPPED = 5


def ffn(width: int) -> int:
    return -(-(-(-width * 8 // 3)) // 32) * 32


def peer(
    shape: str, rows: int, micro: int, length: int, steps: int, threads: int, vocabulary: int, precision: str
) -> None:
    """Trains and prints the seconds of each step and the first loss, as JSON."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layers, width, heads = SHAPES[shape]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    head = width // heads
    angles = torch.outer(
        torch.arange(length).float(), 10_000.0 ** (-torch.arange(0, head, 2).float() / head)
    )
    cosine, sine = angles.cos().to(kind), angles.sin().to(kind)

    def rotate(x):
        first, second = x.chunk(2, -1)
        return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)

    def linear(x, weight):
        return F.linear(x, weight.to(kind))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            matrix = lambda out, into: nn.Parameter(torch.randn(out, into) * 0.02)
            self.norms = nn.ParameterList([torch.ones(width), torch.ones(width)])
            self.q, self.k, self.v, self.o = (matrix(width, width) for _ in range(4))
            self.gate, self.up = matrix(ffn(width), width), matrix(ffn(width), width)
            self.down = matrix(width, ffn(width))

        def forward(self, x):
            y = F.rms_norm(x, (width,), self.norms[0], 1e-6).to(kind)
            q, k, v = (
                linear(y, w).view(*y.shape[:2], heads, head).transpose(1, 2)
                for w in (self.q, self.k, self.v)
            )
            y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
            x = x + linear(y.transpose(1, 2).reshape(x.shape), self.o)
            y = F.rms_norm(x, (width,), self.norms[1], 1e-6).to(kind)
            return x + linear(F.silu(linear(y, self.gate)) * linear(y, self.up), self.down)

    class Llama(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Parameter(torch.randn(vocabulary, width) * 0.02)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm = nn.Parameter(torch.ones(width))
            self.output = nn.Parameter(torch.randn(vocabulary, width) * 0.02)

        def forward(self, ids, targets):
            x = F.embedding(ids, self.embed)
            for block in self.blocks:
                x = block(x)
            logits = linear(F.rms_norm(x, (width,), self.norm, 1e-6).to(kind), self.output)
            return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    model = Llama()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    windows = torch.randint(0, vocabulary, (rows, length + 1))
    seconds, first = [], None
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in windows.split(micro):
            loss = model(part[:, :-1], part[:, 1:]) * (len(part) / rows)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        first = total if first is None else first
    print(json.dumps({"seconds": seconds, "first": first}))


def shards(arguments: argparse.Namespace, folder: Path) -> tuple[Path, int]:
    """A pipeline file whose run in `folder` has tokens, and the size of the vocabulary."""
    import gzip

    with gzip.open(arguments.data / "text-novels/eltec-en-half.jsonl.gz", "rt") as lines:
        (folder / "novels.jsonl").write_text("".join(line for line, _ in zip(lines, range(40))))
    pipeline = folder / "train.toml"
    tokenizer = arguments.tokenizer.resolve()
    pipeline.write_text(
        f'name = "train"\nseed = 1\n[[source]]\nname = "novels"\npath = "{folder}/novels.jsonl"\n'
        f'[tokens]\ntokenizer = "{tokenizer}"\nsequence_length = {arguments.sequence}\n'
        f"validation_fraction = 0.05\n[train]\n"
    )
    command = [arguments.tamis, "run", pipeline, "--out", folder / "run", "--until", "tokens"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dataset = json.loads((folder / "run/tokens/dataset.json").read_text())
    return pipeline, dataset["layout"]["vocab_size"]


def ours(arguments: argparse.Namespace, pipeline: Path, preset: str) -> dict:
    run = pipeline.parent / "run"
    keys = {
        "train.preset": f'"{preset}"', "train.steps": arguments.steps,
        "train.batch_tokens": arguments.batch, "train.learning_rate": 1e-3,
        "train.precision": f'"{arguments.precision}"', "train.device": '"cpu"',
        "train.eval_every": 0, "train.checkpoint_every": 0,
    }
    sets = [part for key, value in keys.items() for part in ("--set", f"{key}={value}")]
    command = [arguments.tamis, "train", pipeline, "--out", run, "--fresh", "--threads",
               str(arguments.threads), *sets]
    (run / "training/metrics.jsonl").unlink(missing_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    lines = [json.loads(line) for line in (run / "training/metrics.jsonl").read_text().splitlines()]
    seconds = [arguments.batch / line["tokens_per_second"] for line in lines]
    loading = [line["loading_seconds"] for line in lines]
    return {"seconds": seconds, "first": lines[0]["loss"],
            "loading": sum(loading[SKIPPED:]) / sum(seconds[SKIPPED:])}


def theirs(arguments: argparse.Namespace, preset: str, micro: int, vocabulary: int) -> dict:
    values = [preset, arguments.batch // arguments.sequence, micro, arguments.sequence,
              arguments.steps, arguments.threads, vocabulary, arguments.precision]
    command = [sys.executable, __file__, "--peer", *map(str, values)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        shape, *numbers, precision = sys.argv[2:]
        peer(shape, *map(int, numbers), precision)
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--presets", nargs="+", choices=list(SHAPES), default=["100k", "1m", "10m"])
    parser.add_argument("--tokenizer", type=Path, default=ROOT / "data-samples/tokenizers/gpt2.json")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    arguments = parser.parse_args()
    arguments.tamis = arguments.tamis.resolve()
    rows = arguments.batch // arguments.sequence
    with tempfile.TemporaryDirectory() as folder:
        pipeline, vocabulary = shards(arguments, Path(folder))
        print(f"{arguments.batch:,} tokens a step in sequences of {arguments.sequence}, "
              f"{arguments.precision}, {arguments.threads} threads, "
              f"{vocabulary:,} ids\n")
        print("| preset | PyTorch, tokens/s | in micro-batches of | tamis, tokens/s | tamis : PyTorch | "
              "of that loading |")
        print("|---|---:|---:|---:|---:|---:|")
        for preset in arguments.presets:
            best, loading = {}, math.inf
            for _ in range(arguments.rounds):
                runs = {"tamis": ours(arguments, pipeline, preset)}
                loading = min(loading, runs["tamis"]["loading"])
                for micro in sorted({rows, max(rows // 4, 1)}):
                    runs[micro] = theirs(arguments, preset, micro, vocabulary)
                for name, run in runs.items():
                    if abs(run["first"] - math.log(vocabulary)) > 0.5:
                        sys.exit(f"{name} begins at a loss of {run['first']}")
                    seconds = statistics.median(run["seconds"][SKIPPED:])
                    best[name] = min(best.get(name, math.inf), seconds)
            tamis = best.pop("tamis")
            micro, torch = min(best.items(), key=lambda item: item[1])
            print(f"| {preset} | {arguments.batch / torch:,.0f} | {micro} | "
                  f"{arguments.batch / tamis:,.0f} | {torch / tamis:.2f} | {loading:.2%} |", flush=True)


if __name__ == "__main__":
    main()
