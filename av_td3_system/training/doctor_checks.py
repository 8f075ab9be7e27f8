"""What a check of `av-td3 doctor` says, and the checks of the machine."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil
import torch
from packaging.requirements import Requirement

from av_td3_system.monitoring.carla_servers import ask_server
from av_td3_system.monitoring.system import gpu_summary

Found = Literal["ok", "warning", "failed", "not applicable"]

_GIB = 2.0**30
_DISTRIBUTION = "av_td3_system"
_SUPPORTED = ((3, 10), (3, 12))  # Python that it is tested with
_DISK = (1.0, 10.0)  # GiB free: a run is ended below the first; a million timesteps and their replay take the second
_RAM = (1.0, 4.0)  # GiB available: not enough for any run; enough for the validation of 10K timesteps
_GPU_MEMORY = (0.97, 0.85)  # shares in use
CARLA = ("localhost", 2000)  # where its server listens unless told otherwise


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the check.
        found: ok, warning, failed, or not applicable.
        what: what was seen.
        following: the command to type next, empty where there is nothing to do.
    """

    name: str
    found: Found
    what: str
    following: str = ""


def check_machine(place: Path, carla: tuple[str, int] | None = CARLA) -> list[Check]:
    """Versions, kernels, disk, memory, GPU and CARLA.

    Args:
        place: folder whose disk is asked for.
        carla: host and port of its server; None: not asked, since a run says where its servers are.
    """
    gpu = gpu_summary()
    checks = [_python(), _packages(), _pytorch(gpu is not None), _kernels(), check_disk(place), _memory(), _gpu(gpu)]
    return checks if carla is None else [*checks, _carla(carla)]


def _python() -> Check:
    version = platform.python_version()
    low, high = _SUPPORTED
    if low <= sys.version_info[:2] <= high:
        return Check("python", "ok", version)
    found: Found = "failed" if sys.version_info[:2] < low else "warning"
    return Check("python", found, f"{version}, tested are 3.10 to 3.12", "make PYTHON=python3.11 setup")


def _packages() -> Check:
    try:
        required = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return Check("packages", "warning", f"{_DISTRIBUTION} is not installed, only its files are there", "make setup")
    lacking, held = [], 0
    for requirement in map(Requirement, required):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        held += 1
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            lacking.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            lacking.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if lacking:
        return Check("packages", "failed", "; ".join(lacking), "make distclean setup")
    return Check("packages", "ok", f"all {held} in range")


def _pytorch(has_gpu: bool) -> Check:
    threads = f"{torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        return Check("pytorch", "ok", f"{torch.__version__}, {torch.cuda.get_device_name()}, {threads}")
    if has_gpu:
        return Check(
            "pytorch",
            "warning",
            f"{torch.__version__} cannot use the GPU of this machine, {threads}",
            "make distclean; make TORCH=cuda setup",
        )
    return Check("pytorch", "ok", f"{torch.__version__} on the processor, {threads}")


def _kernels() -> Check:
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    count = sum(1 for _ in folder.rglob("*.nbi")) if str(folder) != "." else 0
    if count:
        return Check("compiled kernels", "ok", f"{count} of this source in {folder}")
    return Check(
        "compiled kernels",
        "warning",
        f"none of this source in {folder}: the first run compiles them, which takes minutes",
        "make setup",
    )


def check_disk(place: Path) -> Check:
    """Free space where `place` lies."""
    free, where = shutil.disk_usage(place).free / _GIB, place.resolve()
    return _enough("disk", free, _DISK, f"{free:.1f} GiB free where {where} lies", f"df -h {shlex.quote(str(where))}")


def _memory() -> Check:
    memory = psutil.virtual_memory()
    free, whole = memory.available / _GIB, memory.total / _GIB
    return _enough("memory", free, _RAM, f"{free:.1f} of {whole:.1f} GiB available", "ps aux --sort=-rss | head")


def _enough(name: str, value: float, bounds: tuple[float, float], what: str, following: str) -> Check:
    least, comfortable = bounds
    if value >= comfortable:
        return Check(name, "ok", what)
    return Check(name, "failed" if value < least else "warning", what, following)


def _gpu(gpu: dict[str, object] | None) -> Check:
    if gpu is None:
        return Check("GPU", "not applicable", "no NVIDIA driver answers; the processor is used")
    used, whole = float(str(gpu["memory_used_gb"])), float(str(gpu["memory_total_gb"]))
    heat = f", {gpu['temperature']:.0f} degrees C" if "temperature" in gpu else ""
    what = f"{gpu['name']}, {used:.1f} of {whole:.1f} GiB in use, {gpu['utilization']:.0f} %{heat}"
    full, tight = _GPU_MEMORY
    if used < tight * whole:
        return Check("GPU", "ok", what)
    return Check("GPU", "failed" if used >= full * whole else "warning", what, "nvidia-smi")


def _carla(address: tuple[str, int]) -> Check:
    if importlib.util.find_spec("carla") is None:
        return Check("CARLA", "not applicable", "its package is not installed; the embedded town needs none")
    server = ask_server(*address)
    if server.version is None:
        what = f"its package is installed, but no server answers at {server.place} ({server.why_not})"
        return Check("CARLA", "warning", what, "./CarlaUE4.sh -RenderOffScreen, or av-td3 serve-carla TownA")
    return Check("CARLA", "ok", f"version {server.version} answers at {server.place}")


def worst(checks: Sequence[Check]) -> Found:
    """failed, warning or ok, whichever is the worst of them."""
    found = {check.found for check in checks}
    return "failed" if "failed" in found else "warning" if "warning" in found else "ok"
