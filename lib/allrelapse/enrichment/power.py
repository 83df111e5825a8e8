"""What a cohort of a given size can find."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binom

from allrelapse.enrichment.recurrence import tail_probability


def gain_power(
    patients: int, gained: ArrayLike, *, lost: float = 0.0, alpha: float = 0.05
) -> pd.DataFrame:
    """Power of McNemar's exact test for a gene, by the share of relapses that gain it.

    Parameters
    ----------
    patients : pairs of diagnosis and relapse
    gained : shares of patients whose relapse gains an alteration, fractions
    lost : share of patients whose relapse loses one, fraction
    alpha : level of the two-sided test, such as .05 / number of genes

    Returns
    -------
    `gained`, `power`, both fractions.

    The number that changes is binomial, and of these the gains are binomial; summed over both.
    """
    shares = np.atleast_1d(np.asarray(gained, float))
    number = np.arange(patients + 1)
    # fewest on the smaller side that is still significant, for each number that changes; -1: none
    edge = binom.ppf(alpha / 2, number, 0.5) - 1
    edge = np.where(2 * binom.cdf(edge + 1, number, 0.5) <= alpha, edge + 1, edge)
    power = []
    for share in shares:
        changing = min(share + lost, 1.0)
        up = share / changing if changing else 0.0
        reject = binom.cdf(edge, number, 1 - up) + binom.cdf(edge, number, up)
        power.append(float(binom.pmf(number, patients, changing) @ np.where(edge >= 0, reject, 0)))
    return pd.DataFrame({"gained": shares, "power": power})


def recurrence_power(
    patients: int,
    prevalence: ArrayLike,
    *,
    chance: float,
    scatter: float = 0.0,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Power to find a gene hit more often than by chance, by the share of relapses that carry it.

    For relapses of equal burden and a gene with a factor of 1; the test allows for other factors.

    Parameters
    ----------
    patients : relapses
    prevalence : shares of relapses that carry a driver change, fractions
    chance : share of relapses in which the gene is hit by chance, fraction
    scatter : squared coefficient of variation of genes' factors (`Background.scatter`)
    alpha : level of the one-sided test

    Returns
    -------
    `prevalence`, `power`, and `carriers`, the fewest that are significant.
    """
    shares = np.atleast_1d(np.asarray(prevalence, float))
    number = np.arange(1, patients + 1)
    expected = np.full((patients, patients), -np.log1p(-chance))
    rejected = tail_probability(expected, number, scatter) <= alpha
    needed = int(number[rejected][0]) if rejected.any() else patients + 1
    reached = binom.sf(needed - 1, patients, 1 - (1 - shares) * (1 - chance))
    return pd.DataFrame({"prevalence": shares, "power": reached, "carriers": needed})
