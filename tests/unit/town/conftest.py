"""Towns for the tests of this room: the built-in one, loaded once, and small maps written as XML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from av_td3_system.town.lights import plain_ground
from av_td3_system.town.road_network import RoadNetwork, load_network
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.scenery import build_scenery
from av_td3_system.town.surface import SurfaceArrays, build_surface

SHARED_MAPS = Path(__file__).parents[4] / "shared" / "maps"

LANES = """<laneSection s="0">
  <left><lane id="1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
  <center><lane id="0" type="none"/></center>
  <right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection>"""

HEADER = '<header revMajor="1" revMinor="7"/>'
GEOMETRY = '<geometry s="0" x="0" y="0" hdg="0" length="{length}"><line/></geometry>'


def road_xml(
    identifier: str = "1",
    length: float = 40.0,
    *,
    geometry: str | None = None,
    lanes: str = LANES,
    link: str = "",
    extra: str = "",
    junction: str = "-1",
) -> str:
    """One <road>; straight from the origin along +x unless `geometry` is given."""
    plan = GEOMETRY.format(length=length) if geometry is None else geometry
    return (
        f'<road id="{identifier}" length="{length}" junction="{junction}"><link>{link}</link>{extra}'
        f"<planView>{plan}</planView><lanes>{lanes}</lanes></road>"
    )


@pytest.fixture
def write_map(tmp_path: Path) -> Callable[..., Path]:
    """Writes an .xodr file of the given elements and returns its path."""

    def write(*elements: str, name: str = "small.xodr") -> Path:
        path = tmp_path / name
        path.write_text(f"<OpenDRIVE>{HEADER}{''.join(elements)}</OpenDRIVE>", encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_road() -> Callable[..., str]:
    """See `road_xml`."""
    return road_xml


@pytest.fixture(scope="session")
def carla_map() -> Callable[[str], Path]:
    """Path of a CARLA map beside the repository; skips where it is missing."""

    def find(name: str) -> Path:
        path = SHARED_MAPS / f"{name}.xodr"
        if not path.exists():
            pytest.skip(f"{path} is not there (CARLA's maps lie beside the repository, not in it)")
        return path

    return find


@pytest.fixture(scope="session")
def town_a() -> RoadNetwork:
    """The built-in town."""
    return load_network("TownA")


@pytest.fixture(scope="session")
def surface_a(town_a: RoadNetwork) -> SurfaceArrays:
    """Its drivable surface."""
    return build_surface(town_a)


@pytest.fixture(scope="session")
def ground_a(town_a: RoadNetwork) -> GroundArrays:
    """Its ground."""
    return plain_ground(town_a)


@pytest.fixture(scope="session")
def scenery_a(town_a: RoadNetwork, surface_a: SurfaceArrays) -> SceneryArrays:
    """Its scenery, seed 0."""
    return build_scenery(town_a, 0, surface_a)
