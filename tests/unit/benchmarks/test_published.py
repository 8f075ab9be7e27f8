"""Both sides of the published comparison get the same settings, and finished runs add up to what is claimed."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from av_td3_system.config.load import load_config
from benchmarks import bench_published, published_curves
from benchmarks.published_cases import CASES, Run, all_runs, peer_task
from benchmarks.published_curves import aggregate, draw

ENVS = [case.env for case in CASES]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_curves, "SAMPLES", 100)


def finished(implementation: str, seed: int, last: float, env: str = "HalfCheetah-v5") -> dict[str, Any]:
    curve = [{"step": 50_000, "rewards": [0.0, 0.0]}, {"step": 100_000, "rewards": [last - 1, last + 1]}]
    return {
        "env": env, "algo": "td3", "implementation": implementation, "seed": seed, "steps": 100_000, "curve": curve,
        "wall_clock_s": 110.0, "evaluation_s": 10.0, "versions": {}, "cpu": "one", "settings": {"tau": 0.005},
    }  # fmt: skip


def test_every_case_is_run_by_both_with_the_same_seeds_long_ones_first() -> None:
    runs = all_runs(ENVS, "td3")
    assert len(runs) == len(set(runs)) == 2 * sum(case.seeds for case in CASES)
    assert [(run.case.env, run.implementation, run.seed) for run in runs[:5]] == [
        ("HalfCheetah-v5", "ours", 0),
        ("HalfCheetah-v5", "sb3", 0),
        ("Hopper-v5", "ours", 0),
        ("Hopper-v5", "sb3", 0),
        ("HalfCheetah-v5", "ours", 1),
    ]
    assert len({run.name for run in runs + all_runs(ENVS, "ddpg")}) == 2 * len(runs)


@pytest.mark.parametrize("algo", ["td3", "ddpg"])
def test_the_other_side_is_told_our_settings(algo: str) -> None:
    pendulum = CASES[ENVS.index("Pendulum-v1")]
    task = peer_task(Run(pendulum, algo, "sb3", 3))
    agent = load_config(algo, flags={"run.env": "Pendulum-v1"}).agent
    for name in ("batch_size", "tau", "gamma", "policy_delay", "policy_noise", "noise_clip", "exploration_noise"):
        assert task[name] == getattr(agent, name)
    assert task["learning_rate"] == agent.actor_lr == agent.critic_lr
    assert (task["seed"], task["steps"], task["learning_starts"], task["net_arch"]) == (3, 20_000, 1_000, [256, 256])
    assert task["episode_seeds"] == list(range(10_000, 10_010))


def test_finished_runs_add_up(tmp_path: Path) -> None:
    runs = [finished("ours", seed, last) for seed, last in enumerate((10.0, 20.0, 30.0, 1000.0))]
    runs += [finished("sb3", 0, 15.0), finished("sb3", 0, 5.0, env="Pendulum-v1")]
    result = aggregate(runs)
    cheetah, pendulum = result["comparisons"]
    ours = cheetah["ours"]
    assert ours["last_evaluation"]["iqm"] == 25.0, "the middle half of four seeds"
    assert ours["last_evaluations"]["iqm"] == 12.5, "both evaluations count"
    assert ours["last_evaluation"]["low"] <= 25.0 <= ours["last_evaluation"]["high"]
    assert (ours["seeds"], ours["steps_per_s"], ours["training_s"][0]) == ([0, 1, 2, 3], 1000.0, 100.0)
    assert ours["curves"]["1"] == [[50_000, 0.0], [100_000, 20.0]]
    assert cheetah["sb3"]["seeds"] == [0] and cheetah["published"]["mean_after"][100_000] == 5514
    assert "ours" not in pendulum and "published" not in pendulum
    draw(result, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_finished_run_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def theirs(run: Run, python: str, log: Any) -> dict[str, Any]:
        made.append(f"{run.case.env} {run.seed} {python}")
        return finished("sb3", run.seed, 5.0, env=run.case.env)

    monkeypatch.setattr(bench_published, "_theirs", theirs)
    arguments = ["bench", "--envs", "Hopper-v5", "--implementations", "sb3", "--peer-python", "p"]
    arguments += [
        "--runs",
        str(tmp_path),
        "--kept",
        str(tmp_path / "kept"),
        "--out",
        str(tmp_path / "o" / "r.json"),
        "--picture",
        str(tmp_path / "p.png"),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    for _ in range(2):
        bench_published.main()
    assert made == ["Hopper-v5 0 p", "Hopper-v5 1 p", "Hopper-v5 2 p"]
    assert (tmp_path / "o" / "r.json").is_file() and (tmp_path / "p.png").is_file()


def test_a_failed_run_is_told_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_published, "_theirs", lambda *_: None)
    run = all_runs(["Hopper-v5"], "td3", ["sb3"])[0]
    assert not bench_published.make(run, Namespace(runs=tmp_path, kept=tmp_path, peer_python="p"))
    assert not bench_published.kept(tmp_path, run).exists()
