"""A batch of town worlds: reset, step, look; the kernels run over all worlds in parallel."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numba import get_thread_id, njit, prange

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.town.bicycle import drive_ego
from av_td3_system.town.claims import grant_passages
from av_td3_system.town.encounters import maybe_send_crossing
from av_td3_system.town.events import detect_contact, detect_departures
from av_td3_system.town.lane_lists import list_vehicles, lists_dtype
from av_td3_system.town.perception import find_leader
from av_td3_system.town.roads import Roads, build_roads
from av_td3_system.town.routes import SPLITS, locate_ego
from av_td3_system.town.spawning import begin_episode
from av_td3_system.town.state import allocate, beyond_goal
from av_td3_system.town.surface import SurfaceArrays
from av_td3_system.town.town import Town
from av_td3_system.town.traffic import move_traffic
from av_td3_system.town.traffic_parameters import TrafficParameters, traffic_parameters, vehicle_mix
from av_td3_system.town.variation import delayed_command, draw_variation, variation, vehicle_of
from av_td3_system.town.vehicle import VehicleParameters, vehicle_parameters


class StepSettings(NamedTuple):
    """Numbers of `EnvironmentConfig` that the kernel needs."""

    dt: float
    ticks: int
    off_road_margin: float
    route_deviation: float
    stuck_speed: float
    action_delay: int


@njit(cache=True, parallel=True, nogil=True)
def advance(
    roads: Roads,
    surface: SurfaceArrays,
    traffic: TrafficParameters,
    vehicle: VehicleParameters,
    settings: StepSettings,
    state: np.ndarray,
    active: np.ndarray,
    actions: np.ndarray,
    scratch: np.ndarray,
) -> None:
    """One decision of every active world: `settings.ticks` ticks under `actions` float64 (N, 2).

    A world stops moving at the tick of its first terminal event. `scratch` holds the lists of `lane_lists`, one record
    a thread.
    """
    for w in prange(state.shape[0]):
        if not active[w]:
            continue
        world = state[w]
        lists = scratch[get_thread_id()]
        world.invasions = 0
        speed_before = world.ego_speed
        car = vehicle_of(vehicle, world)
        ticks = 0
        for _ in range(settings.ticks):
            if traffic.crossing_share > 0.0:
                maybe_send_crossing(roads, traffic, world, vehicle.length, settings.dt)
            list_vehicles(roads, world, lists)
            grant_passages(roads, traffic, world, lists, vehicle.length)
            move_traffic(roads, traffic, world, lists, vehicle.length, vehicle.width, settings.dt)
            steer, pedal = delayed_command(world, actions[w, 0], actions[w, 1], settings.action_delay)
            drive_ego(car, world, steer, pedal, settings.dt)
            world.ego_standing = world.ego_standing + settings.dt if world.ego_speed < settings.stuck_speed else 0.0
            world.time += settings.dt
            world.tick += 1
            ticks += 1
            locate_ego(world, 6.0, 8.0)
            world.route_best = max(world.route_best, world.route_s)
            detect_departures(roads, surface, vehicle, settings.off_road_margin, settings.route_deviation, world)
            detect_contact(vehicle, world)
            if world.collided or world.off_road or world.wrong_way:
                break
        world.ego_acceleration = (world.ego_speed - speed_before) / (ticks * settings.dt)
        find_leader(world, vehicle.length, vehicle.width)


class TownWorlds:
    """N independent worlds in one town (all randomness from the episode seeds).

    Args:
        town: the map and all that is derived from it.
        config: settings; `config.run.scenario` sets the number of other vehicles.
        num_worlds: N.
        split: "train", "validation" or "test": which routes may be drawn.
    """

    def __init__(self, town: Town, config: Config, num_worlds: int, split: str) -> None:
        self.town = town
        self.config = config
        self.num_worlds = num_worlds
        self.split = SPLITS[split]
        self._split_name = split
        self.state = allocate(num_worlds, config.environment, config.traffic, config.run.scenario)
        self.vehicle = vehicle_parameters(config.vehicle)
        self.variation = variation(config.variation)
        self.traffic = traffic_parameters(config.traffic)
        self.mix = vehicle_mix(config.traffic)
        self.roads = build_roads(town.network.lanes, config.traffic)
        environment = config.environment
        self.settings = StepSettings(
            float(environment.tick),
            int(environment.action_repeat),
            float(environment.off_road_margin),
            float(environment.route_deviation),
            float(environment.stuck_speed),
            int(environment.action_delay),
        )
        self._vehicles = config.traffic.vehicles[config.run.scenario]
        self.failed = np.zeros(num_worlds, np.bool_)  # whose simulator failed in the last decision; the town's never do
        self._scratch = np.zeros(numba.config.NUMBA_NUM_THREADS, lists_dtype(self.state["lane"].shape[1]))

    def begin(self, world: int, episode_seed: int, route_seed: int | None = None, vehicles: int | None = None) -> None:
        """Reset one world to the episode that the seed (0 <= seed < 2^63) names.

        Args:
            world: index.
            episode_seed: of all that is drawn.
            route_seed: of the route alone, which then is that of the episode of this seed; None: the same seed.
            vehicles: that drive, at most as many as the settings make room for; None: as many as the settings say.

        Raises:
            UserError: the town has no route of the wanted length in this split.
        """
        environment = self.config.environment
        found = begin_episode(
            self.roads,
            self.traffic,
            self.mix,
            self.town.surface,
            self.state[world],
            episode_seed if route_seed is None else route_seed,
            episode_seed,
            self.split,
            self._vehicles if vehicles is None else vehicles,
            self.vehicle.length,
            float(environment.route_length[0]),
            float(environment.route_length[1]),
            beyond_goal(environment),
        )
        if not found:
            wanted = f"{self._split_name} route of {environment.route_length} m"
            raise UserError(
                f"environment.route_length: no {wanted} found in {self.town.name}",
                hint="change environment.route_length or use a larger town; a route's lanes decide its split, and "
                "a small town may have none in one",
            )
        draw_variation(self.variation, self.state[world], episode_seed)
        find_leader(self.state[world], self.vehicle.length, self.vehicle.width)

    def advance(self, actions: np.ndarray, active: np.ndarray) -> None:
        """One decision of the active worlds; actions (N, 2) in [-1, 1], steering (right positive) and pedal."""
        advance(
            self.roads,
            self.town.surface,
            self.traffic,
            self.vehicle,
            self.settings,
            self.state,
            active,
            np.ascontiguousarray(actions, np.float64),
            self._scratch,
        )

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of every column that changes while the worlds run."""
        return {name: self.state[name].copy() for name in self.state.dtype.names or ()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state_dict` gave, to the bit."""
        for name in self.state.dtype.names or ():
            self.state[name] = state[name]
