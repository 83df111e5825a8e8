"""Profile-likelihood intervals of one parameter of a fit."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from allrelapse.drugs.law import Array
from allrelapse.drugs.model import Model

PRECISION = 1e-6  # of the ends, natural logarithm of the dose
STRIDE = 0.1  # first step from the best fit towards an end, the same


def profile_t(model: Model, theta: Array, squares: float) -> Callable[[float], float]:
    """How far the data are from a value of the last parameter, in the units of Student's t.

    It is the root of the F of the likelihood ratio between the fit with that value and the best
    one, for normal errors of unknown spread: the profile likelihood, referred to Student's t
    instead of to the normal law, as wells are few.

    Parameters
    ----------
    theta, squares : where fits begin, and the sum of squares of the best one

    Source: Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1.
    """
    rounding = 1e-20 * float(((model.data.viability / model.data.scatter) ** 2).sum())
    variance = max(squares, rounding) / model.freedom

    def distance(value: float) -> float:
        more = model.solve(theta, value)[1] - squares
        return float(np.sqrt(max(more, 0.0) / variance))

    return distance


def profile_ends(
    distance: Callable[[float], float], best: float, low: float, high: float, limit: float
) -> tuple[float, float]:
    """Where a profile passes a limit on both sides of its lowest place, between low and high.

    An end that is not reached is minus or plus infinity. If the lowest place lies beyond `low` or
    `high`, and even that one of them is past the limit, it is the one finite end.
    """
    start = float(np.clip(best, low, high))
    if best != start and distance(start) > limit:
        return (start, np.inf) if best > start else (-np.inf, start)
    return _end(distance, start, low, limit), _end(distance, start, high, limit)


def _end(distance: Callable[[float], float], start: float, last: float, limit: float) -> float:
    """The first place from `start` to `last` that is past the limit, or infinity."""
    sign = 1.0 if last > start else -1.0
    inside, step = start, STRIDE
    while sign * (last - inside) > 0:
        outside = inside + sign * min(step, abs(last - inside))
        if distance(outside) > limit:
            if distance(inside) >= limit:  # a perfect fit, but for rounding
                return inside
            return float(brentq(lambda x: limit - distance(x), inside, outside, xtol=PRECISION))
        inside, step = outside, 2 * step
    return sign * np.inf
