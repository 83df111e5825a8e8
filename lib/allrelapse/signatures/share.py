"""Share: does a signature make more of one group's mutations than of another's?"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.signatures import kernel, poisson
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import check_whole, matched

LARGEST = 12.0  # of log odds ratios that are told from infinity
NONE = 1e-6  # shares below which there is nothing


def share_odds_ratio(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    target: str,
    first: "pd.Series[bool]",
    *,
    unit: "pd.Series[str] | None" = None,
    permutations: int = 199,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Estimate, float]:
    """Odds ratio of the target's share in one group of samples against the others, and its P value.

    The share of a signature is its exposure over all mutations of a group. Unlike counting samples
    in which it is found, this does not depend on how many mutations each group has. But the
    mutations of a sample are not independent: a few samples may hold most of a group's. So groups
    are dealt out anew among the samples, again and again, and the likelihood ratio of equal shares
    is judged by what it is then; the interval is made of the odds ratios that fall no lower than
    its `level` quantile.

    Parameters
    ----------
    counts : 96 x n, mutations
    signatures : 96 x k, candidates including the target
    first : by sample, whether it is in the first group
    unit : by sample, whom it is of; samples of one patient swap groups only among themselves
    permutations : number of times that groups are dealt out
    level : of the interval
    seed : of the permutations

    Returns
    -------
    Odds ratio with its interval (0 and infinity may occur; NaN if neither group has any), and P of
    equal shares, two-sided.

    Raises
    ------
    InputError
        If a group has no mutations, the target is unknown or alone, or an option is out of range.

    Source: likelihood ratio (Wilks 1938) with its permutation distribution (Davison & Hinkley 1997,
    section 4.3).
    """
    x, w = matched(counts, signatures)
    if target not in signatures or signatures.shape[1] < 2:
        raise InputError(f"target {target!r} must be one of at least two signatures")
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    check_whole(permutations=permutations, seed=seed)
    group = first.reindex(counts.columns).to_numpy(bool)
    if (_pooled(x, group).sum(axis=1) == 0).any():
        raise InputError("shares are compared between two groups that both have mutations")
    owner = counts.columns if unit is None else unit.reindex(counts.columns)
    j = np.flatnonzero(signatures.columns == target)[0]
    w = np.ascontiguousarray(np.hstack([np.delete(w, j, axis=1), w[:, [j]]]).T)  # the target last
    pools = _pooled(x, group)
    shares = _shares(pools, w)
    rng = np.random.default_rng([seed, len(x)])
    dealt = (_pooled(x, _dealt(group, pd.Index(owner), rng)) for _ in range(permutations))
    chance = np.array([_fall(again, w, 0.0) for again in dealt if again.any(axis=1).all()])
    seen = _fall(pools, w, 0.0)
    p_value = float((1 + np.sum(chance >= seen - 1e-6)) / (len(chance) + 1))
    drop = float(np.quantile(np.r_[chance, seen], level))
    value = _odds_ratio(*shares)
    if np.isnan(value):
        return Estimate(np.nan, 0.0, np.inf), p_value
    middle = float(np.clip(np.log(max(value, 1e-300)), -LARGEST, LARGEST))

    def end(edge: float, beyond: float) -> float:
        if _fall(pools, w, edge) <= drop:
            return beyond
        return float(np.exp(brentq(lambda t: _fall(pools, w, t) - drop, middle, edge, xtol=1e-3)))

    return Estimate(value, end(-LARGEST, 0.0), end(LARGEST, np.inf)), p_value


def _shares(pools: Array, w: Array) -> Array:
    """The target's share of each spectrum."""
    shares: Array = poisson.fit(pools, w.T)[:, -1] / pools.sum(axis=1)
    return shares


def _fall(pools: Array, w: Array, log_ratio: float) -> float:
    """Twice the log-likelihood lost by holding the odds ratio of the two shares."""
    first, second = pools
    one, two = _shares(pools, w)
    best = _at_share(first, w, one) + _at_share(second, w, two)
    odds = np.exp(-abs(log_ratio))

    def lost(larger: float) -> float:
        smaller = odds * larger / (1 - larger + odds * larger)
        one, two = (larger, smaller) if log_ratio >= 0 else (smaller, larger)
        return 2 * (best - _at_share(first, w, one) - _at_share(second, w, two))

    found = float(min(minimize_scalar(lost, bounds=(0, 1), method="bounded").fun, lost(0.0)))
    return max(found, 0.0)


def _at_share(x: Array, w: Array, share: float) -> float:
    """Highest log-likelihood with the target's share held: each other signature is blended."""
    blended = (1 - share) * w[:-1] + share * w[-1]
    start, fixed = np.zeros((1, len(blended))), np.zeros((1, len(x)))
    fit = kernel.maximise_all(x[None], blended, fixed, start, np.ones(len(blended), bool))
    return float(poisson.log_likelihood(x[None], fit @ blended)[0])


def _pooled(x: Array, group: NDArray[np.bool_]) -> Array:
    """Spectra of the first group and of the others, 2 x 96."""
    return np.array([x[group].sum(axis=0), x[~group].sum(axis=0)])


def _dealt(
    group: NDArray[np.bool_], owner: pd.Index, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Groups dealt out anew: among patients with one sample, and within those with several."""
    several = owner.duplicated(keep=False)
    dealt = group.copy()
    dealt[~several] = rng.permutation(group[~several])
    for one in owner[several].unique():
        mine = owner == one
        dealt[mine] = rng.permutation(group[mine])
    return dealt


def _odds_ratio(first: float, second: float) -> float:
    if first < NONE and second < NONE:
        return float(np.nan)
    if second < NONE or first > 1 - NONE:
        return float(np.inf)
    return first / (1 - first) * (1 - second) / second
