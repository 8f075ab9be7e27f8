"""One client of a CARLA server: loads the map, begins episodes, drives decisions. Runs in a process of its own.

The library keeps threads and sockets that outlive a server, may hold the interpreter's lock while it waits, and cannot
connect a second time for sure; so whoever drives never loads it, and ends the process when something goes wrong.
"""

from __future__ import annotations

import queue
import re
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from av_td3_system.environments.carla.axes import state_of
from av_td3_system.environments.carla.messages import Begun, ClientSpec, Driven, EpisodeSpec, Fault
from av_td3_system.environments.carla.stage import Stage

VERSION = "0.9.16"
FIRST_TICKS = 20  # a sensor's first datum may come some ticks after it was asked for


class CarlaClient:
    """Drives in one server's world.

    Args:
        carla: the client library.
        spec: what to connect to and to load.

    Raises:
        Fault: there is no server, or it does not answer.
    """

    def __init__(self, carla: Any, spec: ClientSpec) -> None:
        self._carla, self._spec = carla, spec
        self._client = carla.Client(spec.host, spec.port)
        self._client.set_timeout(spec.timeout)
        self._world = self._open()
        self._stage = Stage(carla, self._client, self._world, spec)
        self._pictures: queue.Queue[tuple[int, NDArray[np.uint8]]] = queue.Queue()
        self._episode: Any = None  # id of the server's world
        self._begun_at = 0  # frame of the episode's first observation

    def _open(self) -> Any:
        spec = self._spec
        version = self._client.get_server_version()
        if version != VERSION:
            raise Fault(
                "refused_setting",
                f"the server at {spec.host}:{spec.port} is CARLA {version}, not {VERSION}",
                f"start CARLA {VERSION} there, or give another carla.port",
            )
        self._client.set_timeout(spec.load_timeout)
        world = self._load()
        self._client.set_timeout(spec.timeout)
        settings = world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = spec.tick
        settings.substepping, settings.max_substep_delta_time, settings.max_substeps = True, 0.01, 10
        settings.no_rendering_mode = spec.camera is None
        world.apply_settings(settings)
        return world

    def _load(self) -> Any:
        """A fresh world of the wanted map: by name where the server has this very map, else sent."""
        spec, client = self._spec, self._client
        known = {name.rsplit("/", 1)[-1] for name in client.get_available_maps()}
        if spec.town in known:
            world = client.load_world(spec.town)
            if _same_map(world.get_map().to_opendrive(), spec.opendrive):
                return world
        return client.generate_opendrive_world(spec.opendrive)

    def begin(self, episode: EpisodeSpec) -> Begun:
        """Clear the world, set the weather, spawn, and wait until everything stands and is seen.

        Raises:
            Fault: the car found no place, or a sensor says nothing.
        """
        stage, spec = self._stage, self._spec
        self._client.set_timeout(spec.load_timeout)  # a map's first pictures take their time
        stage.clear()
        self._drain()
        stage.set_up(episode, self._pictures.put if spec.camera is not None else None)
        snapshot = self._world.get_snapshot()
        for _ in range(max(spec.settle_ticks, 1)):
            snapshot = self._tick(spec.load_timeout)
        picture = self._first_picture() if spec.camera is not None else None
        snapshot = self._world.get_snapshot() if picture is not None else snapshot
        stage.set_off(episode)
        self._client.set_timeout(spec.timeout)
        self._episode = self._world.id
        self._drain()
        self._begun_at = int(snapshot.frame)
        return Begun(self._ego(snapshot), self._others(snapshot), stage.sizes.copy(), picture)

    def advance(self, steer: float, pedal: float, ticks: int) -> Driven:
        """So many ticks under one command.

        Raises:
            Fault: the car is gone, the world is another one, or a picture does not come.
        """
        control = self._carla.VehicleControl(
            throttle=max(pedal, 0.0), steer=steer, brake=max(-pedal, 0.0), hand_brake=False
        )
        self._stage.ego.apply_control(control)
        ego, frames, others = [], [], []
        for _ in range(ticks):
            snapshot = self._tick()
            frames.append(int(snapshot.frame))
            ego.append(self._ego(snapshot))
            others.append(self._others(snapshot))
        picture = self._picture_of(frames[-1]) if self._spec.camera is not None else None
        collided = self._collided(frames)  # after the picture, which comes with the same frame's events
        return Driven(np.array(ego), collided, np.array(others), self._stage.wheel_angle(), picture)

    def _collided(self, frames: list[int]) -> NDArray[np.bool_]:
        """In which of these ticks the car touched something; what came too late for its own decision counts at once.

        A sensor's events come by another way than the tick's answer, and may come after it.
        """
        hits = np.array([frame for frame, _ in self._stage.take_hits() if frame > self._begun_at], np.int64)
        collided = np.zeros(len(frames), np.bool_)
        if len(hits):
            collided[np.minimum(np.searchsorted(frames, hits), len(frames) - 1)] = True
        return collided

    def close(self) -> None:
        """Leave the server as one may find it: no actors of ours, not waiting for ticks."""
        self._stage.clear()
        self._stage.shut_down()
        settings = self._world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = False, None
        self._world.apply_settings(settings)

    def _tick(self, timeout: float | None = None) -> Any:
        frame = self._stage.tick(self._spec.timeout if timeout is None else timeout)
        snapshot = self._world.get_snapshot()
        if snapshot.frame != frame:
            raise Fault("missing_frame", f"tick {frame} was made, but the newest snapshot is of {snapshot.frame}")
        if self._episode is not None and self._world.id != self._episode:
            raise Fault("changed_world", "somebody else has loaded a map on this server")
        return snapshot

    def _ego(self, snapshot: Any) -> NDArray[np.float64]:
        found = snapshot.find(self._stage.ego.id) if snapshot.has_actor(self._stage.ego.id) else None
        if found is None:
            raise Fault("destroyed_actor", "the car is gone, though nobody here has destroyed it")
        return state_of(found, self._stage.ego_ahead)

    def _others(self, snapshot: Any) -> NDArray[np.float64]:
        rows = np.full((len(self._stage.others), 4), np.nan)
        for row, (identifier, ahead) in zip(rows, self._stage.others, strict=True):
            if identifier is not None and snapshot.has_actor(identifier):
                row[:] = state_of(snapshot.find(identifier), ahead)[:4]
        return rows

    def _first_picture(self) -> NDArray[np.uint8]:
        """Tick until the camera has begun to answer: its first pictures may be lost (asynchronous subscription)."""
        for _ in range(FIRST_TICKS):
            snapshot = self._tick(self._spec.load_timeout)
            try:
                return self._picture_of(snapshot.frame, self._spec.sensor_timeout / FIRST_TICKS)
            except Fault:
                continue
        raise Fault("missing_frame", f"the camera gave no picture in {FIRST_TICKS} ticks")

    def _picture_of(self, frame: int, timeout: float | None = None) -> NDArray[np.uint8]:
        """The picture of that very frame; older ones are thrown away, a newer one is a fault.

        Raises:
            Fault: it does not come in time.
        """
        end = time.monotonic() + (self._spec.sensor_timeout if timeout is None else timeout)
        while True:
            try:
                of, picture = self._pictures.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise Fault("missing_frame", f"the camera gave no picture of frame {frame}") from None
            if of == frame:
                return picture
            if of > frame:
                raise Fault("missing_frame", f"the camera went on to frame {of} without a picture of {frame}")

    def _drain(self) -> None:
        while not self._pictures.empty():
            self._pictures.get_nowait()


def _same_map(one: str, other: str) -> bool:
    """Whether two OpenDRIVE files are the same but for line ends, encoding and the time they were written at."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return re.sub(r'\sdate="[^"]*"|<\?xml[^>]*>', "", re.sub(r"\s+", " ", text)).strip()
