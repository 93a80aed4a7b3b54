#!/bin/sh
# Installs text-dedup, pinned, into a virtual environment of its own: it needs Python 3.12, and what
# PyPI has of it (0.4.0) is older than its check of false positives. Idempotent.
# TAMIS_TEXT_DEDUP says where (default ~/.cache/tamis/peers-text-dedup), PYTHON with what, and
# TEXT_DEDUP_REPOSITORY where to clone it from.
#
# duplodocus, the other peer that is no package, is built by hand: `cargo build --release` in a clone
# of https://github.com/martin-cimmino/duplodocus at 02cf2f7, a fork of allenai/duplodocus.
set -eu

peers=${TAMIS_TEXT_DEDUP:-$HOME/.cache/tamis/peers-text-dedup}
python=${PYTHON:-python3.12}
repository=${TEXT_DEDUP_REPOSITORY:-https://github.com/ChenghaoMou/text-dedup}
commit=7538f3ec6a28e72a86de5978e58655175b46a11e
here=$(cd "$(dirname "$0")" && pwd)
done_mark=$peers/.requirements

if [ -f "$done_mark" ] && cmp -s "$here/text_dedup_requirements.txt" "$done_mark"; then
    echo "text-dedup is ready in $peers" >&2
    exit 0
fi
[ -x "$peers/bin/python" ] || "$python" -m venv "$peers"
install="$peers/bin/python -m pip install --quiet --disable-pip-version-check"
$install -r "$here/text_dedup_requirements.txt"
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet "$repository" "$clone"
git -C "$clone" checkout --quiet "$commit"
$install --no-deps "$clone"
cp "$here/text_dedup_requirements.txt" "$done_mark"
echo "text-dedup is ready in $peers" >&2
