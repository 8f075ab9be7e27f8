"""What a policy is disturbed by: another car or mounting of the camera, latency, other drivers, less of the image."""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.schema import Config
from av_td3_system.evaluation.camera_ablation import Image

NOMINAL = "nominal"


class Disturbance(NamedTuple):
    """One change of the world, the car or the eyes.

    Attributes:
        name: of its row.
        settings: `section.setting=value`, over those of the evaluation.
        image: what the policy is shown.
    """

    name: str
    settings: tuple[str, ...] = ()
    image: Image = "seen"


def disturbances(config: Config) -> list[Disturbance]:
    """The nominal drive and all disturbances of the protocol, relative to the settings of a run.

    Dynamics by 20 %: heavier with weaker engine and brakes, and the reverse; steering and grip by themselves. The
    camera by 0.2 m and 2 degrees. One tick of latency between decision and car, one decision between scene and
    picture. Other drivers keep half or twice the headway and are as much more eager or timid; they follow the same
    models with other parameters, or the other car-following model, or a fifth of them goes first at junctions.
    Of the image nothing is left, or all but the vehicle ahead: whether the policy still brakes, its collisions tell.
    """
    camera, traffic = config.camera, config.traffic
    other, others = ("krauss", "Krauss drivers") if traffic.car_following == "idm" else ("idm", "IDM drivers")

    def drivers(factor: float) -> tuple[str, ...]:
        return (
            f"traffic.time_headway={traffic.time_headway * factor:g}",
            f"traffic.minimum_gap={traffic.minimum_gap * factor:g}",
            f"traffic.max_acceleration={traffic.max_acceleration / factor**0.5:g}",
            f"traffic.comfortable_deceleration={traffic.comfortable_deceleration / factor**0.5:g}",
        )

    found = [
        Disturbance(NOMINAL),
        Disturbance("car sluggish by 20 %", _car(mass=1.2, engine=0.8, brakes=0.8)),
        Disturbance("car brisk by 20 %", _car(mass=0.8, engine=1.2, brakes=1.2)),
        Disturbance("steering -20 %", _car(steering=0.8)),
        Disturbance("steering +20 %", _car(steering=1.2)),
        Disturbance("grip -20 %", _car(grip=0.8)),
    ]
    for axis, value, step, unit in (
        ("y", camera.y, 0.2, "m"),
        ("z", camera.z, 0.2, "m"),
        ("pitch", camera.pitch, 2.0, "degrees"),
    ):
        for sign in (-1, 1):
            name = f"camera {axis} {sign * step:+g} {unit}"
            found.append(Disturbance(name, (f"camera.{axis}={value + sign * step:g}",)))
    return [
        *found,
        Disturbance("command a tick late", (f"environment.action_delay={config.environment.action_delay + 1}",)),
        Disturbance("picture a decision late", (f"camera.delay={camera.delay + 1}",)),
        Disturbance("pushing drivers", drivers(0.5)),
        Disturbance("timid drivers", drivers(2.0)),
        Disturbance(others, (f"traffic.car_following={other}",)),
        Disturbance("a fifth of drivers gives no way", ("traffic.non_yielding=0.2",)),
        Disturbance("image blank", image="blank"),
        Disturbance("image frozen", image="frozen"),
        Disturbance("image shuffled", image="shuffled"),
        Disturbance("vehicle ahead erased", image="leader_erased"),
    ]


def _car(**factors: float) -> tuple[str, ...]:
    return tuple(f"variation.{name}=[{factor:g},{factor:g}]" for name, factor in factors.items())
