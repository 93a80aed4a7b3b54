"""The windows of `src/ops/toxicity/windows.rs`, in Python."""

LEAST, MOST, MOST_CHARS = 10, 120, 1000

IDEOGRAPHS = (
    (0x2E80, 0x2FFF), (0x3005, 0x3007), (0x3021, 0x30FF), (0x31A0, 0x4DBF), (0x4E00, 0xA4CF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
KINDS = {
    **dict.fromkeys("\n", "newline"),
    **dict.fromkeys(" \t\r\v\f", "space"),
    **dict.fromkeys(".!?…", "stop"),
    **dict.fromkeys("。！？；", "wide stop"),
    **dict.fromkeys("\"')]”’」』）", "closer"),
    **dict.fromkeys(",:;，、：", "comma"),
}


def kind(c: str) -> str:
    known = KINDS.get(c)
    if known is None:
        code = ord(c)
        if any(first <= code <= last for first, last in IDEOGRAPHS):
            known = "ideograph"
        elif c == "_" or c.isalnum():
            known = "word"
        else:
            known = "space" if code >= 128 and c.isspace() else "other"
        KINDS[c] = known
    return known


def windows(text: str) -> list[tuple[int, int]]:
    """Start and end of each window."""
    found: list[tuple[int, int]] = []
    before, in_word = "", False
    start = sentence = soft = weight = chars = 0
    # Weight and characters before the last sentence, and before the last comma or space.
    at_sentence = at_soft = (0, 0)
    for at, c in enumerate(text):
        now = kind(c)
        if (
            before == "stop" and now in ("space", "newline")
            or before == "wide stop" and now not in ("wide stop", "closer")
            or before == "newline" and now != "newline"
        ):  # fmt: skip
            if weight >= LEAST:
                found.append((start, at))
                start = sentence = soft = at
                weight = chars = 0
                at_sentence = at_soft = (0, 0)
            else:
                sentence, at_sentence = at, (weight, chars)
        more = 2 if now == "word" and not in_word else 1 if now == "ideograph" else 0
        in_word = now == "word"
        if weight + more > MOST or chars >= MOST_CHARS:
            if sentence > start and at_sentence[0] > 0:
                cut, left = sentence, at_sentence
            elif soft > start:
                cut, left = soft, at_soft
            else:
                cut, left = at, (weight, chars)
            if left[0] > 0:
                found.append((start, cut))
            if cut == at and now == "word":
                more = 2
            start = sentence = soft = cut
            weight, chars = weight - left[0], chars - left[1]
            at_sentence = at_soft = (0, 0)
        weight, chars = weight + more, chars + 1
        if now in ("space", "comma"):
            soft, at_soft = at + 1, (weight, chars)
        if now in ("newline", "stop", "wide stop"):
            before = now
        elif not (now == "closer" and before in ("stop", "wide stop")):
            before = ""
    if weight == 0:
        return found
    if found and weight < LEAST and found[-1][1] == start:
        found[-1] = (found[-1][0], len(text))
    else:
        found.append((start, len(text)))
    return found
