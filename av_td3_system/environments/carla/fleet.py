"""The servers of this process: one a world, shared by all batches of worlds, since a server costs a graphics card."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import CameraConfig, Config
from av_td3_system.environments.carla.messages import CameraSpec, ClientSpec
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.environments.carla.simulator import Simulator
from av_td3_system.town.town import map_file
from av_td3_system.town.xml_source import text_of

HERE = ("127.0.0.1", "localhost")

_simulators: dict[tuple[str, int], Simulator] = {}


def simulators(config: Config, count: int) -> list[tuple[Simulator, ClientSpec]]:
    """The first `count` servers of the settings, and what a client must know to drive by these.

    A client is connected at its first episode, and made anew where another batch of worlds wants another camera or map.

    Raises:
        UserError: the client library is not installed, or a port is out of range or wanted twice.
    """
    _refuse_without_library()
    if ":" in config.carla.host:
        raise UserError(f"carla.host is {config.carla.host}, but must be a name or IPv4 address", "127.0.0.1 is here")
    if config.carla.host not in HERE and os.environ.get(VARIABLE, "").strip():
        raise UserError(
            f"{VARIABLE} starts servers on this machine, but carla.host is {config.carla.host}",
            f"unset {VARIABLE}, or leave carla.host as it is",
        )
    first, step = config.carla.port, config.carla.port_step
    highest = first + (count - 1) * step + 1
    if highest > 65535:
        raise UserError(
            f"carla.port: {count} servers from {first} on in steps of {step} end at {highest}",
            "lower carla.port, or fewer worlds (run.num_envs, evaluation.num_envs)",
        )
    if config.carla.host in HERE:
        _refuse_twice(config, count)
    found = []
    for index in range(count):
        spec = _spec(config, index)
        key = spec.host, spec.port
        if key not in _simulators:
            _simulators[key] = Simulator(spec, config.carla.memory_limit)
        found.append((_simulators[key], spec))
    return found


def close_all() -> None:
    """Leave every server, and end those that were started here."""
    for simulator in _simulators.values():
        simulator.close()
    _simulators.clear()


atexit.register(close_all)


def _refuse_without_library() -> None:
    import importlib.util

    if importlib.util.find_spec("carla") is None:
        raise UserError(
            "--backend carla needs CARLA's client library, which is not installed", "pip install carla==0.9.16"
        )


def _refuse_twice(config: Config, count: int) -> None:
    """Each server takes up to three ports, each client one for its Traffic Manager, all on this machine."""
    carla = config.carla
    servers = {carla.port + index * carla.port_step + beside for index in range(count) for beside in (0, 1, 2)}
    twice = servers & set(range(carla.traffic_manager_port, carla.traffic_manager_port + count))
    if twice:
        raise UserError(
            f"carla.traffic_manager_port: port {min(twice)} is wanted by a Traffic Manager and by a server",
            "give it one that lies apart from carla.port, as 8000",
        )


def _spec(config: Config, index: int) -> ClientSpec:
    carla, environment = config.carla, config.environment
    path = map_file(environment.town)
    return ClientSpec(
        host=carla.host,
        port=carla.port + index * carla.port_step,
        traffic_manager_port=carla.traffic_manager_port + index,
        timeout=carla.timeout,
        load_timeout=carla.load_timeout,
        sensor_timeout=carla.sensor_timeout,
        town=Path(path).stem,
        opendrive=text_of(path),
        tick=environment.tick,
        camera=None if environment.blank_image else _camera(config.camera),
        ego=carla.ego,
        vehicle_types=carla.vehicle_types,
        traffic_lights=carla.traffic_lights,
        settle_ticks=carla.settle_ticks,
    )


def _camera(camera: CameraConfig) -> CameraSpec:
    factor = camera.supersampling
    return CameraSpec(
        camera.width * factor, camera.height * factor, camera.fov, camera.x, camera.y, camera.z, camera.pitch
    )
