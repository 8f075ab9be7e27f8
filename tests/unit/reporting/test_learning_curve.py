"""The learning curve is a picture of what the files say."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.reporting.learning_curve import WINDOW, _running_mean, draw_learning_curve
from tests.records import evaluation_set, make_episode


def _write(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _evaluation(step: int, kind: str, reward: float, completion: float) -> dict[str, object]:
    return {"step": step, "kind": kind, "summary": summarise(evaluation_set(reward, completion))}


def test_a_run_is_drawn(tmp_path: Path) -> None:
    _write(tmp_path / "episodes.jsonl", [{"step": 100 * k, **make_episode().to_dict()} for k in range(1, 40)])
    lines = [_evaluation(2000, "validation", 50.0, 0.2), _evaluation(4000, "validation", 300.0, 0.7)]
    lines += [_evaluation(0, kind, -10.0, 0.1) for kind in ("parked", "straight", "random")]
    _write(tmp_path / "evaluations.jsonl", lines)
    path = draw_learning_curve(tmp_path)
    picture = imageio.imread(path)
    assert path == tmp_path / "learning_curve.png"
    assert picture.shape[:2] == (462, 1210)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["episodes.jsonl", "evaluations.jsonl", "learning_curve.png"]


@pytest.mark.parametrize("name", ["episodes", "evaluations"])
def test_half_of_the_files_is_enough(tmp_path: Path, name: str) -> None:
    line = {"step": 10, **make_episode().to_dict()} if name == "episodes" else _evaluation(10, "validation", 1.0, 0.1)
    _write(tmp_path / f"{name}.jsonl", [line])
    assert draw_learning_curve(tmp_path, tmp_path / "curve.png").stat().st_size > 5000


def test_an_empty_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to draw"):
        draw_learning_curve(tmp_path)


def test_the_running_mean_looks_back_only() -> None:
    values = np.arange(50, dtype=float)
    means = _running_mean(values)
    assert means[0] == 0.0
    assert means[4] == 2.0
    assert means[49] == pytest.approx(values[50 - WINDOW :].mean())
