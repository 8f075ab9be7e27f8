"""Actors of an episode: in, out, on each other, against each other."""

from __future__ import annotations

import math
from typing import Any

import pytest

from av_td3_system.carla_server.actors import Vehicle
from av_td3_system.carla_server.blueprints import TOWN_CAR
from av_td3_system.carla_server.conventions import Pose, attached
from av_td3_system.carla_server.episode import MOST_ACTORS, Episode
from av_td3_system.carla_server.replies import Refusal
from av_td3_system.carla_server.session import Session
from av_td3_system.config.schema import VehicleConfig

LEON = [0, TOWN_CAR, []]
FULL = (1.0, 0.0, 0.0, False, False, False, 0)


def start(session: Session, ahead: float = 0.0) -> Pose:
    point = session.episode.place.spawn_points[0]
    return attached(point, Pose(x=ahead))


def spawn(session: Session, ahead: float = 0.0, description: Any = LEON) -> Vehicle:
    found = session.episode.spawn(description, start(session, ahead))
    assert isinstance(found, Vehicle)
    return found


def test_the_towns_own_car_is_spawned_to_the_millimetre(session: Session) -> None:
    car = spawn(session)
    body = session.episode.bodies.of(car.identifier)
    config = VehicleConfig()
    sheet = ("length", "width", "wheelbase", "max_steer", "max_acceleration", "engine_power", "drag_area")
    assert [body[name] for name in sheet] == pytest.approx([getattr(config, name) for name in sheet])


def test_a_vehicle_drops_to_the_ground_and_drives_where_it_looks(session: Session) -> None:
    episode, car = session.episode, spawn(session)
    assert car.pose.z == 0.5
    episode.steer(car, FULL)
    for _ in range(40):
        episode.tick(0.05)
    there = start(session, 0.0)
    moved = car.pose.x - there.x, car.pose.y - there.y
    ahead = attached(Pose(yaw=there.yaw), Pose(x=1.0))
    assert car.pose.z == 0.0
    assert moved[0] * ahead.x + moved[1] * ahead.y == pytest.approx(5.0, abs=1.0)
    assert moved[0] * ahead.y - moved[1] * ahead.x == pytest.approx(0.0, abs=1e-6)
    assert car.velocity[0] * ahead.x + car.velocity[1] * ahead.y == pytest.approx(5.0, abs=1.0)


def test_steering_to_the_right_turns_clockwise(session: Session) -> None:
    episode, car = session.episode, spawn(session)
    before = car.pose.yaw
    episode.steer(car, (0.5, 0.5, 0.0, False, False, False, 0))
    for _ in range(30):
        episode.tick(0.05)
    assert 2.0 < (car.pose.yaw - before) % 360.0 < 90.0
    assert car.angular[2] > 0.0


def test_reverse_drives_back_to_where_it_came_from(session: Session) -> None:
    episode, car = session.episode, spawn(session)
    begun = car.pose
    for reverse in (False, True):
        episode.steer(car, (0.5, 0.3, 0.0, False, reverse, False, 0))
        for _ in range(40):
            episode.tick(0.05)
        episode.steer(car, (0.0, 0.3, 1.0, False, reverse, False, 0))
        for _ in range(40):
            episode.tick(0.05)
    assert (car.pose.x, car.pose.y) == pytest.approx((begun.x, begun.y), abs=0.8)
    assert car.pose.yaw == pytest.approx(begun.yaw, abs=4.0)


def test_nothing_passes_through_anything(session: Session) -> None:
    episode, car, other = session.episode, spawn(session), spawn(session, 9.0)
    episode.steer(car, FULL)
    episode.steer(other, (0.0, 0.0, 1.0, True, False, False, 0))
    contacts = []
    for _ in range(100):
        episode.tick(0.05)
        contacts += episode.contacts
        mine, theirs = (episode.bodies.of(a.identifier) for a in (car, other))
        gap = ((mine["x"] - theirs["x"]) ** 2 + (mine["y"] - theirs["y"]) ** 2) ** 0.5
        assert gap > 4.2
    first = contacts[0]
    assert {first.first, first.second} == {car.identifier, other.identifier}
    impulse = (first.impulse[0] ** 2 + first.impulse[1] ** 2) ** 0.5
    assert 2000.0 < impulse < 8000.0, "about 5 m/s between two cars of 1.3 t"


