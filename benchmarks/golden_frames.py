"""What the town's cameras showed when the golden pictures were made, so that a changed picture is noticed.

A benchmark of a faster simulator says nothing where the simulator draws something else. Some worlds of the training
configuration are driven a fixed number of decisions, and the newest frame of each is compared with a stored one: by
SHA-256 where the machine computes as the one did that made them, else by the mean absolute difference of their
brightness, since another processor may round the last bit of a pose or of a light otherwise.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
FIGURES, PICTURE = FOLDER / "golden_frames.json", FOLDER / "golden_frames.png"
SEED, WORLDS, DECISIONS = 21, 4, 150
CLOSE = 0.5  # of 255, greatest mean absolute difference of one frame that rounding is believed to make


def hash_of(frames: np.ndarray) -> str:
    """SHA-256 of frames, uint8 (N, H, W): of their shape and of every pixel."""
    return hashlib.sha256(str(frames.shape).encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()


def save(frames: dict[str, np.ndarray], figures: Path = FIGURES, picture: Path = PICTURE) -> None:
    """Store frames, uint8 (N, H, W) by name, as the golden ones: one row of the picture a name, one column a frame."""
    Image.fromarray(np.vstack([np.hstack(list(row)) for row in frames.values()])).save(picture, optimize=True)
    stored = {
        "seed": SEED,
        "decisions": DECISIONS,
        "shape": next(iter(frames.values())).shape,
        "sha256": {name: hash_of(row) for name, row in frames.items()},
    }
    figures.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def compare(frames: dict[str, np.ndarray], figures: Path = FIGURES, picture: Path = PICTURE) -> dict[str, Any]:
    """Compare frames, uint8 (N, H, W) by name, with the golden ones.

    Returns:
        `same`; `compared_by` "sha256" or "difference"; `greatest_difference`, of 255, the largest mean absolute
        difference of any frame from its golden one; `changed`, the names of those that are not the same.
    """
    stored = json.loads(figures.read_text(encoding="utf-8"))
    if {name: hash_of(row) for name, row in frames.items()} == stored["sha256"]:
        return {"same": True, "compared_by": "sha256", "greatest_difference": 0.0, "changed": []}
    differences = {name: _difference(row, name, stored, picture) for name, row in frames.items()}
    changed = [name for name, difference in differences.items() if difference > CLOSE]
    changed += [name for name in stored["sha256"] if name not in frames]
    return {
        "same": not changed,
        "compared_by": "difference",
        "greatest_difference": round(max(differences.values()), 3),
        "changed": changed,
    }


def _difference(frames: np.ndarray, name: str, stored: dict[str, Any], picture: Path) -> float:
    """Largest mean absolute difference of a frame; 255 where the golden ones have no such frames."""
    if list(frames.shape) != stored["shape"] or name not in stored["sha256"]:
        return 255.0
    count, height, width = frames.shape
    row = list(stored["sha256"]).index(name)
    with Image.open(picture) as image:
        strip = np.asarray(image)[row * height : (row + 1) * height]
    golden = strip.reshape(height, count, width).swapaxes(0, 1)
    return float(np.abs(frames.astype(np.float64) - golden).mean(axis=(1, 2)).max())
