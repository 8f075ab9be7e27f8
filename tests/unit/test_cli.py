"""The command line: which call each verb makes, how mistakes are told, how fast help is."""

from __future__ import annotations

import errno
import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest

from av_td3_system import cli
from av_td3_system.config.schema import Config
from av_td3_system.flags import spread as spread_out

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("train", "evaluate", "compare", "ablate", "tune", "export", "report")
VERBS += ("gate", "status", "doctor", "track", "rewards", "town", "serve-carla", "carla-map")


def _run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config, Path | None, str, Path | None]]:
    """Records calls of the trainer instead of training."""
    calls: list[tuple[Config, Path | None, str, Path | None]] = []

    def train(config: Config, log_dir: Path | None, command: str, init_from: Path | None) -> int:
        calls.append((config, log_dir, command, init_from))
        return 3

    trainer = types.ModuleType("av_td3_system.training.run")
    trainer.train = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, trainer.__name__, trainer)
    return calls


def test_every_flag_of_train_reaches_its_setting(trained: list[Any], tmp_path: Path) -> None:
    flags = (
        "train --algo ddpg --backend town --scenario 1 --max-timesteps 2000 --eval-freq 500 --save-freq 700 --seed 7 "
        "--num-envs 3 --device cpu --debug --enable-monitoring --enable-early-stopping --set agent.tau=0.1 "
        f"agent.n_step=2 --config td3_paper.yaml --log-dir {tmp_path} --init-from pretrained"
    )
    assert cli.main(flags.split()) == 3, "the trainer's exit code is the command's"
    config, log_dir, _, init_from = trained[0]
    run = config.run
    assert (run.algo, run.scenario, run.max_timesteps, run.eval_freq, run.save_freq) == ("ddpg", 1, 2000, 500, 700)
    assert (run.seed, run.num_envs, run.device) == (7, 3, "cpu")
    assert run.debug
    assert run.enable_monitoring
    assert run.enable_early_stopping
    assert (config.agent.tau, config.agent.n_step, config.agent.twin_critics) == (0.1, 2, False)
    assert config.agent.updates_per_step == 1.0, "from td3_paper.yaml"
    assert (log_dir, init_from) == (tmp_path, Path("pretrained"))


def test_flags_that_are_not_given_leave_the_settings_alone(trained: list[Any]) -> None:
    from av_td3_system.config.load import load_config

    cli.main(["train"])
    assert (*trained[0][:2], trained[0][3]) == (load_config(), None, None)


def test_the_command_is_kept_as_it_was_typed(trained: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["av-td3", "train", "--set", "environment.town=my town"])
    cli.main()
    assert trained[0][2] == "av-td3 train --set 'environment.town=my town'"


