"""Profile-likelihood intervals of one parameter of a fit."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from allrelapse.drugs.law import Array
from allrelapse.drugs.model import Model

PRECISION = 1e-6  # of the ends, natural logarithm of the dose
SCALES = (0.5, 2.0)  # between which the sandwich may bring a profile; beyond, it is noise itself
STRIDE = 0.1  # first step from the best fit towards an end, the same


def profile_t(
    model: Model, theta: Array, squares: float, *others: Array
) -> Callable[[float], float]:
    """How far the data are from a value of the last parameter, in the units of Student's t.

    It is the root of the F of the likelihood ratio between the fit with that value and the best
    one, for normal errors of unknown spread: the profile likelihood, referred to Student's t
    instead of to the normal law, as wells are few. Where there are wells enough to tell their
    scatter, it is brought to the scale of the `sandwich`.

    Parameters
    ----------
    theta, squares : of the best fit
    others : where fits begin besides

    Source: Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1; Kent 1982, Biometrika
    69:19 (likelihood ratios under another law than the one that was fitted).
    """
    rounding = 1e-20 * float(((model.data.viability / model.data.scatter) ** 2).sum())
    variance = max(squares, rounding) / model.freedom
    scale = 1.0
    if model.data.known and squares > rounding:
        naive, robust = sandwich(model, theta, np.eye(model.size)[-1])
        scale = float(np.clip(naive / robust, *SCALES)) if robust > 0 else 1.0

    def distance(value: float) -> float:
        least = min(model.solve(start, value)[1] for start in (theta, *others))
        return scale * float(np.sqrt(max(least - squares, 0.0) / variance))

    return distance


def sandwich(model: Model, theta: Array, direction: Array) -> tuple[float, float]:
    """Standard error of a linear combination of parameters: of the model, and robust.

    The robust one holds whatever the scatter of each well is (HC3).

    Source: Long & Ervin 2000, Am Stat 54:217.
    """
    slopes, away = model.slopes(theta), model.residual(theta)
    inverse = np.linalg.pinv(slopes, rcond=1e-8)
    leverage = np.clip((slopes * inverse.T).sum(axis=1), 0, 0.95)
    weight = direction @ inverse
    naive = float(weight @ weight) * float(away @ away) / model.freedom
    robust = float((weight * away / (1 - leverage)) @ (weight * away / (1 - leverage)))
    return float(np.sqrt(naive)), float(np.sqrt(robust))


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
