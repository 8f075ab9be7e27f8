"""What a run does by itself when it is in trouble, and the book that is kept of it.

A remedy is a change of settings, most often together with going back to the last checkpoint judged good: the same as a
person does with `train --resume RUN --set ...`, and done by the same code. `remedies.json` lies beside the checkpoints
and not in them, since a run that goes back must not forget that it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.checkpointing.manifest import mark_resumed
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import resolved_yaml, with_overrides
from av_td3_system.config.resume_rules import effect as effect_of_change
from av_td3_system.config.rule_names import probably
from av_td3_system.config.schema import Config, Remedy
from av_td3_system.monitoring.alerts import FAMILIES, Alert
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.training.remedy_book import Entry, read_book, write_book

WARM_UP = "exploration.learning_starts"


class Remedies:
    """The remedies of a run: which is called for, and what came of those before.

    Args:
        path: `remedies.json` of the run.
        config: of the run.

    Raises:
        UserError: the book cannot be read.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self._path, self._config = path, config
        self._rules = {name: rule for name, rule in config.remedies.rules.items() if rule is not None}
        self.applied = read_book(path)

    def called_for(self, alerts: Sequence[Alert]) -> str | None:
        """Name of the remedy that one of these alerts calls for; None without one.

        Where one of them halts, only those that halt call, and only for a remedy that goes back: what would go on from
        here is none against an end.
        """
        if not self._config.run.enable_monitoring or self._config.remedies.limit == 0:
            return None
        halting = [alert for alert in alerts if alert.severity == "halt"]
        for alert in halting or alerts:
            for name, rule in self._rules.items():
                if alert.name.startswith(rule.alerts) and (rule.back or not halting):
                    return name
        return None

    @property
    def used_up(self) -> bool:
        """Whether there were as many as there may be: what calls for one more halts the run."""
        return len(self.applied) >= self._config.remedies.limit

    def goes_back(self, name: str) -> bool:
        """Whether this remedy begins with going back."""
        rule: Remedy = self._rules[name]
        return rule.back

    def prescribe(
        self,
        name: str,
        step: int,
        alerts: Sequence[Alert],
        figures: Mapping[str, float],
        checkpoint: tuple[str, int] | None,
    ) -> Entry:
        """Write down what is to be done, before any of it is done.

        Args:
            name: of the remedy.
            step: at which it was called for.
            alerts: raised then.
            figures: of the run at that time.
            checkpoint: name and step of the one to go on from; None: begin anew.
        """
        if self.applied:
            self.applied[-1]["effect"] = None  # whatever was said of the last one: it did not last
        self._close(step, [alert.name for alert in alerts], figures)
        rule = self._rules[name]
        times = sum(entry["remedy"] == name for entry in self.applied)
        factors = rule.factors[min(times, len(rule.factors) - 1)] if rule.factors else {}
        changes: dict[str, list[Any]] = {}
        for setting, factor in factors.items():
            now = _setting(self._config, setting)
            value = round(now * factor) if isinstance(now, int) else now * factor
            if _fits(self._config, {setting: value}):  # what is at its bound stays there
                changes[setting] = [now, value]
        if not _fits(self._config, {setting: value for setting, (_, value) in changes.items()}):
            changes = {}
        if rule.explore:
            now = _setting(self._config, WARM_UP)
            changes[WARM_UP] = [now, max(checkpoint[1] if checkpoint else 0, now) + rule.explore]
        entry: Entry = {
            "remedy": name,
            "step": step,
            "alerts": [{**alert.to_dict(), "step": alert.step} for alert in alerts],
            "checkpoint": checkpoint[0] if checkpoint else None,
            "back_to": checkpoint[1] if checkpoint else None,
            "changes": changes,
            "before": dict(figures),
            "effect": None,
            "done": False,
            "told": False,
        }
        self.applied.append(entry)
        self._write()
        return entry

    def look(self, step: int, troubled: bool, figures: Mapping[str, float]) -> Entry | None:
        """Write down the effect of the last remedy once it has had time; that entry, the moment it is known."""
        last = self.applied[-1] if self.applied else None
        if last is None or last["effect"] is not None:
            return None
        if step < max(last["step"], last["back_to"] or 0) + self._config.remedies.settle:
            return None
        self._close(step, ["still in trouble"] if troubled else [], figures)
        return last

    def rewind(self, step: int) -> None:
        """The run goes on from this step: an effect that was seen later, or at its end only, is still to be seen."""
        effect = self.applied[-1]["effect"] if self.applied else None
        if effect is not None and (effect["step"] > step or effect["at_end"]):
            self.applied[-1]["effect"] = None
            self._write()

    def end(self, step: int, trouble: Sequence[str], figures: Mapping[str, float]) -> None:
        """The run ends: what can be said of the last remedy by now.

        Args:
            step: at which.
            trouble: alerts that ended it; what was said of the last remedy then did not last.
            figures: of the run.
        """
        if self.applied and trouble:
            self.applied[-1]["effect"] = None
        self._close(step, trouble, figures, at_end=True)

    def untold(self) -> list[Entry]:
        """Those that the run's log and events do not know yet; they are taken to be told now."""
        fresh = [entry for entry in self.applied if entry["done"] and not entry["told"]]
        for entry in fresh:
            entry["told"] = True
        if fresh:
            self._write()
        return fresh

    def _close(self, step: int, trouble: Sequence[str], figures: Mapping[str, float], at_end: bool = False) -> None:
        last = self.applied[-1] if self.applied else None
        if last is not None and last["done"] and last["effect"] is None:
            last["effect"] = {"step": step, "trouble": list(trouble), "figures": dict(figures), "at_end": at_end}
            self._write()

    def _write(self) -> None:
        write_book(self._path, self.applied)


