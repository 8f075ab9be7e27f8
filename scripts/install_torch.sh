#!/usr/bin/env bash
# Installs PyTorch into an environment: the CPU build where there is no NVIDIA GPU.
#
#   scripts/install_torch.sh PYTHON
#
# Environment: TORCH=auto|cpu|cuda, TORCH_VERSION, TORCH_INDEX (a package index to take it from).
# The package index's own wheel for Linux carries gigabytes of CUDA, so on a machine without a GPU
# PyTorch's CPU index is asked first, and given up on soon where it cannot be reached.
set -euo pipefail

python=$1
version=${TORCH_VERSION:-2.13.0}
build=${TORCH:-auto}
cpu_index=https://download.pytorch.org/whl/cpu

if [ "$build" = auto ]; then
    if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; then build=cuda; else build=cpu; fi
fi
case $build in cpu | cuda) ;; *)
    echo "error: TORCH is '$build', but must be auto, cpu or cuda" >&2
    exit 2
    ;;
esac

installed=$("$python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || true)
if [ "${installed%%+*}" = "$version" ]; then exit 0; fi

pip() { "$python" -m pip install -qq "$@"; }

if [ -n "${TORCH_INDEX:-}" ]; then
    echo "PyTorch $version from $TORCH_INDEX"
    pip "torch==$version" --index-url "$TORCH_INDEX"
elif [ "$build" = cuda ]; then
    echo "PyTorch $version, CUDA build (make TORCH=cpu ... for the CPU build)"
    pip "torch==$version"
else
    echo "PyTorch $version, CPU build (make TORCH=cuda ... for the CUDA build)"
    # Without its dependencies: those come from the ordinary index with the rest of the project's.
    if ! pip "torch==$version" --no-deps --index-url "$cpu_index" --timeout 10 --retries 1 2>/dev/null; then
        echo "PyTorch's CPU index cannot be reached; taking the ordinary package (may be large)"
        pip "torch==$version"
    fi
fi
