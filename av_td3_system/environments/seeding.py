"""Episode seeds: which route, traffic and weather an episode is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_PART = 28  # bits of a route's and of traffic's seed where an episode is spelled out
_WEATHER = 6  # bits of a weather's index


class Episode(NamedTuple):
    """What an episode seed says.

    Attributes:
        route: seed of the stream that the route is drawn from.
        stream: seed of all else that is drawn: traffic, the car, the camera.
        weather: index into `environment.weathers`; None: it follows from the stream.
    """

    route: int
    stream: int
    weather: int | None


def episode_of(seed: int) -> Episode:
    """What a seed means: one at or above 0 is the seed of everything, one below is made by `spelled_out`."""
    if seed >= 0:
        return Episode(seed, seed, None)
    parts = -1 - seed
    mask = (1 << _PART) - 1
    route, traffic, weather = parts & mask, parts >> _PART & mask, parts >> 2 * _PART
    # The weather is no part of the stream: the same traffic in rain and in sunshine, so that they can be compared.
    return Episode(route, route << _PART | traffic, weather)


def spelled_out(route: int, traffic: int, weather: int) -> int:
    """The seed, below 0, of the episode on this route among this traffic in this weather.

    Args:
        route: the same route as that of the episode seed `route`, in [0, 2^28).
        traffic: which traffic meets it there, in [0, 2^28).
        weather: index into `environment.weathers`, in [0, 64).

    Raises:
        ValueError: a part is out of its range.
    """
    if not (0 <= route < 1 << _PART and 0 <= traffic < 1 << _PART and 0 <= weather < 1 << _WEATHER):
        raise ValueError(f"route {route}, traffic {traffic}, weather {weather}: no seed has room for these")
    return -1 - (weather << 2 * _PART | traffic << _PART | route)


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
