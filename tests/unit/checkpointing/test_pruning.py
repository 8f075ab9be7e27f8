"""What goes when the disk is nearly full, and what stays."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.pruning import prune
from av_td3_system.checkpointing.store import CheckpointStore

ROWS = {"frame": np.arange(1000, dtype=np.uint8)}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"checksums.json"}


def test_all_that_a_run_can_do_without_goes_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, pieces = CheckpointStore(tmp_path / "checkpoints", "td3"), PieceStore(tmp_path / "replay")
    made = [str(pieces.write(ROWS)["name"]) for _ in range(8)]
    for number in range(1, 6):
        store.save({"step": number}, number * 100, pieces=[made[number]])
    store.save_named({"step": 1}, "best.pt", pieces=[made[6]])
    store.save_named({"step": 5}, "final.pt", 500)
    store.save_named({"step": 5}, "emergency_halt_500.pt", 500)
    store.keep_good("td3_0.1k.pt")
    for torn in (store.directory / ".writing-1-td3_1k.pt.tmp", pieces.directory / ".writing-1-000009.pt.tmp"):
        torn.write_bytes(b"x" * 50)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.name != "checksums.json")
    with caplog.at_level(logging.INFO, "av_td3_system"):
        freed = prune(store, pieces, needed=[made[7]])
    after = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.name != "checksums.json")
    assert freed.bytes == before - after > 0
    kept = {"td3_0.1k.pt", "td3_0.4k.pt", "td3_0.5k.pt", "best.pt", "final.pt", "emergency_halt_500.pt"}
    assert names(store.directory) == kept
    assert names(pieces.directory) == {made[i] for i in (1, 4, 5, 6, 7)}
    assert set(freed.names) == {
        *("td3_0.2k.pt", "td3_0.3k.pt", ".writing-1-td3_1k.pt.tmp", ".writing-1-000009.pt.tmp"),
        *(made[i] for i in (0, 2, 3)),
    }
    said = [record.getMessage() for record in caplog.records if "Removed old checkpoint" in record.getMessage()]
    assert [Path(line.split(": ")[1]).name for line in said] == ["td3_0.2k.pt", "td3_0.3k.pt"]
    assert store.load_latest().state == {"step": 5}
    assert prune(store, pieces, needed=[made[7]]) == (0, ()), "nothing is left that may go"


def test_where_nothing_was_saved_there_is_nothing_to_remove(tmp_path: Path) -> None:
    assert prune(CheckpointStore(tmp_path / "a", "td3"), PieceStore(tmp_path / "b"), ()) == (0, ())
    assert list(tmp_path.iterdir()) == []
