"""What all tests share: one thread a process, no deadlines, the folder beside the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before NumPy, Numba or PyTorch start their pools: the test processes already use every core, and a
# pool that waits for a core it does not get made the town seven times slower.
for _variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)
# The first example may compile a kernel; that is no slowness of the code under test.
settings.register_profile("project", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `tests/real_carla`."""
    group = parser.getgroup("real_carla")
    group.addoption("--carla-host", metavar="HOST", help="address of a running CARLA 0.9.16 server")
    group.addoption("--carla-port", metavar="P", default="2000", help="of its calls [2000]")
    group.addoption("--carla-town", metavar="TOWN|FILE.xodr", default="TownA", help="map to drive in [TownA, sent]")


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """A run sets threads, and multiplies float32 as its processor does it fastest; both outlive it."""
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of shared material beside the project; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the material in {SHARED}")
    return SHARED