def test_houses_stop_vehicles(session: Session) -> None:
    episode, car = session.episode, spawn(session)
    row = episode.place.solid_names.index("static.building")
    x, y, yaw, half_length, _ = episode.place.solids[row]
    away = half_length + 6.0
    yaw_of_car = math.degrees(-yaw) + 180.0
    episode.move(car, Pose(x + away * math.cos(yaw), -(y + away * math.sin(yaw)), 0.0, 0.0, yaw_of_car, 0.0))
    episode.steer(car, FULL)
    met = []
    for _ in range(80):
        episode.tick(0.05)
        met += episode.contacts
    assert met
    assert met[0].second is None
    assert episode.wire_of_solid(met[0].solid)[2][1] == "static.building"
    assert episode.bodies.of(car.identifier)["speed"] < 0.5


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ([0, "vehicle.flying.carpet", []], "no blueprint 'vehicle.flying.carpet'"),
        ([0, "walker.pedestrian.0001", []], "has no walkers"),
        ([0, TOWN_CAR, [["wings", 4, "2"]]], "has no attribute 'wings'"),
        ([0, TOWN_CAR, [["color", 5, "rainbow"]]], "color cannot be 'rainbow'"),
        ([0, TOWN_CAR, [["role_name", 4, "x" * 2000]]], "role_name cannot be 'x{60}'"),
        ([0, TOWN_CAR, [["color", 5, "nan,0,0"]]], "color cannot be 'nan,0,0'"),
        ([0, TOWN_CAR, [["number_of_wheels", 2, "nan"]]], "number_of_wheels cannot be 'nan'"),
        ([0, TOWN_CAR, [["number_of_wheels", 2, "4.5"]]], "number_of_wheels cannot be '4.5'"),
        ([0, "sensor.camera.rgb", [["image_size_x", 2, "1000000"]]], "image_size_x is '1000000'"),
        ([0, "sensor.camera.rgb", [["fov", 3, "nan"]]], "fov cannot be 'nan'"),
        ([0, "sensor.camera.rgb", [["fov", 3, "200"]]], "fov is '200'"),
        ("car", "not an actor description"),
        ([0, [], []], "not an actor description"),
    ],
)
def test_what_cannot_be_spawned_is_refused_with_the_reason(session: Session, description: Any, reason: str) -> None:
    before = len(session.episode.actors)
    with pytest.raises(Refusal, match=reason):
        session.episode.spawn(description, start(session))
    assert len(session.episode.actors) == before


def test_there_is_no_room_where_somebody_stands(session: Session) -> None:
    spawn(session)
    with pytest.raises(Refusal, match="collision at spawn position"):
        spawn(session, 3.0)
    spawn(session, 6.0)


def test_actors_are_not_endless(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av_td3_system.carla_server.episode.MOST_ACTORS", len(session.episode.actors))
    with pytest.raises(Refusal, match="actors already"):
        spawn(session)
    assert MOST_ACTORS > 1000


def test_a_destroyed_actor_leaves_its_place_and_its_sensors_behind(session: Session) -> None:
    episode, car, other = session.episode, spawn(session), spawn(session, 10.0)
    sensor = episode.spawn([0, "sensor.other.imu", []], Pose(), car.identifier)
    episode.destroy(car.identifier)
    episode.tick(0.05)
    assert sensor.identifier in episode.actors
    assert len(episode.bodies) == 1
    assert episode.bodies.pose_of(other.identifier)[:2] == pytest.approx(start(session, 10.0)[:2])
    with pytest.raises(Refusal, match="unable to find actor"):
        episode.destroy(car.identifier)
    with pytest.raises(Refusal, match="belongs to the map"):
        episode.destroy(episode.spectator.identifier)


def test_equal_commands_lead_to_equal_worlds(session: Session) -> None:
    ends = []
    for _ in range(2):
        session.load("", reset=False)
        car, other = spawn(session), spawn(session, 12.0)
        session.episode.steer(car, (0.8, 0.01, 0.0, False, False, False, 0))
        for _ in range(60):
            session.episode.tick(0.05)
        ends.append([actor.pose for actor in (car, other)])
    assert ends[0] == ends[1]


def test_a_snapshot_holds_every_actor(session: Session) -> None:
    episode: Episode = session.episode
    spawn(session)
    first = episode.snapshot(0.05, 0.0)
    assert len(first) == 48 + 36 + 119 * len(episode.actors)
    assert first != episode.snapshot(0.05, 0.0), "only the first tells of a new map"
