"""Compares the op fix-text with ftfy: what it restores, what it should have left alone, speed.

    python fix_text.py --tamis PATH/TO/tamis [--data ../shared/data] [--sentences 20] [--clean MB]

Only the repair of encodings is compared (all other steps of both are off, but for the controls
U+0080 to U+009F, which ftfy reads as windows-1252 within it):

* restored: real sentences of 75 languages (lid-lingua), as UTF-8 read in each encoding once and
  twice, then damaged as pages are (no-break spaces made spaces, unassigned bytes lost); the share
  that comes back exactly. Sentences that are not right themselves are left out, by a rule that
  neither tool has a part in (controls, U+FFFD, or typical pairs such as `Ã©` in them).
* false changes: texts of many languages and kinds that are right, and the same sentences in forms
  that are hard (capitals, every word in quotation marks of eight kinds, dashes for spaces, …). Every
  line that tamis changes is printed; so is what real wrong text there is among them.
* real pages: lines with wrong text of all sets and of the pages in the WARC files, by what both make
  of them; each line on which they differ is printed.

Runs in an environment with ftfy, pyarrow, resiliparse and fastwarc.
"""

import argparse
import collections
import glob
import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import ftfy
import pyarrow.parquet as pq
from ftfy import TextFixerConfig

PIPELINE = """\
name = "fix-text"
seed = 0

[[source]]
name = "documents"
path = "{documents}"

[[stage]]
op = "fix-text"
unescape_html = "never"
remove_terminal_escapes = false
fix_line_breaks = false
fix_latin_ligatures = false
remove_control_chars = false
normalization = "none"
"""

FTFY = TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)

ENCODINGS = {
    "windows-1252": "cp1252",
    "latin-1": "latin-1",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1253": "cp1253",
    "windows-1254": "cp1254",
    "windows-1257": "cp1257",
    "iso-8859-2": "iso8859-2",
    "macroman": "mac_roman",
    "cp437": "cp437",
    "koi8-r": "koi8-r",
}

CLEAN = [
    "lid-udhr/udhr.jsonl.gz",
    "lid-lingua/lingua-testdata.jsonl.gz",
    "text-novels/eltec-en-half.jsonl.gz",
    "text-novels/eltec-de-eighth.jsonl.gz",
    "text-aozora-ja/aozora-ja-eighth.jsonl.gz",
    "text-poetry-zh/poetry-zh.jsonl.gz",
    "text-russian/rusdracor.jsonl.gz",
    "neardup/docs.jsonl.gz",
    "code/linguist-samples.jsonl.gz",
    "quality/bbc-news.jsonl.gz",
    "quality/onestopenglish.jsonl.gz",
    "quality/nltk-mixed.jsonl.gz",
    "quality/sms-spam.jsonl.gz",
]

WRONG = re.compile(
    "[\x80-\x9f\ufffd]|[ÃÂĂ][\xa0-\xbf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|[âā]€|ðŸ|ï»¿|ï¿½|ďż˝|пїЅ|вЂ|√©|‚Ä"
    "|[ÐÑ][\xa0-\xbfƒ„…†‡ˆ‰‹‘’“”•–—šž›œŸ]|[ÄÅĹ][\xa0-\xbf™‚„›‘‡Ÿź]"
)


def hard(words: list[str]) -> dict[str, str]:
    """Forms of a sentence that are right, though they look much like wrong ones."""
    upper = [word.upper() for word in words]
    around = ["“”", "«»", "»«", "„“", "‚‘", "‘’", "‹›", "””"]
    forms = {f"{a}word{b}": " ".join(a + word + b for word in words) for a, b in around}
    forms |= {f"WORD{c}": " ".join(word + c for word in upper) for c in "…”’®™"}
    forms |= {f"word{c}": " ".join(word + c for word in words) for c in "…’®™²°€"}
    forms |= {f"word{c}word": c.join(words) for c in "—–·•\xa0\xad…’"}
    return forms | {"WORD": " ".join(upper), "Word": " ".join(words).title()}


