"""How well `decontaminate` finds what is there, and what else it finds.

    python decontaminate.py --tamis BINARY [--data ../../../shared/data] [--each 100] [--decon BINARY]

* Planted: items of the shared benchmarks, as they are and changed, alone and between real texts. Recall by kind of
  change, for whole items and for questions alone, for both methods; with --decon also allenai/decon with its defaults.
* Clean: every paragraph of novels, wiki pages, code, documentation, news, … in five languages; all that is flagged is
  printed, since quotations have to be told from chance by eye.
* Natural: FLAN-CoT, whose GSM8K part is GSM8K's training set; precision and recall against gsm8k-train.

Needs nothing beyond the standard library. Prints Markdown tables.
"""

import argparse
import bz2
import gzip
import json
import random
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = "gsm8k-test gsm8k-train hellaswag-val humaneval lambada-test mbpp mmlu-dev mmlu-test".split()
CODE = {"humaneval", "mbpp"}
NEW_WORDS = ["another", "seven", "quickly", "Martha", "value"]


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def one_word(text, rng):
    """A word changed, added or left out."""
    word = rng.choice(list(re.finditer(r"\S+", text)))
    kind, new = rng.randrange(3), rng.choice(NEW_WORDS)
    if kind == 0:
        return text[: word.start()] + new + text[word.end() :]
    if kind == 1:
        return text[: word.start()] + new + " " + text[word.start() :]
    return text[: word.start()] + text[word.end() :].lstrip(" ")


def case_and_punctuation(text, rng):
    mark = lambda m: m.group() if m.group() in "'’" else rng.choice(["", " ", " - ", m.group()])
    text = re.sub(r"[^\w\s]", mark, text)
    text = rng.choice([str.upper, str.lower, str.title, str])(text)
    return text.replace("'", "’") if rng.random() < 0.5 else text


def truncated(text, rng):
    """The first or the last four fifths of the words."""
    words = text.split(" ")
    count = max(1, int(len(words) * 0.8))
    return " ".join(words[:count] if rng.random() < 0.5 else words[-count:])


CHANGES = {
    "verbatim": lambda text, rng: text,
    "case and punctuation": case_and_punctuation,
    "one word": one_word,
    "truncated by a fifth": truncated,
    "embedded in a line": lambda text, rng: re.sub(r"\s+", " ", text),
}


def question(item):
    return next(item[key] for key in ("question", "prompt", "ctx", "text") if key in item)


def whole(item):
    return re.sub(r"<<.*?>>", "", item["text"])


def planted(data, each):
    rng = random.Random(17)
    prose = []
    for row in rows(data / "text-novels/eltec-en-half.jsonl.gz"):
        prose += [piece for piece in re.split(r"\n\s*\n", row["text"]) if len(piece) >= 200]
    prose += [row["text"] for row in rows(data / "quality/bbc-news.jsonl.gz")]
    code = [row["text"][:4000] for row in rows(data / "code/linguist-samples.jsonl.gz") if len(row["text"]) > 400]
    for benchmark in BENCHMARKS:
        items = list(rows(data / f"benchmarks/{benchmark}.jsonl.gz"))
        for kind, change in CHANGES.items():
            for form, text_of in (("whole", whole), ("question", question)):
                if benchmark.startswith("lambada") and form == "question":
                    continue
                for item in rng.sample(items, min(each, len(items))):
                    pool = code if benchmark in CODE and rng.random() < 0.5 else prose
                    around = ["\n\n".join(rng.choice(pool) for _ in range(rng.randrange(4))) for _ in range(2)]
                    parts = [around[0], change(text_of(item), rng), around[1]]
                    separator = " " if kind.startswith("embedded") else "\n\n"
                    yield {
                        "text": separator.join(part for part in parts if part),
                        "benchmark": benchmark,
                        "item": item["id"],
                        "kind": kind,
                        "form": form,
                        "words": len(re.findall(r"\w+", text_of(item))),
                    }


