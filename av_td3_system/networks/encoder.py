"""NatureCNN (Mnih et al. 2015): stacked camera frames to a feature vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import NetworkConfig
from av_td3_system.networks.convolution import convolve_relu
from av_td3_system.networks.layout import View, block_kernel

KERNELS, STRIDES = (8, 4, 3), (4, 2, 1)
WHITE = 255
MIDDLE, SPREAD = 102, 52  # grey level and its standard deviation over the frames of the preset's training worlds


class Encoder(nn.Module):
    """Three convolutions, a projection, then LayerNorm and tanh.

    With `layer_norm` the features are tanh(LayerNorm(projection)), bounded in [-1, 1] (as in DrQ-v2:
    Yarats et al. 2021). Without it a rectifier follows the projection, as in the original; a tanh
    there would saturate, because nothing holds its input's scale.

    The weights are those of a plain NatureCNN over frames scaled to [0, 1], with `standardize` over frames of mean 0
    and standard deviation 1 (LeCun et al. 1998: what all inputs have in common slows learning); that the first
    convolution runs over blocks of unscaled pixels is an affair of the forward pass. The projection
    reads the last convolution's output in the order (row, column, channel).

    Attributes:
        view: what `layout.to_blocks` must be told.

    Args:
        config: channels, features, LayerNorm.
        image_shape: (C, H, W).

    Raises:
        UserError: the image is too small for the three convolutions.
    """

    def __init__(self, config: NetworkConfig, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        rows = image_shape[1] - config.crop_top
        height, width = _output_size(rows), _output_size(image_shape[2])
        if min(height, width) < 1:
            raise UserError(
                f"camera frames of {image_shape[2]}x{rows} pixels are too small for the encoder",
                "36x36 is the least: raise camera.width and camera.height, or lower network.crop_top",
            )
        self.view = View(config.crop_top, MIDDLE if config.standardize else 0)
        self._scale = 1 / (SPREAD if config.standardize else WHITE)
        channels = (image_shape[0], *config.channels)
        layers = [nn.Conv2d(channels[i], channels[i + 1], KERNELS[i], STRIDES[i]) for i in range(3)]
        self.convolutions = nn.ModuleList(layers)
        self.projection = nn.Linear(channels[3] * height * width, config.features)
        self.norm = nn.LayerNorm(config.features) if config.layer_norm else None

    def forward(self, blocks: Tensor) -> Tensor:
        """Features (B, features) in the parameters' dtype.

        Args:
            blocks: from `layout.to_blocks` in `view`; its dtype is what convolutions and projection are
                computed in. Normalisation is always computed in the parameters' dtype.
        """
        images = self.activations(blocks)[-1]
        rows = images.permute(0, 2, 3, 1).reshape(len(images), -1)
        dtype = blocks.dtype
        linear = functional.linear(rows, self.projection.weight.to(dtype), self.projection.bias.to(dtype))
        linear = linear.to(self.projection.weight.dtype)
        return functional.relu(linear) if self.norm is None else torch.tanh(self.norm(linear))

    def activations(self, blocks: Tensor) -> list[Tensor]:
        """Outputs of the three convolutions after their rectifiers, each (B, C, H, W)."""
        outputs: list[Tensor] = []
        image = blocks
        for layer, stride in zip(self.convolutions, (1, *STRIDES[1:]), strict=True):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            weight = layer.weight if outputs else block_kernel(layer.weight) * self._scale
            weight = weight.to(image.dtype, memory_format=torch.channels_last)
            image = convolve_relu(image, weight, layer.bias.to(image.dtype), stride)
            outputs.append(image)
        return outputs


class NoEncoder(nn.Module):
    """Stands where there is no image: no weights and no features, for a batch of any size."""

    view = View()

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_nothing", torch.empty(0), persistent=False)  # moves to a device and dtype as weights do

    def forward(self, blocks: Tensor) -> Tensor:
        """Features (B, 0)."""
        nothing: Tensor = self.get_buffer("_nothing")
        return nothing.new_empty((len(blocks), 0))


def _output_size(pixels: int) -> int:
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        pixels = (pixels - kernel) // stride + 1
    return pixels
