"""Every command block of docs/action-plan.md, run as it stands there, with fewer steps.

The blocks run in a copy of the repository, in the order of the document, as a user would type them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from av_td3_system.config.load import load_config

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "action-plan.md"
BLOCK = re.compile(r"<!-- test: (\w+) -->\n```\w*\n(.*?)```", re.DOTALL)
SHORTER = {
    r"--max-timesteps \d+": "--max-timesteps 400",
    r"--eval-freq \d+": "--eval-freq 200",
    r"--save-freq \d+": "--save-freq 200",
    r"--episodes 200": "--episodes 2",
}
SMALL = (
    "--set evaluation.episodes=2 exploration.learning_starts=100 run.log_interval=50 run.num_envs=4 "
    "agent.batch_size=16 agent.updates_per_step=0.2 camera.width=36 camera.height=36 network.crop_top=0 "
    "environment.stuck_time=5 run.threads=1"
)
HALF_A_MINUTE = 30.0

pytestmark = pytest.mark.slow


def blocks() -> dict[str, str]:
    return dict(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")))


class Clone:
    """A copy of the repository with a shell in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
        self.environment.pop("PYTHONPATH", None)

    @property
    def run(self) -> Path:
        """The run of the plan's 10K validation."""
        return next(iter(sorted((self.root / "av_td3_system/data/logs").glob("TD3_10k_validation_*"))))

    def command(self, name: str) -> str:
        text = blocks()[name]
        for pattern, short in SHORTER.items():
            text = re.sub(pattern, short, text)
        if "/train_" in text:
            body, pipe, rest = text.rstrip().partition("2>&1")
            text = f"{body.rstrip(chr(92) + chr(10) + ' ')} {SMALL} {pipe}{rest}"
        return text.replace("RUN", self.run.relative_to(self.root).as_posix()) if "RUN" in text else text

    def type(self, name: str, timeout: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Run a block; fails the test unless it succeeds (of a pipe into `tee`, unless its first part does)."""
        typed = self.command(name)
        shell = ["bash", "-o", "pipefail"] if "| tee" in typed else ["bash"]
        done = subprocess.run(
            [*shell, "-c", typed],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{typed}\n-> {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    root = tmp_path_factory.mktemp("clone") / "project"
    # The same sources find the same compiled kernels (kernel_cache.py), wherever they lie.
    shutil.copytree(
        ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", "runs", ".*_cache", ".hypothesis", "__pycache__")
    )
    for logs in ("data/logs", "docs/logs"):
        shutil.rmtree(root / "av_td3_system" / logs)
        (root / "av_td3_system" / logs).mkdir()
    copy = Clone(root)
    copy.type("train_10k")
    return copy


def test_the_document_and_this_test_know_the_same_blocks() -> None:
    tested = set(re.findall(r'(?:type|command|blocks\(\))[\[(]"(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert set(blocks()) == tested


def test_the_10k_run_leaves_what_the_plan_looks_for(clone: Clone) -> None:
    run = clone.run
    names = {path.name for path in run.iterdir()}
    assert {"manifest.json", "config.yaml", "train.log", "results.json", "RESULTS.md", "policy.safetensors"} <= names
    assert list(run.glob("events.out.tfevents.*"))
    assert {"td3_0.2k.pt", "td3_0.4k.pt"} <= {path.name for path in (run / "checkpoints").iterdir()}
    results = json.loads((run / "results.json").read_text())
    assert (results["algo"], results["scenario"], results["seed"], results["env_steps"]) == ("td3", 0, 42, 400)
    assert results["ended"] == "completed"
    log = (run / "train.log").read_text()
    assert "Saved checkpoint" in log
    assert "\r" not in log


def test_phases_are_found_in_the_log(clone: Clone) -> None:
    lines = clone.type("phases").stdout.splitlines()
    assert "EXPLORATION" in lines[0]
    assert "LEARNING" in lines[-1]


def test_learning_starts_is_the_plans(clone: Clone) -> None:
    assert "learning_starts: 1000" in clone.type("learning_starts").stdout


def test_reward_components_are_extracted(clone: Clone) -> None:
    clone.type("reward_lines")
    first = (clone.root / "reward_breakdown.txt").read_text().splitlines()[0]
    for name in ("efficiency_reward", "lane_keeping_reward", "comfort_penalty", "safety_penalty", "progress_reward"):
        assert re.search(rf"{name}=-?\d", first)


def test_rewards_are_read(clone: Clone) -> None:
    reading = clone.type("rewards").stdout
    assert "share" in reading
    assert reading.splitlines()[-1].startswith("- ")


def test_the_reward_function_is_found(clone: Clone) -> None:
    assert "def compute_reward" in clone.type("reward_code").stdout


def test_tensorboard_shows_the_run(clone: Clone) -> None:
    command = clone.command("tensorboard").strip() + " --port 0 --bind_all"
    server = subprocess.Popen(
        command.split(),
        cwd=clone.root,
        env=clone.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stderr is not None
        port = next(found[1] for line in server.stderr if (found := re.search(r"http://[^:]+:(\d+)/", line)))
        assert clone.run.name in _runs_shown(port)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=HALF_A_MINUTE)


def _runs_shown(port: str) -> list[str]:
    """What the server lists once it has read the folder."""
    deadline = time.monotonic() + HALF_A_MINUTE
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://localhost:{port}/data/runs", timeout=HALF_A_MINUTE) as answer:
            if runs := json.load(answer):
                return [name.split("/")[0] for name in runs]
        time.sleep(0.5)
    return []


def test_the_plans_snippet_reads_the_rewards(clone: Clone) -> None:
    snippet = clone.command("event_accumulator")
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=clone.root,
        env=clone.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    episodes = [json.loads(line)["episode_reward"] for line in (clone.run / "episodes.jsonl").open()]
    mean = float(re.findall(r"Mean: (-?[\d.]+)", done.stdout)[0])
    assert mean == pytest.approx(sum(episodes[-50:]) / len(episodes[-50:]), abs=0.01)


def test_the_gate_reads_the_run(clone: Clone) -> None:
    reading = clone.type("gate").stdout
    assert "verdict: EXTEND" in reading, "400 steps decide nothing"
    assert json.loads((clone.run / "results.json").read_text())["gate"] is None, "the run has no 5K of its own"


def test_the_daily_checklist_finds_nothing_wrong(clone: Clone) -> None:
    whole, newest = clone.type("status").stdout.split("\nav_td3_system/")
    assert whole.splitlines()[0].endswith("td3, scenario 0, seed 42: all well")
    assert "completed at step 400 of 400" in whole
    assert "no GPU in use" in newest or "utilization" in newest


def test_the_contact_points_are_checked(clone: Clone) -> None:
    said = clone.type("doctor").stdout
    assert "1 of 1 called in a forward pass of" in said
    assert re.search(r"^ok +TensorBoard +event files and metrics.jsonl agree up to step 400$", said, re.MULTILINE)
    assert re.search(r"^ok +replay", said, re.MULTILINE)
    assert "FAILED" not in said


@pytest.fixture(scope="module")
def with_ddpg(clone: Clone) -> Clone:
    clone.type("train_ddpg")
    return clone


def test_ddpg_trains(with_ddpg: Clone) -> None:
    run = next((with_ddpg.root / "runs").glob("ddpg_scenario0_seed42_*"))
    assert (run / "checkpoints" / "ddpg_0.4k.pt").is_file() or (run / "checkpoints" / "final.pt").is_file()
    assert (with_ddpg.root / "runs" / "latest").resolve() == run.resolve()


def test_both_runs_stand_beside_each_other(with_ddpg: Clone) -> None:
    shown = with_ddpg.type("status_compare").stdout
    assert "at step 400 beside runs/latest" in shown
    assert re.search(r"evaluation reward +-?[\d.]+ +-?[\d.]+", shown)


@pytest.fixture(scope="module")
def extended(clone: Clone) -> Clone:
    clone.type("train_100k")
    return clone


def test_the_tracker_follows_several_runs(extended: Clone) -> None:
    command = extended.command("track").replace("# Update every 5 minutes", "").rstrip() + " --once"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=extended.root,
        env=extended.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["run", "step", "episode_reward", "q_value", "td_error", "critic_loss"]
    assert [row.split("_")[1] for row in rows] == ["100k", "10k"]


@pytest.fixture(scope="module")
def production(clone: Clone) -> list[str]:
    done = clone.type("train_1m")
    logged = (clone.root / "av_td3_system/docs/logs/1M_run.log").read_text()
    assert "\r" not in logged
    assert logged == done.stdout
    return logged.splitlines()


def test_production_is_piped_line_by_line(production: list[str]) -> None:
    assert any("Episode 1 " in line for line in production)
    assert all(len(line) < 1000 for line in production)


def test_the_log_can_be_watched(clone: Clone, production: list[str]) -> None:
    command = clone.command("tail").replace("tail -f", "tail -n +1")
    done = subprocess.run(["bash", "-c", command], cwd=clone.root, capture_output=True, text=True, timeout=60)
    assert any("reward_components" in line for line in done.stdout.splitlines())


def test_drivers_are_evaluated(clone: Clone) -> None:
    table = clone.type("evaluate").stdout
    assert table.count("success rate") == 2
    assert "n 2 " in table


@pytest.mark.parametrize("settings", [line.split() for line in blocks()["settings"].splitlines()], ids=" ".join)
def test_contingency_settings_exist(settings: list[str]) -> None:
    """Each is known and, where it differs from the preset, changes it."""
    changed = load_config("td3", overrides=settings).model_dump()
    for setting in settings:
        name, _, value = setting.partition("=")
        section, key = name.split(".")
        assert str(changed[section][key]).lower() == str(json.loads(value)).lower()
