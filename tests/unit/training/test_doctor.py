"""The contact points: a healthy run passes, each defect put into its directory is found, and goes when mended."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import torch

from av_td3_system.checkpointing.ledger import Ledger
from av_td3_system.config.errors import UserError
from av_td3_system.monitoring import names
from av_td3_system.monitoring.event_file import EventFile
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.networks.encoder import Encoder
from av_td3_system.reporting.status import run_status
from av_td3_system.training.doctor import run_doctor
from av_td3_system.training.doctor_checks import Check
from av_td3_system.training.doctor_run import check_run
from av_td3_system.training.run import train
from tests.unit.environments import tiny_envs
from tests.unit.reporting.written_run import age, change_manifest, driven, write_evaluation, write_run
from tests.unit.training.small import small
from tests.unit.training.test_elsewhere import elsewhere

tiny_envs.register()
LENGTH = ("run.max_timesteps=60", "run.eval_freq=30", "run.save_freq=20", "evaluation.episodes=2")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run"
    assert train(small(*LENGTH), path, "av-td3 train") == 0
    return path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunDirectory:
    """A copy of a finished tiny run."""
    return RunDirectory(Path(shutil.copytree(trained, tmp_path / "run")))


def found(run: RunDirectory) -> dict[str, Check]:
    return {check.name: check for check in check_run(run.path)}


def failures(run: RunDirectory) -> list[str]:
    checks = check_run(run.path)
    assert all(check.following for check in checks if check.found in ("failed", "warning"))
    return [check.name for check in checks if check.found == "failed"]


def newest_checkpoint(run: RunDirectory) -> Path:
    records = Ledger(run.checkpoints).read().values()
    return run.checkpoints / max((r for r in records if r.step is not None), key=lambda record: record.order).name


def test_a_healthy_run_passes_and_is_left_as_it_was(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    checks = found(run)
    assert {name: check.found for name, check in checks.items()} == {
        "config": "ok",
        "manifest": "ok",
        "seed": "ok",
        "config hash": "ok",
        "LayerNorm": "ok",
        "gradient clipping": "ok",
        "TensorBoard": "ok",
        "events fresh": "not applicable",
        "checkpoint": "ok",
        "replay": "ok",
    }
    assert "1 of 1 called in a forward pass of policy.safetensors" in checks["LayerNorm"].what
    assert "at norm 10; norms before it at step 60: actor" in checks["gradient clipping"].what
    assert "final.pt at step 60, 0 timesteps behind, verified" in checks["checkpoint"].what
    assert run_doctor(run.path) == 0
    table = capsys.readouterr().out
    assert "ok      LayerNorm" in table and table.splitlines()[-1].endswith("not applicable")
    assert run_doctor(run.path, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] and {"name", "found", "what", "following"} == said["checks"][0].keys()
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert run_status(run.path) == 0, "the daily checklist of a real run"


def test_a_flipped_byte_in_the_checkpoint(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    path = newest_checkpoint(run)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    assert failures(run) == ["checkpoint"]
    assert run_doctor(run.path) == 3
    assert "FAILED  checkpoint" in capsys.readouterr().out
    assert "the newest undamaged is td3_0.06k.pt" in found(run)["checkpoint"].what
    path.write_bytes(whole)
    assert failures(run) == []
    for file in run.checkpoints.glob("*.pt"):
        file.write_bytes(b"nothing")
    checks = found(run)
    assert "all are damaged" in checks["checkpoint"].what
    assert checks["replay"].found == "not applicable"


def test_a_run_without_checkpoints(run: RunDirectory) -> None:
    shutil.rmtree(run.checkpoints)
    assert failures(run) == ["checkpoint"]


def test_a_checkpoint_that_is_far_behind(run: RunDirectory) -> None:
    for path in run.checkpoints.glob("*.pt"):
        if path.name != "td3_0.02k.pt":
            path.unlink()
    check = found(run)["checkpoint"]
    assert (check.found, "at step 21, 39 timesteps behind" in check.what) == ("ok", True)
    run.config.write_text(run.config.read_text().replace("save_freq: 20", "save_freq: 15"))
    assert found(run)["checkpoint"].found == "warning", "two saves have failed"


def test_a_missing_piece_of_the_replay(run: RunDirectory) -> None:
    piece = sorted(run.replay.iterdir())[0]
    whole = piece.read_bytes()
    piece.unlink()
    assert failures(run) == ["replay"]
    assert piece.name in found(run)["replay"].what
    piece.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert failures(run) == ["replay"]
    piece.write_bytes(whole)
    assert failures(run) == []
    shutil.rmtree(run.replay)
    assert found(run)["replay"].found == "not applicable", "a run that is over may be without"
    change_manifest(run, how=None)
    assert found(run)["replay"].found == "failed"


def test_a_manifest_of_another_run(run: RunDirectory) -> None:
    change_manifest(run, seed=7)
    assert failures(run) == ["seed"]
    assert "7 in manifest.json, but 42 in config.yaml" in found(run)["seed"].what
    change_manifest(run, seed=42)
    assert failures(run) == []
    text = run.config.read_text()
    run.config.write_text(text.replace("gamma: 0.97", "gamma: 0.96"))
    assert failures(run) == ["config hash"]
    older = text.replace("\n  foresight: 0.0", "")
    assert older != text
    run.config.write_text(older)
    assert failures(run) == [], "settings of an older version, recorded by today's names when the run went on"
    run.config.write_text(text)
    run.manifest.unlink()
    assert failures(run) == ["manifest"]


def test_settings_that_cannot_be_read(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    run.config.write_text("run: [")
    assert [(check.name, check.found) for check in check_run(run.path)] == [("config", "failed"), ("manifest", "ok")]
    assert run_doctor(run.path, as_json=True) == 3
    assert not json.loads(capsys.readouterr().out)["ok"]


def test_no_layer_norm(run: RunDirectory, tmp_path: Path) -> None:
    path = tmp_path / "without"
    train(small("run.max_timesteps=12", "evaluation.episodes=1", "network.layer_norm=false"), path, "av-td3 train")
    check = found(RunDirectory(path))["LayerNorm"]
    assert check.found == "warning"
    assert "network.layer_norm is false" in check.what
    run.config.write_text(run.config.read_text().replace("\n  layer_norm: true", "\n  layer_norm: false"))
    check = found(run)["LayerNorm"]
    assert (check.found, "but True in policy.safetensors" in check.what) == ("failed", True)


def test_layer_norm_that_the_forward_pass_leaves_out(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defect that the action plan is afraid of: the module is there, and nobody calls it."""

    def without(self: Encoder, blocks: torch.Tensor) -> torch.Tensor:
        rows = self.activations(blocks)[-1].permute(0, 2, 3, 1).reshape(len(blocks), -1)
        return torch.nn.functional.linear(rows, self.projection.weight, self.projection.bias)

    with monkeypatch.context() as broken:
        broken.setattr(Encoder, "forward", without)
        check = found(run)["LayerNorm"]
        assert (check.found, "0 of 1 called" in check.what) == ("failed", True)
    assert found(run)["LayerNorm"].found == "ok"


