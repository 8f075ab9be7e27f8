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
def test_kept_memory_comes_from_the_heap_and_stays_there() -> None:
    program = """
import ctypes, sys, torch
from av_td3_system.networks.precision import keep_memory

class Usage(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
if not hasattr(libc, "mallinfo2") or (sys.argv[1] == "keep" and not keep_memory()):
    print("unsupported")
    raise SystemExit
libc.mallinfo2.restype = Usage
before = libc.mallinfo2()
blocks = [torch.ones(6_000_000) for _ in range(4)]
during = libc.mallinfo2()
del blocks
after = libc.mallinfo2()
print(during.hblkhd - before.hblkhd, after.arena - before.arena)
"""
    usage = []
    for mode in ("keep", "plain"):
        command = [sys.executable, "-c", program, mode]
        usage.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    if ["unsupported"] in usage:
        pytest.skip("this C library cannot be asked")
    (kept_mapped, kept_heap), (plain_mapped, plain_heap) = [[int(number) for number in one] for one in usage]
    assert kept_mapped == 0
    assert kept_heap > 90_000_000
    assert plain_mapped > 90_000_000
    assert plain_heap < 90_000_000
