"""Counts the records of web archives per type, with FastWARC, warcio and tamis.

    python warc_counts.py --data DIR [--tamis COMMAND] [--json FILE] [--markdown FILE]

DIR is the folder of development data, with `warc` and `warc-libreoffice-help` in it. COMMAND, given
a file's path, prints the file's counts as a JSON object (`{"response": 2, …}`); without it tamis has
no column. A tool that stops at damage counts what it gave until then, and the table says so.
WACZ is a ZIP file: neither tool opens it, so both are given its members under `archive/`. LZ4 is
read by FastWARC alone; warcio gets the file decompressed by FastWARC.

Runs in an environment with `fastwarc==2.0.1` and `warcio==1.8.1`.
"""

import argparse
import contextlib
import io
import json
import shlex
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

from fastwarc.stream_io import Lz4Reader
from fastwarc.warc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

def fastwarc(name: str, data: bytes) -> tuple[Counter, str]:
    counts: Counter = Counter()
    try:
        for record in ArchiveIterator(io.BytesIO(data), parse_http=False):
            counts[str(record.record_type).rpartition(".")[2]] += 1
    except Exception as error:  # What a tool stops with is a result here.
        return counts, summary(error)
    return counts, ""


def warcio(name: str, data: bytes) -> tuple[Counter, str]:
    counts: Counter = Counter()
    if name.endswith(".lz4"):
        data = Lz4Reader(io.BytesIO(data)).read()
    # It warns on standard error; what it says there does not change the counts.
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            for record in WarcioIterator(io.BytesIO(data), no_record_parse=True):
                counts[record.rec_type] += 1
        except Exception as error:
            return counts, summary(error)
    return counts, ""


def summary(error: Exception) -> str:
    return " ".join(str(error).split())[:60] or type(error).__name__


def parts(path: Path) -> list[tuple[str, bytes]]:
    data = path.read_bytes()
    if path.suffix != ".wacz":
        return [(path.name, data)]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [n for n in archive.namelist() if n.startswith("archive/") and ".warc" in n]
        return [(name, archive.read(name)) for name in names]


def count(tool, path: Path) -> dict:
    total: Counter = Counter()
    errors = []
    for name, data in parts(path):
        counts, error = tool(name, data)
        total += counts
        errors += [error] * bool(error)
    return {"counts": dict(sorted(total.items())), "error": "; ".join(errors)}


def tamis(command: str, path: Path) -> dict:
    done = subprocess.run([*shlex.split(command), path], capture_output=True, text=True, check=True)
    return {"counts": json.loads(done.stdout), "error": ""}


def show(counts: dict) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in counts.items()) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tamis", help="a command that prints the counts of a file as JSON")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()

    files = [
        path
        for folder in ("warc", "warc-libreoffice-help")
        for path in sorted((arguments.data / folder).rglob("*"))
        if path.is_file() and path.name != "SOURCE.md"
    ]
    table = {}
    for path in files:
        row = {"fastwarc": count(fastwarc, path), "warcio": count(warcio, path)}
        if arguments.tamis:
            row["tamis"] = tamis(arguments.tamis, path)
        table[str(path.relative_to(arguments.data))] = row

    tools = list(next(iter(table.values())))
    lines = [f"| file | {' | '.join(tools)} |", "|--" * (1 + len(tools)) + "|"]
    for name, row in table.items():
        cells = []
        for tool in tools:
            cell = show(row[tool]["counts"])
            if row[tool]["error"]:
                cell += f" (stops: {row[tool]['error']})".replace("|", "/")
            cells.append(cell)
        if len(set(cells)) == 1:
            cells[1:] = ["same"] * (len(cells) - 1)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    totals = {tool: Counter() for tool in tools}
    for row in table.values():
        for tool in tools:
            totals[tool] += Counter(row[tool]["counts"])
    total_cells = (show(dict(sorted(totals[tool].items()))) for tool in tools)
    lines.append(f"| **all** | {' | '.join(total_cells)} |")

    print("\n".join(lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n")


main()
