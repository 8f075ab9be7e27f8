"""The one typed, closed schema of every setting (unknown keys are refused by name).

Every constant of behaviour lives here with its unit and range; a run stores the resolved
`Config` and can start again from it alone. Sections are plain immutable values: any room may
import this module, and this module imports no other room.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Vehicles = Annotated[int, Field(ge=0, le=500)]
Parked = Annotated[int, Field(ge=0, le=100)]
Triple = tuple[NonNegative, NonNegative, NonNegative]
PositiveTriple = tuple[Positive, Positive, Positive]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Factors = tuple[Positive, Positive]


class Section(BaseModel):
    """Base of all sections: closed (typos are errors), immutable, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class RunConfig(Section):
    """What one run is: the flags of `av-td3 train`."""

    algo: Literal["td3", "ddpg"] = "td3"
    env: Annotated[str, Field(min_length=1)] | None = None  # a Gymnasium environment by name; None: the town
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


class CameraConfig(Section):
    """Front camera, CARLA's conventions: x forward, y right, z up, pitch positive upwards."""

    width: Annotated[int, Field(ge=16, le=1024)] = 84  # pixels
    height: Annotated[int, Field(ge=16, le=1024)] = 84  # pixels
    fov: Annotated[float, Field(ge=30, le=150)] = 100.0  # horizontal, degrees
    color: Literal["grey", "rgb"] = "grey"
    supersampling: Annotated[int, Field(ge=1, le=4)] = 1  # drawn so many times as large each way, then averaged
    x: float = 0.8  # m ahead of the vehicle's centre
    y: float = 0.0  # m to the right of it
    z: Annotated[float, Field(ge=0.5, le=5)] = 1.6  # m above the road
    pitch: Annotated[float, Field(ge=-45, le=45)] = -6.0  # degrees
    stack: Annotated[int, Field(ge=1, le=8)] = 4  # frames in an observation, oldest first
    frame_interval: Annotated[int, Field(ge=1, le=16)] = 1  # decisions from one frame of the stack to the next
    delay: Annotated[int, Field(ge=0, le=16)] = 0  # decisions by which every frame arrives late


class RandomizationConfig(Section):
    """Domain randomisation of what the camera sees (Tobin et al. 2017), drawn from each episode's seed; 0: none."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0  # names the looks and poses that there are to draw from
    looks: Annotated[int, Field(ge=1, le=64)] = 1  # dressings of the town, each with all weathers: the ground takes
    # about 17 MB of memory (TownA) a look, weather and plane, and as much again for water if a weather is wet
    colors: Annotated[float, Field(ge=0, le=0.5)] = (
        0.0  # albedo of materials and houses by 1 +- this, tint by half of it
    )
    texture: Annotated[float, Field(ge=0, le=4)] = 0.0  # noise on grass and asphalt by 1 +- this, in another pattern
    paint: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # albedo of each vehicle by 1 +- this, tint by half of it
    brightness: Annotated[float, Field(ge=0, le=100)] = 0.0  # grey levels up or down, an episode
    contrast: Annotated[float, Field(ge=0, le=0.9)] = 0.0  # by 1 +- this around the middle grey, an episode
    noise: Annotated[float, Field(ge=0, le=50)] = 0.0  # grey levels, standard deviation of each pixel in each picture
    poses: Annotated[int, Field(ge=1, le=64)] = 1  # mountings of the camera, each drawn within what follows
    pitch: NonNegative = 0.0  # degrees, camera.pitch +- this
    fov: NonNegative = 0.0  # degrees, camera.fov +- this
    y: NonNegative = 0.0  # m, camera.y +- this
    z: NonNegative = 0.0  # m, camera.z +- this


class VehicleConfig(Section):
    """Ego vehicle: a compact car (sources in `town.vehicle`) as a kinematic bicycle within its tyres' grip."""

    length: Positive = 4.255  # m
    width: Positive = 1.799  # m
    wheelbase: Positive = 2.637  # m
    max_steer: Annotated[float, Field(gt=0, lt=1.5)] = 0.6  # rad at the front wheels
    max_steer_rate: Positive = 1.2  # rad/s
    mass: Positive = 1280.0  # kg, with a driver
    max_acceleration: Positive = 3.0  # m/s^2, the engine's greatest force / mass
    engine_power: Positive = 78_000.0  # W at the wheels
    part_throttle_speed: Positive = 16.0  # m/s at which the drive of a part throttle, falling with speed, reaches zero
    kick_down: Annotated[float, Field(gt=0, le=1)] = (
        0.8  # pedal beyond which the engine gives up to all it has; 1: never
    )
    max_deceleration: Positive = 8.0  # m/s^2 at full brake, where the tyres hold it
    throttle_lag: NonNegative = 0.15  # s, time constant with which drive builds up
    brake_lag: NonNegative = 0.1  # s, likewise of the brakes
    rolling_resistance: NonNegative = 0.015  # c_rr, of the weight
    drag_area: NonNegative = 0.613  # m^2, c_w A
    friction: Positive = 0.9  # mu, tyres on dry asphalt


