"""A block tells the decisions that it was made of, and nothing else."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from av_td3_system.replay.sight import Sight
from av_td3_system.training.collecting.block import Block, Pixels, beside, side_by_side
from av_td3_system.training.explorer import Experience

WORLDS, VECTOR = 3, 5


def sight(rng: np.random.Generator, worlds: int = WORLDS, known: bool = True) -> Sight:
    surroundings = rng.normal(size=(worlds, 2)).astype(np.float32) if known else None
    return Sight(
        rng.integers(0, 256, (worlds, 1, 6, 7), np.uint8),
        rng.normal(size=(worlds, VECTOR)).astype(np.float32),
        surroundings,
        rng.normal(size=(worlds, 2)).astype(np.float32) if known else None,
    )


def decision(rng: np.random.Generator, over: np.ndarray, known: bool = True) -> Experience:
    infos = {
        "_final_obs": over,
        "return_ends": over & (rng.random(WORLDS) < 0.5),
        "reward_terms": rng.normal(size=(WORLDS, 5)),
        "episodes": [f"record {rng.integers(99)}" if ended else None for ended in over],
        "final_obs": {"image": np.zeros((WORLDS, 4, 6, 7), np.uint8)},
    }
    return Experience(
        seen=sight(rng, known=known),
        actions=rng.uniform(-1, 1, (WORLDS, 2)).astype(np.float32),
        rewards=rng.normal(size=WORLDS),
        last=sight(rng, known=known),
        infos=infos,
        following=rng.normal(size=(WORLDS, VECTOR)).astype(np.float32),
    )


def equal(one: Sight, other: Sight, rows: np.ndarray | slice = slice(None)) -> bool:
    pairs = zip(one, other, strict=True)
    return all((a is None) == (b is None) and (a is None or np.array_equal(a[rows], b[rows])) for a, b in pairs)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.0, 1.0), st.booleans())
def test_decisions_survive_the_way(seed: int, length: int, share: float, known: bool) -> None:
    rng = np.random.default_rng(seed)
    came = [decision(rng, rng.random(WORLDS) < share, known) for _ in range(length)]
    last, drawn = sight(rng, known=known), rng.integers(0, 9, WORLDS)
    block = pickle.loads(pickle.dumps(Block.of(came, last, drawn)))
    assert np.array_equal(block.drawn, drawn)
    assert equal(block.last.each()[0], last)
    told = block.each()
    assert len(told) == length
    for one, other in zip(came, told, strict=True):
        over = one.infos["_final_obs"]
        assert equal(one.seen, other.seen) and equal(one.last, other.last, over)
        for name in ("actions", "rewards", "following"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        assert "final_obs" not in other.infos, "the stack of frames stays where it was made"
        assert other.infos["episodes"] == one.infos["episodes"]
        for name in ("_final_obs", "return_ends", "reward_terms"):
            assert np.array_equal(one.infos[name], other.infos[name])


def test_what_is_known_only_later_in_a_block_is_left_out_of_it() -> None:
    """Whether the policy is asked may change when learning begins; a replay that needs it asks from the beginning."""
    rng = np.random.default_rng(0)
    over = np.zeros(WORLDS, bool)
    came = [decision(rng, over, known=False), decision(rng, over)]
    assert [one.seen.policy for one in Block.of(came, sight(rng), np.zeros(WORLDS)).each()] == [None, None]


def test_collectors_are_put_side_by_side() -> None:
    rng = np.random.default_rng(1)
    parts = [decision(rng, np.array(over)) for over in ([True, False, False], [False, False, True])]
    whole = side_by_side(parts)
    assert whole.actions.shape == (2 * WORLDS, 2)
    assert whole.infos["_final_obs"].tolist() == [True, False, False, False, False, True]
    assert whole.infos["episodes"] == parts[0].infos["episodes"] + parts[1].infos["episodes"]
    assert equal(whole.seen, beside([part.seen for part in parts]))
    assert np.array_equal(whole.seen.vector[WORLDS:], parts[1].seen.vector)


def test_pixels_are_compressed() -> None:
    array = np.zeros((16, 3, 1, 84, 84), np.uint8)
    packed = Pixels.of(array)
    assert len(packed.packed) < array.size / 100
    assert np.array_equal(packed.array(), array)
