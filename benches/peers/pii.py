"""Times the redaction of personal data: tamis beside datatrove's PIIFormatter, one core each, on the
same documents, in one run.

    pip install datatrove==0.10.1
    python pii.py DOCUMENTS.jsonl … --tamis PATH/TO/tamis [--rounds 3]

datatrove's seconds are those of `format` over texts in memory: e-mail and IPv4 addresses. tamis' are
those of the stage as its summary has them, for these two kinds and for all ten, and those of the
whole process with the stage less one without. CPU seconds, the best of the rounds, which alternate.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from datatrove.pipeline.formatters.pii import PIIFormatter

PIPELINE = """\
name = "pii"
seed = 0

[[source]]
name = "texts"
path = "{path}"
keep_fields = []

{stage}
[documents]
"""

STAGES = {
    "tamis, e-mail and IP": '[[stage]]\nop = "pii"\nkinds = ["email", "ip"]\n',
    "tamis, all kinds": '[[stage]]\nop = "pii"\n',
}


def by_tamis(binary: Path, path: Path, stage: str) -> tuple[float, float]:
    """CPU seconds of the process, and seconds of its stages."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "pipeline.toml").write_text(PIPELINE.format(path=path, stage=stage))
        command = [binary, "run", work / "pipeline.toml", "--out", work / "out", "--threads", "1"]
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        summary = json.loads((work / "out" / "summary.json").read_text(encoding="utf-8"))
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return cpu, sum(stage["seconds"] for stage in summary["stages"])


def by_datatrove(texts: list[str]) -> float:
    formatter = PIIFormatter()
    start = time.process_time()
    for text in texts:
        formatter.format(text)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("documents", type=Path, nargs="+")
    parser.add_argument("--tamis", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = "1"
    for path in arguments.documents:
        texts = [json.loads(line)["text"] for line in path.open(encoding="utf-8")]
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        best: dict[str, float] = {}

        def took(name: str, seconds: float) -> None:
            best[name] = min(seconds, best.get(name, seconds))

        for _ in range(arguments.rounds):
            took("datatrove", by_datatrove(texts))
            took("without", by_tamis(arguments.tamis.resolve(), path.resolve(), "")[0])
            for name, stage in STAGES.items():
                cpu, seconds = by_tamis(arguments.tamis.resolve(), path.resolve(), stage)
                took(name, seconds)
                took(f"{name}, whole process", cpu)
        print(f"\n{path.name}: {megabytes:.1f} MB")
        plain = best.pop("without")
        for name, seconds in best.items():
            if name.endswith("process"):
                # Less reading and writing, as far as that can be told apart.
                seconds -= plain
                if seconds < plain / 20:
                    continue
            ratio = best["datatrove"] / seconds
            print(f"{name:<40} {megabytes / seconds:>8.1f} MB/s  {ratio:>6.1f}×", flush=True)


if __name__ == "__main__":
    main()
