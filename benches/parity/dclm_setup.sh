#!/bin/sh
# The Python side of the DCLM parity check: a venv with what DCLM's mappers import.
#
#   benches/parity/dclm_setup.sh [VENV]          (default ~/.cache/tamis/dclm)
#
# Versions are pinned because two of them decide: `uniseg` makes the words of the repetition rules, and
# `fasttext` makes the words of the page length and of the removed-words ratio. DCLM itself pins neither; uniseg 0.7.2
# is the release current when DCLM-baseline was made. The package DCLM needs is `retrie` (not `retie`, which is an
# unrelated program). Wheels only, so that installing runs no code of the packages.
# What the mappers import but the checked functions never call (transformers, kenlm, sentencepiece, langdetect, boto3,
# cloudpathlib) is not installed: dclm_decide.py puts empty stand-ins in their place.
set -eu
venv="${1:-$HOME/.cache/tamis/dclm}"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --only-binary :all: \
    'uniseg==0.7.2' 'fasttext-wheel==0.9.2' 'retrie==0.3.1' 'nltk==3.10.4' 'blingfire==0.1.8' \
    'Unidecode==1.4.0' 'jusText==3.0.2' 'lxml==6.1.3' 'lxml_html_clean==0.4.6' 'beautifulsoup4==4.15.0' \
    'jsonlines==4.0.0' 'zstandard==0.25.0' 'PyYAML==6.0.4' 'xxhash==4.1.0' 'numpy==1.26.4'
echo "ready: $venv/bin/python"