class VariationConfig(Section):
    """How far each episode's ego is off its data sheet: ranges of factors, drawn from the episode's seed."""

    mass: Factors = (1.0, 1.0)
    engine: Factors = (1.0, 1.0)  # force and power
    brakes: Factors = (1.0, 1.0)
    steering: Factors = (1.0, 1.0)  # wheel angle / commanded angle, within vehicle.max_steer
    grip: Factors = (1.0, 1.0)  # on vehicle.friction
    steering_offset: tuple[float, float] = (0.0, 0.0)  # rad of the wheels when steered straight, positive to the left


class TrafficConfig(Section):
    """Other vehicles: IDM (Treiber, Hennecke & Helbing 2000) along lanes, give way at junctions."""

    vehicles: tuple[Vehicles, Vehicles, Vehicles] = (20, 50, 100)  # per scenario 0, 1, 2
    time_headway: Positive = 1.3  # s, IDM T
    minimum_gap: Positive = 2.0  # m, IDM s0
    max_acceleration: Positive = 1.8  # m/s^2, IDM a
    comfortable_deceleration: Positive = 2.5  # m/s^2, IDM b
    emergency_deceleration: Positive = 7.0  # m/s^2, never exceeded
    politeness: Share = 0.2  # MOBIL p (Kesting, Treiber & Helbing 2007): weight of what others lose by a lane change
    change_threshold: NonNegative = 0.1  # m/s^2, MOBIL Delta a_th: least advantage for which a lane is changed
    safe_deceleration: Positive = 4.0  # m/s^2, MOBIL b_safe: most that a change may impose on the new follower
    speed_factor: tuple[Positive, Positive] = (0.6, 0.95)  # range of desired speed / limit
    lateral_acceleration: Positive = 2.2  # m/s^2, sets the speed in bends
    claim_margin: Positive = 10.0  # m beyond the stopping distance at which a junction is asked for
    patience: Positive = 4.0  # s at a standstill before the line after which a claim lapses
    pause_rate: NonNegative = 0.006  # 1/s a moving vehicle, rate of short stops (set down, pick up)
    on_route: Annotated[int, Field(ge=0, le=50)] = 2  # vehicles that begin ahead of the ego on its route ...
    on_route_reach: Positive = 300.0  # m ... on the first so many metres of it
    hazard_rate: NonNegative = 0.1  # 1/s, as pause_rate, of a vehicle ahead of the ego on its route
    hazard_range: Positive = 70.0  # m along the route that count as ahead of the ego
    hazard_interval: NonNegative = 20.0  # s, least time between two such stops
    pause_duration: tuple[Positive, Positive] = (6.0, 16.0)  # s
    # In tuples of three: cars, vans (from a VW Transporter to the shortest Mercedes-Benz Sprinter) and light trucks
    # (the size of a FUSO Canter, 7.5 t); shares are weights of any sum.
    kind_shares: Triple = (0.75, 0.15, 0.1)  # of the vehicles
    kind_acceleration: PositiveTriple = (1.0, 0.85, 0.6)  # times max_acceleration
    kind_deceleration: PositiveTriple = (1.0, 0.95, 0.8)  # times comfortable_deceleration
    kind_speed: PositiveTriple = (1.0, 1.0, 0.9)  # times speed_factor
    length: tuple[Positive, Positive] = (3.8, 5.2)  # m, cars
    width: tuple[Positive, Positive] = (1.7, 2.0)  # m
    height: tuple[Positive, Positive] = (1.4, 2.0)  # m
    van_length: tuple[Positive, Positive] = (4.9, 5.9)  # m
    van_width: tuple[Positive, Positive] = (1.9, 2.0)  # m
    van_height: tuple[Positive, Positive] = (1.9, 2.7)  # m
    truck_length: tuple[Positive, Positive] = (5.9, 7.0)  # m
    truck_width: tuple[Positive, Positive] = (2.0, 2.2)  # m
    truck_height: tuple[Positive, Positive] = (2.7, 3.3)  # m
    # In tuples of three: normal, patient and brisk drivers
    driver_shares: Triple = (0.7, 0.15, 0.15)  # of the drivers
    driver_headway: PositiveTriple = (1.0, 1.4, 0.75)  # times time_headway
    driver_acceleration: PositiveTriple = (1.0, 0.8, 1.2)  # times max_acceleration
    driver_speed: PositiveTriple = (1.0, 0.9, 1.1)  # times speed_factor, never above the limit
    driver_politeness: Triple = (1.0, 2.5, 0.0)  # times politeness
    non_yielding: Share = 0.0  # of the drivers: they go first at junctions and do not give way to the ego's claim
    parked: tuple[Parked, Parked] = (0, 8)  # range of the number of vehicles parked beside the lanes

    @model_validator(mode="after")
    def _shares_are_of_something(self) -> TrafficConfig:
        for name in ("kind_shares", "driver_shares"):
            if sum(getattr(self, name)) <= 0.0:
                raise ValueError(f"{name}: at least one share must be above 0")
        return self


