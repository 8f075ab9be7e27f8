"""One clipped Adam step that is not taken when anything in it is not finite."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

TRACE = 1e-20  # a first moment below moves a weight by less than any float32 weight can show
CLEARED_EVERY = 100  # steps; in so many a first moment shrinks by no more than e-5


class GradientStep:
    """Adam with the gradient's norm clipped, over parameters that lie one behind the other in memory.

    Moments of weights that no longer receive a gradient shrink forever. Below 1e-38 processors
    compute ten times slower, so traces are cleared long before.

    Args:
        parameters: what a loss trains; nothing else receives a gradient.
        values: the same parameters as one vector (`FlatParameters.of`).
        learning_rate: Adam's.
        clip: largest norm of all gradients together; None for any.
        watched: the numbers whose gradient's norm is told too.
    """

    class Outcome(NamedTuple):
        """What became of a step.

        Attributes:
            taken: False where loss or gradient were not finite.
            loss: its value.
            norm: of all gradients together, before clipping.
            watched: norm of those that are watched, before clipping.
        """

        taken: bool
        loss: float
        norm: float
        watched: float

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        values: Tensor,
        learning_rate: float,
        clip: float | None,
        watched: slice = slice(0),
    ) -> None:
        self.parameters, self._learning_rate, self._watched = parameters, learning_rate, watched
        self._clip = math.inf if clip is None else clip
        self._values = nn.Parameter(values)
        self.optimizer = torch.optim.Adam([self._values], learning_rate, fused=values.device.type in ("cpu", "cuda"))

    def take(self, loss: Tensor) -> Outcome:
        """Follow the gradient of `loss` (a scalar) with respect to the parameters alone."""
        gradients = torch.autograd.grad(loss, self.parameters)
        gradient = torch.cat([one.reshape(-1) for one in gradients])
        told = torch.stack([loss.detach(), gradient.norm(), gradient[self._watched].norm()])
        value, norm, watched = told.tolist()
        taken = math.isfinite(norm) and math.isfinite(value)
        if taken:
            if norm > self._clip:
                gradient *= self._clip / norm
            self._values.grad = gradient
            self.optimizer.step()
            self._values.grad = None
            self._clear_traces()
        return self.Outcome(taken, value, norm, watched)

    @torch.no_grad()
    def _clear_traces(self) -> None:
        """Every `CLEARED_EVERY`-th step, counted by the optimizer's own state, so that a resumed run does the same."""
        moments = self.optimizer.state[self._values]
        if int(moments["step"]) % CLEARED_EVERY:
            return
        for name, trace in (("exp_avg", TRACE), ("exp_avg_sq", TRACE**1.5)):
            moments[name].masked_fill_(moments[name].abs() < trace, 0)

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a copy of an optimizer state; the learning rate stays the one given."""
        self.optimizer.load_state_dict(copy.deepcopy(dict(state)))  # Adam would go on in the moments of the giver
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate
