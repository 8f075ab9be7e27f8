"""What a ladder climbs is written down, and no other ladder takes its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config
from av_td3_system.experiments.climb.plan import PLAN, kept_steps, record_plan, stages
from tests.unit.experiments.climb.written_runs import plan


def test_stages_are_the_action_plan_s() -> None:
    found = [(one.name, one.timesteps, one.eval_freq, one.save_freq, one.guarded) for one in plan().stages()]
    assert found == [
        ("10k", 10_000, 2_500, 2_500, False),
        ("20k", 20_000, 2_500, 2_500, False),
        ("100k", 100_000, 5_000, 25_000, True),
        ("1m", 1_000_000, 10_000, 25_000, True),
    ]
    assert [one.name for one in stages(load_config().gate, "10K")] == ["10k", "20k"]
    assert kept_steps(load_config().gate) == (10_000, 25_000, 50_000, 75_000, 100_000, 1_000_000)


def test_every_rung_s_baseline_and_looks_are_evaluated_and_saved() -> None:
    """A stage that never evaluates where its gate looks can pass nobody."""
    gate = load_config().gate
    for stage, baseline in zip(stages(gate, "1M"), (gate.baseline_step, gate.baseline_step, 0, 0), strict=True):
        assert stage.timesteps % stage.eval_freq == 0 == baseline % stage.eval_freq
        kept = [step for step in kept_steps(gate) if step == stage.timesteps]
        assert all(step % stage.save_freq == 0 for step in kept)


def test_a_folder_keeps_its_ladder(tmp_path: Path) -> None:
    first = plan(to="100K")
    record_plan(tmp_path, first)
    record_plan(tmp_path, replace(first, to="1M"))
    record_plan(tmp_path, replace(first, to="1M", seeds=(1, 2, 3, 4)))
    for other, named in (
        (replace(first, to="100K", seeds=(1, 2, 3, 4)), "to '1M'"),
        (replace(first, to="1M", seeds=(1, 2)), "seeds"),
        (replace(first, to="1M", seeds=(1, 2, 3, 4), scenario=1), "scenario 0"),
        (replace(first, to="1M", seeds=(1, 2, 3, 4), overrides=()), "overrides"),
    ):
        with pytest.raises(UserError, match=named):
            record_plan(tmp_path, other)
    for junk in ("[", '{"to": null}', (tmp_path / PLAN).read_text().replace('"1M"', "5")):
        (tmp_path / PLAN).write_text(junk)
        with pytest.raises(UserError, match="not readable"):
            record_plan(tmp_path, first)


def test_a_settings_file_that_was_edited_meanwhile_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("agent: {batch_size: 32}")
    mine = plan(configs=(str(file), "td3_paper.yaml"))
    record_plan(tmp_path / "ladder", mine)
    record_plan(tmp_path / "ladder", mine)
    file.write_text("agent: {batch_size: 64}")
    with pytest.raises(UserError, match="other contents"):
        record_plan(tmp_path / "ladder", mine)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"to": "5K"}, "--to is '5K'"),
        ({"seeds": ()}, "--seeds"),
        ({"seeds": (1, 1)}, "--seeds"),
        ({"compare": "td3"}, "climbs already"),
    ],
)
def test_what_cannot_be_climbed_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(**changes)


def test_small_letters_name_a_rung_too() -> None:
    assert plan(to="100k").to == "100K"


OUT_OF_ORDER = ("rung_step=200000", "baseline_step=10000", "rung_1m_step=100000", "rung_100k_step=15000")


@pytest.mark.parametrize("steps", OUT_OF_ORDER)
def test_rungs_ascend(steps: str) -> None:
    plan().refuse_what_cannot_be()
    with pytest.raises(UserError, match="no ladder"):
        plan(overrides=(f"gate.{steps}",)).refuse_what_cannot_be()


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_no_run_takes_is_refused(seed: int) -> None:
    with pytest.raises(UserError, match=r"run\.seed"):
        plan(seeds=(1, seed)).refuse_what_cannot_be()


def test_runs_that_were_there_before_are_not_taken_for_the_ladder_s(tmp_path: Path) -> None:
    (tmp_path / "td3_seed_1").mkdir()
    (tmp_path / "td3_seed_1" / "config.yaml").touch()
    with pytest.raises(UserError, match="td3_seed_1"):
        record_plan(tmp_path, plan())
