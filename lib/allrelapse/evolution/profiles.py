"""Profile likelihood of a doubling time, given what each sample says of the cells there were.

On a scale y on which growth is a straight line, y = y0 + g t with g = ln 2 / doubling time; the
level y0 is whatever fits best. The share of cells is f = min(1, e^y) if growth is `exponential`, or
f = N / (N + K) = 1 / (1 + e^-y) if it is `logistic`, where the other K cells stay as many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit
from scipy.stats import chi2

Array = NDArray[np.float64]
Shape = Literal["exponential", "logistic"]

FASTEST, SLOWEST = 0.25, 1e5
"""Doubling times, days, from which growth is too fast to be told, and beyond which it is none."""
DARK = -30.0
"""A y so low that no sample would show the cells."""
GOLDEN = (np.sqrt(5) - 1) / 2
COARSE, FINE, ZOOMS, NEAR = 61, 60, 4, 12.0  # points of the curve; nats from its peak that count
ALIKE = 1e-6
"""Nats by which doubling times that fit alike may differ."""


@dataclass(frozen=True)
class Course:
    """What was seen of one clone.

    ago : days of the samples after the last one, 0 or less
    score : log-likelihood of each sample (last axis) by y
    likeliest : y at which each sample is about most likely
    """

    ago: Array
    score: Callable[[Array], Array]
    likeliest: Array


def log_share(y: Array, shape: Shape) -> Array:
    """Logarithm of the share of cells, by y."""
    return np.asarray(np.minimum(y, 0) if shape == "exponential" else log_expit(y))


def curve(courses: list[Course]) -> tuple[Array, Array]:
    """Logarithms of doubling times, dense where they are likely, and the log-likelihood of each.

    Parameters
    ----------
    courses : of clones that share a doubling time, each at a level of its own
    """

    def height(log_days: Array) -> Array:
        growth = np.log(2) / np.exp(log_days)
        return np.asarray(sum(_profile(course, growth) for course in courses))

    x = np.linspace(np.log(FASTEST), np.log(SLOWEST), COARSE)
    y = height(x)
    for _ in range(ZOOMS):
        near = np.flatnonzero(y > y.max() - NEAR)
        low, high = x[max(near[0] - 1, 0)], x[min(near[-1] + 1, len(x) - 1)]
        more = np.setdiff1d(np.linspace(low, high, FINE), x)
        order = np.argsort(np.r_[x, more])
        x, y = np.r_[x, more][order], np.r_[y, height(more)][order]
        if (y > y.max() - NEAR).sum() > FINE / 2:
            break
    return x, y


def estimate(x: Array, y: Array, level: float) -> dict[str, float | bool]:
    """The most likely doubling time of a curve and its profile interval, days.

    Of doubling times that fit alike the longest is given. Ends of the interval that the curve
    does not reach are 0 and infinite; `growing` tells whether the upper one is finite.
    """
    cut = y.max() - chi2.ppf(level, 1) / 2
    inside = np.flatnonzero(y > cut)
    first, last, end = int(inside[0]), int(inside[-1]), len(x) - 1
    lower = np.interp(cut, y[[first - 1, first]], x[[first - 1, first]]) if first else -np.inf
    upper = np.interp(cut, y[[last + 1, last]], x[[last + 1, last]]) if last < end else np.inf
    at = int(np.flatnonzero(y >= y.max() - ALIKE)[-1])
    best = _vertex(x[at - 1 : at + 2], y[at - 1 : at + 2]) if 0 < at < end else x[at]
    if at == end:
        best = np.inf
    days = map(float, np.exp([best, lower, upper]))
    names = ("doubling_days", "lower", "upper")
    return {**dict(zip(names, days, strict=True)), "growing": last < end}


def _vertex(x: Array, y: Array) -> float:
    """Where the parabola through three points has its top, between the outer two."""
    a, b, _ = np.polyfit(x - x[1], y, 2)
    return float(np.clip(x[1] - b / (2 * a), x[0], x[2]) if a < 0 else x[1])


def _profile(course: Course, growth: Array) -> Array:
    """Largest log-likelihood over the level of a clone, for each pace of growth per day."""

    def height(y0: Array) -> Array:
        y = y0[..., None] + growth[:, None, None] * course.ago
        return np.asarray(course.score(np.maximum(y, 2 * DARK)).sum(axis=-1))

    # each sample alone has its peak at one of these, so that of all together lies between them
    peaks = np.sort(course.likeliest - growth[:, None] * course.ago, axis=1)
    low, high = peaks[:, :1] - 2, peaks[:, -1:] + 2
    places = np.hstack([np.minimum(DARK, low), low, peaks, high])
    top = height(places).argmax(axis=1)[:, None]
    left = np.take_along_axis(places, np.maximum(top - 1, 0), axis=1)
    right = np.take_along_axis(places, np.minimum(top + 1, places.shape[1] - 1), axis=1)
    return np.asarray(_highest(height, left, right)[:, 0])


def _highest(height: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Largest values of functions with one peak between `low` and `high`, by golden section."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = height(left), height(right)
    for _ in range(24):
        better = at_left >= at_right
        low, high = np.where(better, low, left), np.where(better, right, high)
        width = GOLDEN * (high - low)
        probe = np.where(better, high - width, low + width)
        at = height(probe)
        left, right = np.where(better, probe, right), np.where(better, left, probe)
        at_left, at_right = np.where(better, at, at_right), np.where(better, at_left, at)
    return np.maximum(at_left, at_right)
