"""What the processor is good at: bfloat16 where it multiplies it, and memory that is not given back."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h


def supports_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware (AMX or AVX-512 on processors, Ampere and later on GPUs).

    Without it, emulation is slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return any(
        bool(getattr(torch.cpu, name, bool)()) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )


@contextlib.contextmanager
def exact_products() -> Iterator[None]:
    """Full float32 products inside, whatever training has asked for.

    So that a policy drives the same during training, from its file and on another machine.
    """
    asked = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(asked)


def keep_memory() -> bool:
    """Make glibc keep freed memory instead of returning it to the kernel; whether it was done.

    An update allocates and frees about 100 MB; taking it anew each time costs thousands of page
    faults, a tenth to a fifth of the update. Called once by whoever starts training; does nothing
    on other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, 1 << 25), (_M_TRIM_THRESHOLD, 1 << 30), (_M_TOP_PAD, 1 << 26))
    accepted = [bool(mallopt(setting, value)) for setting, value in settings]
    return all(accepted)
