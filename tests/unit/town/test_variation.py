"""The episode's car off its data sheet, and commands that come late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.town.state import COMMANDS
from av_td3_system.town.town import load_town
from av_td3_system.town.variation import RANGES, vehicle_of
from av_td3_system.town.vehicle import vehicle_parameters
from av_td3_system.town.world import TownWorlds
from tests.unit.environments.batches import same_worlds, town_config

ALL = np.ones(1, np.bool_)
OFF = {"steering_offset": (0.0, 0.0)}
DRAWN = ("ego_mass", "ego_engine", "ego_brakes", "ego_steering", "ego_grip", "ego_steering_offset")


def make(seed: int = 3, vehicles: int = 0, *, delay: int = 0, repeat: int = 2, **ranges: Any) -> TownWorlds:
    """One world at the beginning of the episode that the seed names, its car varied in these ranges."""
    config = town_config(vehicles, environment={"action_delay": delay, "action_repeat": repeat})
    config = Config.model_validate(config.model_dump() | {"variation": ranges})
    worlds = TownWorlds(load_town("TownA"), config, 1, "train")
    worlds.begin(0, seed)
    return worlds


def drive(worlds: TownWorlds, actions: list[tuple[float, float]]) -> np.ndarray:
    for action in actions:
        worlds.advance(np.array([action]), ALL)
    return worlds.state[0].copy()


def test_by_default_every_car_is_its_data_sheet() -> None:
    worlds = make()
    assert [float(worlds.state[name][0]) for name in DRAWN] == [1.0] * 5 + [0.0]
    assert vehicle_of(worlds.vehicle, worlds.state[0]) == vehicle_parameters(worlds.config.vehicle)


def test_draws_follow_from_the_seed_stay_in_their_ranges_and_fill_them() -> None:
    ranges = dict.fromkeys(RANGES, (0.5, 2.0)) | {"steering_offset": (-0.1, 0.3)}
    worlds = make(**ranges)
    cars = []
    for seed in range(10_000, 10_400):
        worlds.begin(0, seed)
        cars.append([float(worlds.state[name][0]) for name in DRAWN])
    drawn = np.array(cars)
    low, high = np.array([0.5] * 5 + [-0.1]), np.array([2.0] * 5 + [0.3])
    share = (drawn - low) / (high - low)
    assert ((share >= 0) & (share < 1)).all()
    assert np.abs(share.mean(axis=0) - 0.5).max() < 0.06, "uniform: standard error 0.014"
    assert np.abs(np.corrcoef(share.T) - np.eye(6)).max() < 0.2, "independent: standard error 0.05"
    worlds.begin(0, 10_007)
    assert [float(worlds.state[name][0]) for name in DRAWN] == cars[7]


def test_another_car_meets_the_same_route_and_traffic() -> None:
    plain, varied = make(vehicles=20).state[0], make(vehicles=20, mass=(1.5, 1.5), **OFF).state[0]
    assert varied["ego_mass"] == 1.5
    varied["ego_mass"] = 1.0
    assert same_worlds(plain, varied)


@pytest.mark.parametrize(
    ("ranges", "action", "column", "factor"),
    [
        ({"mass": (2.0, 2.0)}, (0.0, 0.5), "ego_drive", 0.5),
        ({"engine": (0.7, 0.7)}, (0.0, 0.5), "ego_drive", 0.7),
        ({"brakes": (0.7, 0.7)}, (0.0, -0.5), "ego_drive", 0.7),
        ({"steering": (0.8, 0.8)}, (0.1, 0.0), "ego_steer", 0.8),
    ],
)
def test_each_factor_scales_what_it_is_named_after(
    ranges: dict, action: tuple[float, float], column: str, factor: float
) -> None:
    plain, varied = (drive(make(**given), [action])[column] for given in ({}, ranges))
    assert plain != 0.0 and varied == pytest.approx(factor * plain, rel=0.02)


def test_grip_limits_the_brakes() -> None:
    def deceleration(grip: float) -> float:
        worlds = make(grip=(grip, grip))
        worlds.state["ego_speed"] = 10.0
        return 10.0 - float(drive(worlds, [(0.0, -1.0)] * 6)["ego_speed"])

    assert deceleration(0.2) < 0.35 * deceleration(1.0)


def test_steering_goes_no_further_than_the_wheels_and_an_offset_pulls_to_the_left() -> None:
    far = drive(make(steering=(2.0, 2.0)), [(1.0, 0.0)] * 12)
    assert far["ego_steer"] == -vehicle_parameters(Config().vehicle).max_steer
    assert drive(make(steering_offset=(0.02, 0.02)), [(0.0, 0.0)] * 3)["ego_steer"] == pytest.approx(0.02)


@pytest.mark.parametrize("delay", [0, 1, 2, 3, 5, COMMANDS - 1])
def test_commands_reach_the_car_exactly_so_many_ticks_late(delay: int) -> None:
    rng = np.random.default_rng(6)
    ticks = [(float(steer), 0.2 + float(pedal)) for steer, pedal in rng.uniform(-0.3, 0.3, (40, 2))]
    late = drive(make(delay=delay, repeat=1), ticks)
    expected = drive(make(repeat=1), [(0.0, 0.0)] * delay + ticks[: 40 - delay])
    late["ego_command"] = expected["ego_command"]  # what was given differs, what was felt does not
    assert late["ego_speed"] > 0.0 and same_worlds(late, expected)


def test_a_late_command_survives_a_restart_and_ends_with_the_episode() -> None:
    worlds = make(delay=7)
    drive(worlds, [(0.3, 0.9)] * 3)
    other = make(seed=8, delay=7)
    other.load_state_dict(worlds.state_dict())
    assert same_worlds(drive(worlds, [(0.0, 0.0)] * 6), drive(other, [(0.0, 0.0)] * 6))
    assert worlds.state["ego_speed"][0] > 0.0, "what was given before the restart arrived after it"
    drive(worlds, [(0.3, 0.9)] * 3)
    worlds.begin(0, 5)
    assert drive(worlds, [(0.0, 0.0)] * 8)["ego_speed"] == 0.0, "nothing of the last episode arrives in the next"


def test_ranges_are_ordered_and_named_where_not() -> None:
    with pytest.raises(UserError, match=r"variation\.grip: the lower end 1\.2 is above the upper end 0\.8"):
        load_config(overrides=["variation.grip=[1.2, 0.8]"])
    with pytest.raises(UserError, match=r"variation\.mass"):
        load_config(overrides=["variation.mass=[0, 1]"])
