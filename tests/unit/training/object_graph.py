"""Every number that an object of the project consists of, wherever it lies."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

PROJECT = "av_td3_system"


def leaves(root: Any) -> dict[str, Any]:
    """Path -> value of all arrays, tensors, generators' states and plain values that can be reached."""
    return dict(_walk(root, "", set()))


def _walk(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if value is None or isinstance(value, (bool, int, float, str, bytes, enum.Enum)):
        yield path, value
    elif id(value) not in seen:
        seen.add(id(value))
        number = _number(value)
        if number is not None:
            yield path, number
        else:
            for name, item in _parts(value):
                yield from _walk(item, f"{path}{name}".lstrip("."), seen)


def _number(value: Any) -> Any:
    """What is compared whole, as a copy; None of anything else."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (np.ndarray, np.generic)):
        return np.array(value)
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of what an object is made of; nothing of what is not the project's."""
    if isinstance(value, torch.optim.Optimizer):
        yield ".state", value.state_dict()
    elif isinstance(value, Mapping):
        yield ".keys", repr(sorted(map(repr, value)))
        for key in value:
            yield f"[{key!r}]", value[key]
    elif isinstance(value, (list, tuple, deque)):
        yield ".length", len(value)
        names = getattr(value, "_fields", range(len(value)))
        for name, item in zip(names, value, strict=True):
            yield f".{name}" if isinstance(name, str) else f"[{name}]", item
    elif type(value).__module__.startswith(PROJECT) or isinstance(value, torch.nn.Module):
        for name, item in _attributes(value):
            yield f".{name}", item


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.nn.Module):
        yield from value.named_parameters()
        yield from value.named_buffers()
        return
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(value, name):
                yield name, getattr(value, name)


def different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Paths of what is not the same in both, sorted."""
    return sorted(path for path in {*one, *other} if not _same(one.get(path, _Missing), other.get(path, _Missing)))


class _Missing:
    pass


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        fields = a.dtype.names  # between the fields of a record lie bytes that mean nothing
        return all(_same(a[name], b[name]) for name in fields) if fields else a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    return bool(a == b)
