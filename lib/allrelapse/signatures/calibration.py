"""Calibration: are things that are given a probability of .3 true three times in ten?"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from allrelapse import exact
from allrelapse.errors import InputError
from allrelapse.signatures.poisson import Array


def reliability(
    probability: ArrayLike, happened: ArrayLike, *, bins: int = 10, level: float = 0.95
) -> pd.DataFrame:
    """Predicted probability against observed frequency, in bins of equal width.

    Parameters
    ----------
    probability : of each event, 0 to 1
    happened : whether it did
    bins : number of bins from 0 to 1
    level : of the exact binomial interval

    Returns
    -------
    One row per bin that has events: `start`, `end`, `events`, `predicted` (mean), `observed`,
    `lower`, `upper`.

    Raises
    ------
    InputError
        If these are no probabilities and truth values of the same events.

    Source: Murphy & Winkler 1977, Appl Stat 26:41.
    """
    p, true = _checked(probability, happened)
    if bins < 1:
        raise InputError(f"bins is {bins}; at least one is needed")
    number = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for b in np.unique(number):
        inside = number == b
        rate = exact.proportion(int(true[inside].sum()), int(inside.sum()), level=level)
        rows.append((b / bins, (b + 1) / bins, int(inside.sum()), p[inside].mean(), *rate))
    columns = ["start", "end", "events", "predicted", "observed", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def brier(probability: ArrayLike, happened: ArrayLike) -> float:
    """Mean squared distance of the probabilities from what happened: 0 is perfect, .25 a coin.

    Raises
    ------
    InputError
        If these are no probabilities and truth values of the same events.

    Source: Brier 1950, Mon Weather Rev 78:1.
    """
    p, true = _checked(probability, happened)
    return float(np.mean((p - true) ** 2))


def _checked(probability: ArrayLike, happened: ArrayLike) -> tuple[Array, Array]:
    p, true = np.asarray(probability, float), np.asarray(happened, float)
    if p.ndim != 1 or p.shape != true.shape or not p.size:
        raise InputError("probabilities and what happened must be two columns of the same length")
    if not ((p >= 0) & (p <= 1)).all() or not np.isin(true, [0, 1]).all():
        raise InputError("probabilities must lie between 0 and 1, what happened be true or false")
    return p, true
