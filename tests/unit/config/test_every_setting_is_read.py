"""Every setting is read by the code that it claims to steer.

A settings file of which most keys were never read made an earlier attempt's experiments compare
nothing. This is a static check: it follows the sections of `Config` through annotations, assignments
and attributes of each module and collects which fields are looked up on which section.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from av_td3_system.config import schema
from av_td3_system.environments.observation import ObservationScales
from av_td3_system.rewards.reward import RewardNumbers
from av_td3_system.town.traffic_parameters import TrafficParameters, VehicleMix
from av_td3_system.town.variation import Variation
from av_td3_system.town.vehicle import VehicleParameters
from av_td3_system.town.world import StepSettings

PACKAGE = Path(schema.__file__).parents[1]
FIELDS: dict[str, tuple[str, ...]] = {
    name: tuple(value.model_fields)
    for name, value in vars(schema).items()
    if isinstance(value, type) and issubclass(value, schema.Section) and value is not schema.Section
}
# Settings as plain numbers for compiled code: what is copied into them must be used there, too.
FIELDS |= {
    table.__name__: table._fields
    for table in (
        VehicleParameters,
        Variation,
        TrafficParameters,
        VehicleMix,
        StepSettings,
        ObservationScales,
        RewardNumbers,
    )
}
SECTION_OF = {name: field.annotation.__name__ for name, field in schema.Config.model_fields.items() if field.annotation}
INSIDE = {("GuardConfig", "rules"): "GuardRule", ("CurriculumConfig", "stages"): "Stage"}  # sections in sections
COMPUTED = {("ExplorationConfig", "learning_starts"): ("Config", "learning_starts")}  # read as a property of `Config`
Reads = set[tuple[str, str]]  # (section class, field)


class Module:
    """What one module reads of the settings.

    Args:
        tree: its syntax tree.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(ast.walk(tree))
        self._known: dict[str, set[str]] = {}  # variable, or attribute as `.name`: sections that it may be
        size = -1
        while size != (size := sum(map(len, self._known.values()))):
            for node in self._nodes:
                self._learn(node)

    def reads(self) -> Reads:
        """Fields looked up on a section, by name or through a table of names."""
        found: Reads = set()
        for node in self._nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found |= {(section, node.attr) for section in self._sections(node.value)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                names = set(self._names_in_tables())
                found |= {(section, name) for section in self._sections(node.args[0]) for name in names}
        return found

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            target = node.arg if isinstance(node, ast.arg) else _key(node.target)
            for word in ast.walk(node.annotation):
                if isinstance(word, ast.Name) and word.id in FIELDS and target:
                    self._known.setdefault(target, set()).add(word.id)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            self._assign(node.target, node.iter)
        elif isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id in FIELDS:
            self._known.setdefault(f"{node.name}()", set()).add(node.returns.id)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assign(one, other)
        elif (name := _key(target)) and (sections := self._sections(value)):
            self._known.setdefault(name, set()).update(sections)

    def _sections(self, node: ast.expr) -> set[str]:
        """Sections that an expression may be; empty if it is something else."""
        if isinstance(node, ast.BoolOp):
            return set().union(*(self._sections(value) for value in node.values))
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("load_config", "load_resolved"):
                return {"Config"}
            return {called} if called in FIELDS else self._known.get(f"{called}()", set())
        if isinstance(node, ast.Attribute):
            owners = self._sections(node.value)
            if "Config" in owners and node.attr in SECTION_OF:
                return {SECTION_OF[node.attr]}
            if inside := {INSIDE[owner, node.attr] for owner in owners if (owner, node.attr) in INSIDE}:
                return inside
            if node.attr == "config":  # of an object of another module: the whole, unless known better
                return self._known.get(".config", {"Config"})
        return self._known.get(_key(node), set())

    def _names_in_tables(self) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _key(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f".{node.attr}" if isinstance(node, ast.Attribute) else ""


def reads_of(text: str) -> Reads:
    return Module(ast.parse(text)).reads()


@pytest.fixture(scope="module")
def reads() -> Reads:
    files = [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "schema.py" and not path.name.endswith("_sections.py")
    ]
    found = set().union(*(reads_of(path.read_text(encoding="utf-8")) for path in files))
    return found | {field for field, computed in COMPUTED.items() if computed in found}


@pytest.mark.parametrize("section", FIELDS)
def test_every_field_is_read_outside_the_schema(reads: Reads, section: str) -> None:
    unread = [field for field in FIELDS[section] if (section, field) not in reads]
    assert not unread, f"{section}: nothing reads {', '.join(unread)}"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("def f(c: Config): return c.agent.tau", {("Config", "agent"), ("AgentConfig", "tau")}),
        ("def f(c: Config):\n a, b = c.agent, c.run\n return a.seed", {("AgentConfig", "seed")}),
        ("def f(c: AgentConfig): self.c = c\ndef g(): return self.c.tau", {("AgentConfig", "tau")}),
        ("def f(c: RunConfig): return {n: getattr(c, n) for n in ('seed',)}", {("RunConfig", "seed")}),
        ("def f(camera): return camera.width", set()),
        ("def f(c: CameraConfig): return other.fov", set()),
    ],
)
def test_the_check_tells_sections_apart(text: str, seen: Reads) -> None:
    found = reads_of(text)
    assert seen <= found
    assert seen or not found
