"""The worlds that a run learns in and is judged in: the town's or another environment's.

Those of the town that it learns in have more encounters than those it is judged in, and are cut where a car stands.
"""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.errors import UserError
from av_td3_system.config.layout import NO_IMAGE, PLANES
from av_td3_system.config.schema import Config
from av_td3_system.environments.curriculum import Curriculum
from av_td3_system.environments.driving import driving_worlds
from av_td3_system.environments.gymnasium_batch import GymnasiumBatch
from av_td3_system.environments.observation import vector_dim
from av_td3_system.environments.surroundings import surroundings_dim
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.environments.worlds import Worlds
from av_td3_system.town.state import VEHICLE_BLOCK, vehicle_capacity
from av_td3_system.town.weather import weather_named
from av_td3_system.town.world import TownWorlds

# Settings of exploration that stand for those of traffic of the same names in training worlds.
ENCOUNTERS = ("on_route", "hazard_rate", "hazard_interval", "crossing_share")


TRIALS = 8  # episodes that are tried for room, when a run begins


class Shapes(NamedTuple):
    """What an agent must know of its worlds.

    Attributes:
        image: (C, H, W) of an observation, frames stacked.
        planes: of C that belong to the newest frame.
        vector: D.
        action: A.
        surroundings: what the critic is told beside, 0 where it sees.
    """

    image: tuple[int, int, int]
    planes: int
    vector: int
    action: int
    surroundings: int


def shapes_of(config: Config, env: Worlds | None = None) -> Shapes:
    """Shapes of the town's observations and actions by the settings; of another environment by itself."""
    if isinstance(env, GymnasiumBatch):
        return Shapes(NO_IMAGE, 0, env.vector_dim, env.action_dim, 0)
    camera, planes = config.camera, PLANES[config.camera.color]
    known = surroundings_dim(config) if config.critic_reads_surroundings else 0
    image = (camera.stack * planes, camera.height, camera.width)
    return Shapes(image, planes, vector_dim(config.environment), 2, known)


def training_worlds(config: Config) -> Worlds:
    """The environment of a training run, with the surroundings where its critic reads them.

    Raises:
        UserError: the settings name no town, route or weather that there is, or no environment that will do.
    """
    run = config.run
    if run.env is not None:
        return GymnasiumBatch(run.env, run.num_envs, run.seed)
    env = batch_for_training(config, run.num_envs, run.seed)
    for split in ("train", "validation"):  # a town without such routes is refused now, not at the first episode
        TownWorlds(env.town, env.config, 1, split).begin(0, run.seed)
    if config.curriculum.stages:
        _refuse_overcrowding(env)
    return env


def _refuse_overcrowding(env: TownVectorEnv) -> None:
    """Refuse stages of more vehicles than find a place: an episode would silently have fewer than it says.

    Raises:
        UserError: names how many there is room for.
    """
    trial, asked = TownWorlds(env.town, env.config, 1, "train"), env.config.traffic.vehicles[env.config.run.scenario]
    found = asked
    for seed in range(TRIALS):
        trial.begin(0, seed)
        found = min(found, int(trial.state["vehicles"][0]))
    if found < asked:
        raise UserError(
            f"curriculum.stages: {asked} vehicles do not find room in {env.town.name}",
            f"at most {found} did in {TRIALS} trials; leave some room between them",
        )


def validation_worlds(config: Config, num_envs: int) -> Worlds:
    """So many worlds that a run is judged in."""
    if config.run.env is not None:
        return GymnasiumBatch(config.run.env, num_envs)
    surroundings = config.critic_reads_surroundings
    return driving_worlds(for_validation(config), num_envs, split="validation", surroundings=surroundings)


def for_validation(config: Config) -> Config:
    """The settings of worlds that a run is judged in: on servers behind those that collectors drive on."""
    return at_servers(config, config.run.num_envs) if config.collectors.count else config


def at_servers(config: Config, first: int) -> Config:
    """The settings with the CARLA servers from the `first` one on."""
    carla = config.carla
    ports = {
        "port": carla.port + first * carla.port_step,
        "traffic_manager_port": carla.traffic_manager_port + first,
    }
    return config.model_copy(update={"carla": carla.model_copy(update=ports)})


def batch_for_training(config: Config, num_envs: int, seed: int, first: int = 0) -> TownVectorEnv:
    """So many training worlds, from the `first` of a run on; the benchmarks measure these too."""
    surroundings = config.critic_reads_surroundings
    curriculum, settings = curriculum_of(config), for_training(config)
    return driving_worlds(
        settings, num_envs, seed=seed, surroundings=surroundings, copy=False, curriculum=curriculum, first=first
    )


def curriculum_of(config: Config) -> Curriculum | None:
    """The curriculum of the training worlds, None where the settings have no stages.

    Raises:
        UserError: a stage names a weather that there is not.
    """
    if not config.curriculum.stages:
        return None
    for stage in config.curriculum.stages:
        for name in stage.weathers or ():
            try:
                weather_named(name)
            except UserError as error:
                raise UserError(f"curriculum.stages: {error.message}", error.hint) from error
    own = config.exploration.vehicles
    vehicles = config.traffic.vehicles[config.run.scenario] if own is None else own
    return Curriculum(config.curriculum, vehicles, config.environment.weathers)


def for_training(config: Config) -> Config:
    """The training worlds' settings: more encounters, and a car that stands soon begins anew.

    With a curriculum, room for the most vehicles of any stage and all weathers that stages name.
    """
    exploration, environment, curriculum = config.exploration, config.environment, curriculum_of(config)
    idle = min(exploration.idle_limit, config.environment.stuck_time)
    denser = {name: getattr(exploration, name) for name in ENCOUNTERS}
    traffic = {name: value for name, value in denser.items() if value is not None}
    if exploration.vehicles is not None:
        traffic["vehicles"] = (exploration.vehicles,) * 3
    seen = environment.weathers
    if curriculum is not None:
        traffic["vehicles"], seen = (curriculum.most_vehicles,) * 3, curriculum.weathers
    return config.model_copy(
        update={
            "environment": environment.model_copy(update={"stuck_time": idle, "weathers": seen}),
            "traffic": config.traffic.model_copy(update=traffic),
        }
    )


def refuse_other_worlds(before: Config, now: Config) -> None:
    """Refuse a curriculum whose worlds are of another shape than those that were saved.

    Raises:
        UserError: says what does not fit and what would.
    """
    if bool(before.collectors.count) != bool(now.collectors.count):
        has = f"{before.collectors.count} collectors" if before.collectors.count else "none"
        raise UserError(
            f"--resume: collectors.count: the run has {has}, and what was saved of its worlds does not fit",
            "keep --collectors as it was, or begin a new run with --init-from",
        )
    old, new = for_training(before), for_training(now)
    scenario, parked = now.run.scenario, now.traffic.parked[1]
    room, asked = (vehicle_capacity(settings.traffic, scenario) for settings in (old, new))
    if asked != room:
        least, most = max(0, room - parked - VEHICLE_BLOCK + 1), room - parked
        raise UserError(
            f"--resume: the saved worlds have room for {room} vehicles, those of curriculum.stages for {asked}",
            f"the greatest number of vehicles of stages and settings must stay between {least} and {most}; "
            "a stage that the run never reaches counts; or begin a new run",
        )
    known, named = old.environment.weathers, new.environment.weathers
    if named[: len(known)] != known:
        raise UserError(
            f"--resume: curriculum.stages names the weathers {', '.join(named)}, but the open episodes know theirs by "
            f"their place among {', '.join(known)}",
            "name these first, in that order, and new ones after them; or begin a new run",
        )
