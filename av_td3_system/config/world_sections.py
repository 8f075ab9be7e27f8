"""Settings of the world: what is driven where, among whom, seen how and paid for what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from av_td3_system.config.section import (
    Factors,
    NonNegative,
    Parked,
    Positive,
    PositiveTriple,
    Section,
    Share,
    Triple,
    Vehicles,
    Weight,
)


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
    colors: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # albedo of materials, houses by 1 +- this, tint by half of it
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
    kick_down: Annotated[float, Field(gt=0, le=1)] = 0.8  # pedal beyond which the engine gives up to all it has
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
    """Other vehicles: along lanes by a car-following model, give way at junctions.

    IDM is of Treiber, Hennecke & Helbing 2000, Krauss' model of Krauss, Wagner & Gawron 1997.
    """

    vehicles: tuple[Vehicles, Vehicles, Vehicles] = (20, 50, 100)  # per scenario 0, 1, 2
    car_following: Literal["idm", "krauss"] = "idm"  # the model that they drive by, and by which MOBIL weighs lanes
    dawdling: Share = 0.5  # Krauss' sigma, of max_acceleration; IDM knows none
    time_headway: Positive = 1.3  # s, IDM T, Krauss' reaction time tau
    minimum_gap: Positive = 2.0  # m, IDM s0, left out of Krauss' gap
    max_acceleration: Positive = 1.8  # m/s^2, a of either model
    comfortable_deceleration: Positive = 2.5  # m/s^2, b of either model
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
    crossing_share: Share = 0.0  # of the junctions on the route: a vehicle from afar is sent to cross the ego's way
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
    with them, and the reward weights of efficiency, lane keeping and comfort, `reward.near_collision` and `crossing`,
    which are paid at every decision. `agent.exploration_noise` is drawn anew at each.
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
    erase_leader: bool = False  # ablation: the vehicle ahead on the route (within 45 m) is there, but not in the image
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
    standstill_gap: NonNegative = 0.0  # m to the vehicle ahead that the headway is counted from: nearer, moving costs
    near_collision: Weight = 0.5  # at a gap, or a time to collision, of zero
    crossing: Weight = 0.0  # a decision, when about to meet a crossing vehicle that braking would let pass; 0: off
    crossing_horizon: Positive = 2.5  # s ahead from which that costs
    terminal: Weight = 20.0  # collision, off-road, wrong way
    approach: Weight = 0.0  # a decision, for each m/s above approach_speed before a junction; 0: off
    approach_speed: Positive = 10.0  # km/h at the line of a junction, more before it as braking allows
    right_of_way: Weight = 0.0  # entering a junction without having been given the way (`town.claims`), once; 0: off
    jerk_scale: Positive = 60.0  # m/s^3 that cost 1
    steer_rate_scale: Positive = 1.2  # rad/s that cost 1
