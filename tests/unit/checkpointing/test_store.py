"""Checkpoints: names, rotation, damage, kills, full disks, rollbacks."""

from __future__ import annotations

import json
import logging
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.checkpointing.atomic import TEMPORARY_PREFIX
from av_td3_system.checkpointing.checkpoint_file import CheckpointError
from av_td3_system.checkpointing.store import CheckpointStore, load_checkpoint

ROOT = Path(__file__).resolve().parents[3]


def _state(step: int) -> dict[str, Any]:
    return {
        "step": step,
        "weights": torch.full((300, 300), float(step)),
        "frames": np.full((50, 50), step % 256, np.uint8),
    }


def _files(directory: Path) -> set[str]:
    return {path.name for path in directory.glob("*.pt")}


def _flip_bit(path: Path, position: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * position)] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("algo", "step", "name"),
    [
        ("td3", 2500, "td3_2.5k.pt"),
        ("ddpg", 25_000, "ddpg_25k.pt"),
        ("td3", 1_000_000, "td3_1000k.pt"),
        ("td3", 12_345, "td3_12.345k.pt"),
        ("td3", 12_340, "td3_12.34k.pt"),
        ("td3", 50, "td3_0.05k.pt"),
        ("td3", 0, "td3_0k.pt"),
    ],
)
def test_names(tmp_path: Path, algo: str, step: int, name: str) -> None:
    assert CheckpointStore(tmp_path, algo).save({"step": step}, step) == tmp_path / name


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints", "td3")
    path = store.save(_state(5), 2500)
    state = store.load(path)
    assert state["step"] == 5
    assert torch.equal(state["weights"], _state(5)["weights"])
    np.testing.assert_array_equal(np.asarray(state["frames"]), _state(5)["frames"])


def test_the_file_loads_with_plain_torch_and_its_hash_is_recorded(tmp_path: Path) -> None:
    path = CheckpointStore(tmp_path, "td3").save(_state(5), 2500)
    assert torch.load(path, weights_only=True)["step"] == 5
    recorded = json.loads((tmp_path / "checksums.json").read_text())["td3_2.5k.pt"]["sha256"]
    assert subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.startswith(recorded)


def test_rotation_keeps_the_last_five_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = CheckpointStore(tmp_path, "td3", keep_last=5)
    store.save_named(_state(1), "checkpoint_1000.pt", 1000)
    store.save_named(_state(1), "best.pt")
    store.save(_state(1), 10_000, keep=True)
    with caplog.at_level(logging.INFO):
        for step in range(25_000, 200_001, 25_000):
            store = CheckpointStore(tmp_path, "td3", keep_last=5)  # a restart in between changes nothing
            store.save(_state(step), step)
    kept = {f"td3_{k}k.pt" for k in (100, 125, 150, 175, 200)}
    assert _files(tmp_path) == kept | {"checkpoint_1000.pt", "best.pt", "td3_10k.pt"}
    assert f"Saved checkpoint: {tmp_path / 'td3_200k.pt'}" in caplog.messages
    assert f"Removed old checkpoint: {tmp_path / 'td3_25k.pt'}" in caplog.messages
    assert sum(message.startswith("Removed") for message in caplog.messages) == 3


def test_the_checkpoint_judged_good_outlives_rotation_until_another_is(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3", keep_last=1)
    store.save(_state(1), 1000)
    store.keep_good("td3_1k.pt")
    for step in (2, 3):
        store.save(_state(step), step * 1000)
    assert _files(tmp_path) == {"td3_1k.pt", "td3_3k.pt"}
    store.keep_good("td3_3k.pt")
    store.save(_state(4), 4000)
    assert _files(tmp_path) == {"td3_3k.pt", "td3_4k.pt"}
    with pytest.raises(CheckpointError, match="no checkpoint"):
        store.keep_good("td3_9k.pt")


@pytest.mark.parametrize("damage", [_flip_bit, _truncate], ids=["bit flip", "truncation"])
@pytest.mark.parametrize("ledger", ["with", "without"])
def test_damage_is_refused(tmp_path: Path, damage: Any, ledger: str) -> None:
    path = CheckpointStore(tmp_path, "td3").save(_state(5), 2500)
    if ledger == "without":
        (tmp_path / "checksums.json").unlink()
    load_checkpoint(path)  # undamaged, it loads either way
    damage(path)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)


def test_latest_falls_back_over_damage_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = CheckpointStore(tmp_path, "td3")
    for step in (1000, 2000, 3000):
        store.save(_state(step), step)
    _flip_bit(tmp_path / "td3_3k.pt")
    _truncate(tmp_path / "td3_2k.pt")
    path, step, state, _ = store.load_latest()
    assert (path.name, step, state["step"]) == ("td3_1k.pt", 1000, 1000)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "td3_3k.pt is damaged" in errors[0]
    assert "falling back" in errors[0]