def test_values_after_a_flag_are_spread_until_the_next_flag() -> None:
    typed = ["--metrics", "q", "td", "--window", "5", "--metrics=a", "b", "--log-dir", "x", "y"]
    spread = [
        "--metrics",
        "q",
        "--metrics",
        "td",
        "--window",
        "5",
        "--metrics=a",
        "b",
        "--log-dir",
        "x",
        "--log-dir",
        "y",
    ]
    assert spread_out(typed, ("--metrics", "--log-dir")) == spread


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ("train --scenario 7", "--scenario: run.scenario is 7, but must be one of 0, 1, 2", "run.scenario=0"),
        ("train --backend moon", 'run.backend is "moon"', "run.backend=town"),
        ("train --backend carla --env Pendulum-v1", "run.backend: Pendulum-v1 is no town", "leave it at town"),
        ("train --set agent.gama=1", "unknown setting agent.gama", "did you mean agent.gamma?"),
        ("train --config nowhere.yaml", "settings file nowhere.yaml does not exist", "--config"),
        ("train --resume runs/a --init-from pretrained", "--init-from does not go with --resume", "own networks"),
        ("train --init-from nowhere", "--init-from: nowhere does not exist", "give a run, a checkpoint"),
        ("train --max-timestep 5", "no such option: --max-timestep", "av-td3 train --help"),
        ("train --seed", "requires an argument", "av-td3 train --help"),
        ("trian", "no such command", "av-td3 --help"),
        ("gate", "missing argument", "av-td3 gate --help"),
        ("gate nowhere", "nowhere is not a run directory", "--log-dir"),
        ("rewards nowhere", "nowhere is not a run directory", "--log-dir"),
        ("export nowhere --out x", "nowhere does not exist", "run directory"),
        ("export nowhere", "missing option", "av-td3 export --help"),
        ("serve-carla Nowhere", "there is no built-in town 'Nowhere'", "TownA"),
        ("serve-carla --inject explode@3", "--inject: 'explode@3' is no fault", "refuse_spawn"),
        ("serve-carla --port 70000", "--port is 70000", "2000"),
        ("doctor nowhere", "nowhere is not a run directory", "--log-dir"),
        ("status nowhere", "nowhere is not a run directory", "runs/"),
        ("evaluate", "give either a RUN or CHECKPOINT, or --policy NAME", "av-td3 evaluate"),
        ("evaluate --policy nobody", "there is no policy 'nobody'", "parked"),
        ("track --log-dir nowhere --metrics q_value", "nowhere", ""),
    ],
)
def test_mistakes_are_two_lines_on_stderr_and_exit_code_2(
    arguments: str, error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second


def test_no_verb_shows_the_verbs_and_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert all(f"  {verb} " in shown for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_complete_and_asks_for_nothing(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--help"]) == 0
    assert f"Usage: av-td3 {verb}" in capsys.readouterr().out


def test_help_and_refusals_load_neither_torch_nor_the_simulator() -> None:
    code = (
        "import sys; from av_td3_system.cli import main; main(['train', '--help']); main(['train', '--scenario', '9']);"
        "main(['rewards', 'nowhere']); print([m for m in ('torch', 'numba', 'matplotlib') if m in sys.modules])"
    )
    assert _run("-c", code).stdout.splitlines()[-1] == "[]"


def test_a_warning_shows_no_line_of_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    cli.main(["town", "Nowhere"])
    assert warnings.formatwarning(UserWarning("a map"), UserWarning, "town.py", 58) == "warning: a map\n"


def test_interrupts_exit_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("av_td3_system.reporting.rewards.run_rewards", interrupted)
    assert cli.main(["rewards", "somewhere"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("script", "algo"), [("train_td3.py", "td3"), ("train_ddpg.py", "ddpg")])
def test_the_plans_scripts_run_from_a_clone_anywhere(script: str, algo: str, tmp_path: Path) -> None:
    path = ROOT / "av_td3_system" / "scripts" / script
    refused = _run("-I", str(path), "--scenario", "9", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --scenario: run.scenario is 9")
    also = _run("-I", str(path), "--set", f"run.algo={algo}", "--seed", "-1", cwd=tmp_path)
    assert also.stderr.startswith("error: --seed: run.seed is -1")


def test_the_package_runs_as_a_module() -> None:
    shown = _run("-m", "av_td3_system", "--help")
    assert shown.returncode == 0
    assert "Usage: av-td3" in shown.stdout


def test_what_the_operating_system_refuses_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "episodes.jsonl").mkdir()
    assert cli.main(["rewards", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: is a directory: ")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.jsonl")

    monkeypatch.setattr("av_td3_system.reporting.rewards.run_rewards", full)
    assert cli.main(["rewards", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "error: no space left on device: metrics.jsonl\nhint: free some space; what was written before is whole\n"
    )


@pytest.mark.parametrize(("place", "message"), [("", "--log-dir is empty"), ("x" * 300, "cannot write to the run")])
def test_a_log_dir_that_cannot_be_one_is_refused(
    place: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--log-dir", place]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
