"""The runs of a report, grouped: those of a group differ in their seed and in nothing that changes what is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.config.resume_rules import changes
from av_td3_system.config.schema import Config
from av_td3_system.reporting.run_files import RunFiles, read_run

NOT_OF_THE_METHOD = ("run.seed", "run.device", "run.threads", "agent.cuda_graph", "replay.file", "replay.on_device")
"""Settings beside those of watching and judging in which runs of one group may differ: where and how it was "
"computed."""
INIT_FROM = "--init-from"  # no setting, but what a run began with is of the method
_LONGEST_LABEL = 40


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in their seed.

    Attributes:
        label: what tables and figures call them.
        runs: by seed, at least one.
    """

    label: str
    runs: Sequence[RunFiles]

    @property
    def config(self) -> Config:
        """Of the first run; the others' differs in `NOT_OF_THE_METHOD`, and in how they were watched and judged."""
        return self.runs[0].config

    @property
    def seeds(self) -> list[int]:
        """Of its runs."""
        return [run.config.run.seed for run in self.runs]

    @property
    def step(self) -> int:
        """The last timestep that any of its runs has reached."""
        return max(run.step for run in self.runs)


def read_groups(targets: Sequence[str]) -> list[RunGroup]:
    """Read runs and group them; the order in which they are given does not matter.

    Args:
        targets: run directories, each possibly as `LABEL=RUN`.

    Raises:
        UserError: no run, the same twice, different environments, two of one seed and the same settings, or different
            settings under one label.
    """
    if not targets:
        raise UserError("report needs at least one run", "av-td3 report runs/latest --out DIR")
    given = [_split(target) for target in targets]
    places: set[Path] = set()
    for _, path in given:
        if path.resolve() in places:
            raise UserError(f"{path} is given twice", "name each run once")
        places.add(path.resolve())
    runs = sorted(((label, read_run(path)) for label, path in given), key=lambda one: _order(one[1]))
    first = runs[0][1]
    for _, run in runs:
        if run.config.run.env != first.config.run.env:
            raise UserError(
                f"{run.path} is of {run.config.run.env or 'the town'}, {first.path} of "
                f"{first.config.run.env or 'the town'}",
                "a report is of one environment: make one for each",
            )
    found: list[tuple[str, list[RunFiles]]] = []
    for label, run in runs:
        same = [members for name, members in found if name == label and not apart(members[0], run)]
        if same:
            same[0].append(run)
        else:
            found.append((label, [run]))
    _refuse_mixed(found)
    return sorted(_labelled(found), key=lambda group: (group.config.run.algo != "td3", group.label))


def apart(one: RunFiles, two: RunFiles) -> list[str]:
    """Settings in which two runs differ, beside the seed and what does not change what is learned.

    Last `INIT_FROM`, where one began with given networks and the other did not.
    """
    changed = changes(one.config, two.config)
    names = [change.name for change in changed if change.effect != "free" and change.name not in NOT_OF_THE_METHOD]
    return names if bool(one.init_from) == bool(two.init_from) else [*names, INIT_FROM]


def in_words(value: Any) -> str:
    """A setting as a text has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(one) for one in value)
    return str(value)


def _split(target: str) -> tuple[str, Path]:
    """Label (empty: none given) and path; a path may hold the sign."""
    label, _, rest = target.partition("=")
    return ("", Path(target)) if not label or not rest or Path(target).exists() else (label, Path(rest))


def _order(run: RunFiles) -> tuple[str, int, str, str]:
    return run.config.run.algo, run.config.run.seed, run.path.resolve().name, str(run.path.resolve())


def _refuse_mixed(found: Sequence[tuple[str, list[RunFiles]]]) -> None:
    labels: dict[str, RunFiles] = {}
    for label, members in found:
        if label and label in labels:
            names = ", ".join(apart(labels[label], members[0])[:5])
            raise UserError(
                f"{labels[label].path} and {members[0].path} are both called {label}, but differ in {names}",
                "give them different labels, or none",
            )
        labels[label] = members[0]
        seeds: dict[int, RunFiles] = {}
        for run in members:
            seed = run.config.run.seed
            if seed in seeds:
                raise UserError(
                    f"{seeds[seed].path} and {run.path} are both of seed {seed} with the same settings",
                    "give one of them: the same seed twice is not two seeds",
                )
            seeds[seed] = run


def _labelled(found: Sequence[tuple[str, list[RunFiles]]]) -> list[RunGroup]:
    """Groups without a label get their algorithm's name, and where that is not enough what tells them apart."""
    groups = [RunGroup(label, members) for label, members in found if label]
    for algo in ("td3", "ddpg"):
        nameless = [members for label, members in found if not label and members[0].config.run.algo == algo]
        if len(nameless) == 1:
            names = [algo.upper()]
        else:
            names = [f"{algo.upper()}{text}" for text in _tellings(nameless)]
            if len(set(names)) < len(names) or any(len(name) > _LONGEST_LABEL for name in names):
                names = [f"{algo.upper()} {chr(ord('a') + index)}" for index in range(len(nameless))]
        groups += [RunGroup(name, members) for name, members in zip(names, nameless, strict=True)]
    labels = [group.label for group in groups]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise UserError(f"runs without a label are called {twice}, as some that you named", "give another label")
    return groups


def _tellings(groups: Sequence[Sequence[RunFiles]]) -> list[str]:
    """What each group has otherwise than another, in brackets."""
    names = sorted({name for one in groups for two in groups for name in apart(one[0], two[0])})
    told = []
    for members in groups:
        settings = members[0].config.model_dump(mode="json")
        words = []
        for name in names:
            if name == INIT_FROM:
                words.append(f"{name} {in_words(bool(members[0].init_from))}")
                continue
            section, _, key = name.partition(".")
            words.append(f"{key} {in_words(settings[section].get(key))}")
        told.append(f" ({', '.join(words)})")
    return told
