"""Compares `tamis evaluate` with lm-evaluation-harness, log-likelihood by log-likelihood.

    pip install torch==2.13.0 transformers==5.24.0 lm-eval==0.4.13 accelerate peft
    python harness.py TAMIS RUN [--items N]

TAMIS is the program, RUN a run with a trained checkpoint. Tasks are made of the benchmarks in
/work/shared/data/benchmarks (HellaSwag, MMLU with examples, LAMBADA; the first N items of each),
written as local JSONL and evaluated by both; the harness loads the checkpoint as its `hf` model, with
the tokenizer that lies in it. Fails where a log-likelihood differs by more than 1e-3 of it and 1e-4, or
a score differs. `evaluate` is also what tests/golden/evaluate/make.py asks.
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

BENCHMARKS = pathlib.Path("/work/shared/data/benchmarks")




def as_harness(task: dict, base: pathlib.Path) -> dict:
    """A table `[[evaluate]]` as a task of the harness."""
    files = {"test": str(base / task["path"])}
    config = {"task": task["name"], "dataset_path": "json", "test_split": "test"}
    if task.get("few_shot", 0):
        config["num_fewshot"] = task["few_shot"]
        config["fewshot_config"] = {"sampler": "first_n"}
        if "few_shot_path" in task:
            files["examples"] = str(base / task["few_shot_path"])
            config["fewshot_split"] = "examples"
        else:
            config["fewshot_split"] = "test"
    else:
        config["num_fewshot"] = 0
    config["dataset_kwargs"] = {"data_files": files}
    if "description" in task:
        config["description"] = task["description"]
    cloze = task["kind"] == "cloze"
    context = task.get("context", "text" if cloze else "question")
    config["doc_to_text"] = task.get("prompt", "{{" + context + "}}")
    config["target_delimiter"] = task.get("delimiter", " ")
    if cloze:
        config["output_type"] = "loglikelihood"
        delimiter = config["target_delimiter"]
        config["target_delimiter"] = ""
        if "answer" in task:
            config["doc_to_target"] = delimiter + "{{" + task["answer"] + "}}"
        else:
            config["doc_to_text"] = "{{" + context + ".split(' ')[:-1]|join(' ')}}"
            config["doc_to_target"] = delimiter + "{{" + context + ".split(' ')[-1]}}"
        metrics = ["perplexity", "acc"]
    else:
        config["output_type"] = "multiple_choice"
        choices = task.get("choices", "choices")
        config["doc_to_choice"] = task.get("letters") or "{{" + choices + "}}"
        answer = task.get("answer", "answer")
        config["doc_to_target"] = (
            "{{" + task["answer_labels"] + ".index(" + answer + ")}}"
            if "answer_labels" in task
            else answer
        )
        metrics = ["acc", "acc_norm", "acc_bytes"]
    config["metric_list"] = [{"metric": metric} for metric in metrics]
    return config


def evaluate(checkpoint: pathlib.Path, tasks: pathlib.Path, batch_size: int = 1) -> dict:
    """What the harness says: per task its scores and, per item, log-likelihoods and `greedy`."""
    import lm_eval
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(1)
    model = HFLM(
        pretrained=str(checkpoint), device="cpu", dtype="float32", batch_size=batch_size
    )
    tables = tomllib.loads(tasks.read_text())["evaluate"]
    configs = [as_harness(table, tasks.parent.absolute()) for table in tables]
    out = {}
    for table, config in zip(tables, configs, strict=True):
        found = lm_eval.simple_evaluate(
            model=model,
            tasks=[config],
            num_fewshot=None,
            limit=table.get("limit"),
            log_samples=True,
            bootstrap_iters=0,
            verbosity="ERROR",
        )
        name = table["name"]
        scores = {
            key.split(",")[0]: value
            for key, value in found["results"][name].items()
            if isinstance(value, float) and "stderr" not in key
        }
        samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
        # A sample stands there once for each filter or metric.
        once = {sample["doc_id"]: sample for sample in samples}
        items = []
        for sample in once.values():
            answers = [answer[0] if isinstance(answer[0], (list, tuple)) else answer
                       for answer in sample["resps"]]
            items.append({
                "log_likelihoods": [float(answer[0]) for answer in answers],
                "greedy": [str(answer[1]) == "True" for answer in answers],
            })
        out[name] = {"scores": scores, "items": items}
    return out


def lines(name: str, count: int):
    with gzip.open(BENCHMARKS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line, _ in zip(file, range(count)):
            yield json.loads(line)


MMLU_PROMPT = (
    "{{question.strip()}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\n"
    "D. {{choices[3]}}\\nAnswer:"
)


def make_tasks(folder: pathlib.Path, count: int) -> pathlib.Path:
    def write(name: str, items) -> None:
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")

    write("hellaswag", lines("hellaswag-val", count))
    write("lambada", lines("lambada-test", count))
    # One subject, since the harness keeps each in a task of its own.
    subject = "abstract_algebra"
    number = lambda item: item | {"answer": int(item["answer"])}  # noqa: E731
    of_subject = lambda name: [  # noqa: E731
        number(item) for item in lines(name, 10**6) if item["subject"] == subject
    ]
    write("mmlu", of_subject("mmlu-test")[:count])
    write("mmlu-examples", of_subject("mmlu-dev"))
    tasks = folder / "tasks.toml"
    tasks.write_text(f"""
[[evaluate]]
name = "hellaswag"
path = "hellaswag.jsonl"
kind = "multiple-choice"
context = "ctx"
choices = "endings"
answer = "label"

[[evaluate]]
name = "mmlu"
path = "mmlu.jsonl"
kind = "multiple-choice"
prompt = "{MMLU_PROMPT}"
letters = ["A", "B", "C", "D"]
few_shot = 3
few_shot_path = "mmlu-examples.jsonl"
description = "The following are questions about algebra.\\n\\n"

[[evaluate]]
name = "lambada"
path = "lambada.jsonl"
kind = "cloze"
""")
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tamis")
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--items", type=int, default=100)
    arguments = parser.parse_args()
    checkpoint = max((arguments.run / "checkpoints").iterdir())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tasks = make_tasks(folder, arguments.items)
        command = [arguments.tamis, "evaluate", arguments.run, tasks, "--items",
                   folder / "items.jsonl", "--format", "json", "--threads", "1"]
        said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        ours = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
        theirs = evaluate(checkpoint, tasks, batch_size=4)
    failed = False
    for score in said["tasks"]:
        name = score["task"]
        mine = [item for item in ours if item["task"] == name]
        items = theirs[name]["items"]
        assert len(mine) == len(items), (len(mine), len(items))
        worst, greedy = 0.0, 0
        for one, other in zip(mine, items, strict=True):
            for left, right in zip(one["log_likelihoods"], other["log_likelihoods"], strict=True):
                off = abs(left - right)
                worst = max(worst, off)
                failed |= off > 1e-4 and off > 1e-3 * abs(right)
            greedy += one["greedy"] != other["greedy"]
        compared = []
        for key, value in theirs[name]["scores"].items():
            if key in score:
                same = abs(score[key] - value) <= 1e-5 * max(1.0, abs(value))
                failed |= not same
                compared.append(f"{key} {score[key]:.6g} = {value:.6g}" if same
                                else f"{key} {score[key]:.6g} IS NOT {value:.6g}")
        failed |= greedy > 0
        print(f"{name}: {len(items)} items, greatest difference {worst:.1e} nats, "
              f"{greedy} other greedy answers; " + ", ".join(compared))
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
