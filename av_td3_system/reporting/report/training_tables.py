"""Tables of how the runs learned: a row a group or a run, n and intervals in every one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from av_td3_system.evaluation.statistics import Interval
from av_td3_system.monitoring import names
from av_td3_system.reporting.learning_figures import LATE, learned
from av_td3_system.reporting.report.curves import evaluation_interval, late_interval
from av_td3_system.reporting.report.material import Material
from av_td3_system.reporting.report.runs import RunGroup
from av_td3_system.reporting.report.table import Cell, Estimate, Table
from av_td3_system.reporting.run_files import Line, RunFiles, mean_of, number

OVER_SEEDS = "95 % intervals: bootstrap over training seeds, none of a single one"
LATE_WORDS = f"the last {LATE:.0%} of the timesteps".replace("%", " %")
_Q_SCALE = 0.99  # gamma that the plan's figures of Q are meant for


def runs_table(material: Material) -> Table:
    """What was run, and how it ended."""
    rows: list[list[Cell]] = []
    for group in material.groups:
        for run in group.runs:
            told = material.results.get(run.path, {})
            seconds, rate = number(told, "wall_clock_s"), number(told, "env_steps_per_s")
            gate = material.gate(run)
            rows.append(
                [
                    group.label,
                    run.config.run.seed,
                    run.path.resolve().name,
                    run.step,
                    len(run.episodes),
                    run.ended or "goes on",
                    _estimate(None if seconds is None else seconds / 60, 1),
                    _estimate(rate, 1),
                    _estimate(run.config.agent.updates_per_step, 2),
                    sum(event.get("kind") == "alert" for event in run.events),
                    sum(event.get("kind") == "remedy" for event in run.events),
                    None if gate is None else str(gate.get("verdict")),
                ]
            )
    columns = ("group", "seed", "run", "env steps", "episodes", "ended", "minutes", "steps/s", "updates/step")
    return Table("runs", "The runs.", (*columns, "alerts", "remedies", "gate"), rows)


def evaluations_table(material: Material) -> Table | None:
    """Held-out validation during training: the last one, and the one with the best reward; None without any."""
    measures = [("episode_reward", "reward", 1)]
    if material.of_the_town:
        measures += [("success_rate", "success", 3), ("route_completion", "completion", 3)]
    rows: list[list[Cell]] = []
    for group in material.groups:
        members = [run.validations for run in group.runs if run.validations]
        if not members:
            continue
        last = [lines[-1] for lines in members]
        best = [max(lines, key=lambda line: number(line["summary"], "episode_reward") or 0.0) for lines in members]
        for which, lines in (("last", last), ("best", best)):
            steps = sorted({int(line["step"]) for line in lines})
            n = sum(int(number(line["summary"], "n_episodes") or 0) for line in lines)
            figures = [_of(evaluation_interval(lines, name), digits) for name, _, digits in measures]
            rows.append([group.label, which, _span(steps), len(lines), n, *figures, *_rates(lines, material)])
    if not rows:
        return None
    rates = ["collisions/km"] if material.of_the_town else []
    caption = (
        "Held-out validation episodes, deterministic policy. The best is chosen on these very episodes by their "
        "reward, "
        f"so it flatters. {OVER_SEEDS}, of which the episodes tell; success: the wider of it and Wilson's."
    )
    columns = ("group", "evaluation", "env step", "seeds", "n", *(word for _, word, _ in measures), *rates)
    return Table("evaluations", caption, columns, rows)


def learning_table(groups: Sequence[RunGroup]) -> Table:
    """Figures that algorithms are compared by."""
    rows: list[list[Cell]] = []
    for group in groups:
        figures = [learned(run) for run in group.runs]
        scale = (1 - group.config.agent.gamma) / (1 - _Q_SCALE)
        q = _late(group, lambda run: late_mean(run, names.Q_VALUE))
        rows.append(
            [
                group.label,
                len(group.runs),
                _of(q, 2),
                _of(None if q is None else tuple(None if x is None else x * scale for x in q), 2),
                _of(_late(group, lambda run: late_mean(run, names.Q_VALUE_STD)), 2),
                _of(late_interval([one.q_bias for one in figures]), 2),
                _of(late_interval([one.td_error for one in figures]), 2),
                _of(late_interval([one.critic_loss for one in figures]), 2),
                _of(late_interval([one.spikes for one in figures]), 2),
            ]
        )
    caption = (
        f"The critic over {LATE_WORDS}; Q(1-gamma)/{1 - _Q_SCALE:.2f} is Q as it would be read at gamma "
        f"{_Q_SCALE}. q_bias "
        f"is of the last held-out evaluation; spikes are gradient norms above ten times their median. {OVER_SEEDS}."
    )
    columns = ("group", "seeds", "Q", f"Q(1-gamma)/{1 - _Q_SCALE:.2f}", "Q std", "q_bias", "TD error", "critic loss")
    return Table("learning", caption, (*columns, "gradient spikes / 10,000 steps"), rows)


def rewards_table(groups: Sequence[RunGroup]) -> Table | None:
    """Share of each reward term; None where rewards have no terms."""
    rows: list[list[Cell]] = []
    for group in groups:
        shares = [
            _late(group, lambda run, term=term: late_mean(run, names.REWARD_SHARES[term]))  # type: ignore[misc]
            for term in names.REWARD_COMPONENTS
        ]
        if any(share is not None for share in shares):
            rows.append([group.label, len(group.runs), *(_of(share, 3) for share in shares)])
    if not rows:
        return None
    caption = f"Share of each term in the sum of the terms' absolute values, {LATE_WORDS}. {OVER_SEEDS}."
    words = [term.replace("_", " ") for term in names.REWARD_COMPONENTS]
    return Table("reward_shares", caption, ("group", "seeds", *words), rows)


def gate_table(material: Material) -> Table | None:
    """Every criterion of the gate's verdicts, a column a run; None where none was judged."""
    judged = [
        (group.label, run, gate) for group in material.groups for run in group.runs if (gate := material.gate(run))
    ]
    if not judged:
        return None
    criteria: dict[str, tuple[str, float | None]] = {}
    for _, _, gate in judged:
        for one in gate["criteria"]:
            criteria.setdefault(str(one.get("name")), (str(one.get("role", "")), number(one, "bound")))
    rows: list[list[Cell]] = [
        ["verdict", "", None, *(f"{gate.get('name')}: {gate.get('verdict')}" for *_, gate in judged)]
    ]
    rows[0][2] = ""
    for name, (role, bound) in criteria.items():
        cells: list[Cell] = []
        for *_, gate in judged:
            found: Line = next((one for one in gate["criteria"] if one.get("name") == name), {})
            value = number(found, "value")
            met = "" if found.get("passed") else " (not met)"
            cells.append(None if value is None and found.get("passed") is None else f"{_short(value)}{met}")
        rows.append([name, role, _short(bound), *cells])
    columns = ("criterion", "decides", "bound", *(f"{label}, seed {run.config.run.seed}" for label, run, _ in judged))
    caption = (
        "The gate on each run against an earlier evaluation of its own, as it was judged at its end (n in "
        "`paired_episodes`)."
    )
    return Table("gate", caption, columns, rows)


