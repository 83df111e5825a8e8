"""Birth and death of cells: exact where there are few, their mean where there are many."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

MANY = 1e6
"""Cells from which, before and after, chance is below 0.2 % of the mean: the mean will do."""

LONG = 300.0
"""Largest exponent of growth; more cells than that are no leukaemia and would overflow."""

Floats = NDArray[np.float64]


def grown(
    cells: ArrayLike, birth: ArrayLike, death: ArrayLike, days: ArrayLike, rng: Generator
) -> Floats:
    """Cells after a time of linear birth and death, drawn from the exact law.

    Of n cells Binomial(n, 1 - p0) leave descendants, p0 = c(E - 1) / (aE - c), E = exp((a - c)t);
    each of these leaves a geometric number, of mean 1 / (1 - B), B = a(E - 1) / (aE - c).

    Parameters
    ----------
    cells : whole numbers, any shape
    birth, death : a and c, per cell and day
    days : t

    Source: Kendall 1948, Ann Math Stat 19:1.
    """
    n, a, c, t = np.broadcast_arrays(*(np.asarray(x, float) for x in (cells, birth, death, days)))
    growth = np.exp(np.clip((a - c) * t, -700, LONG))
    many = np.minimum(n, n * growth) >= MANY
    size = np.where(many, np.round(n * growth), 0.0)
    few = (n > 0) & ~many
    if few.any():
        p0, odds = extinction(a[few], c[few], t[few])
        alive = rng.binomial(np.minimum(n[few], 1e18).astype(np.int64), 1 - p0)
        more = np.zeros(alive.shape)
        some = alive > 0
        # gamma-Poisson mixture: numpy's own negative binomial overflows for long growth
        more[some] = _poisson(rng.gamma(alive[some]) * odds[some], rng)
        size[few] = alive + more
    return size


def extinction(birth: Floats, death: Floats, days: Floats) -> tuple[Floats, Floats]:
    """P that one cell leaves nobody (p0), and the odds B / (1 - B) of the law of those who do."""
    rate = birth - death
    critical = np.abs(rate * days) < 1e-9
    growth = np.exp(np.where(critical, 0.0, np.clip(rate * days, -700, LONG)))
    base = np.where(critical, 1.0, birth * growth - death)
    level = birth * days / (1 + birth * days)
    p0 = np.where(critical, level, death * (growth - 1) / base)
    odds = np.where(critical, birth * days, birth * (growth - 1) / np.where(critical, 1.0, rate))
    return np.clip(p0, 0, 1), odds


def _poisson(mean: Floats, rng: Generator) -> Floats:
    """Poisson numbers as floats; large means get the normal law, which numpy's limit allows."""
    large = mean > MANY
    drawn = rng.poisson(np.where(large, 0, mean)).astype(float)
    spread = np.sqrt(mean[large]) * rng.standard_normal(int(large.sum()))
    drawn[large] = np.round(mean[large] + spread)
    return drawn


def mutants_at(size: float, rate: float, birth: float, death: float, rng: Generator) -> Floats:
    """Sizes of the neutral mutant lineages alive when a population has grown from 1 to `size`.

    A mutation arises in N(s) = size * exp(-(r - d)s) cells, s days before, at `rate` per division;
    its lineage is what birth and death leave of one cell in s days. The number of lineages that
    are alive is Poisson with mean about size * rate * r / d * ln(r / (r - d)) for d > 0.

    Source: Iwasa, Nowak & Michor 2006, Genetics 172:2557.
    """
    net = birth - death
    events = rng.poisson(size * rate * birth / net)
    if events == 0:
        return np.empty(0)
    before = rng.exponential(1 / net, events)
    before = before[before < np.log(size) / net]  # not before the first cell
    sizes = grown(np.ones(len(before)), birth, death, before, rng)
    return sizes[sizes > 0]


def times_on_exponential(
    start: float, end: float, rate: float, number: int, rng: Generator
) -> Floats:
    """Times between `start` and `end` with a density that grows as exp(rate * time)."""
    u = rng.random(number)
    span = rate * (end - start)
    if abs(span) < 1e-9:
        return start + u * (end - start)
    return np.asarray(start + np.log1p(u * np.expm1(span)) / rate)
