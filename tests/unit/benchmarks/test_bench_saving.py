"""The benchmark of saving measures a run as it is put together by `train`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.bench_saving import training


@pytest.fixture(autouse=True)
def _precision_as_before() -> Iterator[None]:
    before, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    yield
    torch.set_float32_matmul_precision(before)
    torch.set_num_threads(threads)


def test_its_run_can_be_saved(tmp_path: Path) -> None:
    with training(tmp_path / "run", 1000) as made:
        path = made.saver.save(made.state_dict(), 0)
    assert path.name == "td3_0k.pt" and path.is_file()
