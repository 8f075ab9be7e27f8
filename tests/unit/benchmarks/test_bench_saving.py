"""The benchmark of saving measures a run as it is put together by `train`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_saving import training


def test_its_run_can_be_saved(tmp_path: Path) -> None:
    with training(tmp_path / "run", 1000) as made:
        path = made.saver.save(made.state_dict(), 0)
    assert path.name == "td3_0k.pt" and path.is_file()
