"""Profile-likelihood intervals of one parameter of a fit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import f as fisher_f
from scipy.stats import t as student

from allrelapse.drugs.law import Array
from allrelapse.drugs.model import Model

PRECISION = 1e-6  # of the ends, natural logarithm of the dose
SCALES = (0.5, 2.0)  # between which the sandwich may bring a profile; beyond, it is noise itself
STRIDE = 0.1  # first step from the best fit towards an end, the same


@dataclass(frozen=True)
class Profile:
    """The profile likelihood of the last parameter of a fit.

    theta, squares : of the best fit
    others : where fits with a given value begin, besides `theta`
    scale : of the model's standard error over the robust one
    freedom : degrees of freedom of Student's t
    """

    model: Model
    theta: Array
    squares: float
    others: tuple[Array, ...]
    scale: float
    freedom: float

    def distance(self, value: float) -> float:
        """How far the data are from a value, in the units of Student's t.

        It is the root of the F of the likelihood ratio between the fit with that value and the
        best one, for normal errors of unknown spread. Where there are wells enough to tell their
        scatter, it is brought to the scale of the robust standard error.

        Source: Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1; Kent 1982,
        Biometrika 69:19 (likelihood ratios under another law than the one that was fitted).
        """
        starts = (self.theta, *self.others)
        more = min(self.model.solve(start, value)[1] for start in starts) - self.squares
        variance = max(self.squares, _rounding(self.model)) / self.model.freedom
        return self.scale * float(np.sqrt(max(more, 0.0) / variance))

    def p_value(self, value: float) -> float:
        """Two-sided P of a value."""
        return float(2 * student.sf(self.distance(value), self.freedom))

    def interval(self, best: float, low: float, high: float, level: float) -> tuple[float, float]:
        """Ends of the confidence interval as of `profile_ends`."""
        limit = float(student.ppf((1 + level) / 2, self.freedom))
        return profile_ends(self.distance, best, low, high, limit)


def profile(
    model: Model, theta: Array, squares: float, *others: Array, inside: bool = True
) -> Profile:
    """The profile of the last parameter, as `Profile` tells.

    Parameters
    ----------
    inside : whether its best value lies where there are doses; beyond, a robust standard error
        would rest on one or two wells, and the model's is used
    """
    scale, freedom = 1.0, float(model.freedom)
    if inside:
        scale, freedom = _robust(model, theta, squares, np.eye(model.size)[-1])
    return Profile(model, theta, squares, others, scale, freedom)


def p_restricted(
    free: Model, theta: Array, squares: float, more: float, directions: Array
) -> float:
    """P of a restriction of a model, by the F of the likelihood ratio on the robust scale.

    Parameters
    ----------
    free : the model without the restriction
    theta, squares : its parameters at the best restricted fit, and its least sum of squares
    more : what the restriction adds to the sum of squares
    directions : combinations of parameters that the restriction sets to 0

    Source: Bates & Watts 1988, section 3.10 (F of nested models); Kent 1982 and Rao & Scott 1984
    as above (its scale).
    """
    scale, freedom = _robust(free, theta, squares, directions)
    variance = max(squares, _rounding(free)) / free.freedom
    ratio = scale**2 * max(more, 0.0) / len(directions) / variance
    return float(fisher_f.sf(ratio, len(directions), freedom))


def _robust(model: Model, theta: Array, squares: float, directions: Array) -> tuple[float, float]:
    """The model's standard error over the robust one, and degrees of freedom.

    Where scatter cannot be told from few wells, or is none, the model's own.
    """
    if not model.data.known or squares <= _rounding(model):
        return 1.0, float(model.freedom)
    found = sandwich(model, theta, directions)
    return float(np.clip(found.naive / found.robust, *SCALES)), found.freedom


def _rounding(model: Model) -> float:
    """Sums of squares that are none."""
    return 1e-20 * float(((model.data.viability / model.data.scatter) ** 2).sum())


class Errors(NamedTuple):
    """Standard errors of a linear combination of parameters, and the freedom of the robust one."""

    naive: float
    robust: float
    freedom: float


def sandwich(model: Model, theta: Array, directions: Array) -> Errors:
    """Standard error of a linear combination of parameters: of the model, and robust.

    The robust one (HC2) holds whatever the scatter of each well is. It rests on the few wells that
    matter to this combination, which its degrees of freedom allow for.

    Parameters
    ----------
    directions : weights of the parameters; or several combinations x parameters, of which the root
        of the mean variance is given after they were made independent of each other and alike
        under the model

    Source: Bell & McCaffrey 2002, Survey Methodology 28:169 (HC2 with degrees of freedom after
    Satterthwaite; both also in Imbens & Kolesar 2016, Rev Econ Stat 98:701); Rao & Scott 1984,
    Ann Stat 12:46 (mean variance of several).
    """
    slopes, away = model.slopes(theta), model.residual(theta)
    inverse = np.linalg.pinv(slopes, rcond=1e-8)
    leverage = np.clip((slopes * inverse.T).sum(axis=1), 0, 0.95)
    weights = np.atleast_2d(directions @ inverse)
    if directions.ndim == 2:
        _, size, alike = np.linalg.svd(weights, full_matrices=False)
        weights = alike[size > 1e-8 * size.max(initial=0)]
    each = (weights**2).sum(axis=0) / max(len(weights), 1)
    naive = float(np.sqrt(each.sum() * (away @ away) / model.freedom))
    each = each / (1 - leverage)
    robust = float(np.sqrt(each @ away**2))
    if not robust > 0:  # nothing depends on it
        return Errors(naive, naive or 1.0, float(model.freedom))
    left = np.eye(len(away)) - slopes @ inverse
    form = left * each @ left
    return Errors(naive, robust, float(np.trace(form) ** 2 / (form * form).sum()))


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
