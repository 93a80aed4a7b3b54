"""Pages as a crawler finds them: texts of README.md's sources in page templates of our own, as WARC.

The templates hold what extraction has to tell from the text: menus, cookie notices, side columns, teasers
of other pages, comment forms, footers. One writes clean HTML5, one div soup, one tables and line breaks as
of 1999. Character sets, chunks and compression differ from page to page as they do on the web.
"""

import gzip
import hashlib
import html
import re
from base64 import b32encode
from datetime import datetime, timezone
from uuid import UUID

MENU = ["Home", "Articles", "Topics", "Archive", "Newsletter", "Shop", "About us", "Contact", "Log in", "Register"]
COOKIES = "We use cookies to improve your experience on our site. By clicking Accept all you agree to the use of all cookies."
TEASERS = ["Ten things you did not know about semicolons …", "Why nobody reads the manual …", "The house style that divides the team …",
           "Seven bridges, and how to cross them …", "What the gardener said about recursion …", "An index of all our indexes …"]


def inline(text):
    text = html.escape(text, quote=False)
    text = re.sub(r"``(.+?)``|`([^`]+)`_?", lambda m: f"<code>{m[1] or m[2]}</code>", text)
    text = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>', text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def blocks(text):
    """The parts of a text in reStructuredText or Markdown: ("h2" | "p" | "li" | "pre", content)."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    if re.match(r"(?:[A-Z][A-Za-z-]*:.*\n)(?:[A-Z \t].*\n)+\n", text):
        text = text.split("\n\n", 1)[1]
    text = html.unescape(re.sub(r"<[^>\n]+>|!\[[^]]*\]\([^)]*\)", "", text))
    found, code = [], False
    for part in re.split(r"\n{2,}", text.strip()):
        lines = [line for line in part.split("\n") if line.strip()]
        if not lines:
            continue
        if len(lines) > 1 and re.fullmatch(r"([=~^\"'-])\1{2,}", lines[-1].strip()):
            found.append(("h2", lines[-2].strip()))
        elif match := re.match(r"#+ +(.*)", lines[0]):
            found.append(("h2", match[1]))
            lines = lines[1:]
            if lines:
                found.append(("p", " ".join(lines)))
        elif code and lines[0].startswith(("    ", "  ")):
            found.append(("pre", "\n".join(lines)))
            continue
        elif re.match(r"[*-] ", lines[0].lstrip()):
            items = re.split(r"\n\s*[*-] ", "\n" + "\n".join(lines))
            found += [("li", " ".join(item.split())) for item in items[1:]]
        else:
            found.append(("p", " ".join(" ".join(lines).split())))
        code = part.rstrip().endswith("::")
    return found


def body(text, breaks):
    """The blocks as HTML, or as text with line breaks and no paragraphs."""
    out, listed = [], False
    for kind, content in blocks(text):
        if listed and kind != "li" and not breaks:
            out.append("</ul>")
        listed = kind == "li"
        if breaks:
            content = f"<b>{inline(content)}</b>" if kind == "h2" else inline(content)
            out.append(f"<pre>{content}</pre>" if kind == "pre" else f"{content}<br>\n<br>")
        elif kind == "li":
            if not (out and out[-1].startswith(("<ul>", "<li>"))):
                out.append("<ul>")
            out.append(f"<li>{inline(content)}</li>")
        elif kind == "pre":
            out.append(f"<pre><code>{html.escape(content, quote=False)}</code></pre>")
        else:
            out.append(f"<{kind}>{inline(content)}</{kind}>")
    if listed and not breaks:
        out.append("</ul>")
    return "\n".join(out)


def modern(title, text, url, language, charset, seed):
    menu = "".join(f'<li><a href="/{n.lower().replace(" ", "-")}">{n}</a></li>' for n in MENU)
    teasers = "".join(f'<a class="card" href="/t/{n}"><h3>{t}</h3><p>Read more</p></a>' for n, t in enumerate(TEASERS))
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="{charset}"><title>{html.escape(title)} | The Sample Times</title>
<link rel="canonical" href="{url}"><meta property="og:title" content="{html.escape(title)}"><script>window.dataLayer = [];</script>
<style>body {{ margin: 0 }}</style></head><body>
<div id="cookie-banner" role="dialog"><p>{COOKIES}</p><button>Accept all</button><button>Settings</button></div>
<header><nav><ul class="menu">{menu}</ul></nav><form role="search"><input placeholder="Search …"></form></header>
<main><article><h1>{html.escape(title)}</h1><p class="byline">By <a rel="author" href="/staff/{seed % 9}">Staff {seed % 9}</a></p>
{body(text, False)}
<div class="share"><a href="#">Share on this</a> <a href="#">Share on that</a> <a href="#">Print</a></div></article>
<section class="related"><h2>Related articles</h2>{teasers}</section>
<section id="comments"><h2>Leave a comment</h2><form><label>Name</label><input><textarea></textarea><button>Post comment</button></form></section></main>
<footer><p>© 2026 The Sample Times. All rights reserved. <a href="/terms">Terms</a> <a href="/privacy">Privacy</a></p></footer>
</body></html>"""


