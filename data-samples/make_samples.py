#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow==26.0.1", "zstandard==0.25.0"]
# ///
"""Makes every data file in this folder from the collections described in README.md.

    make_samples.py [--data ../../shared/data] [--out .]     writes the files
    make_samples.py --check                                   makes them anew elsewhere and compares

The same sources give the same bytes: nothing depends on the clock, on hash seeds or on a random
number generator; whatever is "random" here is the order of SHA-256 digests. (gzip and zstd bytes
also depend on the versions of zlib and of the packages named above.)
"""

import argparse
import filecmp
import gzip
import hashlib
import html
import io
import json
import re
import sys
import tempfile
import zlib
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

import crawl

HERE = Path(__file__).resolve().parent
SEED = "tamis-samples-1"


def rank(*key):
    """A number that depends on nothing but the key: our only source of chance."""
    return int.from_bytes(hashlib.sha256("\0".join([SEED, *map(str, key)]).encode()).digest()[:8], "big")


def pick(items, count, key, *salt):
    """`count` of the items, chosen and ordered by rank."""
    return sorted(items, key=lambda item: rank(*salt, key(item)))[:count]


def load(data, name):
    with gzip.open(data / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def cut(text, limit):
    """The text up to the last paragraph or line end within `limit` bytes of UTF-8."""
    raw = text.encode()
    if len(raw) <= limit:
        return text.strip()
    head = raw[:limit].decode(errors="ignore")
    end = max(head.rfind("\n\n"), head.rfind("\n"))
    if end < len(head) // 2:
        end = max(head.rfind(stop) + len(stop) for stop in (". ", "。", "! ", "? "))
    return head[: end if end > len(head) // 3 else len(head)].strip()


# ---------------------------------------------------------------------------------------- web pages


def page(kind, key, url, text, licence, language, date=None, **metadata):
    if date is None:
        date = 1546300800 + rank("date", kind, key) % 204_000_000  # 2019 to mid-2025
    return {
        "kind": kind,
        "key": str(key),
        "url": url,
        "date": datetime.fromtimestamp(date, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "text": text,
        "metadata": {"source": kind, "license": licence, "language": language, **metadata},
    }


def latest(revisions):
    newest = {}
    for document in revisions:
        seen = newest.get(document["group"])
        if seen is None or (document["time"], document["id"]) > (seen["time"], seen["id"]):
            newest[document["group"]] = document
    return newest


def is_public_domain(pep):
    ending = pep["text"][-3000:].lower()
    return "public domain" in ending and "open publication" not in ending


def pep_number(document):
    return int(re.search(r"pep-(\d{4})", document["group"])[1])


def pep_text(document):
    """The text with the navigation and footer lines that peps.python.org puts around each page."""
    number = pep_number(document)
    title = re.search(r"(?m)^Title: *(.+)$", document["text"])
    title = title[1].strip() if title else "Untitled"
    changed = datetime.fromtimestamp(document["time"], timezone.utc).strftime("%Y-%m-%d %H:%M:%S GMT")
    return (
        f"Following system colour scheme Selected dark colour scheme Selected light colour scheme\n"
        f"Python Enhancement Proposals\nPython » PEP Index » PEP {number}\nToggle light / dark / auto colour theme\n"
        f"PEP {number} – {title}\n\n{cut(document['text'], 14_000)}\n\n"
        f"Source: https://github.com/python/peps/blob/main/peps/pep-{number:04}.rst\nLast modified: {changed}"
    )


def guide_place(document):
    """Language as the site writes it and page name of an opensource.guide document."""
    parts = document["group"].split("/")[1:]
    if len(parts) == 2 and re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", parts[0]):
        return parts[0], parts[1].removesuffix(".md")
    return "en", parts[-1].removesuffix(".md")


def guide_text(document, limit, raw):
    """The Markdown as it is (`raw`), or what a simple tag strip leaves of the rendered page."""
    text = document["text"]
    if raw:
        return cut(text, limit)
    title = re.search(r"(?m)^title: *(.+)$", text)
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    text = re.sub(r"(?m)^#+ *|[*`]{1,3}|^> ?", "", text)
    text = re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", text))
    heading = title[1].strip("\"' ") + "\n\n" if title else ""
    return f"Open Source Guides\nSkip to content\n{heading}{cut(text, limit)}\n\nBack to all guides\nContribute"


def peps_and_guides(data):
    revisions = load(data, "neardup/docs.jsonl.gz")
    newest = latest(revisions)
    peps = {}
    for document in newest.values():
        if document["group"].startswith("peps:") and "pep-" in document["group"] and is_public_domain(document):
            seen = peps.get(pep_number(document))
            if seen is None or seen["time"] < document["time"]:
                peps[pep_number(document)] = document
    peps = {n: d for n, d in peps.items() if 2_500 <= len(d["text"])}

    def pep_page(document, **more):
        number = pep_number(document)
        return page("pep", document["id"], f"https://peps.python.org/pep-{number:04}/", pep_text(document),
                    "public domain", "en", document["time"], number=number, **more)

    chosen = pick(peps.values(), 150, lambda d: d["group"], "pep")
    yield from map(pep_page, chosen)
    # Earlier revisions of some of them, at an archive's address: near-duplicates as they occur.
    chosen_groups = {d["group"] for d in chosen}
    older = {}
    for document in revisions:
        if document["group"] in chosen_groups and document["id"] != newest[document["group"]]["id"]:
            older.setdefault(document["group"], []).append(document)
    for group in pick(sorted(older), 30, str, "pep-old"):
        document = pick(older[group], 1, lambda d: d["id"], "revision")[0]
        found = pep_page(document, revision_of=newest[group]["id"])
        found["url"] = f"https://example.org/archive/{document['id'].split('@')[1]}/pep-{found['metadata']['number']:04}.html"
        yield found
    # Index pages: number, status and title of forty proposals, as a table and as a list of links.
    numbers = sorted(peps)
    for at in range(0, min(len(numbers), 640), 40):
        rows, links = ["Python Enhancement Proposals", "PEP | Title | Status | Type"], []
        for number in numbers[at : at + 40]:
            head = dict(re.findall(r"(?m)^(Title|Status|Type): *(.+)$", peps[number]["text"][:3000]))
            rows.append(f"{number} | {head.get('Title', '')} | {head.get('Status', '')} | {head.get('Type', '')}")
            links.append(f"* {head.get('Title', '')} (the full text of proposal {number})")
        yield page("pep-index", at, f"https://example.org/peps/index-{at // 40}.html", "\n".join(rows), "public domain", "en")
        yield page("pep-index", f"links-{at}", f"https://example.org/peps/links-{at // 40}.html", "\n".join(links), "public domain", "en")

    guides = [d for d in newest.values() if d["group"].startswith("opensource.guide:_articles/")]
    by_language = {}
    for document in guides:
        by_language.setdefault(guide_place(document)[0], []).append(document)
    for language, documents in sorted(by_language.items()):
        english = language.lower() in ("en", "en-us")
        for document in pick(documents, 20 if english else 5, lambda d: d["group"], "guide"):
            raw = rank("raw", document["id"]) % 3 == 0
            text = guide_text(document, 16_000 if english else 6_500, raw)
            name = guide_place(document)[1]
            place = f"{name}/" if language == "en" else f"{language.lower()}/{name}/"
            yield page("opensource.guide", document["id"], f"https://opensource.guide/{place}", text, "CC-BY-4.0",
                       language, document["time"], markup="markdown" if raw else "none")


def crawled(data):
    """Pages that do not stand in `web`: other proposals, and guides in other languages or choices."""
    newest = latest(load(data, "neardup/docs.jsonl.gz"))
    used = {record["metadata"].get("number") for record in peps_and_guides(data)}
    peps = {}
    for document in newest.values():
        if document["group"].startswith("peps:") and "pep-" in document["group"] and is_public_domain(document):
            if pep_number(document) not in used and len(document["text"]) >= 2_500:
                peps.setdefault(pep_number(document), document)
    for document in pick(peps.values(), 70, lambda d: d["group"], "crawl"):
        title = re.search(r"(?m)^Title: *(.+)$", document["text"])
        yield {"key": document["id"], "url": f"https://peps.example.org/pep-{pep_number(document):04}.html", "time": document["time"],
               "title": title[1].strip() if title else "Untitled", "language": "en", "text": cut(document["text"], 14_000)}
    used = {record["url"] for record in peps_and_guides(data)}
    for document in pick((d for d in newest.values() if d["group"].startswith("opensource.guide:_articles/")), 400,
                         lambda d: d["group"], "crawl-guide"):
        language, name = guide_place(document)
        if f"https://opensource.guide/{language.lower()}/{name}/" in used or language == "en":
            continue
        title = re.search(r"(?m)^title: *(.+)$", document["text"])
        yield {"key": document["id"], "url": f"https://guides.example.org/{language.lower()}/{name}/", "time": document["time"],
               "title": title[1].strip("\"' ") if title else name, "language": language, "text": cut(document["text"], 9_000)}


def write_crawl(data, out):
    pages = sorted(crawled(data), key=lambda page: rank("crawl-order", page["key"]))[:150]
    (out / "crawl/pages.warc.gz").write_bytes(b"".join(crawl.warc(pages)))


def write_formats(data, out):
    """A .warc.zst file with its dictionary in front, as it is and packed."""
    def sample(number):
        return (f"WARC/1.1\r\nWARC-Type: resource\r\nWARC-Target-URI: http://example.org/{number}\r\n"
                f"WARC-Date: 2026-11-{1 + number % 28:02}T10:00:00Z\r\nContent-Type: text/plain\r\n"
                f"Content-Length: 12\r\n\r\npage no {number:04}\r\n\r\n").encode()

    dictionary = zstandard.train_dictionary(1024, [sample(number) for number in range(400)])
    packer = zstandard.ZstdCompressor(dict_data=dictionary, level=3)
    frames = b"".join(packer.compress(sample(number)) for number in range(30))
    raw = dictionary.as_bytes()
    for name, stored in ("dictionary", raw), ("packed-dictionary", zstandard.ZstdCompressor().compress(raw)):
        head = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little")
        (out / f"formats/{name}.warc.zst").write_bytes(head + stored + frames)


def speeches(data):
    for document in load(data, "quality/nltk-mixed.jsonl.gz"):
        if document["genre"] not in ("inaugural", "state_union"):
            continue
        name = document["id"].split("/")[1].removesuffix(".txt").lower()
        year = int(name[:4])
        paragraphs = [p.strip() for p in re.split(r"\n\s*\n|\n(?=[A-Z])", document["text"]) if p.strip()]
        part, number = [], 1
        for paragraph in paragraphs + [None]:
            if part and (paragraph is None or sum(map(len, part)) > 4_500):
                text = "\n\n".join(part)
                if len(text) > 800:
                    yield page("speech", f"{document['id']}#{number}",
                               f"https://example.org/speeches/{document['genre'].replace('_', '-')}/{name}/{number}",
                               text, "public domain", "en", year=year, part=number)
                part, number = [], number + 1
            if paragraph is not None:
                part.append(paragraph)


MILD = set("""stupid idiot idiots stupidity ignorant dumb pathetic fool fools foolish idiotic ridiculous loser losers
hypocrite hypocrites liar liars silly garbage jerk trash troll clown clowns ignorance useless buffoon coward cowards crazy
corrupt moronic nonsense a an the and of to is you are in that this for it your i so such what how very""".split())
AVOID = re.compile(
    r"(?i)\b(kill\w*|murder\w*|rap(e|ed|ist|ists)|die|dead|shoot\w*|black|blacks|white|whites|rac\w*|muslim\w*|islam\w*|jew\w*"
    r"|gay\w*|homo\w*|trans\w*|lesbian\w*|immigrant\w*|illegals?|mexican\w*|native\w*|indians?|women|woman|girls?|catholic\w*"
    r"|christian\w*|nazi\w*|hitler|terror\w*|sex\w*|porn\w*|pedo\w*|abort\w*|disab\w*|retard\w*|mental\w*)\b"
)


def comments(data):
    """Civil Comments whose worst words are mild: single ones, and threads of several."""
    profane = set()
    for line in (data / "toxicity/surge-profanity_en.csv").read_text(encoding="utf-8").splitlines()[1:]:
        word = line.split(",")[0].lower()
        if word not in MILD:
            profane.add(word)
    mild = []
    for number, document in enumerate(load(data, "toxicity/toxicspans-civilcomments-en.jsonl.gz")):
        text, marked = document["text"], set(document["spans"])
        worst = "".join(c if i in marked else " " for i, c in enumerate(text)).lower()
        words = set(re.findall(r"[a-z']+", text.lower()))
        if marked and set(re.findall(r"[a-z']+", worst)) <= MILD and not words & profane and not AVOID.search(text):
            mild.append((number, text.strip()))
    mild = pick(mild, len(mild), lambda m: m[0], "comment")

    def single(wanted, low, high, folder):
        taken = [m for m in mild if low <= len(m[1].split()) < high][:wanted]
        for number, text in taken:
            mild.remove((number, text))
            yield page("comment", number, f"https://example.org/{folder}/comment-{number}", text, "CC0-1.0", "en", toxic=True)

    yield from single(45, 10, 48, "news")
    yield from single(40, 54, 76, "news")  # enough words for Gopher, too few for a page
    yield from single(12, 95, 400, "login?next=/news")
    for at in range(0, min(len(mild), 900) - 12, 12):
        group = mild[at : at + 12]
        lines = ["Comments (12) | Sort by: newest | Log in to reply", ""]
        for number, text in group:
            lines += [f"user{number % 9973} wrote:", text, "Reply | Share | Report", ""]
        yield page("thread", group[0][0], f"https://example.org/news/thread-{group[0][0]}", "\n".join(lines).strip(), "CC0-1.0", "en", comments=12)


def messages(data):
    """SMS: a spam message alone, and pages that list dozens of them."""
    spam = [(n, d["text"]) for n, d in enumerate(load(data, "quality/sms-spam.jsonl.gz")) if d["label"] == "spam"]
    for number, text in pick(spam, 45, lambda m: m[0], "sms"):
        yield page("sms-spam", number, f"https://example.org/offers/{number}.html", text, "CC-BY-4.0", "en", spam=True)
    for at in range(20):
        group = pick(spam, 25, lambda m: m[0], "sms-page", at)
        text = "\n".join("#" * (1 + rank("mark", at, n) % 5) + " " + t + " ..." for n, t in group)
        yield page("sms-spam", f"page-{at}", f"https://example.org/offers/list-{at}.html", text, "CC-BY-4.0", "en", spam=True)


def lists(data):
    """What a crawl has more of than one likes: tag clouds, and teasers that break off."""
    words = [i["text"] for i in load(data, "lid-lingua/lingua-testdata.jsonl.gz") if i["lang"] == "en" and i["kind"] == "single-words"]
    for at in range(12):
        yield page("tags", at, f"https://example.org/tags/{at}", "\n".join(pick(words, 90, str, "tags", at)), "CC-BY-4.0", "en")
    chapters = [d for d in load(data, "text-novels/eltec-en-half.jsonl.gz") if died(d) < 1950]
    for at in range(12):
        lines = ["Latest from the library"]
        for document in pick(chapters, 15, lambda d: d["id"], "teaser", at):
            lines.append(" ".join(document["text"].split()[20:44]) + "...")
        yield page("teasers", at, f"https://example.org/latest/{at}", "\n".join(lines), "public domain", "en")


def code(data):
    problems = load(data, "benchmarks/humaneval.jsonl.gz")
    for problem in pick(problems, 40, lambda p: p["id"], "humaneval"):
        number = problem["id"].split("/")[1]
        yield page("humaneval", problem["id"], f"https://example.org/code/{number}.py",
                   problem["prompt"] + problem["solution"] + "\n" + problem["test"], "MIT", "en", programming_language="Python")
    problems = load(data, "benchmarks/mbpp.jsonl.gz")
    for at in range(35):
        group = pick(problems, 6, lambda p: p["id"], "mbpp", at)
        text = "\n\n".join(f"# {p['prompt']}\n{p['code']}\n\n" + "\n".join(p["tests"]) for p in group).replace("\r\n", "\n")
        yield page("mbpp", at, f"https://example.org/snippets/{at}.py", text, "CC-BY-4.0", "en", programming_language="Python")


# In the United States and in countries that protect works for 70 years after the author's death.
NOVELS_EN = """ENG18652_Carroll ENG18471_Bronte ENG18540_Dickens ENG18610_Eliot ENG18900_Doyle ENG18952_Wells
ENG19150_Buchan ENG18920_Grossmith ENG19080_Chesterton ENG19170_Conrad ENG18860_Hardy ENG18820_Anstey ENG19060_Nesbit
ENG18551_Trollope ENG18953_Macdonald ENG18570_Bronte ENG18911_Gissing ENG18621_Braddon ENG18850_Rutherford
ENG19070_Machen ENG19011_Jerome ENG18910_Yeats ENG19090_Wells ENG18931_Harraden ENG18482_Gaskell ENG18940_Dixon
ENG18961_Griffiths ENG18760_Collins""".split()


def novel(document):
    work, number = document["id"].rsplit("#", 1)
    title = re.sub(r"\s*:\s*ELTe[Cc] (edition|ausgabe)", "", document["title"]).strip()
    return work, int(number), title, document["author"].rstrip(".")


def died(document):
    year = re.search(r"[-–](\d{4})\)", document["author"])
    return int(year[1]) if year else 9999


def novel_pages(data, name, language, wanted, skip, limit, url):
    """Chapters' first pages, from works that are not in books/."""
    chapters = [d for d in load(data, name) if novel(d)[0] not in skip and len(d["text"]) > 2_000 and died(d) < 1950]
    for document in pick(chapters, wanted, lambda d: d["id"], name):
        work, number, title, author = novel(document)
        text = f"{title}\nby {author}\nPrevious chapter | Contents | Next chapter\n\n{cut(document['text'], limit)}"
        yield page("novel", document["id"], url.format(work=work.lower(), number=number), text, "public domain", language, title=title, author=author)


NOVELS_DE = "DEU052 DEU051 DEU046 DEU059 DEU066 DEU070 DEU088 DEU032 DEU096 DEU043".split()

RUSSIAN = ("ostrovsky chekhov sumarokov tolstoy knyazhnin krylov gogol sukhovo mamin pisarev fonvizin lermontov ekaterina "
           "kheraskov turgenev griboyedov kapnist lomonosov majkov pushkin leskov").split()
JAPANESE = ("芥川龍之介 宮沢賢治 泉鏡花 岡本かの子 夢野久作 梶井基次郎 岡本綺堂 平林初之輔 長谷川時雨 田山録弥 大隈重信 新渡戸稲造 内藤鳴雪 "
            "田中貢太郎 南部修太郎 高村光雲 小酒井不木 水野仙子 三遊亭円朝 中島敦 小出楢重 小熊秀雄 北條民雄 牧野信一 伊藤野枝 與謝野寛 国枝史郎 "
            "福澤諭吉 佐野友三郎 萩原朔太郎 森林太郎 国木田独歩 松本泰 北村透谷 十一谷義三郎").split()


def other_languages(data):
    poems = load(data, "text-poetry-zh/poetry-zh.jsonl.gz")
    for at in range(110):
        group = pick(poems, 3 + rank("poems", at) % 14, lambda p: p["id"], "poem", at)
        text = "\n\n".join(f"{p['title']}\n{p['author']}\n{p['text']}" for p in group)
        yield page("poetry-zh", at, f"https://example.org/zh/poems/{at}", text, "MIT", "zh", poems=len(group))

    scenes = [d for d in load(data, "text-russian/rusdracor.jsonl.gz") if d["id"].split("/")[1].split("-")[0] in RUSSIAN]
    for document in pick(scenes, 95, lambda d: d["id"], "scene"):
        play, number = document["id"].removeprefix("tei/").split(".xml#")
        yield page("rusdracor", document["id"], f"https://dracor.org/rus/{play}#{number}", cut(document["text"], 6_000),
                   "CC0-1.0", "ru", title=document["title"])

    works = [d for d in load(data, "text-aozora-ja/aozora-ja-eighth.jsonl.gz") if d["author"] in JAPANESE]
    for document in sorted(works, key=lambda d: d["id"]):
        text, number = document["text"].strip(), 0
        while len(text) > 300 and number < 3:
            part = cut(text, 3_500)
            number, text = number + 1, text[len(part):].strip()
            yield page("aozora", f"{document['id']}#{number}", f"https://example.org/ja/{document['id']}/{number}", part,
                       "public domain", "ja", title=document["title"], author=document["author"])

    sentences = {}
    for item in load(data, "lid-lingua/lingua-testdata.jsonl.gz"):
        if item["kind"] == "sentences" and item["lang"] not in ("en", "la", "eo"):
            sentences.setdefault(item["lang"], []).append(item["text"])
    for language in sorted(sentences):
        group = pick(sentences[language], 12, str, "sentence", language)
        yield page("leipzig", language, f"https://example.org/{language}/news", "\n".join(group), "CC-BY-4.0", language, sentences=12)


def web(data):
    speech_pages = pick(speeches(data), 170, lambda p: p["key"], "speech")
    unique = [
        *peps_and_guides(data), *speech_pages, *comments(data), *messages(data), *lists(data), *code(data),
        *novel_pages(data, "text-novels/eltec-en-half.jsonl.gz", "en", 130, NOVELS_EN, 5_500, "https://example.org/library/{work}/{number}"),
        *novel_pages(data, "text-novels/eltec-de-eighth.jsonl.gz", "de", 85, NOVELS_DE, 4_500, "https://example.org/bibliothek/{work}/{number}"),
        *other_languages(data),
    ]
    # The same text at other addresses: mirrors and campaign links.
    good = ("pep", "opensource.guide", "speech", "thread", "novel")
    english = [p for p in unique if p["metadata"]["language"] == "en" and p["kind"] in good and "revision_of" not in p["metadata"]]
    foreign = [p for p in unique if p["metadata"]["language"] != "en"]
    copies = []
    for original in pick(english, 44, lambda p: p["key"], "copy") + pick(foreign, 24, lambda p: p["key"], "copy"):
        for copy in range(1, 4 if rank("copies", original["key"]) % 9 == 0 else 2):
            mirror = dict(original, metadata=dict(original["metadata"], copy=copy))
            mirror["key"] += f"|{copy}"
            if rank("mirror", mirror["key"]) % 2:
                mirror["url"] = f"https://example.org/mirror-{copy}/{hashlib.sha256(original['url'].encode()).hexdigest()[:12]}"
            else:
                address, mark, fragment = original["url"].partition("#")
                mirror["url"] = f"{address}{'&' if '?' in address else '?'}utm_source=feed{copy}{mark}{fragment}"
            copies.append(mirror)
    pages = sorted(unique + copies, key=lambda p: rank("order", p["kind"], p["key"]))
    records = []
    for number, found in enumerate(pages):
        status = {"status": 200, "content_type": "text/html; charset=utf-8" if rank("type", number) % 5 else "text/plain"}
        records.append({
            "id": f"web-{number:05}",
            "url": found["url"],
            "date": found["date"],
            "text": found["text"],
            "length": len(found["text"]),
            "metadata": {**found["metadata"], "http": status},
        })
    return records


def json_line(record):
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_web(data, out):
    parts = [[], [], []]
    for number, record in enumerate(web(data)):
        parts[number % 3].append(json_line(record))
    (out / "web/part-0.jsonl.gz").write_bytes(gz(b"".join(parts[0])))
    (out / "web/part-1.jsonl.zst").write_bytes(zst(b"".join(parts[1])))
    (out / "web/part-2.jsonl").write_bytes(b"".join(parts[2]))


def gz(raw):
    return gzip.compress(raw, 9, mtime=0)


def zst(raw):
    return zstandard.ZstdCompressor(level=19, write_content_size=True, write_checksum=True).compress(raw)


# -------------------------------------------------------------------------------------------- books

def write_table(path, rows, group, schema=None):
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, path, compression="zstd", compression_level=15, row_group_size=group)


def write_books(data, out):
    schema = pa.schema([("id", pa.string()), ("title", pa.string()), ("author", pa.string()), ("text", pa.string())])

    def rows(name, works):
        chapters = [d for d in load(data, name) if novel(d)[0] in works]
        chapters.sort(key=lambda d: (works.index(novel(d)[0]), novel(d)[1]))
        return [{"id": d["id"], "title": novel(d)[2], "author": novel(d)[3], "text": d["text"]} for d in chapters]

    write_table(out / "books/novels-en.parquet", rows("text-novels/eltec-en-half.jsonl.gz", NOVELS_EN), 96, schema)
    write_table(out / "books/novels-de.parquet", rows("text-novels/eltec-de-eighth.jsonl.gz", NOVELS_DE), 8, schema)


# ------------------------------------------------------------------------------------ plain text files


def write_plain(data, out):
    def put(name, text):
        (out / "plain" / name).write_bytes(text.strip().encode() + b"\n")

    english = {d["id"]: d["text"] for d in load(data, "text-novels/eltec-en-half.jsonl.gz") if "Carroll" in d["id"]}
    put("alice-en.txt", english[min(english, key=lambda i: int(i.split("#")[1]))])
    german = [d for d in load(data, "text-novels/eltec-de-eighth.jsonl.gz") if d["id"].startswith("DEU052#")]
    put("heidi-de.txt", german[0]["text"])
    japanese = [d for d in load(data, "text-aozora-ja/aozora-ja-eighth.jsonl.gz") if d["author"] == "芥川龍之介"]
    put("akutagawa-ja.txt", min(japanese, key=lambda d: len(d["text"]))["text"])
    russian = [d for d in load(data, "text-russian/rusdracor.jsonl.gz") if d["id"].startswith("tei/chekhov-")]
    put("chekhov-ru.txt", cut(russian[0]["text"], 30_000))
    poems = [p for p in load(data, "text-poetry-zh/poetry-zh.jsonl.gz") if p["author"] == "徐鉉"]
    put("xuxuan-zh.txt", "\n\n".join(f"{p['title']}\n{p['text']}" for p in pick(poems, 8, lambda p: p["id"], "plain")))
    newest = latest(load(data, "neardup/docs.jsonl.gz"))
    put("zen-en.txt", newest["peps:peps/pep-0020.rst"]["text"])
    for language in ("ar", "hi", "fr"):
        guide = min(g for g in newest if g.startswith(f"opensource.guide:_articles/{language}/"))
        put(f"guide-{language}.txt", guide_text(newest[guide], 12_000, False))


# ------------------------------------------------------------------------------------- broken inputs

POEM = "Tiger Tiger, burning bright, In the forests of the night; What immortal hand or eye, Could frame thy fearful symmetry?"


def split_lines(raw):
    """(byte offset, line without its end) of each line; a last line may lack its end."""
    at = 0
    for line in raw.split(b"\n"):
        if line or at < len(raw):
            yield at, line.removesuffix(b"\r")
        at += len(line) + 1


def judge(line):
    """Why this line is no record, or None: the script's own reading of the bytes, by the rules in README.md."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return "invalid-utf8", {"at": error.start}

    def no_constant(name):
        raise ValueError(f"{name} is not JSON")

    try:
        value = json.loads(text, parse_constant=no_constant)
    except ValueError:
        return "invalid-json", {}
    if not isinstance(value, dict):
        return "not-an-object", {}
    if re.search("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False)):
        return "unpaired-surrogate", {}
    if "text" not in value:
        return "text-missing", {}
    if value["text"] is None:
        return "text-null", {}
    if not isinstance(value["text"], str):
        return "text-not-a-string", {}
    return None


def expect_lines(raw, members=(0,), stream_error=None):
    """What a JSON Lines file holds. `members`: where in the decompressed bytes each member starts."""
    found = {"records": 0, "good": 0, "bad": 0, "blank_lines": 0, "decompressed_bytes": len(raw), "good_ids": [], "bad_records": []}
    unfinished = stream_error is not None and raw and not raw.endswith(b"\n") and stream_error["kind"] == "unexpected-end"
    lines = list(split_lines(raw))
    for number, (offset, line) in enumerate(lines, 1):
        if not line.strip():
            found["blank_lines"] += 1
            continue
        member = sum(start <= offset for start in members) - 1
        verdict = ("cut-off", {}) if unfinished and number == len(lines) else judge(line)
        if verdict is None:
            found["good"] += 1
            found["good_ids"].append(json.loads(line).get("id"))
        else:
            reason, more = verdict
            found["bad"] += 1
            if "at" in more:
                more = {"bad_byte": offset + more["at"]}
            found["bad_records"].append({"record": found["records"], "line": number, "offset": offset, "bytes": len(line),
                                         "member": member, "reason": reason, **more})
        found["records"] += 1
    if len(members) != 1:
        found["members"] = len(members)
        found["member_starts"] = list(members)
    if stream_error:
        found["stream_error"] = stream_error
    return found


def dirty_records(kind, count, words=20):
    """Valid records whose text does not compress to nothing."""
    for number in range(count):
        text = " ".join(POEM.split()[rank(kind, number, i) % 20] + str(rank(kind, number, -i) % 97) for i in range(words))
        yield json_line({"id": f"{kind}-{number}", "url": f"https://example.org/{kind}/{number}", "text": text})


def write_dirty(data, out):
    folder, expected = out / "dirty", {}

    def put(name, stored, expectation):
        (folder / name).write_bytes(stored)
        expected[name] = {"bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest(), **expectation}

    good = list(dirty_records("good", 12))
    lines = [
        good[0],
        b"\n",
        good[1].replace(b"\n", b"\r\n"),
        b'{"id":"cut","text":"this line ends too ear\n',
        b"plain words, no JSON at all\n",
        b'{"id":"number","text":42}\n',
        good[2],
        b'{"id":"list","text":["a","b"]}\r\n',
        b'{"id":"null","text":null}\n',
        b'{"id":"no-text","url":"https://example.org/none","body":"the words are under another key"}\n',
        b'{"id":"lone-high","text":"half a pair: \\ud83d and then nothing"}\n',
        b'{"id":"lone-low","text":"the other half: \\ude00"}\n',
        b'{"id":"pair","text":"a whole pair: \\ud83d\\ude00"}\n',
        b"   \t \n",
        b"\r\n",
        json_line({"id": "long", "text": " ".join(f"word{rank('long', i) % 9999}" for i in range(40_000))}),
        b'{"id":"trailing-comma","text":"one too many",}\n',
        b'{"id":"nan","text":"not a number","score":NaN}\n',
        b'["an","array"]\n',
        b'"a string"\n',
        b'{"id":"two","text":"first"} {"id":"two-b","text":"second on the same line"}\n',
        b'  {"id":"spaces","text":"white space around the object is fine"}  \n',
        b'{"id":"control","text":"a raw \x01 control character"}\n',
        b'{"id":"escapes","text":"tab \\t, nul \\u0000, quote \\", e-acute \\u00e9"}\n',
        good[3],
        b'{"id":"empty-text","text":""}\n',
        b'{"id":"last","text":"no line end follows"}',
    ]
    put("malformed.jsonl", b"".join(lines), expect_lines(b"".join(lines)))

    lines = [
        good[4],
        b'{"id":"latin1","text":"caf\xe9 au lait"}\n',
        good[5],
        b'{"id":"ff","text":"a byte that never occurs: \xff"}\n',
        b'{"id":"cut-char","text":"three of four bytes: \xf0\x9f\x98"}\n',
        b'{"id":"overlong","text":"overlong nul: \xc0\x80"}\n',
        b'{"id":"cesu","text":"surrogates as bytes: \xed\xa0\xbd\xed\xb8\x80"}\n',
        b'{"id":"elsewhere","url":"https://example.org/\xe9","text":"the text itself is fine"}\n',
        b'{"id":"whole","text":"caf\xc3\xa9, \xe6\xbc\xa2\xe5\xad\x97, \xf0\x9f\x98\x80"}\n',
        b'\x80\x81\x82\n',
        good[6],
    ]
    put("invalid-utf8.jsonl", b"".join(lines), expect_lines(b"".join(lines)))

    # Cut in the middle: what a decoder can still give is found out by decoding the cut file.
    raw = b"".join(dirty_records("cut", 400, 60))
    stored = gz(raw)[: len(gz(raw)) * 6 // 10]
    decoder = zlib.decompressobj(31)
    left = decoder.decompress(stored)
    assert not decoder.eof and raw.startswith(left) and not left.endswith(b"\n")
    end = {"kind": "unexpected-end", "after_decompressed_bytes": len(left)}
    put("truncated.jsonl.gz", stored, expect_lines(left, stream_error=end))

    encoder = zstandard.ZstdCompressor(level=9).compressobj()
    blocks = []
    for at in range(0, len(raw), 40_000):  # a block for each 40,000 bytes
        blocks += [encoder.compress(raw[at : at + 40_000]), encoder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    blocks.append(encoder.flush())
    stored = b"".join(blocks)
    stored = stored[: len(stored) * 6 // 10]
    left = zstandard.ZstdDecompressor().decompressobj().decompress(stored)
    assert raw.startswith(left) and 0 < len(left) < len(raw) and not left.endswith(b"\n")
    end = {"kind": "unexpected-end", "after_decompressed_bytes": len(left)}
    put("truncated.jsonl.zst", stored, expect_lines(left, stream_error=end))

    raw = b"".join(dirty_records("garbage", 20))
    whole = gz(raw)
    put("trailing-garbage.jsonl.gz", whole + b"these bytes are no gzip member\n\0\1\2", expect_lines(
        raw, stream_error={"kind": "trailing-garbage", "at_compressed_byte": len(whole)}))

    # Three members; the second starts in the middle of a line, the third at the start of one.
    raw = b"".join(dirty_records("member", 30))
    ends = [m.end() for m in re.finditer(b"\n", raw)]
    starts = (0, ends[9] + 40, ends[19])
    pieces = [raw[a:b] for a, b in zip(starts, starts[1:] + (len(raw),))]
    put("multi-member.jsonl.gz", b"".join(map(gz, pieces)), expect_lines(raw, starts))
    put("multi-frame.jsonl.zst", b"".join(map(zst, pieces)), expect_lines(raw, starts))

    put("empty.jsonl", b"", expect_lines(b""))
    put("empty.jsonl.gz", gz(b""), expect_lines(b""))

    put("not-parquet.parquet", b"This is a text file that somebody named .parquet.\n" * 4,
        {"records": 0, "good": 0, "bad": 0, "file_error": "not-parquet"})
    rows = [json.loads(line) for line in dirty_records("parquet", 60, 40)]
    buffer = io.BytesIO()
    write_table(buffer, rows, 20)
    stored = buffer.getvalue()
    put("truncated.parquet", stored[: len(stored) * 2 // 3], {"records": 0, "good": 0, "bad": 0, "file_error": "no-footer"})
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string()), ("note", pa.string())])
    rows = [{"id": f"null-{n}", "text": None if n in (2, 5, 6, 11) else f"text number {n}", "note": None if n % 3 else "kept"} for n in range(12)]
    buffer = io.BytesIO()
    write_table(buffer, rows, 5, schema)
    read = pq.read_table(io.BytesIO(buffer.getvalue()))
    assert read.schema.field("text").type == pa.large_string()
    missing = [n for n, value in enumerate(read["text"].to_pylist()) if value is None]
    put("nulls.parquet", buffer.getvalue(), {
        "records": len(rows), "good": len(rows) - len(missing), "bad": len(missing), "row_groups": 3,
        "good_ids": [row["id"] for row in rows if row["text"] is not None],
        "bad_records": [{"record": n, "row_group": n // 5, "row": n % 5, "reason": "text-null"} for n in missing]})

    raw = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n".encode() + \
        "Voix ambiguë d'un cœur qui au zéphyr préfère les jattes de kiwis.\n".encode("cp1252") + "Die letzte Zeile ist wieder gültig.\n".encode()
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        put("invalid-utf8.txt", raw, {"records": 1, "good": 0, "bad": 1, "bad_records": [
            {"record": 0, "offset": 0, "bytes": len(raw), "reason": "invalid-utf8", "bad_byte": error.start}]})

    (folder / "EXPECTED.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


# ------------------------------------------------------------------------------ tokenizer and model


def write_tokenizer(data, out):
    """The tokenizer.json that Hugging Face publishes for GPT-2, from OpenAI's vocabulary and merges."""
    vocabulary = json.loads((data / "tokenizers/gpt2/vocab.json").read_text(encoding="utf-8"))
    merges = (data / "tokenizers/gpt2/merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [merge for merge in merges[1:] if merge]
    assert sorted(vocabulary.values()) == list(range(50_257)) and len(merges) == 50_000
    assert vocabulary["<|endoftext|>"] == 50_256

    def byte_level(add_prefix_space, trim_offsets):
        return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": trim_offsets, "use_regex": True}

    end = {"id": 50_256, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": byte_level(False, True),
        "post_processor": byte_level(True, False),
        "decoder": byte_level(True, True),
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": dict(sorted(vocabulary.items(), key=lambda item: item[1])), "merges": merges,
        },
    }
    (out / "tokenizers/gpt2.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def write_model(data, out):
    raw = (data / "lid-models/lid.176.ftz").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
    (out / "models/lid.176.ftz").write_bytes(raw)


def make(data, out):
    for folder in ("web", "crawl", "formats", "books", "plain", "dirty", "tokenizers", "models"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for step in (write_model, write_tokenizer, write_web, write_crawl, write_formats, write_books, write_plain, write_dirty):
        step(data, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--check", action="store_true", help="compare with what stands in --out instead of writing there")
    arguments = parser.parse_args()
    if not arguments.check:
        make(arguments.data, arguments.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make(arguments.data, Path(folder))
        names = sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())
        _, different, absent = filecmp.cmpfiles(folder, arguments.out, names, shallow=False)
    for name in different + absent:
        print(f"differs: {name}", file=sys.stderr)
    print(f"{len(names) - len(different) - len(absent)} of {len(names)} files are the same", file=sys.stderr)
    return 1 if different or absent else 0


if __name__ == "__main__":
    sys.exit(main())
