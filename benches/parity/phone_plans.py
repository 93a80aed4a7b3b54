"""Writes `src/ops/pii/plans.txt`, the numbering plans that the op `pii` checks phone numbers by.

    pip install phonenumbers==9.0.43 regex
    python phone_plans.py > ../../src/ops/pii/plans.txt

A line a region: calling code, region, trunk prefix (`-` for none), then `LENGTH:PREFIXES` for each
length of the national number: the first three digits that a number of this length may have, as
ranges. These are facts of Google's libphonenumber metadata (Apache-2.0), of which the package is the
Python port: a prefix counts where one of 64 fixed completions is a valid number of the region.
"""

import random

import phonenumbers
import regex
from phonenumbers.phonemetadata import PhoneMetadata

TYPES = ["fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan"]


def ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a:03}" if a == b else f"{a:03}-{b:03}" for a, b in parts)


def main() -> None:
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        for region in regions:
            if region == "001":
                continue
            metadata = PhoneMetadata.metadata_for_region(region)
            patterns = []
            for name in TYPES:
                description = getattr(metadata, name)
                if description is not None and description.national_number_pattern:
                    pattern = regex.compile(description.national_number_pattern)
                    lengths = description.possible_length or metadata.general_desc.possible_length
                    patterns.append((pattern, [n for n in lengths if n > 0]))
            columns = []
            for length in sorted({n for _, lengths in patterns for n in lengths}):
                if length < 4:
                    continue
                of_length = [pattern for pattern, lengths in patterns if length in lengths]
                draw = random.Random(length)
                tails = [f"{draw.randrange(10 ** (length - 3)):0{length - 3}}" for _ in range(64)]
                found = []
                for prefix in range(1000):
                    head = f"{prefix:03}"
                    hopeful = [p for p in of_length if p.fullmatch(head, partial=True)]
                    if any(p.fullmatch(head + tail) for p in hopeful for tail in tails):
                        found.append(prefix)
                if found:
                    columns.append(f"{length}:{ranges(found)}")
            trunk = metadata.national_prefix or "-"
            print(code, region, trunk, *columns)


main()
