"""Makes the texts that toxicity-en and toxicity-zh are fitted to, from the shared labelled sets.

    python data-samples/models/toxicity/make.py --data ../shared/data --out DIR

Writes `en.jsonl.gz`, `en-made.jsonl.gz`, `zh.jsonl.gz` and `zh-made.jsonl.gz`, with `text`, `label`
(`toxic` or `ok`) and `source`; `pipelines/classifiers/toxicity-en.toml` and `toxicity-zh.toml` read
them from there. What is made (sentences filled into patterns, disguised words) stands apart, since
only what people wrote may say how good a model is. The same bytes each time.

Half of the groups and half of the adjectives of the madlibs, every other one by the alphabet, stand
in no made sentence, and groups are replaced by others in comments, so that what
`benches/parity/toxicity.py` measures on them is about terms unseen.
"""

import argparse
import collections
import csv
import gzip
import hashlib
import json
import random
import re
from pathlib import Path

import lists_en as lists
import lists_zh
from windows import windows

def draw(*key: str) -> float:
    """0 to 1, from the key alone."""
    digest = hashlib.blake2b("\0".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def read(path: Path) -> list[dict]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


class Terms:
    """The madlibs' terms, and which of them are kept for the test."""

    def __init__(self, data):
        self.madlibs = read(data / "toxicity/jigsaw-madlibs-en.jsonl.gz")
        named = [(re.match(r"\w+ is an? (\w+) (.*)$", r["text"]), r["toxic"])
                 for r in self.madlibs if r["template"] == "name_adj"]
        self.groups = sorted({m[2] for m, _ in named})
        self.kind = sorted({m[1] for m, toxic in named if not toxic})
        self.unkind = sorted({m[1] for m, toxic in named if toxic})
        # Every other one, by the alphabet.
        self.unseen_groups = set(self.groups[::2])
        self.unseen_adjectives = set(self.kind[::2]) | set(self.unkind[::2])

    def split(self, text):
        """Adjective and group of a madlib that has both; else None."""
        if m := re.match(r"(?:\w+ is|You are) an? (\w+) (.*)$", text):
            return m[1], m[2]
        if m := re.match(r"Being (.*) is (\w+)\.", text):
            return m[2], m[1]
        return None

    def known(self, text):
        """Whether the model may know the group, and the adjective, of a madlib that has both."""
        adjective, group = self.split(text)
        return group not in self.unseen_groups, adjective not in self.unseen_adjectives


class English:
    def __init__(self, data):
        self.data, self.terms, self.rng = data, Terms(data), random.Random(7)
        spaced = lambda names: [name.replace("_", " ") for name in names]
        unseen, adjectives = self.terms.unseen_groups, self.terms.unseen_adjectives
        self.groups = [g for g in spaced(lists.GROUPS) if g not in unseen]
        self.kind = [a for a in dict.fromkeys(lists.KIND + self.terms.kind) if a not in adjectives]
        self.unkind = [a for a in dict.fromkeys(lists.UNKIND + self.terms.unkind) if a not in adjectives]
        self.insults, self.harmed = spaced(lists.INSULTS), spaced(lists.HARMED)
        self.trades = [t.replace("-", " ") for t in lists.TRADES]
        self.novels = read(data / "text-novels/eltec-en-half.jsonl.gz")
        self.nltk = read(data / "quality/nltk-mixed.jsonl.gz")
        self.corpus = lambda r: r["id"].split("/")[0]
        self.speeches = [r["text"] for r in self.nltk if self.corpus(r) in ("state_union", "inaugural")]
        self.vocabulary = self.plain_words()
        common = set(lists.COMMON_ADJECTIVES)
        self.nouns = set(lists.GROUP_NOUNS)
        masked = set(self.terms.groups) | {g for g in spaced(lists.GROUPS) if g not in common} | self.nouns
        masked = sorted(masked, key=lambda term: (-len(term), term))
        self.term = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, masked)) + r")(s|es)?(?!\w)", re.I)
        self.substitutes = [g for g in self.groups if g not in common]
        self.examples = []

    def plain_words(self):
        """Words that may stand in a slot, so that no unknown word is taken for an insult."""
        found = collections.Counter()
        for text in [r["text"][:6000] for r in self.novels[::7]] + [t[:20000] for t in self.speeches]:
            found.update(re.findall(r"\b[a-z]{4,12}\b", text))
        bad = set(lists.UNKIND + lists.INSULTS + lists.HARM + lists.HARMED + self.terms.unkind)
        bad |= self.terms.unseen_groups | self.terms.unseen_adjectives
        return [word for word, count in sorted(found.items()) if count >= 2 and word not in bad]

    def add(self, toxic, source, text):
        self.examples.append((int(toxic), source, text))

    def pick(self, names, plain=0.0):
        return self.rng.choice(names if self.rng.random() >= plain else self.vocabulary)

    def article(self, word):
        return ("an " if word[0] in "aeiou" and self.rng.random() < 0.8 else "a ") + word

    def filled(self, sentence):
        slot = {
            "N": self.pick(lists.NAMES, 0.4).capitalize(), "N2": self.pick(lists.NAMES),
            "i": self.pick(self.groups, 0.3), "h": self.pick(lists.PEOPLE),
            "pos": self.pick(self.kind, 0.3), "neg": self.pick(self.unkind), "n": self.pick(self.insults),
            "k": self.pick(lists.HARM), "p": self.pick(self.harmed), "o": self.pick(self.trades),
        }
        for name, word in (("apos", "pos"), ("aneg", "neg"), ("an", "n"), ("ai", "i")):
            slot[name] = self.article(slot[word])
        text, chance = sentence.format(**slot), self.rng.random()
        return text.lower() if chance < 0.15 else text.upper() if chance < 0.18 else text

    def masked(self, text):
        """Group terms become others, drawn at random: then no term stands for toxicity."""
        def other(match):
            # Some stay, for what goes with them, but for those that are kept for the test.
            name = match[1].lower()
            if name not in self.terms.unseen_groups and name.rstrip("s") not in self.terms.unseen_groups:
                if self.rng.random() < KEPT_TERMS:
                    return match[0]
            term = self.rng.choice(self.substitutes)
            if match[1].isupper() and len(match[1]) > 2:
                term = term.upper()
            elif match[1][0].isupper():
                term = term[0].upper() + term[1:]
            plural = match[2] or name in self.nouns and name.endswith("s")
            return term + ("s" if plural else "")
        return self.term.sub(other, text)

    def constructed(self):
        for _ in range(20000):
            self.add(0, "constructed", self.filled(self.rng.choice(lists.CLEAN)))
        for _ in range(18000):
            self.add(1, "constructed", self.filled(self.rng.choice(lists.TOXIC)))
        for record in self.terms.madlibs:
            text = record["text"]
            if draw("madlib", text) < 0.12:
                known = set(text.lower().rstrip(".").split())
                unseen = any(group in text.lower() for group in self.terms.unseen_groups)
                if not unseen and not known & self.terms.unseen_adjectives:
                    self.add(record["toxic"], "madlibs", text)
        with open(self.data / "toxicity/surge-profanity_en.csv") as file:
            for entry in csv.DictReader(file):
                severe = float(entry["severity_rating"]) >= 1.6
                for sentence in self.rng.sample(lists.PROFANE, 5 if severe else 2):
                    name = self.pick(lists.NAMES)
                    self.add(1, "profanity", sentence.format(w=entry["text"], N=name))
        plain = [w for w in self.insults if " " not in w]
        plain += ["fuck", "fucking", "shit", "faggot", "nigger", "bullshit"]
        for _ in range(3000):
            word = self.disguised(self.rng.choice(plain))
            self.add(1, "disguised", self.rng.choice(lists.DISGUISED).format(w=word))

    def disguised(self, word):
        chance = self.rng.random()
        if chance < 0.3:
            return " ".join(word)
        if chance < 0.5:
            return word[0] + "*" * (len(word) - 2) + word[-1] if len(word) > 2 else word
        if chance < 0.6:
            return ".".join(word)
        if chance < 0.7:
            return word[:2] + word[2:3] * self.rng.randint(2, 4) + word[3:]
        signs = {"a": "@4", "i": "1!", "o": "0*", "e": "3*", "s": "$5", "u": "*v"}
        swap = lambda c: self.rng.choice(signs[c]) if c in signs and self.rng.random() < 0.6 else c
        return "".join(map(swap, word))

    def tweets(self):
        for record in read(self.data / "toxicity/davidson-en.jsonl.gz"):
            text = re.sub(r"&#\d+;", " ", record["text"])
            text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
            text = re.sub(r"https?://\S+", "", text)
            text = re.sub(r"(RT )?@\w+:?", "", text).strip(' "!')
            if record["toxic"] and draw("tweet", text) > TWEETS:
                continue
            text = self.masked(text)
            for _ in range(1 if record["toxic"] else 2):
                self.add(record["toxic"], "tweets", text)

    def comments(self):
        """Windows with a toxic span are toxic, the others of the same comment are not."""
        for record in read(self.data / "toxicity/toxicspans-civilcomments-en.jsonl.gz"):
            text, spans = record["text"], set(record["spans"])
            if not spans:
                continue
            for start, end in windows(text):
                window = text[start:end].strip()
                inside = "".join(text[i] if i in spans else " " for i in range(start, end))
                if not inside.strip():
                    self.add(0, "comments", self.masked(window))
                    if self.term.search(window):
                        self.add(0, "comments", self.masked(window))
                elif re.search(r"\w\w", self.term.sub("", inside)):
                    # A span that is only the name of a group says what annotators think of it.
                    self.add(1, "comments", self.masked(window))
                    self.add(1, "comments", self.masked(window))
            for span in "".join(c if i in spans else "\0" for i, c in enumerate(text)).split("\0"):
                known = re.search(r"\w\w", self.term.sub("", span))
                if 3 < len(span) < 80 and known and draw("span", span, text) < 0.5:
                    self.add(1, "spans", self.masked(span))

    def clean(self, source, texts, count):
        pool = [re.sub(r"\s+", " ", t[a:b]).strip() for t in texts for a, b in windows(t)]
        pool = sorted((w for w in pool if len(w) > 8), key=lambda w: draw("order", w))[:count]
        for window in pool:
            self.add(0, source, window)
        return pool

    def cleans(self):
        novels = [r["text"] for r in self.novels if draw("book", r["title"]) < 0.6]
        prose = self.clean("novels", novels, 26000)
        self.clean("speeches", self.speeches, 4000)
        self.clean("reviews", [r["text"] for r in self.nltk if self.corpus(r) == "movie_reviews"], 3000)
        first = {}
        for record in read(self.data / "neardup/docs.jsonl.gz"):
            first.setdefault(record["group"], record["text"])
        peps = [text for group, text in first.items() if "pep" in group.lower()]
        guides = [text for group, text in first.items()
                  if "pep" not in group.lower() and re.search(r"\bthe\b", text)]
        self.clean("peps", peps, 4000)
        self.clean("guides", guides, 2500)
        for record in read(self.data / "quality/sms-spam.jsonl.gz"):
            if draw("sms", record["text"]) < 0.8:
                self.add(0, "sms", record["text"])
        answers = [m["content"] for r in read(self.data / "instruct/flan-cot.jsonl.gz") for m in r["messages"]]
        self.clean("reasoning", answers[::6], 4000)
        person = re.compile(r"\b(man|woman|people|men|women|friend|child|children|boy|girl|wife|husband"
                            r"|lady|gentleman|family|mother|father)\b")
        inserted = [w for w in prose if person.search(w)][:6000]
        for window in inserted:
            group = self.pick(self.groups, 0.3)
            self.add(0, "inserted", person.sub(lambda m: f"{group} {m[1]}", window, count=1))

    def make(self):
        self.constructed()
        self.tweets()
        self.comments()
        self.cleans()
        return self.examples



