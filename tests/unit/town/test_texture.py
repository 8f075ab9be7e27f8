"""The noise of grass and asphalt."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.texture import noise_tile


def test_a_tile_is_seamless_bounded_and_reproducible() -> None:
    tile = noise_tile(64, ((16, 5.0), (4, 2.0)))
    np.testing.assert_array_equal(tile, noise_tile(64, ((16, 5.0), (4, 2.0))))
    assert np.abs(tile).max() <= 7.0
    assert tile.std() > 1.0
    assert abs(tile.mean()) < 1.5
    inside = np.abs(np.diff(tile, axis=1)).max()
    assert np.abs(tile[:, 0] - tile[:, -1]).max() <= inside
    assert np.abs(tile[0] - tile[-1]).max() <= np.abs(np.diff(tile, axis=0)).max()


def test_layers_differ() -> None:
    assert not np.array_equal(noise_tile(32, ((8, 1.0),)), noise_tile(32, ((8, 0.0), (8, 1.0))))


def test_another_pattern_is_of_the_same_kind_and_unlike_the_first() -> None:
    layers = ((64, 1.5), (8, 1.5), (1, 2.0))
    tiles = [noise_tile(256, layers, pattern) for pattern in (0, 1, 2, 60_000)]
    assert np.array_equal(tiles[0], noise_tile(256, layers))
    for i, one in enumerate(tiles):
        assert one.std() == pytest.approx(tiles[0].std(), rel=0.15)
        assert all(abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3 for other in tiles[i + 1 :])
