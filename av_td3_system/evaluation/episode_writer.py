"""Writes the folder of a grid's evaluation, episode by episode."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.checkpointing.atomic import atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.evaluation.drive_figures import drive_figures
from av_td3_system.evaluation.episode_lines import ASKED, LINES, VERSION, Line, read_asked, read_lines
from av_td3_system.monitoring.json_lines import JsonLinesFile


class EpisodeLines:
    """Appends episodes to a folder that it holds for itself.

    Args:
        folder: made where it is missing.
        asked: what this evaluation is; must be what the folder says, if it holds one.

    Raises:
        UserError: the folder holds another evaluation, or another process writes into it.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(_lock(folder))
        try:
            self._agree({"version": VERSION, **asked})
            self._file = JsonLinesFile(folder / LINES)
        except BaseException:
            self._lock.close()
            raise
        self.done = {(line["town"], line["cell_scenario"], line["episode_seed"]) for line in read_lines(folder)}

    def _agree(self, asked: dict[str, Any]) -> None:
        path = self.folder / ASKED
        before = read_asked(self.folder) if path.is_file() else None
        if before is None:
            atomic_write_text(path, json.dumps(asked, indent=1) + "\n")
            return
        other = [name for name in asked if name != "code" and before.get(name) != asked[name]]
        if other:
            raise UserError(
                f"{self.folder} holds another evaluation: {', '.join(other)} differ",
                "give another --out, or delete the folder",
            )

    def append(self, line: Line) -> None:
        """Write one episode."""
        self._file.append(line)
        self.done.add((line["town"], line["cell_scenario"], line["episode_seed"]))

    def close(self) -> None:
        """Let go of the folder."""
        self._file.sync()
        self._file.close()
        self._lock.close()


class DriveMeter:
    """Step observer that measures every drive and writes its line when it ends.

    Args:
        lines: where to.
        told: episode seed -> what its line says beside record and figures.
        decision: simulated seconds of a decision.
        num_envs: worlds.
        trajectories: folder for one file an episode, None for none.
    """

    def __init__(
        self,
        lines: EpisodeLines,
        told: Mapping[int, Mapping[str, Any]],
        decision: float,
        num_envs: int,
        trajectories: Path | None = None,
    ) -> None:
        self._lines, self._told, self._decision, self._folder = lines, told, decision, trajectories
        self._motion: list[list[np.void]] = [[] for _ in range(num_envs)]
        self._driven: list[list[tuple[float, ...]]] = [[] for _ in range(num_envs)]  # action and reward

    def __call__(
        self,
        observation: dict[str, np.ndarray],
        actions: np.ndarray,
        rewards: np.ndarray,
        active: np.ndarray,
        over: np.ndarray,
        infos: dict[str, Any],
    ) -> None:
        """One decision of all worlds; see `protocol.StepObserver`."""
        for w in np.flatnonzero(active):
            self._motion[w].append(infos["motion"][w])
            if self._folder is not None:
                self._driven[w].append((*map(float, actions[w]), float(rewards[w])))
        for w in np.flatnonzero(over):
            record: EpisodeRecord = infos["episodes"][w]
            motion = np.array(self._motion[w])
            told = self._told[record.episode_seed]
            self._lines.append({**record.to_dict(), **told, **drive_figures(motion, self._decision)})
            if self._folder is not None:
                self._keep(record, told, motion, np.array(self._driven[w]))
            self._motion[w], self._driven[w] = [], []

    def _keep(self, record: EpisodeRecord, told: Mapping[str, Any], motion: np.ndarray, driven: np.ndarray) -> None:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{record.town}-{told['cell_scenario']}-{told['route']}-{told['traffic']}-{record.weather}.npz"
        columns: dict[str, Any] = {field: motion[field] for field in motion.dtype.names or ()}
        columns |= {"steering": driven[:, 0], "pedal": driven[:, 1], "reward": driven[:, 2]}
        np.savez_compressed(self._folder / name, **columns)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    import fcntl

    with open(folder / ".lock", "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process evaluates into {folder}", "wait for it, or give another --out") from None
        except OSError:  # network file systems without locks: go on unprotected
            pass
        yield
