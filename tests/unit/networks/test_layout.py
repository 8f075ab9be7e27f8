"""Blocks hold the pixels they should, shifted or not, by kernels and by tensor operations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from av_td3_system.networks.layout import View, _by_kernels, _by_tensors, block_kernel, to_blocks


def frames(height: int, width: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (3, 2, height, width), dtype=np.uint8))


def naive_blocks(image: np.ndarray, shift: np.ndarray, top: int = 0) -> np.ndarray:
    batch, channels, height, width = image.shape
    blocks = np.zeros((batch, 16 * channels, (height - top) // 4, width // 4))
    for b, depth, row, column in np.ndindex(blocks.shape):
        channel, y, x = depth // 16, depth // 4 % 4, depth % 4
        source_row = min(max(top + 4 * row + y + shift[b, 0], 0), height - 1)
        source_column = min(max(4 * column + x + shift[b, 1], 0), width - 1)
        blocks[b, depth, row, column] = image[b, channel, source_row, source_column]
    return blocks


@pytest.mark.parametrize("size", [(8, 12), (11, 14)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("middle", [0, 102])
def test_blocks_equal_the_naive_arrangement(
    size: tuple[int, int], dtype: torch.dtype, shifted: bool, middle: int
) -> None:
    image = frames(*size)
    shift = torch.tensor([[0, 0], [3, -2], [-4, 5]])
    expected = naive_blocks(image.numpy(), shift.numpy() if shifted else np.zeros((3, 2), int))
    for arrange in (_by_kernels, _by_tensors):
        blocks = arrange(image, dtype, View(0, middle), shift if shifted else None)
        assert blocks.dtype == dtype
        assert blocks.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(blocks.double().numpy(), expected - middle)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("exposed", [False, True])
def test_rows_above_the_top_are_left_out(dtype: torch.dtype, shifted: bool, exposed: bool) -> None:
    image, shift = frames(19, 12), torch.tensor([[0, 0], [3, -2], [-9, 5]])
    exposure = torch.tensor([[1.0, 1.0, 1.0], [0.0, 4.0, -8.0]]) if exposed else None
    expected = naive_blocks(image.numpy(), shift.numpy() if shifted else np.zeros((3, 2), int), top=6)
    if exposure is not None:
        expected = expected + exposure[1].numpy()[:, None, None, None]
    blocks = to_blocks(image, dtype, View(6), shift if shifted else None, exposure)
    assert blocks.shape == (3, 32, 3, 3)
    np.testing.assert_array_equal(blocks.double().numpy(), torch.from_numpy(expected).to(dtype).double().numpy())
    others = _by_tensors(image, dtype, View(6), shift if shifted else None, exposure)
    assert torch.equal(others, blocks)
    above = image.clone()
    above[:, :, :6] = 255 - above[:, :, :6]
    assert shifted or torch.equal(to_blocks(above, dtype, View(6), None, exposure), blocks)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("middle", [0, 102])
def test_exposure_changes_all_pixels_of_a_sample_and_is_rounded_once(
    dtype: torch.dtype, shifted: bool, middle: int
) -> None:
    image, shift = frames(16, 20), torch.tensor([[0, 0], [3, -2], [-4, 5]])
    exposure = torch.tensor([[0.7, 1.0, 1.37], [-50.0, 0.0, 33.3]])
    levels = naive_blocks(image.numpy(), shift.numpy() if shifted else np.zeros((3, 2), int))
    precise = torch.promote_types(dtype, torch.float32)
    gain, offset = exposure.to(precise)[:, :, None, None, None]
    expected = (torch.from_numpy(levels).to(precise) * gain + (offset - middle)).to(dtype)
    for arrange in (_by_kernels, _by_tensors):
        blocks = arrange(image, dtype, View(0, middle), shift if shifted else None, exposure)
        assert blocks.dtype == dtype
        torch.testing.assert_close(blocks.contiguous(), expected, rtol=0, atol=0)


def test_convolution_over_blocks_is_the_convolution_over_pixels() -> None:
    image, weight = frames(20, 24), torch.randn(5, 2, 8, 8, dtype=torch.float64)
    plain = torch.nn.functional.conv2d(image.double(), weight, stride=4)
    blocked = torch.nn.functional.conv2d(to_blocks(image, torch.float64), block_kernel(weight))
    torch.testing.assert_close(blocked, plain, rtol=1e-12, atol=1e-9)
