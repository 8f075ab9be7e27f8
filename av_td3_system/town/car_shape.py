"""Shape and greys of a drawn car, shared by the near and the far way of drawing it.

A car is a body from the ground clearance to its waist, a narrower dark-windowed cabin above it, a dark underside with
wheels, white head lamps in front, tail lamps that turn into larger, brighter brake lamps behind.
"""

from __future__ import annotations

GROUND_CLEARANCE = 0.22  # m
WAIST = 0.55  # of the height: top of the body
ROOF = 0.1  # m of the body's grey above the windows
CABIN_LENGTH, CABIN_WIDTH, CABIN_SHIFT = 0.55, 0.86, -0.05  # of length and width; shift of its middle to the rear
WHEEL_RADIUS, WHEEL_PLACE = 0.33, 0.31  # m; of the length from the middle
GLASS, TYRE, UNDERSIDE = 38.0, 22.0, 14.0  # albedo 0..255
LAMP_HEAD, LAMP_TAIL, LAMP_BRAKE = 205.0, 140.0, 255.0  # emitted grey 0..255
