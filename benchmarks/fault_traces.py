"""What a run has left on the disk, read without its help."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from av_td3_system.checkpointing.checkpoint_file import CheckpointError
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.store import CheckpointStore


def results_of(run: Path) -> dict[str, Any]:
    """`results.json`, empty where there is none."""
    path = run / "results.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def newest(run: Path) -> str | None:
    """Name of the newest checkpoint that is whole, its pieces of the replay too."""
    if not (run / "checkpoints").is_dir():
        return None
    pieces = PieceStore(run / "replay")
    try:
        loaded = CheckpointStore(run / "checkpoints", "td3").load_latest(
            lambda state: pieces.damaged(state["replay"]["pieces"])
        )
    except CheckpointError:
        return None
    return None if loaded.damaged else loaded.path.name


def is_finite(path: Path) -> bool:
    """Whether all networks, worlds and pending numbers of a checkpoint are finite."""
    state = torch.load(path, weights_only=True)
    tensors = [leaf for part in ("agent", "learner") for leaf in tree_leaves(state.get(part))]
    tensors.append(state["environment"]["vector"])
    return all(bool(torch.isfinite(leaf).all()) for leaf in tensors if isinstance(leaf, torch.Tensor))


def leftovers(run: Path) -> list[str]:
    """What an unfinished write has left, and pieces of the replay that no checkpoint needs."""
    torn = [str(path.relative_to(run)) for path in run.rglob("*") if re.search(r"\.writing-|\.partial", path.name)]
    ledger = run / "checkpoints" / "checksums.json"
    records = json.loads(ledger.read_text()).values() if ledger.is_file() else ()
    needed = {name for record in records for name in record["pieces"]}
    return torn + [path.name for path in run.glob("replay/*.pt") if path.name not in needed]
