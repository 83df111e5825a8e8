"""Share: does a signature make more of one group's mutations than of another's?"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.signatures import poisson
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import matched

LARGEST = 12.0  # of log odds ratios that are told from infinity


def share_odds_ratio(
    counts: pd.DataFrame, signatures: pd.DataFrame, target: str, *, level: float | None = 0.95
) -> tuple[Estimate, float]:
    """Odds ratio of the target's share in the first sample against the second, and its P value.

    The share of a signature is its exposure over all mutations. Unlike counting samples in which
    it is found, this does not depend on how many mutations each group has.

    Parameters
    ----------
    counts : 96 x 2, mutations, such as two pooled groups
    signatures : 96 x k, candidates including the target

    level : of the interval; None leaves it NaN and is faster

    Returns
    -------
    Odds ratio with its profile-likelihood interval (0 and infinity may occur), and P of equal
    shares.

    Raises
    ------
    InputError
        If there are not two samples with mutations, or the target is unknown or alone.

    Source: likelihood ratio with one degree of freedom (Wilks 1938). A share at its boundary makes
    it conservative.
    """
    x, w = matched(counts, signatures)
    if len(x) != 2 or (x.sum(axis=1) == 0).any():
        raise InputError("shares are compared between two samples that both have mutations")
    if target not in signatures or signatures.shape[1] < 2:
        raise InputError(f"target {target!r} must be one of at least two signatures")
    j = signatures.columns.get_loc(target)
    others = np.delete(w, j, axis=1)
    first, second = poisson.fit(x, w)[:, j] / x.sum(axis=1)

    def likelihood(row: int, share: float) -> float:
        return _likelihood_at_share(x[[row]], others, w[:, j], share)

    best = likelihood(0, first) + likelihood(1, second)

    def fall(log_ratio: float) -> float:
        """Twice the log-likelihood lost by holding the odds ratio."""
        odds = np.exp(-abs(log_ratio))

        def lost(larger: float) -> float:
            smaller = odds * larger / (1 - larger + odds * larger)
            shares = (larger, smaller) if log_ratio >= 0 else (smaller, larger)
            return 2 * (best - likelihood(0, shares[0]) - likelihood(1, shares[1]))

        return float(min(minimize_scalar(lost, bounds=(0, 1), method="bounded").fun, lost(0.0)))

    value = _odds_ratio(first, second)
    p_value = float(chi2.sf(max(fall(0.0), 0.0), 1))
    if level is None:
        return Estimate(value, np.nan, np.nan), p_value
    middle = np.clip(np.log(max(value, 1e-300)), -LARGEST, LARGEST)
    drop = chi2.ppf(level, 1)
    ends = [
        float(np.exp(brentq(lambda t: fall(t) - drop, middle, edge, xtol=1e-3)))
        if fall(edge) > drop
        else beyond
        for edge, beyond in ((-LARGEST, 0.0), (LARGEST, np.inf))
    ]
    return Estimate(value, *ends), p_value


def _likelihood_at_share(x: Array, others: Array, target: Array, share: float) -> float:
    """Highest log-likelihood with the target's share held: each other signature is blended."""
    blended = (1 - share) * others + share * target[:, None]
    mean = poisson.fit(x, blended) @ blended.T
    return float(poisson.log_likelihood(x, mean)[0])


def _odds_ratio(first: float, second: float) -> float:
    if np.isclose(first, second, atol=1e-6):
        return 1.0
    if second < 1e-6 or first > 1 - 1e-6:
        return float(np.inf)
    return first / (1 - first) * (1 - second) / second
