#!/usr/bin/env python
"""Train DDPG: the action plan's command, the same as `av-td3 train --algo ddpg`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # works from a clone without installation

from av_td3_system.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", "--algo", "ddpg", *sys.argv[1:]]))
