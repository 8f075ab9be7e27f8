"""The plan's targets are answered by whole intervals."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.monitoring import names
from av_td3_system.reporting.report.material import read_material
from av_td3_system.reporting.report.targets import OF_1M, answer, targets_table
from tests.unit.reporting.report.made import add_evaluation, make_run
from tests.unit.reporting.written_run import write_alert


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "not measured"),
        ((600.0, 550.0, 700.0), "yes"),
        ((600.0, 450.0, 700.0), "not shown"),
        ((300.0, 250.0, 400.0), "no"),
        ((600.0, None, None), "yes (one seed)"),
        ((300.0, None, None), "no (one seed)"),
    ],
)
def test_answers(found: tuple[float, float | None, float | None] | None, said: str) -> None:
    assert answer(OF_1M[0], found) == said


def test_of_two_seeds(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / str(seed), seed, steps=6000, metrics={names.CRITIC_LOSS: 60.0}) for seed in (1, 2)]
    for run in runs:
        add_evaluation(run, 6000, [600.0] * 10)
    write_alert(runs[0], "q_diverging", "critical", 900)
    material = read_material([str(run.path) for run in runs])
    answers = {
        kind: [row[-1] for row in table.rows] for kind in ("100k", "1m") if (table := targets_table(material, kind))
    }  # type: ignore[arg-type]
    # Rewards rise, the spread of Q and the TD error stay as they are, one run raised an alert.
    assert answers["100k"] == ["yes", "no", "no", "no"]
    # Of 20 episodes that all succeeded Wilson's interval begins at 0.84; Q ends at 5, TD error 1, critic loss 60.
    assert answers["1m"] == ["yes", "yes", "no", "yes", "no"]
    assert targets_table(material, "10k") is None
