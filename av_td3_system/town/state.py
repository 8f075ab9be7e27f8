"""What a batch of worlds consists of: one record a world, in one structured array.

Everything that changes while a world runs is in its record; saving the array saves the worlds.
Compiled kernels take one record (`world`), Python reads whole columns (`state["ego_x"]`, (N,)).
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from av_td3_system.config.schema import EnvironmentConfig, TrafficConfig

ROUTE_STEP = 0.5  # m between samples of a route's curve
ROUTE_LANES = 64  # most lanes a route may run through
PATH = 4  # lanes a vehicle knows ahead: its own and the next three
COMMANDS = 32  # ticks of commands that a world remembers; more than a command may be late
NONE = -1
NOWHERE = -1.0e6  # m, x and y of a slot without a vehicle
CAR, VAN, TRUCK = 0, 1, 2
NORMAL, PATIENT, BRISK = 0, 1, 2
VEHICLE_BLOCK = 20  # room for vehicles grows in such steps, so few kernels are compiled
ROUTE_BLOCK = 1500  # room for route samples, likewise

WorldRecord: TypeAlias = Any  # one element of the structured array, as the kernels see it


def vehicle_capacity(traffic: TrafficConfig, scenario: int) -> int:
    """Room for the scenario's vehicles and the parked ones, in whole blocks."""
    return max(1, math.ceil((traffic.vehicles[scenario] + traffic.parked[1]) / VEHICLE_BLOCK)) * VEHICLE_BLOCK


def route_capacity(environment: EnvironmentConfig) -> int:
    """Room for the samples of the longest route, the stretch beyond the goal included."""
    samples = math.ceil((environment.route_length[1] + beyond_goal(environment)) / ROUTE_STEP) + 2
    return math.ceil(samples / ROUTE_BLOCK) * ROUTE_BLOCK


def beyond_goal(environment: EnvironmentConfig) -> float:
    """Metres that a route goes on past its goal (waypoints and the next turn still lie ahead at the goal)."""
    told = environment.command_distance + 10.0 if environment.navigation == "command" else 0.0
    return max(60.0, environment.waypoints * environment.waypoint_spacing + 10.0, told)


