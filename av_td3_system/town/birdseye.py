"""The town from above, and frames for videos: camera view and map side by side with a strip of text.

Made for people, not for learners: Pillow, RGB, no claim to speed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from av_td3_system.town.scene_types import GroundArrays, SceneryArrays

Color = tuple[int, int, int]
ROUTE: Color = (66, 135, 245)
GOAL: Color = (40, 200, 90)
EGO: Color = (250, 120, 30)
GLASS: Color = (25, 25, 30)
BRAKE: Color = (235, 30, 30)
HOUSE: Color = (128, 104, 92)
TEXT: Color = (235, 235, 235)
STRIP: Color = (24, 26, 30)
LINE = 18  # pixels of a line of text
FINER = 2  # everything is drawn this much larger first, for smooth edges


class _Plan:
    """Maps metres of the world to pixels of a square picture."""

    def __init__(self, x: float, y: float, up: float, radius: float, size: int) -> None:
        self.center = np.array([x, y])
        self.scale = size / (2 * radius)  # pixels a metre
        self.size = size
        # Rows: the world directions of the picture's right and up.
        self.axes = np.array([[math.sin(up), -math.cos(up)], [math.cos(up), math.sin(up)]])

    def pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """World points (..., 2) in m to picture coordinates (..., 2), x right, y down."""
        right_up = (np.asarray(points, dtype=np.float64) - self.center) @ self.axes.T
        return self.size / 2 + right_up * np.array([self.scale, -self.scale])

    def world(self) -> NDArray[np.float64]:
        """World coordinates (S, S, 2) of the pixels' centres."""
        offset = (np.arange(self.size) + 0.5 - self.size / 2) / self.scale
        right_up = np.stack(np.meshgrid(offset, -offset), axis=-1)
        return self.center + right_up @ self.axes


def rectangle(x: float, y: float, heading: float, length: float, width: float) -> NDArray[np.float64]:
    """Corners (4, 2) of a rectangle from its centre, m: front left, front right, rear right, rear left."""
    axis = np.array([math.cos(heading), math.sin(heading)])
    side = np.array([-axis[1], axis[0]])
    return np.array([x, y]) + 0.5 * np.array(
        [
            length * axis + width * side,
            length * axis - width * side,
            -length * axis - width * side,
            -length * axis + width * side,
        ]
    )


def _ground(plan: _Plan, ground: GroundArrays) -> NDArray[np.uint8]:
    """Colour picture (S, S, 3) of the painted ground, from the level that fits the scale."""
    level = min(max(int(-math.log2(max(plan.scale * ground.resolution, 1e-6)) - 0.3), 0), len(ground.first) - 1)
    first, rows, columns = (int(part[level]) for part in (ground.first, ground.rows, ground.columns))
    cells = (plan.world() - np.array([ground.x0, ground.y0])) / (ground.resolution * 2**level)
    column, row = np.floor(cells[..., 0]).astype(np.int64), np.floor(cells[..., 1]).astype(np.int64)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    picture = ground.cells[0, 0]
    grey = np.where(inside, picture[first + np.where(inside, row * columns + column, 0)], picture[ground.first[-1]])
    return np.repeat(grey[..., None], 3, axis=-1)


def _draw_car(
    canvas: ImageDraw.ImageDraw, plan: _Plan, place: Sequence[float], size: Sequence[float], color: Color, braking: bool
) -> None:
    x, y, heading = place
    length, width = size[0], size[1]

    def part(ahead: float, share_length: float, share_width: float, fill: Color) -> None:
        corners = rectangle(
            x + ahead * length * math.cos(heading), y + ahead * length * math.sin(heading), heading,
            share_length * length, share_width * width,
        )  # fmt: skip
        canvas.polygon([tuple(p) for p in plan.pixels(corners).tolist()], fill=fill)

    part(0.0, 1.0, 1.0, color)
    part(0.14, 0.12, 0.8, GLASS)  # the windscreen shows which end is the front
    part(-0.32, 0.08, 0.8, GLASS)
    if braking:
        part(-0.46, 0.08, 1.0, BRAKE)


