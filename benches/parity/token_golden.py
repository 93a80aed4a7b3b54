"""Writes `tests/golden/token_ids.json`: ids of hard strings by the reference libraries.

    python token_golden.py --data DIR ../../tests/golden/token_ids.json

DIR is that of `token_ids.py`. The file holds the strings and their ids: by tokenizers with GPT-2's
vocabulary, which stands in data-samples; by tiktoken with the first 3,000 ranks of cl100k and of
o200k, which stand in the file (MIT, OpenAI), and their patterns.
"""

import argparse
import base64
import json
from pathlib import Path

import tiktoken
import tiktoken_ext.openai_public as openai
import token_ids

PLAIN = [
    "Hello, world! It's 3:14 o'clock -- DON'T PANIC, they'll say we've 12345 tokens.",
    "def f(x):\n    return  x**2  # naïve\n\n\n\tif x:\r\n\t\tpass\r\n",
    "你好，世界。今天是2024年。\n　全角空格。かなカナ漢字 한국어 조선말",
    "Привет, мир! Γειά σου Κόσμε. שלום עולם. مرحبا بالعالم ١٢٣٤ नमस्ते दुनिया สวัสดีชาวโลก",
    "e\u0301 é ﬁ ǅ ʰ ª ½ Ⅷ 𝟏𝟐𝟑 😀👩🏽‍💻🇩🇪 \u200b\ufeff\u00ad",
    "<|endoftext|> <|im_start|>user<|endofprompt|>",
    "l'ſ'se m'ſ'REV ア'ſ'st R'ſ'St 'ſ'll ''ſ't 1'ſ'd x'ſt'ſ'ſ's 'ſ'ſ",
    "'S 'ſ x'ſ it'S IT'LL 'rE camelCaseWord HTMLParser ABCdef",
    "ylqngny", " ylqngny", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "end\n ", "end \n \n\t", "end!\n \n ", "字。\n　", " \n ", "\n", "   ", "a\n\n\u3000",
]  # fmt: skip


def cut(path: Path, number: int) -> dict[bytes, int]:
    table = token_ids.ranks(path)
    return {token: rank for token, rank in table.items() if rank < number}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    random = list(token_ids.random_strings(400, 3))
    strings = PLAIN + [text for text in random if len(text) < 40]
    folder = arguments.data / "tokenizers"
    gpt2 = token_ids.by_tokenizers(token_ids.gpt2_tokenizers(folder / "gpt2"))
    golden = {"strings": strings, "gpt2": gpt2(strings)}
    for name in ("cl100k", "o200k"):
        table = cut(folder / f"{name}_base.tiktoken.gz", 3000)
        openai.load_tiktoken_bpe = lambda *_, table=table, **__: table
        definition = openai.ENCODING_CONSTRUCTORS[f"{name}_base"]()
        definition["special_tokens"] = {"<|endoftext|>": 3001}
        encoding = tiktoken.Encoding(**definition)
        lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in table.items()]
        golden[name] = {
            "pattern": definition["pat_str"],
            "ranks": "\n".join(lines) + "\n",
            "ids": [encoding.encode_ordinary(text) for text in strings],
        }
    with arguments.out.open("w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