class EnvironmentConfig(Section):
    """The decision process (the Gymnasium contract).

    A decision lasts `tick * action_repeat` seconds. What is given in seconds or metres does not change with it, and
    neither do `action_delay`, progress and the price of an ending. Counted in decisions, nothing scales it by itself:
    `agent.gamma` (as far ahead in seconds: gamma^(new / old)), `agent.n_step`, `camera.frame_interval` and `delay`, all
    timesteps (`run`, `exploration.learning_starts`, `motion_half_life`, windows of guards, steps of the gate), updates
    with them, and the reward weights of efficiency, lane keeping and comfort and `reward.near_collision`, which are
    paid at every decision. `agent.exploration_noise` is drawn anew at each.
    """

    town: str = "TownA"  # built-in name or path of an .xodr file
    tick: Positive = 0.05  # s of simulated time
    action_repeat: Annotated[int, Field(ge=1, le=20)] = 2  # ticks a decision
    action_delay: Annotated[int, Field(ge=0, le=31)] = 0  # ticks from a decision until the car feels it
    route_length: tuple[Positive, Positive] = (400.0, 600.0)  # m
    desired_speed: Positive = 30.0  # km/h
    goal_tolerance: Positive = 2.0  # m before the end at which the goal counts as reached
    slowest_speed: Positive = 10.0  # km/h: the time limit is the route at this speed ...
    time_allowance: NonNegative = 10.0  # s ... plus this
    stuck_speed: Positive = 0.1  # m/s
    stuck_time: Positive = 90.0  # s
    off_road_margin: NonNegative = 0.3  # m a wheel may leave the drivable surface
    route_deviation: Positive = 5.0  # m from the route's curve that count as having left it
    navigation: Literal["waypoints", "command"] = "waypoints"  # what the policy is told of its route: points on it, or
    # only the next turn (Codevilla et al. 2018), so that it finds its lane by the camera alone
    command_distance: Annotated[float, Field(gt=0, le=200)] = 40.0  # m before a junction from which its turn is told;
    # beyond 50 routes are drawn longer, and a seed then means another episode than with waypoints
    waypoints: Annotated[int, Field(ge=2, le=64)] = 10
    waypoint_spacing: Positive = 4.0  # m along the route
    speed_scale: Positive = 10.0  # m/s that stand as 1 in the observation
    yaw_rate_scale: Positive = 0.5  # rad/s
    deviation_scale: Positive = 1.0  # m
    heading_scale: Positive = 0.3  # rad
    waypoint_scale: Positive = 40.0  # m ahead
    waypoint_side_scale: Positive = 10.0  # m to the side
    blank_image: bool = False  # ablation: the camera is black
    weathers: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "ClearNoon",
        "CloudyNoon",
        "ClearSunset",
        "CloudySunset",
    )


