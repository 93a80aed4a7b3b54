"""Writes src/text/code_points.txt: sets of characters that Python, `regex` and datatrove go by.

    python code_points.py > ../../src/text/code_points.txt

Runs in the environment of `benches/peers/setup.sh`, whose Python (3.11: Unicode 14.0.0) and
datatrove are the ones compared with.
"""

import platform
import sys
import unicodedata
from importlib.metadata import version

import regex
from datatrove.utils.text import PUNCTUATION, PUNCTUATION_SET, TERMINAL_PUNCTUATION


def ranges(members: set[int]) -> str:
    found: list[list[int]] = []
    for point in sorted(members):
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return " ".join(f"{low:x}" if low == high else f"{low:x}-{high:x}" for low, high in found)


def where(test) -> set[int]:
    return {point for point in range(sys.maxunicode + 1) if test(chr(point))}


def singles(characters) -> set[int]:
    assert all(len(character) == 1 for character in characters)
    return {ord(character) for character in characters}


SETS = {
    "isalpha": where(str.isalpha),
    "isalnum": where(str.isalnum),
    "isdecimal": where(str.isdecimal),
    "isdigit": where(str.isdigit),
    "unassigned": where(lambda character: unicodedata.category(character) == "Cn"),
    "nonspacing": where(lambda character: unicodedata.category(character) == "Mn"),
    "regex-decimal": where(regex.compile(r"\p{Nd}").match),
    "datatrove-simplified": singles(PUNCTUATION),
    "datatrove-punctuation": singles(PUNCTUATION_SET),
    "datatrove-terminal-punctuation": singles(TERMINAL_PUNCTUATION),
}

print(f"# Python {platform.python_version()} (Unicode {unicodedata.unidata_version}) and", end=" ")
print(f"datatrove {version('datatrove')} (Apache-2.0), regex {version('regex')},", end=" ")
print("by benches/parity/code_points.py.")
print("# A set a line: its name, then its code points as hexadecimal ranges.")
for name, members in SETS.items():
    print(f"{name}: {ranges(members)}")
