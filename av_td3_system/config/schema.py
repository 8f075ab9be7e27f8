"""The one typed, closed schema of every setting (unknown keys are refused by name).

Every constant of behaviour lives in a section with its unit and range (`world_sections`, `learning_sections`,
`curriculum_sections`, `judging_sections`, `guard_sections`, `remedy_sections`); a run stores the resolved `Config` and
can start again from it alone. Sections are plain immutable values: any room may import this module, and this module
imports no other room.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from av_td3_system.config.backend_sections import CarlaConfig, CollectorsConfig
from av_td3_system.config.curriculum_sections import CurriculumConfig, Stage
from av_td3_system.config.guard_sections import GuardConfig, GuardRule
from av_td3_system.config.judging_sections import CheckpointConfig, EvaluationConfig, GateConfig
from av_td3_system.config.learning_sections import AgentConfig, ExplorationConfig, NetworkConfig, ReplayConfig
from av_td3_system.config.remedy_sections import Remedy, RemedyConfig
from av_td3_system.config.section import Count, Section
from av_td3_system.config.world_sections import (
    CameraConfig,
    EnvironmentConfig,
    RandomizationConfig,
    RewardConfig,
    TrafficConfig,
    VariationConfig,
    VehicleConfig,
)

__all__ = [
    "AgentConfig",
    "CameraConfig",
    "CarlaConfig",
    "CheckpointConfig",
    "CollectorsConfig",
    "Config",
    "CurriculumConfig",
    "EnvironmentConfig",
    "EvaluationConfig",
    "ExplorationConfig",
    "GateConfig",
    "GuardConfig",
    "GuardRule",
    "NetworkConfig",
    "RandomizationConfig",
    "Remedy",
    "RemedyConfig",
    "ReplayConfig",
    "RewardConfig",
    "RunConfig",
    "Section",
    "Stage",
    "TrafficConfig",
    "VariationConfig",
    "VehicleConfig",
]


class RunConfig(Section):
    """What one run is: the flags of `av-td3 train`."""

    algo: Literal["td3", "ddpg"] = "td3"
    env: Annotated[str, Field(min_length=1)] | None = None  # a Gymnasium environment by name; None: the town
    backend: Literal["town", "carla"] = "town"  # who moves the vehicles and draws the pictures
    scenario: Literal[0, 1, 2] = 0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42
    max_timesteps: Count = 10_000  # decisions, counted over all parallel worlds
    eval_freq: Count = 2_500  # timesteps between evaluations
    save_freq: Count = 25_000  # timesteps between checkpoints
    num_envs: Annotated[int, Field(ge=1, le=256)] = 4  # parallel worlds
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=0, le=256)] = 0  # CPU threads, 0 = all cores
    log_interval: Count = 500  # timesteps between metric lines
    debug: bool = False
    enable_monitoring: bool = False
    enable_early_stopping: bool = False


class Config(Section):
    """The resolved configuration of a run."""

    run: RunConfig = RunConfig()
    environment: EnvironmentConfig = EnvironmentConfig()
    carla: CarlaConfig = CarlaConfig()
    collectors: CollectorsConfig = CollectorsConfig()
    camera: CameraConfig = CameraConfig()
    randomization: RandomizationConfig = RandomizationConfig()
    vehicle: VehicleConfig = VehicleConfig()
    variation: VariationConfig = VariationConfig()
    traffic: TrafficConfig = TrafficConfig()
    reward: RewardConfig = RewardConfig()
    network: NetworkConfig = NetworkConfig()
    agent: AgentConfig = AgentConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    curriculum: CurriculumConfig = CurriculumConfig()
    replay: ReplayConfig = ReplayConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    guards: GuardConfig = GuardConfig()
    remedies: RemedyConfig = RemedyConfig()
    gate: GateConfig = GateConfig()

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Config:
        for name, (low, high) in {
            "environment.route_length": self.environment.route_length,
            "traffic.speed_factor": self.traffic.speed_factor,
            "traffic.pause_duration": self.traffic.pause_duration,
            "traffic.length": self.traffic.length,
            "traffic.width": self.traffic.width,
            "traffic.height": self.traffic.height,
            "gate.target_q_value": self.gate.target_q_value,
            **{f"variation.{name}": getattr(self.variation, name) for name in VariationConfig.model_fields},
        }.items():
            if low > high:
                raise ValueError(f"{name}: the lower end {low} is above the upper end {high}")
        return self

    @model_validator(mode="after")
    def _collectors_have_equal_parts(self) -> Config:
        count, worlds = self.collectors.count, self.run.num_envs
        if count and worlds % count:
            raise ValueError(
                f"collectors.count: {worlds} worlds (run.num_envs) are no equal parts for {count} collectors; "
                f"hint: --num-envs {4 * count}"
            )
        return self

    @model_validator(mode="after")
    def _choices_go_together(self) -> Config:
        if self.run.algo == "ddpg" and self.agent.twin_critics:
            raise ValueError("agent.twin_critics: ddpg has one critic; hint: start from ddpg_config.yaml")
        if self.run.env is not None and self.run.backend != "town":
            raise ValueError(f"run.backend: {self.run.env} is no town; hint: leave it at town")
        if self.run.env is not None and self.network.critic_input != "image":
            raise ValueError(
                f"network.critic_input: {self.run.env} has no surroundings to read; hint: leave it at image"
            )
        if self.network.critic_input == "surroundings" and self.network.shared_encoder:
            raise ValueError(
                "network.shared_encoder: must be false where the critic reads the surroundings; "
                "hint: or network.critic_input=image"
            )
        if self.network.critic_input == "image":
            unfit = {
                "agent.perception_weight=0": self.agent.perception_weight > 0,
                "agent.target_action=computed": self.agent.target_action == "recalled",
                "network.critic_way=false": self.network.critic_way,
            }
            if any(unfit.values()):
                raise ValueError(
                    "network.critic_input: a critic of the image has no surroundings to ask the features for, and "
                    "looks at the next image; hint: " + " ".join(name for name, there in unfit.items() if there)
                )
        if self.exploration.vehicles is not None and any(s.vehicles is not None for s in self.curriculum.stages):
            raise ValueError(
                f"curriculum.stages: a stage draws the number of vehicles, and exploration.vehicles sets it to "
                f"{self.exploration.vehicles}; hint: exploration.vehicles=null"
            )
        low, high = self.network.value_range
        if low >= high:
            raise ValueError(f"network.value_range: {low} .. {high} holds no value; hint: the lower end first")
        if self.network.critic_values == "histogram" and self.agent.critic_loss != "mse":
            raise ValueError(
                "agent.critic_loss: a histogram of values is learned by cross-entropy; hint: agent.critic_loss=mse"
            )
        if self.replay.prioritized and self.agent.critic_loss != "huber":
            raise ValueError(
                "replay.prioritized: is unbiased with the Huber loss alone; hint: set agent.critic_loss=huber, too"
            )
        if self.replay.on_device and (self.replay.prioritized or self.replay.file is not None):
            raise ValueError(
                "replay.on_device: goes with neither replay.prioritized nor replay.file; hint: replay.on_device=false"
            )
        return self

    @model_validator(mode="after")
    def _poses_are_cameras(self) -> Config:
        for name, (lowest, highest) in {"pitch": (-45, 45), "fov": (30, 150), "z": (0.5, 5)}.items():
            middle, reach = getattr(self.camera, name), getattr(self.randomization, name)
            if reach > 0 and not lowest <= middle - reach <= middle + reach <= highest:
                raise ValueError(
                    f"randomization.{name}: camera.{name} {middle} +- {reach} leaves {lowest} .. {highest}; "
                    f"hint: at most {min(middle - lowest, highest - middle):g}"
                )
        return self

    @property
    def critic_reads_surroundings(self) -> bool:
        """Whether training must observe what no policy may read."""
        return self.network.critic_input == "surroundings"

    @property
    def learning_starts(self) -> int:
        """Timesteps of warm-up: as set, or 250 per world with more than four worlds."""
        if self.run.num_envs > 4:
            return max(self.exploration.learning_starts, 250 * self.run.num_envs)
        return self.exploration.learning_starts
