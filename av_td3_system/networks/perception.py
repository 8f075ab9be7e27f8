"""What the policy's image features are asked of the other vehicles, in training alone.

The gradient of Q by the action is two numbers a sample, and says little about a picture. So a linear map of the
features is asked where others are: what an image can tell, for what it cannot tell would be learned by heart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from av_td3_system.config.layout import DISTANCE_SCALE, SPEED_SCALE
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.surroundings import split

FORWARD_SPREAD, LEFT_SPREAD = 3.0, 2.0  # m in which a vehicle's share in a cell falls to 1/e
LEADER = 2  # numbers of the leader that are asked for beside the cells
Cells = tuple[tuple[float, float], ...]  # middles, m ahead of the car's centre and to its left

AHEAD: Cells = tuple((f, left) for f in (4.0, 8.0, 12.0, 16.0, 20.0, 24.0) for left in (-4.5, -1.5, 1.5, 4.5))
"""The road ahead and the lane beside."""
WIDE: Cells = tuple(
    (4.0 * row, 3.0 * column + 1.5)
    for row in range(1, 8)
    for column in range(-5, 5)
    if abs(3.0 * column + 1.5) <= 1.2 * 4.0 * row  # within 100 degrees of view
)
"""All that the preset's camera sees within 28 m, the arms of a junction too."""
GRIDS = {"ahead": AHEAD, "wide": WIDE}


class Perception(nn.Linear):
    """Answers of the features, (B, features) to (B, A), to what `asked` says; both of the same order.

    Args:
        config: `perception_grid`, which cells; `foresight`, seconds ahead for which they are asked once more, were all
            vehicles to go on as they do (which a single frame cannot tell).
    """

    def __init__(self, config: NetworkConfig) -> None:
        cells = GRIDS[config.perception_grid]
        self.times = (0.0, config.foresight) if config.foresight > 0 else (0.0,)
        super().__init__(config.features, LEADER + len(cells) * len(self.times))
        self.register_buffer("cells", torch.tensor(cells), persistent=False)

    @torch.no_grad()
    def asked(self, surroundings: Tensor) -> Tensor:
        """What is true of surroundings (B, S), in [0, 1], (B, A).

        The leader's closeness on both scales, then how much each cell is occupied, for each time.
        """
        leader, vehicles, _ = split(surroundings)
        place = vehicles[..., :2] * DISTANCE_SCALE
        velocity = vehicles[..., 2:4] * vehicles[..., 4:5] * SPEED_SCALE
        cells = self.get_buffer("cells")
        told = [leader[:, :LEADER]]
        for time in self.times:
            away = (place + velocity * time)[:, :, None] - cells
            share = torch.exp(-((away[..., 0] / FORWARD_SPREAD) ** 2) - (away[..., 1] / LEFT_SPREAD) ** 2)
            told.append((share * vehicles[:, :, -1:]).amax(dim=1))
        return torch.cat(told, dim=1)
