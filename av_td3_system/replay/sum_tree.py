"""A sum tree: numbers that change one by one, and draws in proportion to them, in O(log n) each.

Node i holds the sum of nodes 2i and 2i + 1, node 1 the sum of all, the n leaves lie in nodes n to 2n - 1; n need not
be a power of two. A sum is always computed from its two parts and never by adding a difference, so that rounding does
not pile up and a tree made anew from the leaves is the same to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def put(nodes: np.ndarray, leaves: np.ndarray, values: np.ndarray) -> None:
    """Give leaves (int64 (M,)) their values (float64 (M,), >= 0) and every sum above them anew."""
    count = len(nodes) // 2
    for change in range(len(leaves)):
        node = count + leaves[change]
        nodes[node] = values[change]
        while node > 1:
            node //= 2
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@njit(cache=True)
def sum_up(nodes: np.ndarray) -> None:
    """All sums from the leaves."""
    for node in range(len(nodes) // 2 - 1, 0, -1):
        nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@njit(cache=True)
def find(nodes: np.ndarray, point: float) -> int:
    """The leaf that a point in [0, sum) falls on; never one of weight 0 unless all are."""
    count = len(nodes) // 2
    node = 1
    while node < count:
        node *= 2
        # Where rounding leaves a point beyond the last weight, the branch to the right may be empty.
        if point >= nodes[node] and nodes[node + 1] > 0.0:
            point -= nodes[node]
            node += 1
    return node - count


class SumTree:
    """Weights of n leaves, all 0 to begin with.

    Args:
        count: n, at least 2. Memory: 16 bytes a leaf, taken as they are written.
    """

    def __init__(self, count: int) -> None:
        self.nodes = np.zeros(2 * count)
        self.leaves = self.nodes[count:]  # a view; `sum_up` after writing to it

    @property
    def total(self) -> float:
        """Sum of all weights."""
        return float(self.nodes[1])

    def put(self, leaves: np.ndarray, values: np.ndarray) -> None:
        """Set weights; of a leaf named twice the later one counts."""
        put(self.nodes, np.asarray(leaves, np.int64), np.asarray(values, np.float64))

    def sum_up(self) -> None:
        """Renew all sums after the leaves were written to directly."""
        sum_up(self.nodes)
