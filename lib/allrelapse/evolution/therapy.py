"""Resistance that arises while therapy lasts: how many resistant lineages outlive a schedule?

Symbols as in `branching`; N is the number of sensitive cells, whose mean is followed, and S(t) the
chance that one resistant cell of day t has descendants at the end of the schedule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.integrate import quad

from allrelapse.errors import InputError
from allrelapse.evolution.kernel import Floats, decay, survival


@dataclass(frozen=True)
class Phase:
    """Some days of constant rates.

    days : its length; the last phase of a schedule may be endless if the sensitive cells decline
    r, d : divisions and deaths of sensitive cells, per cell and day
    a, c : the same of resistant cells
    name : for tables and figures
    """

    days: float
    r: float
    d: float
    a: float
    c: float
    name: str = ""


def resistant_lineages(schedule: Sequence[Phase], u: float, cells: float) -> float:
    """Mean number of resistant lineages that arise in a schedule and are alive at its end.

    Lambda = integral of u r N(t) S(t) dt; the number has a Poisson law. For one endless phase of
    decline it is u r N0 pi/(d - r), pi = 1 - c/a. Lineages that are there before are not counted.

    Parameters
    ----------
    schedule : phases, one after the other
    u : mutations to resistance per division of a sensitive cell, in [0, 1)
    cells : sensitive cells at the start, 0 or more

    Raises
    ------
    InputError
        If a value is out of range, or an endless phase is not the last or not one of decline.

    Source: Kendall 1948, Ann Math Stat 19:1; Foo & Michor 2010, J Theor Biol 263:179.
    """
    return float(lineages_by_phase(schedule, u, cells)["lineages"].sum())


def lineages_by_phase(schedule: Sequence[Phase], u: float, cells: float) -> pd.DataFrame:
    """As `resistant_lineages`, by the phase in which the lineages arise.

    Returns
    -------
    One row per phase: `phase` (name or number), `start` (day), `cells` (sensitive cells at its
    start, mean), `survival` (S at its start), `lineages` (Lambda).
    """
    _check(schedule, u, cells)
    ends = survival_by_phase(schedule)
    rows, day, left = [], 0.0, float(cells)
    for number, (phase, end) in enumerate(zip(schedule, ends[1:], strict=True), 1):
        seeded = u * phase.r * left * _integral(phase, end) if u * left > 0 else 0.0
        rows.append((phase.name or str(number), day, left, ends[number - 1], seeded))
        day += phase.days
        left *= float(np.exp((phase.r - phase.d) * phase.days)) if phase.r != phase.d else 1.0
    return pd.DataFrame(rows, columns=["phase", "start", "cells", "survival", "lineages"])


def survival_by_phase(schedule: Sequence[Phase]) -> list[float]:
    """S of one resistant cell at the start of each phase, and 1 at the end of the schedule.

    From the end backwards: S at the start is 1/(e^(-gt)/S + a(1 - e^(-gt))/g), g = a - c.
    """
    chances = [1.0]
    for phase in reversed(schedule):
        chances.append(float(survival(phase.a, phase.c, phase.days, chances[-1])))
    return chances[::-1]


def _integral(phase: Phase, end: float) -> float:
    """Integral over a phase of the sensitive cells, 1 at its start, times S."""
    net = phase.r - phase.d

    def seeded(t: float) -> float:
        return float(np.exp(net * t) * survival(phase.a, phase.c, phase.days - t, end))

    if np.isinf(phase.days):  # S is pi all along
        return float(survival(phase.a, phase.c, np.inf, end)) / -net
    # the integrand bends within a generation of either end
    turn = [1 / rate for rate in (phase.a, phase.c, abs(net)) if rate > 0]
    points = sorted({x for w in turn for x in (w, phase.days - w) if 0 < x < phase.days})
    return float(quad(seeded, 0, phase.days, points=points, limit=200, epsabs=0, epsrel=1e-11)[0])


def two_step(
    persisters: ArrayLike,
    u: ArrayLike,
    division: ArrayLike,
    survives: ArrayLike,
    growth: ArrayLike,
    days: ArrayLike,
) -> Floats:
    """Mean number of lasting resistant lineages that persisting cells give rise to under therapy.

    Lambda = u r_p pi N_p (e^(g_p T) - 1)/g_p: the first step is to persist, the second to mutate.

    Parameters
    ----------
    persisters : N_p, cells that outlive the first kill; all arguments broadcast
    u : mutations to resistance per division under therapy, with what the drugs themselves cause
    division : r_p, divisions of persisters per cell and day
    survives : pi, chance that a resistant cell founds a lasting lineage
    growth : g_p, net growth of the persisters per day, negative as they decline
    days : T, of therapy

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Li 2020, Blood 135:41 (the model in words); Luria & Delbrück 1943, Genetics 28:491.
    """
    named = {"persisters": persisters, "division": division, "days": days}
    for name, value in named.items():
        if not np.all(np.asarray(value, float) >= 0):
            raise InputError(f"{name} {value!r}: must be 0 or more")
    for name, value in {"u": u, "survives": survives}.items():
        share = np.asarray(value, float)
        if not (np.all(share >= 0) and np.all(share <= 1)):
            raise InputError(f"{name} {value!r}: must be a probability, from 0 to 1")
    number, rate, pi, t = (np.asarray(x, float) for x in (persisters, division, survives, days))
    # T (e^x - 1)/x with x = g_p T
    total = t / decay(-np.asarray(growth, float) * t)
    return np.asarray(np.asarray(u, float) * rate * pi * number * total)


def p_convergent(mean: ArrayLike) -> Floats:
    """P that two or more lineages succeed if one does: 1 - L e^(-L)/(1 - e^(-L)), L the mean.

    About L/2 where successes are rare: convergent evolution tells how often resistance is tried.

    Raises
    ------
    InputError
        If a mean is not above 0.

    Source: the Poisson law of the number of lineages.
    """
    number = np.asarray(mean, float)
    if not np.all(number > 0):
        raise InputError(f"mean {mean!r}: must be a mean number of lineages, above 0")
    # L e^-L/(1 - e^-L) = L/(e^L - 1); for small L both sides of the difference are near 1
    small = number < 1e-3
    series = number / 2 - number**2 / 12
    with np.errstate(over="ignore"):
        return np.asarray(np.where(small, series, 1 - number / np.expm1(number)))


def _check(schedule: Sequence[Phase], u: float, cells: float) -> None:
    if not schedule:
        raise InputError("schedule: at least one phase is needed")
    if not 0 <= u < 1:
        raise InputError(f"u {u!r}: must be a probability per division, 0 or more and below 1")
    if not 0 <= cells < np.inf:
        raise InputError(f"cells {cells}: must be a number of cells, 0 or more")
    for number, phase in enumerate(schedule, 1):
        place = f"phase {number}" + (f" ({phase.name})" if phase.name else "")
        for name in "rdac":
            if not 0 <= getattr(phase, name) < np.inf:
                raise InputError(
                    f"{place}, {name} {getattr(phase, name)}: must be a rate per cell and day, "
                    "0 or more"
                )
        if not phase.days > 0:
            raise InputError(f"{place}, days {phase.days}: must be above 0")
        if np.isinf(phase.days) and (number < len(schedule) or phase.d <= phase.r):
            raise InputError(
                f"{place}: only the last phase may be endless, and only if d exceeds r"
            )
