"""Compares two files of decisions as `datatrove_decide.py` writes them.

    python compare.py TRUTH.jsonl OURS.jsonl [--documents IN.jsonl] [--show 20]

Prints a table per op and the first disagreements (with the start of the text and the note of the
document if `--documents` is given). Lines are matched by `n`; a line may hold any subset of ops,
and one `n` may come on several lines. Of the edited text, `sha256` is compared where both sides
have it (the column `text` is empty where none was); our side may give `text_after` instead. Exits 1
if anything differs or is missing.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

Decisions = dict[int, dict[str, dict]]


def read_decisions(path: Path) -> Decisions:
    decisions: Decisions = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            decisions[row.pop("n")].update(row)
    return decisions


def text_digest(decision: dict) -> str | None:
    if "sha256" in decision:
        return decision["sha256"]
    text = decision.get("text_after")
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def has_texts(truth: dict, ours: dict) -> bool:
    return truth["keep"] and ours["keep"] and None not in (text_digest(truth), text_digest(ours))


def read_documents(path: Path | None) -> list[dict]:
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def verdict(decision: dict) -> str:
    if decision["keep"]:
        return "kept"
    stage = decision.get("stage")
    return f"{stage}: {decision['reason']}" if stage else str(decision["reason"])


def differences(truth: dict, ours: dict) -> list[str]:
    """What differs: `decision`, `reason`, `text`, or nothing."""
    if truth["keep"] != ours["keep"]:
        return ["decision"]
    found = []
    if verdict(truth) != verdict(ours):
        found.append("reason")
    if has_texts(truth, ours) and text_digest(truth) != text_digest(ours):
        found.append("text")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--show", type=int, default=20, help="disagreements to list for each op")
    arguments = parser.parse_args()

    truth = read_decisions(arguments.truth)
    ours = read_decisions(arguments.ours)
    documents = read_documents(arguments.documents)
    ops = list(dict.fromkeys(op for row in ours.values() for op in row))
    known = {op for row in truth.values() for op in row}

    clean = True
    print(f"{'op':<22}{'documents':>10}{'missing':>9}{'decision':>11}{'reason':>11}{'text':>11}")
    listings = []
    for op in ops:
        if op not in known:
            print(f"{op:<22}{'not in the truth':>19}")
            clean = False
            continue
        counts: Counter[str] = Counter()
        wrong = []
        for n, row in truth.items():
            if op not in row:
                continue
            if op not in ours.get(n, {}):
                counts["missing"] += 1
                continue
            counts["documents"] += 1
            counts["texts"] += has_texts(row[op], ours[n][op])
            found = differences(row[op], ours[n][op])
            counts.update(found)
            if found:
                wrong.append((n, found, row[op], ours[n][op]))
        total = max(counts["documents"], 1)
        # A wrong decision is a wrong reason, too.
        agreements = [
            1 - counts["decision"] / total,
            1 - (counts["decision"] + counts["reason"]) / total,
        ]
        if counts["texts"]:
            agreements.append(1 - counts["text"] / counts["texts"])
        columns = "".join(f"{100 * share:>10.4f}%" for share in agreements)
        print(f"{op:<22}{counts['documents']:>10,}{counts['missing']:>9,}{columns}")
        clean &= not wrong and not counts["missing"] and counts["documents"] > 0
        listings.append((op, wrong))
    for op in sorted(known - set(ops)):
        print(f"{op:<22}{'only in the truth':>19}")

    for op, wrong in listings:
        if wrong:
            print(f"\n{op}: {len(wrong):,} disagreements")
        for n, found, theirs, mine in wrong[: arguments.show]:
            document = documents[n] if n < len(documents) else {}
            print(f"  n={n} {', '.join(found)}: truth {verdict(theirs)}, ours {verdict(mine)}")
            if note := document.get("note"):
                print(f"    {note}")
            if text := document.get("text"):
                print(f"    {text[:120]!r}")
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
