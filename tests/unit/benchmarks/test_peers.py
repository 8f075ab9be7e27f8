"""Other simulators are optional: what is missing or broken is named, and the rest goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers


def test_what_is_not_installed_is_listed_with_the_name_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    found = {result["simulator"]: result for result in peers.compare(0.1, 1, [str(bare), str(bare)])}
    assert set(found) == set(peers.PEERS)
    assert found["highway-env"]["not_installed"] == "pip install highway-env"
    assert found["CarRacing"]["not_installed"] == "pip install gymnasium[box2d]"
    assert not any("one_process" in result for result in found.values())


def test_a_process_that_dies_leaves_its_last_words() -> None:
    found = peers._answer([sys.executable, "-c", "raise SystemExit('no display')"])
    assert found == {"failed": "no display"}
    assert peers._answer([sys.executable, "-c", "print('noise'); print('{\"one_process\": 3.0}')"]) == {
        "one_process": 3.0
    }
    assert peers._answer([sys.executable, "-c", ""]) == {"failed": "exit code 0"}


class Ending:
    """An environment whose every second step ends an episode."""

    def __init__(self) -> None:
        self.steps, self.resets = 0, 0

    def reset(self) -> tuple[np.ndarray, dict[str, Any]]:
        self.resets += 1
        return np.zeros(3), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.arange(3.0), 0.0, self.steps % 2 == 0, False, {}


def test_an_episode_that_ends_is_begun_anew_and_blank_frames_are_seen() -> None:
    """Lesson: under SDL's dummy driver highway-env gives black frames, faster than it draws."""
    env = Ending()
    assert not peers._is_blank(peers._advance(env, 0)) and env.resets == 0
    assert peers._is_blank({"image": peers._advance(env, 0)}) and env.resets == 1
