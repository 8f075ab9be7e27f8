"""The encoder is a NatureCNN, however its first layer is laid out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.encoder import MIDDLE, SPREAD, Encoder
from av_td3_system.networks.layout import to_blocks
from av_td3_system.networks.precision import supports_bfloat16


def images(count: int, size: int = 44) -> torch.Tensor:
    return torch.randint(0, 256, (count, 4, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def nature_cnn(encoder: Encoder, image: torch.Tensor, layer_norm: bool) -> torch.Tensor:
    """The textbook forward pass on the encoder's own weights."""
    x = image.double() / 255
    for layer, stride in zip(encoder.convolutions, (4, 2, 1), strict=True):
        x = functional.relu(functional.conv2d(x, layer.weight, layer.bias, stride))
    x = x.movedim(1, 3).flatten(1) @ encoder.projection.weight.T + encoder.projection.bias
    if not layer_norm:
        return functional.relu(x)
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    return torch.tanh((x - mean) / torch.sqrt(variance + 1e-5))


@pytest.mark.parametrize("layer_norm", [True, False])
def test_forward_equals_textbook_nature_cnn(layer_norm: bool) -> None:
    config = NetworkConfig(channels=(6, 5, 4), features=16, layer_norm=layer_norm)
    encoder = Encoder(config, (4, 44, 44)).double()
    features = encoder(to_blocks(images(3), torch.float64))
    torch.testing.assert_close(features, nature_cnn(encoder, images(3), layer_norm), rtol=1e-10, atol=1e-12)


def test_gradients_equal_textbook_nature_cnn() -> None:
    encoder = Encoder(NetworkConfig(channels=(6, 5, 4), features=16), (4, 44, 44)).double()
    parameters = list(encoder.parameters())
    weights = torch.randn(16, dtype=torch.float64)
    own = torch.autograd.grad(encoder(to_blocks(images(3), torch.float64)).sum(0) @ weights, parameters[:7])
    textbook = torch.autograd.grad(nature_cnn(encoder, images(3), True).sum(0) @ weights, parameters[:7])
    for one, other in zip(own, textbook, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_standardized_pixels_have_the_mean_and_spread_that_they_are_named_for() -> None:
    encoder = Encoder(NetworkConfig(channels=(6, 5, 4), features=16, standardize=True), (4, 44, 44)).double()
    grey, plain = torch.full((1, 4, 44, 44), MIDDLE, dtype=torch.uint8), encoder.convolutions[0]
    assert torch.equal(to_blocks(grey, torch.float64, encoder.view), torch.zeros(1, 64, 11, 11, dtype=torch.float64))
    brighter = to_blocks(grey + SPREAD, torch.float64, encoder.view)
    ones = torch.ones(1, 4, 44, 44, dtype=torch.float64)
    expected = functional.relu(functional.conv2d(ones, plain.weight, plain.bias, 4))
    torch.testing.assert_close(encoder.activations(brighter)[0], expected)


@pytest.mark.skipif(not supports_bfloat16(torch.device("cpu")), reason="this processor does not multiply bfloat16")
def test_bfloat16_features_are_close_and_keep_the_parameters_dtype() -> None:
    encoder = Encoder(NetworkConfig(channels=(32, 32, 32), features=32), (4, 84, 84))
    precise = encoder(to_blocks(images(8, 84), torch.float32))
    coarse = encoder(to_blocks(images(8, 84), torch.bfloat16))
    assert coarse.dtype == torch.float32
    assert (coarse - precise).abs().max() < 0.1
    assert (coarse - precise).abs().mean() < 0.02


def test_a_frame_too_small_is_refused() -> None:
    Encoder(NetworkConfig(), (4, 36, 36))
    with pytest.raises(UserError, match="35x36"):
        Encoder(NetworkConfig(), (4, 36, 35))
