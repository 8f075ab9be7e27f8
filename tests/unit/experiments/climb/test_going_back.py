"""A run that goes back to a checkpoint, as a real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.config.load import load_resolved
from av_td3_system.experiments.training_runs import GoBack, Wanted, has_ended, make_runs
from av_td3_system.monitoring.json_lines import read_json_lines
from tests.unit.training.small import SETTINGS

pytestmark = pytest.mark.slow


def test_a_run_goes_back_once_and_ends_with_the_settings_of_its_return(tmp_path: Path) -> None:
    run = tmp_path / "run"
    flags = ("--seed", "1", "--set", *SETTINGS, "evaluation.episodes=1")
    schedule = ("--max-timesteps", "60", "--eval-freq", "30", "--save-freq", "15")
    first = Wanted(run, flags, 60, schedule)
    assert make_runs([first], jobs=1) == []
    rate = load_resolved(run / "config.yaml").agent.actor_lr
    back = Wanted(
        run, flags, 60, schedule, GoBack(run / "checkpoints" / "td3_0.03k.pt", (f"agent.actor_lr={rate / 2:g}",))
    )
    assert has_ended(first) and not has_ended(back)
    assert make_runs([back], jobs=1) == [] and has_ended(back)
    assert load_resolved(run / "config.yaml").agent.actor_lr == pytest.approx(rate / 2)
    resumes = [line for line in read_json_lines(run / "events.jsonl") if line["kind"] == "resume"]
    assert [line["checkpoint"] for line in resumes] == ["td3_0.03k.pt"]
    # A remedy of the run changes what the return had set: that is no reason to go back again.
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace(f"actor_lr: {rate / 2:g}", f"actor_lr: {rate / 4:g}"))
    assert load_resolved(run / "config.yaml").agent.actor_lr == pytest.approx(rate / 4) and has_ended(back)
    before = (run / "results.json").read_bytes()
    assert make_runs([back], jobs=1) == [] and (run / "results.json").read_bytes() == before, "it has gone back"
