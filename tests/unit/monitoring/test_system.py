"""Figures of the machine, measured on the machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

from av_td3_system.monitoring import names
from av_td3_system.monitoring.system import SystemSampler, disk_free_gb, gpu_summary, ram_available_gb


def test_sample(tmp_path: Path) -> None:
    times = iter([0.0, 2.0, 3.0])
    sampler = SystemSampler(tmp_path, start=1000, clock=lambda: next(times))
    first, second = sampler.sample(2000), sampler.sample(2300)
    assert first[names.STEPS_PER_SECOND] == 500.0
    assert second[names.STEPS_PER_SECOND] == 300.0
    assert first[names.RAM_GB] == pytest.approx(psutil.Process().memory_info().rss / 2**30, rel=0.2)
    assert first[names.DISK_FREE_GB] == pytest.approx(shutil.disk_usage(tmp_path).free / 2**30, abs=1.0)
    assert names.GPU_UTILIZATION not in first


def test_a_missing_folder_has_no_figure(tmp_path: Path) -> None:
    assert disk_free_gb(tmp_path / "gone") is None
    assert names.DISK_FREE_GB not in SystemSampler(tmp_path / "gone").sample(1)


def test_gpu(tmp_path: Path) -> None:
    """With a GPU its figures are in range; without one nothing fails and nothing is claimed."""
    summary = gpu_summary()
    sample = SystemSampler(tmp_path, gpu=0).sample(1)
    if summary is None:
        assert names.GPU_UTILIZATION not in sample
    else:
        assert 0 <= sample[names.GPU_UTILIZATION] <= 100
        assert 0 <= summary["memory_used_gb"] <= summary["memory_total_gb"]
        assert 0 <= sample[names.GPU_MEMORY_FREE_GB] <= summary["memory_total_gb"]
        assert 0 < sample[names.GPU_TEMPERATURE] < 120


def test_a_container_has_what_its_control_group_allows(tmp_path: Path) -> None:
    def group(most: str, used: int, cached: int) -> float | None:
        (tmp_path / "memory.max").write_text(most + "\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
        (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
        return ram_available_gb(tmp_path)

    gib = 2**30
    machine = psutil.virtual_memory().available / gib
    assert group(str(gib // 4), gib // 8, gib // 16) == pytest.approx(1 / 8 + 1 / 16)
    assert group(str(gib), 2 * gib, 0) == 0.0
    for unlimited in (group("max", gib, 0), ram_available_gb(tmp_path / "none")):
        assert unlimited == pytest.approx(machine, rel=0.2)
