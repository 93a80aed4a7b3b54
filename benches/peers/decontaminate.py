"""Times `decontaminate` on clean text, one core: tamis, allenai/decon, and counting newlines for scale.

    python decontaminate.py --tamis PATH/TO/tamis [--decon PATH/TO/decon] [--data ../../../shared/data]
                            [--rounds 3] [--copies 4]

The text is half of ELTeC's English novels, in `copies`, which no benchmark quotes. Figures are the best of the rounds,
which alternate. For tamis: the stage alone, as the summary has it, and the CPU seconds of the process less those of
one without the stage. For decon (its defaults, one thread): CPU seconds less those of a run over no text, which only
makes the index. Newlines are counted with `bytes.count`, a memchr. Needs the standard library only; decon is built by
`cargo build --release` from https://github.com/allenai/decon.
"""

import argparse
import gzip
import json
import os
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "GSM8K, HumanEval, MBPP": ["gsm8k-test", "gsm8k-train", "humaneval", "mbpp"],
    "HellaSwag": ["hellaswag-val"],
    "all eight": "gsm8k-test gsm8k-train hellaswag-val humaneval lambada-test mbpp mmlu-dev mmlu-test".split(),
}


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def cpu(call):
    """CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def tamis(binary, folder, benchmarks, method):
    """Seconds of the stage, and CPU seconds of the process."""
    paths = json.dumps([str(path) for path in benchmarks])
    stage = f'[[stage]]\nop = "decontaminate"\nbenchmarks = {paths}\nmethod = "{method}"\n' if benchmarks else ""
    (folder / "run.toml").write_text(f'name = "t"\n[[source]]\nname = "t"\npath = "texts/texts.jsonl"\n{stage}')
    call = [binary, "run", folder / "run.toml", "--out", folder / "out", "--fresh", "--threads", "1"]
    seconds = cpu([*call, "--until", "documents"])
    summary = json.loads((folder / "out/summary.json").read_text())
    stages = summary["stages"]
    return (stages[0]["seconds"] if stages else 0.0), seconds, summary["dropped"]


def decon(binary, folder, texts):
    report = folder / "report"
    call = [binary, "detect", "--training-dir", texts, "--evals-dir", folder / "evals"]
    return cpu([*call, "--report-output-dir", report, "--worker-threads", "1"])


def evals(folder, benchmarks):
    """Benchmarks as decon wants them."""
    (folder / "evals").mkdir(exist_ok=True)
    for old in (folder / "evals").iterdir():
        old.unlink()
    number = 0
    for path in benchmarks:
        name = path.name.removesuffix(".jsonl.gz")
        with gzip.open(folder / "evals" / path.name, "wt", encoding="utf-8") as out:
            for index, item in enumerate(rows(path)):
                question = next(item[key] for key in ("question", "prompt", "ctx", "text") if key in item)
                answer = str(item.get("answer", item.get("solution", item.get("code", ""))))
                record = {
                    "eval_key": name,
                    "eval_instance_index": index,
                    "split": "test",
                    "passage": "",
                    "question": question,
                    "answer": re.sub(r"<<.*?>>", "", answer),
                    "config": None,
                    "doc_id": (number := number + 1),
                }
                out.write(json.dumps(record) + "\n")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", required=True, type=Path)
    parser.add_argument("--decon", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=4)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for made in ("texts", "none"):
            (folder / made).mkdir()
        novels = [row["text"] for row in rows(data / "text-novels/eltec-en-half.jsonl.gz")]
        size = sum(len(text.encode()) for text in novels) * arguments.copies
        with open(folder / "texts/texts.jsonl", "w", encoding="utf-8") as out:
            for _ in range(arguments.copies):
                out.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in novels)
        (folder / "none/none.jsonl").write_text(json.dumps({"text": "nothing"}) + "\n")
        content = (folder / "texts/texts.jsonl").read_bytes()
        lines = []
        for _ in range(arguments.rounds):
            start = time.process_time()
            content.count(b"\n")
            lines.append(time.process_time() - start)
        limit = len(content) / min(lines) / 1e6
        print(f"{size / 1e6:.0f} MB of text, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; newlines {limit:.0f} MB/s\n")
        print("| benchmarks | items | tamis, stage | tamis, process | `ngram`, stage | decon | tamis : decon | newlines : tamis |")
        print("|---|---|---|---|---|---|---|---|")
        for name, chosen in SETS.items():
            benchmarks = [data / f"benchmarks/{part}.jsonl.gz" for part in chosen]
            items = evals(folder, benchmarks)
            stage, process, ngram, peer = [], [], [], []
            for _ in range(arguments.rounds):
                seconds, with_stage, dropped = tamis(arguments.tamis, folder, benchmarks, "items")
                assert dropped == 0, f"{dropped} clean documents dropped"
                stage.append(seconds)
                process.append(with_stage - tamis(arguments.tamis, folder, [], "")[1])
                ngram.append(tamis(arguments.tamis, folder, benchmarks, "ngram")[0])
                if arguments.decon:
                    all_of_it = decon(arguments.decon, folder, folder / "texts")
                    peer.append(all_of_it - decon(arguments.decon, folder, folder / "none"))
            speeds = [size / min(seconds) / 1e6 for seconds in (stage, process, ngram)]
            cells = [f"{speed:.0f} MB/s" for speed in speeds]
            if peer:
                theirs = size / min(peer) / 1e6
                cells += [f"{theirs:.0f} MB/s", f"{speeds[0] / theirs:.1f}"]
            else:
                cells += ["", ""]
            print(f"| {name} | {items} | " + " | ".join(cells) + f" | {limit / speeds[0]:.0f} |")


main()
