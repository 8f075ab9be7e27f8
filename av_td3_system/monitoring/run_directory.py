"""The run directory: the names of its files, once, and how one is made."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from av_td3_system.config.errors import UserError

RUNS = Path("runs")
LOCK_ATTEMPTS = 5


@dataclass(frozen=True)
class RunDirectory:
    """Names of everything in a run directory; nothing is read or created by looking at them."""

    path: Path

    @property
    def manifest(self) -> Path:
        """What was run, on what."""
        return self.path / "manifest.json"

    @property
    def config(self) -> Path:
        """Resolved config, enough to start again."""
        return self.path / "config.yaml"

    @property
    def log(self) -> Path:
        """Readable log."""
        return self.path / "train.log"

    @property
    def metrics(self) -> Path:
        """Metrics of record."""
        return self.path / "metrics.jsonl"

    @property
    def episodes(self) -> Path:
        """Training episodes."""
        return self.path / "episodes.jsonl"

    @property
    def events(self) -> Path:
        """Phases, alerts, verdicts, remedies."""
        return self.path / "events.jsonl"

    @property
    def remedies(self) -> Path:
        """What the run did by itself against trouble."""
        return self.path / "remedies.json"

    @property
    def evaluations(self) -> Path:
        """One line per evaluation."""
        return self.path / "evaluations.jsonl"

    @property
    def initial(self) -> Path:
        """Networks that the run began with, where they were given."""
        return self.path / "initial.pt"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def replay(self) -> Path:
        """Folder of the replay's pieces, which checkpoints name."""
        return self.path / "replay"

    @property
    def videos(self) -> Path:
        """Folder of videos."""
        return self.path / "videos"

    @property
    def results_json(self) -> Path:
        """Results for machines."""
        return self.path / "results.json"

    @property
    def results_md(self) -> Path:
        """Results for people."""
        return self.path / "RESULTS.md"

    @property
    def policy(self) -> Path:
        """Last actor."""
        return self.path / "policy.safetensors"

    @property
    def best_policy(self) -> Path:
        """Best actor by held-out evaluation."""
        return self.path / "best_policy.safetensors"

    @property
    def event_files(self) -> list[Path]:
        """TensorBoard event files, oldest first."""
        return sorted(self.path.glob("events.out.tfevents.*"))

    @property
    def is_used(self) -> bool:
        """Whether a run has left anything here that a new run would mix with."""
        files = (
            self.manifest,
            self.config,
            self.metrics,
            self.episodes,
            self.events,
            self.evaluations,
            self.results_json,
            self.initial,
        )
        return any(file.exists() for file in files) or bool(self.event_files) or _has_entries(self.checkpoints)

    @classmethod
    def create(
        cls,
        path: Path | None = None,
        *,
        algo: str,
        scenario: int,
        seed: int,
        env: str | None = None,
        root: Path = RUNS,
    ) -> RunDirectory:
        """Make the directory of a new run, and point `root/latest` to it if it lies in `root`.

        Args:
            path: `--log-dir`, or None for `root/<algo>_scenario<k>_seed<s>_<time>`.
            algo: td3 or ddpg.
            scenario: 0, 1 or 2.
            seed: of the run.
            env: of a run outside the town; stands in the name in place of the scenario.
            root: where runs without a given place go.

        Raises:
            UserError: the directory was used by a run, is the working directory, or cannot be written.
        """
        if path is not None and Path(path) == Path():
            raise UserError("--log-dir is empty or the working directory itself", hint="name a folder for the run")
        what = f"scenario{scenario}" if env is None else re.sub(r"[^\w.-]+", "-", env)
        place = _free_name(root, f"{algo}_{what}_seed{seed}") if path is None else Path(path).expanduser()
        made = cls(place)
        try:
            if made.is_used:
                raise UserError(f"{made.path} already holds a run", hint="choose another --log-dir")
            made.checkpoints.mkdir(parents=True, exist_ok=True)
            made.videos.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=made.path):
                pass
        except OSError as error:
            raise UserError(
                f"cannot write to the run directory {made.path}: {error.strerror}",
                hint="choose another --log-dir, or check its permissions and the disk",
            ) from error
        if made.path.resolve().parent == root.resolve():
            made.link_latest(root)
        return made

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The directory of an existing run.

        Raises:
            UserError: there is no run at `path`.
        """
        run = cls(Path(path))
        if not run.manifest.is_file():
            raise UserError(f"{path} is not a run directory: it has no manifest.json", hint="see runs/ for the runs")
        return run

    def clear(self) -> None:
        """Remove what a run left here that has nothing to go on from, but its log, its lock and what it began with."""
        files = (self.metrics, self.episodes, self.events, self.evaluations, self.results_json, self.results_md)
        for file in (*files, *self.event_files, self.policy, self.best_policy):
            file.unlink(missing_ok=True)
        for folder in (self.checkpoints, self.replay):
            shutil.rmtree(folder, ignore_errors=True)
        self.checkpoints.mkdir()

    def link_latest(self, root: Path = RUNS) -> None:
        """Point `root/latest` to this run in one step, so that it never points nowhere."""
        root.mkdir(parents=True, exist_ok=True)
        link = root / "latest"
        fresh = root / f".latest.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        try:
            fresh.symlink_to(os.path.relpath(self.path.resolve(), root.resolve()))
            os.replace(fresh, link)
        except OSError:  # a file system without links, or a folder of that name: a convenience, not a need
            fresh.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory for one writer; the system lets go of it when the process ends, however it ends.

        Raises:
            UserError: another process trains in it.
        """
        with open(self.path / ".lock", "w", encoding="utf-8") as file:
            try:
                _lock(file.fileno())
            except BlockingIOError:
                raise UserError(
                    f"another process is training in {self.path}", hint="wait for it, or stop it with Ctrl-C"
                ) from None
            except OSError:  # network file systems without locks: go on unprotected
                pass
            yield


def _lock(descriptor: int) -> None:
    """Lock for one writer; whoever only looks whether somebody does holds it for a moment, so it is tried again.

    Raises:
        BlockingIOError: somebody holds it.
    """
    import fcntl

    for _ in range(LOCK_ATTEMPTS - 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.05)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _free_name(root: Path, stem: str) -> Path:
    base = root / f"{stem}_{datetime.now():%Y%m%d-%H%M%S}"
    path, count = base, 1
    while path.exists():
        count += 1
        path = base.with_name(f"{base.name}-{count}")
    return path


def _has_entries(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
