"""`python -m av_td3_system VERB`, the same as `av-td3 VERB`."""

from __future__ import annotations

import sys

from av_td3_system.cli import main

if __name__ == "__main__":
    sys.exit(main())