def world_dtype(max_vehicles: int, max_points: int) -> np.dtype:
    """The record of one world with room for M vehicles and R route samples; SI units, angles in rad."""
    m, r = (max_vehicles,), (max_points,)
    return np.dtype(
        [
            ("stream", np.uint64),  # random stream
            ("time", np.float64),  # s since the episode began
            ("tick", np.int64),  # ticks since the episode began
            ("calm_until", np.float64),  # time before which nobody stops ahead of the ego on purpose
            # other vehicles: position `s` of the centre along `lane`
            ("grants", np.int64),  # junction passages granted in the episode
            ("vehicles", np.int32),  # how many drive
            ("parked", np.int32),  # how many stand beside the lanes; they come after those that drive, on lane NONE
            ("lane", np.int32, m),
            ("s", np.float64, m),
            ("speed", np.float64, m),
            ("acceleration", np.float64, m),
            ("shift", np.float64, m),  # m to the left of the lane's centre while changing to it
            ("from_lane", np.int32, m),  # lane that it is still on while changing, NONE
            ("from_s", np.float64, m),  # its position there
            ("path", np.int32, (max_vehicles, PATH)),  # path[0] is the lane
            ("size", np.float64, (max_vehicles, 3)),  # length, width, height
            ("shade", np.float64, m),  # brightness of the paint, 0..255
            ("kind", np.int8, m),  # CAR, VAN or TRUCK
            ("driver", np.int8, m),  # NORMAL, PATIENT or BRISK
            ("speed_factor", np.float64, m),  # desired speed / limit
            ("headway", np.float64, m),  # s, IDM's T or Krauss' tau of this driver
            ("max_acceleration", np.float64, m),  # m/s^2, a of either model
            ("comfortable_deceleration", np.float64, m),  # m/s^2, b of either model
            ("politeness", np.float64, m),  # MOBIL's p
            ("yields", np.uint8, m),  # 0: goes first at junctions, also where the ego has the way
            ("pause", np.float64, m),  # s left of a short stop
            ("rested", np.float64, m),  # time from which it may make its next stop
            ("granted", np.int32, m),  # connecting lane it may pass or is on, NONE
            ("leaving", np.int32, m),  # connecting lane its rear is still on, NONE
            ("ticket", np.float64, m),  # time at which it asked for the junction, < 0 none
            ("granted_at", np.float64, m),  # time of the grant
            ("order", np.int64, m),  # place of the grant among all of the episode
            ("standing", np.float64, m),  # s at a standstill
            ("x", np.float64, m),
            ("y", np.float64, m),
            ("heading", np.float64, m),
            ("brake", np.uint8, m),  # brake lamps
            # ego
            ("ego_x", np.float64),
            ("ego_y", np.float64),
            ("ego_heading", np.float64),
            ("ego_speed", np.float64),
            ("ego_steer", np.float64),  # front wheels, positive to the left
            ("ego_drive", np.float64),  # m/s^2, braking below zero, before the tyres and what holds the car back
            (
                "ego_command",
                np.float64,
                (COMMANDS, 2),
            ),  # steering and pedal given in the last ticks, at tick % COMMANDS
            # the episode's car / its data sheet
            ("ego_mass", np.float64),
            ("ego_engine", np.float64),
            ("ego_brakes", np.float64),
            ("ego_steering", np.float64),
            ("ego_grip", np.float64),
            ("ego_steering_offset", np.float64),  # rad
            ("ego_acceleration", np.float64),  # over the last decision
            ("ego_yaw_rate", np.float64),
            ("ego_granted", np.int32),  # index into route_lane, NONE
            ("ego_granted_at", np.float64),
            ("ego_order", np.int64),
            ("ego_ticket", np.float64),  # time at which it asked, < 0 none
            ("ego_standing", np.float64),  # s at a standstill
            ("ego_barred", np.float64),  # time until which a lapsed claim is not renewed while standing
            # route, sampled every ROUTE_STEP metres from the start to beyond the goal
            ("route_x", np.float64, r),
            ("route_y", np.float64, r),
            ("route_heading", np.float64, r),
            ("route_points", np.int32),
            ("route_length", np.float64),  # arc length of the goal
            ("route_lane", np.int32, (ROUTE_LANES,)),
            ("route_lane_start", np.float64, (ROUTE_LANES + 1,)),  # arc length at which each lane begins
            ("route_turn", np.int8, (ROUTE_LANES,)),  # which way each goes through its junction, see `passages`
            ("route_lanes", np.int32),
            ("route_s", np.float64),  # arc length of the ego's projection
            ("route_best", np.float64),  # greatest route_s so far
            ("lateral", np.float64),  # signed deviation from the route, left positive
            ("heading_error", np.float64),  # car minus route
            # what lies ahead, and events of the last decision
            ("lead_gap", np.float64),  # to the vehicle ahead along the route, inf if none within sight
            ("lead_speed", np.float64),  # its speed along the route
            ("collided", np.uint8),
            ("off_road", np.uint8),
            ("wrong_way", np.uint8),
            ("on_marking", np.uint8),  # level; its rising edge is a lane invasion
            ("invasions", np.int32),  # rising edges in the last decision
            ("travelled", np.float64),  # m driven in the episode
        ],
        align=True,
    )


def allocate(num_worlds: int, environment: EnvironmentConfig, traffic: TrafficConfig, scenario: int) -> np.ndarray:
    """Zeroed records of `num_worlds` worlds, (N,), with room for the scenario's vehicles and the parked ones."""
    return np.zeros(num_worlds, world_dtype(vehicle_capacity(traffic, scenario), route_capacity(environment)))
