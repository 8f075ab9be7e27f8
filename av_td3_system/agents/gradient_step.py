"""One clipped Adam step that is not taken when anything in it is not finite."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

TRACE = 1e-20  # a first moment below moves a weight by less than any float32 weight can show


class GradientStep:
    """Adam with the gradient's norm clipped, over parameters that lie one behind the other in memory.

    Whether a step is taken is decided where the numbers are: nothing here waits for a device, and a CUDA graph can
    hold it.

    Args:
        parameters: what a loss trains; nothing else receives a gradient.
        values: the same parameters as one vector (`FlatParameters.of`).
        learning_rate: Adam's.
        clip: largest norm of all gradients together; None for any.
        watched: the numbers whose gradient's norm is told too.
    """

    class Outcome(NamedTuple):
        """What became of a step, all of shape ().

        Attributes:
            taken: bool, False where loss or gradient were not finite, or steps are refused already.
            loss: its value.
            norm: of all gradients together, before clipping.
            watched: norm of those that are watched, before clipping.
        """

        taken: Tensor
        loss: Tensor
        norm: Tensor
        watched: Tensor

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
        on_gpu = values.device.type == "cuda"
        # A CUDA graph reads the rate where it lies, so there it is a tensor that can be written to.
        self._rate = torch.tensor(learning_rate, device=values.device) if on_gpu else learning_rate
        self.optimizer = torch.optim.Adam([self._values], self._rate, fused=True, capturable=on_gpu)

    def take(self, loss: Tensor, allowed: Tensor) -> Outcome:
        """Follow the gradient of `loss` (a scalar) with respect to the parameters alone, if `allowed` (bool, ())."""
        gradients = torch.autograd.grad(loss, self.parameters)
        gradient = torch.cat([one.reshape(-1) for one in gradients])
        value, norm, watched = loss.detach(), gradient.norm(), gradient[self._watched].norm()
        taken = allowed & value.isfinite() & norm.isfinite()
        if math.isfinite(self._clip):
            gradient *= (self._clip / norm).clamp_max(1.0)
        self._values.grad = gradient
        # The switch that mixed precision training uses: where it is 1, Adam leaves weights, moments and count alone.
        self.optimizer.found_inf = (~taken).to(torch.float32)  # type: ignore[attr-defined]
        self.optimizer.step()
        self._values.grad = None
        return self.Outcome(taken, value, norm, watched)

    def slow_down(self, share: float) -> None:
        """From now on steps are as long as `share` of the learning rate makes them."""
        if isinstance(self._rate, Tensor):
            self._rate.fill_(share * self._learning_rate)
        else:
            self._rate = share * self._learning_rate
            self._use_rate()

    def _use_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate

    @torch.no_grad()
    def clear_traces(self) -> None:
        """Set to zero what the moments of weights without a gradient have shrunk to.

        They shrink forever, and processors compute ten times slower with numbers below 1e-38. To be called at least
        every hundred steps or so, in which a first moment shrinks by no more than e-5.
        """
        moments = self.optimizer.state[self._values]
        for name, trace in (("exp_avg", TRACE), ("exp_avg_sq", TRACE**1.5)):
            if name in moments:
                moments[name].masked_fill_(moments[name].abs() < trace, 0)

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a copy of an optimizer state; the learning rate stays the one given."""
        self.optimizer.load_state_dict(copy.deepcopy(dict(state)))  # Adam would go on in the moments of the giver
        self._use_rate()
