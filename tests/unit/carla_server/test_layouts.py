"""Sizes and places of what is streamed, as the client library was compiled for."""

from __future__ import annotations

import struct

import numpy as np

from av_td3_system.carla_server import layouts
from av_td3_system.carla_server.conventions import Pose


def test_sizes_are_those_of_the_clients_structures() -> None:
    assert len(layouts.token_of(7, 2001)) == 24
    assert len(layouts.sensor_header(layouts.RGB, 1, 0.05, Pose())) == 48
    assert len(layouts.world_header(1, 0.0, 0.05, False)) == 36
    assert len(layouts.vehicle_state((0.0, 0.0, 0.0, False, False, False, 0), 30.0)) == 30
    assert len(layouts.light_state("12", (1.0, 2.0, 3.0), 0.0, True, 2)) == 54
    assert len(layouts.actor_state(1, Pose(), (0.0,) * 3, (0.0,) * 3, (0.0,) * 3)) == 119


def test_a_token_names_no_address_so_that_clients_take_the_host_that_they_called() -> None:
    stream, port, protocol, kind, address = struct.unpack("<IHBB16s", layouts.token_of(7, 2001))
    assert (stream, port, protocol, kind, address) == (7, 2001, 1, 0, bytes(16))


def test_a_header_tells_kind_frame_and_place() -> None:
    header = struct.unpack("<QQd6f", layouts.sensor_header(13, 42, 2.5, Pose(1, 2, 3, 4, 5, 6)))
    assert header == (13, 42, 2.5, 1, 2, 3, 4, 5, 6)


def test_an_image_is_its_size_and_its_pixels() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    packed = layouts.image(pixels, 90.0)
    assert struct.unpack("<IIf", packed[:12]) == (3, 2, 90.0)
    assert packed[12:] == pixels.tobytes()