def test_nothing_to_load_is_a_user_error(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "none", "td3")
    with pytest.raises(CheckpointError, match="there is none"):
        store.load_latest()
    store.save_named(_state(1), "best.pt")  # no step: nothing continues from it
    with pytest.raises(CheckpointError, match="there is none"):
        store.load_latest()


def test_a_damaged_ledger_costs_the_hashes_not_the_checkpoints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path, "td3", keep_last=2)
    for step in (9000, 10_500):
        store.save(_state(step), step)
    (tmp_path / "checksums.json").write_text('{"td3_9k.pt": {"sha')
    assert store.load_latest().step == 10_500
    assert "damaged" in caplog.text
    store.save(_state(11_000), 11_000)
    assert store.load_latest().step == 11_000
    assert _files(tmp_path) == {"td3_9k.pt", "td3_10.5k.pt", "td3_11k.pt"}  # of unknown kind: not removed


def test_a_checkpoint_that_carries_code_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    code = f"""
import torch, os
class Evil:
    def __reduce__(self): return (os.system, ("touch {marker}",))
torch.save({{"x": Evil()}}, "{tmp_path / "evil.pt"}")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(CheckpointError, match="more than plain values"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not marker.exists()


def test_after_a_rollback_the_run_continues_from_the_newest_save(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3", keep_last=3)
    for step in (50_000, 75_000, 100_000):
        store.save(_state(step), step)
    assert [path.name for path in store.abandon_after(50_000)] == ["td3_100k.pt", "td3_75k.pt"]
    assert store.load_latest().step == 50_000
    store.save(_state(60_000), 60_000)
    assert store.load_latest().step == 60_000
    store.save(_state(65_000), 65_000)
    assert _files(tmp_path) == {"td3_50k.pt", "td3_60k.pt", "td3_65k.pt"}  # what was abandoned goes first
    store.abandon_after(50_000)
    for step in (51_000, 52_000, 53_000):
        store.save(_state(step), step)
    assert _files(tmp_path) == {"td3_51k.pt", "td3_52k.pt", "td3_53k.pt"}
    store.abandon_after(52_000)
    store.save(_state(53_001), 53_000)  # reached again: the name now stands for the new save
    assert store.load_latest().state["step"] == 53_001


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3")
    for name in ("../best.pt", "best", ".best.pt"):
        with pytest.raises(ValueError, match="file name"):
            store.save_named({}, name)


_SAVER = """
import sys
from collections.abc import Callable
from pathlib import Path
import torch
from av_td3_system.checkpointing.store import CheckpointStore
store = CheckpointStore(Path(sys.argv[1]), "td3", keep_last=3)
step = int(sys.argv[2])
print("ready", flush=True)
while True:
    step += 1000
    store.save({"step": step, "weights": torch.full((1000, 1000), float(step))}, step)
    store.save_named({"step": step, "weights": torch.full((1000, 1000), float(step))}, "final.pt", step)
    print(step, flush=True)
