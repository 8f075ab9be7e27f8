"""One TD3 update written out slowly: textbook networks, loops over samples, Adam by its formula.

Shares nothing with the package but the names of the weights.
"""

from __future__ import annotations

import itertools
import math
import statistics

import torch
from torch import Tensor
from torch.nn import functional

from av_td3_system.config.schema import AgentConfig, NetworkConfig
from av_td3_system.replay.batch import Batch

Weights = dict[str, Tensor]
Seen = tuple[Tensor, Tensor, Tensor]  # image, vector, surroundings


def encode(weights: Weights, name: str, image: Tensor, standardize: bool) -> Tensor:
    if f"{name}.convolutions.0.weight" not in weights:  # no image
        return torch.zeros(len(image), 0, dtype=torch.float64)
    x = (image.double() - 102) / 52 if standardize else image.double() / 255
    for layer, stride in enumerate((4, 2, 1)):
        part = f"{name}.convolutions.{layer}"
        x = functional.relu(functional.conv2d(x, weights[f"{part}.weight"], weights[f"{part}.bias"], stride))
    x = x.movedim(1, 3).flatten(1) @ weights[f"{name}.projection.weight"].T + weights[f"{name}.projection.bias"]
    if f"{name}.norm.weight" not in weights:
        return functional.relu(x)
    x = (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
    return torch.tanh(x * weights[f"{name}.norm.weight"] + weights[f"{name}.norm.bias"])


def know(weights: Weights, vector: Tensor, surroundings: Tensor) -> Tensor:
    name = "critic_encoder"
    rows = []
    for own, row in zip(vector, surroundings, strict=True):
        answers = []
        for vehicle in row[3:].reshape(-1, 6):
            x = torch.cat([vehicle, own])
            x = functional.relu(weights[f"{name}.vehicle.0.weight"] @ x + weights[f"{name}.vehicle.0.bias"])
            x = functional.relu(weights[f"{name}.vehicle.2.weight"] @ x + weights[f"{name}.vehicle.2.bias"])
            answers.append(x * vehicle[5])
        x = torch.cat([torch.stack(answers).max(0).values, row[:3]])
        x = weights[f"{name}.projection.weight"] @ x + weights[f"{name}.projection.bias"]
        x = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + 1e-5)
        rows.append(torch.tanh(x * weights[f"{name}.norm.weight"] + weights[f"{name}.norm.bias"]))
    return torch.stack(rows)


def occupied(surroundings: Tensor, network: NetworkConfig) -> Tensor:
    side = (-4.5, -1.5, 1.5, 4.5)
    grid = [(f, left) for f in (4, 8, 12, 16, 20, 24) for left in side]
    if network.perception_grid == "wide":
        reach = {4: 4.5, 8: 7.5, 12: 13.5, 16: 13.5, 20: 13.5, 24: 13.5, 28: 13.5}  # m to either side
        grid = [(f, -far + 3 * k) for f, far in reach.items() for k in range(int(2 * far / 3) + 1)]
    times = [0.0, network.foresight] if network.foresight > 0 else [0.0]
    rows = []
    for row in surroundings:
        told = [float(row[0]), float(row[1])]
        for time in times:
            for forward, left in grid:
                shares = []
                for v in row[3:].reshape(-1, 6):
                    x, y = (10 * v[0] + v[2] * 10 * v[4] * time, 10 * v[1] + v[3] * 10 * v[4] * time)
                    shares.append(float(v[5]) * math.exp(-(((x - forward) / 3) ** 2) - ((y - left) / 2) ** 2))
                told.append(max(shares))
        rows.append(told)
    return torch.tensor(rows, dtype=torch.float64)


def perceptron(weights: Weights, name: str, member: int, x: Tensor) -> Tensor:
    layers = sorted({int(key.split(".")[3]) for key in weights if key.startswith(f"{name}.head.layers.")})
    for layer in layers:
        weight = weights[f"{name}.head.layers.{layer}.weight"][member]
        bias = weights[f"{name}.head.layers.{layer}.bias"][member, 0]
        x = x @ weight + bias
        if layer != layers[-1]:
            x = functional.relu(x)
    return x


