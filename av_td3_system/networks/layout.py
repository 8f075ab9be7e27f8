"""Frames as the encoder's first layer wants them: 4x4 pixel blocks as channels, channels last.

NatureCNN begins with an 8x8 convolution of stride 4. Over blocks of 4x4 pixels that is a 2x2
convolution of stride 1 with 16 times the channels: the same sums, in the shape that processors
multiply several times faster (space-to-depth).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

BLOCK = 4  # pixels, the stride of the first convolution


class View(NamedTuple):
    """What of an image an encoder looks at.

    Attributes:
        top: first row; those above are seen only where a shift moves the view up.
        middle: grey level that stands as 0, whole, 0..255: nothing is lost where a dtype holds 0..255 exactly.
    """

    top: int = 0
    middle: int = 0


_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}


def to_blocks(
    image: Tensor,
    dtype: torch.dtype,
    view: View = View(),  # noqa: B008
    shift: Tensor | None = None,
    exposure: Tensor | None = None,
) -> Tensor:
    """Rearrange frames into blocks and convert them; values stay grey levels, which every `dtype` holds exactly.

    Args:
        image: uint8 (B, C, H, W). Rows and columns beyond a multiple of four are dropped: the
            convolution never reaches them.
        dtype: bfloat16, float32 or float64.
        view: what of the image is looked at.
        shift: whole numbers (B, 2), rows and columns by which the view moves down and right; the
            edge pixels are repeated (DrQ's random shift: Kostrikov et al. 2021). None is no shift.
        exposure: float32 (2, B), gain and offset of each sample's grey levels (`augmentation.draw_exposure`);
            the result is rounded to `dtype` once and not clipped. None changes nothing.

    Returns:
        `dtype` (B, 16 C, (H - view.top) // 4, W // 4) in channels-last memory; channel 16 c + 4 y + x is
        pixel (y, x) of a block of frame c. An image without pixels stays as it is.
    """
    if image.numel() == 0:
        return image.to(dtype)
    return (_by_kernels if image.device.type == "cpu" else _by_tensors)(image, dtype, view, shift, exposure)


def _by_kernels(
    image: Tensor, dtype: torch.dtype, view: View, shift: Tensor | None = None, exposure: Tensor | None = None
) -> Tensor:
    batch, channels, height, width = image.shape
    top, middle = view
    blocks = torch.empty((batch, (height - top) // BLOCK, width // BLOCK, channels * BLOCK * BLOCK), dtype=dtype)
    if dtype in _GATHER and shift is None:
        gain, offset = torch.tensor([[1.0], [0.0]]).expand(2, batch) if exposure is None else exposure
        _GATHER[dtype](
            image.contiguous().numpy(),
            gain.contiguous().numpy(),
            (offset - middle).contiguous().numpy(),
            top,
            blocks.view(torch.int64).numpy(),
        )
        return blocks.permute(0, 3, 1, 2)
    if exposure is not None:
        precise = torch.promote_types(dtype, torch.float32)
        plain = _by_kernels(image, precise, View(top), shift)
        return _exposed(plain, exposure, middle).to(dtype)
    levels = torch.arange(-middle, 256 - middle).to(dtype).view(_BITS[dtype]).numpy()
    target = blocks.view(_BITS[dtype]).numpy()
    if shift is None:
        _gather(image.contiguous().numpy(), levels, top, target)
    else:
        _gather_shifted(image.contiguous().numpy(), levels, shift.numpy(), top, target)
    return blocks.permute(0, 3, 1, 2)


def _by_tensors(
    image: Tensor, dtype: torch.dtype, view: View, shift: Tensor | None = None, exposure: Tensor | None = None
) -> Tensor:
    batch, channels, height, width = image.shape
    top, middle = view
    rows, columns = (height - top) // BLOCK, width // BLOCK
    if shift is not None:
        image = _shifted(image, shift)
    image = image[:, :, top : top + rows * BLOCK, : columns * BLOCK]
    blocks = image.reshape(batch, channels, rows, BLOCK, columns, BLOCK).permute(0, 2, 4, 1, 3, 5)
    blocks = blocks.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)
    if exposure is None:
        return blocks.to(dtype) - middle if middle else blocks.to(dtype)
    return _exposed(blocks.to(torch.promote_types(dtype, torch.float32)), exposure, middle).to(dtype)


def _exposed(blocks: Tensor, exposure: Tensor, middle: int) -> Tensor:
    gain, offset = exposure.to(blocks)[:, :, None, None, None]
    offset = offset - middle
    return blocks.mul_(gain).add_(offset)


def block_kernel(weight: Tensor) -> Tensor:
    """The first convolution's weight for blocks: (O, C, 8, 8) to (O, 16 C, 2, 2), channels last."""
    out, channels, size, _ = weight.shape
    count = size // BLOCK
    parts = weight.reshape(out, channels, count, BLOCK, count, BLOCK).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(out, count, count, -1).permute(0, 3, 1, 2)


def _shifted(image: Tensor, shift: Tensor) -> Tensor:
    _, channels, height, width = image.shape
    rows = (torch.arange(height, device=image.device) + shift[:, :1]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=image.device) + shift[:, 1:]).clamp_(0, width - 1)
    image = image.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return image.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


@njit(parallel=True, cache=True)
def _gather_bfloat16(image: np.ndarray, gain: np.ndarray, offset: np.ndarray, top: int, blocks: np.ndarray) -> None:
    """`_gather` into bfloat16 in half the time, exposure included; `blocks` is int64, a row of four pixels a word.

    Pixels are converted in lines, by arithmetic, which the compiler turns into vector instructions:
    a bfloat16 is the upper half of the same float32, rounded to the nearest, ties to even.
    """
    rows, columns = blocks.shape[1], blocks.shape[2]
    depth = image.shape[1] * 4
    for sample in prange(image.shape[0]):
        lines = np.empty((depth, columns * 4), np.int16)
        words = lines.view(np.int64)
        for row in range(rows):
            for d in range(depth):
                source = image[sample, d // 4, top + row * 4 + d % 4]
                line = lines[d]
                for i in range(columns * 4):
                    bits = np.float32(gain[sample] * source[i] + offset[sample]).view(np.int32)
                    line[i] = (bits + np.int32(0x7FFF) + ((bits >> 16) & np.int32(1))) >> 16
            for column in range(columns):
                block = blocks[sample, row, column]
                for d in range(depth):
                    block[d] = words[d, column]


@njit(parallel=True, cache=True)
def _gather_float32(image: np.ndarray, gain: np.ndarray, offset: np.ndarray, top: int, blocks: np.ndarray) -> None:
    """`_gather` into float32, exposure included, in lines; `blocks` is int64, two pixels a word."""
    rows, columns = blocks.shape[1], blocks.shape[2]
    depth = image.shape[1] * 4
    for sample in prange(image.shape[0]):
        lines = np.empty((depth, columns * 4), np.float32)
        words = lines.view(np.int64)
        for row in range(rows):
            for d in range(depth):
                source = image[sample, d // 4, top + row * 4 + d % 4]
                line = lines[d]
                for i in range(columns * 4):
                    line[i] = gain[sample] * np.float32(source[i]) + offset[sample]
            for column in range(columns):
                block = blocks[sample, row, column]
                for d in range(depth):
                    block[2 * d] = words[d, 2 * column]
                    block[2 * d + 1] = words[d, 2 * column + 1]


_GATHER = {torch.bfloat16: _gather_bfloat16, torch.float32: _gather_float32}


@njit(parallel=True, cache=True)
def _gather(image: np.ndarray, levels: np.ndarray, top: int, blocks: np.ndarray) -> None:
    channels = image.shape[1]
    rows, columns = blocks.shape[1], blocks.shape[2]
    for sample in prange(image.shape[0]):
        for row in range(rows):
            for channel in range(channels):
                for y in range(4):
                    depth = channel * 16 + y * 4
                    for column in range(columns):
                        for x in range(4):
                            level = image[sample, channel, top + row * 4 + y, column * 4 + x]
                            blocks[sample, row, column, depth + x] = levels[level]


@njit(parallel=True, cache=True)
def _gather_shifted(image: np.ndarray, levels: np.ndarray, shift: np.ndarray, top: int, blocks: np.ndarray) -> None:
    channels, height, width = image.shape[1], image.shape[2], image.shape[3]
    rows, columns = blocks.shape[1], blocks.shape[2]
    for sample in prange(image.shape[0]):
        for row in range(rows):
            for channel in range(channels):
                for y in range(4):
                    source = min(max(top + row * 4 + y + shift[sample, 0], 0), height - 1)
                    depth = channel * 16 + y * 4
                    for column in range(columns):
                        for x in range(4):
                            sight = min(max(column * 4 + x + shift[sample, 1], 0), width - 1)
                            blocks[sample, row, column, depth + x] = levels[image[sample, channel, source, sight]]
