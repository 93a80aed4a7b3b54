#!/usr/bin/env python3
"""Writes the presets in this folder from FineWeb-2's settings for each language.

    git clone https://github.com/huggingface/fineweb-2
    git -C fineweb-2 checkout d0defb24f1
    python3 make_presets.py fineweb-2            # writes <code>.toml next to this script
    python3 make_presets.py fineweb-2 --check    # writes nothing; exit 1 where a file would change

Needs PyYAML. Thresholds and word lists are FineWeb-2's (Apache-2.0), from `configs/<code>.yml`, and from
`fineweb-2-pipeline.py` those that are the same for every language. A language is added by a line in
LANGUAGES.
"""

import pathlib
import sys
import unicodedata

import yaml

COMMIT, DATE = "d0defb24f1", "2025-10-27"

# What fineweb-2-pipeline.py sets for every language.
MIN_STOP_WORDS = 2
MAX_DUPLICATE_LINE_CHARS = 0.1
# A share is never above 1 and a value at the threshold passes: the rule is off.
OFF = 1.0

# FineWeb-2's code: (name, label in lid.176). Languages whose label is shared with a sister language,
# or which lid.176 does not know, are left out.
LANGUAGES = {
    "afr_Latn": ("Afrikaans", "af"),
    "als_Latn": ("Albanian", "sq"),
    "amh_Ethi": ("Amharic", "am"),
    "arb_Arab": ("Arabic", "ar"),
    "azj_Latn": ("Azerbaijani", "az"),
    "bel_Cyrl": ("Belarusian", "be"),
    "ben_Beng": ("Bengali", "bn"),
    "bul_Cyrl": ("Bulgarian", "bg"),
    "cat_Latn": ("Catalan", "ca"),
    "ces_Latn": ("Czech", "cs"),
    "cmn_Hani": ("Mandarin Chinese", "zh"),
    "cym_Latn": ("Welsh", "cy"),
    "dan_Latn": ("Danish", "da"),
    "deu_Latn": ("German", "de"),
    "ekk_Latn": ("Estonian", "et"),
    "ell_Grek": ("Greek", "el"),
    "eus_Latn": ("Basque", "eu"),
    "fas_Arab": ("Persian", "fa"),
    "fil_Latn": ("Filipino", "tl"),
    "fin_Latn": ("Finnish", "fi"),
    "fra_Latn": ("French", "fr"),
    "gle_Latn": ("Irish", "ga"),
    "glg_Latn": ("Galician", "gl"),
    "guj_Gujr": ("Gujarati", "gu"),
    "heb_Hebr": ("Hebrew", "he"),
    "hin_Deva": ("Hindi", "hi"),
    "hrv_Latn": ("Croatian", "hr"),
    "hun_Latn": ("Hungarian", "hu"),
    "hye_Armn": ("Armenian", "hy"),
    "ind_Latn": ("Indonesian", "id"),
    "isl_Latn": ("Icelandic", "is"),
    "ita_Latn": ("Italian", "it"),
    "jpn_Jpan": ("Japanese", "ja"),
    "kan_Knda": ("Kannada", "kn"),
    "kat_Geor": ("Georgian", "ka"),
    "kaz_Cyrl": ("Kazakh", "kk"),
    "khk_Cyrl": ("Mongolian", "mn"),
    "khm_Khmr": ("Khmer", "km"),
    "kor_Hang": ("Korean", "ko"),
    "lao_Laoo": ("Lao", "lo"),
    "lit_Latn": ("Lithuanian", "lt"),
    "lvs_Latn": ("Latvian", "lv"),
    "mal_Mlym": ("Malayalam", "ml"),
    "mar_Deva": ("Marathi", "mr"),
    "mkd_Cyrl": ("Macedonian", "mk"),
    "mya_Mymr": ("Burmese", "my"),
    "nld_Latn": ("Dutch", "nl"),
    "nob_Latn": ("Norwegian Bokmål", "no"),
    "npi_Deva": ("Nepali", "ne"),
    "pan_Guru": ("Panjabi", "pa"),
    "pol_Latn": ("Polish", "pl"),
    "por_Latn": ("Portuguese", "pt"),
    "ron_Latn": ("Romanian", "ro"),
    "rus_Cyrl": ("Russian", "ru"),
    "sin_Sinh": ("Sinhala", "si"),
    "slk_Latn": ("Slovak", "sk"),
    "slv_Latn": ("Slovenian", "sl"),
    "spa_Latn": ("Spanish", "es"),
    "srp_Cyrl": ("Serbian", "sr"),
    "swe_Latn": ("Swedish", "sv"),
    "swh_Latn": ("Swahili", "sw"),
    "tam_Taml": ("Tamil", "ta"),
    "tel_Telu": ("Telugu", "te"),
    "tha_Thai": ("Thai", "th"),
    "tur_Latn": ("Turkish", "tr"),
    "ukr_Cyrl": ("Ukrainian", "uk"),
    "urd_Arab": ("Urdu", "ur"),
    "uzn_Latn": ("Uzbek", "uz"),
    "vie_Latn": ("Vietnamese", "vi"),
    "yue_Hani": ("Cantonese", "yue"),
    "zsm_Latn": ("Malay", "ms"),
}

