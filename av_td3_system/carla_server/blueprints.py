"""The blueprint library: what may be spawned, with CARLA 0.9.16's names and attributes.

Names, makes and kinds are CARLA's. Lengths, widths and heights are rounded and stand for the bounding boxes of
CARLA's models, which only a real server can tell exactly; the Seat Leon alone is the town's own car to the millimetre.
Walkers are listed because scripts look for them, and refused when they are to be spawned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from av_td3_system.config.schema import VehicleConfig
from av_td3_system.town import colours
from av_td3_system.town.state import CAR, TRUCK, VAN

BOOL, INT, FLOAT, STRING, COLOR = 1, 2, 3, 4, 5  # CARLA's types of attributes
GENERAL = "autopilot", "scenario", "ego_vehicle"
TOWN_CAR = "vehicle.seat.leon"  # the town's own car
# id: length, width, height in m, what it is, wheels, generation
_CATALOGUE = {
    "audi.a2": (3.71, 1.79, 1.55, "car", 4, 1),
    "audi.etron": (4.86, 2.03, 1.65, "car", 4, 1),
    "audi.tt": (4.18, 1.99, 1.39, "car", 4, 1),
    "bmw.grandtourer": (4.61, 2.24, 1.67, "car", 4, 1),
    "chevrolet.impala": (5.36, 2.03, 1.41, "car", 4, 1),
    "citroen.c3": (3.99, 1.85, 1.62, "car", 4, 1),
    "dodge.charger_2020": (5.01, 1.88, 1.54, "car", 4, 2),
    "ford.crown": (5.37, 1.8, 1.57, "car", 4, 2),
    "ford.mustang": (4.72, 1.89, 1.3, "car", 4, 1),
    "jeep.wrangler_rubicon": (3.87, 1.91, 1.88, "car", 4, 1),
    "lincoln.mkz_2017": (4.9, 2.13, 1.51, "car", 4, 1),
    "lincoln.mkz_2020": (4.89, 1.84, 1.49, "car", 4, 2),
    "mercedes.coupe": (5.03, 2.15, 1.64, "car", 4, 1),
    "mercedes.coupe_2020": (4.67, 1.82, 1.44, "car", 4, 2),
    "micro.microlino": (2.21, 1.48, 1.38, "car", 4, 1),
    "mini.cooper_s": (3.81, 1.97, 1.48, "car", 4, 1),
    "mini.cooper_s_2021": (4.55, 2.1, 1.77, "car", 4, 2),
    "nissan.micra": (3.63, 1.85, 1.5, "car", 4, 1),
    "nissan.patrol": (4.6, 1.93, 1.85, "car", 4, 1),
    "nissan.patrol_2021": (5.57, 2.15, 2.05, "car", 4, 2),
    "seat.leon": (4.255, 1.799, 1.47, "car", 4, 1),
    "tesla.model3": (4.79, 2.16, 1.49, "car", 4, 1),
    "toyota.prius": (4.51, 2.01, 1.52, "car", 4, 1),
    "ford.ambulance": (6.37, 2.35, 2.43, "van", 4, 2),
    "mercedes.sprinter": (5.92, 1.99, 2.56, "van", 4, 2),
    "volkswagen.t2": (4.48, 2.07, 2.04, "van", 4, 1),
    "volkswagen.t2_2021": (4.44, 1.77, 1.99, "van", 4, 2),
    "carlamotors.carlacola": (5.2, 2.61, 2.47, "truck", 4, 1),
    "carlamotors.european_hgv": (7.94, 2.89, 3.45, "truck", 4, 2),
    "carlamotors.firetruck": (8.47, 2.9, 3.83, "truck", 4, 2),
    "tesla.cybertruck": (6.27, 2.39, 2.1, "truck", 4, 1),
    "mitsubishi.fusorosa": (10.27, 3.94, 4.25, "bus", 4, 2),
    "harley-davidson.low_rider": (2.35, 0.76, 1.28, "motorcycle", 2, 1),
    "kawasaki.ninja": (2.03, 0.8, 1.15, "motorcycle", 2, 1),
    "vespa.zx125": (1.8, 0.87, 1.23, "motorcycle", 2, 1),
    "yamaha.yzf": (2.21, 0.87, 1.25, "motorcycle", 2, 1),
    "bh.crossbike": (1.49, 0.86, 1.64, "bicycle", 2, 1),
    "diamondback.century": (1.64, 0.37, 1.13, "bicycle", 2, 1),
    "gazelle.omafiets": (1.84, 0.35, 1.23, "bicycle", 2, 1),
}
_PROPS = {
    "streetbarrier": (0.37, 1.22, 1.07),
    "trafficcone01": (0.34, 0.34, 0.58),
    "warningconstruction": (0.6, 1.2, 1.2),
}
_KINDS = {"car": CAR, "van": VAN, "truck": TRUCK, "bus": TRUCK, "motorcycle": CAR, "bicycle": CAR}
_WALKERS = {1: 1, 2: 1, 15: 2, 16: 2}  # number and generation
_PAINTED = 18  # colours recommended for every vehicle


@dataclass(frozen=True)
class Blueprint:
    """What there is to know of a blueprint: its definition on the wire, and its body if it has one."""

    identifier: str
    attributes: tuple[tuple[str, int, str, tuple[str, ...], bool], ...]  # id, type, value, recommended, modifiable
    size: tuple[float, float, float] | None = None  # m, of what one can run into
    kind: int = CAR  # which of the town's shapes it is drawn as

    def to_wire(self, uid: int) -> list[Any]:
        """As `carla::rpc::ActorDefinition` is packed."""
        tags = ",".join(self.identifier.split(".")[1:] + self.identifier.split(".")[:1])
        attributes = [[n, t, v, list(known), modifiable, False] for n, t, v, known, modifiable in self.attributes]
        return [uid, self.identifier, tags, attributes]

    def defaults(self) -> dict[str, str]:
        """Value of each attribute where a client says nothing."""
        return {attribute[0]: attribute[2] for attribute in self.attributes}


@dataclass(frozen=True)
class Library:
    """All blueprints by name, and the library as a client gets it."""

    blueprints: dict[str, Blueprint]
    definitions: list[Any] = field(repr=False)


def town_paints() -> list[str]:
    """Colours 'r,g,b' of the town's traffic, from dark to bright, so that both kinds of traffic look alike."""
    shades = np.linspace(30.0, 230.0, _PAINTED)[None]
    paints = colours.vehicle_paint(shades, 3)[:, 0].T
    return [",".join(str(round(float(part))) for part in paint) for paint in paints]