def clean(data):
    """`(what, paragraph)`."""

    def pieces(text, pattern, least):
        yield from (piece.strip() for piece in re.split(pattern, text) if len(piece.strip()) >= least)

    blank, line = r"\n\s*\n", r"\n"
    sets = [
        ("novels-en", "text-novels/eltec-en-half", blank, 40),
        ("novels-de", "text-novels/eltec-de-eighth", blank, 40),
        ("ja", "text-aozora-ja/aozora-ja-eighth", line, 20),
        ("poetry-zh", "text-poetry-zh/poetry-zh", blank, 15),
        ("ru", "text-russian/rusdracor", line, 60),
        ("code", "code/linguist-samples", blank, 40),
        ("news", "quality/bbc-news", line, 40),
        ("docs", "neardup/docs", blank, 40),
    ]
    for name, path, pattern, least in sets:
        for row in rows(data / f"{path}.jsonl.gz"):
            yield from ((f"{name} {row['id']}", piece) for piece in pieces(row["text"], pattern, least))
    for row in rows(data / "quality/nltk-mixed.jsonl.gz"):
        text = re.sub(r"((?:[^.!?]*[.!?]){4})", r"\1\n", row["text"]) if len(row["text"]) > 600 else row["text"]
        yield from ((f"nltk {row['id']}", piece) for piece in pieces(text, line, 40))
    wiki = data / "wikidump/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    text = bz2.open(wiki, "rt", encoding="utf-8", errors="replace").read()
    yield from (("wiki", piece) for piece in pieces(text, line, 40))


class Tamis:
    def __init__(self, binary, data, folder):
        self.binary, self.data, self.folder = binary, data, folder

    def matches(self, name, texts, benchmarks, settings=""):
        """The table `contamination`, by number of the text."""
        with open(self.folder / f"{name}.jsonl", "w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                out.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
        paths = json.dumps([str(self.data / f"benchmarks/{name}.jsonl.gz") for name in benchmarks])
        (self.folder / f"{name}.toml").write_text(
            f'name = "{name}"\n[[source]]\nname = "t"\npath = "{name}.jsonl"\nid_field = "id"\n'
            f'[[stage]]\nop = "decontaminate"\naction = "annotate"\nbenchmarks = {paths}\n{settings}\n'
        )
        out = self.folder / f"out-{name}"
        call = [self.binary, "run", self.folder / f"{name}.toml", "--out", out, "--fresh", "--until", "documents"]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sql = "SELECT source_id, benchmark, item, score, start_char, end_char FROM contamination"
        lines = subprocess.run(
            [self.binary, "query", out, sql, "--format", "json"], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        found = defaultdict(list)
        for match in map(json.loads, lines):
            found[int(match["source_id"])].append(match)
        return found


def decon(binary, data, folder, documents):
    """What allenai/decon finds with its defaults: by number of the text, `(benchmark, item)`."""
    evals, texts, report = folder / "evals", folder / "texts", folder / "report"
    for made in (evals, texts, report):
        made.mkdir(exist_ok=True)
    ids = {}
    for benchmark in BENCHMARKS:
        with gzip.open(evals / f"{benchmark}.jsonl.gz", "wt", encoding="utf-8") as out:
            for number, item in enumerate(rows(data / f"benchmarks/{benchmark}.jsonl.gz")):
                answer = item.get("answer", item.get("solution", item.get("code", "")))
                options = item.get("choices", item.get("endings"))
                if options:
                    chosen = item.get("label", answer)
                    answer = options[int(chosen)] if str(chosen).isdigit() and int(chosen) < len(options) else ""
                answer = re.sub(r"<<.*?>>", "", str(answer))
                ids[(benchmark, number)] = item["id"]
                record = {
                    "eval_key": benchmark,
                    "eval_instance_index": number,
                    "split": "test",
                    "passage": "",
                    "question": question(item),
                    "answer": answer,
                    "config": None,
                    "doc_id": len(ids),
                }
                out.write(json.dumps(record) + "\n")
    with open(texts / "texts.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": document["text"]}) + "\n" for document in documents)
    call = [binary, "detect", "--training-dir", texts, "--evals-dir", evals, "--report-output-dir", report]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = defaultdict(set)
    for path in report.rglob("*.jsonl"):
        for entry in map(json.loads, path.read_text().splitlines()):
            key = (entry["eval_key"], entry["eval_instance_index"])
            found[entry["training_line"]].add((key[0], ids[key]))
    return found


