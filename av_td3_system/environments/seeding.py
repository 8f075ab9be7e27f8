"""Episode seeds: which route, traffic and weather the k-th episode of a world is."""

from __future__ import annotations

import numpy as np


def episode_seed(seed: int, split: int, world: int, episode: int) -> int:
    """A number in [2^32, 2^63) that names one episode.

    The explicit seeds of evaluations lie below 2^32, so no training episode is ever evaluated on.
    """
    word = np.random.SeedSequence([seed, split, world, episode]).generate_state(1, np.uint64)[0]
    return int(word >> np.uint64(1)) | 1 << 32


def fixed_seeds(first: int, count: int) -> list[int]:
    """The fixed episode seeds of an evaluation: `first`, `first + 1`, ... (all below 2^32)."""
    return list(range(first, first + count))


def short_episode_seed(seed: int, world: int, episode: int) -> int:
    """A number in [2^31, 2^32) that names a training episode of an environment of any maker.

    Some take no more than 32 bits. The explicit seeds of evaluations begin below 2^31.
    """
    word = np.random.SeedSequence([seed, world, episode]).generate_state(1, np.uint32)[0]
    return int(word) | 1 << 31
