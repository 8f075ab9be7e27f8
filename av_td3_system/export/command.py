"""`av-td3 export`: a stored policy as ONNX and as a `torch.export` archive, checked to act as it does."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from av_td3_system.agents.policy import LearnedPolicy, PolicyMetadata
from av_td3_system.checkpointing.atomic import atomic_write_bytes, atomic_write_text
from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.environments.observation import LIMIT
from av_td3_system.evaluation.drivers import open_driver, policy_file
from av_td3_system.evaluation.latency import DECISIONS, WARM_UP, Observation, latency_of, time_decisions
from av_td3_system.export import check
from av_td3_system.export.formats import FORMATS, Format, Runner, named, trace
from av_td3_system.export.graph import example_of, open_graph
from av_td3_system.export.notes import notes_on

DONE, REFUSED = 0, 3


@dataclass(frozen=True)
class Source:
    """A stored policy that is exported.

    Attributes:
        file: that it lies in.
        sha256: of the file.
        metadata: what the file says of itself.
        config: settings of its run.
        policy: what drives, on the processor.
    """

    file: Path
    sha256: str
    metadata: PolicyMetadata
    config: Config
    policy: LearnedPolicy


def run_export(target: str, out: Path, formats: Sequence[str] = (), as_json: bool = False) -> int:
    """Export, check and print to standard output.

    Args:
        target: run directory (its best policy, else its last) or a policy file of one.
        out: folder of the files, made where it is missing; none of them may stand there already.
        formats: names; empty for all whose packages are there.
        as_json: what was found as one JSON object.

    Returns:
        0; 3 where a format does not act as the policy, of which then no file is written.

    Raises:
        UserError: no policy, no such format, a package is missing, or a file stands there already.
        OSError: the folder cannot be written to.
    """
    chosen = {name: named(name) for name in formats} or _all_that_can_be()
    source = open_source(target)
    files = {name: out / (source.file.stem + format_.suffix) for name, format_ in chosen.items()}
    _prepare(out, [path for file in files.values() for path in (file, _beside(file))])
    result = _export(source, files, chosen)
    print(json.dumps(result, indent=2) if as_json else render(result))
    refused = [name for name, found in result["formats"].items() if found["file"] is None]
    for name in refused:
        difference = result["formats"][name]["greatest_difference"]
        by = "in shape or by what is no number" if difference is None else f"by {difference:.2g}"
        said = f"refused: {name} acts otherwise than the policy, {by} (bound {check.BOUND:g})"
        print(f"{said}; no file was written", file=sys.stderr)
    return REFUSED if refused else DONE


def open_source(target: str) -> Source:
    """The policy of a run or file, and its settings.

    Raises:
        UserError: there is none, it is damaged or a checkpoint, or it does not fit its run's settings.
    """
    file = policy_file(Path(target))
    if file.suffix != ".safetensors":
        raise UserError(f"{file} is a checkpoint, not a policy", "give the run, or its policy.safetensors")
    sha256 = _sha256(file.read_bytes())
    driver = open_driver(str(file), None, 0, device="cpu")
    policy = driver.policy
    assert isinstance(policy, LearnedPolicy) and policy.metadata is not None
    return Source(file, sha256, policy.metadata, driver.config, policy)


def render(result: Mapping[str, Any]) -> str:
    """What was written and found, as a table."""
    policy, n = result["policy"], result["n"]
    lines = [
        f"{policy['file']} of step {policy.get('step', '?')}, SHA-256 {policy['sha256'][:16]}",
        f"{'format':<14}{'greatest difference':>20}{'p50 ms':>9}{'p99 ms':>9}  file",
        _row("(the policy)", None, result["inference_latency_ms"], str(result["source"])),
    ]
    for name, found in result["formats"].items():
        lines.append(
            _row(name, found["greatest_difference"], found["inference_latency_ms"], found["file"] or "refused")
        )
    latency = result["inference_latency_ms"]
    return "\n".join(
        [
            *lines,
            f"compared: {n['driven']} observations of its own driving, {n['extreme']} of black, white and noise, "
            f"at batch 1 and {check.BATCH}; bound {result['bound']:g}",
            f"latency: observation to action, batch 1, n {latency['n']} after {latency['warm_up']}, "
            f"{latency['device']}, threads {latency['threads']}",
        ]
    )


def _export(source: Source, files: Mapping[str, Path], formats: Mapping[str, Format]) -> dict[str, Any]:
    metadata = source.metadata
    program = trace(open_graph(source.file, metadata), example_of(metadata))
    notes = notes_on(source.file, source.sha256, metadata, source.config)
    print("driving the policy for observations to compare on", file=sys.stderr)
    rng = np.random.default_rng(source.config.evaluation.seed)
    cases = {
        "driven": check.driven_observations(source.config, source.policy, check.DECISIONS),
        "extreme": list(check.extreme_observations(metadata.image_shape, metadata.vector_dim, LIMIT, rng)),
    }
    if _sha256(source.file.read_bytes()) != source.sha256:
        raise UserError(f"{source.file} was replaced while it was exported", "its run goes on; export it once more")
    timed = [one for batch in cases["driven"] for one in check.singles(batch)]
    result: dict[str, Any] = {
        **notes,
        "source": str(source.file),
        "bound": check.BOUND,
        "n": {name: len(batches) * check.BATCH for name, batches in cases.items()},
        "inference_latency_ms": _latency(source.policy, timed),
        "formats": {},
    }
    for name, file in files.items():
        print(f"writing and checking {name}", file=sys.stderr)
        content = formats[name].write(program, notes)
        runner = formats[name].open(content)
        differences = check.greatest_differences(source.policy, runner, cases)
        greatest = max(size for case in differences.values() for size in case.values())
        found = {
            "greatest_difference": greatest if math.isfinite(greatest) else None,  # JSON has no infinity
            "differences": differences if math.isfinite(greatest) else None,
            "inference_latency_ms": _latency(runner, timed),
            "versions": _versions(formats[name]),
        }
        kept = greatest <= check.BOUND
        result["formats"][name] = {
            "file": str(file) if kept else None,
            "sha256": _sha256(content),
            "bytes": len(content),
            **found,
        }
        if kept:
            beside = {"file": file.name, "sha256": _sha256(content), "bytes": len(content), **notes}
            checked = {"check": {"bound": check.BOUND, "n": result["n"], **found}}
            _write(file, content, json.dumps({**beside, **checked}, indent=2) + "\n")
    return result


def _latency(act: Runner | LearnedPolicy, observations: Sequence[Observation]) -> dict[str, Any]:
    seconds = time_decisions(act, observations, DECISIONS, WARM_UP)
    return latency_of(seconds, WARM_UP, "cpu", torch.get_num_threads()).to_dict()


def _all_that_can_be() -> dict[str, Format]:
    """Every format whose packages are there; what is left out is said."""
    for name, format_ in FORMATS.items():
        if format_.missing:
            print(
                f"{name} is left out: it needs {', '.join(format_.missing)} (pip install -e '.[export]')",
                file=sys.stderr,
            )
    return {name: format_ for name, format_ in FORMATS.items() if not format_.missing}


def _prepare(out: Path, paths: Sequence[Path]) -> None:
    """Refuse now what could not be written after the check."""
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is already there", "give another folder to --out, or remove it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out):
        pass


def _write(file: Path, content: bytes, notes: str) -> None:
    """Both files or none."""
    try:
        atomic_write_bytes(file, content)
        atomic_write_text(_beside(file), notes)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _beside(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _versions(format_: Format) -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", *format_.packages)}


def _row(name: str, difference: float | None, latency: Mapping[str, Any], file: str) -> str:
    said = "-" if difference is None else f"{difference:.1e}"
    return f"{name:<14}{said:>20}{latency['p50']:>9.2f}{latency['p99']:>9.2f}  {file}"