# Scripts without spaces between words.
DICTIONARY = {"Hani", "Jpan", "Thai", "Khmr", "Laoo", "Mymr"}

# What a user of one language must know besides.
NOTES = {
    "cmn_Hani": ["FineWeb-2 finds words with jieba."],
    "jpn_Jpan": ["FineWeb-2 finds words with SudachiPy."],
    "tha_Thai": ["FineWeb-2 finds words with PyThaiNLP (newmm)."],
    "kor_Hang": [
        "FineWeb-2 splits Korean into morphemes (Kiwi), and of the stop words most are particles and",
        "endings, which no word between spaces equals: `min_stop_words` is 0 here (2 there). The mean",
        "word length, 1 to 6, and the shares fit both kinds of words.",
    ],
    "vie_Latn": [
        "FineWeb-2 joins syllables into words (pyvi); here a word is a syllable, so that",
        "`max_list_ratio` is the milder for it.",
    ],
}


def number(value):
    """A TOML float, even where YAML has an integer."""
    return repr(float(value))


def string(text):
    """A TOML string; characters that cannot be seen are escaped."""
    shown = []
    for char in text:
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Zs", "Zl", "Zp"} and char != " "
        shown.append(f"\\u{ord(char):04X}" if hidden else char)
    return '"' + "".join(shown).replace('"', '\\"') + '"'


def array(words, width=100):
    """The words as a TOML array, several a line."""
    lines, line = [], "   "
    for word in words:
        item = f" {string(word)},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join(["[", *lines, line, "]"])


def setting(key, value, about=""):
    """A line `key = value`, what it is about in a column of its own."""
    line = f"{key} = {value}"
    return f"{line:<40}# {about}" if about else line


def by_length(pairs, expected):
    """`[[2, 0.1], …]` as a dictionary, with the lengths it must have."""
    found = dict(pairs)
    if sorted(found) != expected:
        sys.exit(f"n-grams of lengths {sorted(found)}, expected {expected}")
    return found


def preset(code, config):
    name, label = LANGUAGES[code]
    script = code.split("_")[1]
    words = "dictionary" if script in DICTIONARY else "unicode"
    top = by_length(config["top_n_grams"], [2, 3, 4])
    duplicate = by_length(config["dup_n_grams"], [5, 6, 7, 8, 9, 10])
    min_stop_words = 0 if code == "kor_Hang" else MIN_STOP_WORDS
    stop_words = list(dict.fromkeys(str(word) for word in config["stopwords"]))
    notes = "".join(f"# {line}\n" for line in NOTES.get(code, []))
    lines = [
        f"# {name} ({code}): FineWeb-2's thresholds and stop words (https://arxiv.org/abs/2506.20920).",
        f"# From configs/{code}.yml and fineweb-2-pipeline.py of https://github.com/huggingface/fineweb-2",
        f"# at {COMMIT} ({DATE}), Apache-2.0. Written by make_presets.py; see README.md.",
        *(f"# {line}" for line in NOTES.get(code, [])),
        "",
        "[language]",
        setting("keep", f'["{label}"]', f"lid.176's label; GlotLID's is {code}"),
        setting("min_score", number(config["language_score"]), "found for GlotLID"),
        "",
        "[gopher-repetition]",
        f'words = "{words}"',
        setting("max_duplicate_lines", number(config["dup_line_frac"])),
        setting("max_duplicate_paragraphs", OFF, "off, as the next two"),
        setting("max_duplicate_line_chars", OFF),
        setting("max_duplicate_paragraph_chars", OFF),
        *(setting(f"max_top_{n}gram", number(top[n])) for n in sorted(top)),
        *(setting(f"max_duplicate_{n}gram", number(duplicate[n])) for n in sorted(duplicate)),
        "",
        "[fineweb-quality]",
        f'words = "{words}"',
        setting("min_line_punctuation", number(config["line_punct_thr"])),
        setting("max_short_lines", OFF, "off"),
        setting("max_duplicate_line_chars", number(MAX_DUPLICATE_LINE_CHARS)),
        setting("max_list_ratio", number(config["new_line_ratio"])),
        "",
        "[gopher-quality]",
        f'words = "{words}"',
        setting("min_mean_word_length", number(config["min_avg_word_length"])),
        setting("max_mean_word_length", number(config["max_avg_word_length"])),
        setting("min_alpha_words", number(config["max_non_alpha_words_ratio"])),
        setting("min_stop_words", min_stop_words, "off" if min_stop_words == 0 else ""),
        setting("stop_words", array(stop_words)),
    ]
    return "\n".join(lines) + "\n"


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    check = len(arguments) < len(sys.argv) - 1
    if len(arguments) != 1:
        sys.exit(__doc__)
    configs = pathlib.Path(arguments[0]) / "configs"
    here = pathlib.Path(__file__).parent
    stale = []
    for code in LANGUAGES:
        config = yaml.safe_load((configs / f"{code}.yml").read_text(encoding="utf-8"))
        text, path = preset(code, config), here / f"{code}.toml"
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text, encoding="utf-8")
    stale += sorted(
        path.name for path in here.glob("*.toml") if path.stem not in LANGUAGES
    )
    if check and stale:
        sys.exit("stale: " + ", ".join(stale))


if __name__ == "__main__":
    main()
