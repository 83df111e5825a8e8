"""One cell and its descendants under constant birth and death: the kernel of all else here."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def decay(x: ArrayLike) -> Floats:
    """The ratio x / (1 - exp(-x)), which is 1 at 0, without loss of digits near it."""
    value = np.asarray(x, float)
    small = np.abs(value) < 1e-12
    safe = np.where(small, 1.0, value)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(small, 1 + value / 2, safe / -np.expm1(-safe)))


def survival(birth: float, death: float, days: ArrayLike, end: float = 1.0) -> Floats:
    """P that one cell has descendants after a time, 1/(e^(-gt)/S + a(1 - e^(-gt))/g), g = a - c.

    Parameters
    ----------
    birth, death : a and c, per cell and day
    days : t, any shape; infinite days give the chance of never dying out
    end : S, chance that a cell alive at the end of this time survives what comes after

    Returns
    -------
    Probabilities, of the shape of `days`.

    Source: Kendall 1948, Ann Math Stat 19:1.
    """
    t, net = np.asarray(days, float), birth - death
    if end == 0:
        return np.zeros(t.shape)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        shrunk = np.exp(-net * t)
        growth = birth * np.where(t == 0, 0.0, -np.expm1(-net * t) / net if net else t)
        odds = shrunk / end + growth
    # both terms overflow only where a declining lineage is long gone
    return np.asarray(np.where(np.isfinite(odds), 1 / odds, 0.0))
