"""The command line that verbs are added to."""

from __future__ import annotations

import typer

WRAP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    name="av-td3",
    help="Train a camera-driven TD3 policy to drive in town traffic, under guards, rung by rung.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=WRAP,
)
