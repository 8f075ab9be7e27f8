"""Each format holds the whole policy, for any batch, with names, shapes and notes inside."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av_td3_system.agents.policy import load_policy
from av_td3_system.config.errors import UserError
from av_td3_system.export import formats
from av_td3_system.export.formats import FORMATS, METADATA, Format, named, trace
from av_td3_system.export.graph import example_of, open_graph
from tests.unit.export.policies import SHAPES, observation, write_policy

NOTES: dict[str, Any] = {"policy": {"step": 1500}, "said": "grüße"}


def _available(name: str) -> Format:
    if FORMATS[name].missing:
        pytest.skip(f"needs {', '.join(FORMATS[name].missing)}")
    return FORMATS[name]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", ["preset", "vector_alone"])
def test_what_was_written_acts_as_the_policy_at_any_batch(name: str, shape: str, tmp_path: Path) -> None:
    format_, path = _available(name), tmp_path / "policy.safetensors"
    metadata = write_policy(path, **SHAPES[shape])
    content = format_.write(trace(open_graph(path, metadata), example_of(metadata)), NOTES)
    run, policy = format_.open(content), load_policy(path, "cpu")
    for count in (1, 2, 5, 8):
        seen = observation(metadata, count, seed=count)
        actions = run(seen)
        assert actions.shape == (count, len(metadata.action_low)) and actions.dtype == np.float32
        np.testing.assert_allclose(actions, policy(seen), atol=5e-6)


def test_onnx_names_its_inputs_shapes_and_notes(tmp_path: Path) -> None:
    format_, path = _available("onnx"), tmp_path / "policy.safetensors"
    metadata = write_policy(path)
    content = format_.write(trace(open_graph(path, metadata), example_of(metadata)), NOTES)
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    told = [(entry.name, entry.type, entry.shape) for entry in (*session.get_inputs(), *session.get_outputs())]
    assert told == [
        ("image", "tensor(uint8)", ["batch", 4, 84, 84]),
        ("vector", "tensor(float)", ["batch", 6]),
        ("action", "tensor(float)", ["batch", 2]),
    ]
    assert json.loads(session.get_modelmeta().custom_metadata_map[METADATA]) == NOTES


def test_the_archive_of_torch_export_holds_the_notes(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    metadata = write_policy(path, **SHAPES["vector_alone"])
    content = FORMATS["torch-export"].write(trace(open_graph(path, metadata), example_of(metadata)), NOTES)
    inside = {f"{METADATA}.json": ""}
    program = torch.export.load(io.BytesIO(content), extra_files=inside)
    assert json.loads(inside[f"{METADATA}.json"]) == NOTES
    assert list(program.graph_signature.user_inputs) == ["vector"]


def test_a_format_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="one of onnx, torch-export"):
        named("pickle")
    monkeypatch.setitem(formats.FORMATS, "onnx", FORMATS["onnx"]._replace(packages=("no_such_package",)))
    with pytest.raises(UserError, match=r"needs no_such_package\nhint: pip install -e '\.\[export\]'"):
        named("onnx")
