"""Where compiled kernels are kept: one folder for each state of the source.

Numba notices a change in the file of a cached function but not in the files of the functions it
calls, so after an update it would go on running old machine code. Here the cache's folder is named
after a hash of the source files that kernels are made of, so new code is always compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

KEEP = 3  # folders of earlier sources that are kept
# Where compiled functions and their constants live.
KERNEL_SOURCES = ("agents", "config/layout.py", "environments", "networks", "replay", "rewards", "town")


def source_hash(package: Path, sources: Sequence[str] = KERNEL_SOURCES) -> str:
    """Short hash over the names and contents of the Python files among `sources`, files and folders of the package."""
    digest = hashlib.sha256()
    for source in sources:
        place = package / source
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def prepare_numba() -> None:
    """Choose this source's cache and the threading layer, unless the user's environment names others.

    OpenMP first: waking the threads of Numba's own work queue takes some 150 microseconds a kernel, OpenMP's two as
    long as they still spin. They do for about a millisecond, which lasts from one kernel of a step to the next, and not
    for longer, since on a busy machine they would take the processor from PyTorch's threads. Where there is no OpenMP,
    the work queue must not be entered from two Python threads at once: worlds are stepped from one thread only. A
    process that has stepped worlds cannot be forked and step worlds in the child, where GNU's OpenMP ends it: start
    such processes by `spawn`, or choose the work queue (NUMBA_THREADING_LAYER=workqueue).
    """
    os.environ.setdefault("NUMBA_THREADING_LAYER_PRIORITY", "omp tbb workqueue")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "av_td3_system" / "kernels"
    try:
        folder = base / source_hash(Path(__file__).parent)
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        _forget_old(base)
    except OSError:  # no writable home: compile into a folder of this process's own
        folder = Path(tempfile.mkdtemp(prefix="av_td3_kernels_"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:  # it has read its settings already
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def _forget_old(base: Path) -> None:
    folders = sorted((entry for entry in base.iterdir() if entry.is_dir()), key=lambda entry: entry.stat().st_mtime)
    for folder in folders[: -KEEP - 1]:
        shutil.rmtree(folder, ignore_errors=True)
