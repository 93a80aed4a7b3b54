#!/usr/bin/env python3
"""The removals that were labelled: the corpus, the draw, and the figures.

    draw_removals.py corpus --data DATA --out DIR   # the inputs and pipeline.toml
    tamis run DIR/pipeline.toml --out DIR/run
    draw_removals.py draw DIR/run --out labels.jsonl --read pairs.txt
    draw_removals.py figures labels.jsonl --run DIR/run

`corpus` takes the main text of real HTML pages (resiliparse 2.0.1, FastWARC 2.0.1) and other text
sets as they are. `draw` gives each source a number of removals that grows with the square root of
how many it lost: with plain proportions two sources would be 94 % of the draw. `figures` therefore
also weighs each source by what it lost.
"""

import argparse
import collections
import difflib
import glob
import gzip
import hashlib
import json
import os
import re

STAGE = "minhash-dedup"


def corpus(args):
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    def pages(paths):
        number = 0
        for path in paths:
            try:
                with open(path, "rb") as file:
                    kinds = WarcRecordType.response
                    for record in ArchiveIterator(file, record_types=kinds, parse_http=True):
                        headers = record.http_headers
                        if "html" not in (headers and headers.get("Content-Type") or "").lower():
                            continue
                        body = record.reader.read()
                        tree = HTMLTree.parse_from_bytes(body, detect_encoding(body))
                        text = extract_plain_text(tree, main_content=True)
                        if text.strip():
                            url = record.headers.get("WARC-Target-URI")
                            yield {"id": f"{os.path.basename(path)}#{number}", "url": url, "text": text}
                            number += 1
            except OSError as error:
                print(f"{path}: {error}")

    def lines(path, text):
        with gzip.open(os.path.join(args.data, path), "rt") as file:
            for number, line in enumerate(file):
                item = json.loads(line)
                id = item.get("id") or f"{os.path.basename(path)}#{number}"
                yield {"id": str(id), "text": text(item)}

    def plain(item):
        return item["text"]

    def chat(item):
        said = (m.get("content") or json.dumps(m, ensure_ascii=False) for m in item["messages"])
        return "\n".join(said)

    def page(item):
        return extract_plain_text(item["html"], main_content=True)

    helps = os.path.join(args.data, "warc-libreoffice-help/libreoffice-help-%s.warc.gz")
    captures = glob.glob(os.path.join(args.data, "warc/**/*"), recursive=True)
    captures = sorted(path for path in captures if path.lower().endswith((".warc", ".warc.gz")))
    sources = {
        "help-en": pages([helps % "en-us"]),
        "help-zh": pages([helps % "zh-cn"]),
        "warc": pages(captures),
        "mozilla": lines("extract-gold-mozilla/pages.jsonl.gz", page),
        "revisions": lines("neardup/docs.jsonl.gz", plain),
        "bbc-news": lines("quality/bbc-news.jsonl.gz", plain),
        "nltk-mixed": lines("quality/nltk-mixed.jsonl.gz", plain),
        "onestopenglish": lines("quality/onestopenglish.jsonl.gz", plain),
        "sms-spam": lines("quality/sms-spam.jsonl.gz", plain),
        "flan-cot": lines("instruct/flan-cot.jsonl.gz", chat),
        "t0": lines("instruct/superni-t0-sample.jsonl.gz", chat),
        "sgd": lines("instruct/sgd-toolcalls.jsonl.gz", chat),
        "code": lines("code/linguist-samples.jsonl.gz", plain),
    }
    pipeline = ['name = "removals"', 'rejected = "all"']
    os.makedirs(os.path.join(args.out, "in"), exist_ok=True)
    for name, documents in sources.items():
        with open(os.path.join(args.out, "in", f"{name}.jsonl"), "w") as out:
            for document in documents:
                out.write(json.dumps(document, ensure_ascii=False) + "\n")
        source = f'\n[[source]]\nname = "{name}"\npath = "in/{name}.jsonl"\nid_field = "id"'
        pipeline.append(source)
    pipeline.append('\n[[stage]]\nop = "language"\naction = "annotate"')
    pipeline.append('\n[[stage]]\nop = "exact-dedup"')
    pipeline.append('\n[[stage]]\nop = "minhash-dedup"\n\n[documents]')
    with open(os.path.join(args.out, "pipeline.toml"), "w") as out:
        out.write("\n".join(pipeline) + "\n")


def removals(run):
    """The removed documents and the kept ones of their clusters."""
    import pyarrow.parquet as pq

    columns = ["id", "source_id", "source", "verdict", "stage"]
    columns += [f"{STAGE}.cluster", f"{STAGE}.similarity"]
    rows = []
    for path in sorted(glob.glob(f"{run}/ledger/*.parquet")):
        rows += pq.read_table(path, columns=columns).to_pylist()
    cluster = f"{STAGE}.cluster"
    kept = {row[cluster]: row for row in rows if row["verdict"] == "kept" and row[cluster]}
    return [(row, kept[row[cluster]]) for row in rows if row["stage"] == STAGE]


