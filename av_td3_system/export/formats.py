"""The formats that a policy is exported to: bytes out, and a runner of the same bytes for the check.

ONNX is written by `torch.onnx` and run by onnxruntime; `torch.export`'s archive needs PyTorch alone. Both are made of
one traced program, whose first dimension is free. What is opened here has just been written here: an archive of
somebody else is never loaded.
"""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.export import Dim, ExportedProgram

from av_td3_system.config.errors import UserError
from av_td3_system.export.graph import ACTION, ImageGraph, VectorGraph

Runner = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Actions float32 (N, A) of an observation of N worlds."""
METADATA = "av_td3_export"  # key of the notes inside a file
BATCH = "batch"


class Format(NamedTuple):
    """One way to write a policy down.

    Attributes:
        suffix: of the file.
        packages: modules that must be there beside PyTorch.
        write: (program, notes) to the file's bytes; notes are plain values to be kept inside.
        open: the bytes to what runs them, on the processor, with as many threads as PyTorch has.
    """

    suffix: str
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, Mapping[str, Any]], bytes]
    open: Callable[[bytes], Runner]

    @property
    def missing(self) -> list[str]:
        """Packages that are not there."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


def trace(graph: ImageGraph | VectorGraph, example: Mapping[str, torch.Tensor]) -> ExportedProgram:
    """The graph as a program of PyTorch's operations for a batch of any size, the first dimension of every input."""
    batch = Dim(BATCH, min=1)
    with _quietly():
        return torch.export.export(
            graph, tuple(example.values()), dynamic_shapes={name: {0: batch} for name in example}
        )


def named(name: str) -> Format:
    """The format of a name, whose packages are there.

    Raises:
        UserError: there is none of that name, or a package is missing.
    """
    if name not in FORMATS:
        raise UserError(f"--format is {name!r}, but must be one of {', '.join(FORMATS)}")
    missing = FORMATS[name].missing
    if missing:
        raise UserError(f"--format {name} needs {', '.join(missing)}", "pip install -e '.[export]'")
    return FORMATS[name]


def _write_onnx(program: ExportedProgram, notes: Mapping[str, Any]) -> bytes:
    names = [str(name) for name in program.graph_signature.user_inputs]
    with _quietly():
        onnx = torch.onnx.export(
            program, (), input_names=names, output_names=[ACTION], dynamo=True, verbose=False, external_data=False
        )
    assert onnx is not None
    onnx.model.metadata_props[METADATA] = json.dumps(notes)
    model = onnx.model_proto
    _name_the_batch(model.graph)
    content: bytes = model.SerializeToString()
    return content


def _name_the_batch(graph: Any) -> None:
    """Call the free dimension `batch`: a traced program knows it by a number alone."""
    number = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param == number:
                dimension.dim_param = BATCH


def _open_onnx(content: bytes) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(observation: Mapping[str, np.ndarray]) -> np.ndarray:
        actions: np.ndarray = session.run([ACTION], {name: observation[name] for name in names})[0]
        return actions

    return run


def _write_torch_export(program: ExportedProgram, notes: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with _quietly():
        torch.export.save(program, file, extra_files={f"{METADATA}.json": json.dumps(notes)})
    return file.getvalue()


def _open_torch_export(content: bytes) -> Runner:
    with _quietly():
        program = torch.export.load(io.BytesIO(content))
    module, names = program.module(), program.graph_signature.user_inputs

    @torch.no_grad()
    def run(observation: Mapping[str, np.ndarray]) -> np.ndarray:
        actions: np.ndarray = module(*(torch.from_numpy(observation[str(name)]) for name in names)).numpy()
        return actions

    return run


FORMATS = {
    "onnx": Format(".onnx", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _open_onnx),
    "torch-export": Format(".pt2", (), _write_torch_export, _open_torch_export),
}


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporters say of their own inner life, which nobody who exports can act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
