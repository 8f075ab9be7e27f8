"""Random numbers of one world for the compiled kernels (SplitMix64, Steele, Lea & Flood 2014).

The whole state of a world's stream is one 64-bit word in its record, so a world is saved and
restored to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from av_td3_system.town.kernel import kernel
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import WorldRecord

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


@njit(cache=True)
def word_after(state: np.uint64) -> np.uint64:
    """The word that follows a state of the stream; of an array of states, an array."""
    z = state + _GAMMA
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@kernel(forceinline=True)
def unit_of(word: np.uint64) -> float:
    """A word of the stream as a number in [0, 1)."""
    return float(word >> _S11) * _TO_UNIT


@kernel(forceinline=True)
def next_word(world: WorldRecord) -> np.uint64:
    """The next 64-bit word of the world's stream, which advances."""
    word = word_after(world.stream)
    world.stream = world.stream + _GAMMA
    return word


@kernel(forceinline=True)
def uniform(world: WorldRecord, low: float, high: float) -> float:
    """A number in [low, high)."""
    return low + (high - low) * unit_of(next_word(world))


@kernel()
def below(world: WorldRecord, n: int) -> int:
    """An integer in [0, n)."""
    return min(int(uniform(world, 0.0, 1.0) * n), n - 1)


@kernel()
def any_successor(roads: Roads, world: WorldRecord, lane: int) -> int:
    """One of the lanes that follow `lane`, each as likely as the others."""
    choice = below(world, roads.lane[lane].successor_count)
    return roads.successors[roads.lane[lane].successor_first + choice]
