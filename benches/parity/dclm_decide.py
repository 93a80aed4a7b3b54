#!/usr/bin/env python3
"""What DCLM's own functions decide about each document of a JSONL file.

    dclm_decide.py --dclm CHECKOUT [--lid lid.176.ftz] IN.jsonl OUT.jsonl

CHECKOUT is a clone of mlfoundations/dclm. Nothing of DCLM is copied here: its recipe files are read, and its functions
are called through its own factory, so every number comes from the checkout. `dclm_setup.sh` makes the venv.

IN holds one object a line with `text`, and optionally `url`. OUT holds one object a line:

    {"n": 0, "<op>": {...}, ...}          n counts the lines of IN from 0

Ops that judge the text as it stands in IN (each one alone, never on another op's output):
    gopher-quality      {"keep", "reason", "all"}   reason: the first function of the recipe that drops; all: every one
    gopher-repetition   {"keep", "reason"}          reason: dup_line_frac, top_2_gram, duplicated_5_n_grams, …
    words               {"fasttext", "uniseg"}      the words (first character alphanumeric) behind the decisions:
                                                    page length and removed words, and the n-grams of repetition
    word-removal-ratio  {"keep", "reason", "before", "after"}  after the whole line-modify chain
    url-filter          {"keep", "reason"}          where `url` is given; reason: the ban list's file name
    ldnoobw             {"keep", "reason"}          C4's bad-word rule
    language            {"keep", "reason", "score"} with --lid only
Ops that rewrite it:
    newline-removal, url-removal, line-uppercase, line-numeric, line-counter, line-length, substring-items-in-cart,
    substring-read-more, substring-sign-in
    line-modify         the recipe's seven line modifiers in order, without the removed-words rule
    c4-lines            c4.yaml up to its first sentence count, which is left out (it needs nltk's punkt data)
    refinedweb          the whole recipe but for URL lists and language, in order
  each {"keep", "reason", "changed", "sha1", "xxh3_64", "text"}: hashes of the UTF-8 text after; `text` only where it
  changed; a text that comes out empty is dropped, reason the function's name.

An exception inside a DCLM function loses the document in DCLM too; here it is keep false, reason "error:<function>".
"""

import argparse
import hashlib
import importlib.abc
import importlib.machinery
import json
import logging
import os
import sys
import types

QUALITY = (
    "page_length_filter",
    "word_length_filter",
    "symbol_ratio_filter",
    "bullet_count_filter",
    "ellipsis_count_filter",
    "alphabetic_word_ratio_filter",
    "stop_word_filter",
)
MODIFIERS = {
    "newline_removal_modifier": "newline-removal",
    "url_removal_modifier": "url-removal",
    "uppercase_ratio_line_modifier": "line-uppercase",
    "numeric_ratio_line_modifier": "line-numeric",
    "counter_line_modifier": "line-counter",
    "line_length_modifier": "line-length",
}
# Imported by DCLM's modules, never called by the functions used here.
ABSENT = ("transformers", "kenlm", "sentencepiece", "langdetect", "boto3", "cloudpathlib")


