"""Says what tamis decides about each document of a JSONL file, in the form of `datatrove_decide.py`.

    python tamis_decide.py IN.jsonl OUT.jsonl [--dialect datatrove|dclm] [--ops OP…] [--tamis BINARY]

Runs a pipeline of one stage per op with `ledger = "full"` and reads the decisions in the ledger.
`op@variant` is an op with other settings. `fineweb` is the chain of the FineWeb recipe. Needs
pyarrow (the environment of `benches/peers/setup.sh` has it).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as parquet

ROOT = Path(__file__).resolve().parents[2]

# What a stage's name stands for.
SETTINGS = {"c4-quality@fineweb": {"op": "c4-quality", "terminal_punctuation": False}}
FINEWEB = ("gopher-repetition", "gopher-quality", "c4-quality@fineweb", "fineweb-quality")
OPS = {
    "datatrove": (
        "gopher-repetition",
        "gopher-quality",
        "c4-quality",
        "c4-quality@fineweb",
        "fineweb-quality",
        "fineweb",
    ),
    "dclm": ("gopher-repetition", "gopher-quality"),
}

# Names that DCLM has for our reasons.
DCLM_REASONS = {
    "gopher-repetition": {
        "no-lines": "dup_line_frac",
        "duplicate-lines": "dup_line_frac",
        "duplicate-paragraphs": "dup_para_frac",
        "duplicate-line-chars": "dup_line_char_frac",
        "duplicate-paragraph-chars": "dup_para_char_frac",
        **{f"top-{n}gram": f"top_{n}_gram" for n in range(2, 5)},
        **{f"duplicate-{n}gram": f"duplicated_{n}_n_grams" for n in range(5, 11)},
    },
    "gopher-quality": {
        "too-few-words": "page_length_filter",
        "too-many-words": "page_length_filter",
        "words-too-short": "word_length_filter",
        "words-too-long": "word_length_filter",
        "too-many-symbols": "symbol_ratio_filter",
        "too-many-bullet-lines": "bullet_count_filter",
        "too-many-ellipsis-lines": "ellipsis_count_filter",
        "too-few-alpha-words": "alphabetic_word_ratio_filter",
        "too-few-stop-words": "stop_word_filter",
    },
}


def toml_value(value: object) -> str:
    return json.dumps(value)


def pipeline(source: Path, stages: tuple[str, ...], dialect: str) -> str:
    lines = ['name = "parity"', "seed = 1", 'ledger = "full"', "", "[[source]]", 'name = "in"']
    lines.append(f"path = {toml_value(str(source))}")
    for stage in stages:
        settings = {"op": stage, **SETTINGS.get(stage, {}), "dialect": dialect}
        name = stage.replace("@", "-")
        lines += ["", "[[stage]]", f"name = {toml_value(name)}"]
        lines += [f"{key} = {toml_value(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


def run(tamis: Path, source: Path, stages: tuple[str, ...], dialect: str) -> list[dict]:
    """The decisions in the order of the documents."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "parity.toml")
        file.write_text(pipeline(source, stages, dialect), encoding="utf-8")
        out = Path(folder, "out")
        command = [str(tamis), "run", str(file), "--out", str(out)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
        rows = parquet.read_table(out / "ledger").to_pylist()
    rows.sort(key=lambda row: int(row["record"]))
    decisions = []
    for row in rows:
        if row["verdict"] == "failed":
            sys.exit(f"record {row['record']} failed: {row['reason']}")
        kept = row["verdict"] == "kept"
        decision = {"keep": kept, "reason": None if kept else row["reason"]}
        if len(stages) > 1:
            names = {stage.replace("@", "-"): stage for stage in stages}
            decision["stage"] = None if kept else names[row["stage"]]
        elif dialect == "dclm" and not kept:
            decision["reason"] = DCLM_REASONS[stages[0]][row["reason"]]
        decisions.append(decision)
    return decisions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--dialect", choices=sorted(OPS), default="datatrove")
    parser.add_argument("--ops", nargs="+")
    parser.add_argument("--tamis", type=Path, default=ROOT / "target/debug/tamis")
    arguments = parser.parse_args()

    rows: list[dict] = []
    for op in arguments.ops or OPS[arguments.dialect]:
        stages = FINEWEB if op == "fineweb" else (op,)
        found = run(arguments.tamis, arguments.input.resolve(), stages, arguments.dialect)
        rows = rows or [{"n": n} for n in range(len(found))]
        for row, decision in zip(rows, found, strict=True):
            row[op] = decision
    with arguments.output.open("w", encoding="utf-8") as output:
        output.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
