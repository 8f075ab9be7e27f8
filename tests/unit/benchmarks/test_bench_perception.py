"""What the camera can tell: figures of the right answers, and one measurement from end to end."""

from __future__ import annotations

import pytest
import torch

from av_td3_system.config.layout import LINE_NUMBERS
from av_td3_system.config.load import load_config
from benchmarks.bench_perception import judge, measure, r2

WIDE = {"network.perception_grid": "wide", "network.foresight": 1.0}


def test_r2_is_one_for_the_truth_and_zero_for_its_mean() -> None:
    truth = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    assert r2(truth, truth) == 1.0
    assert r2(truth.mean(dim=0).expand_as(truth), truth) == 0.0
    assert r2(truth + 1.0, truth) < 0.0


@pytest.mark.parametrize(("grid", "cells"), [("wide", 60), ("polar", 34)])
def test_every_answer_belongs_to_one_group(grid: str, cells: int) -> None:
    config = load_config(flags={**WIDE, "network.perception_grid": grid})
    truth = torch.rand(20, 2 + 2 * cells + LINE_NUMBERS, generator=torch.Generator().manual_seed(0))
    for column in range(truth.shape[1]):
        wrong = truth.clone()
        wrong[:, column] += 1.0
        assert [figure < 1.0 for figure in judge(config, wrong, truth).values()].count(True) == 1


def test_a_measurement_learns_tests_and_compares() -> None:
    small = ["camera.width=44", "camera.height=44", "network.crop_top=0", "network.channels=[8,8,8]"]
    figures = measure(load_config(overrides=small, flags=WIDE), seed=0, frames=64, updates=3)
    assert set(figures) == {"r2", "r2_of_learned", "standing"}
    groups = {"leader", "ahead", "beside", "ahead, later", "beside, later", "line"}
    assert all(set(told) == groups for told in figures.values())
    assert figures["standing"]["ahead"] == pytest.approx(1.0)
    assert figures["standing"]["ahead, later"] < 1.0
