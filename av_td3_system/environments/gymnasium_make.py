"""Gymnasium environments by name: made, or refused in one sentence."""

from __future__ import annotations

import difflib
from typing import Any

import gymnasium
import numpy as np

from av_td3_system.config.errors import UserError

Environment = gymnasium.Env[np.ndarray, np.ndarray]


def make_environment(name: str) -> Environment:
    """The environment of that name, with its own time limit.

    Raises:
        UserError: there is none, a package that it needs is missing, or its observations or actions are not
            what an agent of vectors can work with.
    """
    try:
        env: Environment = gymnasium.make(name, disable_env_checker=True)
    except gymnasium.error.DependencyNotInstalled as error:
        raise UserError(f"{name} needs a package that is not installed: {_first_line(error)}", _extra(error)) from error
    except gymnasium.error.UnregisteredEnv as error:
        raise UserError(f"there is no Gymnasium environment {name}", _did_you_mean(name)) from error
    except (gymnasium.error.Error, ImportError) as error:
        raise UserError(f"{name} cannot be made: {_first_line(error)}", _extra(error)) from error
    try:
        _refuse_other_spaces(name, env)
    except UserError:
        env.close()
        raise
    return env


def _refuse_other_spaces(name: str, env: Environment) -> None:
    seen: Any = env.observation_space
    acted: Any = env.action_space
    if not isinstance(seen, gymnasium.spaces.Box):
        raise UserError(
            f"{name} observes a {type(seen).__name__}, but must observe a Box", "choose one with a state vector"
        )
    if len(seen.shape) > 2 or (seen.dtype == np.uint8 and len(seen.shape) == 2):
        raise UserError(
            f"{name} observes images of shape {seen.shape}, but the agent of --env reads a state vector",
            "images are learned from in the town alone (leave --env out)",
        )
    if not isinstance(acted, gymnasium.spaces.Box):
        raise UserError(
            f"{name} takes a {type(acted).__name__} action, but TD3 and DDPG need a Box", "choose one with real actions"
        )
    if not (np.isfinite(acted.low).all() and np.isfinite(acted.high).all()):
        raise UserError(
            f"{name} has actions without finite bounds, which nothing can be scaled to",
            "wrap it in gymnasium.wrappers.RescaleAction or ClipAction and register that",
        )
    if 0 in (*seen.shape, *acted.shape):
        raise UserError(f"{name} has an observation or an action without numbers")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _extra(error: Exception) -> str:
    """The way to a missing package: our extra where it is MuJoCo, else what the message says."""
    if "mujoco" in str(error).lower():
        return "pip install -e '.[gym]' in the clone, and take -v4 or later of the environment"
    return "install what the environment's own documentation names"


def _did_you_mean(name: str) -> str:
    close = difflib.get_close_matches(name, gymnasium.registry, n=1)
    return f"did you mean {close[0]}?" if close else "a package's environments are named as in package:Name-v0"
