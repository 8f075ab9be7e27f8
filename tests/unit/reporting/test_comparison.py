"""Comparisons of drivers whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.environments.motion import MOTION
from av_td3_system.evaluation.drive_figures import drive_figures
from av_td3_system.evaluation.episode_lines import COMPARED, LINES
from av_td3_system.monitoring import names
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.reporting.comparison import read_comparison
from av_td3_system.reporting.comparison_table import run_comparison
from av_td3_system.reporting.expectations import expectations
from tests.records import make_episode
from tests.unit.reporting.report.made import begin_from
from tests.unit.reporting.written_run import write_alert, write_run

ROUTES, TRAFFIC = 6, 2
FIGURES = drive_figures(np.zeros(20, MOTION), 0.1)
Reward = Callable[[int], float]
"""Of a route."""


def write_lines(folder: Path, reward: Reward, success: Callable[[int], bool] = lambda route: True) -> None:
    folder.mkdir(parents=True)
    lines = []
    for route in range(ROUTES):
        for traffic in range(TRAFFIC):
            record = make_episode(
                episode_seed=-1 - route - (traffic << 28),
                outcome="goal_reached" if success(route) else "off_road",
                success=success(route),
                route_completion=1.0,
                episode_reward=reward(route) + traffic,
            )
            lines.append({**record.to_dict(), **FIGURES, "route": route, "traffic": traffic, "cell_scenario": "0"})
    (folder / LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_comparison(
    out: Path,
    td3: Sequence[Reward],
    ddpg: Sequence[Reward],
    spread: tuple[float, float] = (5.0, 5.0),
    spikes: tuple[int, int] = (0, 0),
    settings: Sequence[str] = (),
) -> Path:
    """Runs of both algorithms, a seed each, and IDM+MOBIL, which earns 600 everywhere."""
    entrants: list[dict[str, Any]] = []
    for group, rewards, std, count in (("TD3", td3, spread[0], spikes[0]), ("DDPG", ddpg, spread[1], spikes[1])):
        for number, reward in enumerate(rewards):
            path = out.parent / f"{out.name}-{group}-{number}"
            algo = [] if group == "TD3" else [*settings]
            flags = {"run.algo": group.lower(), "run.seed": 42 + number}
            run = write_run(path, *algo, flags=flags, metrics={names.Q_VALUE_STD: std + 0.1 * number})
            for step in range(count):
                write_alert(run, "gradient_spike_critic", "warning", 5000 + step)
            write_lines(out / f"{group}-{number}", reward)
            entrants.append({"group": group, "driver": f"{path}/p", "run": str(path), "folder": f"{group}-{number}"})
    write_lines(out / "idm-mobil", lambda route: 600.0)
    entrants.append({"group": "idm-mobil", "driver": "idm-mobil", "run": None, "folder": "idm-mobil"})
    (out / COMPARED).write_text(json.dumps({"entrants": entrants}))
    return out


def level(mean: float) -> list[Reward]:
    """Five seeds around a mean."""
    return [lambda route, seed=seed: mean + 2 * seed + 5 * route for seed in range(-2, 3)]  # type: ignore[misc]


def answers(out: Path) -> list[str]:
    return [one.answer for one in expectations(read_comparison(out))]


def test_the_plans_expectations_are_answered_yes(tmp_path: Path) -> None:
    out = write_comparison(tmp_path / "c", level(500), level(300), spread=(4.0, 8.0), spikes=(0, 9))
    assert answers(out) == ["yes", "yes", "yes"]


def test_and_no(tmp_path: Path) -> None:
    out = write_comparison(tmp_path / "c", level(300), level(300), spread=(8.0, 8.0), spikes=(9, 2))
    assert answers(out) == ["no", "no", "no"]


def test_and_not_shown_where_seeds_differ_more_than_the_algorithms(tmp_path: Path) -> None:
    wild = [lambda route, seed=seed: 100.0 + 150 * seed for seed in range(5)]  # type: ignore[misc]
    out = write_comparison(tmp_path / "c", wild, level(330))
    assert answers(out)[0] == "not shown"


def test_a_reward_below_zero_gives_no_ratio(tmp_path: Path) -> None:
    out = write_comparison(tmp_path / "c", level(300), level(-300))
    first = expectations(read_comparison(out))[0]
    assert (first.answer, first.value) == ("not shown", None)


def test_equally_many_spikes_are_not_fewer(tmp_path: Path) -> None:
    assert answers(write_comparison(tmp_path / "c", level(500), level(300)))[2] != "yes"


def test_the_table_has_every_group_and_says_what_it_is_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write_comparison(tmp_path / "c", level(500), level(300), settings=["agent.gamma=0.9"])
    assert run_comparison(out) == 0
    text = capsys.readouterr().out
    assert (out / "COMPARISON.md").read_text() == text
    assert "| TD3 | 5 | 60 | 1.000 (0.940-1.000) | 513.0" in text
    assert "| idm-mobil | 1 | 12 |" in text and "the same 12 episodes. Training seeds: TD3 42, 43, 44, 45, 46;" in text
    assert "Not equal beside algorithm and seed: agent.gamma." in text
    told = json.loads((out / "comparison.json").read_text())
    assert [run["seed"] for run in told["runs"]] == [42, 43, 44, 45, 46] * 2
    assert told["groups"]["TD3"]["reward_iqm"][0] == pytest.approx(513.0)
    better = [line.split("|")[-2].strip() for line in text.splitlines() if line.startswith(("| DDPG", "| idm-mobil"))]
    assert better == ["1.00", "0.00"], "TD3 beats DDPG on every route and IDM+MOBIL on none"


def test_equal_settings_are_said_to_be_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_comparison(write_comparison(tmp_path / "c", level(500), level(300)[:2]))
    text = capsys.readouterr().out
    assert "All runs share every setting but the algorithm's own and the seed." in text
    assert "Fewer than five seeds" in text


def test_it_says_that_some_began_with_given_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write_comparison(tmp_path / "c", level(500)[:2], level(300)[:2])
    begin_from(RunDirectory(tmp_path / "c-TD3-1"), "/some/where/final.pt")
    run_comparison(out)
    assert "Not equal beside algorithm and seed: --init-from." in capsys.readouterr().out


def test_drivers_that_did_not_drive_the_same_are_not_compared(tmp_path: Path) -> None:
    out = write_comparison(tmp_path / "c", level(500), level(300))
    lines = (out / "TD3-0" / LINES).read_text().splitlines()
    (out / "TD3-0" / LINES).write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(UserError, match="did not drive the same episodes"):
        run_comparison(out)


@pytest.mark.parametrize("content", [None, "", "[]", '{"entrants": 3}', "{"])
def test_what_is_no_comparison_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / COMPARED).write_text(content)
    with pytest.raises(UserError, match=r"compare\.json"):
        run_comparison(tmp_path)


def test_a_folder_outside_is_not_read(tmp_path: Path) -> None:
    one = {"group": "TD3", "driver": "x", "run": None, "folder": "../elsewhere"}
    (tmp_path / COMPARED).write_text(json.dumps({"entrants": [one]}))
    with pytest.raises(UserError, match="no folder of it"):
        run_comparison(tmp_path)
