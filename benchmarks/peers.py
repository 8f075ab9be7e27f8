#!/usr/bin/env python
"""Other simulators on the same machine in the same minutes: highway-env, MetaDrive and CarRacing, where installed.

Each is stepped with random actions that were drawn before, its resets counted, once in one process and once in as many
processes at a time as there are cores. Their rates are then added, and nothing is sent between them: what a vector
environment of subprocesses could reach at best. None of them is needed; what cannot be imported, or does not run, is
named with the reason. This file imports nothing of the project, so that any interpreter that has them can run it
(`--peer-python`): MetaDrive's pygame and highway-env's pygame-ce do not live in one environment. MetaDrive fetches its
models and textures from the network when it is first used.

    python benchmarks/peers.py NAME SECONDS PROCESSES
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

PATIENCE = 300.0  # s in which a peer must have started and been measured
SETTLE = 10  # steps before the clock starts
SIDE = 84  # pixels, as our camera's


class Peer(NamedTuple):
    """One other simulator: how to get it and what is measured of it."""

    module: str  # what must be importable
    package: str  # what pip calls it
    make: Callable[[], Any]
    what: str


def _car_racing() -> Any:
    import gymnasium

    return gymnasium.make("CarRacing-v3")


def _highway() -> Any:
    import gymnasium
    import highway_env

    # SDL's dummy driver would keep it from drawing at all.
    os.environ.pop("SDL_VIDEODRIVER", None)
    gymnasium.register_envs(highway_env)
    observation = {"type": "GrayscaleObservation", "observation_shape": (SIDE, SIDE), "stack_size": 4}
    observation |= {"weights": [0.2989, 0.5870, 0.1140], "scaling": 1.75}
    config = {"observation": observation, "vehicles_count": 20, "simulation_frequency": 20, "policy_frequency": 10}
    return gymnasium.make("highway-v0", config=config | {"offscreen_rendering": True})


def _metadrive() -> Any:
    from metadrive import MetaDriveEnv

    return MetaDriveEnv({"use_render": False, "log_level": 50, "traffic_density": 0.1, "num_scenarios": 100})


def _metadrive_camera() -> Any:
    from metadrive import MetaDriveEnv
    from metadrive.component.sensors.rgb_camera import RGBCamera

    settings = {"use_render": False, "log_level": 50, "traffic_density": 0.1, "num_scenarios": 100}
    settings |= {"image_observation": True, "sensors": {"rgb_camera": (RGBCamera, SIDE, SIDE)}}
    return MetaDriveEnv(settings | {"vehicle_config": {"image_source": "rgb_camera"}, "stack_size": 4})


PEERS = {
    "highway-env": Peer(
        "highway_env", "highway-env", _highway, "highway-v0, 20 vehicles, 84x84 grey from above, 2 ticks in 0.1 s"
    ),
    "CarRacing": Peer(
        "Box2D", "gymnasium[box2d]", _car_racing, "CarRacing-v3, one car, 96x96 colour, 1 tick in 0.02 s"
    ),
    "MetaDrive, camera": Peer(
        "metadrive", "metadrive-simulator", _metadrive_camera, "default blocks, 84x84 colour, 5 ticks in 0.1 s"
    ),
    "MetaDrive, lidar": Peer(
        "metadrive", "metadrive-simulator", _metadrive, "default blocks, lidar and no image, 5 ticks in 0.1 s"
    ),
}


def compare(seconds: float, processes: int, interpreters: Sequence[str] = (sys.executable,)) -> list[dict[str, Any]]:
    """Rates of every peer, each with the first interpreter that has it."""
    results = []
    for name, peer in PEERS.items():
        result: dict[str, Any] = {"simulator": name, "what": peer.what, "not_installed": f"pip install {peer.package}"}
        for interpreter in interpreters:
            command = [interpreter, __file__, name, str(seconds), str(processes)]
            found = _answer(command)
            if not found.pop("missing", False):
                result = {"simulator": name, "what": peer.what, **found}
                break
        print(result, file=sys.stderr)
        results.append(result)
    return results


def _answer(command: list[str]) -> dict[str, Any]:
    """What a peer's process printed last, or why it printed nothing."""
    # The number of threads that we were given is no business of theirs.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    try:
        done = subprocess.run(command, env=inherited, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"no answer within {PATIENCE:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    complaint = done.stderr.strip().splitlines()
    return {"failed": complaint[-1][:200] if complaint else f"exit code {done.returncode}"}


def _steps(name: str, seconds: float, ready: Any, rates: Any) -> None:
    """Step one simulator for so long; the rate of steps a second goes into the queue, or what went wrong."""
    try:
        env = PEERS[name].make()
        env.action_space.seed(0)
        actions = [env.action_space.sample() for _ in range(256)]
        env.reset(seed=0)
        for k in range(SETTLE):
            observation = _advance(env, actions[k])
        blank = _is_blank(observation)
        ready.wait(PATIENCE)
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            _advance(env, actions[count % len(actions)])
            count += 1
        rates.put("its frames are blank" if blank else count / (time.perf_counter() - begun))
    except Exception as error:
        ready.abort()
        rates.put(f"{type(error).__name__}: {error}"[:200])


def _advance(env: Any, action: Any) -> Any:
    observation, _, terminated, truncated, _ = env.step(action)
    if terminated or truncated:
        observation, _ = env.reset()
    return observation


def _is_blank(observation: Any) -> bool:
    image = observation["image"] if isinstance(observation, dict) else observation
    return bool(image.min() == image.max())


def _rate(name: str, seconds: float, processes: int) -> dict[str, Any]:
    """Steps a second of so many processes together."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_steps, args=(name, seconds, ready, rates)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [rates.get(timeout=PATIENCE) for _ in workers]
    for worker in workers:
        worker.join()
    failures = [answer for answer in found if isinstance(answer, str) and not answer.startswith("BrokenBarrier")]
    if failures:
        return {"failed": failures[0]}
    return {"steps_per_s": round(sum(found), 1)}


def main() -> None:
    """Measure one peer with this interpreter; one line of JSON."""
    name, seconds, cores = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    if importlib.util.find_spec(PEERS[name].module) is None:
        print(json.dumps({"missing": True}))
        return
    alone = _rate(name, seconds, 1)
    if "failed" in alone:
        print(json.dumps(alone))
        return
    together = {cores: _rate(name, seconds, cores)} if cores > 1 else {}
    result = {"version": version(PEERS[name].package.partition("[")[0]), "one_process": alone["steps_per_s"]}
    result |= {f"{count}_processes": rate.get("steps_per_s", rate.get("failed")) for count, rate in together.items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
