"""Says what datatrove's own filters decide about each document of a JSONL file.

    python datatrove_decide.py IN.jsonl OUT.jsonl [--language en] [--badwords LIST] [--texts]

Reads `text` of every line and writes one line a document,

    {"n": 0, "gopher-quality": {"keep": false, "reason": "gopher_short_doc"}, "c4-quality": {...}}

`n` counts lines from 0. Every filter sees the original text. Filters that edit the text also say
`chars` and `sha256` (of the UTF-8 bytes) of what they leave behind if they keep the document
(`--texts`: `text_after` too), and `lines`, how many lines each line rule dropped. `fineweb` is the
chain of the FineWeb recipe: the first filter that drops decides, and `stage` names it.

Runs in the environment of `benches/peers/setup.sh`.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4BadWordsFilter,
    C4ParagraphFilter,
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
)
from datatrove.pipeline.filters.base_filter import BaseFilter, get_filter_result
from datatrove.utils.text import split_into_words

EDITS_TEXT = ("c4-quality", "c4-quality@fineweb")
FINEWEB = ("gopher-repetition", "gopher-quality", "c4-quality@fineweb", "fineweb-quality")


def settle(language: str) -> None:
    """Brings spaCy to its steady state.

    The second text with `IS_ALPHA` and all later ones raise inside spaCy; datatrove then deletes
    that string. Without this, a document's words would depend on the documents before it.
    """
    for text in ("IS_ALPHA 1", "IS_ALPHA 2"):
        split_into_words(text, language)


def make_filters(language: str = "en", badwords: Path | None = None) -> dict[str, BaseFilter]:
    """One filter an op; `op@variant` is an op with other settings."""
    filters: dict[str, BaseFilter] = {
        "gopher-quality": GopherQualityFilter(language=language),
        "gopher-repetition": GopherRepetitionFilter(language=language),
        "c4-quality": C4QualityFilter(language=language),
        "c4-quality@fineweb": C4QualityFilter(filter_no_terminal_punct=False, language=language),
        "fineweb-quality": FineWebQualityFilter(language=language),
        "c4-paragraph": C4ParagraphFilter(),
    }
    if badwords is not None:
        # datatrove would download the list.
        c4_filters.cached_asset_path_or_download = lambda *_args, **_kwargs: str(badwords)
        filters["c4-badwords"] = C4BadWordsFilter(default_language=language)
    settle(language)
    return filters


class LineCounts(Counter):
    """Stands in for `stat_update`: counts `line-…` events of one document."""

    def __call__(self, *names: str, **_kwargs: object) -> None:
        self.update(name.removeprefix("line-") for name in names if name.startswith("line-"))


def decide(op: str, chosen: BaseFilter, text: str, texts: bool = False) -> dict:
    """The decision of one filter about one text."""
    document = Document(text=text, id="")
    chosen.stat_update = lines = LineCounts()
    keep, reason = get_filter_result(chosen.filter(document))
    decision = {"keep": bool(keep), "reason": reason}
    if op in EDITS_TEXT:
        decision["lines"] = dict(lines)
        if keep:
            decision["chars"] = len(document.text)
            decision["sha256"] = digest(document.text)
            if texts:
                decision["text_after"] = document.text
    return decision


def decide_chain(filters: dict[str, BaseFilter], text: str) -> dict:
    """The decision of the FineWeb recipe about one text."""
    document = Document(text=text, id="")
    for stage in FINEWEB:
        filters[stage].stat_update = lambda *_args, **_kwargs: None
        keep, reason = get_filter_result(filters[stage].filter(document))
        if not keep:
            return {"keep": False, "stage": stage, "reason": reason}
    return {"keep": True, "stage": None, "reason": None, "sha256": digest(document.text)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)["text"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--badwords", type=Path, help="LDNOOBW's list; without it no c4-badwords")
    parser.add_argument("--texts", action="store_true", help="write the edited texts, too")
    arguments = parser.parse_args()

    filters = make_filters(arguments.language, arguments.badwords)
    reasons: dict[str, Counter] = {op: Counter() for op in (*filters, "fineweb")}
    with arguments.output.open("w", encoding="utf-8") as output:
        for n, text in enumerate(read_texts(arguments.input)):
            row = {"n": n}
            for op, chosen in filters.items():
                row[op] = decide(op, chosen, text, arguments.texts)
            row["fineweb"] = decide_chain(filters, text)
            for op, counter in reasons.items():
                counter[row[op]["reason"] or "kept"] += 1
            output.write(json.dumps(row) + "\n")
    for op, counter in reasons.items():
        print(op, file=sys.stderr)
        for reason, count in counter.most_common():
            print(f"  {reason:<30} {count:>8,}", file=sys.stderr)


if __name__ == "__main__":
    main()
