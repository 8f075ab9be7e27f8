"""The frame stack: filled with the first real frame, one decision a frame, black if asked."""

from __future__ import annotations

import numpy as np

from tests.unit.environments.batches import make_batch


def test_the_stack_begins_with_the_first_real_frame() -> None:
    """Lesson: the first frames were all zero."""
    env = make_batch(2, vehicles=5, camera=True)
    frames = env.view.frames
    assert frames.max() > 60
    assert all(np.array_equal(frames[:, 0], frames[:, k]) for k in range(frames.shape[1]))
    assert np.all(env.view.ticks == 0)


def test_frames_of_a_stack_are_consecutive() -> None:
    """Lesson: the policy saw frames one or more ticks old."""
    env = make_batch(2, vehicles=5, camera=True)
    ahead = np.tile(np.array([0.0, 0.6], np.float32), (2, 1))
    repeat = env.config.environment.action_repeat
    before = env.view.frames.copy()
    for k in range(1, 8):
        observation, _, _, _, infos = env.step(ahead)
        assert np.array_equal(infos["frame_ticks"][:, -1], env.worlds.state["tick"])
        assert np.array_equal(infos["frame_ticks"][0], np.maximum(np.arange(k - 3, k + 1) * repeat, 0))
        assert np.array_equal(observation["image"][:, :-1], before[:, 1:])
        before = observation["image"]
    assert not np.array_equal(before[:, 0], before[:, -1])


def test_a_blank_camera_stays_black() -> None:
    env = make_batch(2, vehicles=5)
    env.step(np.ones((2, 2), np.float32))
    assert not env.view.frames.any()
