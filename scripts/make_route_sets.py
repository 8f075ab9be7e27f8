#!/usr/bin/env python
"""Writes the committed route sets of the protocol, `av_td3_system/evaluation/route_sets/`.

Where a set that is there differs from the one that is found now, its version is raised: figures before and after are
not of the same routes.

    python scripts/make_route_sets.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works from a clone without installation

from av_td3_system.evaluation.route_set import FOLDER, RouteSet, as_text, find_routes
from av_td3_system.town.town import built_in_towns


def main() -> None:
    """Find, compare, write."""
    for town in built_in_towns():
        for split in ("validation", "test"):
            path = FOLDER / f"{town}-{split}.json"
            before = RouteSet.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None
            found = find_routes(town, split, before.version if before else 1)
            if before is not None and found.routes != before.routes:
                found = found.model_copy(update={"version": before.version + 1})
            path.write_text(as_text(found), encoding="utf-8")
            print(f"{path.name}: version {found.version}, {found.on_training_lanes:.1%} on lanes of training routes")


if __name__ == "__main__":
    main()
