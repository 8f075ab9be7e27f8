"""A benchmark notices that the cameras show something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import golden_frames

Files = tuple[Path, Path]


@pytest.fixture
def frames() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(20, 200, (3, 12, 10), dtype=np.uint8) for name in ("clear", "rain")}


@pytest.fixture
def stored(tmp_path: Path, frames: dict[str, np.ndarray]) -> Files:
    files = tmp_path / "golden.json", tmp_path / "golden.png"
    golden_frames.save(frames, *files)
    return files


def test_the_same_frames_are_recognised_by_their_hash(frames: dict[str, np.ndarray], stored: Files) -> None:
    found = golden_frames.compare(frames, *stored)
    assert found == {"same": True, "compared_by": "sha256", "greatest_difference": 0.0, "changed": []}


def test_rounding_of_single_pixels_is_forgiven_and_told(frames: dict[str, np.ndarray], stored: Files) -> None:
    frames["rain"][1, :3] += 1  # 30 of 120 pixels
    found = golden_frames.compare(frames, *stored)
    assert found == {"same": True, "compared_by": "difference", "greatest_difference": 0.25, "changed": []}


def test_one_changed_frame_among_many_is_noticed_by_name(frames: dict[str, np.ndarray], stored: Files) -> None:
    """The mean over all frames would be 0.1 and hide it."""
    frames["rain"][1] += 1
    frames["rain"][1, :2] -= 1
    found = golden_frames.compare(frames, *stored)
    assert not found["same"] and found["changed"] == ["rain"]
    assert found["greatest_difference"] == pytest.approx(100 / 120, abs=1e-3)


def test_frames_in_another_order_are_changed_frames(frames: dict[str, np.ndarray], stored: Files) -> None:
    frames["clear"] = frames["clear"][::-1]
    assert golden_frames.compare(frames, *stored)["changed"] == ["clear"]


@pytest.mark.parametrize("change", ["size", "unknown", "missing"])
def test_frames_that_cannot_be_compared_are_changed_frames(
    change: str, frames: dict[str, np.ndarray], stored: Files
) -> None:
    if change == "size":
        frames["rain"] = frames["rain"][:, :, :9]
    elif change == "unknown":
        frames["snow"] = frames["rain"]
    else:
        del frames["rain"]
    found = golden_frames.compare(frames, *stored)
    assert not found["same"] and found["changed"] == ["snow" if change == "unknown" else "rain"]


def test_the_hash_depends_on_every_pixel_and_on_the_shape() -> None:
    frames = np.zeros((2, 4, 6), np.uint8)
    seen = {golden_frames.hash_of(frames), golden_frames.hash_of(frames.reshape(2, 6, 4))}
    for pixel in np.ndindex(frames.shape):
        changed = frames.copy()
        changed[pixel] = 1
        seen.add(golden_frames.hash_of(changed))
    assert len(seen) == 2 + frames.size
