#!/bin/sh
# Installs the Python programs tamis is compared with, pinned, into one virtual environment.
# Idempotent. TAMIS_PEERS says where (default ~/.cache/tamis/peers), PYTHON with what.
set -eu

peers=${TAMIS_PEERS:-$HOME/.cache/tamis/peers}
python=${PYTHON:-python3.11}
here=$(cd "$(dirname "$0")" && pwd)
done_mark=$peers/.requirements

if [ -f "$done_mark" ] && cmp -s "$here/requirements.txt" "$done_mark"; then
    echo "peers are ready in $peers" >&2
    exit 0
fi
[ -x "$peers/bin/python" ] || "$python" -m venv "$peers"
"$peers/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/requirements.txt" "$done_mark"
echo "peers are ready in $peers" >&2
