"""The verb: files and notes that belong together, refusals before anything is computed, exit code 3 without a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, resolved_yaml
from av_td3_system.environments.observation import vector_dim
from av_td3_system.export import check, command
from av_td3_system.export.command import run_export
from av_td3_system.export.formats import FORMATS
from tests.unit.export.policies import write_policy

SMALL = ["camera.width=36", "camera.height=36", "network.crop_top=0"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory with an untrained policy; checks take few observations."""
    monkeypatch.setattr(check, "DECISIONS", 3)
    monkeypatch.setattr(command, "DECISIONS", 5)
    config = load_config(overrides=SMALL)
    folder = tmp_path / "run"
    folder.mkdir()
    write_policy(folder / "best_policy.safetensors", (4, 36, 36), vector_dim(config.environment))
    (folder / "config.yaml").write_text(resolved_yaml(config))
    return folder


def test_a_file_and_its_notes_are_written_and_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run.parent / "new" / "export"
    assert run_export(str(run), out, ["torch-export"], as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in out.iterdir()) == ["best_policy.pt2", "best_policy.pt2.json"]
    notes = json.loads((out / "best_policy.pt2.json").read_text())
    content = (out / "best_policy.pt2").read_bytes()
    assert notes["sha256"] == hashlib.sha256(content).hexdigest() == told["formats"]["torch-export"]["sha256"]
    source = hashlib.sha256((run / "best_policy.safetensors").read_bytes()).hexdigest()
    assert notes["policy"]["sha256"] == source and notes["policy"]["step"] == 1500
    assert notes["inputs"]["image"] == {"dtype": "uint8", "shape": ["batch", 4, 36, 36]}
    assert notes["camera"]["frame_interval"] == 3 and notes["camera"]["width"] == 36
    assert 0 <= notes["check"]["greatest_difference"] <= check.BOUND
    assert told["n"] == {"driven": 3 * check.BATCH, "extreme": 5 * check.EXTREMES * check.BATCH}
    latency = notes["check"]["inference_latency_ms"]
    assert latency["n"] == 5 and 0 < latency["p50"] <= latency["p99"]


def test_a_format_that_acts_otherwise_is_refused_without_a_file(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = FORMATS["torch-export"]

    def other(content: bytes) -> object:
        runner = whole.open(content)
        return lambda observation: (runner(observation) + np.float32(2 * check.BOUND)).astype(np.float32)

    monkeypatch.setitem(FORMATS, "torch-export", whole._replace(open=other))
    assert run_export(str(run), run.parent / "out", ["torch-export"]) == 3
    captured = capsys.readouterr()
    assert list((run.parent / "out").iterdir()) == []
    assert "refused: torch-export acts otherwise" in captured.err
    assert captured.out.splitlines()[3].split()[0] == "torch-export"
    assert captured.out.splitlines()[3].endswith("refused")


def test_what_is_missing_is_left_out_and_said(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(packages=("no_such_package",)))
    assert run_export(str(run), run.parent / "out") == 0
    assert "onnx is left out: it needs no_such_package" in capsys.readouterr().err
    assert {path.suffix for path in (run.parent / "out").iterdir()} == {".pt2", ".json"}
    with pytest.raises(UserError, match="needs no_such_package"):
        run_export(str(run), run.parent / "other", ["onnx"])


def test_mistakes_are_refused_before_anything_is_driven(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def driven(*_: object) -> None:
        raise AssertionError("nothing is to be driven")

    monkeypatch.setattr(check, "driven_observations", driven)
    out = run.parent / "out"
    with pytest.raises(UserError, match="does not exist"):
        run_export(str(run / "nothing.safetensors"), out)
    with pytest.raises(UserError, match="--format"):
        run_export(str(run), out, ["torchscript"])
    checkpoint = run / "td3_1k.pt"
    checkpoint.touch()
    with pytest.raises(UserError, match="is a checkpoint, not a policy"):
        run_export(str(checkpoint), out)
    whole = (run / "best_policy.safetensors").read_bytes()
    (run / "policy.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        run_export(str(run / "policy.safetensors"), out)
    assert not out.exists()
    out.mkdir()
    (out / "best_policy.pt2.json").touch()
    with pytest.raises(UserError, match=r"best_policy\.pt2\.json is already there"):
        run_export(str(run), out, ["torch-export"])
    (run.parent / "file").touch()
    with pytest.raises(OSError, match="file"):
        run_export(str(run), run.parent / "file" / "out", ["torch-export"])


def test_a_policy_that_is_replaced_meanwhile_is_not_exported(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = check.driven_observations

    def replaced(*arguments: object) -> object:
        file = run / "best_policy.safetensors"
        file.write_bytes(file.read_bytes() + b" ")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "driven_observations", replaced)
    with pytest.raises(UserError, match="was replaced while it was exported"):
        run_export(str(run), run.parent / "out", ["torch-export"])
    assert list((run.parent / "out").iterdir()) == []
