"""A computation of fixed shapes kept as one CUDA graph: its hundreds of small kernels cost one launch.

Not measured: no GPU was at hand when it was written. What it captures is the same code that runs, and is tested, on a
processor; a test holds that nothing in that code waits for a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from av_td3_system.replay.batch import Batch

WARM_UP = 3  # calls before the capture, on a side stream as PyTorch asks for: libraries choose their kernels meanwhile
Result = TypeVar("Result")


class CapturedLearning(Generic[Result]):
    """Calls that compute from a batch alone and change parameters in place, captured at the fourth of a kind.

    The first calls are real ones, made as they come. Tensors of a result are the graph's own: the next call overwrites
    them.

    Args:
        learn: of a batch, the number of updates and whether the actor is updated; it must never wait for the device.
        generator: the device's, which `learn` draws from; the graph goes on in its stream of numbers.
    """

    def __init__(self, learn: Callable[[Batch, int, bool], Result], generator: torch.Generator) -> None:
        self._learn, self._generator = learn, generator
        self._stream = torch.cuda.Stream(generator.device)
        self._shapes: list[torch.Size] = []
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: Batch | None = None
        self._result: Result | None = None

    def __call__(self, batch: Batch, updates: int, acts: bool) -> Result:
        """As `learn`, for batches on the device with the first one's shapes; others are computed as they come."""
        shapes = [tensor.shape for tensor in batch]
        if self._calls == 0:
            self._shapes = shapes
        if shapes != self._shapes:
            return self._learn(batch, updates, acts)
        self._calls += 1
        if self._calls <= WARM_UP:
            return self._aside(batch, updates, acts)
        if self._graph is None:
            self._capture(batch, updates, acts)
        assert self._graph is not None and self._batch is not None and self._result is not None
        for own, given in zip(self._batch, batch, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._result

    def _aside(self, batch: Batch, updates: int, acts: bool) -> Result:
        """One call on the side stream."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = self._learn(batch, updates, acts)
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def _capture(self, batch: Batch, updates: int, acts: bool) -> None:
        """Keep what a call would do; capturing computes nothing."""
        self._batch = Batch(*(tensor.clone() for tensor in batch))
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._generator)
        with torch.cuda.graph(self._graph):
            self._result = self._learn(self._batch, updates, acts)