# Share of the toxic tweets that is left out, since there are five times as many as of others, and of
# the groups that stay in comments.
TWEETS, KEPT_TERMS = 0.6, 0.5
MADE = {"constructed", "madlibs", "profanity", "disguised", "inserted", "spans"}


def chinese(data: Path) -> list[tuple[int, str, str]]:
    """COLD's parts for training, poems, and sentences about groups."""
    rng = random.Random(7)
    found = [
        (record["toxic"], "cold", record["text"])
        for record in read(data / "toxicity/cold-zh.jsonl.gz")
        if record["split"] != "test"
    ]
    poems = sorted((data / "text-poetry-zh").glob("*.jsonl.gz"))
    poems = [record["text"] for path in poems for record in read(path)]
    found += [(0, "poems", text) for text in sorted(poems, key=lambda text: draw("poem", text))[:4000]]
    slots = {
        "g": lists_zh.GROUPS, "p": lists_zh.KIND, "e": lists_zh.UNKIND, "b": lists_zh.INSULTS,
        "o": lists_zh.TRADES, "n": lists_zh.NAMES,
    }  # fmt: skip
    for toxic, patterns in ((0, lists_zh.CLEAN), (1, lists_zh.TOXIC)):
        for _ in range(2000):
            words = {slot: rng.choice(names) for slot, names in slots.items()}
            found.append((toxic, "constructed", rng.choice(patterns).format(**words)))
    return found


def write(path: Path, examples: list[tuple[int, str, str]]) -> None:
    lines = (
        json.dumps({"text": text, "label": "toxic" if toxic else "ok", "source": source}, ensure_ascii=False)
        for toxic, source, text in examples
    )
    # Without a date, so that the bytes are the same each time.
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, examples in (("en", English(given.data).make()), ("zh", chinese(given.data))):
        made = [example for example in examples if example[1] in MADE]
        natural = [example for example in examples if example[1] not in MADE]
        write(given.out / f"{name}.jsonl.gz", natural)
        write(given.out / f"{name}-made.jsonl.gz", made)
        counts = collections.Counter((source, "toxic" if toxic else "ok") for toxic, source, _ in examples)
        for (source, label), count in sorted(counts.items()):
            print(f"{name} {source:12} {label:6} {count:6,}")


if __name__ == "__main__":
    main()
