"""`av-td3 report` writes the same bytes from the same files, and refuses what is none in one sentence."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from av_td3_system import cli
from av_td3_system.reporting.report.ablation import FILE
from av_td3_system.reporting.report.command import LIST, run_report
from tests.unit.reporting.report.made import add_evaluation, make_grid, make_run
from tests.unit.reporting.written_run import tear, write_run

RATE = {"estimate": 0.5, "low": 0.4, "high": 0.6}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of TD3, one of DDPG, an evaluation, an ablation."""
    root = tmp_path_factory.mktemp("report")
    for seed in (1, 2):
        run = make_run(root / f"td3-{seed}", seed)
        for step in (1000, 2000, 3000):
            add_evaluation(run, step, [step / 6 + seed, 450.0, 100.0, 20.0 * seed])
        tear(run.metrics)
    make_run(root / "ddpg-1", 1, flags={"run.algo": "ddpg", "agent.twin_critics": False})
    make_grid(root / "grid", driver=str(root / "td3-1" / "policy.safetensors"))
    (root / "ablation").mkdir()
    variants = [{"name": "Layer_Norm & more", "success_rate": RATE, "difference": RATE, "verdict": "yes"}]
    (root / "ablation" / FILE).write_text(json.dumps({"variants": variants}))
    return root


def _runs(root: Path) -> list[str]:
    return [str(root / name) for name in ("td3-1", "td3-2", "ddpg-1")]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_is_whole_and_the_order_of_its_runs_does_not_matter(
    places: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one"
    evaluation, ablation = str(places / "grid"), str(places / "ablation")
    more = ["--evaluation", evaluation, "--ablation", ablation, "--json"]
    assert cli.main(["report", *_runs(places), *more, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    written = [Path(path) for path in json.loads(printed.out)["written"]]
    assert {path for path in out.rglob("*") if path.is_file()} == set(written)
    stems = {path.stem for path in written if path.suffix == ".svg"}
    learning, driving = ("learning_curves", "q_values", "td_error", "reward_shares"), ("time_to_collision", "speed")
    assert stems == {*learning, *driving, "success_TD3", "ablation"}
    assert stems == {path.stem for path in written if path.suffix == ".pdf"}
    text = (out / "REPORT.md").read_text()
    for heading in ("Setup and Methods", "Results", "Discussion", "### Lessons", "### Limitations", "### Not measured"):
        assert heading in text
    assert not re.search(
        r"\b(nan|none|inf)\b", text.lower().replace("gpu none", "").replace("none of a single one", "")
    )
    assert r"Layer\_Norm \& more" in (out / "tables" / "ablation.tex").read_text()
    again = tmp_path / "two"
    assert cli.main(["report", *reversed(_runs(places)), *more, "--out", str(again)]) == 0
    first, second = _contents(out), _contents(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_document_of_the_plan_says_what_was_not_measured(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_report([str(places / "ddpg-1")], kind="100K") == 0
    text = (tmp_path / "docs" / "results" / "100K_EXTENDED_VALIDATION.md").read_text()
    assert "| no critical alerts | critical and halting alerts of all runs, 0 | DDPG | 1 | 0 | yes |" in text
    assert "### Driving on held-out routes\n\nNot measured." in text
    assert "DDPG has no held-out evaluation" in text
    assert "(100k/figures/learning_curves.svg)" in text
    assert (tmp_path / "docs" / "results" / "100k" / "figures" / "learning_curves.pdf").is_file()


def test_what_an_earlier_report_wrote_goes_and_nothing_else(places: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    outside = tmp_path / "precious.md"
    own, other = out / "figures" / "success_gone.svg", out / "figures" / "mine.svg"
    for path in (outside, own, other):
        path.write_text("x")
    listed = ["figures/success_gone.svg", "../precious.md", "figures/../../precious.md", 7]
    (out / LIST).write_text(json.dumps({"files": listed}))
    assert run_report([str(places / "ddpg-1")], out=out) == 0
    assert not own.exists()
    assert other.exists() and outside.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}/td3-1"], "--out is missing"),
        (["{root}/td3-1", "--out", "{out}", "--document", "5k"], "--document is '5k'"),
        (["{root}/nothing", "--out", "{out}"], "is not a run directory"),
        (["{root}/td3-1", "{root}/td3-1", "--out", "{out}"], "given twice"),
        (["{root}/td3-1", "--out", "{out}", "--evaluation", "{root}/td3-1"], "missing or unreadable"),
        (["{root}/td3-1", "--out", "{out}", "--comparison", "{root}/grid"], "compare.json is missing"),
        (["{root}/td3-1", "--out", "{out}", "--ablation", "{root}/grid"], "ablation.json is missing"),
        (["{root}/td3-1", "--out", "{root}/td3-1/config.yaml"], "not a directory"),
    ],
)
def test_mistakes_are_one_sentence(
    places: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", *(one.format(root=places, out=tmp_path / "o") for one in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and len(error.splitlines()) <= 2


def _unreadable(run: Path) -> None:
    (run / "results.json").write_text('{"gate": {"criteria": 7}, "remedies": 3}')


def _without_lines(run: Path) -> None:
    for name in ("metrics", "episodes", "events"):
        (run / f"{name}.jsonl").write_text("")


@pytest.mark.parametrize("spoil", [_unreadable, _without_lines])
def test_a_run_with_little_in_it_is_reported_on(places: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    run = tmp_path / "run"
    shutil.copytree(places / "ddpg-1", run)
    spoil(run)
    assert run_report([str(run)], out=tmp_path / "out") == 0


def test_another_environment_is_reported_by_its_rewards(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "run.env=Pendulum-v1", steps=1000).path
    assert run_report([str(run)], out=tmp_path / "out") == 0
    assert "Pendulum-v1" in (tmp_path / "out" / "METHODS.md").read_text()
