"""What the built-in towns look like from above; `make_towns.py` turns it into roads."""

from __future__ import annotations

from typing import NamedTuple

Node = tuple[float, float, float]
"""A junction: position in m and setback of its arms in m."""
Corner = tuple[float, float, float]
"""Where a street bends: position in m and radius of the arc in m."""
Street = tuple[str, str, list[Corner]]
"""From, to, and corners between them."""


class Layout(NamedTuple):
    """One town: junctions by name and the streets between them.

    Streets of `wide` have two lanes a side instead of one. Nodes of `round` are roundabouts around an
    island of that radius, m.
    """

    name: str
    nodes: dict[str, Node]
    streets: list[Street]
    wide: frozenset[tuple[str, str]] = frozenset()
    round: dict[str, float] = {}  # noqa: RUF012 (never changed)


_A_NODES: dict[str, Node] = {
    "west": (0, 104, 13),
    "south": (176, -4, 13),
    "market": (92, 98, 13),
    "bridge": (182, 94, 13.5),
    "station": (293, 101, 13.5),
    "mill": (96, 188, 13),
    "church": (184, 182, 13),
    "park": (288, 190, 13.5),
    "north": (90, 291, 13),
    "hill": (296, 286, 13),
    "east": (396, 184, 13),
}

_A_STREETS: list[Street] = [
    ("west", "south", [(0, 42, 60), (12, 0, 25), (92, 6, 60)]),
    ("south", "station", [(236, -4, 60), (293, 16, 35)]),
    ("station", "east", [(396, 101, 30)]),
    ("east", "hill", [(396, 250, 60), (374, 286, 28)]),
    ("hill", "north", [(240, 286, 50), (205, 300, 45), (150, 300, 60), (128, 291, 60)]),
    ("north", "west", [(14, 291, 30), (0, 240, 60)]),
    ("west", "market", [(34, 104, 45), (58, 98, 45)]),
    ("market", "bridge", []),
    ("market", "mill", []),
    ("bridge", "station", [(232, 94, 60), (258, 101, 60)]),
    ("bridge", "south", [(182, 62, 60), (173, 32, 60)]),
    ("bridge", "church", []),
    ("mill", "church", []),
    ("mill", "north", []),
    ("church", "park", [(236, 178, 60)]),
    ("park", "station", []),
    ("park", "east", [(340, 196, 60)]),
    ("park", "hill", []),
]

# A grid of long straight streets that meet in T-junctions, in the manner and size of CARLA's Town01.
_B_NODES: dict[str, Node] = {
    "south-west": (92, 0, 13),
    "south": (158, 0, 13),
    "south-east": (334, 0, 13),
    "dock": (334, 58, 13),
    "yard": (334, 130, 13),
    "school": (334, 198, 13),
    "north-east": (334, 326, 13),
    "north-west": (92, 326, 13),
    "chapel": (92, 198, 13),
    "square": (92, 130, 13),
    "baker": (92, 58, 13),
    "tower": (158, 58, 13),
}

_B_STREETS: list[Street] = [
    ("south-west", "south", []),
    ("south", "south-east", []),
    ("south-east", "north-east", [(396, 0, 22), (396, 326, 26)]),
    ("north-east", "north-west", []),
    ("north-west", "south-west", [(0, 326, 22), (0, 0, 26)]),
    ("south-west", "baker", []),
    ("baker", "square", []),
    ("square", "chapel", []),
    ("chapel", "north-west", []),
    ("south", "tower", []),
    ("baker", "tower", []),
    ("tower", "dock", []),
    ("south-east", "dock", []),
    ("dock", "yard", []),
    ("yard", "school", []),
    ("school", "north-east", []),
    ("square", "yard", []),
    ("chapel", "school", []),
]

# Held out: blocks between crossings of four streets, none of them quite square.
_C_NODES: dict[str, Node] = {
    "pier": (104, -6, 14),
    "bastion": (212, 5, 14),
    "gate": (306, -4, 14),
    "mint": (-6, 98, 14),
    "guild": (98, 106, 14),
    "minster": (205, 101, 14),
    "arcade": (314, 112, 14),
    "tannery": (404, 104, 14),
    "weir": (5, 218, 14),
    "spital": (107, 211, 14),
    "college": (209, 220, 14),
    "granary": (305, 214, 14),
    "foundry": (396, 222, 14),
    "rampart": (101, 334, 14),
    "observatory": (203, 326, 14),
    "cistern": (311, 332, 14),
}

_C_STREETS: list[Street] = [
    ("pier", "bastion", []),
    ("bastion", "gate", []),
    ("gate", "tannery", [(402, -2, 30)]),
    ("tannery", "foundry", [(408, 166, 60)]),
    ("foundry", "cistern", [(402, 330, 34)]),
    ("cistern", "observatory", []),
    ("observatory", "rampart", []),
    ("rampart", "weir", [(2, 330, 26)]),
    ("weir", "mint", []),
    ("mint", "pier", [(0, 2, 24)]),
    ("pier", "guild", []),
    ("guild", "spital", []),
    ("spital", "rampart", [(112, 270, 60)]),
    ("bastion", "minster", []),
    ("minster", "college", []),
    ("college", "observatory", []),
    ("gate", "arcade", []),
    ("arcade", "granary", [(316, 166, 60)]),
    ("granary", "cistern", []),
    ("mint", "guild", []),
    ("guild", "minster", []),
    ("minster", "arcade", [(260, 98, 60)]),
    ("arcade", "tannery", []),
    ("weir", "spital", []),
    ("spital", "college", [(160, 222, 60)]),
    ("college", "granary", []),
    ("granary", "foundry", []),
]

# Held out: boulevards with two lanes a side around a quarter of narrow streets that meet in a roundabout.
_D_NODES: dict[str, Node] = {
    "mole": (150, -6, 20),
    "harbour": (290, 0, 20),
    "east-end": (404, 128, 20),
    "museum": (300, 318, 20),
    "theatre": (150, 322, 20),
    "west-end": (-8, 150, 20),
    "circus": (148, 156, 32),
    "forum": (292, 142, 20),
}

_D_WIDE: list[Street] = [
    ("mole", "harbour", [(220, -14, 60)]),
    ("harbour", "east-end", [(396, 8, 40)]),
    ("east-end", "museum", [(404, 318, 40)]),
    ("museum", "theatre", [(226, 328, 60)]),
    ("theatre", "west-end", [(0, 318, 45)]),
    ("west-end", "mole", [(-6, 0, 40)]),
    ("harbour", "forum", []),
    ("forum", "museum", [(300, 230, 60)]),
    ("forum", "east-end", [(350, 134, 60)]),
]

_D_NARROW: list[Street] = [
    ("west-end", "circus", []),
    ("mole", "circus", []),
    ("circus", "theatre", []),
    ("circus", "forum", []),
]

LAYOUTS = (
    Layout("TownA", _A_NODES, _A_STREETS),
    Layout("TownB", _B_NODES, _B_STREETS),
    Layout("TownC", _C_NODES, _C_STREETS),
    Layout(
        "TownD", _D_NODES, [*_D_WIDE, *_D_NARROW], wide=frozenset(way[:2] for way in _D_WIDE), round={"circus": 18.0}
    ),
)
