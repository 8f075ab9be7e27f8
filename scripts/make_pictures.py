#!/usr/bin/env python
"""Draws the pictures of docs/: every weather, every built-in town and domain randomisation, through the agent's camera.

The output does not depend on time or chance: of some episodes, driven for a while by a scripted driver that sees no
picture, the one with the most vehicles in view.

    python scripts/make_pictures.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works from a clone without installation

import numpy as np
from PIL import Image, ImageDraw

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.schema import CameraConfig, Config, EnvironmentConfig, RandomizationConfig
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.environments.view import CameraView
from av_td3_system.town.town import built_in_towns
from av_td3_system.town.weather import WEATHERS

OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "pictures"
EPISODES, DECISIONS = 24, 80  # to choose from; driven before the picture is taken
NEAR, FAR, ASIDE = 7.0, 60.0, 0.7  # m, m, share of the distance ahead: where a vehicle counts as in view
AGENT = CameraConfig(stack=1)
PEOPLE = CameraConfig(width=240, height=160, color="rgb", supersampling=2, stack=1)
LARGE = CameraConfig(width=480, height=300, color="rgb", supersampling=2, stack=1)
RANDOM = RandomizationConfig(
    looks=12, colors=0.35, texture=3.0, paint=0.5, brightness=25.0, contrast=0.25, noise=4.0, poses=12, pitch=3.0,
    fov=8.0, y=0.3, z=0.3,
)  # fmt: skip
LABEL, GAP, QUALITY = 14, 4, 80  # pixels, pixels, of a JPEG


def driven(town: str) -> tuple[TownVectorEnv, int]:
    """Worlds of a town in the middle of their episodes, and the index of the one with the most to see."""
    config = Config(environment=EnvironmentConfig(town=town, blank_image=True))
    env = TownVectorEnv(config, EPISODES)
    env.assign_episodes([[seed] for seed in range(EPISODES)])
    observation, _ = env.reset()
    driver = make_policy("privileged")
    for _ in range(DECISIONS):
        observation, *_ = env.step(driver(observation, env))
    state = env.worlds.state
    dx, dy = state["x"] - state["ego_x"][:, None], state["y"] - state["ego_y"][:, None]
    cos, sin = np.cos(state["ego_heading"])[:, None], np.sin(state["ego_heading"])[:, None]
    ahead, aside = cos * dx + sin * dy, cos * dy - sin * dx
    visible = (ahead > NEAR) & (ahead < FAR) & (np.abs(aside) < ASIDE * ahead)
    nearness = np.where(visible, NEAR / np.maximum(ahead, NEAR), 0.0).sum(axis=1)
    return env, int(np.argmax(np.where(env.active, nearness, -1.0)))


def seen(
    scene: tuple[TownVectorEnv, int],
    camera: CameraConfig,
    weather: str,
    randomization: RandomizationConfig | None = None,
    seed: int = 0,
) -> Image.Image:
    """What a camera sees of a world in a weather; `seed` draws the randomisation."""
    env, world = scene
    environment = EnvironmentConfig(town=env.town.name, weathers=(weather,))
    view = CameraView(env.town, camera, environment, env.worlds, randomization)
    view.begin(world, 0, seed)
    view.fill(env.worlds, np.arange(env.num_envs) == world)
    frame = view.frames[world]
    return Image.fromarray(np.moveaxis(frame, 0, -1) if len(frame) == 3 else frame[0]).convert("RGB")


def tile(label: str, *pictures: Image.Image) -> Image.Image:
    """Pictures side by side below their label."""
    width = sum(picture.width + GAP for picture in pictures)
    sheet = Image.new("RGB", (width, LABEL + GAP + max(picture.height for picture in pictures)), "white")
    ImageDraw.Draw(sheet).text((1, 1), label, fill="black")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, LABEL))
        left += picture.width + GAP
    return sheet


def write(path: Path, tiles: list[Image.Image], columns: int) -> None:
    """A contact sheet of tiles of one size."""
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height), "white")
    for place, picture in enumerate(tiles):
        sheet.paste(picture, (place % columns * width, place // columns * height))
    sheet.save(path, quality=QUALITY, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


def main(arguments: list[str]) -> None:
    """Draw everything into the folder given, or to its place in docs/."""
    folder = Path(arguments[0]) if arguments else OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    scene = driven("TownA")
    weathers = [tile(name, seen(scene, PEOPLE, name), seen(scene, AGENT, name)) for name in WEATHERS]
    write(folder / "weathers.jpg", weathers, 4)
    looks = [tile(f"episode {seed}", seen(scene, PEOPLE, "ClearNoon", RANDOM, seed)) for seed in range(8)]
    write(folder / "randomization.jpg", looks, 4)
    towns = [tile(town, seen(driven(town), LARGE, "ClearNoon")) for town in built_in_towns()]
    write(folder / "town_views.jpg", towns, 2)


if __name__ == "__main__":
    main(sys.argv[1:])