def draw(
    ground: GroundArrays,
    *,
    center: tuple[float, float],
    radius: float = 60.0,
    size: int = 512,
    up: float = math.pi / 2,
    scenery: SceneryArrays | None = None,
    routes: Sequence[ArrayLike] = (),
    goal: tuple[float, float] | None = None,
    ego: tuple[float, float, float] | None = None,
    ego_size: tuple[float, float] = (4.5, 1.9),
    vehicles: ArrayLike | None = None,
    vehicle_size: ArrayLike | None = None,
    vehicle_shade: ArrayLike | None = None,
    vehicle_brake: ArrayLike | None = None,
) -> NDArray[np.uint8]:
    """Draw the town from above.

    Args:
        ground: painted ground.
        center: world x, y in the middle of the picture, m.
        radius: half the side of the part shown, m.
        size: side of the picture, pixels.
        up: world heading that points up in the picture, rad; pi / 2 is north up, the ego's heading turns the map.
        scenery: boxes to draw, or none.
        routes: world points (K, 2) of each route. goal: world x, y of an end.
        ego: x, y, heading. ego_size: length, width, m.
        vehicles: (M, 3) x, y, heading of the other cars; vehicle_size (M, >= 2) length, width in m, default 4.5 x 1.9;
            vehicle_shade (M,) grey 0..255; vehicle_brake (M,) brake lamps.

    Returns:
        uint8 (size, size, 3) RGB.
    """
    plan = _Plan(center[0], center[1], up, radius, FINER * size)
    image = Image.fromarray(_ground(plan, ground))
    canvas = ImageDraw.Draw(image)
    if scenery is not None:
        _draw_scenery(canvas, plan, scenery, center, radius)
    for route in routes:
        points = [tuple(p) for p in plan.pixels(route).tolist()]
        canvas.line(points, fill=ROUTE, width=max(2, round(0.9 * plan.scale)), joint="curve")
    if goal is not None:
        x, y = plan.pixels(goal).tolist()
        reach = max(4.0, 2.0 * plan.scale)
        canvas.ellipse(
            [x - reach, y - reach, x + reach, y + reach], outline=GOAL, width=max(2, round(0.5 * plan.scale))
        )
    if vehicles is not None:
        places = np.asarray(vehicles, dtype=np.float64).reshape(-1, 3)
        count = len(places)
        sizes = np.tile([4.5, 1.9], (count, 1)) if vehicle_size is None else np.asarray(vehicle_size, dtype=np.float64)
        shades = np.full(count, 200.0) if vehicle_shade is None else np.asarray(vehicle_shade, dtype=np.float64)
        brakes = np.zeros(count) if vehicle_brake is None else np.asarray(vehicle_brake)
        near = np.hypot(places[:, 0] - center[0], places[:, 1] - center[1]) < 1.5 * radius + 10
        for k in np.flatnonzero(near):
            # A tint of blue tells a white car from a marking.
            grey = round(float(shades[k]))
            color = (round(0.75 * grey), round(0.85 * grey), min(grey + 25, 255))
            _draw_car(canvas, plan, places[k].tolist(), sizes[k].tolist(), color, bool(brakes[k]))
    if ego is not None:
        _draw_car(canvas, plan, ego, ego_size, EGO, False)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), dtype=np.uint8).copy()


def _draw_scenery(
    canvas: ImageDraw.ImageDraw, plan: _Plan, scenery: SceneryArrays, center: tuple[float, float], radius: float
) -> None:
    boxes = np.asarray(scenery.boxes, dtype=np.float64)
    near = np.hypot(boxes[:, 0] - center[0], boxes[:, 1] - center[1]) < 1.5 * radius + 20
    for x, y, yaw, half_length, half_width, low, high, _ in boxes[near][np.argsort(boxes[near, 6])].tolist():
        # What starts above the ground is a crown; what is neither crown nor house is a trunk or a pole.
        house = low < 0.5 and min(half_length, half_width) > 1.5
        color = HOUSE if house else (52, 84, 48) if low >= 0.5 else (60, 60, 60)
        color = tuple(min(round(part * (0.8 + 0.02 * high)), 255) for part in color) if house else color
        corners = plan.pixels(rectangle(x, y, yaw, 2 * half_length, 2 * half_width))
        canvas.polygon([tuple(p) for p in corners.tolist()], fill=color, outline=(30, 30, 30) if house else None)


def compose_frame(
    camera_image: NDArray[np.uint8],
    map_image: NDArray[np.uint8],
    lines: Sequence[str] = (),
    *,
    resample: Literal["nearest", "bilinear"] = "nearest",
) -> NDArray[np.uint8]:
    """Put a camera view and a map side by side over a strip of text.

    Args:
        camera_image: uint8 (H, W), scaled up to the map's height.
        map_image: uint8 (S, S', 3).
        lines: lines of the strip, such as `status_line` makes.
        resample: how the view is scaled.

    Returns:
        uint8 (H', W', 3) RGB; both sides even, as video encoders ask for.
    """
    height = map_image.shape[0]
    width = round(camera_image.shape[1] * height / camera_image.shape[0])
    filters = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}
    view = Image.fromarray(camera_image).convert("RGB").resize((width, height), filters[resample])
    gap, strip = 4, LINE * len(lines) + (8 if lines else 0)
    full_width = width + gap + map_image.shape[1]
    full_height = height + strip
    frame = Image.new("RGB", (full_width + full_width % 2, full_height + full_height % 2), STRIP)
    frame.paste(view, (0, 0))
    frame.paste(Image.fromarray(map_image), (width + gap, 0))
    canvas, font = ImageDraw.Draw(frame), ImageFont.load_default(size=14)
    for k, line in enumerate(lines):
        canvas.text((8, height + 4 + k * LINE), line, fill=TEXT, font=font)
    return np.asarray(frame, dtype=np.uint8).copy()


def status_line(speed: float, action: Sequence[float], step: int, reward: float) -> str:
    """One line for a video: speed in m/s (shown in km/h), action (steering, throttle or brake), step, reward."""
    pedal = "throttle" if action[1] >= 0 else "brake"
    return (
        f"step {step:5d}   {3.6 * speed:5.1f} km/h   steering {action[0]:+.2f} {pedal} {abs(action[1]):.2f}   "
        f"reward {reward:+.2f}"
    )
