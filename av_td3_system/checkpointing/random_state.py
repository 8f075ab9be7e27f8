"""Capture and restore every generator that a run draws from, as plain values."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_INTEGER = "int:"  # PCG64 counts in 128 bits, more than other readers of a checkpoint can hold


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """State of a NumPy generator; whole numbers as strings."""
    return {key: _encode(value) for key, value in generator.bit_generator.state.items()}


def restore_generator(generator: np.random.Generator, state: Mapping[str, Any]) -> None:
    """Set a NumPy generator to `generator_state()`.

    Raises:
        ValueError: it is a generator of another kind.
    """
    own = generator.bit_generator.state["bit_generator"]
    if state["bit_generator"] != own:
        raise ValueError(f"the state is of a {state['bit_generator']}, the generator is a {own}")
    generator.bit_generator.state = {key: _decode(value) for key, value in state.items()}


def capture_random_state(
    generators: Mapping[str, np.random.Generator] | None = None,
    torch_generators: Mapping[str, torch.Generator] | None = None,
) -> dict[str, Any]:
    """State of the given generators and of the global ones of Python, NumPy, torch and CUDA."""
    version, words, gauss = random.getstate()
    legacy = dict(np.random.get_state(legacy=False))  # noqa: NPY002 (captured for libraries that draw from it)
    return {
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {key: _encode(value) for key, value in legacy.items()},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "generators": {name: generator_state(generator) for name, generator in (generators or {}).items()},
        "torch_generators": {name: generator.get_state() for name, generator in (torch_generators or {}).items()},
    }


def restore_random_state(
    state: Mapping[str, Any],
    generators: Mapping[str, np.random.Generator] | None = None,
    torch_generators: Mapping[str, torch.Generator] | None = None,
) -> None:
    """Set all generators to `capture_random_state()`, in place.

    On a machine with another number of GPUs their states are left alone.

    Raises:
        KeyError: a generator is asked for that was not captured.
    """
    python = state["python"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    np.random.set_state({key: _decode(value) for key, value in state["numpy"].items()})  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    for name, generator in (generators or {}).items():
        restore_generator(generator, state["generators"][name])
    for name, torch_generator in (torch_generators or {}).items():
        torch_generator.set_state(state["torch_generators"][name])


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{_INTEGER}{int(value)}"
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _decode(item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_INTEGER):
        return int(value.removeprefix(_INTEGER))
    if isinstance(value, torch.Tensor):
        return value.numpy()
    return value
