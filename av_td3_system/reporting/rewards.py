"""`av-td3 rewards`: what the agent is paid for, over time and by outcome, and what that makes it do.

Reads `episodes.jsonl` of run directories and nothing else. The newest episodes are read in sentences; the whole run in
windows of its timesteps and by how its episodes ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.json_lines import read_json_lines
from av_td3_system.reporting.reward_course import WINDOWS, Window, by_outcome, course_to_dict, over_time, render_course
from av_td3_system.reporting.reward_reading import THRESHOLDS, RewardReading, read_terms, thresholds_in_words

LAST_EPISODES = 50


@dataclass(frozen=True)
class RunRewards:
    """What a run paid.

    Attributes:
        run: its directory.
        newest: reading of the last episodes.
        windows: of all episodes, by timestep.
        outcomes: of all episodes, by how they ended.
    """

    run: Path
    newest: RewardReading
    windows: Sequence[Window]
    outcomes: Mapping[str, RewardReading]

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the newest reading, `run`, `windows`, `outcomes` and the `thresholds` of the reading."""
        newest = {**asdict(self.newest), "signs": self.newest.signs}
        course = course_to_dict(self.windows, self.outcomes)
        return {"run": str(self.run), **newest, **course, "thresholds": THRESHOLDS}


def read_rewards(run: Path, last: int = LAST_EPISODES, windows: int = WINDOWS) -> RunRewards:
    """Terms over the episodes of a run.

    Args:
        run: run directory.
        last: episodes of the newest reading, at least 1.
        windows: of the whole run, at least 1.

    Raises:
        UserError: no run, or no finished episode in it.
    """
    if not run.is_dir():
        raise UserError(f"{run} is not a run directory", "give the --log-dir of a run")
    for flag, value in (("--last", last), ("--windows", windows)):
        if value < 1:
            raise UserError(f"{flag} is {value}, but must be at least 1")
    episodes = read_json_lines(run / "episodes.jsonl")
    lines = [line for line in episodes if isinstance(line.get("reward_terms"), dict)]
    if not lines and any("env" in line for line in episodes):
        raise UserError(f"{run} is of {episodes[-1].get('env')}, whose reward has no terms", "av-td3 track shows it")
    if not lines:
        raise UserError(f"{run} holds no finished episode", "wait for the first, or look into train.log")
    try:
        return RunRewards(run, read_terms(lines[-last:]), over_time(lines, windows), by_outcome(lines))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{run / 'episodes.jsonl'} holds a line that is not an episode ({error})",
            "was the file edited, or written by another version?",
        ) from error


def render(rewards: RunRewards) -> str:
    """Tables over time and by outcome, then the newest episodes and what is read in them."""
    reading = rewards.newest
    lines = [
        render_course(rewards.windows, rewards.outcomes),
        thresholds_in_words(),
        "",
        f"{reading.episodes} episodes that ended at steps {reading.first_step} to {reading.last_step}, "
        f"mean episode reward {reading.episode_reward:.2f}",
        f"{'term':<14}{'per episode':>12}{'share':>8}",
    ]
    lines += [f"{name:<14}{value:>12.2f}{reading.shares[name]:>8.1%}" for name, value in reading.terms.items()]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in reading.findings)])


def run_rewards(
    runs: Sequence[Path],
    last: int = LAST_EPISODES,
    windows: int = WINDOWS,
    figure: Path | None = None,
    as_json: bool = False,
) -> int:
    """Print the reading of each run to standard output; returns the exit code 0.

    Args:
        runs: run directories.
        last: episodes of the newest reading.
        windows: of each whole run.
        figure: also draw shares over time and by outcome, a row a run.
        as_json: an object, of several runs a list of them.

    Raises:
        UserError: see `read_rewards` and `reward_figure.draw_rewards`.
    """
    read = [read_rewards(run, last, windows) for run in runs]
    if figure is not None:
        from av_td3_system.reporting.reward_figure import draw_rewards

        draw_rewards({str(one.run): (one.windows, one.outcomes) for one in read}, figure)
    if as_json:
        plain = [one.to_dict() for one in read]
        print(json.dumps(plain if len(plain) > 1 else plain[0], indent=2))
    else:
        named = len(read) > 1
        print("\n\n".join(f"{one.run}\n{render(one)}" if named else render(one) for one in read))
    return 0
