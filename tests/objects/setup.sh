#!/usr/bin/env bash
# Makes the virtual environment with moto, the S3 server that tests/objects.rs starts on localhost.
#
#   tests/objects/setup.sh            into ${TAMIS_MOTO:-$HOME/.cache/tamis/moto}
#
# Only what the S3 service needs, about 140 MB, in 20 seconds. Needs python >= 3.10.
set -euo pipefail

venv=${TAMIS_MOTO:-$HOME/.cache/tamis/moto}
stamp="$venv/.ready-1"
if [ -e "$stamp" ]; then
    echo "moto: $venv is ready" >&2
    exit 0
fi
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check -q install \
    'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5
"$venv/bin/python" -c 'import moto.server, moto.s3.responses'
touch "$stamp"
echo "moto: $venv is ready ($(du -sh "$venv" | cut -f1))" >&2
