"""Intervals for what episodes measure: shares, means, differences, rates.

Every interval is two-sided at its `confidence` unless it is called a bound. Bootstraps take the
generator they draw from, so that a printed figure can be computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

_MAX_DRAWS = 4_000_000  # indices drawn at once, about 32 MB


class Interval(NamedTuple):
    """A point estimate with its confidence interval."""

    value: float
    low: float
    high: float


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Share of successes with the score interval of Wilson (1927).

    Unlike the normal approximation it stays inside [0, 1] and is sound at 0 and n successes.
    Without episodes nothing is known: value NaN, interval [0, 1].

    Args:
        successes: in [0, n].
        n: episodes.
        confidence: in (0, 1).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} episodes")
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0)
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == n else float(centre + half)
    return Interval(share, low, high)


def bootstrap_mean(
    values: ArrayLike, rng: np.random.Generator, samples: int = 10_000, confidence: float = 0.95
) -> Interval:
    """Mean of independent values with its percentile bootstrap interval (Efron 1979)."""
    data = _finite(values)
    return _percentile(float(data.mean()), _resampled_means(data, rng, samples), confidence)


def bootstrap_clustered_mean(
    clusters: Sequence[Sequence[float]], rng: np.random.Generator, samples: int = 2_000, confidence: float = 0.95
) -> Interval:
    """Mean over all values, with the percentile interval of resampling whole clusters (routes, training seeds).

    Raises:
        ValueError: no cluster, an empty one, or a value that is not finite.
    """
    if not clusters:
        raise ValueError("the mean of no cluster")
    sums = np.array([_finite(values).sum() for values in clusters])
    sizes = np.array([len(values) for values in clusters])
    drawn = rng.integers(len(sums), size=(samples, len(sums)))
    draws = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return _percentile(float(sums.sum() / sizes.sum()), draws, confidence)


def bootstrap_paired_difference(
    before: ArrayLike, after: ArrayLike, rng: np.random.Generator, samples: int = 10_000, confidence: float = 0.95
) -> Interval:
    """Mean of `after - before` over pairs (the same episode driven twice); resamples pairs.

    Raises:
        ValueError: the two have different lengths, are empty, or hold a value that is not finite.
    """
    first, second = _finite(before), _finite(after)
    if first.size != second.size:
        raise ValueError(f"{first.size} values before and {second.size} after are no pairs")
    return bootstrap_mean(second - first, rng, samples, confidence)


def bootstrap_difference(
    before: ArrayLike, after: ArrayLike, rng: np.random.Generator, samples: int = 10_000, confidence: float = 0.95
) -> Interval:
    """Difference of the means of two independent sets of values; resamples each."""
    first, second = _finite(before), _finite(after)
    draws = _resampled_means(second, rng, samples) - _resampled_means(first, rng, samples)
    return _percentile(float(second.mean() - first.mean()), draws, confidence)


def lower_bound(
    before: ArrayLike, after: ArrayLike, rng: np.random.Generator, samples: int, confidence: float
) -> float:
    """One-sided lower bound of the mean paired gain: the gain exceeds it with `confidence`."""
    return bootstrap_paired_difference(before, after, rng, samples, confidence=2 * confidence - 1).low


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half, as in rliable (Agarwal et al. 2021)."""
    return float(stats.trim_mean(_finite(values), 0.25))


def bootstrap_iqm(
    strata: Mapping[str, Mapping[str, Sequence[float]]],
    rng: np.random.Generator,
    samples: int = 2_000,
    confidence: float = 0.95,
) -> Interval:
    """Interquartile mean over all values, bootstrap stratified and clustered.

    Args:
        strata: what is fixed by design (scenario, town) -> cluster that was drawn as a whole
            (training seed, route) -> its values. Clusters are resampled within their stratum and
            bring all their values, because episodes of one seed or route resemble each other.
        rng: where the resamples come from.
        samples: resamples.
        confidence: of the interval.
    """
    groups = [[_finite(values) for values in clusters.values()] for clusters in strata.values()]
    if not groups or any(not clusters for clusters in groups):
        raise ValueError("each stratum needs at least one cluster of values")
    value = interquartile_mean(np.concatenate([values for clusters in groups for values in clusters]))
    draws = np.empty(samples)
    for sample in range(samples):
        drawn = [clusters[i] for clusters in groups for i in rng.integers(len(clusters), size=len(clusters))]
        draws[sample] = stats.trim_mean(np.concatenate(drawn), 0.25)
    return _percentile(value, draws, confidence)


