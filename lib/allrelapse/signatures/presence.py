"""Presence: is there evidence that one signature took part in a sample at all?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from scipy.optimize.elementwise import find_root
from scipy.stats import chi2
from scipy.stats import f as f_distribution
from statsmodels.stats.multitest import multipletests

from allrelapse.errors import InputError
from allrelapse.signatures import kernel, poisson
from allrelapse.signatures.kernel import Flags
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import matched
from allrelapse.signatures.workers import spread

KEPT = float(chi2.isf(0.05, 1))
"""Another signature is in the model if it raises twice the log-likelihood by more than this."""
DOUBT = 0.3
"""P by the limiting law below which spectra are drawn to learn the true one."""
FEW = 100
"""Mutations below which spectra are drawn from all other signatures, not from those that pay: of so
few only the most frequent pay, and spectra of these alone are too much alike."""
COUNTED = 10
"""Draws that must reach the observed ratio for their share to be taken for P."""
TIE = 1e-3
"""Ratios of small counts are often equal; fits know them to within their own error only."""


def presence(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    target: str,
    *,
    overdispersed: bool = True,
    level: float | None = 0.95,
    replicates: int = 199,
    seed: int = 0,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Likelihood-ratio test, per sample, that `target` made at least some of the mutations.

    The null model holds those of the other signatures that pay (forward and backward selection,
    each at P = .05), so that the target must explain what none of them does. The exposure cannot
    be negative, so half of the null distribution lies at zero. Where mutations scatter more than
    Poisson, the ratio is divided by the dispersion and referred to F instead of chi-squared.

    Parameters
    ----------
    counts : 96 x n, mutations
    signatures : 96 x k, candidates including the target
    target : name of a signature
    overdispersed : estimate each sample's dispersion (never below 1); False takes 1
    level : of the profile-likelihood interval; None leaves `lower` and `upper` NaN and is faster
    replicates : the limiting law fails where mutations are few, signatures alike or the model was
        chosen among many; so that many spectra are drawn from the null model of each sample whose
        P by that law is below `DOUBT`, with its dispersion, and tested in the same way (parametric
        bootstrap). P is the share that comes as far as observed; beyond the `COUNTED` largest it
        falls as the limiting law does. 0 draws none.
    seed : of these draws
    alpha : P below which `confounders` are looked for

    Returns
    -------
    One row per sample: `mutations` (count), `exposure`, `lower`, `upper` (mutations),
    `dispersion`, `p_value` (one-sided), `q_value` (Benjamini-Hochberg over these samples; a
    sample without mutations has P = 1), `confounders`: the other signatures, separated by blanks,
    each of which in the null model would raise P to `alpha` or above.

    Raises
    ------
    InputError
        If the target is not among the signatures, is the only one, or the tables do not match.

    Source: Self & Liang 1987, J Am Stat Assoc 82:605 (boundary); McCullagh & Nelder 1989,
    section 9.2 (quasi-likelihood); Davison & Hinkley 1997, section 4.2.3 (Monte Carlo P).
    """
    x, w, j = checked(counts, signatures, target, level)
    null, full, ratio = tested(x, w, j)
    p, dispersion, law = limiting_p(x, w, full, ratio, overdispersed)
    if replicates:
        scaled = ratio / dispersion
        mean = _null_mean(x, w, j, null)
        p = _bootstrap_p(mean, w, j, scaled, dispersion, p, law.sf, replicates, seed)
    exposure = np.where(ratio > 0, full[:, j], 0.0)
    lower = upper = np.full(len(x), np.nan)
    if level is not None:
        drop = dispersion * law.ppf(level)
        best = poisson.log_likelihood(x, full @ w)
        lower, upper = _profile_interval(x, w, j, null, exposure, best, ratio, drop)
    critical = dispersion * law.isf(2 * alpha)
    return pd.DataFrame(
        {
            "mutations": x.sum(axis=1).astype(int),
            "exposure": exposure,
            "lower": lower,
            "upper": upper,
            "dispersion": dispersion,
            "p_value": p,
            "q_value": multipletests(p, method="fdr_bh")[1],
            "confounders": _confounders(x, w, j, null, p < alpha, critical, signatures.columns),
        },
        index=counts.columns,
    )


