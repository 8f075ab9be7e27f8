"""The sum tree against plain sums over its leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.replay.sum_tree import SumTree, find

weight = st.floats(0, 1e6) | st.just(0.0)


@given(count=st.integers(2, 40), data=st.data())
def test_every_node_is_the_sum_of_its_leaves(count: int, data: st.DataObject) -> None:
    tree, plain = SumTree(count), np.zeros(count)
    for _ in range(3):
        changes = data.draw(st.lists(st.tuples(st.integers(0, count - 1), weight), max_size=20))
        tree.put(np.array([leaf for leaf, _ in changes], np.int64), np.array([value for _, value in changes]))
        for leaf, value in changes:
            plain[leaf] = value
        assert np.array_equal(tree.leaves, plain)
        for node in range(1, count):
            assert tree.nodes[node] == tree.nodes[2 * node] + tree.nodes[2 * node + 1]
        assert tree.total == pytest.approx(plain.sum(), rel=1e-12)


@given(weights=st.lists(weight, min_size=2, max_size=40), share=st.floats(0, 1))
def test_no_point_falls_on_a_leaf_without_weight(weights: list[float], share: float) -> None:
    tree = SumTree(len(weights))
    tree.put(np.arange(len(weights)), np.array(weights))
    for point in (share * tree.total, tree.total, 2 * tree.total + 1):  # rounding may lead beyond the end
        assert tree.leaves[find(tree.nodes, point)] > 0 or tree.total == 0


@pytest.mark.parametrize("count", [2, 5, 8, 13])
def test_a_leaf_gets_the_stretch_of_points_that_it_weighs(count: int) -> None:
    tree = SumTree(count)
    weights = (np.arange(count) % 4).astype(float)
    tree.put(np.arange(count), weights)
    found = [find(tree.nodes, point + 0.5) for point in range(int(tree.total))]
    assert np.bincount(found, minlength=count).tolist() == weights.tolist()


def test_a_tree_made_anew_is_the_same_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    tree, anew = SumTree(1000), SumTree(1000)
    for _ in range(200):
        tree.put(rng.integers(0, 1000, 64), rng.random(64) ** 8 * 10 ** rng.integers(0, 6, 64))
    anew.leaves[:] = tree.leaves
    anew.sum_up()
    assert np.array_equal(tree.nodes, anew.nodes)
