"""Presence: is there evidence that one signature took part in a sample at all?"""

import numpy as np
import pandas as pd
from scipy.optimize.elementwise import find_root
from scipy.stats import chi2
from scipy.stats import f as f_distribution
from statsmodels.stats.multitest import multipletests

from allrelapse.errors import InputError
from allrelapse.signatures import poisson
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import matched


def presence(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    target: str,
    *,
    overdispersed: bool = True,
    level: float | None = 0.95,
    replicates: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Likelihood-ratio test, per sample, that `target` made at least some of the mutations.

    All signatures are fitted with and without the target. The exposure cannot be negative, so
    that half of the null distribution lies at zero. Where mutations scatter more than Poisson,
    the ratio is divided by the dispersion and referred to F instead of chi-squared.

    Parameters
    ----------
    counts : 96 x n, mutations
    signatures : 96 x k, candidates including the target
    target : name of a signature
    overdispersed : estimate each sample's dispersion (never below 1); False takes 1
    level : of the profile-likelihood interval; None leaves `lower` and `upper` NaN and is faster
    replicates : if above 0, P comes from that many Poisson spectra drawn from each sample's fit
        without the target (parametric bootstrap): for exomes, where counts are too small for the
        limiting distribution
    seed : of these draws

    Returns
    -------
    One row per sample: `mutations` (count), `exposure`, `lower`, `upper` (mutations),
    `dispersion`, `p_value` (one-sided), `q_value` (Benjamini-Hochberg over these samples; a
    sample without mutations has P = 1).

    Raises
    ------
    InputError
        If the target is not among the signatures, is the only one, or the tables do not match.

    Source: Self & Liang 1987, J Am Stat Assoc 82:605 (boundary); McCullagh & Nelder 1989,
    section 9.2 (quasi-likelihood); Davison & Hinkley 1997, section 4.2.3 (Monte Carlo P).
    """
    if target not in signatures or signatures.shape[1] < 2:
        have = ", ".join(map(str, signatures.columns))
        raise InputError(f"target {target!r} must be one of at least two signatures; have: {have}")
    if level is not None and not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    x, w = matched(counts, signatures)
    j = signatures.columns.get_loc(target)
    others = np.delete(w, j, axis=1)
    full, null, ratio = _likelihood_ratio(x, w, others)
    best = poisson.log_likelihood(x, full @ w.T)
    exposure = np.where(ratio > 0, full[:, j], 0.0)
    freedom = np.maximum(len(w) - (full > 0.5).sum(axis=1), 1)
    if overdispersed:
        dispersion, null_law = variance_ratio(x, full @ w.T, freedom), f_distribution(1, freedom)
    else:
        dispersion, null_law = np.ones(len(x)), chi2(1)
    if replicates:
        p = _bootstrap_p(null @ others.T, w, others, ratio, replicates, np.random.default_rng(seed))
    else:
        p = np.where(ratio > 0, null_law.sf(ratio / dispersion) / 2, 1.0)
    lower = upper = np.full(len(x), np.nan)
    if level is not None:
        drop = dispersion * null_law.ppf(level)
        lower, upper = _profile_interval(x, w[:, j], others, exposure, best, ratio, drop)
    return pd.DataFrame(
        {
            "mutations": x.sum(axis=1).astype(int),
            "exposure": exposure,
            "lower": lower,
            "upper": upper,
            "dispersion": dispersion,
            "p_value": p,
            "q_value": multipletests(p, method="fdr_bh")[1],
        },
        index=counts.columns,
    )


def _likelihood_ratio(x: Array, w: Array, others: Array) -> tuple[Array, Array, Array]:
    """Exposures with and without the target, and twice the log of their likelihood ratio."""
    full = poisson.fit(x, w)
    null = poisson.fit(x, others)
    ratio = 2 * (poisson.log_likelihood(x, full @ w.T) - poisson.log_likelihood(x, null @ others.T))
    # less than this is the error of the fits
    return full, null, np.where(ratio > 4 * poisson.tolerance(x), ratio, 0.0)


def _bootstrap_p(
    mean: Array, w: Array, others: Array, ratio: Array, replicates: int, rng: np.random.Generator
) -> Array:
    """Share of spectra drawn from `mean` whose ratio is as large as seen, seen one included."""
    p = np.ones(len(mean))
    for i in np.flatnonzero(ratio > 0):
        drawn = rng.poisson(mean[i], size=(replicates, mean.shape[1])).astype(float)
        p[i] = (1 + np.sum(_likelihood_ratio(drawn, w, others)[2] >= ratio[i])) / (replicates + 1)
    return p


def pool(counts: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Sum of the spectra of each group: 96 x number of groups, mutations.

    `groups` is labelled by sample; samples that it does not name are left out.
    """
    return counts[groups.index].T.groupby(groups.to_numpy()).sum().T


def variance_ratio(x: Array, mean: Array, freedom: Array) -> Array:
    """Variance over mean, at least 1, by an estimator that holds for small counts.

    Source: Fletcher 2012, Biometrika 99:230.
    """
    mean = np.maximum(mean, poisson.TINY)
    made = mean > 1e-6
    pearson = np.sum(np.where(made, (x - mean) ** 2 / mean, 0), axis=1) / freedom
    skew = np.sum(np.where(made, (x - mean) / mean, 0), axis=1) / np.maximum(made.sum(axis=1), 1)
    dispersion: Array = np.maximum(pearson / (1 + skew), 1.0)
    return dispersion


def _profile_interval(
    x: Array, target: Array, others: Array, exposure: Array, best: Array, ratio: Array, drop: Array
) -> tuple[Array, Array]:
    """Target exposures at which twice the profile log-likelihood has fallen by `drop`."""

    def excess(t: Array, row: Array) -> Array:
        i = row.astype(int).ravel()
        fixed = t.reshape(-1, 1) * target
        mean = poisson.fit(x[i], others, fixed) @ others.T + fixed
        fall: Array = 2 * (best[i] - poisson.log_likelihood(x[i], mean)) - drop[i]
        return fall.reshape(t.shape)

    tolerances = {"xatol": 0.01, "xrtol": 1e-4}
    lower = np.zeros(len(x))
    found = np.flatnonzero(ratio > drop)
    if found.size:
        bracket = (np.zeros(found.size), exposure[found])
        lower[found] = find_root(excess, bracket, args=(found,), tolerances=tolerances).x
    rows = np.arange(len(x))
    far = x.sum(axis=1) + drop + 1  # beyond it even a sample of target alone has fallen by drop
    far += np.sqrt(2 * drop * far)
    upper = find_root(excess, (exposure, far), args=(rows,), tolerances=tolerances).x
    return lower, upper