def build_library() -> Library:
    """The blueprints that this server knows."""
    paints = town_paints()
    found = [_vehicle(f"vehicle.{name}", row, paints) for name, row in _CATALOGUE.items()]
    found += [_prop(f"static.prop.{name}", size) for name, size in _PROPS.items()]
    found += [_walker(*which) for which in _WALKERS.items()]
    found.append(Blueprint("controller.ai.walker", (_text("role_name", "default"),)))
    found += _sensors()
    definitions = [blueprint.to_wire(uid) for uid, blueprint in enumerate(found, start=1)]
    return Library({blueprint.identifier: blueprint for blueprint in found}, definitions)


def _text(name: str, value: str, *known: str, fixed: bool = False) -> tuple[str, int, str, tuple[str, ...], bool]:
    return name, STRING, value, known, not fixed


def _vehicle(identifier: str, row: tuple[Any, ...], paints: list[str]) -> Blueprint:
    *size, base, wheels, generation = row
    if identifier == TOWN_CAR:
        size[:2] = VehicleConfig().length, VehicleConfig().width
    attributes = (
        _text("role_name", "autopilot", *GENERAL),
        ("color", COLOR, paints[_PAINTED // 2], tuple(paints), True),
        ("sticky_control", BOOL, "true", (), True),
        ("number_of_wheels", INT, str(wheels), (), False),
        ("generation", INT, str(generation), (), False),
        _text("object_type", "", fixed=True),
        _text("base_type", base, fixed=True),
        _text("special_type", "", fixed=True),
        ("has_lights", BOOL, "false", (), False),
        _text("ros_name", identifier),
    )
    return Blueprint(identifier, attributes, (size[0], size[1], size[2]), _KINDS[base])


def _prop(identifier: str, size: tuple[float, float, float]) -> Blueprint:
    return Blueprint(identifier, (_text("role_name", "prop", *GENERAL),), size, VAN)


def _walker(number: int, generation: int) -> Blueprint:
    attributes = (
        _text("role_name", "pedestrian", *GENERAL),
        ("is_invincible", BOOL, "true", (), True),
        ("speed", FLOAT, "0.0", ("0.0", "1.4", "2.6"), True),
        _text("gender", "other", fixed=True),
        _text("age", "adult", fixed=True),
        ("generation", INT, str(generation), (), False),
    )
    return Blueprint(f"walker.pedestrian.{number:04d}", attributes)


def _sensors() -> list[Blueprint]:
    common = (_text("role_name", "front"), _text("ros_name", ""))
    tick = ("sensor_tick", FLOAT, "0.0", (), True)
    picture = (
        ("image_size_x", INT, "800", (), True),
        ("image_size_y", INT, "600", (), True),
        ("fov", FLOAT, "90.0", (), True),
    )
    obstacle = (
        ("distance", FLOAT, "5.0", (), True),
        ("hit_radius", FLOAT, "0.5", (), True),
        ("only_dynamics", BOOL, "false", (), True),
        ("debug_linetrace", BOOL, "false", (), True),
    )
    cameras = [
        Blueprint(f"sensor.camera.{name}", (*common, tick, *picture))
        for name in ("rgb", "depth", "semantic_segmentation")
    ]
    others = [Blueprint(f"sensor.other.{name}", (*common, tick)) for name in ("gnss", "imu")]
    return [
        *cameras,
        *others,
        # These two tell of events, so they have no interval.
        Blueprint("sensor.other.collision", common),
        Blueprint("sensor.other.lane_invasion", common),
        Blueprint("sensor.other.obstacle", (*common, tick, *obstacle)),
    ]
