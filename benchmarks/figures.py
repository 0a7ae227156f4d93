"""Figures with 95 % intervals: shares, means, and differences between two ways of painting the same layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, SEED = 10_000, 0
Z = 1.96

Values = Sequence[Sequence[float]]
"""The values of each layout's things; a layout may have none."""


@dataclass(frozen=True)
class Figure:
    """A value, the ends of its 95 % interval, and of how many things it is."""

    value: float
    low: float
    high: float
    count: int


def share(values: Values) -> Figure:
    """Return the share of successes, each 0 or 1, with Wilson's interval, which holds at 0 and at 1 too."""
    sums, counts = _totals(values)
    count = int(counts.sum())
    if not count:
        return Figure(0.0, 0.0, 1.0, 0)
    value, scale = float(sums.sum()) / count, 1 + Z * Z / count
    middle = (value + Z * Z / 2 / count) / scale
    half = Z / scale * (value * (1 - value) / count + Z * Z / 4 / count**2) ** 0.5
    return Figure(value, middle - half, middle + half, count)


def mean(values: Values) -> Figure:
    """Return the mean over all things, with the interval of a bootstrap over layouts."""
    sums, counts = _totals(values)
    return _bootstrapped(sums, counts)


def difference(one: Values, other: Values) -> Figure:
    """Return how much larger the first mean is than the second, with the interval of a bootstrap over their layouts.

    Raises ValueError when the two are not of the same things.
    """
    (sums, counts), (others, same) = _totals(one), _totals(other)
    if not np.array_equal(counts, same):
        raise ValueError("only figures of the same layouts are compared")
    return _bootstrapped(sums - others, counts)


def _totals(values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return each layout's sum and number of values."""
    return np.array([sum(some) for some in values], dtype=float), np.array([len(some) for some in values], dtype=int)


def _bootstrapped(sums: np.ndarray, counts: np.ndarray) -> Figure:
    """Return total over number; things of a layout are drawn together, since they share a picture."""
    total = int(counts.sum())
    if not total:
        return Figure(0.0, 0.0, 0.0, 0)
    drawn = np.random.default_rng(SEED).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1).clip(min=1), [0.025, 0.975])
    return Figure(float(sums.sum() / total), float(low), float(high), total)