def recall(documents, found):
    """By kind and form, and for short items: `(found, all)`."""
    counts = defaultdict(lambda: [0, 0])
    for number, document in enumerate(documents):
        hit = (document["benchmark"], document["item"]) in found.get(number, ())
        keys = [(document["kind"], document["form"]), (document["kind"], "all")]
        if document["words"] < 13 and document["kind"] == "verbatim":
            keys.append(("verbatim, fewer than 13 words", document["form"]))
        keys.append((document["benchmark"], document["form"]))
        for key in keys:
            counts[key][0] += hit
            counts[key][1] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--each", type=int, default=100, help="items of each benchmark, kind of change and form")
    parser.add_argument("--decon", help="the program of allenai/decon")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tamis = Tamis(Path(arguments.tamis).resolve(), data, folder)

        documents = list(planted(data, arguments.each))
        texts = [document["text"] for document in documents]
        columns = {}
        for name, settings in (("items", ""), ("ngram", 'method = "ngram"')):
            found = tamis.matches(f"planted-{name}", texts, BENCHMARKS, settings)
            found = {k: {(m["benchmark"], m["item"]) for m in v} for k, v in found.items()}
            columns[name] = recall(documents, found)
        if arguments.decon:
            columns["decon"] = recall(documents, decon(Path(arguments.decon).resolve(), data, folder, documents))
        print(f"## Planted: recall, {len(documents)} documents\n")
        print("| | " + " | ".join(columns) + " | of |\n|---|" + "---|" * (len(columns) + 1))
        for key, (_, count) in columns["items"].items():
            shares = [f"{column[key][0] / column[key][1]:.3f}" for column in columns.values()]
            print(f"| {key[0]}, {key[1]} | " + " | ".join(shares) + f" | {count} |")

        paragraphs = list(clean(data))
        kinds = Counter(what.split(" ")[0] for what, _ in paragraphs)
        print(f"\n## Clean: {len(paragraphs)} paragraphs, {dict(kinds)}\n")
        for name, settings in (("items", ""), ("ngram", 'method = "ngram"')):
            found = tamis.matches(f"clean-{name}", [text for _, text in paragraphs], BENCHMARKS, settings)
            print(f"{name}: {len(found)} paragraphs flagged, {dict(Counter(paragraphs[n][0].split(' ')[0] for n in found))}")
            if name == "items":
                for number, matches in sorted(found.items()):
                    best = max(matches, key=lambda match: match["score"])
                    span = paragraphs[number][1][best["start_char"] : best["end_char"]][:120]
                    print(f"* {paragraphs[number][0]}: {best['item']} {best['score']:.2f} {span!r}")

        flan = list(rows(data / "instruct/flan-cot.jsonl.gz"))
        simple = lambda text: re.sub(r"\W+", " ", text.lower()).strip()
        train = {simple(row["question"]): row["id"] for row in rows(data / "benchmarks/gsm8k-train.jsonl.gz")}
        print("\n## Natural: FLAN-CoT against gsm8k-train\n")
        for name, settings in (("items", ""), ("ngram", 'method = "ngram"')):
            found = tamis.matches(f"flan-{name}", [row["text"] for row in flan], ["gsm8k-train"], settings)
            there = {n for n, row in enumerate(flan) if simple(row["question"]) in train}
            right = len(there & found.keys())
            items = [(n, match["item"]) for n, matches in found.items() for match in matches]
            exact = sum(train.get(simple(flan[n]["question"])) == item for n, item in items)
            tasks = dict(Counter(flan[n]["task"] for n in found))
            print(
                f"{name}: flagged {len(found)} of {len(flan)} {tasks}; recall {right / len(there):.4f}, precision "
                f"{right / max(1, len(found)):.4f}; {exact} of {len(items)} matches name the very item"
            )


main()
