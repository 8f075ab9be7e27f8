"""Plain state loads without code, keeps every bit, and hashes canonically."""

from __future__ import annotations

import enum
import io
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.checkpointing.plain_state import state_hash, to_numpy, to_plain


class _Phase(str, enum.Enum):
    LEARNING = "learning"


def _round_trip(state: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(to_plain(state), buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize(
    "dtype",
    ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"],
)
def test_arrays_of_every_dtype_come_back_to_the_bit(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    back = to_numpy(_round_trip({"array": array}))["array"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_mixed_state_comes_back(tmp_path: Any) -> None:
    state = OrderedDict(
        counter=np.int64(7),
        rate=np.float64(0.1),
        flag=np.bool_(True),
        none=None,
        big=2**127 + 1,
        phase=_Phase.LEARNING,
        nested={"list": [1, (2.5, "x")], 3: b"bytes"},
        parameter=torch.nn.Parameter(torch.ones(2)),
    )
    back = _round_trip(state)
    assert back["counter"] == 7
    assert type(back["counter"]) is int
    assert back["rate"] == 0.1
    assert type(back["rate"]) is float
    assert back["flag"] is True
    assert back["big"] == 2**127 + 1
    assert back["phase"] == "learning"
    assert type(back["phase"]) is str
    assert back["nested"] == {"list": [1, (2.5, "x")], 3: b"bytes"}
    assert not back["parameter"].requires_grad


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10)[::-1],
        np.arange(12).reshape(3, 4).T,
        np.array(3.5),
        np.zeros((0, 4), dtype=np.uint8),
        np.arange(3, dtype=">i4"),
        np.frombuffer(b"abcd", dtype=np.uint8),
    ],
    ids=["reversed", "transposed", "zero-dimensional", "empty", "big-endian", "read-only"],
)
@pytest.mark.filterwarnings("error")
def test_awkward_arrays_come_back(array: np.ndarray) -> None:
    back = to_numpy(_round_trip({"array": array}))["array"]
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


def test_a_view_does_not_drag_its_storage_along() -> None:
    whole = torch.zeros(1_000_000)
    buffer = io.BytesIO()
    torch.save(to_plain({"part": whole[:10]}), buffer)
    assert buffer.tell() < 10_000


def test_large_arrays_are_not_copied() -> None:
    array = np.zeros(1000)
    plain = to_plain({"array": array})["array"]
    array[3] = 1
    assert plain[3] == 1


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [object()]}, r"state\['a'\]\[0\] is a object"),
        ({"a": {1, 2}}, "set"),
        ({"a": np.array(["x"])}, "array"),
        ({"a": np.array([object()])}, "array"),
        ({1.5: 0}, "key"),
        ({"a": lambda: 0}, "function"),
    ],
)
def test_what_cannot_be_saved_is_named(value: Any, where: str) -> None:
    with pytest.raises(TypeError, match=where):
        to_plain(value)


def test_hash_ignores_order_of_keys_and_kind_of_array() -> None:
    one = {"a": np.arange(4, dtype=np.float32), "b": {"x": 1, "y": 2.0}}
    two = {"b": {"y": 2.0, "x": 1}, "a": torch.arange(4, dtype=torch.float32)}
    assert state_hash(one) == state_hash(two)
    assert state_hash(one) == state_hash(_round_trip(one))


def test_hash_of_a_known_state_is_stable() -> None:
    """A change of the encoding would make hashes of old runs incomparable."""
    state = {"step": 3, "rate": 0.5, "names": ["a", None, True], "frames": np.arange(6, dtype=np.uint8).reshape(2, 3)}
    assert state_hash(state) == "57aa23e8e41377cbd8fb18b5a099c3ef74d8dfa5df79eb83aace19de7021d7d4"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": None}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [12]}),
        ({"a": ["ab", "c"]}, {"a": ["a", "bc"]}),
        ({"a": [[1], 2]}, {"a": [[1, 2]]}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": np.zeros(4, np.float32)}, {"a": np.zeros(4, np.int32)}),
        ({"a": np.zeros((2, 2))}, {"a": np.zeros(4)}),
        ({"a": {}}, {"a": []}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({1: 0}, {"1": 0}),
    ],
)
def test_hash_tells_different_states_apart(one: Any, two: Any) -> None:
    assert state_hash(one) != state_hash(two)


def test_hash_sees_one_flipped_bit_of_any_dtype() -> None:
    for dtype in (torch.bfloat16, torch.float32, torch.uint8, torch.bool):
        tensor = torch.zeros(100).to(dtype)
        before = state_hash({"t": tensor})
        tensor[50] = 1
        assert state_hash({"t": tensor}) != before