def shares(lost, number):
    """Numbers of documents to draw by source: square roots, largest remainders, one at least."""
    roots = {source: count**0.5 for source, count in lost.items()}
    exact = {source: number * root / sum(roots.values()) for source, root in roots.items()}
    shares = {source: min(lost[source], max(1, int(wanted))) for source, wanted in exact.items()}
    by_remainder = sorted(exact, key=lambda source: (int(exact[source]) - exact[source], source))
    for source in by_remainder * number:
        if sum(shares.values()) < number and shares[source] < lost[source]:
            shares[source] += 1
    return shares


def draw(args):
    import pyarrow.parquet as pq

    pairs = removals(args.run)
    lost = collections.Counter(removed["source"] for removed, _ in pairs)
    chance = lambda id: hashlib.sha256(f"{args.seed}:{id}".encode()).digest()
    drawn = []
    for source, number in sorted(shares(lost, args.number).items()):
        of_source = [pair for pair in pairs if pair[0]["source"] == source]
        drawn += sorted(of_source, key=lambda pair: chance(pair[0]["id"]))[:number]
    wanted = {row["id"] for pair in drawn for row in pair}
    texts = {}
    for folder in ("documents", "rejected"):
        for path in glob.glob(f"{args.run}/{folder}/*.parquet"):
            table = pq.read_table(path, columns=["id", "text"])
            both = zip(table["id"].to_pylist(), table["text"].to_pylist())
            texts.update((id, text) for id, text in both if id in wanted)
    with open(args.out, "w") as out, open(args.read, "w") as read:
        for number, (removed, kept) in enumerate(drawn):
            label = {
                "source": removed["source"],
                "removed": removed["source_id"],
                "kept": kept["source_id"],
                "kept_source": kept["source"],
                "similarity": round(removed[f"{STAGE}.similarity"], 4),
                "label": None,
                "reason": None,
            }
            out.write(json.dumps(label, ensure_ascii=False) + "\n")
            kept, removed = texts[kept["id"]], texts[removed["id"]]
            names = f"{label['source']} {label['removed']} <- {label['kept']}"
            read.write(f"\n######## {number} {names} {label['similarity']}")
            read.write(f" kept {len(kept)} removed {len(removed)} chars\n")
            read.write(f"KEPT STARTS {kept[:160]!r}\n")
            read.write(changes(kept, removed)[: args.chars] + "\n")


def words(text):
    return re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|\w+|[^\w\s]|\s+", text)


def changes(old, new):
    """What differs, word by word within lines that differ."""
    left, right = old.splitlines(), new.splitlines()
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, False).get_opcodes():
        if kind == "equal":
            continue
        one, two = words("\n".join(left[a:b])), words("\n".join(right[c:d]))
        inner = difflib.SequenceMatcher(None, one, two, False)
        for kind, i, j, k, l in inner.get_opcodes():
            if kind == "equal":
                same = one[i:j]
                parts.append("".join(same if len(same) < 24 else same[:8] + [" … "] + same[-8:]))
            else:
                parts.append(f"[-{''.join(one[i:j])}-]" * (i < j) + f"{{+{''.join(two[k:l])}+}}" * (k < l))
        parts.append("\n~~\n")
    return "".join(parts)


def figures(args):
    with open(args.labels) as file:
        labels = [json.loads(line) for line in file]
    lost = collections.Counter(removed["source"] for removed, _ in removals(args.run))
    drawn = collections.Counter(label["source"] for label in labels)
    true = collections.Counter(label["source"] for label in labels if label["label"])
    print(f"{'source':<16}{'removed':>8}{'drawn':>7}{'true':>6}")
    for source in sorted(lost, key=lost.get, reverse=True):
        print(f"{source:<16}{lost[source]:>8}{drawn[source]:>7}{true[source]:>6}")
    print(f"of the {len(labels)} drawn {sum(true.values()) / len(labels):.3f} are true duplicates")
    weighed = sum(lost[source] * true[source] / drawn[source] for source in drawn)
    print(f"each source weighed by what it lost: {weighed / sum(lost.values()):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("corpus")
    command.add_argument("--data", required=True)
    command.add_argument("--out", required=True)
    command.set_defaults(run_command=corpus)
    command = commands.add_parser("draw")
    command.add_argument("run")
    command.add_argument("--out", required=True)
    command.add_argument("--read", required=True, help="texts' differences, for the reader")
    command.add_argument("--number", type=int, default=200)
    command.add_argument("--seed", default="2026")
    command.add_argument("--chars", type=int, default=1400)
    command.set_defaults(run_command=draw)
    command = commands.add_parser("figures")
    command.add_argument("labels")
    command.add_argument("--run", required=True)
    command.set_defaults(run_command=figures)
    args = parser.parse_args()
    args.run_command(args)


if __name__ == "__main__":
    main()
