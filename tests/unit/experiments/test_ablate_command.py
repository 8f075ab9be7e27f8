"""The verb: what is refused, what is kept, what a later call adds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from av_td3_system.cli import main
from av_td3_system.experiments import ablate_command
from av_td3_system.experiments.training_runs import Interrupted, Wanted
from av_td3_system.reporting.ablation import PLAN
from tests.unit.reporting.test_ablation import write_success
from tests.unit.reporting.written_run import write_run
from tests.unit.training.small import SETTINGS


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """Runs are written instead of trained; which were asked for."""
    asked: list[Wanted] = []

    def write(wanted: Sequence[Wanted], jobs: int) -> list[Path]:
        for one in wanted:
            if not one.directory.exists():
                asked.append(one)
                write_success(write_run(one.directory, steps=1000), 0.5)
        return []

    monkeypatch.setattr(ablate_command, "make_runs", write)
    return asked


def test_a_later_call_adds_ablations_and_seeds(
    tmp_path: Path, written: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path), "--max-timesteps", "1000"]
    assert main(["ablate", *out, "--only", "no_delay", "--seeds", "1", "2"]) == 0
    assert [one.directory.name for one in written] == [
        f"{name}-seed{seed}" for seed in (1, 2) for name in ("whole", "no_delay")
    ]
    capsys.readouterr()
    assert main(["ablate", *out, "--only", "single_critic", "--seeds", "3"]) == 0
    plan = json.loads((tmp_path / PLAN).read_text())
    assert [one["name"] for one in plan["ablations"]] == ["whole", "no_delay", "single_critic"]
    assert plan["seeds"] == [1, 2, 3]
    assert [row.split("|")[1].strip() for row in capsys.readouterr().out.splitlines()[2:5]] == [
        "whole",
        "no_delay",
        "single_critic",
    ]


def test_arguments_of_a_run_say_all_that_it_is(tmp_path: Path, written: list[Wanted]) -> None:
    flags = ["--only", "no_delay", "--seeds", "7", "--episodes", "9", "--max-timesteps", "1000"]
    assert main(["ablate", "--out", str(tmp_path), *flags, "--set", "agent.gamma=0.9", "evaluation.episodes=3"]) == 0
    arguments = " ".join(written[1].arguments)
    assert "--seed 7 --max-timesteps 1000" in arguments
    assert arguments.index("agent.gamma=0.9") < arguments.index("agent.policy_delay=1")
    assert arguments.index("evaluation.episodes=3") < arguments.index("evaluation.episodes=9")


def test_a_folder_of_other_settings_is_refused(
    tmp_path: Path, written: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["ablate", "--out", str(tmp_path), "--only", "no_delay", "--seeds", "1", "--max-timesteps"]
    assert main([*flags, "1000"]) == 0
    assert main([*flags, "2000"]) == 2
    assert "in other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--only", "luck"], "no ablation 'luck'"),
        (["--seeds", "1", "1"], "seeds that differ"),
        (["--episodes", "0"], "needs timesteps"),
        (["--set", "agent.gamma=2"], "agent.gamma"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is(
    tmp_path: Path, written: list[Wanted], capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    assert main(["ablate", "--out", str(tmp_path / "out"), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not written and not (tmp_path / "out").exists()


def test_a_signal_leaves_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(wanted: Sequence[Wanted], jobs: int) -> list[Path]:
        raise Interrupted(130)

    monkeypatch.setattr(ablate_command, "make_runs", interrupted)
    assert main(["ablate", "--out", str(tmp_path), "--only", "no_delay"]) == 130
    assert (tmp_path / PLAN).exists(), "what was to be made is written down before it is"


def test_the_list_says_what_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "--list"]) == 0
    text = capsys.readouterr().out
    assert "feature explosion returns" in text and "without_n_step" in text
    assert main(["ablate", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["name"] == "no_layer_norm"


@pytest.mark.slow
def test_real_runs_come_to_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = [one for one in SETTINGS if not one.startswith(("run.max", "run.eval", "run.save", "evaluation.e"))]
    flags = ["--only", "no_layer_norm", "--seeds", "1", "--max-timesteps", "60", "--episodes", "2", "--jobs", "2"]
    seeing = ["environment.blank_image=false"]
    assert main(["ablate", "--out", str(tmp_path), *flags, "--json", "--set", *shared, *seeing]) == 0
    whole, without = json.loads(capsys.readouterr().out)["variants"]
    assert whole["success_rate"]["estimate"] >= 0 and without["verdict"] == "not confirmed"
    assert whole["feature_norm"] <= 4.0 < 100, "sixteen features within a hyperbolic tangent"
    assert without["feature_norm"] != whole["feature_norm"]
