"""Formulas, code, tables and metadata: what is left of them when a page has become text.

    python extract_parts.py --tamis PATH/TO/tamis [--only math,code,tables,metadata]
        [--mozilla .../extract-gold-mozilla/pages.jsonl.gz] [--missed TOOL]
    python extract_parts.py                          # trafilatura and resiliparse alone

tamis runs as a pipeline with `extract-html` at its defaults, trafilatura with tables and formatting,
resiliparse with its main content. The pages of the first three stand in `../labels/extract_parts`;
metadata needs the test pages of Mozilla's Readability (`--mozilla`). Python with trafilatura,
resiliparse and pyarrow.

Scores, each the mean over pages of the share of
  math    formulas of five characters and more whose normalised LaTeX stands in the text, between
          delimiters, or as it was written without any;
  code    listings whose lines stand in the text as consecutive lines with their indentation (one
          margin common to all lines of a listing is allowed, empty lines do not count);
  tables  rows whose cells stand in one line, in their order.
For metadata: the share of pages whose field is the expected one, and how many have one where none
is expected. trafilatura tells a language only if a detector is installed.
"""

import argparse
import gzip
import html as html_module
import json
import pathlib
import re
import subprocess
import tempfile
import unicodedata
from collections import defaultdict

LABELS = pathlib.Path(__file__).resolve().parents[1] / "labels" / "extract_parts"

PIPELINE = """\
name = "parts"
seed = 0

[[source]]
name = "pages"
path = "pages.jsonl"
id_field = "id"

[[stage]]
op = "extract-html"
input = "html"
min_chars = 0

[documents]
"""

# ---- LaTeX ------------------------------------------------------------------------------------
SAME = {
    r"\le": r"\leq", r"\ge": r"\geq", r"\ne": r"\neq", r"\rightarrow": r"\to", r"\gets": r"\leftarrow",
    r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lVert": r"\|", r"\rVert": r"\|", r"\Vert": r"\|",
    r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\dots": r"\ldots", r"\colon": ":",
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\operatorname": r"\text", r"\mathrm": r"\text",
    r"\textrm": r"\text", r"\boldsymbol": r"\mathbf", r"\bm": r"\mathbf", r"\widehat": r"\hat",
    r"\widetilde": r"\tilde", r"\bar": r"\overline", r"\implies": r"\Longrightarrow",
    r"\iff": r"\Longleftrightarrow", r"\lt": "<", r"\gt": ">", r"\ast": "*", r"\mathscr": r"\mathcal",
    r"\varnothing": r"\emptyset", r"\land": r"\wedge", r"\lor": r"\vee", r"\prime": "'",
    r"\mathop": "", r"\Longrightarrow": r"\Longrightarrow", r"\overrightarrow": r"\vec",
}
BLANK = {r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", "~", r"\left", r"\right", r"\limits",
         r"\nolimits", r"\displaystyle", r"\textstyle", r"\middle", r"\big", r"\Big", r"\bigg", r"\Bigg"}
ENVIRONMENTS = {"align": "aligned", "align*": "aligned", "split": "aligned", "array": "matrix"}
TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[^\s]", re.S)


def normalise(latex):
    """Tokens of a formula; braces around one token, blanks and synonyms do not count."""
    latex = unicodedata.normalize("NFC", html_module.unescape(latex))
    latex = re.sub(r"\\(begin|end)\s*\{([^}]*)\}(\{[lcr|]*\})?",
                   lambda m: " \\%s@%s " % (m[1], ENVIRONMENTS.get(m[2], m[2])), latex)
    latex = re.sub(r"\\(?:begin|end)@[\w*]+", lambda m: m[0].replace("@", "ENV").replace("*", ""), latex)
    stack = [[]]
    for token in TOKEN.findall(latex):
        token = SAME.get(token, token)
        if token == "{":
            stack.append([])
        elif token == "}" and len(stack) > 1:
            group = stack.pop()
            if len(group) == 1:
                stack[-1].append(group[0])
            elif group:
                stack[-1].append("{" + "".join(group) + "}")
        elif token and token not in BLANK:
            stack[-1].append(token)
    return "".join(token for part in stack for token in part)


