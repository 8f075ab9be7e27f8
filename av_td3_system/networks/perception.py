"""What the policy's image features are asked of the other vehicles, in training alone.

The gradient of Q by the action is two numbers a sample, and says little about a picture. So a linear map of the
features is asked where others are: what an image can tell, for what it cannot tell would be learned by heart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from av_td3_system.config.layout import DISTANCE_SCALE, LINE_NUMBERS, SPEED_SCALE, WAY_NUMBERS
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.grids import GRIDS
from av_td3_system.networks.surroundings import split

LEADER = 2  # numbers of the leader that are asked for beside the cells


class Perception(nn.Linear):
    """Answers of the features, (B, features) to (B, A), to what `asked` says; both of the same order.

    Args:
        config: `perception_grid`, which cells; `foresight`, seconds ahead for which they are asked once more, were all
            vehicles to go on as they do (which a single frame cannot tell).
    """

    def __init__(self, config: NetworkConfig) -> None:
        cells, _, self._share = GRIDS[config.perception_grid]
        self.times = (0.0, config.foresight) if config.foresight > 0 else (0.0,)
        self._asks_for_line = config.critic_way
        lines = LINE_NUMBERS if self._asks_for_line else 0
        super().__init__(config.features, LEADER + len(cells) * len(self.times) + lines)
        self.register_buffer("cells", torch.tensor(cells), persistent=False)

    @torch.no_grad()
    def asked(self, surroundings: Tensor) -> Tensor:
        """What is true of surroundings (B, S), in [0, 1], (B, A).

        The leader's closeness on both scales, then the greatest share of a vehicle in each cell, for each time; last
        the closeness of the junction's line, where the surroundings tell it.
        """
        leader, vehicles, further = split(surroundings)
        place = vehicles[..., :2] * DISTANCE_SCALE
        velocity = vehicles[..., 2:4] * vehicles[..., 4:5] * SPEED_SCALE
        cells = self.get_buffer("cells")
        told = [leader[:, :LEADER]]
        for time in self.times:
            share = self._share(place + velocity * time, cells)
            told.append((share * vehicles[:, :, -1:]).amax(dim=1))
        if self._asks_for_line:
            told.append(further[:, -WAY_NUMBERS:][:, :LINE_NUMBERS])
        return torch.cat(told, dim=1)
