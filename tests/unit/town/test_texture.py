"""The noise of grass and asphalt."""

from __future__ import annotations

import numpy as np

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