class RewardConfig(Section):
    """Weights (reward per unit of term) and shape parameters of the five terms."""

    progress_weight: Weight = 1.25  # per metre along the route, paid once
    efficiency_weight: Weight = 0.1
    lane_keeping_weight: Weight = 1.0
    comfort_weight: Weight = 0.05
    safety_weight: Weight = 1.0
    idle_speed: Positive = 0.5  # m/s, below it the car stands
    overspeed_slope: Weight = 5.0  # per m/s above the desired speed, in efficiency units
    overspeed_limit: Positive = 20.0  # efficiency units
    time_to_collision: Positive = 1.5  # s below which closing in costs
    headway: Positive = 1.2  # s of time headway (gap / own speed) below which following costs
    near_collision: Weight = 0.5  # at a gap, or a time to collision, of zero
    terminal: Weight = 20.0  # collision, off-road, wrong way
    jerk_scale: Positive = 60.0  # m/s^3 that cost 1
    steer_rate_scale: Positive = 1.2  # rad/s that cost 1


class NetworkConfig(Section):
    """Encoder and heads (NatureCNN: Mnih et al. 2015)."""

    channels: tuple[Count, Count, Count] = (32, 64, 64)
    features: Annotated[int, Field(ge=8, le=4096)] = 256
    hidden: tuple[Count, ...] = (256, 256)
    layer_norm: bool = True  # after the encoder's projection
    head_layer_norm: bool = False  # in actor and critic heads
    shared_encoder: bool = True  # one encoder trained by the critic alone; actor on detached features
    critic_input: Literal["image", "surroundings"] = "image"  # surroundings: where others are, as the simulator knows
    critic_values: Literal["scalar", "symlog", "histogram"] = (
        "scalar"  # what the critic's outputs mean (networks.values)
    )
    value_range: tuple[float, float] = (-60.0, 120.0)  # of a histogram, reward units
    value_bins: Annotated[int, Field(ge=3, le=1001)] = 91  # of a histogram
    crop_top: Annotated[int, Field(ge=0, le=1000)] = 0  # rows of the image that no network looks at: sky and roofs
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
    policy_noise: NonNegative = 0.2  # target smoothing, of action range [-1, 1]
    noise_clip: NonNegative = 0.5
    policy_delay: Count = 2
    twin_critics: bool = True
    exploration_noise: NonNegative = 0.1
    n_step: Annotated[int, Field(ge=1, le=20)] = 1
    updates_per_step: Positive = 1.0  # gradient updates per timestep
    saturation_cost: NonNegative = 0.0  # in the actor loss, times (|u| - 1)^2 of actions tanh(u) with |u| > 1
    perception_weight: NonNegative = 0.0  # in the actor loss: its image features are asked where others are
    critic_loss: Literal["mse", "huber"] = "mse"  # huber: linear beyond an error of 1, what prioritized replay needs
    gradient_clip: Positive | None = 10.0  # norm, per network; None: no clipping
    policy_average: Annotated[float, Field(gt=0, le=1)] = 1.0  # rate, an actor update, at which the policy that is
    # evaluated and saved follows the one that learns and explores; 1: it is that one
    bfloat16: bool = True  # autocast where the processor has it
    cuda_graph: bool = (
        False  # on a GPU, keep the updates between two moves of the targets as one graph; has not run yet
    )


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
    on_route: Annotated[int, Field(ge=0, le=50)] | None = None  # traffic.on_route of training worlds, None: the same
    hazard_rate: NonNegative | None = None  # likewise traffic.hazard_rate
    hazard_interval: NonNegative | None = None  # likewise traffic.hazard_interval


