"""When the founder of a relapse was born, told from a count of cells and the pace of growth.

A clone of one founder born on day t0 whose line does not die out has, on day T,
N = W exp(g (T - t0)) / pi cells: g = ln 2 / doubling time, pi the chance that the line of one cell
survives, W exponential with mean 1. This holds for N >> 1 and growth at one pace from the founder
to the count. Days are days since diagnosis, so that a founder with t0 < 0 was there at diagnosis.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allrelapse.errors import InputError
from allrelapse.evolution.doubling import doubling_time as doubling_time  # its public name

Array = NDArray[np.float64]

BURDEN = 7.5e11
"""Whole-body burden at relapse, cells (Li 2020, as quoted by Sentis 2020)."""
DOUBLING = 7.4
"""Doubling time of relapse clones, days (Li 2020, as quoted by Sentis 2020)."""


def back_extrapolate(burden: ArrayLike, days: ArrayLike, doubling_time: ArrayLike) -> Array:
    """Cells of the clone at diagnosis, n0 = N 2^(-T / Td), were its growth never random.

    A number below 1 is no number of cells: see `p_founded_before` for what it means.

    Parameters
    ----------
    burden : N, cells of the clone at relapse
    days : T, from diagnosis to relapse
    doubling_time : Td, days

    All are numbers or arrays that fit each other (numpy broadcasting); so is the result.

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Li 2020, Blood 135:41; the formula as in Sentis 2020, Genome Biol 21:284.
    """
    n, td = above_zero(burden=burden, doubling_time=doubling_time)
    return np.asarray(n * np.exp2(-since_diagnosis(days) / td))


@dataclass(frozen=True)
class FounderDay:
    """Day on which a founder was born: `mean` and standard deviation `sd`, days."""

    mean: Array
    sd: Array


def founder_day(
    burden: ArrayLike, days: ArrayLike, doubling_time: ArrayLike, survival: ArrayLike = 1.0
) -> FounderDay:
    """Day on which the founder was born, with what the chance of the first divisions leaves open.

    t0 = T - (ln N + ln pi + 0.5772) / g on average, with standard deviation 1.2825 / g: the law of
    -ln W, which is Gumbel's. The doubling time is taken as known.

    Parameters
    ----------
    burden, days, doubling_time : as for `back_extrapolate`
    survival : pi, the chance that the line of one cell survives, above 0 to 1

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Kendall 1948, Ann Math Stat 19:1 (the limit law of birth and death).
    """
    n, td = above_zero(burden=burden, doubling_time=doubling_time)
    growth = np.log(2) / td
    age = (np.log(n) + np.log(chance(survival)) + np.euler_gamma) / growth
    mean = since_diagnosis(days) - age
    sd = np.pi / np.sqrt(6) / growth
    return FounderDay(np.asarray(mean), np.broadcast_to(sd, np.shape(mean)))


def p_founded_before(
    burden: ArrayLike, days: ArrayLike, doubling_time: ArrayLike, survival: ArrayLike = 1.0
) -> Array:
    """Probability that the founder was born before diagnosis if all days were alike beforehand.

    1 - exp(-pi n0). That prior is seldom a fair one: see `founding.founding_posterior`.

    Parameters
    ----------
    burden, days, doubling_time, survival : as for `founder_day`

    Raises
    ------
    InputError
        If a value is out of range.

    Source: the law of N above with a flat prior of t0.
    """
    cells = back_extrapolate(burden, days, doubling_time)
    return np.asarray(-np.expm1(-chance(survival) * cells))


def relapse_day_of_one_cell(
    detection: ArrayLike = BURDEN, doubling_time: ArrayLike = DOUBLING
) -> Array:
    """Days in which one cell becomes `detection` cells if its growth is never random: Td log2 N.

    At this pace a relapse before that day grew from more than one cell at diagnosis. By the
    defaults it is day 291.9, an argument for 9 months as the border of very early relapse.
    `relapse_day_quantile` tells how much chance adds.

    Parameters
    ----------
    detection : cells at which the relapse is found
    doubling_time : days

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Li 2020, Blood 135:41.
    """
    n, td = above_zero(detection=detection, doubling_time=doubling_time)
    return np.asarray(td * np.log2(n))


def relapse_day_quantile(
    quantile: ArrayLike,
    detection: ArrayLike = BURDEN,
    doubling_time: ArrayLike = DOUBLING,
    survival: ArrayLike = 1.0,
) -> Array:
    """Quantile of the days in which one cell whose line survives becomes `detection` cells.

    P(day <= t) = exp(-pi N e^(-g t)): a Gumbel law, standard deviation 1.2825 / g.

    Parameters
    ----------
    quantile : between 0 and 1
    detection, doubling_time : as for `relapse_day_of_one_cell`
    survival : pi, the chance that the line of one cell survives, above 0 to 1

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Kendall 1948, Ann Math Stat 19:1.
    """
    n, td = above_zero(detection=detection, doubling_time=doubling_time)
    q = np.asarray(quantile, float)
    if (wrong := q[(q <= 0) | (q >= 1)]).size:
        raise InputError(f"quantile is {wrong[0]:g}; it must be between 0 and 1")
    return np.asarray(td / np.log(2) * (np.log(n * chance(survival)) - np.log(-np.log(q))))


def above_zero(**values: ArrayLike) -> list[Array]:
    """The values as arrays; InputError names the first that is not above 0 and finite."""
    found = []
    for name, value in values.items():
        x = np.asarray(value, float)
        if (wrong := x[(x <= 0) | np.isinf(x)]).size:
            raise InputError(f"{name} is {wrong[0]:g}; it must be above 0 and finite")
        found.append(x)
    return found


def since_diagnosis(days: ArrayLike) -> Array:
    """The days as an array; InputError if one is before diagnosis or infinite."""
    t = np.asarray(days, float)
    if (wrong := t[(t < 0) | np.isinf(t)]).size:
        raise InputError(f"days is {wrong[0]:g}; it must be 0 or more, counted from diagnosis")
    return t


def chance(survival: ArrayLike) -> Array:
    """The chance that the line of one cell survives; InputError if it is none."""
    pi = np.asarray(survival, float)
    if (wrong := pi[(pi <= 0) | (pi > 1)]).size:
        raise InputError(f"survival is {wrong[0]:g}; it is a probability above 0, up to 1")
    return pi