DELIMITED = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.S)


def score_math(page, text):
    found = {normalise(next(filter(None, groups))) for groups in DELIMITED.findall(text)}
    blank = re.sub(r"\s", "", text)
    wanted = [formula["latex"] for formula in page["formulas"]]
    wanted = [latex for latex in wanted if len(re.sub(r"\s", "", latex)) >= 5]
    hits = [normalise(latex) in found or re.sub(r"\s", "", latex) in blank for latex in wanted]
    return sum(hits), len(hits), [latex for latex, hit in zip(wanted, hits) if not hit]


def score_code(page, text):
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    hits = []
    for block in page["blocks"]:
        wanted = [line.rstrip() for line in block.split("\n") if line.strip()]
        hits.append(any(
            (margin := lines[at][: len(lines[at]) - len(wanted[0])]).strip() == ""
            and lines[at : at + len(wanted)] == [margin + line for line in wanted]
            for at in range(len(lines) - len(wanted) + 1)
        ))
    return sum(hits), len(hits), [block for block, hit in zip(page["blocks"], hits) if not hit]


def score_tables(page, text):
    lines = [re.sub(r"\s+", " ", line) for line in text.split("\n")]

    def holds(line, cells):
        at = 0
        for cell in cells:
            at = line.find(cell, at)
            if at < 0:
                return False
            at += len(cell)
        return True

    # A line that holds the whole table says nothing about rows.
    limit = lambda cells: 3 * sum(map(len, cells)) + 40
    hits = [any(len(line) <= limit(row) and holds(line, row) for line in lines) for row in page["rows"]]
    return sum(hits), len(hits), [row for row, hit in zip(page["rows"], hits) if not hit]


SCORES = {"math": score_math, "code": score_code, "tables": score_tables}


# ---- tools ------------------------------------------------------------------------------------
def trafilatura_texts(pages):
    from trafilatura import extract
    return {page["id"]: extract(page["html"], include_tables=True, include_formatting=True) or ""
            for page in pages}


def resiliparse_texts(pages):
    from resiliparse.extract.html2text import extract_plain_text
    return {page["id"]: extract_plain_text(page["html"], main_content=True) or "" for page in pages}


