"""Convolution followed by a rectifier, in one pass over memory where the library can."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Private to torch (its compiler emits it), so its absence is provided for.
_FUSED = getattr(torch.ops.mkldnn, "_convolution_pointwise", None) if torch.backends.mkldnn.is_available() else None


def convolve_relu(image: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """`relu(conv2d(image, weight, bias, stride))`; all of one dtype.

    In bfloat16 on a processor the rectifier runs inside the convolution: it alone would take half
    as long again, because it is bound by memory.
    """
    if _FUSED is not None and image.device.type == "cpu" and image.dtype == torch.bfloat16:
        return _FusedConvolution.apply(image, weight, bias, stride)
    return functional.relu(functional.conv2d(image, weight, bias, stride))


class _FusedConvolution(torch.autograd.Function):
    """Fused forward pass; the backward pass masks with the output, which is positive where the input was."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        assert _FUSED is not None
        output = _FUSED(image, weight, bias, [0, 0], [stride, stride], [1, 1], 1, "relu", [], "")
        ctx.save_for_backward(image, weight, output)
        ctx.stride = stride
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        image, weight, output = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradients[0], output, 0)
        strides, zero, one = [ctx.stride, ctx.stride], [0, 0], [1, 1]
        wanted = list(ctx.needs_input_grad[:3])
        by_image, by_weight, by_bias = torch.ops.aten.convolution_backward(
            gradient, image, weight, [len(weight)], strides, zero, one, False, zero, 1, wanted
        )
        return by_image, by_weight, by_bias, None
