"""State as plain values: what may be saved, loaded without running code, and hashed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from av_td3_system.config.layout import OF_THE_MACHINE


def to_plain(state: Any) -> Any:
    """The same state in types that `torch.load(weights_only=True)` accepts.

    Mappings become dicts, tuples stay tuples, NumPy arrays become tensors (sharing memory where
    possible), NumPy scalars and string enums become Python's, tensors are detached and moved to
    the processor, and a tensor that views a part of a larger storage is copied out of it.

    Raises:
        TypeError: something cannot be represented; names where it lies.
    """
    return _plain(state, "state")


def to_numpy(state: Any) -> Any:
    """The same state with every tensor as a NumPy array, for rooms that know no torch."""
    if isinstance(state, torch.Tensor):
        return state.numpy()
    if isinstance(state, dict):
        return {key: to_numpy(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(to_numpy(value) for value in state)
    return state


def state_hash(state: Any) -> str:
    """SHA-256 (hex) over a nested state, without what lies under a key `OF_THE_MACHINE`.

    Independent of the order of dict keys and of whether numbers lie in an array or a tensor, and of
    the device; sensitive to every bit of every value, to types, shapes and keys.

    Raises:
        TypeError: as `to_plain`.
    """
    digest = hashlib.sha256()
    _feed(to_plain(state), digest.update)
    return digest.hexdigest()


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, np.generic):
        value = _python_scalar(value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, torch.Tensor):
        return _plain_tensor(value, where)
    if isinstance(value, np.ndarray):
        return _tensor_of(value, where)
    if isinstance(value, Mapping):
        return {_plain_key(key, where): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    raise TypeError(f"{where} is a {type(value).__name__}, which a checkpoint cannot hold; make it plain values")


def _python_scalar(value: np.generic, where: str) -> Any:
    plain = value.item()
    if isinstance(plain, np.generic) or not isinstance(plain, (bool, int, float, str, bytes)):
        raise TypeError(f"{where} is a NumPy {value.dtype}, which a checkpoint cannot hold")
    return plain


def _plain_key(key: Any, where: str) -> str | int:
    if isinstance(key, bool) or not isinstance(key, (str, int, np.integer)):
        raise TypeError(f"{where} has the key {key!r}; keys are strings or whole numbers")
    return str.__str__(key) if isinstance(key, str) else int(key)


def _plain_tensor(tensor: torch.Tensor, where: str) -> torch.Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise TypeError(f"{where} is a {tensor.layout} tensor, which a checkpoint cannot hold")
    plain = tensor.detach().cpu()
    # A tensor is saved with all of its storage: a view of ten rows would drag the whole array along.
    is_part = plain.untyped_storage().nbytes() != plain.numel() * plain.element_size()
    return plain.clone(memory_format=torch.contiguous_format) if is_part else plain.contiguous()


def _tensor_of(array: np.ndarray, where: str) -> torch.Tensor:
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape)
    if not native.flags.writeable:  # torch warns about sharing memory that it could write
        native = native.copy()
    try:
        return torch.from_numpy(native)
    except TypeError as error:
        raise TypeError(f"{where} is an array of {array.dtype}, which a checkpoint cannot hold") from error


def _feed(value: Any, update: Callable[[Any], None]) -> None:
    """Feed a plain value to a hash: a letter for the type, sizes before contents, so that nothing runs together."""
    if value is None:
        update(b"n")
    elif isinstance(value, bool):
        update(b"T" if value else b"F")
    elif isinstance(value, int):
        _feed_bytes(b"i", str(value).encode(), update)
    elif isinstance(value, float):
        update(b"f" + struct.pack("<d", value))
    elif isinstance(value, str):
        _feed_bytes(b"s", value.encode(), update)
    elif isinstance(value, bytes):
        _feed_bytes(b"b", value, update)
    elif isinstance(value, torch.Tensor):
        header = f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        _feed_bytes(b"a", header.encode(), update)
        update(value.reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, dict):
        value = {key: item for key, item in value.items() if key != OF_THE_MACHINE}
        update(b"d" + struct.pack("<Q", len(value)))
        for key in sorted(value, key=lambda key: (isinstance(key, str), key)):
            _feed(key, update)
            _feed(value[key], update)
    else:  # a list or tuple: the same to the state they restore
        update(b"l" + struct.pack("<Q", len(value)))
        for item in value:
            _feed(item, update)


def _feed_bytes(letter: bytes, content: bytes, update: Callable[[Any], None]) -> None:
    update(letter + struct.pack("<Q", len(content)))
    update(content)