class ReplayConfig(Section):
    """Single uint8 frames; stacks are assembled at sampling."""

    capacity: Annotated[int, Field(ge=100)] = 1_000_000  # transitions; memory is taken as it fills
    on_device: bool = False  # frames lie and batches are made in the memory of run.device, a GPU that holds them all
    file: str | None = None  # path of a scratch file for the frames, removed when the run ends; null: in memory
    prioritized: bool = False  # LAP (Fujimoto et al. 2020): drawn in proportion to max(|TD error|, 1)^priority_exponent
    priority_exponent: Share = 0.4  # alpha; 0 is uniform
    before_failure_share: Share = (
        0.0  # of each batch: transitions shortly before a return ended (collision, off-road ...)
    )
    before_failure_time: Positive = 3.0  # s before it that count


class EvaluationConfig(Section):
    """Held-out evaluation: fixed episode seeds of the validation split, deterministic policy."""

    episodes: Count = 50
    num_envs: Annotated[int, Field(ge=1, le=512)] = 50
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 10_000  # first of the fixed episode seeds
    early_stopping_patience: Count = 10  # evaluations without a better reward
    video: bool = True


class CheckpointConfig(Section):
    """Rotation of checkpoints."""

    keep_last: Count = 5


class GuardRule(Section):
    """One threshold on one metric.

    Raised when `metric` compares true for `persistence` checks in a row; the value compared is
    the mean of the last `window` values seen. `kind` is a floor or a ceiling.
    """

    name: str
    metric: str
    threshold: float
    kind: Literal["above", "below"] = "above"
    severity: Literal["halt", "critical", "warning"]
    window: Count = 1
    persistence: Count = 1


def _default_rules() -> tuple[GuardRule, ...]:
    return (
        GuardRule(name="td_error_explosion", metric="train/td_error", threshold=50, severity="halt", persistence=5),
        GuardRule(name="q_value_divergence", metric="train/q_value", threshold=1000, severity="halt", persistence=5),
        GuardRule(
            name="reward_collapse",
            metric="train/episode_reward",
            threshold=-500,
            kind="below",
            severity="halt",
            window=20,
        ),
        GuardRule(name="q_value_high", metric="train/q_value", threshold=200, severity="critical", persistence=10),
        GuardRule(name="td_error_high", metric="train/td_error", threshold=20, severity="critical", persistence=10),
        GuardRule(
            name="feature_explosion",
            metric="diagnostics/encoder_feature_norm",
            threshold=1000,  # L2 norm per sample; about sqrt(features) after LayerNorm
            severity="critical",
            persistence=5,
        ),
        GuardRule(
            name="encoder_dead",
            metric="diagnostics/encoder_feature_norm",
            threshold=1e-3,
            kind="below",
            severity="critical",
            persistence=5,
        ),
    )


