"""Detection limits: how small a share of a signature would have been found."""

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from numpy.typing import NDArray
from scipy.stats import norm

from allrelapse.errors import InputError
from allrelapse.signatures.kernel import Flags
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.presence import checked, drawn, limiting_p, tested

Rows = NDArray[np.intp]

BISECTIONS = 11  # of the share, to within .0005


def detection_limit(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    target: str,
    *,
    power: float = 0.8,
    false_positives: float = 0.01,
    overdispersed: bool = True,
    replicates: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Smallest share of `target` that `presence` would find in each sample.

    A sample of as many mutations, otherwise made as this one seems to be, in which the target
    made a share f has an expected spectrum. What the test finds in that spectrum is about its
    median finding (the "Asimov" data set), from which its power follows. Quick, and a little too
    hopeful, as the choice of the other signatures varies, too: simulated, the power at the limit
    is .65 to .85 where .80 is asked for. With `replicates` it is exact but for chance.

    Parameters
    ----------
    counts, signatures, target, overdispersed : as in `presence`
    power : chance of finding the target at the limit
    false_positives : P, by the limiting law, below which the target is said to be found
    replicates : if above 0, the power is counted in that many spectra drawn at each share tried
    seed : of these draws

    Returns
    -------
    One row per sample: `mutations` (count), `dispersion`, `limit` (fraction of the mutations, NaN
    where no share would be found) and `limit_mutations`.

    Raises
    ------
    InputError
        As `presence`; or if `power` or `false_positives` is no probability, or the first is not
        above the second.

    Source: Cowan, Cranmer, Gross & Vitells 2011, Eur Phys J C 71:1554, section 4.
    """
    if not 0 < false_positives < power < 1:
        raise InputError("it must be that 0 < false_positives < power < 1")
    x, w, j = checked(counts, signatures, target, None)
    _, full, ratio = tested(x, w, j)
    _, dispersion, _ = limiting_p(x, w, full, ratio, overdispersed)
    total = x.sum(axis=1)
    background = _background(full, w, j)
    aim = float(norm.isf(false_positives) + norm.ppf(power)) ** 2

    def is_found(rows: Rows, share: Array) -> Flags:
        f = share[rows, None]
        expected = total[rows, None] * ((1 - f) * background[rows] + f * w[j])
        if replicates:
            how = (w, j, dispersion[rows], overdispersed, false_positives, replicates, seed)
            return _power(expected, *how) >= power
        return np.asarray(tested(expected, w, j)[2] >= aim * dispersion[rows])

    low, high = np.zeros(len(x)), np.ones(len(x))
    rows = np.flatnonzero(total > 0)
    rows = rows[is_found(rows, high)] if rows.size else rows
    for _ in range(BISECTIONS if rows.size else 0):
        middle = (low + high) / 2
        found = is_found(rows, middle)
        high[rows[found]] = middle[rows[found]]
        low[rows[~found]] = middle[rows[~found]]
    limit = np.full(len(x), np.nan)
    limit[rows] = high[rows]
    return pd.DataFrame(
        {
            "mutations": total.astype(int),
            "dispersion": dispersion,
            "limit": limit,
            "limit_mutations": limit * total,
        },
        index=counts.columns,
    )


def _background(full: Array, w: Array, j: int) -> Array:
    """What the other signatures' part of each sample looks like, rows summing to 1."""
    others = np.delete(w, j, axis=0)
    made = np.delete(full, j, axis=1) @ others
    total = made.sum(axis=1, keepdims=True)
    # where the target seems to have made all, nothing is known of the others
    return np.where(total > 0, made / np.where(total > 0, total, 1), others.mean(axis=0))


def _power(
    expected: Array,
    w: Array,
    j: int,
    dispersion: Array,
    overdispersed: bool,
    false_positives: float,
    replicates: int,
    seed: int,
) -> Array:
    """Share of spectra drawn about each expected one in which the target is found."""
    seeds = SeedSequence(seed).spawn(len(expected))
    power = np.zeros(len(expected))
    for i, mean in enumerate(expected):
        spectra = drawn(mean, dispersion[i], replicates, np.random.default_rng(seeds[i]))
        _, full, ratio = tested(spectra, w, j)
        p = limiting_p(spectra, w, full, ratio, overdispersed)[0]
        power[i] = np.mean(p < false_positives)
    return power
