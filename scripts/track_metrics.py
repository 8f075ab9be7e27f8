#!/usr/bin/env python
"""Follow the metrics of training runs: the action plan's `python scripts/track_metrics.py`, same as `av-td3 track`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works from a clone without installation

from av_td3_system.config.errors import UserError
from av_td3_system.monitoring.tracker import DEFAULT_METRICS, track


def main() -> int:
    """Read the flags and track; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--log-dir", nargs="+", required=True, metavar="PATH_OR_GLOB", help="run directories or patterns"
    )
    parser.add_argument("--metrics", nargs="+", default=list(DEFAULT_METRICS), help="default: %(default)s")
    parser.add_argument("--window", type=int, default=1000, help="timesteps of each mean (default: %(default)s)")
    parser.add_argument("--update-freq", type=float, default=300, help="seconds between tables (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="print one table and end")
    parser.add_argument("--json", action="store_true", help="one JSON object a line and run")
    flags = parser.parse_args()
    try:
        track(
            flags.log_dir,
            flags.metrics,
            window=flags.window,
            update_freq=flags.update_freq,
            once=flags.once,
            as_json=flags.json,
        )
    except UserError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