class StandIn(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


class Dclm:
    def __init__(self, checkout, lid):
        sys.meta_path.append(StandInFinder())
        sys.path[:0] = [checkout, os.path.join(checkout, "baselines")]
        os.chdir(checkout)  # the recipes name their word lists relative to the checkout
        import yaml

        import baselines.core.processor  # noqa: F401  (sets its logging up; quietened below)
        from baselines.core.factories import get_mapper

        for name in list(logging.Logger.manager.loggerDict):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.get_mapper = get_mapper

        recipes = os.path.join(checkout, "baselines", "baselines_configs")
        with open(os.path.join(recipes, "dclm_baseline_refinedweb.yaml"), encoding="utf-8") as f:
            steps = yaml.safe_load(f)[0]["steps"]
        with open(os.path.join(recipes, "c4.yaml"), encoding="utf-8") as f:
            c4 = yaml.safe_load(f)[0]["steps"]

        def make(step):
            return step["func"], self.get_mapper(_safe=True, **step)

        self.quality = [make(s) for s in steps if s["func"] in QUALITY]
        self.repetition = next(make(s) for s in steps if s["func"] == "massive_web_repetition_filters")
        first = next(i for i, s in enumerate(steps) if s["func"] == "word_counter_enricher")
        last = next(i for i, s in enumerate(steps) if s["func"] == "word_removal_ratio_filter")
        self.counter, self.ratio = make(steps[first]), make(steps[last])
        self.count_key = steps[first]["key"]
        self.lines = [make(s) for s in steps[first + 1 : last]]
        self.alone = []
        for s in steps:
            if s["func"] in MODIFIERS:
                self.alone.append((MODIFIERS[s["func"]], make(s)))
            elif s["func"] == "substring_line_modifier":
                name = "-".join("".join(c if c.isalnum() else " " for c in s["banlist"].lower()).split())
                self.alone.append(("substring-" + name, make(s)))
        skip = {"move_url_modifier", "url_substring_filter", "detect_lang_whole_page_enricher", "language_filter"}
        self.refinedweb = [make(s) for s in steps if s["func"] not in skip]

        self.url = []
        for s in steps:
            if s["func"] == "url_substring_filter" and os.path.exists(s["banlist_from_fname"]):
                name = os.path.splitext(os.path.basename(s["banlist_from_fname"]))[0]
                self.url.append((name, make(s)[1]))

        sentence = next(i for i, s in enumerate(c4) if s.get("length_type") == "sentence")
        self.c4 = [make(s) for s in c4[:sentence] if s["func"] not in ("move_url_modifier", "key_name_modifier")]
        self.ldnoobw = next(make(s) for s in c4 if s.get("banlist_from_fname"))

        self.language = None
        if lid:
            import mappers.enrichers.language_id_enrichers as enrichers

            enrichers.load_fasttext_model = lambda: enrichers.fasttext.load_model(lid)
            pair = [s for s in steps if s["func"] in ("detect_lang_whole_page_enricher", "language_filter")]
            self.language = [make(s) for s in pair]
            self.language_key = pair[1]["key"]

        # The module the factory resolves functions in is `mappers.…`, a second copy of `baselines.mappers.…`.
        import mappers.filters.content_filters as content

        self.content = content
        self.calls = []
        inner = content.repetition_filter

        def spy(page, granularity, max_fraction, count_characters=True, **rest):
            self.calls.append((granularity, count_characters))
            return inner(page, granularity, max_fraction, count_characters=count_characters, **rest)

        content.repetition_filter = spy

    def repetition_reason(self):
        granularity, characters = self.calls[-1]
        if isinstance(granularity, str):
            return "dup_{}{}_frac".format({"line": "line", "paragraph": "para"}[granularity], "_char" * characters)
        return f"top_{granularity}_gram" if granularity < 5 else f"duplicated_{granularity}_n_grams"

    def decide(self, n, doc):
        text, out = doc["text"], {"n": n}

        failed = [r for name, f in self.quality if (r := verdict(name, f, text))]
        out["gopher-quality"] = {"keep": not failed, "reason": failed[0] if failed else None, "all": failed}

        self.calls.clear()
        reason = verdict(*self.repetition, text)
        if reason and not reason.startswith("error:"):
            reason = self.repetition_reason()
        out["gopher-repetition"] = {"keep": reason is None, "reason": reason}

        split = self.content.split_words
        out["words"] = {
            "fasttext": len(split(text, ignore_punctuation=True)),
            "uniseg": len(split(text, ignore_punctuation=True, model="uniseg")),
        }

        for name, step in self.alone:
            out[name] = rewrite([step], text)
        out["line-modify"] = rewrite(self.lines, text)
        out["c4-lines"] = rewrite(self.c4, text)
        out["refinedweb"] = rewrite(self.refinedweb, text)

        page = {"text": text}
        reason, page = run([self.counter] + self.lines, page)
        before, after = None, None
        if reason is None:
            before = page[self.count_key]
            after = len(split(page["text"], ignore_punctuation=True))
            reason, _ = run([self.ratio], page)
        out["word-removal-ratio"] = {"keep": reason is None, "reason": reason, "before": before, "after": after}

        if isinstance(doc.get("url"), str):
            reason = None
            for name, f in self.url:
                reason, _ = run([(name, f)], {"text": text, "url": doc["url"]})
                if reason:
                    break
            out["url-filter"] = {"keep": reason is None, "reason": reason}

        reason = verdict(*self.ldnoobw, text)
        out["ldnoobw"] = {"keep": reason is None, "reason": reason}

        if self.language:
            reason, page = run(self.language[:1], {"text": text})
            score = None
            if reason is None:
                score = page[self.language_key]
                reason, _ = run(self.language[1:], page)
            out["language"] = {"keep": reason is None, "reason": reason, "score": score}
        return out


def run(steps, page):
    """The page after all steps, or the name of the step that dropped it."""
    for name, f in steps:
        pages = f(page)
        if not isinstance(pages, list):
            return "error:" + name, None
        if not pages:
            return name, None
        page = pages[0]
    return None, page


def verdict(name, f, text):
    return run([(name, f)], {"text": text})[0]


def rewrite(steps, text):
    import xxhash

    reason, page = run(steps, {"text": text})
    if reason:
        return {"keep": False, "reason": reason, "changed": None, "sha1": None, "xxh3_64": None, "text": None}
    after = page["text"]
    data = after.encode("utf-8", "surrogatepass")
    return {
        "keep": True,
        "reason": None,
        "changed": after != text,
        "sha1": hashlib.sha1(data).hexdigest(),
        "xxh3_64": f"{xxhash.xxh3_64_intdigest(data):016x}",
        "text": after if after != text else None,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dclm", required=True, help="a clone of mlfoundations/dclm")
    parser.add_argument("--lid", help="a fastText language model; without it no language op")
    parser.add_argument("input")
    parser.add_argument("output")
    args = parser.parse_args()
    source, target = os.path.abspath(args.input), os.path.abspath(args.output)
    dclm = Dclm(os.path.abspath(args.dclm), args.lid and os.path.abspath(args.lid))
    # newline="\n": a text may hold U+2028 or U+0085, which must not end a line of the file.
    with open(source, encoding="utf-8", newline="\n") as lines, open(target, "w", encoding="utf-8") as out:
        for n, line in enumerate(lines):
            out.write(json.dumps(dclm.decide(n, json.loads(line)), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
