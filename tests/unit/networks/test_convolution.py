"""The fused convolution equals convolution and rectifier one after the other, gradients too."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from av_td3_system.networks import convolution
from av_td3_system.networks.convolution import convolve_relu
from av_td3_system.networks.precision import supports_bfloat16


@pytest.mark.skipif(convolution._FUSED is None, reason="this PyTorch has no fused convolution")
@pytest.mark.skipif(not supports_bfloat16(torch.device("cpu")), reason="this processor does not multiply bfloat16")
@pytest.mark.parametrize("stride", [1, 2])
def test_fused_equals_separate_in_bfloat16(stride: int) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        tensor = torch.randn(shape, generator=generator).to(torch.bfloat16)
        return (tensor.to(memory_format=torch.channels_last) if len(shape) == 4 else tensor).requires_grad_()

    inputs = [draw(4, 32, 10, 10), draw(16, 32, 3, 3), draw(16)]
    fused = convolve_relu(*inputs, stride)
    plain = functional.relu(functional.conv2d(*inputs, stride))
    assert type(fused.grad_fn).__name__ == "_FusedConvolutionBackward"
    torch.testing.assert_close(fused, plain, rtol=1e-2, atol=1e-1)
    assert 0.2 < (fused == 0).float().mean() < 0.8
    toward = torch.randn(fused.shape, generator=generator).to(torch.bfloat16)
    for one, other in zip(
        torch.autograd.grad(fused, inputs, toward), torch.autograd.grad(plain, inputs, toward), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=3e-1)
