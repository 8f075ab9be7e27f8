"""Compiled kernels of the replay: which transitions may be sampled, and how a batch is put together.

An environment's slots form a ring addressed by ever-growing positions; position p lies in slot
p % slots. An episode is a run of consecutive positions, its true last observation closing it in a
slot of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

TRANSITION, EPISODE_OVER, RETURN_ENDS, FINAL = 1, 2, 4, 8  # bits of `flags`; FINAL is an observation without an action
LONGEST_STACK = 255  # frames an age is counted to


class Slots(NamedTuple):
    """Rings of E environments with S slots each.

    Attributes:
        frame: uint64 (E, S, words), newest frame of the observation, eight pixels a word: copied four times as
            fast as single bytes.
        vector: float32 (E, S, D).
        surroundings: float32 (E, S, R), R may be 0.
        action: float32 (E, S, A).
        policy: float32 (E, S, P), what the policy itself last wanted here; P is 0 where that is not kept.
        reward: float32 (E, S).
        flags: uint8 (E, S).
        age: uint8 (E, S), frames before this one in its episode, at most 255.
        written: int64 (E,), positions written so far.
    """

    frame: np.ndarray
    vector: np.ndarray
    surroundings: np.ndarray
    action: np.ndarray
    policy: np.ndarray
    reward: np.ndarray
    flags: np.ndarray
    age: np.ndarray
    written: np.ndarray


@njit(cache=True)
def window(slots: Slots, env: int, position: int, n_step: int, reach: int) -> int:
    """Steps k of the n-step window from a position: n_step, or fewer to the episode's end; 0 if it cannot be sampled.

    `reach` is how many decisions before its newest frame a stack's oldest was taken.
    It cannot where it is no transition, where frames of its stack have been overwritten, and where
    the observation that closes the window has not been written yet.
    """
    size = slots.flags.shape[1]
    end = slots.written[env]
    oldest = max(0, end - size)
    if position < oldest or position >= end or not slots.flags[env, position % size] & TRANSITION:
        return 0
    if position - min(int(slots.age[env, position % size]), reach) < oldest:
        return 0
    for k in range(1, n_step + 1):
        if position + k >= end:
            return 0
        if slots.flags[env, (position + k - 1) % size] & EPISODE_OVER:
            return k
    return n_step


@njit(cache=True)
def count_valid(slots: Slots, n_step: int, reach: int) -> int:
    """How many transitions may be sampled now."""
    count = 0
    size = slots.flags.shape[1]
    for env in range(slots.flags.shape[0]):
        for position in range(max(0, slots.written[env] - size), slots.written[env]):
            count += window(slots, env, position, n_step, reach) > 0
    return count


@njit(cache=True)
def accept(
    slots: Slots, draws: np.ndarray, n_step: int, reach: int, env: np.ndarray, position: np.ndarray, found: int
) -> int:
    """Keep the draws that may be sampled, from index `found` on until the batch is full; how many it then holds.

    Args:
        slots: the rings.
        draws: int64 (M,), counted through all stored positions, environment after environment.
        n_step: longest window.
        reach: decisions from a stack's oldest frame to its newest.
        env: int64 (B,), written.
        position: int64 (B,), written.
        found: how many the batch holds already.
    """
    environments, size = slots.flags.shape
    for draw in draws:
        if found == len(env):
            break
        rest = draw
        for e in range(environments):
            stored = min(slots.written[e], size)
            if rest < stored:
                candidate = slots.written[e] - stored + rest
                if window(slots, e, candidate, n_step, reach) > 0:
                    env[found] = e
                    position[found] = candidate
                    found += 1
                break
            rest -= stored
    return found


@njit(cache=True)
def _copy_stack(slots: Slots, env: int, position: int, interval: int, images: np.ndarray, sample: int) -> None:
    size = slots.flags.shape[1]
    stack = images.shape[1]
    age = int(slots.age[env, position % size])
    for depth in range(stack):
        back = min((stack - 1 - depth) * interval, age)  # before the episode's first frame: that frame again
        slot = (position - back) % size
        for word in range(images.shape[2]):  # assigning one row to the other took two thirds longer
            images[sample, depth, word] = slots.frame[env, slot, word]


@njit(parallel=True, cache=True)
def assemble(
    slots: Slots,
    env: np.ndarray,
    position: np.ndarray,
    n_step: int,
    interval: int,
    gamma: float,
    image: np.ndarray,
    vector: np.ndarray,
    action: np.ndarray,
    reward: np.ndarray,
    discount: np.ndarray,
    next_image: np.ndarray,
    next_vector: np.ndarray,
    surroundings: np.ndarray,
    next_surroundings: np.ndarray,
    next_policy: np.ndarray,
) -> None:
    """Fill a batch (see `Batch`; images as uint64 (B, stack, words)) with the windows that begin at (env, position).

    Frames of a stack lie `interval` decisions apart. `image` may be of the last transitions, `next_image` of none.
    """
    size = slots.flags.shape[1]
    stack = image.shape[1]
    unseen = len(env) - len(image)
    for sample in prange(len(env)):
        e, p = env[sample], position[sample]
        steps = window(slots, e, p, n_step, (stack - 1) * interval)
        total, weight = 0.0, 1.0
        for k in range(steps):
            total += weight * slots.reward[e, (p + k) % size]
            weight *= gamma
        if slots.flags[e, (p + steps - 1) % size] & RETURN_ENDS:
            weight = 0.0
        reward[sample] = total
        discount[sample] = weight
        vector[sample] = slots.vector[e, p % size]
        action[sample] = slots.action[e, p % size]
        next_vector[sample] = slots.vector[e, (p + steps) % size]
        surroundings[sample] = slots.surroundings[e, p % size]
        next_surroundings[sample] = slots.surroundings[e, (p + steps) % size]
        next_policy[sample] = slots.policy[e, (p + steps) % size]
        if sample >= unseen:
            _copy_stack(slots, e, p, interval, image, sample - unseen)
        if sample < len(next_image):
            _copy_stack(slots, e, p + steps, interval, next_image, sample)