def run_tamis(tamis: Path, texts: list[str]) -> tuple[list[str], float]:
    """The texts after the op, and the seconds of the op alone."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents.jsonl")
        with documents.open("w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                out.write(json.dumps({"id": str(number), "text": text or "\n"}) + "\n")
        pipeline = Path(folder, "pipeline.toml")
        pipeline.write_text(PIPELINE.format(documents=documents), encoding="utf-8")
        command = [tamis, "run", pipeline, "--out", Path(folder, "run"), "--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed\n{done.stderr}")
        new = list(texts)
        for part in sorted(Path(folder, "run").glob("documents/*.parquet")):
            for row in pq.read_table(part, columns=["source_id", "text"]).to_pylist():
                new[int(row["source_id"])] = row["text"]
        summary = json.loads(Path(folder, "run", "summary.json").read_text(encoding="utf-8"))
        return new, sum(stage["seconds"] for stage in summary["stages"])


def run_ftfy(texts: list[str]) -> tuple[list[str], float]:
    """The texts after ftfy, and its seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    new = [ftfy.fix_text(text, FTFY) for text in texts]
    return new, resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


def read(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def table(encoding: str) -> list[str]:
    """Byte to character, holes as browsers read them."""
    characters = []
    for byte in range(256):
        try:
            characters.append(bytes([byte]).decode(encoding))
        except UnicodeDecodeError:
            characters.append(chr(byte))
    return characters


def restored(tamis: Path, sentences: list[str]) -> None:
    cases: list[tuple[str, str, str]] = []
    for name, encoding in ENCODINGS.items():
        characters = table(encoding)

        def wrong(text: str) -> str:
            return "".join(characters[byte] for byte in text.encode())

        for text in sentences:
            once = wrong(text)
            cases.append((f"{name:13} once", text, once))
            cases.append((f"{name:13} twice", text, wrong(once)))
            if name in ("windows-1252", "windows-1251", "windows-1250"):
                cases.append((f"{name:13} nbsp → space", text, once.replace("\xa0", " ")))
                lossy = re.sub("[\x80-\x9f]", "\ufffd", once)
                cases.append((f"{name:13} bytes lost", text, lossy))
    ours, _ = run_tamis(tamis, [wrong for _, _, wrong in cases])
    theirs, _ = run_ftfy([wrong for _, _, wrong in cases])
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for (name, text, _), our, their in zip(cases, ours, theirs, strict=True):
        for key in (name, "all"):
            counts[key]["cases"] += 1
            counts[key]["tamis"] += our == text
            counts[key]["ftfy"] += their == text
    print(f"\nrestored exactly           cases   tamis    ftfy {version('ftfy')}")
    for name, count in counts.items():
        shares = [f"{count[tool] / count['cases']:.4f}" for tool in ("tamis", "ftfy")]
        print(f"{name:26} {count['cases']:5}  {shares[0]}  {shares[1]}")


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    if before == after:
        return []
    pairs = zip(before.split("\n"), after.split("\n"), strict=False)
    return [(old, new) for old, new in pairs if old != new]


def excerpt(old: str, new: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    start = max(0, at - 20)
    return f"{old[start : at + 25]!r} → {new[start : at + 25]!r}"


def false_changes(tamis: Path, data: Path, sentences: list[str], megabytes: float) -> None:
    print("\nlines changed in texts that are right     MB   tamis    ftfy   MB/s tamis    ftfy")
    shown: list[str] = []
    for name in CLEAN:
        texts = [record["text"] for record in read(data / name)]
        size = sum(len(text.encode()) for text in texts) / 1e6
        if size > megabytes:
            texts = texts[:: int(size / megabytes) + 1]
            size = sum(len(text.encode()) for text in texts) / 1e6
        ours, our_seconds = run_tamis(tamis, texts)
        theirs, their_seconds = run_ftfy(texts)
        our_changes = [c for old, new in zip(texts, ours) for c in changed_lines(old, new)]
        their_changes = [c for old, new in zip(texts, theirs) for c in changed_lines(old, new)]
        # Lines that are wrong for all to see are not counted; they are printed.
        right = [sum(not WRONG.search(old) for old, _ in c) for c in (our_changes, their_changes)]
        print(
            f"{name:38} {size:6.1f}  {right[0]:6}  {right[1]:6}"
            f"  {size / max(our_seconds, 1e-9):10.0f}  {size / max(their_seconds, 1e-9):6.1f}"
        )
        shown += [f"{name}: {excerpt(old, new)}" for old, new in our_changes]
    forms: dict[str, list[str]] = collections.defaultdict(list)
    for text in sentences:
        for form, hard_text in hard(text.split()).items():
            forms[form].append(hard_text)
    total = collections.Counter()
    for form, texts in forms.items():
        ours, _ = run_tamis(tamis, texts)
        theirs, _ = run_ftfy(texts)
        our_changes = [(old, new) for old, new in zip(texts, ours) if old != new]
        theirs_count = sum(old != new for old, new in zip(texts, theirs))
        total.update(cases=len(texts), tamis=len(our_changes), ftfy=theirs_count)
        if our_changes or theirs_count:
            print(f"  form {form!r:20} of {len(texts)}: tamis {len(our_changes)}, ftfy {theirs_count}")
        shown += [f"form {form}: {excerpt(old, new)}" for old, new in our_changes]
    print(f"hard forms, in all {total['cases']}: tamis {total['tamis']}, ftfy {total['ftfy']}")
    print(f"\nwhat tamis changed in all of these: {len(shown)} lines")
    for line in shown[:400]:
        print(f"  {line}")


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [s for v in value for s in strings(v)] if isinstance(value, list) else []


def real_lines(data: Path) -> list[str]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    lines: dict[str, None] = {}

    def add(text: str) -> None:
        lines.update((line, None) for line in text.split("\n") if WRONG.search(line))

    for path in sorted(glob.glob(f"{data}/**/*.jsonl.gz", recursive=True)):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as records:
            for record in records:
                if WRONG.search(record) or "\\u00" in record:
                    for text in strings(json.loads(record)):
                        add(text)
    for path in sorted(glob.glob(f"{data}/warc*/**/*", recursive=True)):
        if not os.path.isfile(path) or not re.search(r"\.(warc|wet)", path) or "wacz" in path:
            continue
        try:
            kinds = WarcRecordType.response | WarcRecordType.conversion
            for record in ArchiveIterator(open(path, "rb"), record_types=kinds, strict_mode=False):
                body = record.reader.read()
                if record.record_type == WarcRecordType.conversion:
                    add(body.decode("utf-8", "replace"))
                elif "html" in str(record.http_content_type or ""):
                    page = bytes_to_str(body, detect_encoding(body))
                    add(extract_plain_text(page, main_content=False))
        except OSError:
            continue  # A broken file ends here.
    return list(lines)


def real_pages(tamis: Path, data: Path) -> None:
    texts = [line for line in real_lines(data) if "\ufffd" not in line]
    ours, _ = run_tamis(tamis, texts)
    theirs, _ = run_ftfy(texts)
    kinds = collections.Counter()
    print(f"\nreal lines with wrong text: {len(texts)}")
    for text, our, their in zip(texts, ours, theirs, strict=True):
        if our == their:
            kinds["both the same" if our != text else "none changed it"] += 1
            continue
        kinds["tamis alone" if their == text else "ftfy alone" if our == text else "differ"] += 1
        print(f"  tamis {excerpt(text, our)}\n  ftfy  {excerpt(text, their)}")
    print(f"  {dict(kinds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tamis", type=Path, required=True)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--sentences", type=int, default=20, help="of each language")
    parser.add_argument("--clean", type=float, default=8, help="most megabytes of one set")
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    by_language: dict[str, list[str]] = collections.defaultdict(list)
    for record in read(arguments.data / "lid-lingua/lingua-testdata.jsonl.gz"):
        text = record["text"]
        if record["kind"] == "sentences" and not text.isascii() and not WRONG.search(text):
            by_language[record["lang"]].append(text)
    random_numbers = random.Random(arguments.seed)
    sentences = []
    for language in sorted(by_language):
        random_numbers.shuffle(by_language[language])
        sentences += by_language[language][: arguments.sentences]
    print(f"{len(sentences)} sentences of {len(by_language)} languages, seed {arguments.seed}")
    started = time.perf_counter()
    restored(arguments.tamis, sentences)
    false_changes(arguments.tamis, arguments.data, sentences, arguments.clean)
    real_pages(arguments.tamis, arguments.data)
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
