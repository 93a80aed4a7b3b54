"""What the op `toxicity` and its shipped models say of labelled sets they were not fitted to.

    python toxicity.py --tamis BINARY [--data ../../../shared/data] [--groups]

* Wikipedia talk pages (test set of the unintended-bias project), OLID's tweets (mentions and addresses taken out), COLD's
  test part: ROC-AUC by each of the op's numbers.
* Madlibs whose group *and* adjective stand nowhere in what the English model was fitted to: false and true positives at
  0.5; with --groups by group. Those of which one of both does chose the model's settings, and stand beside.
* Chinese sentences that name a group, written for this script, without any offence: false positives.
* Novels kept out of the fit: sentences above 0.5.

Prints Markdown. Needs nothing beyond the standard library.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "data-samples/models/toxicity"))

import lists_zh  # noqa: E402
from make import Terms, draw, read  # noqa: E402

PIPELINE = """\
name = "toxicity"
[[source]]
name = "texts"
path = "texts.jsonl"
id_field = "id"
[[stage]]
op = "toxicity"
default_language = "{language}"
"""
NUMBERS = ["score", "max", "mean", "toxic_share"]

# Patterns other than those the model was fitted to.
CHINESE = """{g}学生在图书馆看书。|我的邻居是{g}，我们常常一起喝茶。|这本书介绍了{g}的历史和音乐。|{g}也有权利参加选举。
医院为{g}开设了新的门诊。|昨天的会议上，一位{g}作家谈了她的新小说。|统计显示，{g}的平均寿命有所提高。|我女儿的老师是{g}。
请问{g}可以申请这个项目吗？|社区为{g}举办了一场音乐会。""".replace("\n", "|").split("|")


def scores(tamis: Path, language: str, texts: list[str]) -> dict[str, list[float]]:
    """The op's numbers of each text; 0 where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with open(folder / "texts.jsonl", "w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                out.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
        (folder / "p.toml").write_text(PIPELINE.format(language=language))
        call = [tamis, "run", folder / "p.toml", "--out", folder / "out", "--until", "documents"]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        columns = ", ".join(f'"toxicity.{name}" AS {name}' for name in NUMBERS)
        call = [tamis, "query", folder / "out", f"SELECT source_id, {columns} FROM ledger", "--format", "json"]
        lines = subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {name: [0.0] * len(texts) for name in NUMBERS}
    for row in map(json.loads, lines):
        for name in NUMBERS:
            found[name][int(row["source_id"])] = row[name] or 0.0
    return found


def roc_auc(truths: list[int], values: list[float]) -> float:
    """By ranks, ties in the middle."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, at = 0.0, 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        ranks += sum(truths[i] for i in order[at:end]) * (at + end + 1) / 2
        at = end
    positives = sum(truths)
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(truths) - positives))


def share(values: list[float]) -> float:
    return sum(value > 0.5 for value in values) / max(1, len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--groups", action="store_true", help="madlibs by group and by adjective")
    given = parser.parse_args()
    tamis, data = given.tamis.resolve(), given.data / "toxicity"
    olid = read(data / "olid-en.jsonl.gz")
    for record in olid:
        record["text"] = record["text"].replace("@USER", "").replace("URL", "")
    cold = [record for record in read(data / "cold-zh.jsonl.gz") if record["split"] == "test"]
    sets = {
        "Wikipedia talk": ("en", read(data / "wiki-talk-testset-en.jsonl.gz")),
        "OLID": ("en", olid),
        "COLD, test": ("zh", cold),
    }
    print(f"| set | texts | {' | '.join(NUMBERS)} | FPR, TPR of `score` at 0.5 |")
    print("|---|---:|" + "---:|" * (len(NUMBERS) + 1))
    for name, (language, records) in sets.items():
        found = scores(tamis, language, [record["text"] for record in records])
        truths = [record["toxic"] for record in records]
        areas = " | ".join(f"{roc_auc(truths, found[number]):.4f}" for number in NUMBERS)
        rates = [share([v for v, t in zip(found["score"], truths) if t == kind]) for kind in (0, 1)]
        print(f"| {name} | {len(records):,} | {areas} | {rates[0]:.3f}, {rates[1]:.3f} |", flush=True)

    terms = Terms(given.data)
    for what, wanted in (("neither", (False, False)), ("one of the two", None)):
        madlibs = [r for r in terms.madlibs if terms.split(r["text"])]
        if wanted is None:
            madlibs = [r for r in madlibs if sum(terms.known(r["text"])) == 1]
        else:
            madlibs = [r for r in madlibs if terms.known(r["text"]) == wanted]
        found = scores(tamis, "en", [record["text"] for record in madlibs])["score"]
        truths = [record["toxic"] for record in madlibs]
        rates = [share([v for v, t in zip(found, truths) if t == kind]) for kind in (0, 1)]
        print(
            f"\nMadlibs, {what} of group and adjective known, {len(madlibs):,}: false positives {rates[0]:.4f}, true "
            f"positives {rates[1]:.4f}, ROC-AUC {roc_auc(truths, found):.4f}",
            flush=True,
        )
        if wanted is not None:
            unknown = madlibs, found
    madlibs, found = unknown
    if given.groups:
        by: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[], []])
        for record, value in zip(madlibs, found):
            adjective, group = terms.split(record["text"])
            by["group", group][record["toxic"]].append(value)
            by["adjective", adjective][record["toxic"]].append(value)
        print("\n| | false positives | true positives |\n|---|---:|---:|")
        for (kind, name), (clean, toxic) in sorted(by.items()):
            rates = [f"{share(values):.3f}" if values else "" for values in (clean, toxic)]
            print(f"| {kind} *{name}* | {rates[0]} | {rates[1]} |")

    named = [pattern.format(g=group) for pattern in CHINESE for group in lists_zh.GROUPS]
    found = scores(tamis, "zh", named)["score"]
    print(f"\nChinese sentences that name a group, {len(named):,}: false positives {share(found):.4f}")

    novels = [r for r in read(given.data / "text-novels/eltec-en-half.jsonl.gz") if draw("book", r["title"]) >= 0.6]
    novels = sorted(novels, key=lambda record: draw("n", record["id"]))[:120]
    found = scores(tamis, "en", [record["text"] for record in novels])
    mean = sum(found["toxic_share"]) / len(novels)
    print(
        f"\nNovels, {len(novels)} chapters kept out of the fit: {mean:.4f} of the sentences above 0.5, "
        f"{share(found['score']):.4f} of the chapters"
    )


main()