class SlowTD3:
    """State of a textbook agent, taken from weights by name and moved by `update`."""

    def __init__(
        self, settings: AgentConfig, network: NetworkConfig, weights: Weights, generator: torch.Generator
    ) -> None:
        self.settings, self.network, self.generator = settings, network, generator
        self.shared = network.shared_encoder
        self.online = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        self.target = {name: weight.clone() for name, weight in weights.items()}
        self.moments = {name: (torch.zeros_like(w), torch.zeros_like(w), 0) for name, w in weights.items()}
        self.updates = 0
        self.losses: dict[str, float] = {}
        self.td_error = torch.zeros(0)
        self.saturated = 0  # actions that have cost something

    def actor_encoder(self) -> str:
        return "critic_encoder" if self.shared else "actor_encoder"

    def outputs(self, weights: Weights, seen: Seen, action: Tensor, member: int) -> Tensor:
        image, vector, surroundings = seen
        if "perception.weight" in weights:
            features = know(weights, vector, surroundings)
        else:
            features = encode(weights, "critic_encoder", image, self.network.standardize)
        x = torch.cat([features, vector, action], 1)
        return perceptron(weights, "critic", member, x)

    def edges(self) -> list[float]:
        (low, high), bins = self.network.value_range, self.network.value_bins
        return [low + (high - low) * k / bins for k in range(bins + 1)]

    def value(self, output: Tensor) -> Tensor:
        if self.network.critic_values == "scalar":
            return output[:, 0]
        if self.network.critic_values == "symlog":
            return torch.stack([torch.sign(o) * (torch.exp(abs(o)) - 1) for o in output[:, 0]])
        middles = [(a + b) / 2 for a, b in itertools.pairwise(self.edges())]
        rows = [torch.exp(row) / torch.exp(row).sum() for row in output]
        return torch.stack([sum(p * m for p, m in zip(row, middles, strict=True)) for row in rows])

    def q(self, weights: Weights, seen: Seen, action: Tensor, member: int) -> Tensor:
        return self.value(self.outputs(weights, seen, action, member))

    def sample_losses(self, output: Tensor, y: Tensor) -> Tensor:
        rows = []
        for row, wanted in zip(output, [float(v) for v in y], strict=True):
            if self.network.critic_values == "histogram":
                edges = self.edges()
                middle = min(max(wanted, edges[0]), edges[-1])
                spread = 0.75 * (edges[1] - edges[0])
                reached = [statistics.NormalDist(middle, spread).cdf(edge) for edge in edges]
                shares = [(b - a) / (reached[-1] - reached[0]) for a, b in itertools.pairwise(reached)]
                chances = torch.exp(row) / torch.exp(row).sum()
                rows.append(-sum(s * torch.log(c) for s, c in zip(shares, chances, strict=True)))
                continue
            if self.network.critic_values == "symlog":
                wanted = math.copysign(math.log(1 + abs(wanted)), wanted)
            error = row[0] - wanted
            if self.settings.critic_loss == "mse":
                rows.append(error**2)
            else:
                rows.append(error**2 / 2 if abs(error) < 1 else abs(error) - 0.5)
        return torch.stack(rows)

    def policy(self, weights: Weights, seen: Seen) -> tuple[Tensor, Tensor]:
        image, vector, _ = seen
        features = encode(weights, self.actor_encoder(), image, self.network.standardize)
        if self.shared:
            features = features.detach()
        return perceptron(weights, "actor", 0, torch.cat([features, vector], 1)), features

    def update(self, batch: Batch) -> None:
        settings = self.settings
        members = 2 if settings.twin_critics else 1
        slower = 1.0
        if settings.lr_half_after is not None:
            targets_moved = self.updates // settings.policy_delay
            slower = settings.lr_half_after / (settings.lr_half_after + targets_moved * settings.policy_delay)
        self.updates += 1
        now = (batch.image, batch.vector.double(), batch.surroundings.double())
        following = (batch.next_image, batch.next_vector.double(), batch.next_surroundings.double())
        with torch.no_grad():
            if settings.target_action == "recalled":
                next_action = batch.next_policy.double()
            else:
                next_action = torch.tanh(self.policy(self.target, following)[0])
            if settings.policy_noise > 0:
                epsilon = settings.policy_noise * torch.randn(next_action.shape, generator=self.generator).double()
                epsilon = torch.minimum(
                    torch.maximum(epsilon, -torch.tensor(settings.noise_clip)), torch.tensor(settings.noise_clip)
                )
                next_action = torch.minimum(torch.maximum(next_action + epsilon, -torch.ones(())), torch.ones(()))
            values = [self.q(self.target, following, next_action, m) for m in range(members)]
            y = torch.zeros(len(now[1]), dtype=torch.float64)
            for i in range(len(y)):
                lowest = min(float(value[i]) for value in values)
                y[i] = float(batch.reward[i]) + float(batch.discount[i]) * lowest

        loss, squared, errors = torch.zeros((), dtype=torch.float64), 0.0, []
        for member in range(members):
            output = self.outputs(self.online, now, batch.action.double(), member)
            error = self.value(output).detach() - y
            errors.append(error.abs())
            squared += float((error**2).sum()) / len(error)
            loss = loss + self.sample_losses(output, y).sum() / len(error)
        self.td_error = torch.stack(errors).max(0).values
        self.losses["critic_loss"] = squared
        self.descend(loss, ("critic_encoder.", "critic."), settings.critic_lr * slower)

        if self.updates % settings.policy_delay == 0:
            raw, features = self.policy(self.online, now)
            loss = -self.q(self.online, now, torch.tanh(raw), 0).sum() / len(raw)
            for sample in range(len(raw)):
                for u in raw[sample]:
                    if abs(u) > 1:
                        self.saturated += 1
                        loss = loss + settings.saturation_cost * (abs(u) - 1) ** 2 / len(raw)
                steering, pedal = (torch.tanh(u) for u in raw[sample])
                jump = (steering - now[1][sample, 3]) ** 2 + (pedal - now[1][sample, 4]) ** 2
                loss = loss + settings.action_change_cost * jump / len(raw)
            if "perception.weight" in self.online:
                told = features @ self.online["perception.weight"].T + self.online["perception.bias"]
                error = told - occupied(now[2], self.network)
                loss = loss + settings.perception_weight * (error**2).sum() / len(raw)
            self.losses["actor_loss"] = float(loss.detach())
            parts = ("actor.",) if self.shared else ("actor.", "actor_encoder.", "perception.")
            self.descend(loss, parts, settings.actor_lr * slower)
            for name in self.target:
                self.target[name] = settings.tau * self.online[name].detach() + (1 - settings.tau) * self.target[name]

    def descend(self, loss: Tensor, parts: tuple[str, ...], rate: float) -> None:
        names = [name for name in self.online if name.startswith(parts)]
        gradients = torch.autograd.grad(loss, [self.online[name] for name in names])
        norm = float(torch.sqrt(sum((gradient**2).sum() for gradient in gradients)))
        self.losses[f"{parts[-1] if len(parts) == 1 else parts[0]}norm"] = norm
        for name, gradient in zip(names, gradients, strict=True):
            if self.settings.gradient_clip is not None:
                gradient = gradient * min(1.0, self.settings.gradient_clip / norm)
            mean, square, count = self.moments[name]
            mean, square, count = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2, count + 1
            self.moments[name] = mean, square, count
            step = (mean / (1 - 0.9**count)) / (torch.sqrt(square / (1 - 0.999**count)) + 1e-8)
            self.online[name] = (self.online[name].detach() - rate * step).requires_grad_()
