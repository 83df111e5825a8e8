"""Presence: is there evidence that one signature took part in a sample at all?"""

import numpy as np
import pandas as pd
from scipy.optimize.elementwise import find_root

from allrelapse import exact
from allrelapse.errors import InputError
from allrelapse.signatures import kernel, nulls, poisson
from allrelapse.signatures.kernel import Flags
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.refit import check_whole, matched
from allrelapse.signatures.workers import spread

DOUBT = 0.3
"""P by the limiting law below which spectra are drawn to learn the true one."""


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

    The null model holds those of the other signatures that pay (forward and backward selection, one
    for which twice the log-likelihood rises by more than `nulls.KEPT`), so that the target must
    explain what none of them does. The exposure cannot be negative, so half of the null
    distribution lies at zero. Where mutations scatter more than Poisson, the ratio is divided by
    the dispersion and referred to F instead of chi-squared.

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
        bootstrap). P is the share that comes as far as observed; beyond the ten largest it
        falls as the limiting law does. 0 draws none.
    seed : of these draws, which depend on nothing but it and the spectrum
    alpha : P below which `confounders` are looked for, at most `DOUBT`

    P holds if the candidates made all mutations. A process that is in none of them, and resembles
    the target more than it does the others, is found as the target.

    Returns
    -------
    One row per sample: `mutations` (count), `exposure`, `lower`, `upper` (mutations),
    `dispersion`, `p_value` (one-sided), `q_value` (Benjamini-Hochberg over these samples; a
    sample without mutations has P = 1), `confounders`: the other signatures, separated by blanks,
    each of which in the null model would raise P to `alpha` or above.

    Raises
    ------
    InputError
        If the target is not among the signatures, is the only one, the tables do not match, or an
        option is out of range.

    Source: Self & Liang 1987, J Am Stat Assoc 82:605 (boundary); McCullagh & Nelder 1989,
    section 9.2 (quasi-likelihood); Davison & Hinkley 1997, section 4.2.3 (Monte Carlo P).
    """
    x, w, j = checked(counts, signatures, target, level)
    check_whole(replicates=replicates, seed=seed)
    if not 0 < alpha <= DOUBT:
        raise InputError(f"alpha is {alpha}; it must be above 0 and at most {DOUBT}")
    null, full, ratio = nulls.tested(x, w, j)
    dispersion, freedom = nulls.scatter(x, w, full, overdispersed)
    scaled, law = ratio / dispersion, nulls.law(freedom)
    p, critical = nulls.limiting_p(scaled, freedom), law.isf(np.full(len(x), 2 * alpha))
    rows = np.flatnonzero(p < DOUBT) if replicates else np.empty(0, np.intp)
    if rows.size:
        how = (dispersion[rows], overdispersed, replicates, seed)
        ratios = nulls.null_ratios(x[rows], w, j, null[rows], *how)
        p[rows], critical[rows] = nulls.drawn_p(scaled[rows], freedom[rows], ratios, alpha)
    exposure = np.where(ratio > 0, full[:, j], 0.0)
    lower = upper = np.full(len(x), np.nan)
    if level is not None:
        drop = dispersion * law.ppf(level)
        best = poisson.log_likelihood(x, full @ w)
        lower, upper = _profile_interval(x, w, j, null, exposure, best, ratio, drop)
    excused = _confounders(x, w, j, null, p < alpha, critical * dispersion, signatures.columns)
    return pd.DataFrame(
        {
            "mutations": x.sum(axis=1).astype(int),
            "exposure": exposure,
            "lower": lower,
            "upper": upper,
            "dispersion": dispersion,
            "p_value": p,
            "q_value": exact.q_values(pd.Series(p)).to_numpy(),
            "confounders": excused,
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


def _confounders(
    x: Array, w: Array, j: int, null: Array, present: Flags, critical: Array, names: pd.Index
) -> list[str]:
    """The signatures of which one more in the null model takes the ratio below the critical one."""
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
