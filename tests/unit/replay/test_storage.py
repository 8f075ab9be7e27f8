"""Frames in a file: the same to the bit, nothing left behind, and clear words where it cannot be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from av_td3_system.checkpointing.plain_state import state_hash
from av_td3_system.config.errors import UserError
from av_td3_system.replay.storage import frame_memory
from tests.unit.replay.recorded import Recorder, check, fill


def test_a_replay_in_a_file_is_the_same_to_the_bit(tmp_path: Path) -> None:
    memory, file = Recorder(60, 2, 2, 3, seed=4), Recorder(60, 2, 2, 3, seed=4, file=tmp_path / "frames")
    for recorder in (memory, file):
        fill(recorder, 75)
        check(recorder.replay.sample(20), recorder)
    assert all(torch.equal(a, b) for a, b in zip(memory.replay.sample(50), file.replay.sample(50), strict=True))
    assert state_hash(memory.replay.state_dict()) == state_hash(file.replay.state_dict())


def test_nothing_is_left_in_the_folder_even_while_it_is_used(tmp_path: Path) -> None:
    frames = frame_memory((2, 3, 4), tmp_path / "frames")
    assert not list(tmp_path.iterdir())
    frames[1, 2, 3] = 5
    assert frames.sum() == 5 and frames.shape == (2, 3, 4) and frames.dtype == np.uint64


def test_disk_is_taken_as_it_fills(tmp_path: Path) -> None:
    """Three times 2^31 bytes, of which the last are written."""
    free = shutil.disk_usage(tmp_path).free
    if free < 7 * 2**30:
        pytest.skip("needs the right to 6 GiB of disk")
    frames = frame_memory((3, 2**18, 2**10), tmp_path / "frames")
    frames[2, 2**18 - 1, 2**10 - 1] = 7
    assert frames.reshape(-1)[-1] == 7 and free - shutil.disk_usage(tmp_path).free < 2**30


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_text("mine")
    with pytest.raises(UserError, match=r"replay\.file .*frames cannot be created: File exists"):
        frame_memory((2, 3, 4), path)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere/frames cannot be created: No such file"):
        frame_memory((2, 3, 4), tmp_path / "nowhere" / "frames")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        frame_memory((2, 3, 4), tmp_path / "frames")


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int = 191

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())
    with pytest.raises(UserError, match="GB are free there"):
        frame_memory((2, 3, 4), tmp_path / "frames")
    assert not list(tmp_path.iterdir())