def probability_of_improvement(first: ArrayLike, second: ArrayLike) -> float:
    """Probability that a run of the first beats one of the second, ties by half (Mann & Whitney 1947; rliable)."""
    one, two = _finite(first), _finite(second)
    return float((np.sign(one[:, None] - two[None, :]) / 2 + 0.5).mean())


def bootstrap_statistic(
    groups: Sequence[NDArray[np.float64]],
    statistic: Callable[[Sequence[NDArray[np.float64]]], float],
    rng: np.random.Generator,
    samples: int = 2_000,
    confidence: float = 0.95,
) -> Interval:
    """A figure of several groups of runs; runs are resampled within their group, columns alike in all of them.

    Args:
        groups: (runs, columns, ...) each; columns (routes) are what all runs share, one where they share nothing.
        statistic: of such groups; resamples in which it is not finite are left out.
        rng: where the resamples come from.
        samples: resamples.
        confidence: of the interval.
    """
    columns = groups[0].shape[1]
    draws = np.empty(samples)
    for sample in range(samples):
        shared = rng.integers(columns, size=columns)
        drawn = [group[rng.integers(len(group), size=len(group))][:, shared] for group in groups]
        draws[sample] = statistic(drawn)
    draws = draws[np.isfinite(draws)]
    value = statistic(groups)
    return _percentile(value, draws, confidence) if draws.size else Interval(value, float("nan"), float("nan"))


def bootstrap_ratio(
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
    rng: np.random.Generator,
    samples: int = 2_000,
    confidence: float = 0.95,
) -> Interval:
    """Sum over sum, such as successes over episodes or seconds over seconds, of several runs on the same routes.

    Runs and routes are resampled, independently of each other, as `bootstrap_statistic` does with one group.

    Args:
        numerators: (runs, routes), at least one each.
        denominators: likewise, at least 0; resamples in which they sum to zero are left out.
        rng: where the resamples come from.
        samples: resamples.
        confidence: of the interval.

    Returns:
        NaN throughout where the denominators sum to zero.
    """
    if numerators.shape != denominators.shape or numerators.ndim != 2 or not numerators.size:
        raise ValueError(f"{numerators.shape} over {denominators.shape}: both must be (runs, routes)")
    if not (np.isfinite(numerators).all() and np.isfinite(denominators).all()):
        raise ValueError("values must be finite")
    total = float(denominators.sum())
    if not total > 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    runs, routes = (rng.multinomial(n, np.full(n, 1 / n), size=samples).astype(float) for n in numerators.shape)
    above, below = (
        np.einsum("sr,rc,sc->s", runs, table, routes, optimize=True) for table in (numerators, denominators)
    )
    drawn = below > 0
    return _percentile(float(numerators.sum()) / total, above[drawn] / below[drawn], confidence)


def rate_per_km(events: int, metres: float, confidence: float = 0.95) -> Interval:
    """Events per kilometre, pooled (all events / all kilometres), with the exact Poisson interval.

    Garwood (1936). A rate such as `<= 0.05 / km` is claimed on `high`. Without distance the value is
    NaN and nothing is known.
    """
    if events < 0 or metres < 0:
        raise ValueError(f"{events} events in {metres} m")
    if metres == 0:
        return Interval(float("nan"), 0.0, float("inf"))
    tail = (1 - confidence) / 2
    kilometres = metres / 1000
    low = float(stats.chi2.ppf(tail, 2 * events) / 2) if events else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * (events + 1)) / 2)
    return Interval(events / kilometres, low / kilometres, high / kilometres)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size == 0 or not np.isfinite(data).all():
        raise ValueError("values must be finite and at least one")
    return data


def _resampled_means(data: NDArray[np.float64], rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    means = np.empty(samples)
    block = max(1, _MAX_DRAWS // data.size)
    for start in range(0, samples, block):
        count = min(block, samples - start)
        means[start : start + count] = data[rng.integers(data.size, size=(count, data.size))].mean(axis=1)
    return means


def _percentile(value: float, draws: NDArray[np.float64], confidence: float) -> Interval:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
