"""What is shown in place of the camera's image is what its name says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.camera_ablation import AblatedCamera, Image
from av_td3_system.evaluation.command import run_evaluate


class Watcher:
    """Notes what it is shown and when episodes begin."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.begun: list[np.ndarray] = []

    def __call__(self, observation: dict[str, np.ndarray], env: Any) -> np.ndarray:
        assert observation["vector"][0, 0] == 7.0
        self.seen.append(observation["image"].copy())
        return np.zeros((len(observation["image"]), 2), np.float32)

    def reset(self, mask: np.ndarray) -> None:
        self.begun.append(mask)


def driven(image: Image, steps: int = 6, worlds: int = 4) -> tuple[Watcher, np.ndarray]:
    """Pixels are 10 x decision + world; world 1 begins another episode with decision 3. One array throughout."""
    watcher = Watcher()
    policy = AblatedCamera(watcher, image, seed=1)
    pixels = np.zeros((worlds, 4, 3, 3), np.uint8)
    policy.reset(np.ones(worlds, bool))
    for step in range(steps):
        if step == 3:
            policy.reset(np.arange(worlds) == 1)
        pixels[:] = (10 * step + np.arange(worlds))[:, None, None, None]
        policy({"image": pixels, "vector": np.full((worlds, 2), 7.0, np.float32)}, None)
    return watcher, np.array([seen[:, 0, 0, 0] for seen in watcher.seen])


def test_frozen_is_each_episodes_first_image() -> None:
    watcher, shown = driven("frozen")
    assert shown[:3].tolist() == [[0, 1, 2, 3]] * 3
    assert shown[3:].tolist() == [[0, 31, 2, 3]] * 3
    assert [mask.tolist() for mask in watcher.begun] == [[True] * 4, [False, True, False, False]]


def test_shuffled_is_another_worlds_image_of_the_same_moment_drawn_anew() -> None:
    _, shown = driven("shuffled", steps=20)
    for step, row in enumerate(shown):
        assert sorted(row) == [10 * step + world for world in range(4)]
        assert (row != 10 * step + np.arange(4)).all()
    orders = {tuple(row - row.min()) for row in shown.astype(int)}
    assert len(orders) > 3
    assert np.array_equal(shown, driven("shuffled", steps=20)[1])


def test_nobody_to_borrow_from_is_refused() -> None:
    with pytest.raises(UserError, match="two worlds"):
        driven("shuffled", worlds=1)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"image": "upside-down"}, "must be one of seen, blank, frozen, shuffled, leader_erased"),
        ({"image": "frozen", "blank_image": True}, "exclude"),
        ({"image": "leader_erased", "blank_image": True}, "exclude"),
    ],
)
def test_a_bad_wish_is_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_evaluate(None, policy="straight", episodes=2, **flags)


@pytest.mark.parametrize("image", ["blank", "frozen", "shuffled", "leader_erased"])
def test_the_result_names_the_image(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_evaluate(None, policy="straight", episodes=2, seed=500, image=image, as_json=True)
    assert json.loads(capsys.readouterr().out)["image"] == image


def test_an_erased_vehicle_ahead_is_named_and_stays_in_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for given in ({}, {"image": "leader_erased"}, {"overrides": ["environment.erase_leader=true"]}):
        run_evaluate(None, policy="pid-pursuit", episodes=4, seed=500, as_json=True, **given)  # type: ignore[arg-type]
        told.append(json.loads(capsys.readouterr().out))
    assert [one["image"] for one in told] == ["seen", "leader_erased", "leader_erased"]
    assert told[0]["summary"]["outcomes"]["collision"] > 0, "it must hit somebody for this to say anything"
    assert told[0]["episodes"] == told[1]["episodes"] == told[2]["episodes"], "it never looked"
    assert told[0]["config_hash"] != told[1]["config_hash"] == told[2]["config_hash"]
