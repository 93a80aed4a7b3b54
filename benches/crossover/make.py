"""Writes the pool and the evaluation of the crossover experiment, from ../../../shared/data.

    python make.py data [--tokens 1600000]

The pool is one JSON Lines file in an order given by hashes: a third of novels' passages as they are, the
rest worse than that in a known way, which `kind` and `damage` say. Evaluation: passages of novels by
authors who are not in the pool, and news. The same bytes from the same data.

kind      share  what
clean     .30    passages of novels
damaged   .30    passages with words shuffled, letters changed and repetitions, graded: damage .1 to .9
revision  .20    Python enhancement proposals and translated documentation, in several revisions
markup    .20    the source of web pages, navigation and scripts included
"""

import argparse
import gzip
import hashlib
import json
import random
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data"
# Bytes of text a token of 2,048 has, about; it only sets the size of the pool.
BYTES_A_TOKEN = 2.6
PASSAGE = 3_000
SHARES = {"clean": 0.3, "damaged": 0.3, "revision": 0.2, "markup": 0.2}


def number(*parts: object) -> float:
    """A number from 0 to 1 that depends on its key alone."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def lines(path: Path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def passages(text: str):
    """Pieces of about PASSAGE characters that end with a paragraph."""
    piece = ""
    for paragraph in text.split("\n\n"):
        piece += paragraph.strip() + "\n\n"
        if len(piece) >= PASSAGE:
            yield piece.strip()
            piece = ""


def damage(text: str, level: float, key: str) -> str:
    """Shuffles, changes letters and repeats lines, each at `level` of its places."""
    draw = random.Random(key)
    words = text.split(" ")
    for at in range(len(words) - 1):
        if draw.random() < level:
            other = min(len(words) - 1, at + draw.randrange(1, 12))
            words[at], words[other] = words[other], words[at]
    letters = list(" ".join(words))
    for at, letter in enumerate(letters):
        if letter.isalpha() and draw.random() < level * 0.25:
            letters[at] = draw.choice("abcdefghijklmnopqrstuvwxyz0123456789#|~")
    parts = "".join(letters).split("\n\n")
    parts = [part for part in parts for _ in range(1 + (draw.random() < level) * draw.randrange(1, 4))]
    return "\n\n".join(parts)


def novels():
    """(held out, id, passage): one author in five is held out."""
    for chapter in lines(DATA / "text-novels/eltec-en-half.jsonl.gz"):
        held_out = number("author", chapter["author"]) < 0.2
        for at, passage in enumerate(passages(chapter["text"])):
            yield held_out, f"{chapter['id']}:{at}", passage


def markup():
    for path in sorted((DATA / "extract-gold-scrapinghub/html").iterdir()):
        page = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        page = page.decode("utf-8", "replace")
        for at in range(0, min(len(page), 40 * PASSAGE), PASSAGE):
            yield f"{path.name}:{at}", page[at : at + PASSAGE]


def revisions():
    for document in lines(DATA / "neardup/docs.jsonl.gz"):
        # A revision is one because much of it stands in others too: so the same piece of each.
        yield document["id"], document["text"][: 2 * PASSAGE]


def take(candidates, kind: str, bytes_wanted: int):
    """Those with the smallest numbers."""
    found, size = [], 0
    for key, text in sorted(candidates, key=lambda item: number(kind, item[0])):
        if size >= bytes_wanted:
            break
        found.append((key, text))
        size += len(text.encode())
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=int, default=1_600_000)
    arguments = parser.parse_args()
    total = int(arguments.tokens * BYTES_A_TOKEN)
    wanted = {kind: int(total * share) for kind, share in SHARES.items()}
    inside = [(key, text) for held_out, key, text in novels() if not held_out]
    outside = [(key, text) for held_out, key, text in novels() if held_out]
    # Clean and damaged passages are different ones.
    fair = [item for item in inside if number("fair", item[0]) < 0.5]
    foul = [item for item in inside if number("fair", item[0]) >= 0.5]
    pool = [(key, "clean", 0.0, text) for key, text in take(fair, "clean", wanted["clean"])]
    size = 0
    # Repetitions make them longer: what counts is what stands there in the end.
    for key, text in sorted(foul, key=lambda item: number("damaged", item[0])):
        if size >= wanted["damaged"]:
            break
        level = round(0.1 + 0.8 * number("level", key), 2)
        worse = damage(text, level, key)
        pool.append((key, "damaged", level, worse))
        size += len(worse.encode())
    # Whole groups of revisions, so that there is something for deduplication to find.
    by_group = [(key.split("@")[0], key, text) for key, text in revisions()]
    order = sorted(by_group, key=lambda item: (number("group", item[0]), item[1]))
    size = 0
    for _, key, text in order:
        if size >= wanted["revision"]:
            break
        pool.append((key, "revision", 0.0, text))
        size += len(text.encode())
    pool += [(key, "markup", 0.0, text) for key, text in take(markup(), "markup", wanted["markup"])]
    pool.sort(key=lambda item: number("pool", item[1], item[0]))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with open(arguments.out / "pool.jsonl", "w", encoding="utf-8") as file:
        for key, kind, level, text in pool:
            record = {"id": key, "kind": kind, "damage": level, "text": text}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    news = [(str(at), item["text"]) for at, item in enumerate(lines(DATA / "quality/bbc-news.jsonl.gz"))]
    held_out = arguments.out / "held-out"
    held_out.mkdir(exist_ok=True)
    for name, texts in {"novels": take(outside, "evaluation", 400_000),
                        "news": take(news, "evaluation", 400_000)}.items():
        with open(held_out / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for _, text in texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    sizes = {kind: sum(len(text.encode()) for _, of, _, text in pool if of == kind) for kind in SHARES}
    print(json.dumps({"documents": len(pool), "bytes": sizes}))


if __name__ == "__main__":
    main()
