"""Inference latency: how long a policy takes from an observation to its action, one world at a time.

An evaluation drives many worlds at once, so its own pace says nothing of this. Some of its observations are kept
while it drives, and decided on again afterwards, one by one: nothing is measured while something is simulated, and
driving is not held up.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Observation = dict[str, np.ndarray]
Decide = Callable[[Observation], np.ndarray]

DECISIONS, WARM_UP = 500, 50  # timed, and made before: caches fill, libraries choose their kernels
KEPT = 100  # observations of an evaluation


@dataclass(frozen=True)
class Latency:
    """Of NumPy observation -> NumPy action at batch 1, conversions and transfers included.

    Attributes:
        p50: ms, median.
        p99: ms, 99th percentile, linear between the two nearest.
        n: decisions that were timed.
        warm_up: decisions before them that were not.
        device: that computes: cpu or cuda.
        threads: of a product of matrices on a processor.
    """

    p50: float
    p99: float
    n: int
    warm_up: int
    device: str
    threads: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class ObservationSample:
    """Keeps what single worlds saw, from the first decisions of an evaluation; see `protocol.StepObserver`.

    Attributes:
        kept: observations of one world each, `image` uint8 (1, C, H, W) and `vector` float32 (1, D).

    Args:
        count: observations to keep.
    """

    def __init__(self, count: int = KEPT) -> None:
        self.kept: list[Observation] = []
        self._count = count

    def __call__(
        self,
        observation: Observation,
        actions: np.ndarray,
        rewards: np.ndarray,
        active: np.ndarray,
        over: np.ndarray,
        infos: dict[str, object],
    ) -> None:
        """Keep one of the active worlds' observations, each world's in turn."""
        if len(self.kept) < self._count:
            worlds = np.flatnonzero(active)
            world = worlds[len(self.kept) % len(worlds)]
            self.kept.append({name: observation[name][world : world + 1].copy() for name in ("image", "vector")})


def time_decisions(
    decide: Decide,
    observations: Sequence[Observation],
    count: int = DECISIONS,
    warm_up: int = WARM_UP,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds that each of `count` decisions took, one after the other.

    Args:
        decide: from an observation of one world to its actions, both in NumPy: what is computed on another device
            must have come back.
        observations: of one world each, at least one; taken in turn.
        count: decisions that are timed.
        warm_up: decisions before them.
        clock: seconds, monotonic.
    """
    turns = itertools.cycle(observations)
    for observation in itertools.islice(turns, warm_up):
        decide(observation)
    seconds = []
    for observation in itertools.islice(turns, count):
        begun = clock()
        decide(observation)
        seconds.append(clock() - begun)
    return seconds


def latency_of(seconds: Sequence[float], warm_up: int, device: str, threads: int) -> Latency:
    """The percentiles of decisions that took so many `seconds` each."""
    p50, p99 = np.percentile(1e3 * np.asarray(seconds), [50, 99])
    return Latency(float(p50), float(p99), len(seconds), warm_up, device, threads)


def policy_latency(policy: Any, observations: Sequence[Observation]) -> Latency | None:
    """Of a stored policy on the device that it is on; None of scripted drivers, which read no observation.

    Args:
        policy: what drives.
        observations: of one world each, as from `ObservationSample`.
    """
    device = getattr(policy, "device", None)
    if device is None or not observations:
        return None
    import torch

    return latency_of(time_decisions(policy, observations), WARM_UP, device.type, torch.get_num_threads())


def latency_in_words(figures: Mapping[str, Any] | None) -> list[str]:
    """A line of `Latency.to_dict`; none where nothing was measured."""
    if figures is None:
        return []
    threads = f"{figures['threads']} thread{'s' * (figures['threads'] != 1)}"
    return [
        f"inference latency  p50 {figures['p50']:.2f} ms, p99 {figures['p99']:.2f} ms  "
        f"(batch 1, n {figures['n']}, {figures['device']}, {threads})"
    ]
