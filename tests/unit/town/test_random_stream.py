"""SplitMix64 against the values its authors publish."""

from __future__ import annotations

import numpy as np

from av_td3_system.town.random_stream import below, next_word, uniform

Record = np.ndarray


def stream(seed: int) -> Record:
    return np.array([(seed,)], [("stream", np.uint64)])


def test_reference_sequence() -> None:
    worlds = stream(1234567)
    words = [int(next_word(worlds[0])) for _ in range(3)]
    assert words == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_numbers_fill_their_range_evenly() -> None:
    worlds = stream(1)
    draws = np.array([uniform(worlds[0], 2.0, 6.0) for _ in range(20_000)])
    assert draws.min() >= 2.0 and draws.max() < 6.0
    assert abs(draws.mean() - 4.0) < 0.03 and abs(draws.std() - 4.0 / np.sqrt(12)) < 0.03
    counts = np.bincount([below(worlds[0], 5) for _ in range(20_000)], minlength=5)
    assert len(counts) == 5 and counts.min() > 3700


def test_a_stored_word_restores_the_stream() -> None:
    worlds = stream(9)
    next_word(worlds[0])
    kept = worlds.copy()
    assert next_word(worlds[0]) == next_word(kept[0])
