"""Makes the files of this folder, with KenLM's own programs and Python module.

    python make.py KENLM/build/bin

`lmplz`, `build_binary`: https://github.com/kpu/kenlm at 4cb443e; `pip install kenlm` (0.3.0). The text
is `data-samples/plain/alice-en.txt` (public domain), in lower case. `sri.arpa` is written by hand: its
longer n-grams end in shorter ones that are not listed, as other tools leave them.
"""

import gzip
import json
import pathlib
import re
import subprocess
import sys

import kenlm

HERE = pathlib.Path(__file__).parent
BIN = pathlib.Path(sys.argv[1])
ROOT = HERE.parents[2]
KINDS = {
    "probing": ["probing"],
    "trie": ["trie"],
    "quantised-trie": ["-q", "6", "-b", "5", "trie"],
    "array-trie": ["-a", "22", "trie"],
    "quantised-array-trie": ["-q", "6", "-b", "5", "-a", "64", "trie"],
}
SRI = """\\data\\
ngram 1=6
ngram 2=7
ngram 3=2

\\1-grams:
-1.2\t<unk>
-99\t<s>\t-0.3
-0.9\t</s>
-0.8\ta\t-0.25
-0.7\tb\t-0.5
-0.6\tc\t-0.125

\\2-grams:
-0.4\t<s> a\t-0.2
-0.35\ta b\t-0.15
-0.3\tb a\t-0.1
-0.45\tb b\t-0.05
-0.55\tc a
-0.5\tc </s>
-0.65\ta </s>

\\3-grams:
-0.2\ta b c
-0.1\tb a c

\\end\\
"""


def words(path):
    return [" ".join(re.findall(r"\w+|[^\w\s]", line.lower())) for line in path.read_text("utf-8").splitlines()]


def main():
    lines = [line for line in words(ROOT / "data-samples/plain/alice-en.txt") if line]
    text = "\n".join(lines[: len(lines) * 3 // 4]) + "\n"
    lmplz = [BIN / "lmplz", "-o", "4", "-S", "200M", "-T", "/tmp/", "--discount_fallback", "--prune", "0", "0", "1", "1"]
    arpa = subprocess.run(lmplz, input=text.encode(), capture_output=True, check=True).stdout
    path = HERE / "alice.arpa"
    path.write_bytes(arpa)
    for kind, options in KINDS.items():
        # Options stand before the kind.
        subprocess.run([BIN / "build_binary", *options, path, HERE / f"alice.{kind}"], capture_output=True, check=True)
    path.unlink()
    with gzip.GzipFile(HERE / "alice.arpa.gz", "wb", mtime=0) as file:
        file.write(arpa)
    (HERE / "sri.arpa").write_text(SRI)
    sentences = lines[len(lines) * 3 // 4 :][:40] + [
        "", "the", "xyzzy", "alice was xyzzy of the", "<s> the </s> <unk> <UNK>", "the " * 20, "é 字 \u200b",
    ]
    golden = {}
    files = [f"alice.{kind}" for kind in KINDS]
    for name in [*files, "sri.arpa"]:
        model = kenlm.Model(str(HERE / name))
        texts = sentences if name != "sri.arpa" else ["a b c", "b a c", "c c a b c b a c", "b c", "x a b x c"]
        rows = []
        for sentence in texts:
            scores = list(model.full_scores(sentence))
            rows.append([sentence, sum(score for score, _, _ in scores), sum(unknown for _, _, unknown in scores)])
        golden[name] = rows
    golden["alice.arpa.gz"] = golden["alice.probing"]
    (HERE / "scores.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")


main()