def test_the_policy_is_taken_from_the_checkpoint_where_no_other_is(run: RunDirectory) -> None:
    run.policy.unlink()
    os.utime(run.best_policy)
    assert "best_policy.safetensors" in found(run)["LayerNorm"].what
    run.best_policy.write_bytes(run.best_policy.read_bytes()[:-4])
    assert found(run)["LayerNorm"].found == "failed"
    run.best_policy.unlink()
    check = found(run)["LayerNorm"]
    assert (check.found, "of final.pt" in check.what) == ("ok", True)
    shutil.rmtree(run.checkpoints)
    assert found(run)["LayerNorm"].found == "not applicable"


def test_event_files(run: RunDirectory) -> None:
    (path,) = run.event_files
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert failures(run) == ["TensorBoard"]
    assert "metrics.jsonl step 60" in found(run)["TensorBoard"].what
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" + whole[len(whole) // 2 + 1 :])
    assert failures(run) == ["TensorBoard"], "what follows a broken record is not read"
    path.write_bytes(whole + b"\x20\x00\x00")
    check = found(run)["TensorBoard"]
    assert (check.found, "3 bytes at the end were torn" in check.what) == ("warning", True)
    path.unlink()
    assert failures(run) == ["TensorBoard"]
    EventFile(run.path).close()
    assert failures(run) == ["TensorBoard"]
    path.write_bytes(whole)
    assert failures(run) == []


def test_clipping(tmp_path: Path) -> None:
    norms = {names.GRAD_NORMS["critic"]: 40.0, names.GRAD_NORMS["actor"]: 2.0}
    name = "gradient clipping"
    check = found(write_run(tmp_path / "fine", metrics=norms))[name]
    assert (check.found, check.what) == ("ok", "at norm 10; norms before it at step 20000: actor 2, critic 40")
    check = found(write_run(tmp_path / "off", "agent.gradient_clip=null", metrics=norms))[name]
    assert (check.found, "agent.gradient_clip is null" in check.what) == ("warning", True)
    exploding = {**norms, names.GRAD_NORMS["encoder"]: 5000.0}
    assert found(write_run(tmp_path / "exploding", metrics=exploding))[name].found == "failed"
    broken = {**norms, names.GRAD_NORMS["encoder"]: float("nan")}
    check = found(write_run(tmp_path / "nan", metrics=broken))[name]
    assert (check.found, "encoder not finite" in check.what) == ("failed", True)
    assert found(write_run(tmp_path / "begun"))[name].what.endswith("nothing was learned yet")


def test_a_process_that_writes_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "run.max_timesteps=50000", how=None, silent=1000.0)
    for step in (5_000, 10_000, 15_000, 20_000):
        write_evaluation(run, step, 1.0)
    name = "events fresh"
    assert found(run)[name].found == "not applicable"
    with driven(run):
        check = found(run)[name]
        assert check.found == "failed"
        # A busy machine may take some seconds from one line to the next.
        assert re.search(r"1[67]:\d\d ago, usually one every 0:05", check.what)
        age(run, 1.0)
        assert found(run)[name].found == "ok"


def test_a_run_of_another_environment(tmp_path: Path) -> None:
    length = ("run.max_timesteps=400", "run.eval_freq=200", "run.save_freq=200", "run.log_interval=100")
    directory = RunDirectory(tmp_path / "run")
    assert train(elsewhere("Tiny/Reach-v0", *length), directory.path, "av-td3 train") == 0
    checks = found(directory)
    assert failures(directory) == []
    assert checks["LayerNorm"].found == "not applicable"
    assert checks["gradient clipping"].found == "warning", "its authors clip nothing"
    assert run_status(directory.path) == 0


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="not a run directory"):
            run_doctor(path)
