"""From which share of reads on is a variant told from errors of sequencing?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import betabinom

from allrelapse.errors import InputError

Floats = NDArray[np.float64]

STEPS = 40
"""Halvings of the range from 0 to 1; its width is then below 1e-12."""


def detection_limit(
    depth: ArrayLike,
    *,
    error: float = 1e-4,
    precision: float = 2e4,
    false_positive: float = 1e-3,
    power: float = 0.95,
) -> Floats:
    """Share of reads with a variant from which it is found, the limit of detection.

    A variant is found where errors alone give as many reads with P below `false_positive`; at the
    limit this happens with probability `power`. Reads are beta-binomial.

    Parameters
    ----------
    depth : reads, 1 or more; any shape
    error : share of reads that show the variant by mistake, e
    precision : a + b of the beta law

    Returns
    -------
    Shares v of reads; the share of cells with a heterozygous variant is 2 (v - e)/(1 - e), which
    is above 1 (as v may be 1) where the depth finds nothing.

    Raises
    ------
    InputError
        If a depth is below 1, or a number out of range.

    Source: Currie 1968, Anal Chem 40:586 (the two errors); Griffiths 1973, Biometrics 29:637.
    """
    n = np.asarray(depth, float)
    if not np.all(n >= 1):
        raise InputError(
            f"depth {n.min():g}: must be 1 read or more; leave samples without reads out"
        )
    if not (0 < error < 0.5 and precision > 0 and 0 < false_positive < 1 and 0 < power < 1):
        raise InputError(
            f"error, precision, false_positive, power are {error}, {precision}, {false_positive}, "
            f"{power}; give 0 to .5, above 0, and two probabilities"
        )
    depths, place = np.unique(n, return_inverse=True)
    needed = _reads(depths, error, precision, false_positive)
    low, high = np.zeros(len(depths)), np.ones(len(depths))
    fewer = np.arange(needed.max())[:, None]
    for _ in range(STEPS):
        middle = (low + high) / 2
        chance = betabinom.pmf(fewer, depths, middle * precision, (1 - middle) * precision)
        missed = np.where(fewer < needed, chance, 0).sum(axis=0)
        low = np.where(missed > 1 - power, middle, low)
        high = np.where(missed > 1 - power, high, middle)
    return np.asarray(high[place].reshape(n.shape))


def _reads(depths: Floats, error: float, precision: float, false_positive: float) -> Floats:
    """Fewest reads with a variant that errors give with P below `false_positive`, by depth."""
    a, b = error * precision, (1 - error) * precision
    most = int(betabinom.isf(false_positive / 10, depths.max(), a, b)) + 1
    seen = np.arange(most + 1)[:, None]
    more = 1 - betabinom.pmf(seen, depths, a, b).cumsum(axis=0)  # than so many reads
    return np.asarray(1 + (more >= false_positive).sum(axis=0))
