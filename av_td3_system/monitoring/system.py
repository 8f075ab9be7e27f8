"""Figures of the machine: speed, memory, disk, GPU."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from av_td3_system.monitoring import names

logger = logging.getLogger(__name__)

_GIB = 2.0**30


class SystemSampler:
    """Samples the machine for the metrics.

    Args:
        directory: run directory, whose disk is watched.
        start: timesteps already done.
        gpu: index of the GPU that the run uses, or None on the processor.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        directory: Path,
        start: int = 0,
        *,
        gpu: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = Path(directory)
        self._clock = clock
        self._last = (clock(), start)
        self._process = psutil.Process()
        self._gpu = _open_gpu(gpu)

    def sample(self, step: int) -> dict[str, float]:
        """Tags of `system/`: timesteps a second since the last sample, GiB of memory and free disk, the GPU's figures.

        What cannot be measured is left out.
        """
        now, (then, done) = self._clock(), self._last
        self._last = (now, step)
        values = {names.RAM_GB: self._process.memory_info().rss / _GIB}
        if now > then:
            values[names.STEPS_PER_SECOND] = (step - done) / (now - then)
        free = disk_free_gb(self._directory)
        if free is not None:
            values[names.DISK_FREE_GB] = free
        available = ram_available_gb()
        if available is not None:
            values[names.RAM_AVAILABLE_GB] = available
        return values | (self._gpu() if self._gpu is not None else {})


def disk_free_gb(directory: Path) -> float | None:
    """GiB that this user may still write where `directory` lies, or None if it cannot be asked."""
    try:
        return shutil.disk_usage(directory).free / _GIB
    except OSError:
        return None


def ram_available_gb(cgroup: Path = Path("/sys/fs/cgroup")) -> float | None:
    """GiB that this process may still take: what the machine has, or its control group where that allows less.

    Args:
        cgroup: where the file system of control groups (version 2) is mounted, as in a container.
    """
    try:
        available = psutil.virtual_memory().available
    except (OSError, RuntimeError):
        return None
    try:
        most, used = ((cgroup / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        reclaimable = _inactive_file((cgroup / "memory.stat").read_text(encoding="ascii"))
        if most != "max":
            available = min(available, int(most) - int(used) + reclaimable)
    except (OSError, ValueError):  # no such limits here
        pass
    return max(0, available) / _GIB


def _inactive_file(stat: str) -> int:
    """Bytes of cached files that the kernel gives up before anybody runs out of memory."""
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def gpu_summary(index: int = 0) -> dict[str, Any] | None:
    """Name, memory (GiB used and total), utilization (percent) and temperature (degrees Celsius) of a GPU.

    None where there is none; without the temperature where the device does not tell it.
    """
    nvml = _load_nvml()
    if nvml is None:
        return None
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        figures = {
            "name": nvml.nvmlDeviceGetName(handle),
            "memory_used_gb": memory.used / _GIB,
            "memory_total_gb": memory.total / _GIB,
            "utilization": float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        }
    except nvml.NVMLError:
        return None
    with contextlib.suppress(nvml.NVMLError):
        figures["temperature"] = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    return figures


def _open_gpu(index: int | None) -> Callable[[], dict[str, float]] | None:
    if index is None:
        return None
    nvml = _load_nvml()
    if nvml is None:
        logger.info("GPU utilization is not measured: the NVIDIA driver cannot be asked (nvidia-ml-py)")
        return None
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError:
        return None
    asked: dict[str, Callable[[], float]] = {
        names.GPU_UTILIZATION: lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        names.GPU_MEMORY_FREE_GB: lambda: float(nvml.nvmlDeviceGetMemoryInfo(handle).free) / _GIB,
        names.GPU_TEMPERATURE: lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
    }

    def figures() -> dict[str, float]:
        values = {}
        for tag, ask in asked.items():
            with contextlib.suppress(nvml.NVMLError):  # not every card answers everything
                values[tag] = ask()
        return values

    return figures


def _load_nvml() -> Any | None:
    """The initialised NVML module, or None without the package or a driver."""
    try:
        import pynvml  # the module that the package nvidia-ml-py installs
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
