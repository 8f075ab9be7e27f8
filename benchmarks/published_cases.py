"""Which environments, seeds and timesteps are compared, and with what settings: ours, as resolved for `train --env`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.seeding import fixed_seeds

IMPLEMENTATIONS = ("ours", "sb3")


class Case(NamedTuple):
    """One environment: how long, how often, and what differs from `gymnasium_config.yaml`."""

    env: str
    steps: int
    eval_freq: int
    seeds: int
    settings: tuple[str, ...] = ()


CASES = (
    Case("HalfCheetah-v5", 100_000, 5_000, 3),
    Case("Hopper-v5", 100_000, 5_000, 3),
    Case("InvertedDoublePendulum-v5", 50_000, 5_000, 5),
    Case("Pendulum-v1", 20_000, 1_000, 5, ("exploration.learning_starts=1000",)),
)

PUBLISHED = {
    "HalfCheetah-v5": {50_000: 3352, 100_000: 5514, 1_000_000: 9567},
    "Hopper-v5": {50_000: 285, 100_000: 659, 1_000_000: 3391},
    "InvertedDoublePendulum-v5": {50_000: 8171, 100_000: 7181, 1_000_000: 8483},
}
"""Mean reward over ten seeds after so many timesteps, as the authors of TD3 published it."""
SOURCE = (
    "learning_curves of github.com/sfujim/TD3 (34770cc), 10 seeds: those of the paper (Fujimoto et al. 2018), on the "
    "-v1 tasks of another physics version and with the paper's settings (layers of 400 and 300, learning rate 1e-3, "
    "batch 100, learning from timestep 10,000 on in HalfCheetah, from 1,000 on in the others)"
)


class Run(NamedTuple):
    """One training run to be made: by whose code, on what, with which seed."""

    case: Case
    algo: str
    implementation: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.case.env}-{self.case.steps}-{self.algo}-{self.implementation}-seed{self.seed}"

    @property
    def config(self) -> Config:
        """Our settings of it; the other implementation is given the same."""
        flags = {"run.env": self.case.env, "run.max_timesteps": self.case.steps, "run.eval_freq": self.case.eval_freq}
        flags |= {"run.seed": self.seed, "run.save_freq": 10**9, "run.device": "cpu", "run.threads": 1}
        return load_config(self.algo, overrides=self.case.settings, flags=flags)


def all_runs(envs: Sequence[str], algo: str, implementations: Sequence[str] = IMPLEMENTATIONS) -> list[Run]:
    """Every run, the long cases first and their seeds in turn, so that a comparison is there early."""
    cases = [case for case in CASES if case.env in envs]
    runs = [Run(case, algo, one, seed) for case in cases for seed in range(case.seeds) for one in implementations]
    return sorted(runs, key=lambda run: (run.case.steps < 100_000, run.seed, cases.index(run.case)))


def peer_task(run: Run) -> dict[str, Any]:
    """The same settings in plain words, for an interpreter that does not know this package."""
    config = run.config
    agent, evaluation = config.agent, config.evaluation
    return {
        "env": run.case.env,
        "algo": run.algo,
        "seed": run.seed,
        "steps": run.case.steps,
        "eval_freq": run.case.eval_freq,
        "episode_seeds": fixed_seeds(evaluation.seed, evaluation.episodes),
        "learning_rate": agent.actor_lr,
        "net_arch": list(config.network.hidden),
        "buffer_size": config.replay.capacity,
        "learning_starts": config.learning_starts,
        "batch_size": agent.batch_size,
        "tau": agent.tau,
        "gamma": agent.gamma,
        "gradient_steps": int(agent.updates_per_step),
        "exploration_noise": agent.exploration_noise,
        "policy_delay": agent.policy_delay,
        "policy_noise": agent.policy_noise,
        "noise_clip": agent.noise_clip,
    }