def alerts_table(groups: Sequence[RunGroup]) -> Table | None:
    """Alerts by name; None where none was raised."""
    rows: list[list[Cell]] = []
    for group in groups:
        raised = [(run, event) for run in group.runs for event in run.events if event.get("kind") == "alert"]
        counts = Counter((str(event.get("severity")), str(event.get("name"))) for _, event in raised)
        for (severity, name), count in sorted(counts.items()):
            mine = [
                (run, event) for run, event in raised if (event.get("severity"), event.get("name")) == (severity, name)
            ]
            first = min(int(event["step"]) for _, event in mine)
            rows.append(
                [group.label, severity, name, count, len({run.path for run, _ in mine}), len(group.runs), first]
            )
    if not rows:
        return None
    columns = ("group", "severity", "alert", "raised", "in runs", "of runs", "first at env step")
    return Table("alerts", "Alerts of the guards.", columns, rows)


def remedies_table(material: Material) -> Table | None:
    """What runs did against trouble, and what came of it; None where nothing was done."""
    rows: list[list[Cell]] = []
    for group in material.groups:
        for run in group.runs:
            for one in material.remedies(run):
                changed = "; ".join(f"{name} {a:g} to {b:g}" for name, (a, b) in (one.get("changes") or {}).items())
                effect = one.get("effect")
                trouble = "not known yet" if not effect else ", ".join(effect.get("trouble") or []) or "no trouble"
                back = one.get("back_to")
                cells = (str(one.get("remedy")), int(one.get("step", 0)), "beginning" if back is None else int(back))
                rows.append([group.label, run.config.run.seed, *cells, changed or "no setting", trouble])
    if not rows:
        return None
    columns = ("group", "seed", "remedy", "env step", "back to", "changed", "then")
    return Table("remedies", "Remedies that runs took by themselves.", columns, rows)


def late_mean(run: RunFiles, tag: str) -> float | None:
    """Mean of a tag over the end of a run."""
    return mean_of([value for _, value in run.series(tag, after=int(run.step * (1 - LATE)))])


def _late(
    group: RunGroup, figure: Callable[[RunFiles], float | None]
) -> tuple[float, float | None, float | None] | None:
    return late_interval([figure(run) for run in group.runs])


def _of(found: Interval | tuple[float | None, ...] | None, digits: int) -> Estimate | None:
    if found is None or found[0] is None:
        return None
    return Estimate(found[0], found[1], found[2], digits)


def _estimate(value: float | None, digits: int) -> Estimate | None:
    return None if value is None else Estimate(value, digits=digits)


def _rates(lines: Sequence[Line], material: Material) -> list[Cell]:
    """Collisions a kilometre: all events over all kilometres, with the exact interval."""
    if not material.of_the_town:
        return []
    from av_td3_system.evaluation.statistics import rate_per_km

    pairs = [(number(line["summary"], "collisions_per_km"), number(line["summary"], "distance_km")) for line in lines]
    known = [(rate, km) for rate, km in pairs if rate is not None and km]
    if not known:
        return [None]
    found = rate_per_km(sum(round(rate * km) for rate, km in known), 1000 * sum(km for _, km in known))
    return [Estimate(found.value, found.low, found.high, 2)]


def _span(steps: Sequence[int]) -> str:
    return str(steps[0]) if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 and float(value).is_integer() else f"{value:.4g}"
