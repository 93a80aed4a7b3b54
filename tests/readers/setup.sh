#!/usr/bin/env bash
# Makes the virtual environment in which tests/readers/*.py open our shards and checkpoints with the
# real readers.
#
#   tests/readers/setup.sh            into ${TAMIS_READERS:-$HOME/.cache/tamis/readers}
#   TAMIS_READERS_CUDA=1 setup.sh     with NVIDIA's real CUDA libraries (some 3 GB more)
#
# PyPI has torch for Linux only built with CUDA, and `import torch` then wants a dozen NVIDIA
# libraries that reading a file never calls. We install the two that run at load time (cudart,
# cupti) and put empty stand-ins of the right name for the others: each holds just the symbols
# torch looks for at load time, and every one of them traps when called. torch and megatron-core
# themselves are the unchanged PyPI wheels. Needs python >= 3.10, cc, nm and readelf; without the
# latter three, or if the import still fails, the real libraries are installed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
"$here/../objects/setup.sh" || echo "NOTE: no moto; the tests of object stores are SKIPPED" >&2
venv=${TAMIS_READERS:-$HOME/.cache/tamis/readers}
stamp="$venv/.ready-3"
if [ -e "$stamp" ]; then
    echo "readers: $venv is ready" >&2
    exit 0
fi

torch=torch==2.13.0
platform="$(uname -s) $(uname -m)"
cuda=()
if [ "$platform" = "Linux x86_64" ]; then
    cuda=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
fi
# Each library that torch wants besides, and where its symbols carry no version, their prefix.
libraries="libcublas.so.13
libcublasLt.so.13
libcudnn.so.9
libcufft.so.12
libcusparse.so.12
libnvrtc.so.13
libnvshmem_host.so.3
libcusparseLt.so.0 cusparseLt
libcufile.so.0 cuFile
libcurand.so.10 curand
libnccl.so.2 nccl"

"${PYTHON:-python3}" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -q "$@"; }
pip install --no-deps "$torch" megatron-core==0.16.1 numpy==2.4.6 packaging==26.3 \
    typing_extensions==4.16.0 sympy==1.14.0 mpmath==1.4.1 networkx==3.6.1 jinja2==3.1.6 \
    MarkupSafe==3.0.4 filelock==4.2.12 fsspec==2026.9.0 \
    ${cuda[@]+"${cuda[@]}"}
# The readers of the other formats, without the dependencies that reading a local file never calls
# (cloud clients, tokenizers, pictures): shards_read.py puts stand-ins in their place, which fail when
# they are called. That also passes over mosaicml-streaming's numpy<2.2, which no code asks for.
pip install --no-deps mosaicml-streaming==0.13.0 datatrove==0.10.1 pyarrow==26.0.1 xxhash==4.1.0 \
    zstd==1.5.7.2 tqdm==4.70.1 loguru==0.7.3 humanize==4.17.0 dill==0.4.1 catalogue==2.0.10
# What loads checkpoints; torch is there, and all else of it comes along.
pip install transformers==5.24.0 huggingface_hub==2.4.0 tokenizers==0.23.3 safetensors==0.8.0
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])')
lib="$site/torch/lib"

undefined() { nm -D --undefined-only "$lib"/libtorch*.so "$lib"/libc10*.so | awk '$1 == "U" { print $2 }' | sort -u; }

# stand_in LIBRARY SYMBOL-PREFIX WORK-FOLDER: the stand-in for LIBRARY. Its versioned symbols are found by
# the version nodes that torch's libraries name for it, the unversioned ones by their prefix.
stand_in() {
    local name=$1 prefix=$2 work=$3 node symbols script=()
    : >"$work/stub.c"
    : >"$work/stub.map"
    if [ -n "$prefix" ]; then
        grep "^$prefix" "$work/undefined" | grep -v @ | sed 's/.*/void &(void) { __builtin_trap(); }/' >>"$work/stub.c" || true
    fi
    for node in $(awk -v n="$name" '/File: /{on = index($0, "File: " n "  ")} on && /Name: /{sub(/.*Name: /, ""); print $1}' \
        "$work/versions" | sort -u); do
        symbols=$(awk -v n="@$node" '{at = index($0, "@")} at && substr($0, at) == n {print substr($0, 1, at - 1)}' "$work/undefined")
        { echo "$node { global:"; printf '%s;\n' $symbols; echo "};"; } >>"$work/stub.map"
        printf 'void %s(void) { __builtin_trap(); }\n' $symbols >>"$work/stub.c"
        script=("-Wl,--version-script=$work/stub.map")
    done
    cc -shared -nostdlib -w -x c "$work/stub.c" -o "$lib/$name" "-Wl,-soname,$name" ${script[@]+"${script[@]}"}
}

stand_ins() {
    command -v cc nm readelf >/dev/null || return 1
    local work
    work=$(mktemp -d)
    undefined >"$work/undefined"
    for f in "$lib"/libtorch*.so "$lib"/libc10*.so; do readelf -VW "$f"; done >"$work/versions"
    while read -r name prefix; do
        stand_in "$name" "${prefix:-}" "$work"
    done <<<"$libraries"
    rm -r "$work"
    "$venv/bin/python" -W ignore -c 'import torch; assert torch.arange(3).sum() == 3'
}

if [ "$platform" = "Linux x86_64" ]; then
    if [ -n "${TAMIS_READERS_CUDA:-}" ] || ! stand_ins; then
        echo "readers: installing the CUDA libraries that torch was built with" >&2
        while read -r name _; do rm -f "$lib/$name"; done <<<"$libraries"
        pip install "$torch"
    fi
fi

"$venv/bin/python" "$here/megatron_read.py" --self-test
"$venv/bin/python" "$here/shards_read.py" --self-test
"$venv/bin/python" -W ignore -c 'from transformers import AutoModelForCausalLM'
touch "$stamp"
echo "readers: $venv is ready ($(du -sh "$venv" | cut -f1))" >&2
