"""Whether the founder of a relapse was there at diagnosis, with priors from how founders arise."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, exprel

from allrelapse.errors import InputError
from allrelapse.evolution.growth import above_zero, chance, since_diagnosis

NEGLIGIBLE = 60.0
"""Nats below the peak from which an integrand is left out."""
MOST = 700.0
"""Largest exponent of growth in a piece: more would overflow."""
PANEL, NODES = 5.0, 40  # widest panel of the quadrature, in e-folds, and its nodes


@dataclass(frozen=True)
class Seeding:
    """Rate at which founders of a relapse are born, in pieces that grow or decline exponentially.

    Each field has one number per piece. Only ratios between levels matter to `founding_posterior`.

    start, end : days since diagnosis; only a flat piece (rate 0) may start at minus infinity
    level : births of founders per day at the start of the piece
    rate : growth of that number per day, below 0 where the cells that seed decline
    """

    start: tuple[float, ...]
    end: tuple[float, ...]
    level: tuple[float, ...]
    rate: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse pieces that are no intensity."""
        columns = (self.start, self.end, self.level, self.rate)
        if len({len(column) for column in columns}) != 1 or not self.start:
            raise InputError("Seeding: start, end, level and rate need a number for every piece")
        for start, end, level, rate in zip(*columns, strict=True):
            piece = f"Seeding: the piece from day {start:g} to {end:g}"
            if not start < end:
                raise InputError(f"{piece} ends before it starts")
            if not 0 < level < np.inf or not np.isfinite(rate):
                raise InputError(f"{piece} has level {level:g} and rate {rate:g}; both must be "
                                 "finite, the level above 0")  # fmt: skip
            if rate != 0 and not (np.isfinite(start) and rate * (end - start) < MOST):
                raise InputError(f"{piece} grows at {rate:g}; give it a first and a last day")

    @classmethod
    def by_cells(
        cls,
        sensitive: float,
        growth: float,
        persisters: float,
        decline: float,
        until: float,
        *,
        before: float = 1.0,
        after: float = 1.0,
    ) -> "Seeding":
        """Founders born in proportion to the cells there are: growing, then dying of therapy.

        Parameters
        ----------
        sensitive : cells at diagnosis, grown from one cell at `growth` per day
        persisters : cells that outlive the first days of therapy; they shrink at `decline` per day
        until : day on which therapy, and with it this seeding, ends
        before, after : founders per cell and day, before diagnosis and under therapy; if their
            lines differ in the chance to survive, multiply by it

        Raises
        ------
        InputError
            If a value is not above 0.
        """
        above_zero(sensitive=sensitive, growth=growth, persisters=persisters, decline=decline,
                    until=until, before=before, after=after)  # fmt: skip
        if sensitive <= 1:
            raise InputError(f"sensitive is {sensitive:g} cells at diagnosis; it must be above 1")
        first = -float(np.log(sensitive)) / growth
        return cls((first, 0.0), (0.0, until), (before, after * persisters), (growth, -decline))


@dataclass(frozen=True)
class Founding:
    """What is believed of a founder before and after its clone was counted.

    log_odds, prior_log_odds : natural logarithm of P(born before diagnosis) / P(born after it)
    """

    log_odds: float
    prior_log_odds: float

    @property
    def before(self) -> float:
        """Posterior probability that the founder was born before diagnosis."""
        return float(expit(self.log_odds))

    @property
    def odds(self) -> float:
        """Posterior odds of birth before diagnosis against after it."""
        return _exp(self.log_odds)

    @property
    def prior_odds(self) -> float:
        """The same before the count was known."""
        return _exp(self.prior_log_odds)

    @property
    def bayes_factor(self) -> float:
        """How much the count changed the odds; NaN if a side has no prior or an infinite one."""
        proper = np.isfinite(self.prior_log_odds)
        return _exp(self.log_odds - self.prior_log_odds) if proper else np.nan


def founding_posterior(
    burden: float, days: float, doubling_time: float, seeding: Seeding, survival: float = 1.0
) -> Founding:
    """Odds that the founder was born before diagnosis, with a prior from how founders arise.

    The prior of t0 is `seeding` up to the day of the count; the likelihood is x e^-x with
    x = pi N exp(-g (T - t0)), whether N cells were counted on a given day or T is the first day
    with N cells. The clone has one founder. With M = 1e12 sensitive cells the prior before
    diagnosis is vast, so the answer hangs on the prior: always show several.

    Parameters
    ----------
    burden, days, doubling_time, survival : as for `founder_day`, single numbers
    seeding : intensity of founders over time

    Raises
    ------
    InputError
        If a value is out of range, or no founder is born before the day of the count.

    Source: Bayes with the law of N; the integrals are incomplete gamma functions of order
    rate / g + 1, found by Gauss-Legendre quadrature, as steep declines make the order negative.
    """
    n, td = above_zero(burden=burden, doubling_time=doubling_time)
    growth = np.log(2) / float(td)
    now = float(since_diagnosis(days))
    top = float(np.log(n) + np.log(chance(survival)))
    prior, posterior = np.full(2, -np.inf), np.full(2, -np.inf)
    for side, low, high, height, rate in _parts(seeding, now):
        prior[side] = np.logaddexp(prior[side], height + _log_born(rate, high - low))
        u, v, k = top - growth * (now - low), top - growth * (now - high), rate / growth
        told = height - (k * u if k else 0.0) + _log_gamma(k + 1, u, v)  # but for a constant
        posterior[side] = np.logaddexp(posterior[side], told)
    if np.isneginf(posterior).all():
        raise InputError(f"seeding begins after day {now:g}, that of the count; begin it before")
    return Founding(float(posterior[0] - posterior[1]), float(prior[0] - prior[1]))


def _parts(seeding: Seeding, now: float) -> Iterator[tuple[int, float, float, float, float]]:
    """The pieces before diagnosis (side 0) and after it up to now (1).

    Of each: side, first and last day, logarithm of the level on the first day, rate.
    """
    columns = (seeding.start, seeding.end, seeding.level, seeding.rate)
    for start, end, level, rate in zip(*columns, strict=True):
        for side, first, last in ((0, start, min(end, 0.0)), (1, max(start, 0.0), end)):
            if first < min(last, now):
                height = float(np.log(level)) + (rate * (first - start) if rate else 0.0)
                yield side, first, min(last, now), height, rate


def _log_born(rate: float, width: float) -> float:
    """Logarithm of the founders born in a piece of that width, if it starts with 1 per day."""
    return float(np.log(width) + np.log(exprel(rate * width if rate else 0.0)))


def _log_gamma(order: float, low: float, high: float) -> float:
    """Logarithm of the integral of exp(order u - e^u) over u from low to high; log-concave in u."""
    mode = np.log(order) if order > 0 else low
    top = float(np.clip(mode, low, high))
    peak = order * top - np.exp(top)

    def above(u: float) -> float:
        return float(order * u - np.exp(u) - peak + NEGLIGIBLE)

    far = top - (NEGLIGIBLE + np.exp(top)) / order if order > 0 else low
    left, right = max(low, far), min(high, np.log(NEGLIGIBLE + 1 + np.exp(top)) + 10)
    if above(right) < 0:
        right = float(brentq(above, top, right))
    if not left < right:  # a piece too short for its ends to differ
        return -np.inf
    edges = np.linspace(left, right, int(np.ceil((right - left) / PANEL)) + 1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + half * (1 + nodes)
    return float(peak + np.log((half * weights * np.exp(order * u - np.exp(u) - peak)).sum()))


def _exp(logarithm: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(logarithm))
