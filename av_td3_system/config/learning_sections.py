"""Settings of the learner: networks, algorithm, exploration, replay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from av_td3_system.config.section import Count, LearningRate, NonNegative, Positive, Section, Share, Vehicles


class NetworkConfig(Section):
    """Encoder and heads (NatureCNN: Mnih et al. 2015)."""

    channels: tuple[Count, Count, Count] = (32, 64, 64)
    features: Annotated[int, Field(ge=8, le=4096)] = 256
    hidden: tuple[Count, ...] = (256, 256)
    layer_norm: bool = True  # after the encoder's projection
    head_layer_norm: bool = False  # in actor and critic heads
    critic_layer_norm: bool = False  # in the critic's heads alone (as Ball et al. 2023)
    shared_encoder: bool = True  # one encoder trained by the critic alone; actor on detached features
    critic_input: Literal["image", "surroundings"] = "image"  # surroundings: where others are, as the simulator knows
    critic_way: bool = False  # the surroundings also tell whether the car has the way at the junction ahead
    perception_grid: Literal["ahead", "wide", "polar"] = "ahead"  # what agent.perception_weight asks for: vehicles in
    # cells of the road ahead, of all that is seen, or by bearing and closeness
    foresight: NonNegative = 0.0  # s ahead for which it asks once more, all going on as they do; 0: for now alone
    critic_values: Literal["scalar", "symlog", "histogram"] = "scalar"  # what the critic's outputs mean
    value_range: tuple[float, float] = (-60.0, 120.0)  # of a histogram, reward units
    value_bins: Annotated[int, Field(ge=3, le=1001)] = 91  # of a histogram
    crop_top: Annotated[int, Field(ge=0, le=1000)] = 0  # rows of the image that no network looks at: sky and roofs
    standardize: bool = False  # pixels less their mean over their standard deviation, instead of over 255
    random_shift: Annotated[int, Field(ge=0, le=16)] = 0  # pixels (DrQ augmentation), 0 = off
    exposure_jitter: Share = 0.0  # contrast by 1 +- this, brightness by 60 grey levels times this; 0 = off
    initialization: Literal["default", "orthogonal"] = "default"  # default: PyTorch's uniform


class AgentConfig(Section):
    """TD3 (Fujimoto et al. 2018); DDPG is one critic, no smoothing, no delay."""

    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.99
    tau: Annotated[float, Field(gt=0, le=1)] = 0.005
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 256
    actor_lr: LearningRate = 3e-4
    critic_lr: LearningRate = 3e-4
    lr_half_after: Positive | None = None  # updates u1 after which both are half: they fall as 1 / (1 + updates / u1)
    policy_noise: NonNegative = 0.2  # target smoothing, of action range [-1, 1]
    noise_clip: NonNegative = 0.5
    policy_delay: Count = 2
    target_action: Literal["computed", "recalled"] = (
        "computed"  # recalled: pi(s') as it was when s' was last learned from
    )
    twin_critics: bool = True
    exploration_noise: NonNegative = 0.1
    n_step: Annotated[int, Field(ge=1, le=20)] = 1
    updates_per_step: Positive = 1.0  # gradient updates per timestep
    late_updates_per_step: Positive | None = None  # the same beyond timestep `late_after`; None: no change
    late_after: Count = 100_000
    saturation_cost: NonNegative = 0.0  # in the actor loss, times (|u| - 1)^2 of actions tanh(u) with |u| > 1
    action_change_cost: NonNegative = 0.0  # in the actor loss, times (action - last action)^2; as CAPS (Mysore 2021)
    perception_weight: NonNegative = 0.0  # in the actor loss: its image features are asked where others are
    critic_loss: Literal["mse", "huber"] = "mse"  # huber: linear beyond an error of 1, what prioritized replay needs
    gradient_clip: Positive | None = 10.0  # norm, per network; None: no clipping
    policy_average: Annotated[float, Field(gt=0, le=1)] = 1.0  # rate, an actor update, at which the policy that is
    # evaluated and saved follows the one that learns and explores; 1: it is that one
    bfloat16: bool = True  # autocast where the processor has it
    cuda_graph: bool = False  # on a GPU, keep updates between two moves of the targets as one graph; has not run yet


class ExplorationConfig(Section):
    """Warm-up: temporally correlated (Ornstein-Uhlenbeck) actions, biased to motion."""

    learning_starts: Annotated[int, Field(ge=1)] = 1_000  # timesteps; with > 4 worlds 250 per world
    correlation_time: Positive = 1.0  # s
    steer_std: NonNegative = 0.1  # times an amplitude drawn anew for each episode, uniform in [0, 2]
    throttle_mean: float = 0.5
    throttle_std: NonNegative = 0.4
    idle_limit: Positive = 20.0  # s at a standstill after which a training episode is cut (bootstrapped through)
    motion_share: Share = 0.8  # of training episodes after warm-up whose pedal is still the warm-up's
    motion_half_life: Positive = 5_000.0  # timesteps of learning in which that share halves
    vehicles: Vehicles | None = None  # in every training world, whatever the scenario; None: traffic.vehicles
    on_route: Annotated[int, Field(ge=0, le=50)] | None = None  # traffic.on_route of training worlds, None: the same
    hazard_rate: NonNegative | None = None  # likewise traffic.hazard_rate
    hazard_interval: NonNegative | None = None  # likewise traffic.hazard_interval
    crossing_share: Share | None = None  # likewise traffic.crossing_share


class ReplayConfig(Section):
    """Single uint8 frames; stacks are assembled at sampling."""

    capacity: Annotated[int, Field(ge=100)] = 1_000_000  # transitions; memory is taken as it fills
    on_device: bool = False  # frames lie and batches are made in the memory of run.device, a GPU that holds them all
    file: str | None = None  # path of a scratch file for the frames, removed when the run ends; null: in memory
    prioritized: bool = False  # LAP (Fujimoto et al. 2020): drawn in proportion to max(|TD error|, 1)^priority_exponent
    priority_exponent: Share = 0.4  # alpha; 0 is uniform
    before_failure_share: Share = 0.0  # of each batch: transitions shortly before a collision, leaving the road ...
    before_failure_time: Positive = 3.0  # s before it that count
