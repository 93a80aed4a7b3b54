"""Writes the text that `kenlm-en.bin` is trained on, normalised as the op `perplexity` does it.

    python kenlm-en.py eltec-en-half.jsonl.gz > train.txt
    tr ' ' '\\n' < train.txt | sort | uniq -c | sort -rn | head -20000 | awk '{print $2}' > vocab.txt
    lmplz -o 3 --prune 0 8 8 --limit_vocab_file vocab.txt --text train.txt --arpa en.arpa
    build_binary -q 8 -b 8 -a 22 trie en.arpa kenlm-en.bin
"""

import gzip
import json
import re
import sys
import unicodedata

PUNCTUATION = {
    "，": ",", "、": ",", "。": ".", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"',
    "《": '"', "》": '"', "´": "'", "’": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")",
    "；": ";", "–": "-", "━": "-", "►": "-", "—": " - ", "．": ". ", "～": "~", "…": "...", "〈": "<", "〉": ">",
    "【": "[", "】": "]", "％": "%",
}  # fmt: skip
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def normal(line):
    line = unicodedata.normalize("NFD", line.strip().lower())
    line = "".join(c for c in line if unicodedata.category(c) != "Mn")
    line = re.sub(r"\d", "0", line)
    return CONTROL.sub("", "".join(PUNCTUATION.get(c, c) for c in line))


with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    for number, record in enumerate(file):
        # Every twentieth chapter is left out, to measure with.
        if number % 20:
            for line in map(normal, json.loads(record)["text"].split("\n")):
                if line.strip():
                    print(line)