def soup(title, text, url, language, charset, seed):
    menu = "".join(f'<div class="nav-item"><a href="/{n}">{n}</a></div>' for n in MENU)
    side = "".join(f'<div class="widget"><div class="widget-title">{t}</div><div><a href="/x/{n}">continue reading</a></div></div>'
                   for n, t in enumerate(TEASERS))
    content = body(text, False).replace("<p>", '<div class="txt">').replace("</p>", "</div>")
    return f"""<html><head><title>Sample board - {html.escape(title)}</title>
<meta http-equiv="Content-Type" content="text/html; charset={charset}"></head><body class="page page-{seed}">
<div id="wrap"><div id="top"><div id="logo">Sample board</div><div id="nav">{menu}</div><div class="crumbs">Home &raquo; Board &raquo; {html.escape(title)}</div></div>
<div id="columns"><div id="left">{side}</div><div id="center"><div class="head">{html.escape(title)}</div>
<div class="entry-content">{content}</div><div class="tags">Tags: <a href="/tag/1">one</a>, <a href="/tag/2">two</a>, <a href="/tag/3">three</a></div></div></div>
<div id="bottom">Powered by Sample board 2.1. Page created in 0.0{seed % 90 + 10} seconds with 1{seed % 7} queries.</div></div></body></html>"""


def tables(title, text, url, language, charset, seed):
    menu = "<br>".join(f'<a href="{n}.htm">{n}</a>' for n in MENU)
    return f"""<HTML><HEAD><TITLE>{html.escape(title)}</TITLE></HEAD><BODY BGCOLOR=#FFFFFF>
<TABLE WIDTH=100%><TR><TD WIDTH=150 VALIGN=top><FONT SIZE=2>{menu}</FONT></TD><TD><FONT SIZE=3>
<CENTER><B>{html.escape(title)}</B></CENTER><BR>
{body(text, True)}
</FONT></TD></TR><TR><TD COLSPAN=2><CENTER><FONT SIZE=1>Best viewed at 800x600. You are visitor number {seed % 90000}. <a href="mailto:webmaster@example.org">Webmaster</a></FONT></CENTER></TD></TR></TABLE></BODY></HTML>"""


TEMPLATES = [modern, soup, tables]
CHARSETS = {"zh-hans": "gb18030", "zh-hant": "big5", "ja": "shift_jis", "ru": "windows-1251", "de": "iso-8859-1",
            "fr": "windows-1252", "ko": "euc-kr", "pl": "iso-8859-2", "el": "windows-1253"}


def record(kind, url, date, content_type, block, key, payload=None, **more):
    def digest(raw):
        return "sha1:" + b32encode(hashlib.sha1(raw).digest()).decode()

    head = {"WARC-Type": kind, "WARC-Record-ID": f"<urn:uuid:{UUID(bytes=hashlib.sha256(f'{kind} {key}'.encode()).digest()[:16])}>",
            "WARC-Date": date, "WARC-Target-URI": url, **more, "WARC-Block-Digest": digest(block)}
    if payload is not None:
        head["WARC-Payload-Digest"] = digest(payload)
    head |= {"Content-Type": content_type, "Content-Length": str(len(block))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
    return gzip.compress(b"WARC/1.1\r\n" + lines.encode() + b"\r\n" + block + b"\r\n\r\n", 9, mtime=0)


def answer(status, headers, sent):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + sent


def chunked(raw, size):
    parts = [raw[at : at + size] for at in range(0, len(raw), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def fetched(number, page):
    """Request, response and metadata records of one page (key, url, date, title, language, text)."""
    url, date = page["url"], datetime.fromtimestamp(page["time"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    language = page["language"]
    charset = CHARSETS.get(language.lower(), "utf-8") if number % 2 else "utf-8"
    template = TEMPLATES[number % 3]
    text = template(page["title"], page["text"], url, language, charset, number)
    try:
        raw = text.encode(charset)
    except UnicodeEncodeError:
        charset = "utf-8"
        raw = template(page["title"], page["text"], url, language, charset, number).encode()
    # The old pages say their character set in the header or not at all.
    said = f"text/html; charset={charset}" if template is tables and charset != "utf-8" else "text/html"
    headers, sent = [("Content-Type", said)], raw
    if number % 5 == 1:
        sent = gzip.compress(raw, 6, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    payload = sent
    if number % 4 == 1:
        sent = chunked(sent, 1500)
        headers.append(("Transfer-Encoding", "chunked"))
    else:
        headers.append(("Content-Length", str(len(sent))))
    place = url.split("/", 3)
    request = f"GET /{place[3]} HTTP/1.1\r\nHost: {place[2]}\r\nUser-Agent: sample\r\n\r\n".encode()
    key = page["key"]
    yield record("request", url, date, "application/http; msgtype=request", request, key)
    yield record("response", url, date, "application/http; msgtype=response", answer("200 OK", headers, sent), key, payload)
    yield record("metadata", url, date, "application/warc-fields", b"fetchTimeMs: %d\r\n" % (number % 700 + 20), key)


def others():
    """Answers that are no pages."""
    date = "2026-01-01T00:00:00Z"
    kind = "application/http; msgtype=response"
    missing = b"<html><title>404</title><body><h1>Not found</h1></body></html>"
    yield record("response", "https://example.org/gone.html", date, kind,
                 answer("404 Not Found", [("Content-Type", "text/html")], missing), "gone", missing)
    yield record("response", "https://example.org/old.html", date, kind,
                 answer("301 Moved Permanently", [("Location", "/new.html"), ("Content-Length", "0")], b""), "moved", b"")
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    yield record("response", "https://example.org/logo.png", date, kind,
                 answer("200 OK", [("Content-Type", "image/png")], png), "logo", png)
    yield record("revisit", "https://example.org/again.html", date, kind,
                 answer("200 OK", [("Content-Type", "text/html")], b""), "again", None,
                 **{"WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"})


def warc(pages):
    info = b"software: make_samples.py\r\nformat: WARC File Format 1.1\r\n"
    yield record("warcinfo", None, "2026-01-01T00:00:00Z", "application/warc-fields", info, "info")
    for number, page in enumerate(pages):
        yield from fetched(number, page)
    yield from others()
