"""What is said of the processor is true enough to compute with."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from av_td3_system.networks.precision import supports_bfloat16


def test_unknown_devices_compute_in_full_precision() -> None:
    assert supports_bfloat16(torch.device("meta")) is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_kept_memory_spares_page_faults() -> None:
    program = """
import resource, sys, torch
from av_td3_system.networks.precision import keep_memory
if sys.argv[1] == "keep" and not keep_memory():
    print("unsupported"); raise SystemExit
def churn():
    for _ in range(20):
        parts = [torch.ones(3_000_000) for _ in range(8)]
churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = [
        subprocess.run([sys.executable, "-c", program, mode], capture_output=True, text=True, check=True).stdout.strip()
        for mode in ("keep", "plain")
    ]
    if faults[0] == "unsupported":
        pytest.skip("this C library has no mallopt")
    assert int(faults[0]) * 4 < int(faults[1])
