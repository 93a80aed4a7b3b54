"""Precision and recall of personal data by kind: tamis beside datatrove's formatter and Presidio.

    pip install datatrove==0.10.1 presidio-analyzer==2.2.366 phonenumbers pyarrow
    python pii.py LABELLED.jsonl --tamis PATH/TO/tamis
    python pii.py LABELLED.jsonl --tamis PATH/TO/tamis --clean CLEAN.jsonl [--show 20]

LABELLED has `text` and `spans` (`[start, end, type]` in characters, types as Presidio's): the 1,500
synthetic texts of presidio-research. A span is found where one of its kind overlaps it; what
overlaps none of its kind is wrong. Of Presidio these are the pattern recognisers alone, as they are
made by default: its engine needs a spaCy model for the words around, which also finds names.

With --clean: how much each finds in texts that nobody labelled, a kind and 100 MB; --show writes
some of ours to be read.
"""

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as parquet

KINDS = {
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "credit-card",
    "IBAN_CODE": "iban",
    "US_SSN": "us-ssn",
}
"""Presidio's types, and ours."""

Span = tuple[int, int, str]

PIPELINE = """\
name = "pii"
seed = 0
ledger = "full"

[[source]]
name = "texts"
path = "{path}"

[[stage]]
op = "pii"
action = "annotate"

[documents]
"""


def by_tamis(binary: Path, texts: list[str]) -> list[list[Span]]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with (work / "texts.jsonl").open("w", encoding="utf-8") as file:
            for text in texts:
                print(json.dumps({"text": text}), file=file)
        (work / "pipeline.toml").write_text(PIPELINE.format(path=work / "texts.jsonl"))
        command = [binary, "run", work / "pipeline.toml", "--out", work / "out"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = []
        for part in sorted((work / "out" / "ledger").glob("*.parquet")):
            for row in parquet.read_table(part, columns=["pii.spans"]).to_pylist():
                spans = []
                for span in (row["pii.spans"] or "").split():
                    kind, place = span.split("@")
                    start, length = map(int, place.split("+"))
                    spans.append((start, start + length, kind))
                found.append(spans)
    assert len(found) == len(texts), (len(found), len(texts))
    return found


def datatrove() -> Callable[[str], list[Span]]:
    from datatrove.pipeline.formatters.pii import PIIFormatter

    formatter = PIIFormatter()
    replacers = {"email": formatter.emails_replacer, "ip": formatter.ip_replacer}

    def find(text: str) -> list[Span]:
        spans = []
        for kind, replacer in replacers.items():
            for match in replacer.regex.finditer(text):
                if replacer.validator is None or replacer.validator(match.group(0)):
                    spans.append((*match.span(), kind))
        return spans

    return find


def presidio() -> Callable[[str], list[Span]]:
    from presidio_analyzer import predefined_recognizers as known

    recognizers = [
        known.EmailRecognizer(),
        known.IpRecognizer(),
        known.PhoneRecognizer(),
        known.CreditCardRecognizer(),
        known.IbanRecognizer(),
        known.UsSsnRecognizer(),
    ]

    def find(text: str) -> list[Span]:
        spans = []
        for recognizer in recognizers:
            for hit in recognizer.analyze(text, recognizer.supported_entities, None) or []:
                spans.append((hit.start, hit.end, KINDS[hit.entity_type]))
        return spans

    return find


def table(gold: list[list[Span]], tools: dict[str, list[list[Span]]]) -> None:
    print(f"{'kind':<12} {'spans':>5}" + "".join(f" | {name:^21}" for name in tools))
    print(" " * 18 + " |  precision  recall   " * len(tools))
    for kind in KINDS.values():
        wanted = sum(span[2] == kind for spans in gold for span in spans)
        line = f"{kind:<12} {wanted:>5}"
        for found in tools.values():
            counts = Counter()
            for labels, spans in zip(gold, found, strict=True):
                labels = [span for span in labels if span[2] == kind]
                spans = [span for span in spans if span[2] == kind]

                def hit(span: Span, others: list[Span]) -> bool:
                    return any(other[0] < span[1] and other[1] > span[0] for other in others)

                counts["recalled"] += sum(hit(span, spans) for span in labels)
                counts["right"] += sum(hit(span, labels) for span in spans)
                counts["found"] += len(spans)
            if counts["found"]:
                precision = counts["right"] / counts["found"]
                line += f" | {precision:>9.3f} {counts['recalled'] / wanted:>9.3f}  "
            else:
                line += f" | {'–':>9} {0:>9.3f}  "
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--tamis", type=Path, required=True)
    parser.add_argument("--clean", type=Path)
    parser.add_argument("--show", type=int, default=0)
    arguments = parser.parse_args()
    path = arguments.clean or arguments.labelled
    documents = [json.loads(line) for line in path.open(encoding="utf-8")]
    texts = [document["text"] for document in documents]
    tools = {"tamis": by_tamis(arguments.tamis.resolve(), texts)}
    for name, make in (("datatrove", datatrove), ("presidio", presidio)):
        find = make()
        tools[name] = [find(text) for text in texts]
    if not arguments.clean:
        gold = [
            [(start, end, KINDS[kind]) for start, end, kind in document["spans"] if kind in KINDS]
            for document in documents
        ]
        table(gold, tools)
        return
    size = sum(len(text.encode()) for text in texts) / 1e8
    for name, found in tools.items():
        counts = Counter(span[2] for spans in found for span in spans)
        print(f"{name:<10}", *(f"{kind} {counts[kind] / size:,.0f}" for kind in sorted(counts)), sep="  ")
    shown = [(text, span) for text, spans in zip(texts, tools["tamis"], strict=True) for span in spans]
    for text, (start, end, kind) in shown[:: max(1, len(shown) // max(1, arguments.show))][: arguments.show]:
        print(kind, repr(text[max(0, start - 40) : start]), "[[", text[start:end], "]]", repr(text[end : end + 30]))


if __name__ == "__main__":
    main()