def _fits(config: Config, changes: Mapping[str, Any]) -> bool:
    try:
        with_overrides(config, [], changes)
    except UserError:
        return False
    return True


def apply_prescribed(directory: RunDirectory, config: Config) -> Config:
    """Do what was prescribed and is not done, if anything; the settings from then on.

    Safe to be repeated: a run that was killed in the middle of it does it again when it is resumed.

    Args:
        directory: of the run, whose lock is held.
        config: of the run until now.
    """
    book = read_book(directory.remedies)
    entry = book[-1] if book else None
    if entry is None or entry["done"]:
        return config
    changed = with_overrides(config, [], {name: now for name, (_, now) in entry["changes"].items()})
    if entry["back_to"] is None:
        directory.clear()
    else:
        CheckpointStore(directory.checkpoints, config.run.algo, config.checkpoint.keep_last).abandon_after(
            entry["back_to"]
        )
    atomic_write_text(directory.config, resolved_yaml(changed))
    if directory.manifest.is_file():
        mark_resumed(
            directory.manifest,
            step=entry["back_to"] or 0,
            command=["remedy", entry["remedy"]],
            changed=entry["changes"],
            config_text=resolved_yaml(changed),
        )
    entry["done"] = True
    write_book(directory.remedies, book)
    return changed


def in_words(entry: Entry) -> str:
    """One sentence: why, back to where, what is changed."""
    cause = ", ".join(alert["name"] for alert in entry["alerts"])
    where = "begun anew" if entry["back_to"] is None else f"on from {entry['checkpoint']} (step {entry['back_to']})"
    changes = ", ".join(f"{name} {before:g} -> {now:g}" for name, (before, now) in entry["changes"].items())
    return f"remedy {entry['remedy']} after {cause} at step {entry['step']}: {where}; {changes or 'no setting changed'}"


def effect_in_words(entry: Entry) -> str:
    """One sentence: what came of it."""
    effect = entry["effect"]
    held = "did not help: " + ", ".join(effect["trouble"]) if effect["trouble"] else "no trouble"
    pairs = ", ".join(
        f"{name.split('/', 1)[-1]} {entry['before'][name]:.3g} -> {value:.3g}"
        for name, value in effect["figures"].items()
        if name in entry["before"]
    )
    seen = f"remedy {entry['remedy']} of step {entry['step']}, seen at step {effect['step']}: {held}"
    return f"{seen}; {pairs}" if pairs else seen


def _setting(config: Config, name: str) -> Any:
    section, _, key = name.partition(".")
    return getattr(getattr(config, section, None), key, None)


def refuse_unfit(config: Config) -> None:
    """Look at the rules before a run begins.

    Raises:
        UserError: one waits for an alert that there is not, or changes what is no number or may not change.
    """
    known = {*config.guards.rules, *FAMILIES}
    for name, rule in config.remedies.rules.items():
        for alert in () if rule is None else rule.alerts:
            if not any(one.startswith(alert) or alert.startswith(one) for one in known):
                raise UserError(f"remedies.rules.{name}: no alert begins with {alert!r}", probably(alert, known))
        for setting in _turned(rule):
            value = _setting(config, setting)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(
                    f"remedies.rules.{name}: {setting} is no number", "name settings such as agent.actor_lr"
                )
            if effect_of_change(setting) == "fixed":
                raise UserError(
                    f"remedies.rules.{name}: {setting} cannot change within a run",
                    "what can is what --resume may change",
                )


def _turned(rule: Remedy | None) -> set[str]:
    return set() if rule is None else {setting for factors in rule.factors for setting in factors}