class GuardConfig(Section):
    """Guards, checked every `interval` timesteps (numbers from the action plan)."""

    interval: Count = 100  # timesteps
    rules: tuple[GuardRule, ...] = Field(default_factory=_default_rules)
    gradient_spike: Positive = 10.0  # times the running median of the norm
    gradient_history: Annotated[int, Field(ge=5)] = 100  # norms of the running median; judged once a fifth is there
    gradient_explosion: Positive = 1000.0  # norm before clipping, persisting
    gradient_persistence: Count = 5  # checks in a row
    critical_count: Count = 3  # critical alerts ...
    critical_window: Count = 50_000  # ... within so many timesteps halt the run
    trend_window: Count = 100_000  # timesteps of degrading reward that halt; of no improvement that warn
    trend_margin: NonNegative = 10.0  # reward
    trend_episodes: Count = 100  # last training episodes whose mean is compared with the best so far
    trend_tau: Annotated[float, Field(gt=0, le=1)] = 0.75  # Kendall's tau of ten block means against time, falling ...
    trend_drop: Share = 0.10  # ... and last block below the first by this share (and the margin): degrading
    disk_free_gb: NonNegative = 1.0  # below: halt
    saturation: Share = 0.95  # share of actions beyond 0.99, mean over the window: critical
    parked_speed: NonNegative = 0.3  # m/s, mean over the window: critical
    spinning_yaw_rate: Positive = 0.5  # rad/s, mean absolute over the window: critical
    dominating_share: Share = 0.5  # of a reward term other than progress, mean over the window: warning
    q_bias_growth: Positive = 10.0  # reward; |Q bias| growing over 3 evaluations by more: warning
    gpu_utilization: tuple[NonNegative, NonNegative] = (70.0, 90.0)  # percent, mean over the window; outside: warning
    behaviour_window: Count = 5_000  # timesteps


class GateConfig(Section):
    """The 10K rung against the run's own 5K (later rungs are added by the ladder)."""

    improvement: Positive = 0.10  # proceed above, halt below minus this
    reward_floor: Positive = 25.0  # smallest |baseline| that improvement is divided by
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.90  # one-sided bound of the paired gain
    td_error: Positive = 5.0
    route_completion: Share = 0.4
    trivial_margin: Share = 0.15  # over the best of parked, straight and random
    halt_reward: float = 50.0  # absolute; below: halt
    halt_q_value: Positive = 200.0
    halt_td_error: Positive = 20.0
    calibration_warning: Positive = 0.5  # |Q - return| / |Q| and |Q1 - Q2| / |Q|
    halt_persistence: Count = 3  # metric lines in a row beyond a halting bound
    baseline_step: Count = 5_000
    rung_step: Count = 10_000  # judged there or later; before, a verdict is at best `extend`
    episodes: Count = 50  # validation episodes per checkpoint, at least
    bootstrap_samples: Annotated[int, Field(ge=100)] = 10_000
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0  # the same records give the same verdict


class Config(Section):
    """The resolved configuration of a run."""

    run: RunConfig = RunConfig()
    environment: EnvironmentConfig = EnvironmentConfig()
    camera: CameraConfig = CameraConfig()
    randomization: RandomizationConfig = RandomizationConfig()
    vehicle: VehicleConfig = VehicleConfig()
    variation: VariationConfig = VariationConfig()
    traffic: TrafficConfig = TrafficConfig()
    reward: RewardConfig = RewardConfig()
    network: NetworkConfig = NetworkConfig()
    agent: AgentConfig = AgentConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    replay: ReplayConfig = ReplayConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    guards: GuardConfig = GuardConfig()
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
            **{f"variation.{name}": getattr(self.variation, name) for name in VariationConfig.model_fields},
        }.items():
            if low > high:
                raise ValueError(f"{name}: the lower end {low} is above the upper end {high}")
        if self.run.algo == "ddpg" and self.agent.twin_critics:
            raise ValueError("agent.twin_critics: ddpg has one critic; hint: start from ddpg_config.yaml")
        if self.run.env is not None and self.network.critic_input != "image":
            raise ValueError(
                f"network.critic_input: {self.run.env} has no surroundings to read; hint: leave it at image"
            )
        if self.network.critic_input == "surroundings" and self.network.shared_encoder:
            raise ValueError(
                "network.shared_encoder: must be false where the critic reads the surroundings; "
                "hint: or network.critic_input=image"
            )
        if self.network.critic_input == "image" and self.agent.perception_weight > 0:
            raise ValueError(
                "agent.perception_weight: needs network.critic_input surroundings; hint: or agent.perception_weight=0"
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
