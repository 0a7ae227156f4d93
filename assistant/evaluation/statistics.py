"""Means with 95 % intervals, and whether two agents differ on the same cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from eligen.tools.layout import Value

LEVEL = 0.95
RESAMPLES = 5000
SIGNIFICANT = 0.05


class Mean(Value):
    """A mean over so many cases with its 95 % interval; one case alone has none."""

    mean: float
    low: float | None = None
    high: float | None = None
    cases: int


class Difference(Value):
    """How much more `b` has than `a` on the same cases, with a 95 % interval and the probability of chance alone.

    `adjusted` is that probability after Holm's correction for the number of comparisons made together.
    """

    measure: str
    suite: str
    a: str
    b: str
    mean_a: float
    mean_b: float
    difference: float
    low: float | None = None
    high: float | None = None
    p: float
    adjusted: float
    cases: int
    finding: str


def mean_of(values: Sequence[float], *, share: bool) -> Mean:
    """Return the mean of values, one a case.

    The interval is Wilson's where they are shares that all are 0 or 1, else the percentile bootstrap's over cases.
    """
    mean = fmean(values)
    if len(values) < 2:
        return Mean(mean=mean, low=None, high=None, cases=len(values))
    if share and set(values) <= {0.0, 1.0}:
        from scipy.stats import binomtest

        interval = binomtest(round(sum(values)), len(values)).proportion_ci(LEVEL, method="wilson")
        return Mean(mean=mean, low=float(interval.low), high=float(interval.high), cases=len(values))
    low, high = _bootstrap(values)
    return Mean(mean=mean, low=low, high=high, cases=len(values))


def compared(
    a: Mapping[str, float], b: Mapping[str, float]
) -> tuple[float, float, float, float | None, float | None, float, int] | None:
    """Return (mean of a, of b, difference, low, high, p, cases) over the cases that both have; None without any.

    p is that of a permutation test which flips the signs of differences, exact where there are few.
    """
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return None
    ones, others = [a[case] for case in shared], [b[case] for case in shared]
    apart = [other - one for one, other in zip(ones, others, strict=True)]
    low, high = _bootstrap(apart) if len(apart) > 1 else (None, None)
    return fmean(ones), fmean(others), fmean(apart), low, high, _chance(apart), len(shared)


def holm(chances: Sequence[float]) -> list[float]:
    """Return probabilities corrected for being so many (Holm 1979)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    adjusted, most = [0.0] * len(chances), 0.0
    for rank, index in enumerate(order):
        most = max(most, min(1.0, (len(chances) - rank) * chances[index]))
        adjusted[index] = most
    return adjusted


def _chance(apart: Sequence[float]) -> float:
    import numpy as np
    from scipy.stats import permutation_test

    if not any(apart):
        return 1.0
    if len(apart) == 1:
        return 1.0
    found = permutation_test(
        (np.asarray(apart),), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=2 * RESAMPLES - 1, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.pvalue)


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    import numpy as np

    known, rng = np.asarray(values, dtype=float), np.random.default_rng(0)
    means = known[rng.integers(0, len(known), (RESAMPLES, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
