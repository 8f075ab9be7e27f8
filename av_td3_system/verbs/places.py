"""Verbs of the town: check a map, serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from av_td3_system.flags import spreading
from av_td3_system.verbs.app import WRAP, app


@app.command(name="town", context_settings=WRAP)
def town_(
    name: Annotated[str, typer.Argument(metavar="TOWN|FILE.xodr", help="Built-in town or OpenDRIVE map.")],
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png|jpg", help="Where to draw it [./TOWN.png].")] = None,
    scenario: Annotated[int, typer.Option(metavar="0|1|2", help="Traffic that must find room.")] = 0,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Side of the picture.")] = 1600,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> int:
    """Check a map and draw it with its routes."""
    from av_td3_system.town.survey import run_town

    return run_town(name, picture, scenario, size, as_json)


@app.command(name="serve-carla", cls=spreading("--inject"), context_settings=WRAP)
def serve_carla(
    town: Annotated[str, typer.Argument(metavar="[TOWN|FILE.xodr]", help="Built-in town or OpenDRIVE map.")] = "TownA",
    port: Annotated[int, typer.Option(metavar="P", help="Of the calls; streams at P + 1. 0: any two.")] = 2000,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="To listen at; others than this machine may come.")] = (
        "127.0.0.1"
    ),
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT...",
            help="Faults on purpose, NAME@TICK[:LENGTH]: hang, kill, drop, late, reload, destroy, refuse_spawn.",
        ),
    ] = None,
) -> int:
    """Serve a town as a CARLA 0.9.16 server.

    Any client script of CARLA may connect; what is not served is refused by name. Ends with Ctrl-C.
    """
    from av_td3_system.carla_server.command import run_serve_carla

    return run_serve_carla(town, host, port, inject or ())


@app.command(name="carla-map", context_settings=WRAP)
def carla_map(
    name: Annotated[str, typer.Argument(metavar="MAP", help="As the server names it, for instance Town01.")],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Of a CARLA server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="P", help="Of its calls.")] = 2000,
    out: Annotated[Path | None, typer.Option(metavar="FILE.xodr", help="Where to write it [MAP.xodr].")] = None,
) -> int:
    """Write a map of a CARLA server to a file.

    The server loads the map and keeps it: not while anybody drives there.
    Routes are made of the file; `--set environment.town=FILE.xodr` drives it, in the town and on CARLA.
    """
    from av_td3_system.environments.carla.map_file import run_carla_map

    return run_carla_map(name, host, port, out)