"""


def test_sigkill_at_random_moments_loses_at_most_the_save_in_progress(tmp_path: Path) -> None:
    rng = random.Random(0)
    saved = 0
    for _ in range(6):
        saver = subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(tmp_path), str(saved)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert saver.stdout is not None
        assert saver.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.25))
        saver.kill()
        reported = [int(line) for line in saver.stdout.read().split("\n") if re.fullmatch(r"\d+", line)]
        saver.stdout.close()
        saver.wait()
        saved = max([saved, *reported])
        if saved == 0:
            continue
        store = CheckpointStore(tmp_path, "td3", keep_last=3)
        path, step, state, _ = store.load_latest()
        assert step >= saved
        assert state["step"] == step, path
        assert torch.equal(state["weights"], torch.full((1000, 1000), float(step)))
        for name in _files(tmp_path):  # none that is there is damaged
            loaded = load_checkpoint(tmp_path / name)
            assert torch.equal(loaded["weights"], torch.full((1000, 1000), float(loaded["step"])))
        saved = step
    assert saved > 0
    CheckpointStore(tmp_path, "td3").save({"step": 0}, 0)
    assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))


def test_a_kill_between_record_and_file_leaves_the_old_version_loadable(tmp_path: Path) -> None:
    """The ledger is written first; the file then still is the version before."""
    store = CheckpointStore(tmp_path, "td3")
    old = store.save_named(_state(1000), "final.pt", 1000).read_bytes()
    middle = store.save(_state(5000), 5000)
    store.save_named(_state(9000), "final.pt", 9000)
    (tmp_path / "final.pt").write_bytes(old)
    assert store.load(tmp_path / "final.pt")["step"] == 1000
    assert store.load_latest().step == 5000
    middle.unlink()
    assert store.load_latest().step == 1000


def test_two_kills_in_a_row_between_record_and_file_leave_it_loadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CheckpointStore(tmp_path, "td3").save_named(_state(1000), "final.pt", 1000)
    for step in (2000, 3000):
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", _killed_before_a_checkpoint_is_moved(os.replace))
            with pytest.raises(KeyboardInterrupt):
                CheckpointStore(tmp_path, "td3").save_named(_state(step), "final.pt", step)
        assert CheckpointStore(tmp_path, "td3").load_latest().step == 1000
        assert load_checkpoint(tmp_path / "final.pt")["step"] == 1000
    CheckpointStore(tmp_path, "td3").save_named(_state(4000), "final.pt", 4000)
    assert CheckpointStore(tmp_path, "td3").load_latest().step == 4000


def _killed_before_a_checkpoint_is_moved(replace: Callable[..., None]) -> Callable[..., None]:
    def move(source: str | Path, target: str | Path) -> None:
        if str(target).endswith(".pt"):
            raise KeyboardInterrupt
        replace(source, target)

    return move


_FULL_DISK = """
import errno, resource, signal, sys
from collections.abc import Callable
from pathlib import Path
import torch
from av_td3_system.checkpointing.store import CheckpointStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = CheckpointStore(Path(sys.argv[1]), "td3")
store.save({"step": 1000}, 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    store.save({"weights": torch.zeros(1_000_000)}, 2000)
except OSError as error:
    assert error.errno == errno.EFBIG, error
    print("refused")
"""


def test_a_full_disk_is_an_os_error_and_harms_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"td3_1k.pt", "checksums.json"}
    assert CheckpointStore(tmp_path, "td3").load_latest().step == 1000


def test_pieces_of_the_version_that_is_replaced_are_needed_until_it_is(tmp_path: Path) -> None:
    """A kill may come between the record and the file: then the old version is what is there."""
    store = CheckpointStore(tmp_path, "td3")
    store.save_named({"step": 1}, "final.pt", 1, pieces=["a", "b"])
    store.save_named({"step": 2}, "final.pt", 2, pieces=["b", "c"])
    assert store.pieces() == {"a", "b", "c"}


def test_going_back_leaves_what_was_saved_later_alone_and_refuses_what_nothing_goes_on_from(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3")
    for step in (1000, 2000, 3000):
        store.save({"step": step}, step)
    store.save_named({"step": 0}, "best.pt")
    assert [path.name for path in store.go_back_to("td3_2k.pt")] == ["td3_3k.pt"]
    assert [record.name for record in store.resumable()] == ["td3_2k.pt", "td3_1k.pt"]
    assert store.load(tmp_path / "td3_3k.pt")["step"] == 3000
    store.save({"step": 2500}, 2500)
    assert [path.name for path in store.go_back_to("td3_2k.pt")] == ["td3_2.5k.pt"]
    assert store.go_back_to("td3_2k.pt") == []
    for name in ("best.pt", "td3_3k.pt", "nothing.pt"):
        with pytest.raises(CheckpointError, match="a run cannot go on from"):
            store.go_back_to(name)


def test_without_its_records_nobody_knows_which_pieces_are_needed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3")
    store.save({"step": 1}, 1000, pieces=["a"])
    assert store.pieces() == {"a"}
    (tmp_path / "checksums.json").unlink()
    assert store.pieces() is None


@pytest.mark.parametrize("name", ["../../victim.txt", "/victim.pt", "other.pt", "td3_1k.txt"])
def test_a_record_that_names_what_is_no_file_of_the_folder_deletes_nothing(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run" / "checkpoints"
    store = CheckpointStore(folder, "td3", keep_last=1)
    store.save({"step": 1}, 1000)
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    path = folder / "checksums.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps({name: {**records["td3_1k.pt"], "order": -5}} | records))
    store.save({"step": 2}, 2000)
    assert victim.read_text() == "mine"
    assert store.load_latest().step == 2000


@pytest.mark.parametrize(
    "wrong", [{"order": "x"}, {"step": 1.5}, {"sha256": 5}, {"pieces": None}, {"more": 1}, {"previous": 7}]
)
def test_a_ledger_with_odd_values_is_a_damaged_one(tmp_path: Path, wrong: dict[str, Any]) -> None:
    store = CheckpointStore(tmp_path, "td3")
    store.save({"step": 1}, 1000)
    path = tmp_path / "checksums.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps({"td3_1k.pt": {**records["td3_1k.pt"], **wrong}}))
    assert store.load_latest().step == 1000


def test_pieces_of_versions_long_replaced_are_forgotten(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "td3")
    for step in range(1, 6):
        store.save_named({"step": step}, "final.pt", step, pieces=[f"piece-{step}"])
    assert store.pieces() == {"piece-4", "piece-5"}
