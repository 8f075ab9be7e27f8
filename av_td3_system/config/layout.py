"""What rooms agree upon that is no setting: planes of a picture, the last action's place, surroundings as numbers.

A row of S = LEADER_NUMBERS + VEHICLES * VEHICLE_NUMBERS numbers: of the vehicle ahead along the route
exp(-gap / 4 m), exp(-gap / 15 m) and speed (all 0 if there is none), then of each of the nearest vehicles
forward and left (in the car's frame), cosine and sine of its relative heading, speed, and 1 where there is one.
Where the policy is told of its route by commands alone, the row goes on with the route as others have it in their
vector (`environments.observation`): deviation, heading error, waypoints. With `network.critic_way` it ends in
WAY_NUMBERS: exp(-gap / 4 m) and exp(-gap / 15 m) of the gap to the line of the junction ahead (0 beyond it), 1 while
the way is asked for and not given, and 1 while it is given.
"""

from __future__ import annotations

LEADER_NUMBERS = 3
VEHICLES = 6
VEHICLE_NUMBERS = 6
SURROUNDINGS = LEADER_NUMBERS + VEHICLES * VEHICLE_NUMBERS
WAY_NUMBERS = 4
LINE_NUMBERS = 2  # of these, of the line
DISTANCE_SCALE = 10.0  # m that stand as 1
SPEED_SCALE = 10.0  # m/s that stand as 1
SIGHT = 40.0  # m, farther vehicles are left out
PLANES = {"grey": 1, "rgb": 3}  # planes of a picture by `CameraConfig.color`
LAST_ACTION = 3  # where the last action begins in the vector of an observation of the town
OF_THE_MACHINE = "of_the_machine"  # key, in a saved state, of what equal runs need not share: seconds, free disk
NO_IMAGE = (0, 0, 0)  # (C, H, W) of an observation that is a vector alone
