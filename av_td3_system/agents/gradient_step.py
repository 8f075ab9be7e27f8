"""One clipped Adam step that is not taken when anything in it is not finite."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

TRACE = 1e-20  # a first moment below moves a weight by less than any float32 weight can show
CLEARED_EVERY = 100  # steps; in so many a first moment shrinks by no more than e-5


class GradientStep:
    """Adam with the gradient's norm clipped, over one set of parameters.

    Moments of weights that no longer receive a gradient shrink forever. Below 1e-38 processors
    compute ten times slower, so traces are cleared long before.

    Args:
        parameters: what a loss trains, contiguous; nothing else receives a gradient.
        learning_rate: Adam's.
        clip: largest norm of all gradients together; None for any.
    """

    class Outcome(NamedTuple):
        """What became of a step.

        Attributes:
            taken: False where loss or gradient were not finite.
            norms: norm of each parameter's gradient before clipping.
            norm: of all together.
        """

        taken: bool
        norms: list[float]
        norm: float

        def norm_of(self, count: int) -> float:
            """Norm over the first `count` parameters."""
            return math.hypot(*self.norms[:count])

    def __init__(self, parameters: list[nn.Parameter], learning_rate: float, clip: float | None) -> None:
        self.parameters, self._learning_rate = parameters, learning_rate
        self._clip = math.inf if clip is None else clip
        fused = parameters[0].device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(parameters, learning_rate, fused=fused)

    def take(self, loss: Tensor) -> Outcome:
        """Follow the gradient of `loss` (a scalar) with respect to the parameters alone."""
        gradients = torch.autograd.grad(loss, self.parameters)
        *norms, loss_value = torch.stack([*torch._foreach_norm(gradients), loss.detach()]).tolist()
        norm = math.hypot(*norms)
        taken = math.isfinite(norm) and math.isfinite(loss_value)
        if taken:
            if norm > self._clip:
                torch._foreach_mul_(gradients, self._clip / norm)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient.contiguous()  # fused Adam walks memory and never looks at strides
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self._clear_traces()
        return self.Outcome(taken, norms, norm)

    @torch.no_grad()
    def _clear_traces(self) -> None:
        """Every `CLEARED_EVERY`-th step, counted by the optimizer's own state, so that a resumed run does the same."""
        if int(self.optimizer.state[self.parameters[0]]["step"]) % CLEARED_EVERY:
            return
        for moments in self.optimizer.state.values():
            for name, trace in (("exp_avg", TRACE), ("exp_avg_sq", TRACE**1.5)):
                moments[name].masked_fill_(moments[name].abs() < trace, 0)

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a copy of an optimizer state; the learning rate stays the one given."""
        self.optimizer.load_state_dict(copy.deepcopy(dict(state)))  # Adam would go on in the moments of the giver
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate
