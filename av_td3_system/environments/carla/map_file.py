"""`av-td3 carla-map`: a map of a CARLA server as a file, which routes are then made of, with and without the server."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.environments.carla.server_process import listens
from av_td3_system.town.town import load_town

PATIENCE = 120.0  # s; a server takes its time to load a map


def run_carla_map(name: str, host: str, port: int, out: Path | None) -> int:
    """Load a map on a server and write its OpenDRIVE; returns the exit code 0.

    Args:
        name: of the map, as `Town01`. host: of the server. port: of its calls.
        out: file, None for `<name>.xodr` here.

    Raises:
        UserError: no client library, no server, no such map, or one that cannot be driven.
    """
    if importlib.util.find_spec("carla") is None:
        raise UserError("carla-map needs CARLA's client library, which is not installed", "pip install carla==0.9.16")
    import carla

    path = out or Path(f"{name}.xodr")
    if path.suffix != ".xodr":
        raise UserError(f"--out {path} does not end in .xodr", f"--out {path.with_suffix('.xodr')}")
    if not listens(host, port):
        raise UserError(f"no CARLA server listens at {host}:{port}", "start one, or give --host and --port")
    client = carla.Client(host, port)
    client.set_timeout(PATIENCE)
    try:
        known = sorted(one.rsplit("/", 1)[-1] for one in client.get_available_maps())
        if name not in known:
            raise UserError(f"the server at {host}:{port} has no map {name}", f"it has {', '.join(known)}")
        text = client.load_world(name).get_map().to_opendrive()
    except RuntimeError as error:
        raise UserError(f"the server at {host}:{port} does not answer: {' '.join(str(error).split())}") from error
    atomic_write_text(path, text)
    town = load_town(str(path))
    lanes = town.network.lanes
    print(f"{path}: {len(lanes.first)} lanes, {lanes.length.sum() / 1000:.1f} km")
    print(f"drive it with --set environment.town={path}")
    return 0
