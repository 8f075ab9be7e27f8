"""N worlds on N CARLA servers, kept as records of the town: what is judged, paid and told of them is the town's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from av_td3_system.config.errors import BackendLost, UserError
from av_td3_system.config.schema import Config
from av_td3_system.environments.carla.fleet import simulators
from av_td3_system.environments.carla.messages import SOFT, Begun, ClientSpec, Driven, EpisodeSpec, Fault
from av_td3_system.environments.carla.server_process import VARIABLE
from av_td3_system.town.lane_finder import LaneFinder
from av_td3_system.town.lane_lists import lists_dtype
from av_td3_system.town.mirror import EgoState, MirrorSettings, begin_mirror, forget_vehicle, mirror_tick
from av_td3_system.town.perception import find_leader
from av_td3_system.town.routes import locate_ego
from av_td3_system.town.town import Town
from av_td3_system.town.world import TownWorlds


class CarlaWorlds(TownWorlds):
    """Worlds whose vehicles CARLA moves.

    An episode begins as the town would begin it, on the same route with vehicles in the same places; from then on the
    server drives them. The records say what was observed.

    Args:
        town: the map. config: settings. num_worlds: N. split: whose routes are driven.

    Attributes:
        failed: bool (N,), whose server failed in the last decision.
        faults: what went wrong since `take_faults`.
        pictures: uint8 (N, H, W, 4) BGRA, each world's newest, None where cameras are blank.
    """

    def __init__(self, town: Town, config: Config, num_worlds: int, split: str) -> None:
        super().__init__(town, config, num_worlds, split)
        found = simulators(config, num_worlds)
        self._simulators, self._specs = [one for one, _ in found], [spec for _, spec in found]
        environment = config.environment
        self._mirror = MirrorSettings(
            float(environment.tick),
            float(environment.off_road_margin),
            float(environment.route_deviation),
            float(environment.stuck_speed),
        )
        self._finder = LaneFinder(town.network.lanes)
        self._lists = np.zeros(1, lists_dtype(self.state["lane"].shape[1]))
        self._rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * num_worlds  # of the server's, by vehicle
        self._asked: dict[int, EpisodeSpec] = {}
        self.failed = np.zeros(num_worlds, np.bool_)
        self._faults: list[Fault] = []
        camera, factor = config.camera, config.camera.supersampling
        shape = (num_worlds, camera.height * factor, camera.width * factor, 4)
        self.pictures = None if environment.blank_image else np.zeros(shape, np.uint8)

    def begin(self, world: int, episode_seed: int, route_seed: int | None = None, vehicles: int | None = None) -> None:
        """As of `TownWorlds`; the server is asked when `settle` is called."""
        super().begin(world, episode_seed, route_seed, vehicles)
        record = self.state[world]
        begin_mirror(self.roads, record)
        count, parked = int(record["vehicles"]), int(record["parked"])
        told = np.column_stack([record[name] for name in ("x", "y", "heading", "speed", "speed_factor")])
        self._asked[world] = EpisodeSpec(
            ego=(float(record["ego_x"]), float(record["ego_y"]), float(record["ego_heading"])),
            vehicles=told[:count],
            parked=told[count : count + parked, :3],
            kinds=record["kind"][: count + parked].copy(),
            seed=episode_seed & 0x7FFFFFFF,
            weather="",
        )
        record["parked"] = 0  # they stand on the server; nothing here asks for them

    def settle(self, weathers: NDArray[np.int64]) -> None:
        """Begin the episodes that were asked for, all servers at once.

        Args:
            weathers: (N,) index into `environment.weathers` of each world's.

        Raises:
            BackendLost: one could not begin it in so many attempts as `carla.attempts` says.
            UserError: a setting does not go with a server.
        """
        names = self.config.environment.weathers
        waiting = {}
        for world, spec in self._asked.items():
            waiting[world] = replace(spec, weather=names[int(weathers[world])])
        self._asked.clear()
        asked = {world: self._noted(world, partial(self._ask_begin, world, spec)) for world, spec in waiting.items()}
        for world, spec in waiting.items():
            fault = asked[world] or self._noted(world, partial(self._take_begun, world))
            attempts = 1
            while fault is not None:
                if fault.kind == "refused_setting":
                    raise UserError(fault.message, fault.hint) from fault
                simulator = self._simulators[world]
                if attempts >= self.config.carla.attempts or not simulator.met:
                    port = simulator.spec.port
                    hint = f"start one there, or have it started: {VARIABLE}='av-td3 serve-carla TownA --port {{port}}'"
                    if os.environ.get(VARIABLE, "").strip():
                        hint = f"{VARIABLE} says how one is started: try that command by hand"
                    told = f"no episode begins on the CARLA server at port {port}: {fault.message}"
                    raise BackendLost(told, hint) from fault
                fault = self._noted(world, partial(self._again, world, spec, fault, attempts))
                attempts += 1

    def advance(self, actions: np.ndarray, active: np.ndarray) -> None:
        """As of `TownWorlds`; where a server fails, the world stays as it was and `failed` is set."""
        self.failed[:] = False
        ticks = self.config.environment.action_repeat
        self.state["invasions"][active] = 0
        driving = [int(world) for world in np.flatnonzero(active)]
        for world in driving:
            simulator = self._simulators[world]
            if simulator.owner is not self:
                raise RuntimeError("another batch of worlds drives on this server: reset before stepping on")
            steer, pedal = (float(part) for part in actions[world])
            call = partial(simulator.ask, "advance", steer, pedal, ticks, seconds=_to_drive(simulator.spec, ticks))
            self.failed[world] = self._noted(world, call) is not None
        for world in driving:
            if not self.failed[world]:
                self.failed[world] = self._noted(world, partial(self._take_driven, world)) is not None

    def take_faults(self) -> list[Fault]:
        """What went wrong since this was asked last."""
        taken, self._faults = self._faults, []
        return taken

    def _noted(self, world: int, call: Callable[[], None]) -> Fault | None:
        """Make a call; the fault that it ended in, noted."""
        try:
            call()
        except Fault as fault:
            self._faults.append(fault)
            port = self._simulators[world].spec.port
            print(f"warning: CARLA at port {port}: {fault}", file=sys.stderr, flush=True)
            return fault
        return None

    def _ask_begin(self, world: int, spec: EpisodeSpec) -> None:
        simulator = self._simulators[world]
        simulator.take_over(self, self._specs[world])
        simulator.ask("begin", spec, seconds=_to_begin(simulator.spec))

    def _again(self, world: int, spec: EpisodeSpec, fault: Fault, attempt: int) -> None:
        """One more attempt: on the same server after a soft fault, the first time; else on a new one."""
        simulator = self._simulators[world]
        if not (fault.kind in SOFT and attempt == 1 and simulator.connected):
            simulator.restart()
        simulator.ask("begin", spec, seconds=_to_begin(simulator.spec))
        self._take_begun(world)

    def _take_begun(self, world: int) -> None:
        begun: Begun = self._simulators[world].receive()
        state, record = self.state, self.state[world]
        state["size"][world, : len(begun.sizes)] = begun.sizes
        self._rows[world] = np.arange(len(begun.others))
        self._forget_gone(world, begun.others)
        self._see(world, begun.picture)
        others = begun.others[self._rows[world]]
        lanes, along = self._find(world, others)
        count = len(others)
        for name, column in zip(("x", "y", "heading", "speed"), others.T, strict=True):
            state[name][world, :count] = column
        state["lane"][world, :count], state["s"][world, :count] = lanes, along
        begin_mirror(self.roads, record)
        for name, value in zip(("ego_x", "ego_y", "ego_heading"), begun.ego, strict=False):
            state[name][world] = value
        locate_ego(record, 5.0, 5.0)
        find_leader(record, self.vehicle.length, self.vehicle.width)

    def _take_driven(self, world: int) -> None:
        """Bring the record to where the server is; after the tick of the first bad end the world stands still."""
        driven: Driven = self._simulators[world].receive()
        state, record = self.state, self.state[world]
        before, ticks = float(record["ego_speed"]), 0
        for ego, collided, told in zip(driven.ego, driven.collided, driven.others, strict=True):
            self._forget_gone(world, told)
            others = np.ascontiguousarray(told[self._rows[world]])
            lanes, along = self._find(world, others)
            ticks += 1
            x, y, heading, speed, yaw_rate = (float(part) for part in ego)
            car = EgoState(x, y, heading, speed, yaw_rate, bool(collided))
            if mirror_tick(
                self.roads, self.town.surface, self.traffic, self.vehicle, self._mirror, record, self._lists[0],
                car, others, lanes, along,
            ):  # fmt: skip
                break
        state["ego_steer"][world] = driven.steer
        state["ego_acceleration"][world] = (float(record["ego_speed"]) - before) / (ticks * self._mirror.dt)
        find_leader(record, self.vehicle.length, self.vehicle.width)
        self._see(world, driven.picture)

    def _find(self, world: int, others: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        path = self.state["path"][world, : len(others)]
        return self._finder.find(others[:, 0], others[:, 1], others[:, 2], path)

    def _forget_gone(self, world: int, told: NDArray[np.float64]) -> None:
        """Drop those that found no place or that the Traffic Manager has destroyed."""
        rows = self._rows[world]
        for i in reversed(np.flatnonzero(np.isnan(told[rows, 0]))):
            forget_vehicle(self.state, world, int(i))
            rows[i] = rows[-1]
            rows = rows[:-1]
        self._rows[world] = rows

    def _see(self, world: int, picture: NDArray[np.uint8] | None) -> None:
        if self.pictures is not None and picture is not None:
            self.pictures[world] = picture


def _to_begin(spec: ClientSpec) -> float:
    """Seconds that beginning an episode may take: clearing, and the first pictures of a map."""
    return 2.0 * spec.load_timeout + 2.0 * spec.timeout


def _to_drive(spec: ClientSpec, ticks: int) -> float:
    """Seconds that a decision may take."""
    return (ticks + 1) * spec.timeout + spec.sensor_timeout
