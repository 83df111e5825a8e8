"""Detection limits: how small a share of a signature would have been found."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from allrelapse.errors import InputError
from allrelapse.signatures import nulls, poisson
from allrelapse.signatures.kernel import Flags
from allrelapse.signatures.nulls import Rows
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.presence import checked
from allrelapse.signatures.refit import check_whole

BISECTIONS = 11  # of the share, to within .0005
LOST = 0.2
"""By how much the root of the ratio falls, on average, for a tenfold number of candidates: chance
lets one of them take part of what the target made, which an expected spectrum does not show."""


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
    median finding (the "Asimov" data set), from which its power follows, less what is `LOST` to
    the choice among many candidates. Quick, and about right: simulated, the power at the limit is
    .70 to .88 where .80 is asked for, with 7 to 67 candidates, 100 to 5,000 mutations and counts
    that scatter once or twice Poisson. With `replicates` it is right but for chance.

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
    check_whole(replicates=replicates, seed=seed)
    full = nulls.tested(x, w, j)[1]
    dispersion = nulls.scatter(x, w, full, overdispersed)[0]
    total = x.sum(axis=1)
    background = _background(full, w, j)
    aim = float(norm.isf(false_positives) + norm.ppf(power) + LOST * np.log10(len(w))) ** 2

    def is_found(rows: Rows, share: Array) -> Flags:
        f = share[rows, None]
        expected = total[rows, None] * ((1 - f) * background[rows] + f * w[j])
        if replicates:
            draws = [
                nulls.drawn(mean, dispersion[i], replicates, poisson.stream(seed, x[i]))
                for mean, i in zip(expected, rows, strict=True)
            ]
            hits = [_found(d, w, j, overdispersed, false_positives).mean() for d in draws]
            return np.array(hits) >= power
        return np.asarray(nulls.tested(expected, w, j)[2] >= aim * dispersion[rows])

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


def median_limits(limits: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Median detection limits of groups of samples, of those that have a limit and of all.

    A sample without a limit counts among all as one whose limit lies above every share.

    Parameters
    ----------
    limits : tables of `detection_limit` put together: `limit` (fraction, NaN where no share would
        be found) and the columns of `by`, one row per sample
    by : columns that name the groups

    Returns
    -------
    Indexed by group: `samples` (count), `any_share` (count of those with a limit), `median_limit`
    (median over those, %) and `half_limit` (median over all samples, %, the share that half of
    them would show; NaN unless more than half have a limit).

    Raises
    ------
    InputError
        If `limits` lacks a column, or a limit is no fraction.
    """
    if lacking := [name for name in ("limit", *by) if name not in limits]:
        raise InputError(f"the limits lack {', '.join(lacking)}; name the groups in columns")
    if not limits["limit"].dropna().between(0, 1).all():
        raise InputError("limits must be fractions from 0 to 1, as detection_limit gives them")
    percent = 100 * limits["limit"]
    shown = limits[[*by]].assign(percent=percent, of_all=percent.fillna(np.inf))
    groups = shown.groupby([*by])
    return pd.DataFrame(
        {
            "samples": groups.size(),
            "any_share": groups["percent"].count(),
            "median_limit": groups["percent"].median(),
            "half_limit": groups["of_all"].median().replace(np.inf, np.nan),
        }
    )


def _background(full: Array, w: Array, j: int) -> Array:
    """What the other signatures' part of each sample looks like, rows summing to 1."""
    others = np.delete(w, j, axis=0)
    made = np.delete(full, j, axis=1) @ others
    total = made.sum(axis=1, keepdims=True)
    # where the target seems to have made all, nothing is known of the others
    return np.where(total > 0, made / np.where(total > 0, total, 1), others.mean(axis=0))


def _found(x: Array, w: Array, j: int, overdispersed: bool, false_positives: float) -> Flags:
    """In which spectra the target is found."""
    _, full, ratio = nulls.tested(x, w, j)
    dispersion, freedom = nulls.scatter(x, w, full, overdispersed)
    return np.asarray(nulls.limiting_p(ratio / dispersion, freedom) < false_positives)