def tamis(binary, pages):
    """Texts and metadata by the page's id."""
    import pyarrow.parquet as parquet
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with open(folder / "pages.jsonl", "w") as lines:
            for page in pages:
                lines.write(json.dumps({"id": page["id"], "text": page["html"]}) + "\n")
        (folder / "parts.toml").write_text(PIPELINE)
        subprocess.run([binary, "run", folder / "parts.toml", "--out", folder / "run"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        read = lambda name: [row for part in sorted((folder / "run" / name).glob("*.parquet"))
                             for row in parquet.read_table(part).to_pylist()]
        found = {page["id"]: {"text": ""} for page in pages}
        for row in read("documents"):
            found[row["source_id"]]["text"] = row["text"]
        fields = {"title": "title", "author": "author", "date": "date", "language": "declared_language"}
        for row in read("ledger"):
            found[row["source_id"]] |= {
                key: row.get(f"extract-html.{name}") for key, name in fields.items()}
        return found


def parts(kind, arguments):
    pages = [json.loads(line) for line in open(LABELS / f"{kind}.jsonl")]
    tools = {"trafilatura": trafilatura_texts, "resiliparse": resiliparse_texts}
    if arguments.tamis:
        own = lambda pages: {key: row["text"] for key, row in tamis(arguments.tamis, pages).items()}
        tools = {"tamis": own} | tools
    renderers = defaultdict(dict)
    print(f"\n{kind}: {len(pages)} pages")
    for tool, run in tools.items():
        texts = run(pages)
        shares, by_renderer = [], defaultdict(list)
        for page in pages:
            hits, of, missed = SCORES[kind](page, texts[page["id"]])
            shares.append(hits / of)
            by_renderer[page["renderer"]].append(hits / of)
            if arguments.missed == tool and missed:
                print("   ", page["id"], *missed, sep="\n      ")
        for renderer, values in by_renderer.items():
            renderers[renderer][tool] = sum(values) / len(values)
        print(f"  {tool:12} {sum(shares) / len(shares):.3f}")
    for renderer, values in renderers.items():
        print(f"    {renderer:26}" + "  ".join(f"{tool} {value:.2f}" for tool, value in values.items()))


# ---- metadata ---------------------------------------------------------------------------------
def bare(text):
    """Words alone: quotes, dashes and blanks are written in many ways."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text or "").lower()))


def same_author(found, expected):
    found, expected = bare(found), bare(expected)
    expected = re.sub(r"^(by|written by|posted by|author) ", "", expected)
    # Readability keeps a date that stands in the byline.
    return found == expected or bool(found) and re.match(r"(\w+ ){0,2}\d", expected.removeprefix(found).strip()) is not None \
        and expected.startswith(found)


def metadata(arguments):
    pages = []
    for line in gzip.open(arguments.mozilla, "rt"):
        page = json.loads(line)
        pages.append({"id": page["id"], "html": page["html"], "meta": page["meta"]})
    tools = {}
    if arguments.tamis:
        tools["tamis"] = tamis(arguments.tamis, pages)
    from trafilatura import bare_extraction
    tools["trafilatura"] = {}
    for page in pages:
        found = bare_extraction(page["html"], with_metadata=True)
        found = found.as_dict() if found is not None else {}
        tools["trafilatura"][page["id"]] = {
            key: found.get(key) for key in ("title", "author", "date", "language")}
    print(f"\nmetadata: {len(pages)} pages (mozilla readability's expectations)")
    for tool, found in tools.items():
        counts = defaultdict(lambda: [0, 0, 0])
        for page in pages:
            meta, own = page["meta"], found[page["id"]]
            fields = [
                ("title", meta.get("title"), own.get("title"), lambda a, b: bare(a) == bare(b)),
                # What Readability leaves of a site's name in a title does not count here.
                ("title without site", meta.get("title"), own.get("title"),
                 lambda a, b: bare(a) == bare(b) or len(bare(a).split()) > 2 and bare(b).startswith(bare(a) + " ")),
                ("author", meta.get("byline"), own.get("author"), same_author),
                ("language", meta.get("lang"), own.get("language"),
                 lambda a, b: (a or "").lower().replace("_", "-").split("-")[0] == b.lower().replace("_", "-").split("-")[0]),
                ("date", (meta.get("publishedTime") or "")[:10], (own.get("date") or "")[:10], lambda a, b: a == b),
            ]
            for name, expected, value, same in fields:
                if expected:
                    hit = bool(value) and same(value, expected)
                    counts[name][0] += hit
                    counts[name][1] += 1
                    if not hit and arguments.missed == tool:
                        print(f"    {page['id']} {name}: {value!r}, expected {expected!r}")
                elif value:
                    counts[name][2] += 1
        print(f"  {tool:12}" + "  ".join(
            f"{name} {hits / max(of, 1):.3f} ({hits}/{of}, {more} more)" for name, (hits, of, more) in counts.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", help="the binary")
    parser.add_argument("--mozilla", help="pages.jsonl.gz of Readability's tests")
    parser.add_argument("--only", default="math,code,tables,metadata")
    parser.add_argument("--missed", help="list what this tool missed")
    arguments = parser.parse_args()
    for kind in arguments.only.split(","):
        if kind != "metadata":
            parts(kind, arguments)
        elif arguments.mozilla:
            metadata(arguments)


if __name__ == "__main__":
    main()
