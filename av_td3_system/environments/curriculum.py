"""What each training episode draws of a curriculum: how many vehicles there are, and the weather.

Both follow from the stage in force when the episode begins and from its seed, and take nothing from the world's random
stream: neither the number of worlds nor of threads changes what an episode of a stage is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from av_td3_system.config.schema import CurriculumConfig

_EPISODE = 0xC0_2217  # stream: all else of a seed is drawn from others


class Drawn(NamedTuple):
    """What an episode is driven among and in.

    Attributes:
        vehicles: other vehicles that drive; None: as many as the settings say.
        weather: index into the worlds' weathers.
    """

    vehicles: int | None
    weather: int


class Curriculum:
    """The stages of a run, ready to draw from.

    Attributes:
        weathers: names of all weathers that there are: those of the settings, then those that only stages name.
        most_vehicles: most vehicles of any stage and of the settings: what a world needs room for.

    Args:
        config: at least one stage.
        vehicles: as many as there are without a curriculum.
        weathers: drawn from without a curriculum.
    """

    def __init__(self, config: CurriculumConfig, vehicles: int, weathers: Sequence[str]) -> None:
        self._config = config
        named = [name for stage in config.stages for name in stage.weathers or ()]
        self.weathers = (*weathers, *(name for name in dict.fromkeys(named) if name not in weathers))
        self._as_set = len(weathers)
        self._vehicles = [(vehicles,) if stage.vehicles is None else stage.vehicles for stage in config.stages]
        self._weathers = [
            None if stage.weathers is None else [self.weathers.index(name) for name in stage.weathers]
            for stage in config.stages
        ]
        self.most_vehicles = max(vehicles, *(max(choice) for choice in self._vehicles))

    def draw(self, timestep: int, stream: int) -> Drawn:
        """What the episode of that stream's seed is that begins at a timestep of the run."""
        stage = self._config.stage_at(timestep)
        number, weather = np.random.default_rng([_EPISODE, stream]).random(2)
        vehicles, weathers = self._vehicles[stage], self._weathers[stage]
        return Drawn(
            vehicles[int(number * len(vehicles))],
            stream % self._as_set if weathers is None else weathers[int(weather * len(weathers))],
        )
