"""Does an exported graph act as the policy that it was made of?

Asked on what the policy sees where it drives itself, in worlds of its run's settings, and on images that no world
shows: black, white, noise. In each case one by one and eight at a time, since libraries choose other kernels, and so
other orders of summation, by the size of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.evaluation.latency import Observation

if TYPE_CHECKING:
    from av_td3_system.environments.worlds import Worlds

BATCH = 8
DECISIONS = 50  # of each of `BATCH` worlds
EXTREMES = 5  # batches of each kind of image
BOUND = 1e-5
"""Greatest difference of an action that is let through, actions being in [-1, 1].

Float32 rounds by 6e-8 of a number, and another order of a sum of thousands by some of these; a wrong scale, crop or
order of frames changes actions by a thousand times the bound."""
""

Act = Callable[[Observation], np.ndarray]


def driven_observations(config: Config, act: Act, decisions: int, worlds: int = BATCH) -> list[Observation]:
    """What `worlds` worlds of a run's settings show a policy that drives them, on validation routes.

    Args:
        config: of the run.
        act: the policy.
        decisions: of each world.
        worlds: in parallel.

    Returns:
        For each decision an observation: `image` uint8 (worlds, C, H, W) and `vector` float32 (worlds, D).

    Raises:
        UserError: the settings name no world that there is.
    """
    env = _worlds(config, worlds)
    seen = []
    try:
        observation, _ = env.reset()
        for _ in range(decisions):
            seen.append({name: observation[name].copy() for name in ("image", "vector")})
            observation = env.step(act(seen[-1]))[0]
    finally:
        env.close()
    return seen


def extreme_observations(
    image_shape: tuple[int, int, int], vector_dim: int, limit: float, rng: np.random.Generator
) -> Iterator[Observation]:
    """Black, white, two kinds of noise and stripes, with vectors uniform up to the greatest that the town gives.

    Args:
        image_shape: (C, H, W); C = 0 where there is no image, and then the vectors alone are extreme.
        vector_dim: D.
        limit: of each number of the vector.
        rng: draws.
    """
    shape = (BATCH, *image_shape)
    for _ in range(EXTREMES):
        for image in (
            np.zeros(shape, np.uint8),
            np.full(shape, 255, np.uint8),
            rng.integers(0, 256, shape, np.uint8),
            255 * rng.integers(0, 2, shape, np.uint8),
            np.broadcast_to(255 * rng.integers(0, 2, (*shape[:-1], 1), np.uint8), shape).copy(),
        ):
            yield {"image": image, "vector": rng.uniform(-limit, limit, (BATCH, vector_dim)).astype(np.float32)}


def greatest_differences(
    policy: Act, exported: Act, cases: Mapping[str, Sequence[Observation]]
) -> dict[str, dict[str, float]]:
    """Greatest absolute difference of any action, by case and by size of the batch (as in JSON, in letters).

    Args:
        policy: what stands.
        exported: what is asked whether it is the same.
        cases: observations of `BATCH` worlds each, by name.

    Returns:
        E.g. `{"driven": {"1": 1e-7, "8": 2e-7}, ...}`; infinite where shape or type differ or something is not finite.
    """
    return {
        name: {
            "1": max(_difference(policy, exported, one) for batch in observations for one in singles(batch)),
            str(BATCH): max(_difference(policy, exported, batch) for batch in observations),
        }
        for name, observations in cases.items()
    }


def singles(observation: Observation) -> list[Observation]:
    """An observation of N worlds as N of one."""
    count = len(observation["vector"])
    return [{name: array[row : row + 1] for name, array in observation.items()} for row in range(count)]


def _difference(policy: Act, exported: Act, observation: Observation) -> float:
    expected, actual = policy(observation), np.asarray(exported(observation))
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return float("inf")
    difference = float(np.abs(actual.astype(float) - expected.astype(float)).max())
    return difference if np.isfinite(difference) else float("inf")


def _worlds(config: Config, count: int) -> Worlds:
    if config.run.env is not None:
        from av_td3_system.environments.gymnasium_batch import GymnasiumBatch

        return GymnasiumBatch(config.run.env, count, config.evaluation.seed)
    from av_td3_system.environments.vector_env import TownVectorEnv

    return TownVectorEnv(config, count, config.evaluation.seed, split="validation")
