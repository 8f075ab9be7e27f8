"""The parameters of networks as one vector: an optimiser step, an average or a norm is one operation, not one each."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class FlatParameters:
    """Puts parameters one behind the other in memory; each stays what it was, as a view of `values`.

    What replaces a parameter's memory afterwards (`Module.to`, `Module.double`) takes it out again; loading a
    state writes through.

    Args:
        parameters: of one dtype and device, in the order in which they shall lie.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = list(parameters)
        self.values = torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters])
        self._begin: dict[int, int] = {}
        begin = 0
        for parameter in self.parameters:
            self._begin[id(parameter)] = begin
            end = begin + parameter.numel()
            parameter.data = self.values[begin:end].view(parameter.shape)
            begin = end

    def span(self, parameters: Iterable[nn.Parameter]) -> slice:
        """Where neighbouring parameters lie in `values`.

        Raises:
            ValueError: they are not neighbours in this order.
        """
        wanted = list(parameters)
        end = begin = self._begin[id(wanted[0])]
        for parameter in wanted:
            if self._begin[id(parameter)] != end:
                raise ValueError("these parameters do not lie one behind the other")
            end += parameter.numel()
        return slice(begin, end)

    def of(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """The part of `values` (a view) that neighbouring parameters are."""
        return self.values[self.span(parameters)]
