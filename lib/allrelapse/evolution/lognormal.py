"""The lognormal law of a quantity over patients when each is known by a likelihood curve only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import log_ndtr
from scipy.stats import t as student

Array = NDArray[np.float64]

NARROWEST, WIDEST = 1e-3, 3.0
"""Standard deviations of the logarithm that are tried."""
HOPELESS = -1e4
"""Nats from its peak at which a curve ends."""


@dataclass(frozen=True)
class Law:
    """`median` with its `interval`, and `spread`, the standard deviation of the logarithm."""

    median: float
    interval: tuple[float, float]
    spread: float


@dataclass(frozen=True)
class _Pieces:
    """The curves of all patients as straight pieces, base + rise x from left to right.

    first : place of each patient's first piece
    """

    left: Array
    right: Array
    rise: Array
    base: Array
    first: NDArray[np.intp]


def law(curves: list[tuple[Array, Array]], level: float, within: tuple[float, float]) -> Law:
    """Median and spread by marginal likelihood, with the profile interval of the median.

    The logarithms x are normal over patients, and each patient's likelihood is integrated over
    that law. The drop of the log-likelihood that ends the interval is n/2 ln(1 + t^2 / (n - 1)),
    t Student's quantile with n - 1 degrees of freedom: exact if every x is known, when the median
    has Student's interval; chi-squared's drop if patients are many.

    Parameters
    ----------
    curves : of each patient, x (rising) and the log-likelihood at x; taken as straight between
        points and as flat beyond them
    level : of the interval
    within : x beyond which the interval is open: to 0, or without an end
    """
    pieces, n = _pieces(curves), len(curves)
    wide = np.log(NARROWEST), np.log(WIDEST)

    def loss(theta: Array) -> float:
        return -_marginal(pieces, theta[0], np.exp(theta[1]))

    places = np.linspace(*within, 60)
    start = max(places, key=lambda x: _marginal(pieces, x, 0.5))
    best = minimize(loss, [start, np.log(0.5)], method="Nelder-Mead", bounds=[within, wide],
                    options={"xatol": 1e-5, "fatol": 1e-8, "maxiter": 1000})  # fmt: skip
    x, spread = float(best.x[0]), float(np.exp(best.x[1]))
    quantile = student.ppf((1 + level) / 2, n - 1)
    cut = -best.fun - n / 2 * np.log1p(quantile**2 / (n - 1))

    def above(x: float) -> float:
        def spread_loss(log_spread: float) -> float:
            return loss(np.array([x, log_spread]))

        found = minimize_scalar(spread_loss, bounds=wide, method="bounded", options={"xatol": 1e-3})
        return float(-found.fun - cut)

    lower, upper = (_end(above, x, end) for end in within)
    return Law(float(np.exp(x)), (float(np.exp(lower)), float(np.exp(upper))), spread)


def _end(above: Callable[[float], float], x: float, end: float) -> float:
    """Where a profile that is above 0 at x falls to 0 on the way to `end`; infinite if nowhere."""
    way, step = np.sign(end - x), 0.05
    while above(far := x + way * step) > 0:
        step *= 2
        if abs(step) >= abs(end - x):
            return float(way * np.inf)
    return float(brentq(above, x, far, xtol=1e-5))


def _pieces(curves: list[tuple[Array, Array]]) -> _Pieces:
    parts = []
    for x, y in curves:
        height = np.maximum(y - y.max(), HOPELESS)
        rise = np.r_[0.0, np.diff(height) / np.diff(x), 0.0]
        base = np.r_[height[0], height] - rise * np.r_[x[0], x]
        parts.append(np.vstack([np.r_[-np.inf, x], np.r_[x, np.inf], rise, base]))
    sizes = [part.shape[1] for part in parts]
    left, right, rise, base = np.hstack(parts)
    return _Pieces(left, right, rise, base, np.r_[0, np.cumsum(sizes)[:-1]])


def _marginal(pieces: _Pieces, mean: float, sd: float) -> float:
    """Log-likelihood of the law: of exp(base + rise x) under a normal x, in closed form."""
    centre = mean + pieces.rise * sd**2
    inside = _log_between((pieces.left - centre) / sd, (pieces.right - centre) / sd)
    mass = pieces.base + pieces.rise * mean + (pieces.rise * sd) ** 2 / 2 + inside
    top = np.maximum.reduceat(mass, pieces.first)
    sizes = np.diff(np.r_[pieces.first, len(mass)])
    total = np.add.reduceat(np.exp(mass - np.repeat(top, sizes)), pieces.first)
    return float((top + np.log(total)).sum())


def _log_between(low: Array, high: Array) -> Array:
    """Logarithm of the normal probability between two limits, accurate in both tails."""
    upper = low > 0
    a, b = np.where(upper, -high, low), np.where(upper, -low, high)
    top = log_ndtr(b)
    with np.errstate(divide="ignore"):  # pieces so far away that both limits are alike
        return np.asarray(top + np.log(-np.expm1(np.minimum(log_ndtr(a) - top, 0.0))))