def pool(counts: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Sum of the spectra of each group: 96 x number of groups, mutations.

    `groups` is labelled by sample; samples that it does not name are left out.
    """
    return counts[groups.index].T.groupby(groups.to_numpy()).sum().T


def checked(
    counts: pd.DataFrame, signatures: pd.DataFrame, target: str, level: float | None
) -> tuple[Array, Array, int]:
    """Counts by sample, signatures by row, and the row of the target."""
    if target not in signatures or signatures.shape[1] < 2:
        have = ", ".join(map(str, signatures.columns))
        raise InputError(f"target {target!r} must be one of at least two signatures; have: {have}")
    if level is not None and not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    x, w = matched(counts, signatures)
    return x, np.ascontiguousarray(w.T), int(np.flatnonzero(signatures.columns == target)[0])


def tested(x: Array, w: Array, j: int) -> tuple[Array, Array, Array]:
    """Exposures without and with the target, and twice the log of their likelihood ratio."""
    jobs = [(np.ascontiguousarray(x[b]), w, j, KEPT) for b in poisson.blocks(len(x))]
    null, full, ratio = (
        np.concatenate(part) for part in zip(*spread(kernel.compare_all, jobs), strict=True)
    )
    return null, full, ratio


def limiting_p(
    x: Array, w: Array, full: Array, ratio: Array, overdispersed: bool
) -> tuple[Array, Array, Any]:
    """P by the limiting law, the dispersion, and the law of the ratio over the dispersion."""
    if not overdispersed:
        return np.where(ratio > 0, chi2.sf(ratio, 1) / 2, 1.0), np.ones(len(x)), chi2(1)
    freedom = np.maximum(w.shape[1] - (full > 0).sum(axis=1), 1)
    dispersion = kernel.variance_ratios(x, w, full, 0.0)
    law = f_distribution(1, freedom)
    return np.where(ratio > 0, law.sf(ratio / dispersion) / 2, 1.0), dispersion, law


def _null_mean(x: Array, w: Array, j: int, null: Array) -> Array:
    """Expected counts without the target."""
    mean = null @ w
    few = x.sum(axis=1) < FEW
    if few.any():
        others = np.delete(w, j, axis=0)
        mean[few] = poisson.fit(x[few], others.T) @ others
    return mean


def _bootstrap_p(
    mean: Array,
    w: Array,
    j: int,
    scaled: Array,
    dispersion: Array,
    limiting: Array,
    tail_of: Callable[[Array], Array],
    replicates: int,
    seed: int,
) -> Array:
    """P from spectra drawn from each `mean`, the observed one counted in; see `presence`.

    `limiting` is P by the limiting law, `tail_of` gives the chance of a larger ratio under it.
    """
    seeds = SeedSequence(seed).spawn(len(mean))
    rows = np.flatnonzero(limiting < DOUBT)
    jobs = [(mean[i], w, j, dispersion[i], replicates, seeds[i]) for i in rows]
    beyond, edge = np.zeros(len(mean)), np.zeros(len(mean))
    for i, ratio in zip(rows, spread(_drawn_ratios, jobs), strict=True):
        beyond[i] = np.sum(ratio >= scaled[i] - TIE)
        edge[i] = np.sort(ratio)[-min(COUNTED, replicates)]
    p = (1 + beyond) / (replicates + 1)
    tail = min(COUNTED, replicates) / (replicates + 1) * tail_of(scaled) / tail_of(edge)
    p = np.where(beyond < COUNTED, np.minimum(tail, p), p)
    return np.where(limiting < DOUBT, p, limiting)


def _drawn_ratios(
    mean: Array, w: Array, j: int, dispersion: float, replicates: int, seed: SeedSequence
) -> Array:
    """Ratios over the dispersion of spectra drawn from a null model."""
    spectra = drawn(mean, dispersion, replicates, np.random.default_rng(seed))
    _, full, ratio = kernel.compare_all(spectra, w, j, KEPT)
    if dispersion > 1:
        ratio = ratio / kernel.variance_ratios(spectra, w, full, 0.0)
    return ratio


def drawn(mean: Array, dispersion: float, replicates: int, rng: np.random.Generator) -> Array:
    """Spectra with this mean and variance over mean: Poisson, or of gamma-distributed rates."""
    size = (replicates, len(mean))
    if dispersion > 1:
        shape = np.maximum(mean, poisson.TINY) / (dispersion - 1)
        return rng.poisson(rng.gamma(shape, dispersion - 1, size)).astype(float)
    return rng.poisson(mean, size).astype(float)


def _confounders(
    x: Array, w: Array, j: int, null: Array, present: Flags, critical: Array, names: pd.Index
) -> list[str]:
    """The signatures of which one more in the null model leaves the target no longer significant.

    Judged by the limiting law.
    """
    rows = np.flatnonzero(present)
    left = spread(kernel.explained_away, [(x[i], w, null[i], j) for i in rows])
    words = [""] * len(x)
    for i, ratio in zip(rows, left, strict=True):
        words[i] = " ".join(map(str, names[ratio < critical[i]]))
    return words


def _profile_interval(
    x: Array,
    w: Array,
    j: int,
    null: Array,
    exposure: Array,
    best: Array,
    ratio: Array,
    drop: Array,
) -> tuple[Array, Array]:
    """Target exposures at which twice the profile log-likelihood has fallen by `drop`."""

    def excess(t: Array, row: Array) -> Array:
        i = row.astype(int).ravel()
        fixed = t.reshape(-1, 1) * w[j]
        mean = kernel.refill_all(x[i], w, fixed, null[i]) @ w + fixed
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
