"""What whoever drives with an exported policy must know of it: what to feed, what comes out, where it comes from.

The same notes lie inside the file and, with its SHA-256 and what the check found, in a JSON file beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from av_td3_system.agents.policy import PolicyMetadata
from av_td3_system.config.schema import Config, EnvironmentConfig, VehicleConfig
from av_td3_system.environments.observation import LIMIT
from av_td3_system.export.graph import ACTION, IMAGE, VECTOR, normalisation_of

VERSION = "av-td3-export-1"
TURN_NAMES = ("follow", "left", "right", "straight")  # in the order of `town.passages`


def notes_on(policy: Path, sha256: str, metadata: PolicyMetadata, config: Config) -> dict[str, Any]:
    """Plain values, the same for every format.

    Args:
        policy: the file that is exported.
        sha256: of it.
        metadata: of it.
        config: settings of its run.
    """
    return {
        "format": VERSION,
        "policy": {
            "file": policy.name,
            "sha256": sha256,
            "weights_sha256": metadata.sha256,
            "algo": metadata.algo,
            **metadata.extra,
        },
        "inputs": _inputs(metadata),
        "outputs": {ACTION: {"dtype": "float32", "shape": ["batch", len(metadata.action_low)], "range": [-1.0, 1.0]}},
        "normalisation_in_the_graph": normalisation_of(metadata),
        **(_town(config) if config.run.env is None else _elsewhere(config)),
    }


def vector_entries(environment: EnvironmentConfig, vehicle: VehicleConfig) -> list[dict[str, Any]]:
    """The vector's numbers in order: name, unit, and the value that stands as 1 (`environments.observation`)."""
    entries = [
        _entry("speed", "m/s", environment.speed_scale),
        _entry("yaw_rate", "rad/s", environment.yaw_rate_scale),
        _entry("steering_angle", "rad", vehicle.max_steer),
        _entry("last_steering", "", 1.0),
        _entry("last_pedal", "", 1.0),
    ]
    if environment.navigation == "command":
        entries += [_entry(f"next_turn_{name}", "", 1.0) for name in TURN_NAMES]
        return [*entries, _entry("distance_to_turn", "m", environment.command_distance)]
    entries.append(_entry("lateral_deviation", "m", environment.deviation_scale))
    entries.append(_entry("heading_error", "rad", environment.heading_scale))
    for number in range(1, environment.waypoints + 1):
        metres = f"{number * environment.waypoint_spacing:g}m"
        entries.append(_entry(f"waypoint_{metres}_forward", "m", environment.waypoint_scale))
        entries.append(_entry(f"waypoint_{metres}_left", "m", environment.waypoint_side_scale))
    return entries


def _inputs(metadata: PolicyMetadata) -> dict[str, Any]:
    vector = {VECTOR: {"dtype": "float32", "shape": ["batch", metadata.vector_dim]}}
    if not metadata.image_shape[0]:
        return vector
    return {IMAGE: {"dtype": "uint8", "shape": ["batch", *metadata.image_shape]}, **vector}


def _town(config: Config) -> dict[str, Any]:
    environment = config.environment
    return {
        "action": ["steering, right positive, as CARLA's VehicleControl", "throttle above 0, brake below"],
        "decision_s": environment.tick * environment.action_repeat,
        "camera": config.camera.model_dump(),
        "camera_is": "width and height in pixels, fov horizontal, angles in degrees, place in m, as in CARLA; "
        "the image is `stack` frames, `frame_interval` decisions apart, oldest first",
        "vector": vector_entries(environment, config.vehicle),
        "vector_is": f"each value / its `divided_by`, clipped to [-{LIMIT:g}, {LIMIT:g}]; left is positive, "
        "but the last action is as it was given",
    }


def _elsewhere(config: Config) -> dict[str, Any]:
    return {
        "env": config.run.env,
        "action": "mapped linearly from [-1, 1] to the bounds of the environment's action space",
        "vector_is": "the environment's observation, flattened",
    }


def _entry(name: str, unit: str, scale: float) -> dict[str, Any]:
    return {"name": name, "unit": unit, "divided_by": scale}
